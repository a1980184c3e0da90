"""How well a twin predicts held-out responses, beside the simple models that it has to beat."""

from graphtwin.twin.scores.energy_ridge import EnergyRidge, fit_energy_ridge, ridge_sums
from graphtwin.twin.scores.free_repeats import tell_free_repeats
from graphtwin.twin.scores.generalisation import draws, median_of, score_kinds, stimuli_of
from graphtwin.twin.scores.holding import held_in
from graphtwin.twin.scores.paired_differences import DECIDES, MEAN, RIDGE, compare, mean_response_sums
from graphtwin.twin.scores.predicted_array import answers_of
from graphtwin.twin.scores.prediction import predict_trials, showings, shown, stimuli_together, sums_of
from graphtwin.twin.scores.short_trials import long_enough
from graphtwin.twin.scores.unit_scores import Shown, StimulusSums, all_scores, gather_sums, score_units
from graphtwin.twin.settings import LEFT_OUT_S

__all__ = [
    "DECIDES",
    "EnergyRidge",
    "LEFT_OUT_S",
    "MEAN",
    "RIDGE",
    "Shown",
    "StimulusSums",
    "all_scores",
    "answers_of",
    "compare",
    "draws",
    "fit_energy_ridge",
    "gather_sums",
    "held_in",
    "long_enough",
    "mean_response_sums",
    "median_of",
    "predict_trials",
    "ridge_sums",
    "score_kinds",
    "score_units",
    "showings",
    "shown",
    "stimuli_of",
    "stimuli_together",
    "sums_of",
    "tell_free_repeats",
]
