"""How far models come from what exposure alone tells towards what the wiring of another animal tells of the same pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.evaluation.ranking import rank_pairs, resampled_ranking
from graphtwin.evaluation.scoring import ScoreDesign
from graphtwin.statistics import Resampled, cluster_counts, cluster_rows, percentile_interval, resampled

RankedModels = dict[str, dict[str, Resampled]]  # AUC and average precision of each model, with their replicates


def rank_models(
    connected: Bool[np.ndarray, " pairs"],
    scores: Mapping[str, Float[np.ndarray, " pairs"]],
    axon: Int[np.ndarray, " pairs"],
    fold: Int[np.ndarray, " pairs"],
    design: ScoreDesign,
) -> RankedModels:
    """AUC and average precision of every model on the same pairs and the same draws of axons; scores need be no probabilities.

    Args:
        connected: Whether a synapse was observed.
        scores: Score of every pair, by model.
        axon: Id of each pair's axon, which is what is resampled.
        fold: Fold in which each pair was held out; pairs are ranked within it.
        design: How axons are resampled.
    """
    row, n = cluster_rows(axon)
    counts, number = cluster_counts(n, design.n_replicates, design.seed, design.cluster), cluster_rows(fold)[0].astype(np.int64)
    found = {}
    for model, score in scores.items():
        auc, precision = resampled_ranking(rank_pairs(connected, score, row, number), counts)
        found[model] = {"auc": resampled(auc, n), "average_precision": resampled(precision, n)}
    return found


def ceiling_shares(ranked: RankedModels, reference: str, ceiling: str) -> pd.DataFrame:
    """Each model's share of the way from a reference to a ceiling: (model - reference) / (ceiling - reference), draw by draw.

    A share has no meaning where the way is as good as none: it is given where the interval of (ceiling - reference) lies above 0. Draws in
    which the ceiling is no higher have no share; they are counted, and left out of its interval.

    Args:
        ranked: Models, the reference and the ceiling among them, as `rank_models` returns them.
        reference: Label of the model that knows exposure alone.
        ceiling: Label of the other animal's wiring.

    Returns:
        model, metric, estimate, low, high, share, share_low, share_high, n_without (draws without a share), note (why there is none, in
        words); a row a model and metric.
    """
    rows = []
    for model, found in ranked.items():
        for metric, value in found.items():
            gain, way = value - ranked[reference][metric], ranked[ceiling][metric] - ranked[reference][metric]
            note = _no_way(way, reference, ceiling)
            draws = np.divide(gain.replicates, way.replicates, out=np.full_like(way.replicates, np.nan), where=way.replicates > 0)
            share = (np.nan, np.nan, np.nan) if note else (gain.estimate / way.estimate, *percentile_interval(draws, gain.degrees))
            rows.append((model, metric, value.estimate, *value.interval(), *share, int(np.isnan(draws).sum()), note))
    columns = ["model", "metric", "estimate", "low", "high", "share", "share_low", "share_high", "n_without", "note"]
    return pd.DataFrame(rows, columns=columns)


def _no_way(way: Resampled, reference: str, ceiling: str) -> str:
    """Why there is no share of the way; empty where the ceiling is above the reference beyond its interval."""
    low, high = way.interval()
    if np.isnan(low):
        return f"no share of the way: whether {ceiling} is above {reference} cannot be told, for axons are too few for an interval"
    if low > 0:
        return ""
    return f"no share of the way: {ceiling} minus {reference} is {way.estimate:+.3f} [{low:+.3f}, {high:+.3f}], not above 0"
