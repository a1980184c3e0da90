"""The graph model of neurons: its network and the models it is held against, stacked by what each did where it was not fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.evaluation import LabelStack, PlaceStack, fit_label_stack, fit_place_stack
from graphtwin.graph.runs.model_labels import label_of, network_of
from graphtwin.graph.runs.rivals import label_baselines, position_baselines
from graphtwin.graph.runs.stacked import HELD_OUT
from graphtwin.graph.runs.study import Study

NeuronStacks = dict[str, LabelStack | PlaceStack]  # by task: a label task, or an axis
LABEL_TASKS = ("cell_type", "layer")


def stacked_models(study: Study) -> dict[str, list[str]]:
    """The models that each graph model of neurons stacks, by its label: its network, and baselines that rest on nothing that it may not."""
    found = {}
    for evidence in study.evidence.values():
        kept = [said for model, said in label_baselines(study).items() if model != "majority" and (model != "scan" or "scan" in evidence)]
        found[label_of(evidence)] = [network_of(label_of(evidence)), *kept]
    return found


def fit_neuron_stacks(study: Study, inner: pd.DataFrame, tasks: Sequence[str]) -> dict[str, NeuronStacks]:
    """Weights of each graph model whose network is there, by its label and task.

    Args:
        study: The study, which tells labels and places.
        inner: Predictions of neurons that no model was fitted on, a row a neuron and model: columns as those of the neuron jobs.
        tasks: Tasks among cell_type, layer and position that are predicted.
    """
    by_model = _by_model(inner)
    found = {}
    for label, models in stacked_models(study).items():
        if models[0] in by_model:
            kept = {model: by_model[model] for model in models if model in by_model}
            found[label] = dict(_fitted(study, kept, tasks))
    return found


def _by_model(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each model's rows in the same order of neurons."""
    return {str(model): rows.sort_values("nucleus_id", ignore_index=True) for model, rows in table.groupby("model", sort=False)}


def _fitted(study: Study, kept: dict[str, pd.DataFrame], tasks: Sequence[str]) -> Iterator[tuple[str, LabelStack | PlaceStack]]:
    """The stack of each task."""
    rows = study.rows_of(next(iter(kept.values()))["nucleus_id"])
    for task in tasks:
        if task == "position":
            for column, axis in enumerate(study.axes):
                yield axis, fit_place_stack(_means(study, kept, axis), study.inputs.position[rows, column])
        else:
            codes, classes = study.classes(task)
            yield task, fit_label_stack(_probabilities(study, kept, task), codes[rows], len(classes))


def _probabilities(study: Study, of_models: dict[str, pd.DataFrame], task: str) -> dict[str, np.ndarray]:
    columns = [f"{task}={name}" for name in study.classes(task)[1]]
    return {model: rows[columns].to_numpy(np.float64) for model, rows in of_models.items()}


def _means(study: Study, of_models: dict[str, pd.DataFrame], axis: str) -> dict[str, np.ndarray]:
    """Means by the names that models of positions have: a job has one label for its models of labels and of positions."""
    called = position_labels(study)
    return {called.get(model, model): rows[f"{axis}_mean_um"].to_numpy(np.float64) for model, rows in of_models.items()}


def position_labels(study: Study) -> dict[str, str]:
    """What the baselines of positions are called, by the label of the baseline of labels that shares their job."""
    return dict(zip(label_baselines(study).values(), position_baselines(study).values(), strict=True))


def with_stacks(study: Study, found: pd.DataFrame, tasks: Mapping[Any, tuple[str, ...]]) -> pd.DataFrame:
    """The held-out rows of the neuron jobs, those of the graph models first.

    Args:
        study: The study.
        found: Tables of the neuron jobs; `part` is `HELD_OUT`, or says which fit did not see a neuron of the training side.
        tasks: Tasks that are scored, by split.
    """
    real = found[found["permutation"] < 0]
    stacked = []
    for (split, _), fold in real.groupby(["split", "fold"], sort=False):
        held, inner = (fold[rows] for rows in (fold["part"] == HELD_OUT, fold["part"] != HELD_OUT))
        by_model = _by_model(held)
        for label, stacks in fit_neuron_stacks(study, inner, tasks[str(split)]).items():
            models = {model: by_model[model] for model in stacked_models(study)[label] if model in by_model}
            stacked.append(_answered(study, label, stacks, models))
    held = found[found["part"] == HELD_OUT]
    return pd.concat([*stacked, held], ignore_index=True).drop(columns="part")


def _answered(study: Study, label: str, stacks: NeuronStacks, models: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of the first model, with what the stacks say in place of what it says."""
    columns: dict[str, object] = {"model": label}
    for task, stack in stacks.items():
        if isinstance(stack, PlaceStack):
            mean, sd = stack(_means(study, models, task))
            columns |= {f"{task}_mean_um": mean, f"{task}_sd_um": sd}
        else:
            probability = stack(_probabilities(study, models, task))
            columns |= {f"{task}={name}": probability[:, i] for i, name in enumerate(study.classes(task)[1])}
    return next(iter(models.values())).assign(**columns)
