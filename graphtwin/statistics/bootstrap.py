"""The one bootstrap and the one interval: whole units are drawn with replacement, percentiles are widened where there are few of them.

What is drawn are axons, neurons, scans or stimuli with all their rows, since rows of one unit are not independent. What is not drawn stays
as it is: an interval over axons speaks of new axons onto these targets. Draws of `cluster_counts` are named by their number, the same for
every model, so that differences are paired and do not depend on how the work is shared out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from graphtwin.execute import rng_for
from graphtwin.shapes import Float, Int, Num

# Units below which there is no interval: resamples lie between the smallest and the largest unit, and all n units lie on one side of the
# truth with probability 2^(1 - n): 50 % with two, 12 % with four, 6 % with five.
FEWEST_UNITS = 5
WEIGHTS_A_BLOCK = 2**20  # weights of rows that a metric is given at a time: 8 MB
DEFINED = 0.9  # share of the replicates that must have a value, or there is no interval (a metric may need both classes)


def percentile_interval(values: Float[np.ndarray, " replicates"], degrees: float, level: float = 0.95) -> tuple[float, float]:
    """Percentiles of replicates, widened for few units; NaN for fewer than 5 and where over a tenth of the replicates are not defined.

    The replicates of n units spread by sqrt((n - 1) / n) too little and know nothing of Student's t; the tails are moved by both, as for
    the mean of normal values. Source: Hesterberg 2015, doi:10.1080/00031305.2015.1089789.

    Args:
        values: A statistic under every draw; NaN where it is not defined.
        degrees: Units drawn, less one; where units are drawn within strata, less the number of strata.
        level: Share of the intervals that hold the truth.
    """
    defined = values[np.isfinite(values)]
    if degrees < FEWEST_UNITS - 1 or len(defined) < max(2, DEFINED * len(values)):
        return float("nan"), float("nan")
    tail = scipy.special.ndtr(-np.sqrt(1 + 1 / degrees) * scipy.special.stdtrit(degrees, (1 + level) / 2))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def percentile_intervals(
    values: Float[np.ndarray, "replicates columns"], degrees: Num[np.ndarray, " columns"] | float
) -> Float[np.ndarray, "two columns"]:
    """Ends of the 95 % `percentile_interval` of every column.

    Args:
        values: Statistics under every draw, one a column.
        degrees: Units drawn, less one (less the number of strata where they are drawn within strata): one for all columns or one each.
    """
    each = np.broadcast_to(degrees, values.shape[1])
    return np.array([percentile_interval(column, float(own)) for column, own in zip(values.T, each, strict=True)]).reshape(-1, 2).T


def draw_units(rng: np.random.Generator, n_units: int, n_replicates: int) -> Int[np.ndarray, "replicates units"]:
    """Units of each resample: as many as the sample has, drawn with replacement."""
    return rng.integers(0, max(n_units, 1), (n_replicates, n_units))


def draw_counts(rng: np.random.Generator, n_units: int, n_replicates: int) -> Float[np.ndarray, "replicates units"]:
    """How often each unit is drawn in each resample of `draw_units`."""
    drawn = draw_units(rng, n_units, n_replicates)
    return np.array([np.bincount(units, minlength=n_units) for units in drawn], dtype=np.float64).reshape(n_replicates, n_units)


def named_counts(seed: int, name: str, number: int, n_units: int) -> Float[np.ndarray, " units"]:
    """How often each unit is drawn in one resample.

    Args:
        seed: Seed of the run.
        name: What is drawn: "axon", "neuron", "scan".
        number: Number of the resample.
        n_units: Units in the sample.
    """
    return draw_counts(rng_for(seed, "bootstrap", name, number), n_units, 1)[0]


def cluster_counts(n_clusters: int, n_replicates: int, seed: int, name: str) -> Int[np.ndarray, "replicates_and_one clusters"]:
    """How often each cluster is drawn. Row 0 is the sample itself (all ones), the others are `named_counts`.

    Args:
        n_clusters: Clusters in the sample.
        n_replicates: Draws, in rows 1 and on.
        seed: Seed of the run.
        name: What is resampled ("axon", "neuron", "scan"); models compared with each other must share it.
    """
    counts = np.ones((n_replicates + 1, n_clusters), dtype=np.int32)
    for replicate in range(n_replicates):
        counts[replicate + 1] = named_counts(seed, name, replicate, n_clusters)
    return counts


def cluster_rows(cluster: Int[np.ndarray, " rows"]) -> tuple[Int[np.ndarray, " rows"], int]:
    """Number the clusters (axons, neurons, scans) from 0 by rising id: the row of each in a table of counts, and how many there are."""
    row, ids = pd.factorize(cluster, sort=True)  # of millions of rows in a third of the time that sorting them takes
    return row.astype(np.int32), len(ids)


@dataclass(frozen=True)
class Resampled:
    """An estimate and its bootstrap replicates; two of the same draws subtract into a paired difference.

    Attributes:
        estimate: The statistic of the sample.
        replicates: The statistic of every resample; NaN where it is not defined.
        degrees: Units drawn, less one, by which the interval is widened.
    """

    estimate: float
    replicates: Float[np.ndarray, " replicates"]
    degrees: float

    def __sub__(self, other: Resampled) -> Resampled:
        """Difference draw by draw; both must come from the same table of counts."""
        return Resampled(self.estimate - other.estimate, self.replicates - other.replicates, min(self.degrees, other.degrees))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The `percentile_interval` of the replicates."""
        return percentile_interval(self.replicates, self.degrees, level)


def resampled(values: Num[np.ndarray, " replicates_and_one"], n_clusters: int) -> Resampled:
    """Values of a metric under each row of `cluster_counts`: the first is the estimate.

    Args:
        values: The metric of the sample, then of every draw.
        n_clusters: Clusters that the metric has rows of.
    """
    return Resampled(float(values[0]), np.asarray(values[1:], dtype=np.float64), n_clusters - 1.0)


def resample_metric(
    metric: Callable[[np.ndarray], np.ndarray], cluster: Int[np.ndarray, " rows"], counts: Num[np.ndarray, "replicates_and_one clusters"]
) -> Resampled:
    """Any metric of weighted rows under every draw; meant for tables of neurons (pairs have `ranking`).

    Args:
        metric: Function of weights, draws x rows, with a value a draw; it is asked for some draws at a time.
        cluster: Row of each row's cluster in the table of counts.
        counts: How often each cluster is drawn, as `cluster_counts` returns it.
    """
    draws = max(1, WEIGHTS_A_BLOCK // max(len(cluster), 1))
    found = [metric(counts[at : at + draws, cluster].astype(np.float64)) for at in range(0, len(counts), draws)]
    return resampled(np.concatenate(found), counts.shape[1])


def resample_mean(
    value: Float[np.ndarray, " rows"], cluster: Int[np.ndarray, " rows"], counts: Num[np.ndarray, "replicates_and_one clusters"]
) -> Resampled:
    """Mean over rows; exact from one sum a cluster, so millions of pairs cost nothing."""
    n_clusters = counts.shape[1]
    total = np.bincount(cluster, value, minlength=n_clusters)
    return resample_ratio(total, np.bincount(cluster, minlength=n_clusters).astype(np.float64), counts)


def resample_ratio(
    above: Float[np.ndarray, " clusters"], below: Float[np.ndarray, " clusters"], counts: Num[np.ndarray, "replicates_and_one clusters"]
) -> Resampled:
    """Ratio of two sums over clusters; clusters with 0 below take no part, a draw of these alone has no value."""
    numerator, denominator = counts @ above, counts @ below
    ratio = np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
    return resampled(ratio, int(np.count_nonzero(below)))


def resample_units(
    statistic: Callable[..., np.ndarray], values: Float[np.ndarray, " units"], rng: np.random.Generator, n_replicates: int
) -> Resampled:
    """A statistic of one value a unit.

    Args:
        statistic: `np.mean`, `np.median` or another that takes an `axis`.
        values: The units, at least one.
        rng: Source of the draws.
        n_replicates: Resamples.
    """
    drawn = values[draw_units(rng, len(values), n_replicates)]
    return Resampled(float(statistic(values, axis=0)), statistic(drawn, axis=1), len(values) - 1.0)
