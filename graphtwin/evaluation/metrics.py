"""How well predictions agree with what was held out.

Every metric takes an optional weight a row. An integer weight means what repeating the row would mean, so that a resample of axons is a
reweighting. Where a metric is undefined (no positive, no negative, no variance) it is NaN, never a made-up number.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from graphtwin.statistics import NORMAL_95

Weight = Num[np.ndarray, " rows"] | None


def confusion_counts(
    true: Int[np.ndarray, " rows"], predicted: Int[np.ndarray, " rows"], n_classes: int, weight: Weight = None
) -> Float[np.ndarray, "classes classes"]:
    """Weight of the rows of each true class (rows) given each predicted class (columns)."""
    flat = true.astype(np.int64) * n_classes + predicted
    return np.bincount(flat, weights=_weights(weight, len(true)), minlength=n_classes**2).reshape(n_classes, n_classes)


def recall_per_class(
    true: Int[np.ndarray, " rows"], predicted: Int[np.ndarray, " rows"], n_classes: int, weight: Weight = None
) -> Float[np.ndarray, " classes"]:
    """Share of each true class that was recognised; NaN for a class without a row."""
    counts = confusion_counts(true, predicted, n_classes, weight)
    return _ratio(np.diag(counts), counts.sum(1))


def balanced_accuracy(
    true: Int[np.ndarray, " rows"],
    predicted: Int[np.ndarray, " rows"],
    n_classes: int,
    group: Int[np.ndarray, " rows"],
    weight: Weight = None,
) -> float:
    """Mean recall inside each group (a fold, or a scan of a fold), averaged with the groups' rows; guessing scores 1 / (classes).

    Whoever knows the group alone has nothing to tell its neurons apart by: one answer a group scores exactly what guessing does, however
    different the groups are. To that end a group that lacks classes, where guessing scores 1 / (classes present), is brought to the same
    scale (guessing and all right stay where they are), and an answer that it lacks counts as a guess among those that it has. Groups with
    fewer than two classes do not count.
    """
    _, code = np.unique(group, return_inverse=True)
    n_groups = int(code.max(initial=-1)) + 1
    flat = (code * n_classes + true) * n_classes + predicted
    counts = np.bincount(flat, _weights(weight, len(true)), minlength=n_groups * n_classes**2).reshape(n_groups, n_classes, n_classes)
    members = counts.sum(2)
    present = members > 0
    n_present = np.maximum(present.sum(1), 1)
    guessed = np.where(present[:, None], 0.0, counts).sum(2) / n_present[:, None]
    recall = np.nan_to_num(_ratio(np.diagonal(counts, axis1=1, axis2=2) + guessed, members)).sum(1) / n_present
    some = n_present >= 2
    above = np.divide(recall - 1 / n_present, 1 - 1 / n_present, out=np.zeros(n_groups), where=some)
    rows = np.where(some, members.sum(1), 0.0)
    chance = 1 / max(len(np.unique(true)), 1)
    return float(chance + (1 - chance) * _ratio(np.sum(above * rows), rows.sum()))


def r_squared(true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], weight: Weight = None) -> float:
    """1 - residual / total sum of squares, the total around the weighted mean of these rows."""
    w = _weights(weight, len(true))
    if w.sum() == 0:
        return np.nan
    total = np.sum(w * (true - np.average(true, weights=w)) ** 2)
    return float(1 - np.sum(w * (true - mean) ** 2) / total) if total > 0 else np.nan


def r_squared_within(
    true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], group: Int[np.ndarray, " rows"], weight: Weight = None
) -> float:
    """`r_squared` of the deviations from each group's mean (a scan of a fold): one answer a group scores exactly 0."""
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    w = _weights(weight, len(true))
    rows = np.bincount(code, w)
    apart, told = (value - value[first][code] for value in (true, mean))  # so that equal answers differ by exactly nothing
    apart, told = (value - np.nan_to_num(_ratio(np.bincount(code, w * value), rows))[code] for value in (apart, told))
    total = np.sum(w * apart**2)
    return float(1 - np.sum(w * (apart - told) ** 2) / total) if total > 0 else np.nan


def median_absolute_error(true: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], weight: Weight = None) -> float:
    """Median of |true - mean| in the unit of `true` (um for positions)."""
    error, w = np.abs(true - mean), _weights(weight, len(true))
    order = np.argsort(error)
    cumulative = np.cumsum(w[order])
    if len(cumulative) == 0 or cumulative[-1] == 0:
        return np.nan
    half = cumulative[-1] / 2
    lower, upper = np.searchsorted(cumulative, half, side="left"), np.searchsorted(cumulative, half, side="right")
    return float(error[order][[lower, upper]].mean())


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


def auc_by_stratum(
    connected: Bool[np.ndarray, " rows"],
    score: Float[np.ndarray, " rows"],
    stratum: Int[np.ndarray, " rows"],
    falling: Int[np.ndarray, " rows"] | None = None,
) -> tuple[Int[np.ndarray, " strata"], Float[np.ndarray, " strata"]]:
    """AUC inside each stratum, never comparing pairs of two strata.

    Args:
        connected: Whether a synapse was observed.
        score: Score of each pair: the higher, the likelier connected.
        stratum: Stratum of each pair.
        falling: Rows from the highest score down, as `falling_order` returns them, where they are known.

    Returns:
        The strata in rising order, and their AUC (NaN without a positive or a negative).
    """
    strata, code = np.unique(stratum, return_inverse=True)
    first, positive, total = _tie_groups(connected, score, code, falling)
    of_group, negative = code[first], total - positive
    n_negative = np.bincount(of_group, negative, minlength=len(strata))
    n_positive = np.bincount(of_group, positive, minlength=len(strata))
    before = np.cumsum(n_negative) - n_negative
    above = np.cumsum(negative) - negative - before[of_group]
    beaten = np.bincount(of_group, positive * (above + negative / 2), minlength=len(strata))
    return strata, 1 - _ratio(beaten, n_positive * n_negative)


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


def _tie_groups(
    connected: np.ndarray, score: np.ndarray, stratum: np.ndarray, falling: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First row, positives and rows of each run of equal scores within a stratum, from the highest score down."""
    if not np.isfinite(score).all():
        raise ValueError(
            f"metrics: {np.count_nonzero(~np.isfinite(score))} of {len(score)} scores are not finite. "
            "Give every pair a score, or leave the pair out for every model that is compared."
        )
    if len(score) == 0:
        return np.zeros(0, int), np.zeros(0), np.zeros(0)
    order = falling_order(score, stratum, falling)
    ranked, of_stratum = score[order], stratum[order]
    new = np.r_[True, (ranked[1:] != ranked[:-1]) | (of_stratum[1:] != of_stratum[:-1])]
    start = np.flatnonzero(new)
    rows = np.diff(np.append(start, len(order))).astype(np.float64)
    return order[start], np.add.reduceat(connected[order].astype(np.float64), start), rows


def _weights(weight: np.ndarray | None, n_rows: int) -> np.ndarray:
    return np.ones(n_rows) if weight is None else np.asarray(weight, dtype=np.float64)


def _ratio(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    """Quotient, NaN where nothing is there to divide by."""
    below = np.asarray(denominator, dtype=np.float64)
    return np.divide(numerator, below, out=np.full_like(below, np.nan), where=below != 0)
