"""How an outcome rises with a similarity: binned curves whose bands resample axons, for people who would rather look than read slopes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_counts, percentile_intervals
from graphtwin.wiring.pairs import ALL, Outcome, OutcomeKind

N_BINS = 12  # equal bins of a similarity; a choice
TAIL = 0.005  # share of pairs beyond the outer edges on either side; they count to the outer bins
MIN_AXONS = 5  # least number of axons in a bin that has a band


def bin_edges(value: Float[np.ndarray, " pairs"], n_bins: int = N_BINS) -> Float[np.ndarray, " edges"]:
    """Equal bins between the outer quantiles of a similarity.

    Args:
        value: Similarity of each pair, without NaN.
        n_bins: Number of bins.
    """
    low, high = np.quantile(value, [TAIL, 1 - TAIL])
    if not high > low:
        raise ValueError(f"curve: {len(value)} pairs have one and the same similarity, {low:.6g}. A constant similarity has no curve.")
    return np.linspace(low, high, n_bins + 1)


def curves(outcome: Outcome, n_bins: int = N_BINS, n_replicates: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Binned outcome over its similarity, in every group: synapses a mm of co-travel, um of co-travel a pair, size a connected pair.

    Args:
        outcome: The outcome of one similarity; pairs for which it is unknown take no part.
        n_bins: Number of equal bins, the same in all groups.
        n_replicates: Number of resamples of axons.
        seed: Seed of the resamples.

    Returns:
        group, similarity, outcome, bin_low, bin_high, n_pairs, n_axons, value, relative (to the group's overall value; the like-to-like
        curve), and low, high: 95 % interval of `relative` over axons, NaN for bins with fewer than 5 axons.
    """
    (similarity,) = outcome.similarities
    used = outcome.pairs[outcome.pairs[similarity].notna()]
    if used.empty:
        raise ValueError(
            f"curve: none of {len(outcome.table)} pairs has a known {similarity} and is used for {outcome.name}. Check the table's columns."
        )
    edges = bin_edges(used[similarity].to_numpy(np.float64), n_bins)
    groups = used.groupby(outcome.by, sort=True) if outcome.by else [(ALL, used)]
    frames = [_curve(part, similarity, outcome.kind, edges, n_replicates, seed).assign(group=group) for group, part in groups]
    table = pd.concat(frames, ignore_index=True).assign(similarity=similarity, outcome=outcome.name)
    first = ["group", "similarity", "outcome"]
    return table[first + [name for name in table if name not in first]]


def _curve(pairs: pd.DataFrame, similarity: str, kind: OutcomeKind, edges: np.ndarray, n_replicates: int, seed: int) -> pd.DataFrame:
    """One group's curve."""
    n_bins = len(edges) - 1
    axon, axons = pd.factorize(pairs["pre_nucleus_id"], sort=True)
    at = np.searchsorted(edges[1:-1], pairs[similarity].to_numpy(np.float64), side="right")
    columns = pairs.assign(l_d_mm=pairs["l_d_um"] / 1000, pairs=1.0)
    above, below = (_sums(axon, at, columns[name].to_numpy(np.float64), len(axons), n_bins) for name in (kind.response, kind.over))
    count = _sums(axon, at, np.ones(len(pairs)), len(axons), n_bins)
    draws = draw_counts(rng_for(seed, "bootstrap", "curve", similarity, kind.name), len(axons), n_replicates)
    value, relative = _rates(np.ones((1, len(axons))), above, below)
    _, resampled = _rates(draws, above, below)
    n_axons = (count > 0).sum(axis=0)
    low, high = np.where(n_axons >= MIN_AXONS, percentile_intervals(resampled, _degrees(below, n_axons)), np.nan)
    columns = {"bin_low": edges[:-1], "bin_high": edges[1:], "n_pairs": count.sum(axis=0).astype(int), "n_axons": n_axons}
    return pd.DataFrame(columns | {"value": value[0], "relative": relative[0], "low": low, "high": high})


def _degrees(below: Float[np.ndarray, "axons bins"], n_axons: Int[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    """Even axons that the co-travel (or the pairs) of each bin is worth, (sum w)^2 / sum w^2, less 1; not less than an interval needs."""
    square = (below**2).sum(axis=0)
    worth = np.divide(below.sum(axis=0) ** 2, square, out=np.zeros(len(square)), where=square > 0)
    return np.where(n_axons >= MIN_AXONS, np.maximum(worth, MIN_AXONS), n_axons) - 1.0


def _sums(axon: np.ndarray, at: np.ndarray, value: np.ndarray, n_axons: int, n_bins: int) -> Float[np.ndarray, "axons bins"]:
    return np.bincount(axon * n_bins + at, value, n_axons * n_bins).reshape(n_axons, n_bins)


def _rates(
    weight: Float[np.ndarray, "draws axons"], above: Float[np.ndarray, "axons bins"], below: Float[np.ndarray, "axons bins"]
) -> tuple[Float[np.ndarray, "draws bins"], Float[np.ndarray, "draws bins"]]:
    """Outcome in every bin, and its ratio to the outcome of all bins together; NaN in empty bins."""
    above, below = weight @ above, weight @ below
    value = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    overall = above.sum(axis=1, keepdims=True) / below.sum(axis=1, keepdims=True)
    return value, np.divide(value, overall, out=np.full_like(value, np.nan), where=overall > 0)
