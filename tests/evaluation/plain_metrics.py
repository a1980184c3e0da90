"""Metrics of pairs as their definitions read, slowly, with scikit-learn: what the compiled passes over all resamples must reproduce."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score


def auc_within_distance(
    connected: np.ndarray, score: np.ndarray, distance_um: np.ndarray, weight: np.ndarray | None = None, bin_um: float = 10.0
) -> float:
    """AUC in each bin of soma distance, averaged with the weight of its positives; one-sided bins and unknown distances do not count."""
    w = np.ones(len(score)) if weight is None else weight
    found, positives = [], []
    for bin_ in np.unique(np.floor(distance_um[np.isfinite(distance_um)] / bin_um)):
        rows = (np.floor(distance_um / bin_um) == bin_) & (w > 0)
        if 0 < connected[rows].sum() < rows.sum():
            found.append(roc_auc_score(connected[rows], score[rows], sample_weight=w[rows]))
            positives.append(w[rows & connected].sum())
    return float(np.average(found, weights=positives)) if found else np.nan


def auc_within_axon(connected: np.ndarray, score: np.ndarray, axon: np.ndarray) -> float:
    """Mean over axons of the AUC among their own pairs; axons without a positive or a negative do not count."""
    own = [axon == number for number in np.unique(axon) if 0 < connected[axon == number].sum() < (axon == number).sum()]
    return float(np.mean([roc_auc_score(connected[rows], score[rows]) for rows in own]))


def precision_at_k(connected: np.ndarray, score: np.ndarray, k: int) -> float:
    """Share of connected pairs among the k highest scores; of a tie across the cut every pair counts alike."""
    cut = np.sort(score)[-k]
    tied = score == cut
    above = score > cut
    return float((connected[above].sum() + connected[tied].mean() * (k - above.sum())) / k)


def calibration_error(connected: np.ndarray, probability: np.ndarray, cluster: np.ndarray, n_bins: int = 20) -> float:
    """Root mean square over rows of the gap of their bin of equally many rows, less the variance of the gap over clusters."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, n_bins + 1)[1:-1]))
    code = np.searchsorted(edges, probability, side="right")
    ids, square = np.unique(cluster), 0.0
    for c in np.unique(code):
        excess = np.where(code == c, probability - connected, 0.0)
        of_cluster = np.array([excess[cluster == one].sum() for one in ids])
        square += (excess.sum() ** 2 - len(ids) * np.var(of_cluster, ddof=1)) / (code == c).sum()
    return float(np.sqrt(max(square / len(code), 0.0)))
