"""Stacks of models of neurons: weights on what each says of labels and places, learned on neurons that none of them was fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize, nnls
from scipy.special import logsumexp

from graphtwin.statistics import NORMAL_95, conformal_quantile

LEAST = 1e-3  # probabilities of a class are told apart down to this one: a model that is sure and wrong costs no more
PULL = 20.0  # strength by which weights are pulled to the best model alone, as if so many neurons had said so; a choice
STEEPEST = 1.0  # largest slope of the best single model of a place: one that hardly varies would be blown up to follow chance
FLATTEST = 0.05  # weight of the best single model below which the pull grows no further


@dataclass(frozen=True)
class LabelStack:
    """Weights of the log-probabilities of models, none below 0.

    Attributes:
        weights: Weight of each model by its label.
    """

    weights: Mapping[str, float]

    @property
    def read(self) -> list[str]:
        """The models that have a weight; the first where none has."""
        return _with_weight(self.weights)

    def __call__(self, probabilities: Mapping[str, Float[np.ndarray, "rows classes"]]) -> Float[np.ndarray, "rows classes"]:
        """Probability of each class from those of the models."""
        z = np.sum([self.weights[name] * _logs(probabilities[name]) for name in self.read], axis=0)
        return np.exp(z - logsumexp(z, axis=1, keepdims=True))


@dataclass(frozen=True)
class PlaceStack:
    """Weights of the means of models, none below 0; the place that is added, um; and the width of the error bar.

    Attributes:
        weights: Weight of each model by its label.
        sd: Standard deviation of what is predicted, um: 1.96 of it hold 95 % of new neurons. NaN where fewer than 19 were kept back.
        low, high: Places (um) beyond which nothing is predicted: those of the outermost neurons that weights were learned on.
    """

    weights: Mapping[str, float]
    level: float
    sd: float
    low: float
    high: float

    @property
    def read(self) -> list[str]:
        """The models that have a weight; the first where none has."""
        return _with_weight(self.weights)

    def __call__(self, means: Mapping[str, Float[np.ndarray, " rows"]]) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """Mean and standard deviation of a place (um) from the means of the models."""
        mean = self.level + np.sum([self.weights[name] * np.asarray(means[name], np.float64) for name in self.read], axis=0)
        return mean.clip(self.low, self.high), np.full(len(mean), self.sd)


def fit_label_stack(
    probabilities: Mapping[str, Float[np.ndarray, "rows classes"]], true: Int[np.ndarray, " rows"], n_classes: int
) -> LabelStack:
    """Weights by penalised likelihood in which classes count equally, as they do in balanced accuracy.

    They are not negative, and are pulled to the model of the largest likelihood alone, at a slope of its own that few neurons hardly move
    from 1. Where nothing is labelled the first model stands alone. Sources: Breiman 1996, doi:10.1007/BF00117832; logarithmic
    pools, Genest & Zidek 1986, doi:10.1214/ss/1177013825.

    Args:
        probabilities: Probability of each class by each model, of neurons that it was not fitted on.
        true: Class of each neuron, -1 where it is unknown.
        n_classes: Number of classes.
    """
    known, names = true >= 0, list(probabilities)
    if not known.any():
        return LabelStack(_alone(names, 0, 1.0))
    y, x = true[known], np.stack([_logs(np.asarray(values)[known]) for values in probabilities.values()])
    count = np.bincount(y, minlength=n_classes)
    weight = len(y) / (np.count_nonzero(count) * count[y])
    of_truth = x[:, np.arange(len(y)), y]

    def penalised(slope: np.ndarray, pulled_to: np.ndarray, pull: float) -> tuple[float, np.ndarray]:
        z = np.tensordot(slope, x, 1)
        log_sum = logsumexp(z, axis=1)
        expected = np.einsum("mrc,rc->mr", x, np.exp(z - log_sum[:, None]))
        apart, error = slope - pulled_to, expected - of_truth
        loss = float(weight @ (log_sum - slope @ of_truth)) + 0.5 * pull * float(apart @ apart)
        return loss, error @ weight + pull * apart

    def fitted(start: np.ndarray, free: np.ndarray, pull: float) -> tuple[float, np.ndarray]:
        bounds = [(0.0, None) if kept else (value, value) for value, kept in zip(start, free, strict=True)]
        found = minimize(penalised, start, (start, pull), "L-BFGS-B", jac=True, bounds=bounds)
        return float(found.fun), found.x

    _, best = min((fitted(start, start > 0, PULL) for start in np.eye(len(names))), key=lambda found: found[0])
    _, slope = fitted(best, np.ones(len(names), bool), PULL / float(np.clip(best.max(), FLATTEST, 1.0)) ** 2)
    return LabelStack(dict(zip(names, map(float, slope), strict=True)))


def fit_place_stack(means: Mapping[str, Float[np.ndarray, " rows"]], true_um: Float[np.ndarray, " rows"]) -> PlaceStack:
    """Weights by penalised least squares: not negative, and pulled to the model of the least error alone, at a slope of its own up to 1.

    What is predicted lies around the mean of that model, from which the mean of these neurons pulls it the more of them there are.
    Where fewer than two neurons of known place differ the first model stands alone. The error bar is split conformal, as the residuals of
    these neurons set it. Source: Breiman 1996, doi:10.1007/BF00117832.

    Args:
        means: Mean of each neuron's place (um) by each model, of neurons that it was not fitted on.
        true_um: Place of each neuron (um), NaN where it is unknown.
    """
    known, names = np.isfinite(true_um), list(means)
    y, x = true_um[known], np.stack([np.asarray(values, np.float64)[known] for values in means.values()], axis=1)
    if len(y) < 2 or np.ptp(y) == 0:
        return PlaceStack(_alone(names, 0, 1.0), 0.0, float("nan"), -np.inf, np.inf)
    around, error = x - x.mean(axis=0), y - y.mean()
    square = (around**2).sum(axis=0)
    slope = np.divide(around.T @ error, square, out=np.zeros(len(names)), where=square > 0).clip(0.0, STEEPEST)
    left = ((error[:, None] - slope * around) ** 2).sum(axis=0)
    first = int(left.argmin())
    best = np.where(np.arange(len(names)) == first, slope, 0.0)
    pull = np.sqrt(PULL) / max(float(best.max()), FLATTEST)
    scale = max(np.sqrt(left[first] / len(y)), 1e-9)
    weights, _ = nnls(np.vstack([around / scale, pull * np.eye(len(names))]), np.concatenate([error / scale, pull * best]))
    offset = (y.mean() - x[:, first].mean()) * len(y) / (len(y) + PULL)
    level = float(x[:, first].mean() + offset - x.mean(axis=0) @ weights)
    sd = float(conformal_quantile(np.abs(y - level - x @ weights)[:, None])[0]) / NORMAL_95
    return PlaceStack(dict(zip(names, map(float, weights), strict=True)), level, sd, float(y.min()), float(y.max()))


def _with_weight(weights: Mapping[str, float]) -> list[str]:
    return [name for name, weight in weights.items() if weight > 0] or [next(iter(weights))]


def _alone(names: list[str], place: int, weight: float) -> dict[str, float]:
    """Weights of one model and none of the others."""
    return {name: weight * (number == place) for number, name in enumerate(names)}


def _logs(probability: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
    """Logarithms of probabilities, bounded."""
    return np.log(np.clip(np.asarray(probability, np.float64), LEAST, 1.0))
