"""When motor neurons fire whose order no fit has seen: Gaussian processes over readings of their inputs, weighed by inner folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import scipy.special

from graphtwin.shapes import Bool, Float, Int

NOISE = (0.1, 0.3, 1.0, 3.0)  # variance that no wiring explains, over that which it does
FLAT = 1e3  # variance of the mean order, over that of the kernel: data alone tell it
LEAST = 1e-12  # variance below which a prediction is certain


@dataclass(frozen=True)
class Condition:
    """The motor neurons of one order.

    Attributes:
        rows: Their rows in the kernels.
        values: Place of each, a row a draw: as it was measured, or of permuted identities.
    """

    rows: Int[np.ndarray, " neurons"]
    values: Float[np.ndarray, "draws neurons"]


@dataclass(frozen=True)
class Told:
    """What a model says of the neurons of one order, each held out.

    Attributes:
        order: Place of each neuron less the mean of those of its fit, in their SD: below 0 it fires before most of them.
        apart: Expected distance of the two neurons of each pair, both held out, in the SD of those of its fit.
    """

    order: Float[np.ndarray, "draws neurons"]
    apart: Float[np.ndarray, "draws pairs"]


def pairs_of(groups: Int[np.ndarray, " neurons"]) -> Int[np.ndarray, "two pairs"]:
    """Pairs of neurons that are not homologues of each other, the first before the second, by their places.

    Args:
        groups: Group of each neuron, homologues together.
    """
    first, second = np.triu_indices(len(groups), 1)
    kept = groups[first] != groups[second]
    return np.stack([first[kept], second[kept]])


def predict_orders(
    families: Mapping[str, Float[np.ndarray, "kernels motor motor"]],
    conditions: Sequence[Condition],
    groups: Int[np.ndarray, " motor"],
    joined: str = "",
) -> dict[str, list[Told]]:
    """Places of neurons, and distances of pairs, of which no fit has seen a place in any order.

    Each neuron is held out with its homologues, and each pair with those of both. An order is a Gaussian process over a kernel of the motor
    neurons, with a mean and a scale that data tell, and independent noise. Of the neurons that are left each group is predicted from the
    others, for every kernel and share of noise: these weigh by the density that they give what was left out, of all orders together.
    Source: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, 5.4.2 (leave-one-out densities).

    Args:
        families: Kernels by the name of the model that weighs them.
        conditions: Orders; all have the same number of draws.
        groups: Group of each motor neuron, homologues together.
        joined: Name of a model that weighs the kernels of all families; a family is as likely as another beforehand.

    Returns:
        What each model says of every order.
    """
    kernels = np.concatenate(list(families.values()))
    settings, noise = np.repeat(kernels, len(NOISE), axis=0), np.tile(NOISE, len(kernels))
    of = np.repeat(np.arange(len(families)), [len(NOISE) * len(some) for some in families.values()])
    models: dict[str, Bool[np.ndarray, " settings"]] = {name: of == place for place, name in enumerate(families)}
    models |= {joined: np.ones(len(of), dtype=bool)} if joined else {}
    prior = -np.log(np.bincount(of)[of])[:, None]
    own = [groups[condition.rows] for condition in conditions]
    pairs = [pairs_of(some) for some in own]
    told = {name: [_nothing(condition, both) for condition, both in zip(conditions, pairs, strict=True)] for name in models}
    whole = [whole_orders(settings, noise, condition.rows) for condition in conditions]
    for left_out in combinations_with_replacement(np.unique(np.concatenate(own)).tolist(), 2):
        fits = [fitted_orders(*every, noise, one.values, some, left_out) for every, one, some in zip(whole, conditions, own, strict=True)]
        evidence = prior + sum(fit.evidence for fit in fits)
        for name, model in models.items():
            weight = softmax(np.where(model[:, None], evidence, -np.inf))
            for place, fit in enumerate(fits):
                one = told[name][place]
                if left_out[0] == left_out[1]:
                    one.order[:, fit.held] = np.einsum("sd,sdh->dh", weight, fit.order)
                    continue
                chosen = np.flatnonzero(np.isin(pairs[place], fit.held).all(axis=0))
                if len(chosen):
                    first, second = np.searchsorted(fit.held, pairs[place][:, chosen])
                    one.apart[:, chosen] = np.einsum("sd,sdp->dp", weight, fit.apart(first, second))
    return told


@dataclass(frozen=True)
class Fit:
    """All settings (kernel and share of noise), fitted to the neurons of one order that are left.

    Attributes:
        held: Places of the neurons that were held out, rising.
        order: Their predicted place, less the mean of those that are left, in the SD of these.
        covariance: Of their places, noise included, in units of `scale`.
        scale: Variance that the kernel explains.
        evidence: Log density of what inner folds left out.
    """

    held: Int[np.ndarray, " held"]
    order: Float[np.ndarray, "settings draws held"]
    covariance: Float[np.ndarray, "settings held held"]
    scale: Float[np.ndarray, "settings draws"]
    evidence: Float[np.ndarray, "settings draws"]

    def apart(self, first: Int[np.ndarray, " pairs"], second: Int[np.ndarray, " pairs"]) -> Float[np.ndarray, "settings draws pairs"]:
        """Expected distance of pairs of the neurons that were held out: the mean of a folded normal.

        It is small where both are expected at one place, and, where little is known of either, where they share inputs.
        """
        between = self.order[:, :, first] - self.order[:, :, second]
        own = self.covariance[:, first, first] + self.covariance[:, second, second] - 2 * self.covariance[:, first, second]
        spread = np.sqrt(np.maximum(self.scale[:, :, None] * own[:, None], LEAST))
        ratio = between / spread
        return spread * np.sqrt(2 / np.pi) * np.exp(-np.square(ratio) / 2) + between * scipy.special.erf(ratio / np.sqrt(2))


def _nothing(condition: Condition, pairs: np.ndarray) -> Told:
    """Arrays to be filled."""
    draws, n = condition.values.shape
    return Told(np.zeros((draws, n)), np.zeros((draws, pairs.shape[1])))


def whole_orders(
    settings: Float[np.ndarray, "settings motor motor"], noise: Float[np.ndarray, " settings"], rows: Int[np.ndarray, " neurons"]
) -> tuple[Float[np.ndarray, "settings neurons neurons"], Float[np.ndarray, "settings neurons neurons"]]:
    """Covariance of the neurons of an order, without noise, and the inverse of that with noise."""
    covariance = settings[:, rows[:, None], rows] + FLAT
    return covariance, np.linalg.inv(covariance + noise[:, None, None] * np.eye(len(rows)))


def fitted_orders(
    covariance: Float[np.ndarray, "settings neurons neurons"],
    inverse: Float[np.ndarray, "settings neurons neurons"],
    noise: Float[np.ndarray, " settings"],
    values: Float[np.ndarray, "draws neurons"],
    groups: Int[np.ndarray, " neurons"],
    left_out: tuple[int, ...],
) -> Fit:
    """All settings, fitted to the neurons of an order that are in none of some groups."""
    out = np.isin(groups, left_out)
    held, kept = np.flatnonzero(out), np.flatnonzero(~out)
    y = values[:, kept].T
    y = y - y.mean(axis=0)
    deviation = np.sqrt(np.square(y).mean(axis=0))
    y = y / np.where(deviation > 0, deviation, 1.0)
    # The inverse without some rows, from that with them.
    across = inverse[:, kept[:, None], held]
    precision = inverse[:, kept[:, None], kept] - across @ np.linalg.solve(inverse[:, held[:, None], held], across.transpose(0, 2, 1))
    weighed = precision @ y
    scale = np.maximum((y * weighed).sum(axis=1), LEAST) / (len(kept) - 1)
    to = covariance[:, held[:, None], kept]
    own = covariance[:, held[:, None], held] - to @ precision @ to.transpose(0, 2, 1) + noise[:, None, None] * np.eye(len(held))
    evidence = _inner(precision, weighed, scale, groups[kept])
    return Fit(held, (to @ weighed).transpose(0, 2, 1), own, scale, evidence)


def _inner(
    precision: Float[np.ndarray, "settings kept kept"],
    weighed: Float[np.ndarray, "settings kept draws"],
    scale: Float[np.ndarray, "settings draws"],
    groups: Int[np.ndarray, " kept"],
) -> Float[np.ndarray, "settings draws"]:
    """Log density of each group, less a constant, as it is predicted from all others that are left."""
    size = np.bincount(groups)[groups]
    single = np.flatnonzero(size == 1)
    diagonal = precision[:, single, single]
    misfit = (np.square(weighed[:, single]) / diagonal[:, :, None]).sum(axis=1)
    certain = np.log(diagonal).sum(axis=1)
    for group in np.unique(groups[size > 1]):
        members = np.flatnonzero(groups == group)
        block = precision[:, members[:, None], members]
        misfit += (np.linalg.solve(block, weighed[:, members]) * weighed[:, members]).sum(axis=1)
        certain += np.linalg.slogdet(block)[1]
    return -0.5 * (len(groups) * np.log(scale) + misfit / scale - certain[:, None])


def softmax(values: Float[np.ndarray, "settings draws"]) -> Float[np.ndarray, "settings draws"]:
    """Weights of the settings in each draw."""
    weights = np.exp(values - values.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))
