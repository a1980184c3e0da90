"""95 % intervals that resample axons, neurons or scans, for a metric and for the difference of two models on the same pairs.

Pairs of one axon are not independent, so whole clusters are drawn with replacement. Replicate r is drawn by name, the same for every model,
so differences are paired, and the numbers do not depend on how the work is shared out. The postsynaptic cells stay as they are: the
interval speaks of new axons onto these targets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num

from graphtwin.execute import rng_for


@dataclass(frozen=True)
class Resampled:
    """An estimate and its bootstrap replicates; two of the same draw subtract into a paired difference."""

    estimate: float
    replicates: Float[np.ndarray, " replicates"]

    def __sub__(self, other: Resampled) -> Resampled:
        """Difference draw by draw; both must come from the same table of counts."""
        return Resampled(self.estimate - other.estimate, self.replicates - other.replicates)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval; NaN where fewer than nine tenths of the replicates are defined (a metric may need both classes)."""
        defined = self.replicates[np.isfinite(self.replicates)]
        if len(defined) < 0.9 * len(self.replicates) or len(defined) < 2:
            return float("nan"), float("nan")
        low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def cluster_rows(cluster: Int[np.ndarray, " rows"]) -> tuple[Int[np.ndarray, " rows"], int]:
    """Number the clusters (axons, neurons, scans) from 0 by rising id: the row of each in a table of counts, and how many there are."""
    ids, row = np.unique(cluster, return_inverse=True)
    return row.astype(np.int32), len(ids)


def cluster_counts(n_clusters: int, n_replicates: int, seed: int, name: str) -> Int[np.ndarray, "replicates_and_one clusters"]:
    """How often each cluster is drawn. Row 0 is the sample itself (all ones), the others draw `n_clusters` with replacement.

    Args:
        n_clusters: Clusters in the sample.
        n_replicates: Draws, in rows 1 and on.
        seed: The run's seed.
        name: What is resampled ("axon", "neuron", "scan"); models compared with each other must share it.
    """
    counts = np.ones((n_replicates + 1, n_clusters), dtype=np.int32)
    for replicate in range(n_replicates):
        drawn = rng_for(seed, "bootstrap", name, replicate).integers(0, max(n_clusters, 1), n_clusters)
        counts[replicate + 1] = np.bincount(drawn, minlength=n_clusters)
    return counts


def resampled(values: Float[np.ndarray, " replicates_and_one"]) -> Resampled:
    """Values of a metric under each row of `cluster_counts`: the first is the estimate."""
    return Resampled(float(values[0]), np.asarray(values[1:], dtype=np.float64))


def resample_metric(
    metric: Callable[[np.ndarray], float], cluster: Int[np.ndarray, " rows"], counts: Num[np.ndarray, "replicates_and_one clusters"]
) -> Resampled:
    """Any metric of weighted rows under every draw; meant for tables of neurons (pairs have `ranking`)."""
    return resampled(np.array([metric(row[cluster]) for row in counts], dtype=np.float64))


def resample_mean(
    value: Float[np.ndarray, " rows"], cluster: Int[np.ndarray, " rows"], counts: Num[np.ndarray, "replicates_and_one clusters"]
) -> Resampled:
    """Mean over rows; exact from one sum a cluster, so millions of pairs cost nothing."""
    n_clusters = counts.shape[1]
    total = counts @ np.bincount(cluster, value, minlength=n_clusters)
    rows = counts @ np.bincount(cluster, minlength=n_clusters).astype(np.float64)
    return resampled(_safe_ratio(total, rows))


def resample_cluster_mean(value: Float[np.ndarray, " clusters"], counts: Num[np.ndarray, "replicates_and_one clusters"]) -> Resampled:
    """Mean of one value a cluster; clusters whose value is NaN do not count."""
    defined = np.isfinite(value)
    return resampled(_safe_ratio(counts @ np.where(defined, value, 0.0), counts @ defined.astype(np.float64)))


def _safe_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
