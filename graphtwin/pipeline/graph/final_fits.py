"""The fits on all that a run saw, kept as weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.artifacts import read_tensors, write_atomic
from graphtwin.graph.model import fit_neurons, fit_pairs, weights_of_neurons, weights_of_pairs
from graphtwin.graph.runs import NEURON_MODELS, Study
from graphtwin.pipeline.graph.jobs import WORK, Job, JobKey

NEURONS, PAIRS = "final neurons", "final pairs"
PAIR_VARIANTS = {True: "as is", False: "no function"}  # names of the fits of pairs, by whether pairs are predicted with function


def final_jobs() -> list[Job]:
    """Fits on all labelled neurons and all observed axons."""
    of_neurons = [Job(JobKey(NEURONS, "graph", variant), fit_final_neurons, 6) for variant in NEURON_MODELS]
    return [*of_neurons, *(Job(JobKey(PAIRS, "graph", variant), fit_final_pairs, 12) for variant in PAIR_VARIANTS.values())]


def fit_final_neurons(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Fit the graph model on every labelled neuron and keep its weights beside the checkpoint; returns how the fit went."""
    everyone = np.ones(len(study.inputs.nucleus_id), dtype=bool)
    settings = study.settings
    fitted = fit_neurons(
        study.inputs,
        study.all_edges,
        everyone,
        NEURON_MODELS[key.variant],
        settings.neurons,
        settings.seed,
        f"final {key.variant}",
        study.device,
        checkpoint,
    )
    _keep(weights_of_neurons(fitted), checkpoint)
    return pd.DataFrame(
        {"member": range(len(fitted.states)), "epochs": [s.epoch for s in fitted.states], "loss": [s.best_loss for s in fitted.states]}
    )


def fit_final_pairs(study: Study, checkpoint: Path, key: JobKey) -> pd.DataFrame:
    """Fit connectivity on every observed axon, with or without function; see `fit_final_neurons`."""
    settings = study.settings
    study = study if key.variant == PAIR_VARIANTS[True] else study.without_function()
    fitted = fit_pairs(study.inputs, study.similar, study.pairs, settings.pairs, settings.seed, "final pairs", study.device, checkpoint)
    _keep(weights_of_pairs(fitted), checkpoint)
    return pd.DataFrame({"epochs": [fitted.state.epoch], "loss": [fitted.state.best_loss]})


def _keep(weights: Any, checkpoint: Path) -> None:
    import torch

    write_atomic(checkpoint.with_suffix(".pt"), lambda temporary: torch.save(weights, temporary))


def save_graph(folder: Path, function: bool) -> Path:
    """Gather the weights of the final fits in `graph.pt`.

    Args:
        folder: Folder of the run.
        function: Whether pairs are predicted with function: where that did better on held-out axons.
    """
    import torch

    keys = {variant: JobKey(NEURONS, "graph", variant) for variant in NEURON_MODELS}
    keys["pairs"] = JobKey(PAIRS, "graph", PAIR_VARIANTS[function])
    files = {name: folder / WORK / f"{key.stem}.pt" for name, key in keys.items()}
    # A source without labels has fits of pairs alone.
    parts = {name: read_tensors(file) for name, file in files.items() if file.exists()}
    return write_atomic(folder / "graph.pt", lambda temporary: torch.save(parts | {"pairs_use_function": function}, temporary))
