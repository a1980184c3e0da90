"""Does function make classifiers robust? Those drawn to a twin's similarity or code, beside controls, under distortions and attacks."""

from graphtwin.robustness.attacks import gradient_checks, pgd
from graphtwin.robustness.classifier import Classifier
from graphtwin.robustness.classifier_fit import FittedClassifier
from graphtwin.robustness.classifier_fit import fit_classifier as fit
from graphtwin.robustness.classifier_fit import load_classifier as load
from graphtwin.robustness.curves import CLEAN, attacked_rows, curves
from graphtwin.robustness.distortions import DISTORTIONS, distorted
from graphtwin.robustness.encoding import features_of, median_correlation, predicted_responses
from graphtwin.robustness.pictures import BUNDLED, LabelledPictures, load_pictures
from graphtwin.robustness.recipes import NONE, Recipe, tried
from graphtwin.robustness.settings import RobustConfig
from graphtwin.robustness.shown import on_screen, shown_responses, told_responses
from graphtwin.robustness.spectra import frequencies_used
from graphtwin.robustness.teachers import TEACHERS, TWIN, teachers
from graphtwin.robustness.verdicts import by_seed, differences, scores, verdicts

__all__ = [
    "BUNDLED",
    "CLEAN",
    "Classifier",
    "DISTORTIONS",
    "FittedClassifier",
    "LabelledPictures",
    "NONE",
    "Recipe",
    "RobustConfig",
    "TEACHERS",
    "TWIN",
    "attacked_rows",
    "by_seed",
    "curves",
    "differences",
    "distorted",
    "features_of",
    "fit",
    "frequencies_used",
    "gradient_checks",
    "load",
    "load_pictures",
    "median_correlation",
    "on_screen",
    "pgd",
    "predicted_responses",
    "scores",
    "shown_responses",
    "teachers",
    "told_responses",
    "tried",
    "verdicts",
]
