"""From predictions to the metrics table, paired differences and permutation nulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.evaluation import (
    EVERY,
    WITHIN_EXPOSURE,
    About,
    ScoreDesign,
    Scores,
    Verdict,
    falling_orders,
    headline_subset,
    order_among,
    rank_pairs,
    resampled_ranking,
    score_labels,
    score_pairs,
    score_positions,
    tiles,
)
from graphtwin.graph.runs import (
    BASELINES,
    BOOSTED_MESSAGES,
    FROM_FUNCTION,
    FUNCTION_NETWORK,
    GRAPH_MODEL,
    LATERAL,
    MESSAGE_PASSING,
    NETWORK,
    NO_FUNCTION,
    WITHOUT_MESSAGES,
    Rivals,
    Study,
    best_models,
    is_graph_model,
    network_of,
    stacked,
)
from graphtwin.pipeline.graph import neuron_jobs as neurons
from graphtwin.pipeline.graph import pair_jobs as connectivity
from graphtwin.pipeline.graph.jobs import JobKey, Results
from graphtwin.statistics import cluster_counts, cluster_rows, resampled

PERMUTED = "embeddings permuted within layer and scan"
PERMUTED_IN_SCAN = "embeddings permuted within scan"  # where the layer, or what goes with it, is what is predicted
REWIRED = "degree-preserving rewiring"
OF_FUNCTION = "embeddings permuted"  # how the names of nulls begin in which function is permuted; of one scan no scan is spoken of
LABEL_NULLS = ("balanced_accuracy", "balanced_accuracy_within_scan")  # metrics of labels that are told of permuted function
PLACE_NULLS = ("r2", "r2_within_scan")
WITHIN_SCAN = "_within_scan"  # ending of metrics that compare neurons of one scan
PAIR_PAIRS = [
    (GRAPH_MODEL, "exposure"),
    (GRAPH_MODEL, "boosting"),
    (GRAPH_MODEL, "boosting + tuning"),
    (GRAPH_MODEL, "logistic"),
    (GRAPH_MODEL, "distance"),
    (GRAPH_MODEL, NO_FUNCTION),
    (GRAPH_MODEL, WITHOUT_MESSAGES),
    (GRAPH_MODEL, MESSAGE_PASSING),
    (GRAPH_MODEL, BOOSTED_MESSAGES),
    (MESSAGE_PASSING, "boosting"),
    (BOOSTED_MESSAGES, "boosting"),
    ("boosting + tuning", "boosting"),
    ("boosting", "exposure"),
]
GRAPH_MODELS = (BOOSTED_MESSAGES, NO_FUNCTION, WITHOUT_MESSAGES, MESSAGE_PASSING, GRAPH_MODEL)
SUBSET_MODELS = ("distance", "exposure", "logistic", "boosting", "boosting + tuning", *GRAPH_MODELS)


def neuron_scores(study: Study, labels: dict[str, pd.DataFrame], positions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Metrics and paired differences of cell type, layer and places, for every split.

    Args:
        study: The study, which tells classes and scans.
        labels: Predicted labels: "layer" and "cell_type" to their `label_table`.
        positions: Predicted positions, as `position_table` returns them.
    """
    metrics: list[pd.DataFrame] = []
    differences: list[pd.DataFrame] = []
    for task, table in labels.items():
        for split, found in _plain(table).groupby("split", sort=False):
            scores = _label_scores(study, task, str(split), found)
            _collect(scores, _neuron_pairs(scores), metrics, differences)
    for (split, target), found in _plain(positions).groupby(["split", "target"], sort=False):
        scores = _position_scores(study, str(split), str(target), found)
        _collect(scores, _neuron_pairs(scores), metrics, differences)
    return pd.concat(metrics, ignore_index=True), pd.concat(differences, ignore_index=True)


def _neuron_pairs(scores: Scores) -> list[tuple[str, str]]:
    """Models of neurons that are compared: the graph model from least evidence with every baseline, that from more with the scan alone.

    Each graph model is compared with its network too.
    """
    graph = [model for model in scores.values if is_graph_model(model) and not model.startswith(NETWORK)]
    least = FROM_FUNCTION if FROM_FUNCTION in graph else graph[0] if graph else ""
    baselines = [model for model in scores.values if not is_graph_model(model)]
    networks = [(model, network_of(model)) for model in graph]
    return [*((least, model) for model in baselines), *((model, "scan alone") for model in graph if model != least), *networks]


def _of_scans(study: Study, scores: Scores) -> Scores:
    """The scores without those within scans where there is one scan, or none."""
    if study.has_scans:
        return scores
    kept = {model: {name: value for name, value in of.items() if not name.endswith(WITHIN_SCAN)} for model, of in scores.values.items()}
    return replace(scores, values=kept)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Predictions without those of permuted models, which are a null and no contender."""
    return table[table["permutation"] == neurons.REAL]


def _collect(scores: Scores, wanted: list[tuple[str, str]], metrics: list[pd.DataFrame], differences: list[pd.DataFrame]) -> None:
    metrics.append(scores.table())
    there = [(a, b) for a, b in wanted if a in scores.values and b in scores.values]
    differences.append(scores.differences(there))


def _wide(found: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each model's rows in the same order of neurons."""
    return {str(model): part.sort_values("nucleus_id", ignore_index=True) for model, part in found.groupby("model", sort=False)}


def _label_scores(study: Study, task: str, split: str, found: pd.DataFrame, n_replicates: int | None = None) -> Scores:
    classes = study.inputs.layers if task == "layer" else study.inputs.cell_types
    by_model = _wide(found)
    first = next(iter(by_model.values()))
    true = pd.Categorical(first["true"], categories=list(classes)).codes.astype(np.int64)
    scan = study.scan[study.rows_of(first["nucleus_id"])]
    columns = [f"probability_{name}" for name in classes]
    probabilities = {model: part[columns].to_numpy(np.float64) for model, part in by_model.items()}
    name, cluster = clusters(study, split, first["nucleus_id"])
    fold, design = first["fold"].to_numpy(np.int64), _design(study, task, split, name, n_replicates=n_replicates)
    return _of_scans(study, score_labels(true, probabilities, classes, cluster, scan, fold, design))


def _position_scores(study: Study, split: str, target: str, found: pd.DataFrame, n_replicates: int | None = None) -> Scores:
    by_model = _wide(found)
    first = next(iter(by_model.values()))
    predictions = {model: (part["mean_um"].to_numpy(np.float64), part["sd_um"].to_numpy(np.float64)) for model, part in by_model.items()}
    task, subset = (target, "all") if target in study.places else (LATERAL, target)
    name, cluster = clusters(study, split, first["nucleus_id"])
    scan, fold = study.scan[study.rows_of(first["nucleus_id"])], first["fold"].to_numpy(np.int64)
    design = _design(study, task, split, name, subset, n_replicates)
    return _of_scans(study, score_positions(first["true_um"].to_numpy(np.float64), predictions, cluster, scan, fold, design))


def clusters(study: Study, split: str, nucleus_id: pd.Series) -> tuple[str, np.ndarray]:
    """Name of what a split's interval resamples, and the cluster of each row: whole scans or tiles of tissue where these are held out."""
    rows = study.rows_of(nucleus_id)
    if split == "scan":
        return "scan", study.inputs.scan[rows]
    if split == "block":
        return "tile", tiles(study.inputs.position[rows][:, study.cut], study.tile_side_um)
    return ("axon" if split == "axon" else "neuron"), nucleus_id.to_numpy(np.int64)


def _design(study: Study, task: str, split: str, cluster: str, subset: str = "all", n_replicates: int | None = None) -> ScoreDesign:
    replicates = study.settings.replicates if n_replicates is None else n_replicates
    return ScoreDesign(task, split, cluster, subset, study.settings.seed, replicates)


def pair_scores(study: Study, split: str, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Metrics and paired differences of connectivity, on all pairs, within exposure, on those of known distance and on proofread axons.

    Args:
        study: The study, which tells proofreading status and settings.
        split: Name of the split: "axon" or "block".
        table: Held-out pairs with every model's probability, as `pair_table` returns them.
    """
    metrics: list[pd.DataFrame] = []
    differences: list[pd.DataFrame] = []
    models = model_columns(table)
    status = study.cortex.neurons.set_index("nucleus_id")["axon_status"]
    proofread = status.isin(["clean", "extended"]).reindex(table["pre_nucleus_id"]).to_numpy(bool)
    subsets = {"all": np.ones(len(table), bool)}
    if connectivity.EXPOSURE in table:
        subsets[WITHIN_EXPOSURE] = within(table)
    if split == "axon":
        subsets |= {"known positions": np.isfinite(table["distance_um"].to_numpy()), "proofread axons": proofread}
    falling = falling_orders({name: table[name].to_numpy() for name in models})
    for subset, rows in subsets.items():
        part = table[rows] if not rows.all() else table
        if not part["connected"].any():
            continue
        kept = models if subset in ("all", WITHIN_EXPOSURE) else [name for name in models if name in SUBSET_MODELS]
        cluster_name, cluster = clusters(study, split, part["pre_nucleus_id"])
        scores = score_pairs(
            part["connected"].to_numpy(),
            {name: part[name].to_numpy(np.float64) for name in kept},
            part["pre_nucleus_id"].to_numpy(np.int64),
            part["fold"].to_numpy(np.int64),
            part["distance_um"].to_numpy(np.float64),
            _design(study, "connectivity", split, cluster_name, subset),
            cluster,
            {name: order_among(rows, falling[name]) for name in kept},
        )
        _collect(scores, PAIR_PAIRS, metrics, differences)
    return pd.concat(metrics, ignore_index=True), pd.concat(differences, ignore_index=True)


def model_columns(table: pd.DataFrame) -> list[str]:
    """The models that a table of held-out pairs has probabilities of."""
    return [name for name in (*BASELINES, "logistic + tuning", "boosting + tuning", *GRAPH_MODELS) if name in table]


def within(table: pd.DataFrame) -> np.ndarray:
    """Which pairs are within exposure; none where the source has no exposures, or none of a connected pair."""
    if connectivity.EXPOSURE not in table:
        return np.zeros(len(table), bool)
    found = table[connectivity.EXPOSURE].to_numpy() > 0
    return found if table.loc[found, "connected"].any() else np.zeros(len(table), bool)


def size_scores(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """How well the size of held-out connections is ranked: Spearman's correlation in each fold, averaged with its connections.

    Args:
        study: The study, whose settings say the number of resamples.
        table: Held-out pairs, as `pair_table` returns them.
    """
    linked = table[table["connected"]]
    row, n = cluster_rows(linked["pre_nucleus_id"].to_numpy(np.int64))
    counts = cluster_counts(n, study.settings.replicates, study.settings.seed, "axon").astype(np.float64)
    above, below = np.zeros((2, len(counts)))
    for _, rows in linked.groupby("fold", sort=True).indices.items():
        found, drawn = _correlations(linked.iloc[rows][["size", "expected_size"]].rank(), row[rows], counts)
        above += np.where(np.isfinite(found), drawn * found, 0.0)
        below += np.where(np.isfinite(found), drawn, 0.0)
    spearman = np.divide(above, below, out=np.full(len(counts), np.nan), where=below > 0)
    design = _design(study, "size", "axon", "axon", "connected pairs")
    return Scores(design, len(linked), n, {GRAPH_MODEL: {"spearman": resampled(spearman, n)}}).table()


def _correlations(rank: pd.DataFrame, cluster: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of two columns and number of rows in every draw; NaN where a column does not vary."""
    x, y = (rank - rank.mean()).to_numpy(np.float64).T
    products = np.stack([x * y, x, y, x * x, y * y, np.ones(len(x))])
    sums = counts @ np.stack([np.bincount(cluster, value, minlength=counts.shape[1]) for value in products], axis=1)
    n = sums[:, -1]
    mean = np.divide(sums, n[:, None], out=np.full_like(sums, np.nan), where=n[:, None] > 0)
    xy, mean_x, mean_y, xx, yy, _ = mean.T
    variance = (xx - mean_x**2) * (yy - mean_y**2)
    below = np.sqrt(np.where(variance > 1e-12 * np.max(np.abs(variance), initial=0.0), variance, np.nan))
    return (xy - mean_x * mean_y) / below, n


def null_table(
    study: Study, labels: dict[str, pd.DataFrame], positions: pd.DataFrame, pairs: pd.DataFrame | None, results: Results
) -> pd.DataFrame:
    """Metrics where function was permuted or the training graph rewired, one row a replicate and metric.

    Of pairs they are the graph model's, of neurons those of its network alone.

    Args:
        study: The study.
        labels: Predicted labels, as `neuron_scores` takes them.
        positions: Predicted positions, likewise.
        pairs: Held-out pairs of the split by axon; None where connectivity is not scored.
        results: Tables of all jobs.
    """
    rows = []
    if study.has_function:
        for task, table in labels.items():
            rows += _neuron_nulls(study, table, task, LABEL_NULLS)
        for target in study.places:
            place = positions[positions["target"] == target]
            rows += _neuron_nulls(study, place, target, PLACE_NULLS) if len(place) else []
    rows += [] if pairs is None else _pair_nulls(study, pairs, results)
    found = pd.DataFrame(rows, columns=["task", "model", "null", "replicate", "metric", "estimate", "observed"])
    return found if study.has_scans else found.assign(null=found["null"].str.replace(r" (within|and) scan$", "", regex=True))


def _neuron_nulls(study: Study, table: pd.DataFrame, task: str, metrics: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows of one neuron task: the network where function was permuted, beside that of the real data on the same folds.

    The baselines of the graph model are not fitted again on each permutation, so that its null is that of its network alone.
    """

    def score(found: pd.DataFrame) -> dict[str, float]:
        named = found.assign(model=FUNCTION_NETWORK)
        place = task in study.places
        scores = _position_scores(study, "neuron", task, named, 0) if place else _label_scores(study, task, "neuron", named, 0)
        found_in = scores.values[FUNCTION_NETWORK]
        return {metric: found_in[metric].estimate for metric in metrics if metric in found_in}

    permuted_too = table["fold"].isin(table.loc[table["permutation"] != neurons.REAL, "fold"])
    network = (table["model"] == FUNCTION_NETWORK) & (table["split"] == "neuron")
    observed, rows = score(table[network & permuted_too]), []
    for replicate, found in _replicates(table):
        permuted = score(found)
        rows += [(task, FUNCTION_NETWORK, PERMUTED_IN_SCAN, replicate, metric, permuted[metric], observed[metric]) for metric in observed]
    return rows


def _pair_nulls(study: Study, pairs: pd.DataFrame, results: Results) -> list[tuple[Any, ...]]:
    """Rows of connectivity, on the folds of axons that the nulls were fitted for; the observed value is of the same pairs.

    A null's graph model has weights that are learned as those of the real one are; of permuted function with the same baselines.
    """
    folds = range(min(study.settings.null_folds, study.settings.axon_folds))
    part = pairs[pairs["fold"].isin(folds)]
    shown = within(part) if within(part).any() else np.ones(len(part), bool)
    axon, n_axons = cluster_rows(part["pre_nucleus_id"].to_numpy(np.int64)[shown])
    connected, fold = part["connected"].to_numpy()[shown], part["fold"].to_numpy(np.int64)[shown]

    def ranking(probability: np.ndarray) -> dict[str, float]:
        ranked = rank_pairs(connected, probability[shown], axon, fold)
        auc, precision = resampled_ranking(ranked, np.ones((1, n_axons), dtype=np.int64))
        return {"auc": float(auc[0]), "average_precision": float(precision[0])}

    observed, rows = ranking(part[GRAPH_MODEL].to_numpy()), []
    permutations = study.settings.permutations if study.has_function else 0
    for null, variant, number in ((PERMUTED, "permuted", permutations), (REWIRED, "rewired", study.settings.rewired)):
        key = [partial(JobKey, connectivity.TASK, split="axon", fold=number) for number in folds]
        as_is = [Rivals.of(results[of("baselines")]) for of in key]
        for replicate in range(number):
            graph = [results[of("graph", variant, replicate=replicate)] for of in key]
            rivals = as_is
            if variant == "rewired":
                rivals = [Rivals.of(results[of("baselines", variant, replicate=replicate)]) for of in key]
            said = [stacked(*both, "axon", [GRAPH_MODEL])[GRAPH_MODEL] for both in zip(graph, rivals, strict=True)]
            found = ranking(np.concatenate(said))
            rows += [("connectivity", GRAPH_MODEL, null, replicate, metric, found[metric], observed[metric]) for metric in found]
    return rows


def chosen_for_pairs(metrics: pd.DataFrame) -> tuple[bool, Verdict]:
    """Which model answers for pairs, in words, and whether the graph model that is kept uses function: where it is no worse with it."""
    subset = headline_subset(metrics, "connectivity", "axon")
    of_axons = metrics.query("task == 'connectivity' and split == 'axon' and subset == @subset and metric == 'average_precision'")
    precision = of_axons.set_index("model")["estimate"]
    function = bool(precision[GRAPH_MODEL] >= precision.get(NO_FUNCTION, -np.inf))
    best = best_models(metrics)["connectivity"]
    text = (
        f"connectivity: `graphtwin predict` uses {best.model}, whose average precision on held-out axons"
        f"{'' if subset == EVERY else f' {subset}'} is {best.estimate:.4f} against "
        f"{best.next_estimate:.4f} of {best.next_best}, the next of {best.others} models; it was chosen on these same axons."
    )
    about: About | None = "function" if NO_FUNCTION in precision else None
    return function, Verdict("connectivity", about, "chosen", None, text, "axon", "average_precision", best.model, best.next_best)


def _replicates(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """Permuted rows by replicate."""
    permuted = table[table["permutation"] != neurons.REAL]
    return [(int(k), part) for k, part in permuted.groupby("permutation", sort=True)]


def metrics_tree(metrics: pd.DataFrame) -> dict[str, Any]:
    """The metrics table as nested JSON: task, split, subset, model, metric."""
    tree: dict[str, Any] = {}
    for row in metrics.to_dict("records"):
        at = tree
        for key in ("task", "split", "subset", "model"):
            at = at.setdefault(str(row[key]), {})
        at[str(row["metric"])] = {key: row[key] for key in ("estimate", "low", "high", "unit", "n", "n_clusters", "cluster")}
    return tree
