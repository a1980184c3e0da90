"""What the best models of a run say of neurons: every row is answered, in its order, and says what the answer rests on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.graph.data import MIN_MEMBERS
from graphtwin.graph.runs.asked_ids import OF_NEURON, asked_nuclei
from graphtwin.graph.runs.fitted_graph import FittedGraph, load_graph
from graphtwin.graph.runs.model_labels import FROM_FUNCTION, FUNCTION_NETWORK, is_graph_model
from graphtwin.graph.runs.study import Study
from graphtwin.schema import DEPTH

FREQUENCIES = "class frequencies"  # in place of a model's name, where a neuron has no function and the row is filled
LABELS = ("cell_type", "layer")


def predict_neurons(
    run: str | Path | FittedGraph,
    neurons: pd.DataFrame,
    origin: str = "neurons",
    materialization: int | None = None,
    fill_unknown: bool = False,
) -> pd.DataFrame:
    """Cell type, layer and place of neurons: the same rows in the same order, none dropped.

    The place is the depth where the source has one, else that along every axis that it names. Each is of the model that did best on
    held-out neurons (balanced accuracy; R2 of a place), the baselines among the candidates:
    `graphtwin.graph.load(run).best` says which, and by how much. A baseline is fitted again from the tables in the run folder.

    Args:
        run: A run folder, or the graph model loaded from it.
        neurons: Neurons to predict: nucleus_id; or pt_root_id or root_id with their materialization.
        origin: Name of the place that the neurons come from, for errors.
        materialization: Materialization that the root ids belong to; None for nucleus ids, and where the run knows of one only.
        fill_unknown: Give neurons that the run does not know, or that have no function, the class frequencies and the mean place of those
            that were learned from, in place of nothing.

    Returns:
        The id column; cell_type and layer with `_probability`, and probability_<class> for every class (classes count equally); depth_um
        with depth_um_sd, or <axis>_um alike; `_model` of each; the same from function alone, by the graph model (`_from_function`), where
        the source has function; evidence: what the prediction rests on; fitted_on: whether labels of the neuron itself were fitted on;
        note.
    """
    graph = run if isinstance(run, FittedGraph) else load_graph(run)
    (ids,), keys = asked_nuclei(graph.study.cortex, neurons, OF_NEURON, materialization, origin)
    study = graph.study
    rows = study.inputs.rows(ids)
    usable = (rows >= 0) & np.append(study.inputs.subjects, False)[rows]
    models = {task: graph.neuron_model(task) for task in (*LABELS, *_places(study))}
    best = _columns(graph, models, rows, usable, fill_unknown)
    chosen = {f"{task}_model": _said_model(study, task, model, usable, fill_unknown) for task, model in models.items()}
    columns = [*LABELS, *(f"{task}_um{end}" for task in _places(study) for end in ("", "_sd"))]
    alone = _columns(graph, dict.fromkeys(models, FROM_FUNCTION), rows, usable, fill_unknown) if study.has_function else {}
    short = {f"{name}_from_function": alone[name] for name in columns if name in alone}
    table = pd.DataFrame({keys[0]: neurons[keys[0]].to_numpy() if len(neurons) else ids} | best | chosen | short)
    unbounded = np.any([np.isnan(best[f"{task}_um_sd"]) for task in _places(study)], axis=0)
    return table.assign(
        evidence=_evidence(study, models, rows, usable, fill_unknown),
        fitted_on=np.append(_labels_seen(study) != "", False)[rows],
        note=_neuron_notes(study, rows, usable, unbounded, keys[0], fill_unknown),
    )


def _places(study: Study) -> list[str]:
    """The tasks of position: depth where the source has one, also where no position is known; else the axes that the source names."""
    return list(study.places) or ([DEPTH] if DEPTH in study.axes else list(study.axes))


def _is_learned(study: Study, task: str) -> bool:
    """Whether the run had enough labels of a task."""
    return ("position" if task in study.axes else task) in study.tasks


def _columns(
    graph: FittedGraph, models: dict[str, str], rows: Int[np.ndarray, " rows"], usable: Bool[np.ndarray, " rows"], fill_unknown: bool
) -> dict[str, np.ndarray]:
    """Predictions of each task by its model for neurons that can be asked about; elsewhere nothing, or what neurons are like overall."""
    inputs, n = graph.study.inputs, len(rows)
    columns: dict[str, np.ndarray] = {}
    for task in LABELS:
        if task not in graph.study.tasks:
            columns |= {task: np.full(n, None, dtype=object), f"{task}_probability": np.full(n, np.nan)}
            continue
        codes, classes = graph.study.classes(task)
        members = np.bincount(codes[inputs.subjects & (codes >= 0)], minlength=len(classes)).astype(np.float64)
        probability = np.tile(members / max(members.sum(), 1.0) if fill_unknown else np.nan, (n, 1 if fill_unknown else len(classes)))
        probability[usable] = graph.probabilities(task, models[task], rows[usable])
        known = np.isfinite(probability).all(axis=1)
        columns[task] = np.full(n, None, dtype=object)
        columns[task][known] = np.array(classes, dtype=object)[probability[known].argmax(1)]
        columns[f"{task}_probability"] = probability.max(axis=1, initial=-np.inf) if n == 0 else probability.max(axis=1)
        columns |= {f"probability_{value}": probability[:, index] for index, value in enumerate(classes)}
    for task in _places(graph.study):
        found = _place(graph, task, models[task], rows, usable, fill_unknown)
        columns |= dict(zip((f"{task}_um", f"{task}_um_sd"), found.T, strict=True))
    return columns


def _place(
    graph: FittedGraph, task: str, model: str, rows: Int[np.ndarray, " rows"], usable: Bool[np.ndarray, " rows"], fill_unknown: bool
) -> Float[np.ndarray, "rows 2"]:
    """Mean and standard deviation of the place of each row along an axis (um)."""
    found = np.full((len(rows), 2), np.nan)
    if "position" not in graph.study.tasks:
        return found
    if fill_unknown:
        place = graph.study.inputs.position[graph.study.inputs.subjects, graph.study.places[task]]
        found[:] = np.nanmean(place), np.nanstd(place)
    found[usable] = graph.places(task, model, rows[usable])
    return found


def _said_model(study: Study, task: str, model: str, usable: Bool[np.ndarray, " rows"], fill_unknown: bool) -> np.ndarray:
    """Name of what gave each row's prediction of a task; empty where there is none."""
    if not _is_learned(study, task):
        return np.full(len(usable), "", dtype=object)
    return np.where(usable, model, FREQUENCIES if fill_unknown else "").astype(object)


def _evidence(
    study: Study, models: dict[str, str], rows: Int[np.ndarray, " rows"], usable: Bool[np.ndarray, " rows"], fill_unknown: bool
) -> np.ndarray:
    """The evidence that each prediction rests on, in words; by task where tasks differ."""
    learned = {task: model for task, model in models.items() if _is_learned(study, task)}
    if not learned:
        return np.full(len(rows), "none")
    wired = np.append(study.graph.wired, False)[rows]
    words = {task: _rests_on(study, model, wired) for task, model in learned.items()}
    together = np.array(
        [
            said[0] if len(set(said)) == 1 else "; ".join(f"{task.replace('_', ' ')}: {of}" for task, of in zip(words, said, strict=True))
            for said in zip(*words.values(), strict=True)
        ],
        dtype=object,
    )
    return np.where(usable, together, FREQUENCIES if fill_unknown else "none").astype(object)


def _rests_on(study: Study, model: str, wired: Bool[np.ndarray, " rows"]) -> list[str]:
    if is_graph_model(model) and model not in (FROM_FUNCTION, FUNCTION_NETWORK):
        said = study.evidence["everything"]
        return [" + ".join(word for word in said if linked or word != "synapses") or FREQUENCIES for linked in wired]
    otherwise = "function" if study.has_function else "synapses"
    return [{"majority": FREQUENCIES, "scan alone": "scan"}.get(model, otherwise)] * len(wired)


def _labels_seen(study: Study) -> np.ndarray:
    """Labels of each neuron of `inputs` that the final fits read, in words; empty where none."""
    seen = np.full(len(study.inputs.nucleus_id), "", dtype=object)
    for task in study.tasks:
        word = task.replace("_", " ")
        seen = np.where(study.labelled(task), [f"{before}, {word}" if before else word for before in seen], seen)
    return seen.astype(object)


def _neuron_notes(study: Study, rows: np.ndarray, usable: np.ndarray, unbounded: np.ndarray, key: str, fill_unknown: bool) -> np.ndarray:
    """Why a neuron could not be predicted from its function, or that its labels were seen, and what the run did not learn."""
    if not study.tasks:
        return np.full(len(rows), "the run had no labels to learn from", dtype=object)
    given = f"{FREQUENCIES} given" if fill_unknown else "left empty"
    by_root = " (its root id belongs to no nucleus, to several, or to none of the run)" if "root_id" in key else ""
    notes = np.full(len(rows), "", dtype=object)
    notes[rows < 0] = f"neuron unknown to the run{by_root}: {given}"
    notes[(rows >= 0) & ~usable] = f"no functional responses: {given}"
    seen = np.append(_labels_seen(study), "")[rows]
    for row in np.flatnonzero(seen != ""):
        fitted = f"the run was fitted on this neuron's labels ({seen[row]})"
        notes[row] = f"{notes[row]}; {fitted}" if notes[row] else fitted
    if "position" in study.tasks:
        for row in np.flatnonzero(usable & unbounded):
            bar = f"no error bar of {' and '.join(_places(study))}: too few neurons were kept back from the fit to set its width"
            notes[row] = f"{notes[row]}; {bar}" if notes[row] else bar
    lacking = [f"no {task.replace('_', ' ')}: {_not_learned(study, task)}" for task in (*LABELS, "position") if task not in study.tasks]
    return np.array(["; ".join(filter(None, [note, *lacking])) for note in notes], dtype=object)


def _not_learned(study: Study, task: str) -> str:
    """Why the run learned nothing of a task: its source has no label, too few in all or of a class, or one place."""
    asked = study.inputs.subjects
    if task == "position":
        known = int((study.labelled(task) & asked).sum())
        enough, few = known >= MIN_MEMBERS, f"{known} neurons, {MIN_MEMBERS} are needed"
    else:
        labels = study.cortex.neurons.set_index("nucleus_id")[task].reindex(study.inputs.nucleus_id[asked])
        known, enough = int(labels.notna().sum()), False
        few = f"{known} neurons, fewer than two classes of {study.settings.min_members}"
    if not known:
        return "the run had no label of it"
    return "all neurons of the run lie at one place" if enough else f"the run had too few labels ({few})"
