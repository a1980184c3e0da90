"""Held-out neurons: cell type, layer and position by the graph model, its baselines and its permutation null."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from graphtwin.evaluation import (
    fit_label_baseline,
    folds_by_block,
    folds_by_neuron,
    folds_by_scan,
    predict_position,
)
from graphtwin.graph.data import inner_neurons
from graphtwin.graph.model import FittedNeurons, NeuronPrediction, fit_neurons, predict_rows
from graphtwin.graph.runs import (
    HELD_OUT,
    Study,
    draws_of,
    label_baselines,
    label_of,
    network_of,
    neuron_side,
    position_baselines,
    position_labels,
)
from graphtwin.pipeline.graph.jobs import Job, JobKey

Split = Literal["neuron", "scan", "block"]
SPLITS: tuple[Split, ...] = ("neuron", "scan", "block")  # splits of the neuron tasks, by what is held out
TASK = "neurons"
REAL = -1  # number in place of a permutation's: function is as it was recorded
# Neurons that are held out where function is permuted, at least, where there are so many: their balanced accuracy errs by about .02.
ENOUGH_IN_NULL = 1_000
PERMUTED = "permuted"  # variant of the graph model from function whose function is permuted


def n_folds(study: Study, split: str) -> int:
    """Number of folds of a split, no more than there are scans where scans are held out."""
    settings = study.settings
    scans = min(settings.scan_folds, len(study.inputs.scans))
    return {"neuron": settings.neuron_folds, "scan": scans, "block": settings.block_folds}[split]


def null_folds(study: Study) -> int:
    """Number of folds of neurons on which function is permuted: those of the settings, or as many more as hold enough neurons."""
    fold = neuron_folds(study, "neuron")
    held = np.cumsum(np.bincount(fold[fold >= 0], minlength=n_folds(study, "neuron")))
    enough = int(np.searchsorted(held, ENOUGH_IN_NULL)) + 1
    return min(max(study.settings.null_folds, enough), n_folds(study, "neuron"))


def neuron_folds(study: Study, split: str) -> Int[np.ndarray, " neurons"]:
    """Fold of every row of the inputs; -1 where a neuron takes no part."""
    inputs, folds = study.inputs, n_folds(study, split)
    fold = np.full(len(inputs.nucleus_id), -1)
    rows = np.flatnonzero(inputs.subjects)
    if split == "neuron":
        code, classes = study.classes("layer" if inputs.layers else "cell_type")
        label = np.array([classes[number] if number >= 0 else "unknown" for number in code[rows]], dtype=object)
        fold[rows] = folds_by_neuron(inputs.nucleus_id[rows], folds, study.settings.seed, label)
    elif split == "scan":
        scans = np.array(inputs.scans, dtype=np.int64)[inputs.scan[rows]]
        fold[rows] = folds_by_scan(scans[:, 0], scans[:, 1], folds, study.settings.seed)
    else:
        fold[rows] = folds_by_block(inputs.position[rows][:, study.cut], folds)
    return fold


def training_rows(study: Study, split: str, fold: int | None) -> Bool[np.ndarray, " neurons"]:
    """Neurons that teach while a fold is held out, the same ones for the graph model and for every baseline.

    One on no side (fold -1) teaches nobody: where blocks of tissue are held out, a neuron of unknown position may lie in that block.
    """
    folds = neuron_folds(study, split)
    return (folds >= 0) & (folds != fold)


def neuron_jobs(study: Study, tasks: dict[Split, tuple[str, ...]]) -> list[Job]:
    """Graph model, baselines and permutations of every split and fold.

    Args:
        study: The study, whose settings say the number of folds and of permutations.
        tasks: Tasks that are scored in each split; a split that is not named has no jobs.
    """
    jobs = []
    for split, of_split in tasks.items():
        for fold in range(n_folds(study, split)):
            key = partial(JobKey, TASK, split=split, fold=fold)
            if study.has_function:
                jobs.append(Job(key("graph", "function"), neuron_graph_job, 3))
            jobs.append(Job(key("baselines"), partial(neuron_baseline_job, tasks=of_split), 3))
            if "everything" in study.evidence and (split == "neuron" or not study.has_function):
                jobs.append(Job(key("graph", "everything"), neuron_graph_job, 6))
    for replicate in range(study.settings.permutations if "neuron" in tasks and study.has_function else 0):
        for fold in range(null_folds(study)):
            jobs.append(Job(JobKey(TASK, "graph", PERMUTED, "neuron", fold, replicate), neuron_graph_job, 3))
    return jobs


def neuron_graph_job(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """The network's predictions of one fold, long: a row a neuron with all tasks; and of the neurons that its fits kept back, by `part`.

    It learns from `training_rows`; cells that are not asked about, which no split holds out, tell their labels where synapses are evidence.
    """
    evidence = study.evidence["function" if key.variant == PERMUTED else key.variant]
    model = f"{label_of(evidence)}{f', {PERMUTED}' if key.variant == PERMUTED else ''}"
    seen = study if key.replicate is None else study.permuted(key.replicate, within_layer=False)
    edges = seen.all_edges if "synapses" in evidence else seen.similar
    settings = study.settings
    fitted = fit_neurons(
        seen.inputs,
        edges,
        training_rows(study, key.split, key.fold) | ~study.inputs.subjects,
        evidence,
        settings.neurons,
        settings.seed,
        f"{draws_of(model)} {key.split} {key.fold} {key.replicate}",
        study.device,
        checkpoint if key.replicate is None else None,  # those of a null are many, and take a second each
    )
    rows = np.flatnonzero(neuron_folds(study, key.split) == key.fold)
    table = of_network(study, rows, predict_rows(fitted, rows), key, network_of(model)).assign(part=HELD_OUT)
    if key.replicate is not None:
        return table.assign(permutation=key.replicate)
    return pd.concat([table, kept_neurons(study, fitted, key, network_of(model))], ignore_index=True).assign(permutation=REAL)


def kept_neurons(study: Study, fitted: FittedNeurons, key: JobKey, model: str) -> pd.DataFrame:
    """What each network says of the neurons that its fit kept back, numbered by `part`."""
    parts = [of_network(study, rows, said, key, model).assign(part=part) for part, (rows, said) in enumerate(fitted.kept)]
    return pd.concat(parts, ignore_index=True)


def of_network(study: Study, rows: np.ndarray, found: NeuronPrediction, key: JobKey, model: str) -> pd.DataFrame:
    """What networks say of some rows, as a table; the key says of which split and fold they are."""
    labels = {"layer": found.layer, "cell_type": found.cell_type}
    return _table(study, rows, key, model, labels, (found.position, found.position_sd))


def neuron_baseline_job(study: Study, checkpoint: Path, key: JobKey, tasks: tuple[str, ...]) -> pd.DataFrame:
    """All baselines' predictions of one fold, learned from `training_rows`, and of what is kept back of these; of the tasks named."""
    teach, held = training_rows(study, key.split, key.fold), neuron_folds(study, key.split) == key.fold
    return of_baselines(study, teach, held, key, tasks)


def of_baselines(
    study: Study, teach: Bool[np.ndarray, " neurons"], held: Bool[np.ndarray, " neurons"], key: JobKey, tasks: tuple[str, ...]
) -> pd.DataFrame:
    """What baselines that learned from some neurons say of others that are held out, and of what is kept back of the first, by `part`."""
    inner = inner_baselines(study, teach, key, tasks)
    table = _baselines(study, teach, held, key, tasks).assign(part=HELD_OUT)
    if "position" in tasks:
        table = _with_error_bars(study, table, inner)
    return pd.concat([table, inner], ignore_index=True).assign(permutation=REAL)


def _with_error_bars(study: Study, table: pd.DataFrame, inner: pd.DataFrame) -> pd.DataFrame:
    """The table with the standard deviation of each model's errors on the neurons that were kept back of the training side, um."""
    true = study.inputs.position[study.rows_of(inner["nucleus_id"])]
    for column, axis in enumerate(study.axes):
        error = inner[f"{axis}_mean_um"] - true[:, column]
        table[f"{axis}_sd_um"] = table["model"].map(error.groupby(inner["model"]).std(ddof=0))
    return table


def inner_baselines(study: Study, teach: Bool[np.ndarray, " neurons"], key: JobKey, tasks: tuple[str, ...]) -> pd.DataFrame:
    """What baselines say of the neurons that the network's fits keep back, each fitted without these; numbered by `part`."""
    part, kept = inner_neurons(study.inputs, teach, study.settings.neurons.members, study.settings.seed)
    sides = [(teach & (part != number), part == number) for number in range(kept)]
    tables = [_baselines(study, *side, key, tasks).assign(part=number) for number, side in enumerate(sides)]
    return pd.concat(tables, ignore_index=True)


def _baselines(study: Study, teach: np.ndarray, asked: np.ndarray, key: JobKey, tasks: tuple[str, ...]) -> pd.DataFrame:
    """What baselines that learned from some neurons say of others; the deviation of a position is NaN."""
    inputs, seed = study.inputs, study.settings.seed
    train, test = np.flatnonzero(teach), np.flatnonzero(asked)
    sides = [neuron_side(study, rows, teach | ~inputs.subjects) for rows in (train, test)]
    frames, called = [], label_baselines(study)
    for label_model, position_model in zip(called, position_baselines(study), strict=True):
        if label_model == "boosting" and key.split != "neuron":
            continue  # the slowest, and never better than logistic here: it is shown where neurons are held out
        labels: dict[str, np.ndarray] = {}
        for task in (task for task in tasks if task != "position"):
            true, classes = study.classes(task)
            labels[task] = fit_label_baseline(label_model, sides[0], true[train], sides[1], len(classes), seed)
        position = None
        if "position" in tasks:
            means = [predict_position(position_model, sides[0], axis, sides[1], seed) for axis in inputs.position[train].T]
            position = np.column_stack(means), np.full((len(test), len(means)), np.nan)
        frames.append(_table(study, test, key, called[label_model], labels, position))
    return pd.concat(frames, ignore_index=True)


def _table(
    study: Study,
    rows: np.ndarray,
    key: JobKey,
    model: str,
    labels: dict[str, np.ndarray],
    position: tuple[np.ndarray, np.ndarray] | None,
) -> pd.DataFrame:
    """One row a neuron: its keys, a column a class for each label task, mean and sd (um) of a position."""
    inputs = study.inputs
    columns = {"split": key.split, "fold": key.fold, "model": model, "nucleus_id": inputs.nucleus_id[rows]}
    if study.has_function:
        scans = np.array(inputs.scans, dtype=np.int64)[inputs.scan[rows]]
        columns |= {"session": scans[:, 0], "scan_idx": scans[:, 1]}
    for task, probability in labels.items():
        columns |= {f"{task}={name}": probability[:, i] for i, name in enumerate(study.classes(task)[1])}
    for part, values in zip(("mean", "sd"), position or (), strict=False):
        columns |= {f"{target}_{part}_um": values[:, i] for i, target in enumerate(study.axes)}
    return pd.DataFrame(columns)


def label_table(study: Study, found: pd.DataFrame, task: str) -> pd.DataFrame:
    """Predictions of one label task as the report reads them; neurons of unknown label are left out.

    Args:
        study: The study, which tells the true labels.
        found: Tables of `neuron_graph_job` and `neuron_baseline_job`, of the splits in which the task is scored.
        task: Name of the label task: "layer" or "cell_type".
    """
    codes, classes = study.classes(task)
    true = codes[study.rows_of(found["nucleus_id"])]
    probability = found[[f"{task}={name}" for name in classes]].to_numpy(np.float64)
    names = np.array(classes, dtype=object)
    table = found[_keys(found)].assign(true=np.where(true >= 0, names[true], None), predicted=names[probability.argmax(1)])
    table[[f"probability_{name}" for name in classes]] = probability
    return table[true >= 0].reset_index(drop=True)


def position_table(study: Study, found: pd.DataFrame) -> pd.DataFrame:
    """Predicted positions, long by target: the axes along which neurons differ; neurons of unknown position are left out."""
    true = study.inputs.position[study.rows_of(found["nucleus_id"])]
    keys = found[_keys(found)].replace({"model": position_labels(study)})
    parts = [
        keys.assign(target=target, true_um=true[:, axis], mean_um=found[f"{target}_mean_um"], sd_um=found[f"{target}_sd_um"])
        for target, axis in study.spread_axes.items()
    ]
    nowhere = keys.head(0).assign(target="", true_um=0.0, mean_um=0.0, sd_um=0.0)  # a source without positions
    together = pd.concat(parts or [nowhere], ignore_index=True)
    return together[np.isfinite(together["true_um"])].reset_index(drop=True)


def _keys(found: pd.DataFrame) -> list[str]:
    """Columns that say of which neuron, model and fold a row is; its scan where the source has function."""
    return [name for name in ("split", "fold", "model", "permutation", "nucleus_id", "session", "scan_idx") if name in found]
