"""Accuracy of classifiers on test pictures, as they are, distorted and attacked, a row a strength."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from graphtwin.execute import rng_for
from graphtwin.robustness.attacks import FGSM, PGD, withstood
from graphtwin.robustness.classifier import Classifier
from graphtwin.robustness.distortions import DISTORTIONS, distorted
from graphtwin.robustness.pictures import LabelledPictures
from graphtwin.robustness.settings import RobustConfig
from graphtwin.shapes import Int

CLEAN = "none"
COLUMNS = ["distortion", "strength", "accuracy", "pictures"]


def distorted_tests(data: LabelledPictures, seed: int) -> dict[tuple[str, float], np.ndarray]:
    """Test pictures as they are and under every distortion at every strength.

    Args:
        data: Pictures with labels.
        seed: Root of the random draws.
    """
    shown = data.pictures[data.test]
    worse = {(kind, strength): distorted(shown, kind, strength, seed) for kind, (_, each) in DISTORTIONS.items() for strength in each}
    return {(CLEAN, 0.0): shown, **worse}


def attacked_rows(data: LabelledPictures, config: RobustConfig) -> Int[np.ndarray, " attacked"]:
    """Test pictures that are attacked: the same for every classifier.

    Args:
        data: Pictures with labels.
        config: Settings.
    """
    chosen = rng_for(config.seed, "attacked pictures").permutation(data.test)[: config.attack.pictures]
    return np.sort(chosen)


def curves(
    classifier: Classifier, data: LabelledPictures, tests: dict[tuple[str, float], np.ndarray], config: RobustConfig
) -> pd.DataFrame:
    """Accuracy of one classifier under everything.

    Args:
        classifier: Classifier in eval mode.
        data: Pictures with labels.
        tests: Distorted test pictures (`distorted_tests`).
        config: Settings.

    Returns:
        Columns distortion (none: as they are; FGSM, PGD: attacks), strength, accuracy, pictures.
    """
    label = torch.from_numpy(data.label[data.test])
    found = [(kind, strength, classifier.accuracy(torch.from_numpy(shown), label), len(label)) for (kind, strength), shown in tests.items()]
    rows = attacked_rows(data, config)
    pictures, known = torch.from_numpy(data.pictures[rows]), torch.from_numpy(data.label[rows])
    for strength in config.attack.strengths:
        still = withstood(classifier, pictures, known, strength, config.attack, config.seed)
        found += [(name, strength, float(still[name].all(0).mean()), len(rows)) for name in (FGSM, PGD)]
    return pd.DataFrame(found, columns=COLUMNS)
