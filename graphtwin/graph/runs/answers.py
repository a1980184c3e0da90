"""What a fitted graph model says of pairs and neurons it never saw: every row is answered, in its order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin import schema
from graphtwin.cortex import Cortex
from graphtwin.graph.model import pair_probabilities, predict_rows
from graphtwin.graph.runs.fitted_graph import FittedGraph, load_graph
from graphtwin.graph.runs.study import Study

PRE_ROOT, POST_ROOT = "pre_pt_root_id", "post_pt_root_id"  # columns of root ids, as CAVE names them


def predict_pairs(
    run: str | Path | FittedGraph, pairs: pd.DataFrame, materialization: int | None = None, origin: str = "pairs"
) -> pd.DataFrame:
    """Connection probability and expected size of pairs: the same rows in the same order, none dropped.

    Args:
        run: A run folder, or the graph model loaded from it.
        pairs: Pairs to predict: pre_nucleus_id and post_nucleus_id; or pre_pt_root_id and post_pt_root_id with their materialization.
        materialization: Materialization that the root ids belong to; None for nucleus ids.
        origin: Name of the place that the pairs come from, for errors.

    Returns:
        The id columns, probability, expected_size (summed cleft size given a connection, in the unit of the synapse table: voxels for
        minnie65) and note: empty, or what is not known of a cell. A pair with a cell the run does not know gets the overall rate.
    """
    graph = run if isinstance(run, FittedGraph) else load_graph(run)
    ids, keys = _nucleus_ids(graph.study.cortex, pairs, materialization, origin)
    inputs, observed = graph.study.inputs, graph.study.pairs
    rows = [inputs.rows(values) for values in ids]
    known = (rows[0] >= 0) & (rows[1] >= 0)
    probability = np.full(len(pairs), observed.prevalence)
    size = np.full(len(pairs), float(observed.size.data.mean()))
    if known.any():
        probability[known], size[known] = pair_probabilities(graph.pairs, rows[0][known], rows[1][known])
    out = pairs[keys].reset_index(drop=True)
    return out.assign(probability=probability, expected_size=size, note=_pair_notes(graph.study, rows, materialization))


def _nucleus_ids(cortex: Cortex, pairs: pd.DataFrame, materialization: int | None, origin: str) -> tuple[list[np.ndarray], list[str]]:
    """Nucleus of both sides, -1 where a root id has none, and the id columns found."""
    if set(schema.PAIR_KEY) <= set(pairs.columns):
        keys = schema.PAIR_KEY
        return [_ids(pairs, name, origin) for name in keys], keys
    keys = [PRE_ROOT, POST_ROOT]
    if not set(keys) <= set(pairs.columns):
        schema.require_columns(pairs, schema.PAIR_KEY, f"{origin} (or {PRE_ROOT} and {POST_ROOT} with --materialization)")
    known = sorted(map(int, cortex.root_ids["materialization"].unique()))
    if materialization not in known:
        raise ValueError(
            f"{origin}: root ids of materialization {materialization}, but the run knows those of {known}. Root ids change from one "
            "materialization to the next: give --materialization, or use pre_nucleus_id and post_nucleus_id."
        )
    table = cortex.root_ids[cortex.root_ids["materialization"] == materialization].set_index("root_id")["nucleus_id"]
    roots = [_ids(pairs, name, origin) for name in keys]
    found = [table.reindex(values, fill_value=-1).to_numpy(np.int64) for values in roots]
    _refuse_other_materialization(cortex, np.unique(np.concatenate(roots)), materialization, origin)
    if len(pairs) and all((values < 0).all() for values in found):
        raise ValueError(
            f"{origin}: none of {len(pairs)} pairs has a root id of materialization {materialization}. "
            f"They look like ids of another one (known: {known}) or of another volume."
        )
    return found, keys


def _refuse_other_materialization(cortex: Cortex, roots: Int[np.ndarray, " roots"], materialization: int, origin: str) -> None:
    """Raise when most root ids are unknown in the materialization said and more of them belong to another."""
    versions = cortex.root_ids[cortex.root_ids["root_id"].isin(roots)]["materialization"].value_counts()
    here = int(versions.get(materialization, 0))
    if len(versions) and 2 * here < len(roots) and int(versions.iloc[0]) > here:
        other = int(versions.index[0])
        raise ValueError(
            f"{origin}: {here} of {len(roots)} root ids are of materialization {materialization}, "
            f"but {int(versions.iloc[0])} are of {other}. "
            f"Give --materialization {other}, or ids of {materialization}."
        )


def _ids(frame: pd.DataFrame, name: str, origin: str) -> Int[np.ndarray, " rows"]:
    """A column of ids; a table without rows has none that its dtype could have spoiled."""
    return schema.as_ids(frame[name], f"{origin}, column {name!r}").to_numpy(np.int64) if len(frame) else np.empty(0, np.int64)


def _pair_notes(study: Study, rows: list[np.ndarray], materialization: int | None) -> np.ndarray:
    """Words for what is unknown of each pair; empty where nothing is."""
    inputs = study.inputs
    placed = np.append(np.isfinite(inputs.position).all(1), True)
    queried = np.append(study.graph.queried_targets(study.materialization), True)
    remarks = [
        (rows[0] < 0, "pre neuron unknown to the run: overall rate given"),
        (rows[1] < 0, "post neuron unknown to the run: overall rate given"),
        (~placed[rows[0]], "pre neuron lacks a position"),
        (~placed[rows[1]], "post neuron lacks a position: placed by its inputs where it has any"),
        (~queried[rows[1]], "post neuron was not queried: its in-degree is unknown"),
        ((rows[0] >= 0) & (rows[0] == rows[1]), "a cell with itself"),
    ]
    notes = np.full(len(rows[0]), "", dtype=object)
    for where, text in remarks:
        notes[where] = [f"{note}; {text}" if note else text for note in notes[where]]
    return notes


def predict_neurons(run: str | Path | FittedGraph, neurons: pd.DataFrame, origin: str = "neurons") -> pd.DataFrame:
    """Cell type, layer and depth of neurons: the same rows in the same order, none dropped.

    Args:
        run: A run folder, or the graph model loaded from it.
        neurons: Neurons to predict: nucleus_id.
        origin: Name of the place that the neurons come from, for errors.

    Returns:
        nucleus_id; cell_type and layer with `_probability`, and probability_<class> for every class (classes count equally); depth_um with
        depth_um_sd; the same from function alone (`_from_function`); evidence: what the prediction rests on; note.
    """
    graph = run if isinstance(run, FittedGraph) else load_graph(run)
    schema.require_columns(neurons, ["nucleus_id"], origin)
    ids = _ids(neurons, "nucleus_id", origin)
    inputs = graph.study.inputs
    rows = inputs.rows(ids)
    usable = (rows >= 0) & np.append(inputs.has_function, False)[rows]
    best = _neuron_columns(graph, "everything", rows, usable)
    alone = _neuron_columns(graph, "function", rows, usable)
    short = {name: alone[name] for name in ("cell_type", "layer", "depth_um", "depth_um_sd")}
    table = pd.DataFrame({"nucleus_id": ids} | best | {f"{name}_from_function": values for name, values in short.items()})
    unbounded = usable & np.isnan(best["depth_um_sd"]) & ("position" in graph.study.tasks)
    return table.assign(evidence=_evidence(graph.study, rows, usable), note=_neuron_notes(graph.study, rows, usable, unbounded))


def _neuron_columns(graph: FittedGraph, name: str, rows: Int[np.ndarray, " rows"], usable: np.ndarray) -> dict[str, np.ndarray]:
    """Predictions where a neuron has a function; elsewhere the frequencies, mean and spread of the neurons that were learned from."""
    inputs, n = graph.study.inputs, len(rows)
    found = predict_rows(graph.neurons[name], rows[usable]) if usable.any() and name in graph.neurons else None
    columns: dict[str, np.ndarray] = {}
    for label, classes, codes in (("cell_type", inputs.cell_types, inputs.cell_type), ("layer", inputs.layers, inputs.layer)):
        if label not in graph.study.tasks:
            columns |= {label: np.full(n, None, dtype=object), f"{label}_probability": np.full(n, np.nan)}
            continue
        members = np.bincount(codes[inputs.has_function & (codes >= 0)], minlength=len(classes)).astype(np.float64)
        probability = np.tile(members / max(members.sum(), 1.0), (n, 1))
        if found is not None:
            probability[usable] = getattr(found, label)
        columns[label] = np.array(classes, dtype=object)[probability.argmax(1)]
        columns[f"{label}_probability"] = probability.max(1)
        columns |= {f"probability_{value}": probability[:, index] for index, value in enumerate(classes)}
    if "position" not in graph.study.tasks:
        return columns | {"depth_um": np.full(n, np.nan), "depth_um_sd": np.full(n, np.nan)}
    depth = inputs.position[inputs.has_function, 1]
    columns["depth_um"], columns["depth_um_sd"] = np.full(n, np.nanmean(depth)), np.full(n, np.nanstd(depth))
    if found is not None:
        columns["depth_um"][usable], columns["depth_um_sd"][usable] = found.position[:, 1], found.position_sd[:, 1]
    return columns


def _evidence(study: Study, rows: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The evidence that each prediction rests on, in words."""
    if not study.tasks:
        return np.full(len(rows), "none")
    wired = np.append(study.graph.wired, False)[rows]
    return np.where(~usable, "class frequencies", np.where(wired, "function + scan + synapses", "function + scan"))


def _neuron_notes(study: Study, rows: np.ndarray, usable: np.ndarray, unbounded: np.ndarray) -> np.ndarray:
    """Why a neuron could not be predicted from its function, or that its labels were seen, and what the run did not learn."""
    if not study.tasks:
        return np.full(len(rows), "the run had no labels to learn from", dtype=object)
    inputs = study.inputs
    labelled = np.append((inputs.layer >= 0) | (inputs.cell_type >= 0) | np.isfinite(inputs.position).all(1), False)
    notes = np.where(rows < 0, "neuron unknown to the run: class frequencies given", "")
    notes = np.where((rows >= 0) & ~usable, "no functional responses: class frequencies given", notes)
    notes = np.where(usable & labelled[rows], "the run was fitted on this neuron's labels", notes).astype(object)
    absent = [task.replace("_", " ") for task in ("cell_type", "layer", "position") if task not in study.tasks]
    lacking = [f"no {task}: the run had too few labels" for task in absent]
    no_bar = np.where(unbounded, "no error bar of depth: too few neurons were kept back from the fit to set its width", "")
    return np.array(["; ".join(filter(None, [note, bar, *lacking])) for note, bar in zip(notes, no_bar, strict=True)], dtype=object)
