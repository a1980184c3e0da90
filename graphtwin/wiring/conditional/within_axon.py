"""How well a similarity ranks each axon's partners above the cells it came near without a synapse.

Only pairs with L_d > 0 of one axon are compared, so that neither the axon's rate nor where its arbor lies can help. Chance is an AUC of 0.5
and an average precision of the axon's share of connected pairs; published twin signal correlation reaches an AUC of 0.54 to 0.58 (from the
binned counts of Ding et al. 2025, doi:10.1038/s41586-025-08840-3). A similarity that is a distance ranks the other way, below 0.5.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
import pandas as pd
from numba import njit

from graphtwin.statistics import cluster_counts, resample_ratio
from graphtwin.wiring.conditional.axon_bootstrap import N_REPLICATES
from graphtwin.wiring.pairs import CandidateSet

L_D_BINS = 10  # quantile bins of L_d, within which pairs have about the same L_d
METRICS = ("auc", "auc_within_l_d", "average_precision", "prevalence")


def rank_within_axons(choices: CandidateSet, similarity: str, n_bins: int = L_D_BINS) -> pd.DataFrame:
    """One row a group and axon that has a connected and an unconnected candidate.

    Args:
        choices: The candidates.
        similarity: Name of the similarity; pairs with a higher one are ranked as likelier connected.
        n_bins: Number of quantile bins of L_d over each group's candidates; `auc_within_l_d` compares pairs of the same bin only.

    Returns:
        group, pre_nucleus_id, n_connected, n_adp, auc, auc_within_l_d (NaN where no bin has both kinds), average_precision, prevalence.
    """
    value = choices.x[:, choices.column(similarity)]
    connected, block = choices.n_synapses > 0, choices.block
    whole = _ranked(value, connected, block, len(choices.block_axon))
    binned = _ranked(value, connected, block * n_bins + choices.l_d_bins(n_bins), len(choices.block_axon) * n_bins)
    wins, comparisons = (part.reshape(-1, n_bins).sum(1) for part in binned[:2])
    n_connected = choices.sum_blocks(connected.astype(float))
    n_adp = np.diff(choices.start) - n_connected
    columns = {"group": np.array(choices.groups)[choices.block_group], "pre_nucleus_id": choices.axons[choices.block_axon]}
    columns |= {"n_connected": n_connected.astype(np.int64), "n_adp": n_adp.astype(np.int64)}
    columns |= {"auc": _ratio(whole[0], whole[1]), "auc_within_l_d": _ratio(wins, comparisons)}
    columns |= {"average_precision": _ratio(whole[2], n_connected), "prevalence": n_connected / np.diff(choices.start)}
    return pd.DataFrame(columns)[(n_connected > 0) & (n_adp > 0)].reset_index(drop=True)


def summarise_ranking(per_axon: pd.DataFrame, seed: int, n_replicates: int = N_REPLICATES, level: float = 0.95) -> pd.DataFrame:
    """Mean over axons of each group with an interval that resamples axons (the same draws in every group and metric).

    Args:
        per_axon: Metrics of each axon, as `rank_within_axons` returns them.
        seed: The run's seed.
        n_replicates: Number of resamples.
        level: Share of resamples that the interval covers.

    Returns:
        group, metric, estimate, low, high, n_axons; no interval with fewer than two axons.
    """
    axons, row = np.unique(per_axon["pre_nucleus_id"], return_inverse=True)
    counts = cluster_counts(len(axons), n_replicates, seed, "axon")
    rows = []
    for group, members in per_axon.groupby("group", sort=True).indices.items():
        for metric in METRICS:
            value = per_axon[metric].to_numpy(np.float64)[members]
            defined = np.isfinite(value)
            mean = resample_ratio(value[defined], np.ones(defined.sum()), counts[:, row[members][defined]])
            low, high = mean.interval(level)
            rows.append(
                {"group": group, "metric": metric, "estimate": mean.estimate, "low": low, "high": high, "n_axons": int(defined.sum())}
            )
    return pd.DataFrame(rows)


def _ranked(value: np.ndarray, connected: np.ndarray, part: np.ndarray, n_parts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Won comparisons, comparisons, and summed precision at the connected pairs, for each part (an axon, or its pairs of one L_d bin)."""
    order = np.lexsort((-value, part))
    start = np.searchsorted(part[order], np.arange(n_parts + 1))
    return _rank_parts(start, value[order], connected[order])


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)


@njit(cache=True, nogil=True)
@no_type_check
def _rank_parts(start, value, connected):
    """Values fall within each part; ties count half, and share the precision at their end."""
    n = len(start) - 1
    won, comparisons, precision = np.zeros(n), np.zeros(n), np.zeros(n)
    for part in range(n):
        i, end = start[part], start[part + 1]
        positive, negative, above = 0, 0, 0.0
        while i < end:
            tied_positive, tied_negative, first = 0, 0, value[i]
            while i < end and value[i] == first:
                tied_positive += connected[i]
                tied_negative += not connected[i]
                i += 1
            above += tied_positive * (negative + 0.5 * tied_negative)
            positive += tied_positive
            negative += tied_negative
            precision[part] += tied_positive * positive / (positive + negative)
        comparisons[part] = positive * negative
        won[part] = comparisons[part] - above
    return won, comparisons, precision
