"""What carries over from one brain area to another: a table of scores, and a sentence for each task."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from graphtwin.evaluation import ScoreDesign, Verdict, rank_models, score_labels, score_positions
from graphtwin.graph.runs import FROM_FUNCTION, GRAPH_MODEL, Study
from graphtwin.pipeline.graph.area_jobs import SPLIT, answers_of_neurons, answers_of_pairs
from graphtwin.pipeline.graph.areas import Areas, asked_neurons, asked_pairs, neuron_folds
from graphtwin.pipeline.graph.jobs import Results
from graphtwin.pipeline.graph.neuron_jobs import label_table, position_table
from graphtwin.statistics import Resampled

COLUMNS = ["task", "train", "test", "model", "less", "metric", "estimate", "low", "high", "n", "n_clusters", "cluster"]
NOTHING = "nothing"  # in `less`: the row is a score and no difference
OF_OWN_AREA = "own area"  # in `less`: the same model of the area that is asked about, learned in other folds of it
METRICS = {"cell_type": "balanced_accuracy", "layer": "balanced_accuracy", "connectivity": "auc"}  # r2 of places
METRIC_NAMES = {"balanced_accuracy": "balanced accuracy", "auc": "AUC", "r2": "R2"}
FLOORS = {"connectivity": "distance"}  # what the graph model has to beat; of neurons it is the majority, or the mean
Ranked = dict[tuple[str, int], dict[str, Resampled]]  # metrics by model and area that taught


def area_table(study: Study, areas: Areas, results: Results) -> pd.DataFrame:
    """One row a task, area that taught, area that is asked about, model and metric; and differences, which say what they are `less`.

    Every model is scored on the same neurons or pairs of an area, ranked or told apart within the same folds, whoever taught it.

    Args:
        study: The study.
        areas: Areas of the study.
        results: Tables of all jobs.
    """
    rows: list[tuple[object, ...]] = []
    for test in areas.of_neurons:
        for task, found, n in _of_neurons(study, areas, results, test):
            rows += _rows(areas, task, test, found, (n, n, "neuron"))
    for test in areas.of_pairs:
        found, n, axons = _of_pairs(study, areas, results, test)
        rows += _rows(areas, "connectivity", test, found, (n, axons, "axon"))
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_pairs(study: Study, areas: Areas, results: Results, test: int) -> tuple[Ranked, int, int]:
    """Scores of all models on the pairs of an area, with the number of pairs and of axons."""
    pre, post, fold = asked_pairs(study, areas, test)
    pairs = study.pairs
    connected = np.asarray(pairs.size[np.searchsorted(pairs.pre, pre), np.searchsorted(pairs.post, post)] > 0).ravel()
    scores, keys = {}, {}
    for train, answers in answers_of_pairs(study, areas, results, test):
        for model in answers:
            keys[f"{model} {train}"] = (str(model), train)
            scores[f"{model} {train}"] = answers[model].to_numpy(np.float64)
    design = ScoreDesign("connectivity", SPLIT, "axon", "all", study.settings.seed, study.settings.replicates)
    ranked = rank_models(connected, scores, study.inputs.nucleus_id[pre], fold, design)
    return {keys[name]: found for name, found in ranked.items()}, len(pre), len(np.unique(pre))


def _of_neurons(study: Study, areas: Areas, results: Results, test: int) -> Iterator[tuple[str, Ranked, int]]:
    """Scores of all models on the neurons of an area, task by task, with the number of neurons."""
    answers = dict(answers_of_neurons(study, areas, results, test))
    every, folds = np.flatnonzero(asked_neurons(study, areas, test)), neuron_folds(study)
    for task in study.tasks:
        for name in study.places if task == "position" else [task]:
            parts: dict[tuple[str, int], pd.DataFrame] = {}
            for train, found in answers.items():
                table = position_table(study, found) if task == "position" else label_table(study, found, task)
                table = table[table["target"] == name] if task == "position" else table
                for model, part in table.groupby("model", sort=False):
                    parts[str(model), train] = part.sort_values("nucleus_id", ignore_index=True)
            rows = study.rows_of(next(iter(parts.values()))["nucleus_id"])
            assert np.isin(rows, every).all()
            yield name, _scored(study, name, task, parts, rows, folds[rows]), len(rows)


def _scored(study: Study, name: str, task: str, parts: dict[tuple[str, int], pd.DataFrame], rows: np.ndarray, fold: np.ndarray) -> Ranked:
    """Metrics of one task of neurons."""
    design = ScoreDesign(name, SPLIT, "neuron", "all", study.settings.seed, study.settings.replicates)
    cluster, scan = study.inputs.nucleus_id[rows], study.scan[rows]
    text = {f"{model} {train}": (model, train) for model, train in parts}
    if task == "position":
        told = {key: (parts[of]["mean_um"].to_numpy(np.float64), parts[of]["sd_um"].to_numpy(np.float64)) for key, of in text.items()}
        found = score_positions(study.inputs.position[rows, study.places[name]], told, cluster, scan, fold, design)
    else:
        code, classes = study.classes(task)
        columns = [f"probability_{name}" for name in classes]
        said = {key: parts[of][columns].to_numpy(np.float64) for key, of in text.items()}
        found = score_labels(code[rows], said, classes, cluster, scan, fold, design)
    kept = ("r2", "median_absolute_error", "balanced_accuracy")
    return {of: {metric: value for metric, value in found.values[key].items() if metric in kept} for key, of in text.items()}


def _rows(areas: Areas, task: str, test: int, found: Ranked, counts: tuple[int, int, str]) -> Iterator[tuple[object, ...]]:
    """Rows of one task and area that is asked about: scores, and what each is less the floor and less its own area's."""
    for (model, train), metrics in found.items():
        head = task, areas.names[train], areas.names[test], model
        floor = FLOORS.get(task, "majority")
        for metric, value in metrics.items():
            yield (*head, NOTHING, metric, value.estimate, *value.interval(), *counts)
            others = {floor: (floor, train)} if model.startswith(GRAPH_MODEL) else {}
            others |= {OF_OWN_AREA: (model, test)} if train != test else {}
            for less, of in others.items():
                apart = value - found[of][metric]
                yield (*head, less, metric, apart.estimate, *apart.interval(), *counts)


def area_verdicts(table: pd.DataFrame, areas: Areas) -> list[Verdict]:
    """A sentence for each task: in how many pairs of areas something carries over, and what is lost.

    Args:
        table: The table that `area_table` returns.
        areas: Areas of the study.
    """
    return [_verdict(rows, str(task), areas) for task, rows in table.groupby("task", sort=False)]


def _verdict(rows: pd.DataFrame, task: str, areas: Areas) -> Verdict:
    metric, floor = METRICS.get(task, "r2"), FLOORS.get(task, "majority")
    model = GRAPH_MODEL if task == "connectivity" else FROM_FUNCTION
    of_model = rows[(rows["model"] == model) & (rows["metric"] == metric)]
    across = of_model[of_model["train"] != of_model["test"]]
    own = of_model[(of_model["train"] == of_model["test"]) & (of_model["less"] == NOTHING)]
    score, gain, loss = (across[(across["less"] == less) & across["estimate"].notna()] for less in (NOTHING, floor, OF_OWN_AREA))
    pairs = int((across["less"] == NOTHING).sum())
    if score.empty or own["estimate"].isna().all():
        name = METRIC_NAMES[metric]
        text = f"{task.replace('_', ' ')}: not scored in any of {pairs} pairs of areas, since {name} needs two classes in the area asked."
        return Verdict(task, None, "skipped", None, text, SPLIT, metric, model, floor)
    above, below = int((gain["low"] > 0).sum()), int((loss["high"] < 0).sum())
    than = "the distance learned in the same area" if task == "connectivity" else "the mean" if metric == "r2" else "majority"
    text = (
        f"{task.replace('_', ' ')}: of {model} learned in one area and asked of another ({', '.join(sorted(set(rows['test'])))}; "
        f"{len(score)} of {pairs} pairs of areas) {METRIC_NAMES[metric]} is {_range(score)}, within an area {_range(own)}. It is above "
        f"{than} in {above} of {len(gain)}, and below what is learned in the area itself in {below} (mean difference "
        f"{loss['estimate'].mean():+.3f}). Neighbours tell the area of {areas.agreement:.1%} of the neurons whose area is known."
    )
    return Verdict(task, None, "carried", None, text, SPLIT, metric, model, floor)


def _range(rows: pd.DataFrame) -> str:
    return f"{rows['estimate'].min():.3f} to {rows['estimate'].max():.3f}"
