"""A stack of models: weights on their logits, learned where none of them was fitted, so that it can fall back on the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, roc_auc_score

LEAST = 1e-6  # probabilities are told apart down to this one, and up to 1 less it
# Strength by which the slope of a single model is pulled to 1, and weights to the best model alone: an inverse variance, in units of
# that slope where it is below 1; a choice.
PULL = 20.0
FLATTEST = 0.05  # slope of the best single model below which the pull grows no further


@dataclass(frozen=True)
class Stack:
    """Weights of the logits of models, and the level that is added.

    Attributes:
        weights: Weight of each model by its label; 0 where it adds nothing to the others, never less.
    """

    weights: Mapping[str, float]
    level: float

    def __call__(self, probabilities: Mapping[str, Float[np.ndarray, " pairs"]]) -> Float[np.ndarray, " pairs"]:
        """Probability of a connection from those of the models."""
        terms = [weight * _logits(probabilities[name]) for name, weight in self.weights.items()]
        return expit(np.sum(terms, axis=0) + self.level)


def fit_stack(
    probabilities: Mapping[str, Float[np.ndarray, " pairs"]],
    connected: Bool[np.ndarray, " pairs"],
    part: Int[np.ndarray, " pairs"],
    weight: Float[np.ndarray, " pairs"] | None = None,
    fallback: str | None = None,
) -> Stack:
    """Learn a stack from pairs that no model was fitted on; each part of them has a level of its own, as other fits predicted it.

    Penalised maximum likelihood: weights are not negative, and are pulled to the model of the largest likelihood alone, at a slope of its
    own that few pairs hardly move from 1, for models promise too much of pairs unlike those that they were fitted on. Without a
    connected and an unconnected pair the first model stands alone. Source: Breiman 1996, doi:10.1007/BF00117832.

    Args:
        probabilities: Probability of each pair by each model.
        connected: Whether each pair is connected.
        part: Number of the part that was kept back when each pair was predicted.
        weight: How many pairs each one stands for, where unconnected ones were drawn; 1 by default.
        fallback: Label of a model that stands alone, at a slope of its own, unless stacks carry over from part to part: one that is
            learned on the other parts has to rank each part at least as well, by AUC and average precision. Without it, and where it gives
            all pairs one probability, any stack stands.
    """
    if fallback is not None and np.ptp(probabilities[fallback]) == 0:
        fallback = None  # a model that tells no pair from another is nothing to fall back on
    if fallback is not None and not _carry_over(probabilities, connected, part, weight, fallback):
        alone = fit_stack({fallback: probabilities[fallback]}, connected, part, weight)
        return Stack(dict.fromkeys(probabilities, 0.0) | {fallback: max(alone.weights[fallback], FLATTEST)}, alone.level)
    names = list(probabilities)
    if connected.all() or not connected.any():
        return Stack({name: float(place == 0) for place, name in enumerate(names)}, 0.0)
    x = np.stack([_logits(values) for values in probabilities.values()], axis=1)
    levels, row = np.unique(part, return_inverse=True)
    y, counted = connected.astype(np.float64), np.ones(len(connected)) if weight is None else weight.astype(np.float64)

    def penalised(values: np.ndarray, pulled_to: np.ndarray, pull: float) -> tuple[float, np.ndarray]:
        slope, level = values[: len(names)], values[len(names) :]
        z = x @ slope + level[row]
        error = counted * (expit(z) - y)
        loss = float(counted @ (np.logaddexp(0.0, z) - y * z)) + 0.5 * pull * float(((slope - pulled_to) ** 2).sum())
        gradient = np.concatenate([x.T @ error + pull * (slope - pulled_to), np.bincount(row, error, minlength=len(levels))])
        return loss, gradient

    def fitted(start: np.ndarray, free: np.ndarray, pull: float) -> tuple[float, np.ndarray]:
        bounds = [(0.0, None) if kept else (value, value) for value, kept in zip(start, free, strict=True)] + [(None, None)] * len(levels)
        first = np.concatenate([start, np.zeros(len(levels))])
        found = minimize(penalised, first, (start, pull), "L-BFGS-B", jac=True, bounds=bounds)
        return float(found.fun), found.x

    _, single = min((fitted(start, start > 0, PULL) for start in np.eye(len(names))), key=lambda found: found[0])
    best = single[: len(names)]
    _, values = fitted(best, np.ones(len(names), bool), PULL / float(np.clip(best.max(), FLATTEST, 1.0)) ** 2)
    level = float(np.bincount(row, counted, minlength=len(levels)) @ values[len(names) :] / counted.sum())
    return Stack(dict(zip(names, map(float, values[: len(names)]), strict=True)), level)


def _carry_over(
    probabilities: Mapping[str, Float[np.ndarray, " pairs"]],
    connected: Bool[np.ndarray, " pairs"],
    part: Int[np.ndarray, " pairs"],
    weight: Float[np.ndarray, " pairs"] | None,
    other: str,
) -> bool:
    """Whether stacks that are learned on all parts but one rank that part at least as well as another model; not told by one part."""
    ranked = []
    for left_out in np.unique(part[connected]):
        rest, asked = part != left_out, part == left_out
        if not connected[rest].any() or connected[asked].all():
            continue
        stack = fit_stack({name: said[rest] for name, said in probabilities.items()}, connected[rest], part[rest], _of(weight, rest))
        said = stack({name: said[asked] for name, said in probabilities.items()}), probabilities[other][asked]
        for score in (roc_auc_score, average_precision_score):
            ours, theirs = (score(connected[asked], values, sample_weight=_of(weight, asked)) for values in said)
            ranked.append(ours >= theirs)
    return bool(ranked) and all(ranked)


def _of(weight: Float[np.ndarray, " pairs"] | None, rows: Bool[np.ndarray, " pairs"]) -> Float[np.ndarray, " _"] | None:
    return None if weight is None else weight[rows]


def _logits(probability: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """Logits of probabilities, bounded."""
    return np.asarray(logit(np.clip(np.asarray(probability, np.float64), LEAST, 1 - LEAST)))
