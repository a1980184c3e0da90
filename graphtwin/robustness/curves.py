"""Accuracy of classifiers on test pictures, as they are, distorted and attacked, a row a strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def distorted_tests(data: LabelledPictures, seed: int) -> Iterator[tuple[str, float, np.ndarray]]:
    """Kind, strength and test pictures, as they are and under every distortion at every strength; one set at a time is held.

    Args:
        data: Pictures with labels.
        seed: Root of the random draws.
    """
    shown = data.pictures[data.test]
    yield CLEAN, 0.0, shown
    for kind, (_, strengths) in DISTORTIONS.items():
        yield from ((kind, strength, distorted(shown, kind, strength, seed)) for strength in strengths)


def attacked_rows(data: LabelledPictures, config: RobustConfig) -> Int[np.ndarray, " attacked"]:
    """Test pictures that are attacked: the same for every classifier.

    Args:
        data: Pictures with labels.
        config: Settings.

    Examples:
        >>> graphtwin.robustness.attacked_rows(pictures, config).shape
        (12,)
    """
    chosen = rng_for(config.seed, "attacked pictures").permutation(data.test)[: config.attack.pictures]
    return np.sort(chosen)


def curves(classifiers: Sequence[Classifier], data: LabelledPictures, config: RobustConfig) -> list[pd.DataFrame]:
    """Accuracy of each of some classifiers under everything.

    Args:
        classifiers: Classifiers in eval mode.
        data: Pictures with labels.
        config: Settings.

    Returns:
        Of each classifier columns distortion (none: as they are; FGSM, PGD: attacks), strength, accuracy, pictures.

    Examples:
        >>> found = graphtwin.robustness.curves([classifier.classifier], pictures, config)
        >>> found[0].columns.tolist()
        ['distortion', 'strength', 'accuracy', 'pictures']
    """
    label = torch.from_numpy(data.label[data.test])
    found: list[list[tuple[str, float, float, int]]] = [[] for _ in classifiers]
    for kind, strength, shown in distorted_tests(data, config.seed):
        for rows, classifier in zip(found, classifiers, strict=True):
            rows.append((kind, strength, classifier.accuracy(torch.from_numpy(shown), label), len(label)))
    attacked = attacked_rows(data, config)
    pictures, known = torch.from_numpy(data.pictures[attacked]), torch.from_numpy(data.label[attacked])
    for rows, classifier in zip(found, classifiers, strict=True):
        for strength in config.attack.strengths:
            still = withstood(classifier, pictures, known, strength, config.attack, config.seed)
            rows += [(name, strength, float(still[name].all(0).mean()), len(attacked)) for name in (FGSM, PGD)]
    return [pd.DataFrame(rows, columns=COLUMNS) for rows in found]
