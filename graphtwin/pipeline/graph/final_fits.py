"""The fits on all that a run saw, kept as weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.folders import WORK
from graphtwin.graph.model import fit_neurons, fit_pairs, weights_of_neurons, weights_of_pairs
from graphtwin.graph.runs import Study, fit_neuron_stacks, inner_rivals, inner_sides, label_of, network_of, pair_rivals, stacks
from graphtwin.pipeline.graph.jobs import Job, JobKey, Results
from graphtwin.pipeline.graph.neuron_jobs import inner_baselines, kept_neurons
from graphtwin.pipeline.graph.pair_jobs import kept_table

NEURONS, PAIRS = "final neurons", "final pairs"
RIVALS = JobKey(PAIRS, "baselines", "inner")
NEURON_RIVALS = JobKey(NEURONS, "baselines", "inner", "neuron")
PAIR_VARIANTS = {True: "as is", False: "no function"}  # names of the fits of pairs, by whether pairs are predicted with function


def final_jobs(study: Study, neurons: bool, pairs: bool) -> list[Job]:
    """Fits on all labelled neurons and all observed axons.

    Args:
        study: The study, whose function and wiring say which fits there are.
        neurons: Whether a task of neurons is scored.
        pairs: Whether connectivity is scored.
    """
    variants = PAIR_VARIANTS.values() if study.has_function else [PAIR_VARIANTS[True]]
    of_neurons = [Job(JobKey(NEURONS, "graph", variant), fit_final_neurons, 6) for variant in study.evidence]
    of_pairs = [Job(JobKey(PAIRS, "graph", variant), fit_final_pairs, 12) for variant in variants]
    of_neurons.append(Job(NEURON_RIVALS, final_neuron_rivals, 6))
    return [*(of_neurons if neurons else []), *([*of_pairs, Job(RIVALS, final_rivals, 12)] if pairs else [])]


def fit_final_neurons(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Fit the graph model on every labelled neuron and keep its weights beside the checkpoint; returns what is said of those kept back."""
    everyone = np.ones(len(study.inputs.nucleus_id), dtype=bool)
    settings = study.settings
    fitted = fit_neurons(
        study.inputs,
        study.all_edges,
        everyone,
        study.evidence[key.variant],
        settings.neurons,
        settings.seed,
        f"final {key.variant}",
        study.device,
        checkpoint,
    )
    write_tensors(weights_of_neurons(fitted), checkpoint.with_suffix(".pt"))
    return kept_neurons(study, fitted, key, network_of(label_of(study.evidence[key.variant])))


def final_neuron_rivals(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """What the baselines say of the neurons that the final fits keep back, for the weights of the graph model that is kept."""
    return inner_baselines(study, study.inputs.subjects, key, study.tasks)


def fit_final_pairs(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Fit connectivity on every observed axon, with or without function; see `fit_final_neurons`. Returns what is said of inner sides."""
    settings, inner = study.settings, inner_sides(study, study.pairs, "axon")
    study = study if key.variant == PAIR_VARIANTS[True] else study.without_function()
    args = settings.pairs, settings.seed, "final pairs", study.device, checkpoint
    fitted = fit_pairs(study.inputs, study.similar, study.pairs, inner, *args)
    write_tensors(weights_of_pairs(fitted), checkpoint.with_suffix(".pt"))
    return kept_table(fitted)


def final_rivals(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """What the baselines say of the inner sides of all observed axons, for the weights of the graph model that is kept."""
    return inner_rivals(study, inner_sides(study, study.pairs, "axon"), pair_rivals(study, "axon"))


def save_graph(folder: Path, study: Study, results: Results, function: bool) -> Path:
    """Gather the weights of the final fits, and those of the stacks of models, in `graph.pt`.

    Args:
        folder: Folder of the run.
        study: The study of the run.
        results: Tables of all jobs that were done; a source without labels has final fits of pairs alone, one without wiring of neurons.
        function: Whether pairs are predicted with function: where that did better on held-out axons.
    """
    keys = {variant: JobKey(NEURONS, "graph", variant) for variant in ("function", "everything")}
    keys["pairs"] = JobKey(PAIRS, "graph", PAIR_VARIANTS[function])
    parts = {name: read_tensors(folder / WORK / f"{key.stem}.pt") for name, key in keys.items() if key in results}
    kept = {}
    if RIVALS in results:
        found = stacks(results[keys["pairs"]]["probability"].to_numpy(), results[RIVALS], "axon")
        kept = {label: {"weights": dict(stack.weights), "level": stack.level} for label, stack in found.items()}
    of_neurons = {}
    if NEURON_RIVALS in results:
        inner = pd.concat([table for key, table in results.items() if key.task == NEURONS], ignore_index=True)
        found_by_task = fit_neuron_stacks(study, inner, study.tasks)
        of_neurons = {label: {task: asdict(stack) for task, stack in of.items()} for label, of in found_by_task.items()}
    return write_tensors(parts | {"pairs_use_function": function, "stacks": kept, "neuron_stacks": of_neurons}, folder / "graph.pt")
