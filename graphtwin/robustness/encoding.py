"""The other direction: how well what a classifier makes of pictures predicts a twin's neurons, of pictures that are distorted."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import RidgeCV

from graphtwin.robustness.classifier import Classifier
from graphtwin.shapes import Float

PENALTIES = np.logspace(-2, 5, 15)  # of ridge regression on standardised features; chosen by leaving one training picture out


def features_of(
    classifier: Classifier | None, pictures: Float[np.ndarray, "pictures height width"]
) -> Float[np.ndarray, "pictures features"]:
    """What the last block of a classifier makes of pictures, place by place; pixels where there is no classifier.

    Args:
        classifier: Classifier in eval mode; None gives pixels.
        pictures: Grey levels.

    Examples:
        >>> graphtwin.robustness.features_of(classifier.classifier, pictures.pictures).shape[0]
        80
    """
    if classifier is None:
        return pictures.reshape(len(pictures), -1)
    return np.asarray(classifier.last_block(torch.from_numpy(pictures)).numpy())


def predicted_responses(
    training: Float[np.ndarray, "training features"],
    responses: Float[np.ndarray, "training units"],
    *tests: Float[np.ndarray, "_ features"],
) -> list[Float[np.ndarray, "_ units"]]:
    """Responses to test pictures by a ridge regression on features of training pictures.

    Args:
        training: Features of the training pictures.
        responses: Responses of the units to them.
        tests: Features of several sets of test pictures.

    Examples:
        >>> features, responses = (np.random.default_rng(0).normal(size=(40, n)) for n in (3, 5))
        >>> (said,) = graphtwin.robustness.predicted_responses(features[:30], responses[:30], features[30:])
        >>> said.shape
        (10, 5)
    """
    mean, deviation = training.mean(0), training.std(0)
    varies = deviation > 0
    ridge = RidgeCV(PENALTIES, alpha_per_target=True).fit(_standard(training, mean, deviation, varies), responses)
    return [np.asarray(ridge.predict(_standard(test, mean, deviation, varies))).reshape(len(test), -1) for test in tests]


def median_correlation(measured: Float[np.ndarray, "pictures units"], predicted: Float[np.ndarray, "pictures units"]) -> float:
    """Median over units of the correlation over pictures; units that do not change are left out, a prediction that does not has 0.

    Args:
        measured: Responses.
        predicted: Predictions.

    Examples:
        >>> measured = np.random.default_rng(0).normal(size=(30, 4))
        >>> round(graphtwin.robustness.median_correlation(measured, 2 * measured), 6)
        1.0
    """
    a, b = measured - measured.mean(0), predicted - predicted.mean(0)
    size = np.sqrt(np.square(a).sum(0)), np.sqrt(np.square(b).sum(0))
    alive = size[0] > 1e-9 * max(float(size[0].max()), 1e-300)
    if not alive.any():
        return float("nan")
    below = (size[0] * size[1])[alive]
    each = np.divide((a * b).sum(0)[alive], below, out=np.zeros(int(alive.sum())), where=below > 0)
    return float(np.median(each))


def _standard(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, varies: np.ndarray) -> np.ndarray:
    return np.asarray(((features - mean) / np.where(varies, deviation, 1))[:, varies], dtype=np.float64)
