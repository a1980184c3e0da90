"""`graphtwin motor ablate`: what becomes of motor output, or of responses, without neurons, types or edges: ranked, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from graphtwin.config import nearest_of
from graphtwin.execute import threads
from graphtwin.motor import FittedCircuit
from graphtwin.motor.questions import ablate, ablate_responses, lesions_of, rank_edges
from graphtwin.pipeline.motor.prediction import require_names
from graphtwin.pipeline.motor.run_folder import load_fitted, read_study

SHOWN = 4  # names that an error shows


def ablate_run(
    run: Path,
    neurons: Sequence[str] = (),
    types: Sequence[str] = (),
    edges: Sequence[str] = (),
    all_neurons: bool = False,
    all_edges: bool = False,
) -> pd.DataFrame:
    """Lesions of a run's circuit under the stimuli of its held-out trials, each alone; see `ablate` and `rank_edges` for the columns.

    Of a run that was fitted to responses to stimulation, these are what is lost, under stimulation of every neuron that was stimulated.

    Args:
        run: Folder of a fitted circuit.
        neurons: Names of neurons.
        types: Types, each removed as a whole.
        edges: Chemical edges, as sender:receiver.
        all_neurons: Every neuron in turn.
        all_edges: Every chemical edge by its gradient, and the first of these by removing them too; nothing else may be asked with it.
    """
    study, fitted = read_study(run), load_fitted(run)
    of_responses = study.responses is not None
    if not fitted.outputs and not of_responses:
        raise ValueError(
            f"{run}: was fitted without motor output, so that no lesion can change any. Fit a source whose trials have outputs, and motor "
            "neurons that drive them."
        )
    shown, seed = study.trials if of_responses else study.split.test(study.trials), study.config.seed
    told = shown.stimulus, shown.stimulated
    with threads(1):
        if all_edges:
            return rank_edges(fitted, *told, seed=seed, rows=shown.recorded if of_responses else None)
        names = tuple(fitted.circuit.names) if all_neurons else tuple(neurons)
        require_names(fitted, names, "neurons to remove")
        _require_types(fitted, types)
        lesions = lesions_of(fitted, names, types, [_edge(edge, fitted) for edge in edges])
        if of_responses:
            return ablate_responses(fitted, lesions, *told, shown.recorded, seed)
        return ablate(fitted, lesions, *told, seed=seed)


def _require_types(fitted: FittedCircuit, types: Sequence[str]) -> None:
    """Raise where types are of no neuron: which and how many, and the nearest."""
    known = set(fitted.circuit.types) - {""}
    unknown = [kind for kind in types if kind not in known]
    if unknown:
        listed = ", ".join(f"{kind!r}{nearest_of(kind, known)}" for kind in unknown[:SHOWN])
        raise ValueError(f"{len(unknown)} of {len(types)} types to remove are of no neuron: {listed}. The circuit has {sorted(known)}.")
    if len(set(types)) < len(types):
        raise ValueError(f"{len(types) - len(set(types))} of {len(types)} types to remove are named twice. Name each once.")


def _edge(text: str, fitted: FittedCircuit) -> tuple[str, str]:
    """An edge as it is written on the command line; one that is not there is an error that names the edges of its sender."""
    pre, colon, post = text.partition(":")
    if not colon:
        raise ValueError(f"edge {text!r}: write an edge as SENDER:RECEIVER.")
    require_names(fitted, tuple(dict.fromkeys((pre, post))), f"neurons of the edge {text!r}")
    circuit = fitted.circuit
    reached = [circuit.names[to] for of, to in zip(circuit.pre, circuit.post, strict=True) if circuit.names[of] == pre]
    if post not in reached:
        raise ValueError(
            f"edge {text!r} is not among the {len(circuit.pre)} chemical edges of the circuit: {pre} sends to {len(reached)} neurons, "
            f"first {reached[:SHOWN]}. Name an edge that is there."
        )
    return pre, post
