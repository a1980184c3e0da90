"""What the best model of a run says of pairs: every row is answered, in its order, and says what the answer rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.graph.model import pair_probabilities
from graphtwin.graph.runs.asked_ids import OF_PAIR, asked_nuclei
from graphtwin.graph.runs.fitted_graph import FittedGraph, load_graph
from graphtwin.graph.runs.model_labels import MESSAGE_PASSING
from graphtwin.graph.runs.study import Study

OVERALL_RATE = "overall rate"  # in place of a model's name, where a cell is unknown and the row is filled


def predict_pairs(
    run: str | Path | FittedGraph,
    pairs: pd.DataFrame,
    materialization: int | None = None,
    origin: str = "pairs",
    fill_unknown: bool = False,
) -> pd.DataFrame:
    """Connection probability and expected size of pairs: the same rows in the same order, none dropped.

    The probability is of the model that had the largest average precision on held-out axons, the boosted trees and other baselines among
    the candidates (`graphtwin.graph.load(run).best` says which, and by how much). Baselines, some of which the graph model has in its
    stack, are fitted again from the tables in the run folder, by the seed of the run. The expected size is of message passing, which alone
    tells it.

    Args:
        run: A run folder, or the graph model loaded from it.
        pairs: Pairs to predict: pre_nucleus_id and post_nucleus_id; or root ids with their materialization: pre_pt_root_id and
            post_pt_root_id, or pre_root_id and post_root_id.
        materialization: Materialization that the root ids belong to; None for nucleus ids, and where the run knows of one only.
        origin: Name of the place that the pairs come from, for errors.
        fill_unknown: Give pairs with a cell that the run does not know the overall rate and mean size, in place of nothing.

    Returns:
        The id columns; probability; expected_size (summed cleft size given a connection, in the unit of the synapse table: voxels for
        minnie65); both NaN where the run does not know a cell, and of a cell with itself; exposure (in the unit of its table; only of a run
        that has exposures), NaN where the axon or the cell was not measured, and of a cell with itself; model: which one gave the
        probability; fitted_on: whether the pair was among those that the model was fitted on, so that its probability is no prediction of
        something unseen; note: empty, or what is not known.
    """
    graph = run if isinstance(run, FittedGraph) else load_graph(run)
    study = graph.study
    if graph.pairs is None:
        raise ValueError(
            f"{origin}: the run scored no connectivity at materialization {study.wired_at} (its metrics.json says why), so that it has no "
            "model of pairs. Ask it of neurons."
        )
    ids, keys = asked_nuclei(study.cortex, pairs, OF_PAIR, materialization, origin)
    rows = [study.inputs.rows(values) for values in ids]
    unknown, answered = (rows[0] < 0) | (rows[1] < 0), _answerable(rows)
    probability, size = np.full((2, len(pairs)), np.nan)
    if fill_unknown:
        probability[unknown], size[unknown] = study.pairs.prevalence, float(study.pairs.size.data.mean())
    if answered.any():
        probability[answered], size[answered] = _answered(graph, rows[0][answered], rows[1][answered])
    return (
        pairs[keys]
        .reset_index(drop=True)
        .assign(
            probability=probability,
            expected_size=size,
            model=np.select([answered, unknown & fill_unknown], [graph.pair_model, OVERALL_RATE], ""),
            **_exposures(study, rows),
            fitted_on=fitted_on(study, *rows),
            note=_pair_notes(study, rows, keys, fill_unknown),
        )
    )


def _answerable(rows: list[np.ndarray]) -> Bool[np.ndarray, " pairs"]:
    """Which pairs a model says something of: those of two known cells; a cell's synapses onto itself are neither learned nor scored."""
    return (rows[0] >= 0) & (rows[1] >= 0) & (rows[0] != rows[1])


def _answered(
    graph: FittedGraph, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]
) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
    """Probability by the best model, and expected size by message passing."""
    assert graph.pairs is not None  # refused before
    probability, size = pair_probabilities(graph.pairs, pre, post)
    rivals = {} if graph.pair_rivals is None else graph.pair_rivals(pre, post)
    if graph.stack is not None:
        said = {MESSAGE_PASSING: probability, **rivals}
        probability = replace(graph.stack, weights={name: weight for name, weight in graph.stack.weights.items() if weight})(said)
    elif rivals:
        (probability,) = rivals.values()
    return probability.astype(np.float64), size.astype(np.float64)


def fitted_on(study: Study, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Bool[np.ndarray, " pairs"]:
    """Which pairs of rows of `inputs` the final fits read: an observed axon onto a queried cell, connected or not; -1 is an unknown cell.

    Baselines read a part of the unconnected ones only. It counts as all: which part is chance.
    """
    return np.isin(pre, study.pairs.pre) & np.isin(post, study.pairs.post) & (pre != post)


def _exposures(study: Study, rows: list[np.ndarray]) -> dict[str, np.ndarray]:
    """The column of exposures, NaN where unknown; none of a run without exposures."""
    exposed = study.pairs.exposed
    if exposed is None:
        return {}
    asked, found = _answerable(rows), np.full(len(rows[0]), np.nan)
    found[asked] = exposed.of(rows[0][asked], rows[1][asked])
    return {"exposure": found}


def _exposure_remarks(study: Study, rows: list[np.ndarray]) -> list[tuple[np.ndarray, str]]:
    """Words for pairs that cannot meet, and for those of which it is not known whether they can."""
    exposed = study.pairs.exposed
    if exposed is None:
        return []
    value = _exposures(study, rows)["exposure"]
    return [
        (value == 0, f"exposure 0 ({exposed.measure}): axon and cell were measured and do not meet"),
        (_answerable(rows) & np.isnan(value), f"exposure unknown ({exposed.measure}): the axon or the cell was not measured"),
    ]


def _pair_notes(study: Study, rows: list[np.ndarray], keys: list[str], fill_unknown: bool) -> np.ndarray:
    """Words for what is unknown of each pair; empty where nothing is."""
    inputs = study.inputs
    placed = np.append(np.isfinite(inputs.position).all(1), True)
    queried = np.append(study.graph.queried_targets(study.wired_at), True)
    by_root = " (its root id belongs to no nucleus, to several, or to none of the run)" if "root_id" in keys[0] else ""
    given = "overall rate given" if fill_unknown else "left empty"
    remarks = [
        *_exposure_remarks(study, rows),
        (rows[0] < 0, f"pre neuron unknown to the run{by_root}: {given}"),
        (rows[1] < 0, f"post neuron unknown to the run{by_root}: {given}"),
        (~placed[rows[0]], "pre neuron lacks a position"),
        (~placed[rows[1]], "post neuron lacks a position: placed by its inputs where it has any"),
        (~queried[rows[1]], "post neuron was not queried: its in-degree is unknown"),
        ((rows[0] >= 0) & (rows[0] == rows[1]), "a cell with itself: left empty, for such pairs are neither learned nor scored"),
    ]
    notes = np.full(len(rows[0]), "", dtype=object)
    for where, text in remarks:
        notes[where] = [f"{note}; {text}" if note else text for note in notes[where]]
    return notes
