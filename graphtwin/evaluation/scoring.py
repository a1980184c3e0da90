"""Predictions against what was held out, as rows of the metrics table: estimate, 95 % interval, and paired differences of models.

All models of a task are scored on the same rows and the same resamples. Each fold was predicted by a fit of its own, whose level follows
the prevalence of its training side, which is high where that of the held-out side is low. So nothing is ranked, binned or taken for a class
across folds: metrics are found within each fold and averaged, those of ranking with its connected pairs, the others with its rows. A model
that knows nothing then scores what chance is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Num

from graphtwin.evaluation import metrics
from graphtwin.evaluation.ranking import auc_of_each, rank_pairs, resampled_precision_at_k, resampled_ranking
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
    fold: Int[np.ndarray, " pairs"],
    distance_um: Float[np.ndarray, " pairs"],
    design: ScoreDesign,
    cluster: Int[np.ndarray, " pairs"] | None = None,
    falling: Mapping[str, Int[np.ndarray, " pairs"]] | None = None,
) -> Scores:
    """Ranking and calibration of held-out pairs.

    Args:
        connected: Whether a synapse was observed.
        probabilities: Probability of a connection for every pair, by model.
        axon: Id of each pair's axon (`pre_nucleus_id`).
        fold: Fold in which each pair was held out, one for all pairs of an axon.
        distance_um: Soma distance (um); bins of 10 um make the distance-matched AUC, pairs without a distance are in all other metrics.
        design: What the pairs are and how they are resampled.
        cluster: Id of what is resampled, the same for all pairs of an axon; the axon itself if not given.
        falling: Rows from the highest probability down, by model, where they are known.
    """
    row, n_clusters = cluster_rows(axon if cluster is None else cluster)
    axon_row, n_axons = cluster_rows(axon)
    of_axon = np.zeros(n_axons, dtype=np.int32)
    of_axon[axon_row] = row
    counts = cluster_counts(n_clusters, design.n_replicates, design.seed, design.cluster)
    number = cluster_rows(fold)[0].astype(np.int64)
    bins, order = metrics.distance_stratum(distance_um), falling or {}
    matched = np.where(bins < 0, -1, number * (bins.max(initial=-1) + 1) + bins)
    with ThreadPoolExecutor(N_THREADS) as pool:  # sorting and the compiled passes release the lock
        scored = pool.map(
            lambda name: _score_pair_model(connected, probabilities[name], axon_row, of_axon, number, matched, counts, order.get(name)),
            probabilities,
        )
        values = dict(zip(probabilities, scored, strict=True))
    return Scores(design, len(connected), n_clusters, values)


def falling_orders(probabilities: Mapping[str, Num[np.ndarray, " pairs"]]) -> dict[str, Int[np.ndarray, " pairs"]]:
    """Rows from the highest probability down, by model; the order of any part of the rows follows from it by `order_among`."""
    with ThreadPoolExecutor(N_THREADS) as pool:
        orders = pool.map(lambda said: metrics.falling_order(said).astype(np.int32), probabilities.values())
        return dict(zip(probabilities, orders, strict=True))


def _score_pair_model(
    connected: np.ndarray,
    probability: np.ndarray,
    axon: np.ndarray,
    of_axon: np.ndarray,
    fold: np.ndarray,
    matched: np.ndarray,
    counts: np.ndarray,
    falling: np.ndarray | None,
) -> dict[str, Resampled]:
    row, n_clusters = of_axon[axon], counts.shape[1]
    falling = metrics.falling_order(probability, falling=falling)  # sorted once for all strata
    ranked = rank_pairs(connected, probability, row, fold, falling)
    auc, precision = resampled_ranking(ranked, counts)
    auc_matched, _ = resampled_ranking(rank_pairs(connected, probability, row, matched, falling), counts)
    within = auc_of_each(connected, probability, axon, len(of_axon), falling)
    defined = np.isfinite(within)
    found = {
        "auc": resampled(auc, n_clusters),
        "average_precision": resampled(precision, n_clusters),
        "auc_within_distance": resampled(auc_matched, n_clusters),
        "auc_within_axon": resample_mean(within[defined], of_axon[defined], counts),
    }
    for k in TOP_K:
        found[f"precision_at_{k}"] = resampled(resampled_precision_at_k(ranked, counts, k), n_clusters)
    found["calibration_error"] = resampled(resampled_calibration_error(connected, probability, row, fold, counts), n_clusters)
    found["brier"] = resample_mean((probability.astype(np.float64) - connected) ** 2, row, counts)
    found["log_loss"] = resample_mean(metrics.log_loss_terms(connected, probability), row, counts)
    return found


def resampled_calibration_error(
    connected: Bool[np.ndarray, " rows"],
    probability: Float[np.ndarray, " rows"],
    row: Int[np.ndarray, " rows"],
    fold: Int[np.ndarray, " rows"],
    counts: Int[np.ndarray, "replicates clusters"],
    n_bins: int = 20,
) -> Float[np.ndarray, " replicates"]:
    """Root mean square over rows of the gap between promised and observed share in the row's bin of its fold, for every draw.

    Chance alone makes a gap in every bin: its variance over clusters is taken off the square, once for the sample (row 0 of the counts) and
    twice for a resample, which adds its own. Else the error of right probabilities would lie above 0 and its resamples above it. 0 where
    nothing is left. Source: Kumar, Liang & Ma 2019, arXiv:1909.10155.
    """
    bins, n_clusters = metrics.calibration_bin(probability, fold, n_bins), counts.shape[1]
    n_bins = int(bins.max(initial=-1)) + 1
    cell = row.astype(np.int64) * n_bins + bins
    excess = np.bincount(cell, probability - connected.astype(np.float64), minlength=n_clusters * n_bins).reshape(-1, n_bins)
    n = np.maximum(np.bincount(bins, minlength=n_bins), 1)  # a bin that is empty has no gap
    of_draw = n_clusters * excess.var(axis=0)
    of_sample = of_draw * n_clusters / max(n_clusters - 1, 1)
    chance = of_sample + (np.arange(len(counts)) > 0)[:, None] * of_draw
    square = (((counts @ excess) ** 2 - chance) / n).sum(1) / len(probability)
    return np.sqrt(np.maximum(square, 0.0))


def score_labels(
    true: Int[np.ndarray, " rows"],
    probabilities: Mapping[str, Float[np.ndarray, "rows classes"]],
    classes: tuple[str, ...],
    cluster: Int[np.ndarray, " rows"],
    scan: Int[np.ndarray, " rows"],
    fold: Int[np.ndarray, " rows"],
    design: ScoreDesign,
) -> Scores:
    """Recognition of cell types or layers; rows whose true class is -1 (unknown) are left out.

    Args:
        true: Index of the true class in `classes`, or -1 where it is unknown.
        probabilities: Probability of every class (columns) for every row, by model.
        classes: Names of the classes.
        cluster: Id of what is resampled: the neuron, its scan or its tile.
        scan: Number of each row's scan; balanced accuracy within scans is what is left when the scan's identity says nothing.
        fold: Fold in which each row was held out.
        design: What the rows are and how they are resampled.
    """
    known = true >= 0
    true, fold = true[known], fold[known]
    row, n_clusters = cluster_rows(cluster[known])
    counts = cluster_counts(n_clusters, design.n_replicates, design.seed, design.cluster)
    groups = fold, _scans_of_folds(scan[known], fold)
    values = {name: _score_label_model(true, p[known], classes, groups, row, counts) for name, p in probabilities.items()}
    return Scores(design, len(true), n_clusters, values)


def _scans_of_folds(scan: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Number of the part of each row's scan that is in its fold."""
    return np.unique(np.stack([scan, fold], axis=1), axis=0, return_inverse=True)[1].ravel()


def _score_label_model(
    true: np.ndarray,
    probability: np.ndarray,
    classes: tuple[str, ...],
    groups: tuple[np.ndarray, np.ndarray],
    row: np.ndarray,
    counts: np.ndarray,
) -> dict[str, Resampled]:
    predicted, n = probability.argmax(1), len(classes)
    fold, scan = groups
    recall = metrics.recall_per_class(true, predicted, n, counts[:, row])
    found = {
        name: resample_metric(partial(metrics.balanced_accuracy, true, predicted, n, group), row, counts)
        for name, group in (("balanced_accuracy", fold), ("balanced_accuracy_within_scan", scan))
    }
    of_class = [len(np.unique(row[true == i])) for i in range(n)]
    found |= {f"recall {name}": resampled(recall[:, i], of_class[i]) for i, name in enumerate(classes) if of_class[i]}
    top, correct = probability.max(1), predicted == true
    found["calibration_error"] = resampled(resampled_calibration_error(correct, top, row, fold, counts), counts.shape[1])
    of_truth = np.clip(probability[np.arange(len(true)), true].astype(np.float64), 1e-12, 1.0)
    found["log_loss"] = resample_mean(-np.log(of_truth), row, counts)
    return found


def score_positions(
    true: Float[np.ndarray, " rows"],
    predictions: Mapping[str, tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]],
    cluster: Int[np.ndarray, " rows"],
    scan: Int[np.ndarray, " rows"],
    fold: Int[np.ndarray, " rows"],
    design: ScoreDesign,
) -> Scores:
    """Depth or lateral position (um) from each model's mean and standard deviation; rows of unknown position are left out.

    Args:
        true: Position of every row (um), NaN where it is unknown.
        predictions: Mean and standard deviation (um) of every row, by model; a deviation that is NaN leaves the coverage without a value.
        cluster: Id of what is resampled: the neuron, its scan or its tile.
        scan: Number of each row's scan.
        fold: Fold in which each row was held out.
        design: What the rows are and how they are resampled.
    """
    known = np.isfinite(true)
    true, group = true[known], _scans_of_folds(scan[known], fold[known])
    row, n_clusters = cluster_rows(cluster[known])
    counts = cluster_counts(n_clusters, design.n_replicates, design.seed, design.cluster)
    values = {name: _score_position_model(true, mean[known], sd[known], group, row, counts) for name, (mean, sd) in predictions.items()}
    return Scores(design, len(true), n_clusters, values)


def _score_position_model(
    true: np.ndarray, mean: np.ndarray, sd: np.ndarray, group: np.ndarray, row: np.ndarray, counts: np.ndarray
) -> dict[str, Resampled]:
    return {
        "r2": resample_metric(partial(metrics.r_squared, true, mean), row, counts),
        "r2_within_scan": resample_metric(partial(metrics.r_squared_within, true, mean, group), row, counts),
        "median_absolute_error": resample_metric(partial(metrics.median_absolute_error, true, mean), row, counts),
        "interval_coverage": resample_mean(metrics.inside_interval(true, mean, sd), row, counts),
    }
