"""How well predictions agree with what was held out.

Every metric takes an optional weight a row. An integer weight means what repeating the row would mean, so that a resample of axons is a
reweighting. Metrics of neurons take many weights at once, resamples x rows, and return one value each. Where a metric is undefined (no
positive, no negative, no variance) it is NaN, never a made-up number.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy import sparse

from graphtwin.statistics import NORMAL_95

Weight = Num[np.ndarray, " rows"] | None
Weights = Num[np.ndarray, "*resamples rows"] | None
Each = np.ndarray | np.floating  # a number for each resample, or one
NO_VARIANCE = 1e-12  # share of a sum of squares below which what is left around the mean is rounding


def confusion_counts(
    true: Int[np.ndarray, " rows"], predicted: Int[np.ndarray, " rows"], n_classes: int, weight: Weights = None
) -> Float[np.ndarray, "*resamples classes classes"]:
    """Weight of the rows of each true class (rows) given each predicted class (columns)."""
    w = _weights(weight, len(true))
    return _sums(w, true.astype(np.int64) * n_classes + predicted, n_classes**2).reshape(*w.shape[:-1], n_classes, n_classes)


def recall_per_class(
    true: Int[np.ndarray, " rows"], predicted: Int[np.ndarray, " rows"], n_classes: int, weight: Weights = None
) -> Float[np.ndarray, "*resamples classes"]:
    """Share of each true class that was recognised; NaN for a class without a row."""
    counts = confusion_counts(true, predicted, n_classes, weight)
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1))


def balanced_accuracy(
    true: Int[np.ndarray, " rows"],
    predicted: Int[np.ndarray, " rows"],
    n_classes: int,
    group: Int[np.ndarray, " rows"],
    weight: Weights = None,
) -> Float[np.ndarray, "*resamples"]:
    """Mean recall inside each group (a fold, or a scan of a fold), averaged with the groups' rows; guessing scores 1 / (classes).

    Whoever knows the group alone has nothing to tell its neurons apart by: one answer a group scores exactly what guessing does, however
    different the groups are. To that end a group that lacks classes, where guessing scores 1 / (classes present), is brought to the same
    scale (guessing and all right stay where they are), and an answer that it lacks counts as a guess among those that it has. Groups with
    fewer than two classes do not count.
    """
    w, (groups, code) = _weights(weight, len(true)), np.unique(group, return_inverse=True)
    flat = (code * n_classes + true) * n_classes + predicted
    counts = _sums(w, flat, len(groups) * n_classes**2).reshape(*w.shape[:-1], len(groups), n_classes, n_classes)
    members = counts.sum(-1)
    present = members > 0
    n_present = np.maximum(present.sum(-1), 1)
    guessed = np.where(present[..., None, :], 0.0, counts).sum(-1) / n_present[..., None]
    recall = np.nan_to_num(_ratio(np.diagonal(counts, axis1=-2, axis2=-1) + guessed, members)).sum(-1) / n_present
    some = n_present >= 2
    above = np.divide(recall - 1 / n_present, 1 - 1 / n_present, out=np.zeros(recall.shape), where=some)
    rows = np.where(some, members.sum(-1), 0.0)
    chance = 1 / max(len(np.unique(true)), 1)
    return np.asarray(chance + (1 - chance) * _ratio(np.sum(above * rows, axis=-1), rows.sum(-1)))


def r_squared(
    true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], weight: Weights = None
) -> Float[np.ndarray, "*resamples"]:
    """1 - residual / total sum of squares, the total around the weighted mean of these rows."""
    w, apart = _weights(weight, len(true)), true - true[:1]
    squares, total = w @ apart**2, w @ apart
    total = squares - _ratio(total**2, w.sum(-1))
    return _explained(w @ (true - mean) ** 2, total, squares)


def r_squared_within(
    true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], group: Int[np.ndarray, " rows"], weight: Weights = None
) -> Float[np.ndarray, "*resamples"]:
    """`r_squared` of the deviations from each group's mean (a scan of a fold): one answer a group scores exactly 0."""
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    w = _weights(weight, len(true))
    apart, told = (value - value[first][code] for value in (true, mean))  # so that equal answers differ by exactly nothing
    rows = _sums(w, code, len(first))
    around = [w @ value**2 - np.nan_to_num(_ratio(_sums(w, code, len(first), value) ** 2, rows)).sum(-1) for value in (apart - told, apart)]
    return _explained(around[0], around[1], w @ apart**2)


def median_absolute_error(
    true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], weight: Weights = None
) -> Float[np.ndarray, "*resamples"]:
    """Median of |true - mean| in the unit of `true` (um for positions)."""
    error = np.abs(true - mean)
    order = np.argsort(error)
    cumulative = np.cumsum(_weights(weight, len(true))[..., order], axis=-1)
    if len(error) == 0:
        return np.full(cumulative.shape[:-1], np.nan)
    half = cumulative[..., -1:] / 2
    ranked, last = error[order], len(error) - 1
    ends = (ranked[np.minimum(below.sum(-1), last)] for below in (cumulative < half, cumulative <= half))
    return np.where(half[..., 0] > 0, sum(ends) / 2, np.nan)


def interval_coverage(
    true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], sd: Float[np.ndarray, " rows"], weight: Weight = None
) -> float:
    """Share of rows inside mean +- 1.96 sd: 0.95 where the error bars are right. NaN where a row has none."""
    w = _weights(weight, len(true))
    return float(_ratio(np.sum(w * inside_interval(true, mean, sd)), w.sum()))


def inside_interval(
    true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], sd: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """1 where a row lies inside mean +- 1.96 sd and 0 where it does not; NaN where it has no error bar."""
    return np.where(np.isfinite(sd), np.abs(true - mean) <= NORMAL_95 * sd, np.nan)


def distance_stratum(distance_um: Float[np.ndarray, " rows"], bin_um: float = 10.0) -> Int[np.ndarray, " rows"]:
    """Bin of soma distance (width in um) each pair falls into; -1 where the distance is unknown."""
    known = np.isfinite(distance_um)
    return np.where(known, np.floor(np.where(known, distance_um, 0.0) / bin_um), -1).astype(np.int64)


def falling_order(
    score: Num[np.ndarray, " rows"], stratum: Int[np.ndarray, " rows"] | None = None, falling: Int[np.ndarray, " rows"] | None = None
) -> Int[np.ndarray, " rows"]:
    """Rows from the highest score down, stratum after stratum; equal scores in any order.

    Args:
        score: Score of each row.
        stratum: Stratum of each row; None for one.
        falling: The order without strata, where it is known: sorting millions of scores takes longest.
    """
    order = np.argsort(-score) if falling is None else falling
    if stratum is None:
        return order
    small = len(stratum) == 0 or (stratum.min() >= 0 and stratum.max() < 2**15)
    key = stratum[order].astype(np.int16) if small else stratum[order]  # 16 bits: a radix sort, five times as fast
    return order[np.argsort(key, kind="stable")]


def calibration_bin(probability: Float[np.ndarray, " rows"], fold: Int[np.ndarray, " rows"], n_bins: int = 20) -> Int[np.ndarray, " rows"]:
    """Bin of rising probability within each fold, equally many rows in each (equal probabilities stay together); folds share no bin.

    At a prevalence of 0.4 % bins of equal width would put almost every pair into the first. In a bin of two folds what one promises too
    much and the other too little would cancel, the more so the more levels a model has.
    """
    bins = np.empty(len(probability), dtype=np.int64)
    for place, number in enumerate(np.unique(fold)):
        rows = np.flatnonzero(fold == number)
        edges = np.unique(np.quantile(probability[rows], np.linspace(0, 1, n_bins + 1)[1:-1]))
        bins[rows] = place * n_bins + np.searchsorted(edges, probability[rows], side="right")
    return bins


def log_loss_terms(connected: Bool[np.ndarray, " rows"], probability: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Negative log likelihood of each pair; probabilities kept 1e-12 off the ends, so that one sure error is not infinite."""
    happened = np.where(connected, probability.astype(np.float64), 1 - probability.astype(np.float64))
    return -np.log(np.clip(happened, 1e-12, 1.0))


def _weights(weight: np.ndarray | None, n_rows: int) -> np.ndarray:
    return np.ones(n_rows) if weight is None else np.asarray(weight, dtype=np.float64)


def _sums(weight: np.ndarray, code: np.ndarray, n_codes: int, value: np.ndarray | None = None) -> np.ndarray:
    """Weights of the rows of each code, times a value a row, summed for each resample."""
    of_code = sparse.csr_array((_weights(value, len(code)), (code, np.arange(len(code)))), shape=(n_codes, len(code)))
    return np.asarray((of_code @ weight.T).T)


def _explained(residual: Each, total: Each, squares: Each) -> np.ndarray:
    """1 - residual / total; NaN where a total is nothing beside the squares that it is the rest of."""
    return np.asarray(1 - _ratio(residual, np.where(total > NO_VARIANCE * squares, total, 0.0)))


def _ratio(numerator: Each | float, denominator: Each | float) -> np.ndarray:
    """Quotient, NaN where nothing is there to divide by."""
    below = np.asarray(denominator, dtype=np.float64)
    return np.divide(numerator, below, out=np.full_like(below, np.nan), where=below != 0)
