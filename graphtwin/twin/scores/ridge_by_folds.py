"""Ridge regression of many units on many features from sums of products alone, each unit's penalty chosen by held-out folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import linalg

PENALTIES = 10.0 ** np.arange(-6, 1.1, 0.5)  # penalties tried, as shares of the features' variance; a choice
RANK = 800  # principal components of the features, at most, that weights are made of: bounds time
LEAST_VARIANCE = 1e-7  # share of the largest variance below which one is rounding
UNITS_TOGETHER = 1000  # units whose errors are in memory at once


@dataclass
class FoldSums:
    """Sums over the rows of one fold, and over their products, of features x and responses y."""

    n: float
    x: Float[np.ndarray, " features"]
    xx: Float[np.ndarray, "features features"]
    y: Float[np.ndarray, " units"]
    yy: Float[np.ndarray, " units"]
    xy: Float[np.ndarray, "features units"]

    def add(self, x: Float[np.ndarray, "rows features"], y: Float[np.ndarray, "rows units"], weight: Float[np.ndarray, " rows"]) -> None:
        """Add rows, each so many times."""
        often = x * weight[:, None]
        self.n += float(weight.sum())
        self.x += often.sum(0, dtype=np.float64)
        self.xx += often.T @ x
        self.y += weight @ y.astype(np.float64)
        self.yy += weight @ (y * y).astype(np.float64)
        self.xy += often.T @ y

    def about(self, x: Float[np.ndarray, " features"], y: Float[np.ndarray, " units"]) -> FoldSums:
        """The sums of features and responses less some values."""
        across = np.outer(self.x, x)
        xx = self.xx - across - across.T + self.n * np.outer(x, x)
        xy = self.xy - np.outer(self.x, y) - np.outer(x, self.y - self.n * y)
        return FoldSums(self.n, self.x - self.n * x, xx, self.y - self.n * y, self.yy - 2 * y * self.y + self.n * y * y, xy)

    def of(self, features: Int[np.ndarray, " chosen"], units: Int[np.ndarray, " those"], combined: np.ndarray) -> FoldSums:
        """The sums of linear combinations of some features, a column of `combined` each, and of some units."""
        xx, xy = self.xx[np.ix_(features, features)].astype(np.float64), self.xy[np.ix_(features, units)]
        return FoldSums(self.n, self.x[features] @ combined, combined.T @ xx @ combined, self.y[units], self.yy[units], combined.T @ xy)


def no_sums(n_features: int, n_units: int) -> FoldSums:
    """Sums of no rows."""
    xx, xy = (np.zeros((n_features, other), dtype=np.float32) for other in (n_features, n_units))
    return FoldSums(0.0, np.zeros(n_features), xx, np.zeros(n_units), np.zeros(n_units), xy)


def joined_sums(folds: Sequence[FoldSums]) -> FoldSums:
    """The sums over several folds."""
    return reduce(lambda one, other: FoldSums(*(mine + theirs for mine, theirs in zip(_parts(one), _parts(other), strict=True))), folds)


def _parts(sums: FoldSums) -> list[Any]:
    return [sums.n, sums.x, sums.xx, sums.y, sums.yy, sums.xy]


@dataclass(frozen=True)
class Ridge:
    """Weights of units, and how they were chosen.

    Attributes:
        weights: Weight of every feature.
        penalty: Penalty of each unit, as a share of the features' variance.
        error: Squared error of held-out folds, summed over their rows.
    """

    weights: Float[np.ndarray, "features units"]
    penalty: Float[np.ndarray, " units"]
    error: Float[np.ndarray, " units"]


def ridge_of(
    folds: Sequence[FoldSums],
    block: Int[np.ndarray, " features"],
    features: Int[np.ndarray, " chosen"],
    units: Int[np.ndarray, " those"],
) -> Ridge:
    """The ridge of some units on some features, with penalties by the squared error of held-out folds.

    Blocks of features have the same variance, each feature of a block an equal part; a penalty is a share of their sum. With one fold there
    is nothing held out, and the largest penalty is taken.

    Args:
        folds: Sums of each fold.
        block: Number of the block of every feature.
        features: Features that have weights; those that do not vary have the weight 0.
        units: Units that are fitted.
    """
    features, components = _components(folds, block, features)
    reduced = [fold.of(features, units, components) for fold in folds]
    total = joined_sums(reduced)
    own = total.about(total.x / total.n, total.y / total.n)
    scale = float(np.trace(own.xx)) / total.n
    errors = np.zeros((len(PENALTIES), len(units)))
    for fold in reduced if len(reduced) > 1 else []:
        rest = joined_sums([other for other in reduced if other is not fold])
        mean = rest.x / rest.n, rest.y / rest.n
        errors += _errors(rest.about(*mean), fold.about(*mean), scale)
    best = errors.argmin(0) if len(reduced) > 1 else np.full(len(units), len(PENALTIES) - 1)
    variance, turned = np.linalg.eigh(own.xx)
    weights = turned @ ((turned.T @ own.xy) / (np.maximum(variance, 0.0)[:, None] + PENALTIES[best] * scale * own.n))
    every = np.zeros((len(block), len(units)))
    every[features] = components @ weights
    return Ridge(every, PENALTIES[best], errors[best, np.arange(len(best))])


def _components(
    folds: Sequence[FoldSums], block: np.ndarray, features: np.ndarray
) -> tuple[Int[np.ndarray, " varying"], Float[np.ndarray, "varying components"]]:
    """Those of the features that vary, and their largest principal components, blocks having the same variance."""
    n = sum(fold.n for fold in folds)
    mean = np.sum([fold.x for fold in folds], axis=0) / n
    variance = np.sum([np.diag(fold.xx) for fold in folds], axis=0) / n - mean**2
    varying = features[variance[features] > LEAST_VARIANCE * max(float(variance.max()), 1e-30)]
    if not len(varying):
        return varying, np.zeros((0, 0))
    size = np.bincount(block[varying], minlength=block.max() + 1)
    standard = 1 / np.sqrt(variance[varying] * size[block[varying]])
    covariance = np.sum([fold.xx[np.ix_(varying, varying)] for fold in folds], axis=0) / n - np.outer(mean[varying], mean[varying])
    first = max(len(varying) - min(RANK, int(n)), 0)
    scaled = (covariance * np.outer(standard, standard)).astype(np.float32)  # any basis of most of the variance does
    spread, turned = linalg.eigh(scaled, subset_by_index=(first, len(varying) - 1))
    return varying, standard[:, None] * turned[:, spread > LEAST_VARIANCE * spread[-1]]


def _errors(rest: FoldSums, held: FoldSums, scale: float) -> Float[np.ndarray, "penalties units"]:
    """Squared error on a fold of weights from the rest, both about the means of the rest."""
    variance, turned = np.linalg.eigh(rest.xx)
    told, answers = ((turned.T @ part.xy).astype(np.float32) for part in (rest, held))
    products = (turned.T @ held.xx @ turned).astype(np.float32)
    errors = np.zeros((len(PENALTIES), told.shape[1]))
    for start in range(0, told.shape[1], UNITS_TOGETHER):
        some = slice(start, start + UNITS_TOGETHER)
        for row, penalty in zip(errors, PENALTIES, strict=True):
            weights = told[:, some] / (np.maximum(variance, 0.0)[:, None] + penalty * scale * rest.n).astype(np.float32)
            row[some] = held.yy[some] - 2 * (weights * answers[:, some]).sum(0) + (weights * (products @ weights)).sum(0)
    return errors
