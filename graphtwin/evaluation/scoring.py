"""Predictions against what was held out, as rows of the metrics table: estimate, 95 % interval, and paired differences of models.

All models of a task are scored on the same rows and the same resamples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.evaluation import metrics
from graphtwin.evaluation.ranking import rank_pairs, resampled_precision_at_k, resampled_ranking
from graphtwin.statistics import Resampled, cluster_counts, cluster_rows, resample_mean, resample_metric, resampled

COLUMNS = ["task", "split", "model", "subset", "metric", "unit", "estimate", "low", "high", "n", "n_clusters", "cluster"]
UNITS = {"median_absolute_error": "um"}  # unit of each metric that has one
TOP_K = (100, 1000)  # pairs at the head of the ranking whose precision is told
N_THREADS = 2  # threads, as many as the cores of a small machine; they change no number


@dataclass(frozen=True)
class ScoreDesign:
    """What the rows are and how they are resampled.

    Attributes:
        cluster: What is drawn with replacement: "axon", "neuron", "scan" or "tile" (of tissue).
    """

    task: str
    split: str
    cluster: str
    subset: str = "all"
    seed: int = 0
    n_replicates: int = 200


@dataclass(frozen=True)
class Scores:
    """Every metric of every model with its replicates."""

    design: ScoreDesign
    n: int
    n_clusters: int
    values: dict[str, dict[str, Resampled]]

    def table(self) -> pd.DataFrame:
        """One row a model and metric."""
        return self._rows((model, metric, value) for model, found in self.values.items() for metric, value in found.items())

    def differences(self, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
        """Rows "A - B" for each named pair of models, on the same resamples."""
        return self._rows(
            (f"{a} - {b}", metric, self.values[a][metric] - self.values[b][metric])
            for a, b in pairs
            for metric in self.values[a]
            if metric in self.values[b]
        )

    def _rows(self, found: Iterable[tuple[str, str, Resampled]]) -> pd.DataFrame:
        d = self.design
        rows = [
            (
                d.task,
                d.split,
                model,
                d.subset,
                metric,
                UNITS.get(metric, "1"),
                value.estimate,
                *value.interval(),
                self.n,
                self.n_clusters,
                d.cluster,
            )
            for model, metric, value in found
        ]
        return pd.DataFrame(rows, columns=COLUMNS)


def score_pairs(
    connected: Bool[np.ndarray, " pairs"],
    probabilities: Mapping[str, Float[np.ndarray, " pairs"]],
    axon: Int[np.ndarray, " pairs"],
    distance_um: Float[np.ndarray, " pairs"],
    design: ScoreDesign,
    cluster: Int[np.ndarray, " pairs"] | None = None,
) -> Scores:
    """Ranking and calibration of held-out pairs.

    Args:
        connected: Whether a synapse was observed.
        probabilities: Probability of a connection for every pair, by model.
        axon: Id of each pair's axon (`pre_nucleus_id`).
        distance_um: Soma distance (um); bins of 10 um make the distance-matched AUC, pairs without a distance are in all other metrics.
        design: What the pairs are and how they are resampled.
        cluster: Id of what is resampled, the same for all pairs of an axon; the axon itself if not given.
    """
    row, n_clusters = cluster_rows(axon if cluster is None else cluster)
    axon_row, n_axons = cluster_rows(axon)
    of_axon = np.zeros(n_axons, dtype=np.int32)
    of_axon[axon_row] = row
    counts = cluster_counts(n_clusters, design.n_replicates, design.seed, design.cluster)
    stratum = metrics.distance_stratum(distance_um)
    with ThreadPoolExecutor(N_THREADS) as pool:  # sorting and the compiled passes release the lock
        scored = pool.map(lambda p: _score_pair_model(connected, p, axon_row, of_axon, stratum, counts), probabilities.values())
        values = dict(zip(probabilities, scored, strict=True))
    return Scores(design, len(connected), n_clusters, values)


def _score_pair_model(
    connected: np.ndarray, probability: np.ndarray, axon: np.ndarray, of_axon: np.ndarray, stratum: np.ndarray, counts: np.ndarray
) -> dict[str, Resampled]:
    row, n_clusters = of_axon[axon], counts.shape[1]
    ranked = rank_pairs(connected, probability, row)
    auc, precision = resampled_ranking(ranked, counts)
    matched, _ = resampled_ranking(rank_pairs(connected, probability, row, stratum), counts)
    within = np.full(len(of_axon), np.nan)
    ids, auc_of_axon = metrics.auc_by_stratum(connected, probability, axon)
    within[ids] = auc_of_axon
    defined = np.isfinite(within)
    found = {
        "auc": resampled(auc, n_clusters),
        "average_precision": resampled(precision, n_clusters),
        "auc_within_distance": resampled(matched, n_clusters),
        "auc_within_axon": resample_mean(within[defined], of_axon[defined], counts),
    }
    for k in TOP_K:
        found[f"precision_at_{k}"] = resampled(resampled_precision_at_k(ranked, counts, k), n_clusters)
    found["calibration_error"] = resampled(resampled_calibration_error(connected, probability, row, counts), n_clusters)
    found["brier"] = resample_mean((probability.astype(np.float64) - connected) ** 2, row, counts)
    found["log_loss"] = resample_mean(metrics.log_loss_terms(connected, probability), row, counts)
    return found


def resampled_calibration_error(
    connected: Bool[np.ndarray, " rows"],
    probability: Float[np.ndarray, " rows"],
    row: Int[np.ndarray, " rows"],
    counts: Int[np.ndarray, "replicates clusters"],
    n_bins: int = 20,
) -> Float[np.ndarray, " replicates"]:
    """Expected calibration error of every draw, bins fixed on the sample: |sum of (probability - outcome)| a bin, over all rows.

    Resampling adds noise to every bin, so a small error's interval lies above it: read it as how large the error may look, not where it is.
    """
    cell = row.astype(np.int64) * n_bins + metrics.calibration_bin(probability, n_bins)
    size = counts.shape[1] * n_bins
    excess = np.bincount(cell, probability - connected.astype(np.float64), minlength=size).reshape(-1, n_bins)
    rows = counts @ np.bincount(row, minlength=counts.shape[1])
    return np.abs(counts @ excess).sum(1) / rows


def score_labels(
    true: Int[np.ndarray, " rows"],
    probabilities: Mapping[str, Float[np.ndarray, "rows classes"]],
    classes: tuple[str, ...],
    cluster: Int[np.ndarray, " rows"],
    scan: Int[np.ndarray, " rows"],
    design: ScoreDesign,
) -> Scores:
    """Recognition of cell types or layers; rows whose true class is -1 (unknown) are left out.

    Args:
        true: Index of the true class in `classes`, or -1 where it is unknown.
        probabilities: Probability of every class (columns) for every row, by model.
        classes: Names of the classes.
        cluster: Id of what is resampled: the neuron, its scan or its tile.
        scan: Number of each row's scan; balanced accuracy within scans is what is left when the scan's identity says nothing.
        design: What the rows are and how they are resampled.
    """
    known = true >= 0
    true, scan = true[known], scan[known]
    row, n_clusters = cluster_rows(cluster[known])
    counts = cluster_counts(n_clusters, design.n_replicates, design.seed, design.cluster)
    values = {name: _score_label_model(true, p[known], classes, scan, row, counts) for name, p in probabilities.items()}
    return Scores(design, len(true), n_clusters, values)


def _score_label_model(
    true: np.ndarray, probability: np.ndarray, classes: tuple[str, ...], scan: np.ndarray, row: np.ndarray, counts: np.ndarray
) -> dict[str, Resampled]:
    predicted, n = probability.argmax(1), len(classes)
    recall = np.array([metrics.recall_per_class(true, predicted, n, count[row]) for count in counts])
    found = {
        "balanced_accuracy": resample_metric(lambda w: metrics.balanced_accuracy(true, predicted, n, w), row, counts),
        "balanced_accuracy_within_scan": resample_metric(
            lambda w: metrics.balanced_accuracy_within(true, predicted, n, scan, w), row, counts
        ),
    }
    of_class = [len(np.unique(row[true == i])) for i in range(n)]
    found |= {f"recall {name}": resampled(recall[:, i], of_class[i]) for i, name in enumerate(classes) if of_class[i]}
    top, correct = probability.max(1), predicted == true
    found["calibration_error"] = resampled(resampled_calibration_error(correct, top, row, counts), counts.shape[1])
    of_truth = np.clip(probability[np.arange(len(true)), true].astype(np.float64), 1e-12, 1.0)
    found["log_loss"] = resample_mean(-np.log(of_truth), row, counts)
    return found


def score_positions(
    true: Float[np.ndarray, " rows"],
    predictions: Mapping[str, tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]],
    cluster: Int[np.ndarray, " rows"],
    design: ScoreDesign,
) -> Scores:
    """Depth or lateral position (um) from each model's mean and standard deviation; rows of unknown position are left out."""
    known = np.isfinite(true)
    true = true[known]
    row, n_clusters = cluster_rows(cluster[known])
    counts = cluster_counts(n_clusters, design.n_replicates, design.seed, design.cluster)
    values = {name: _score_position_model(true, mean[known], sd[known], row, counts) for name, (mean, sd) in predictions.items()}
    return Scores(design, len(true), n_clusters, values)


def _score_position_model(true: np.ndarray, mean: np.ndarray, sd: np.ndarray, row: np.ndarray, counts: np.ndarray) -> dict[str, Resampled]:
    inside = (np.abs(true - mean) <= metrics.NORMAL_95 * sd).astype(np.float64)
    return {
        "r2": resample_metric(lambda w: metrics.r_squared(true, mean, w), row, counts),
        "median_absolute_error": resample_metric(lambda w: metrics.median_absolute_error(true, mean, w), row, counts),
        "interval_coverage": resample_mean(inside, row, counts),
    }
