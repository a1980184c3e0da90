"""A stack of models: weights on their logits, learned where none of them was fitted, so that it can fall back on the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import solve_triangular
from scipy.optimize import lsq_linear
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, roc_auc_score

LEAST = 1e-6  # probabilities are told apart down to this one, and up to 1 less it
# Strength by which the slope of a single model is pulled to 1, and weights to the best model alone: an inverse variance, in units of
# that slope where it is below 1; a choice.
PULL = 20.0
FLATTEST = 0.05  # slope of the best single model below which the pull grows no further
LEVEL_PULL = 1e-6  # strength that keeps the level of a part that has no connected pair, or nothing else, within what a float holds
MOST_STEPS, TOLERANCE = 50, 1e-10  # Newton steps, and the part of the loss that the next one has to take off


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
    known = row, len(levels), connected.astype(np.float64), np.ones(len(connected)) if weight is None else weight.astype(np.float64)
    singly = [_most_likely(x[:, [place]], *known, np.ones(1), PULL) for place in range(len(names))]
    first = int(np.argmin([loss for loss, _, _ in singly]))
    slope = float(singly[first][1][0])
    _, weights, level = _most_likely(x, *known, np.eye(len(names))[first] * slope, PULL / float(np.clip(slope, FLATTEST, 1.0)) ** 2)
    counted = np.bincount(row, known[-1])
    return Stack(dict(zip(names, map(float, weights), strict=True)), float(counted @ level / counted.sum()))


def _most_likely(
    x: Float[np.ndarray, "pairs models"],
    row: Int[np.ndarray, " pairs"],
    n_levels: int,
    y: Float[np.ndarray, " pairs"],
    counted: Float[np.ndarray, " pairs"],
    pulled_to: Float[np.ndarray, " models"],
    pull: float,
) -> tuple[float, Float[np.ndarray, " models"], Float[np.ndarray, " levels"]]:
    """Penalised loss, weights that are not negative, and levels, by Newton steps that are halved until the loss falls as it should."""
    n_models = x.shape[1]
    design = np.column_stack([x, np.eye(n_levels)[row]])
    target, strength = (
        np.concatenate([pulled_to, np.zeros(n_levels)]),
        np.concatenate([np.full(n_models, pull), np.full(n_levels, LEVEL_PULL)]),
    )
    lowest = np.concatenate([np.zeros(n_models), np.full(n_levels, -np.inf)])

    def penalised(values: np.ndarray) -> tuple[float, np.ndarray]:
        z = design @ values
        return float(counted @ (np.logaddexp(0.0, z) - y * z) + 0.5 * strength @ (values - target) ** 2), expit(z)

    values = target.copy()
    loss, said = penalised(values)
    for _ in range(MOST_STEPS):
        gradient = design.T @ (counted * (said - y)) + strength * (values - target)
        curvature = (design * (counted * said * (1 - said))[:, None]).T @ design + np.diag(strength)
        root = np.linalg.cholesky(curvature)
        aim = -solve_triangular(root, gradient, lower=True)
        step = lsq_linear(root.T, aim, (lowest - values, np.full(len(values), np.inf)), method="bvls").x
        falls = float(gradient @ step)
        if falls > -TOLERANCE * max(loss, 1.0):
            break
        for halved in 0.5 ** np.arange(30):
            tried = np.maximum(values + halved * step, lowest)
            found = penalised(tried)
            if found[0] <= loss + 0.1 * halved * falls:
                break
        values, (loss, said) = tried, found
    return loss, values[:n_models], values[n_models:]


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
