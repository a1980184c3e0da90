"""What the graph model reads: one row a neuron of function, scan, anatomy and labels, and the edges messages travel on.

Unknown stays unknown: a missing function, position or label is zero with its mask False, and no loss is taken on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int

from graphtwin.cortex import Cortex
from graphtwin.schema import POSITION

MIN_MEMBERS = 20  # least number of neurons in a class, where none is set: with fewer it can hardly be learned and held out
# What a cell brings beside function and position: labels of anatomy and proofreading.
CONTEXT = ["cell_class", "layer", "axon_status", "dendrite_status", "edited"]


@dataclass(frozen=True)
class NodeInputs:
    """One row a neuron, in order of nucleus_id.

    Attributes:
        function: Standardised functional features, 0 where a neuron has none.
        scan: Number of the neuron's scan in `scans`, -1 without function.
        position: Position of the soma along the three axes of the source in um; NaN where unknown.
        context: One-hot anatomical labels; all zero where unknown. Never an input of the cell-type or position head for the neuron itself.
        cell_type: Index into `cell_types`, -1 where unknown; `layer` alike.
    """

    nucleus_id: Int[np.ndarray, " neurons"]
    function: Float32[np.ndarray, "neurons features"]
    has_function: Bool[np.ndarray, " neurons"]
    reliability: Float32[np.ndarray, " neurons"]
    scan: Int[np.ndarray, " neurons"]
    position: Float[np.ndarray, "neurons 3"]
    context: Float32[np.ndarray, "neurons labels"]
    cell_type: Int[np.ndarray, " neurons"]
    layer: Int[np.ndarray, " neurons"]
    cell_types: tuple[str, ...]
    layers: tuple[str, ...]
    scans: tuple[tuple[int, int], ...]
    context_names: tuple[str, ...]

    @property
    def subjects(self) -> Bool[np.ndarray, " neurons"]:
        """Which neurons are learned from and asked about: those with a function, or all of them where the source has no function."""
        return self.has_function if self.has_function.any() else np.ones(len(self.nucleus_id), dtype=bool)

    def rows(self, nucleus_id: Int[np.ndarray, " ids"]) -> Int[np.ndarray, " ids"]:
        """Row of each nucleus, -1 where the graph model does not know it."""
        if not len(self.nucleus_id):
            return np.full(len(nucleus_id), -1)
        at = np.searchsorted(self.nucleus_id, nucleus_id).clip(max=len(self.nucleus_id) - 1)
        return np.where(self.nucleus_id[at] == nucleus_id, at, -1)


def node_inputs(cortex: Cortex, features: pd.DataFrame, min_members: int = MIN_MEMBERS) -> NodeInputs:
    """Tensors of all neurons that have a function or were queried.

    Args:
        cortex: The joined tables.
        features: Functional features, one row a nucleus: nucleus_id, session, scan_idx, reliability and feature_* columns (standardised, no
            NaN); no row where the source has no function.
        min_members: Least number of neurons, of those that are asked about, in a class; labels of smaller ones count as unknown.
    """
    taking_part = np.union1d(features["nucleus_id"], cortex.queried["nucleus_id"])
    neurons = cortex.neurons[cortex.neurons["nucleus_id"].isin(taking_part)].sort_values("nucleus_id", ignore_index=True)
    ids = neurons["nucleus_id"].to_numpy(np.int64)
    by_id = features.set_index("nucleus_id").reindex(ids)
    names = [name for name in features.columns if name.startswith("feature_")]
    has_function = np.isin(ids, features["nucleus_id"]) & by_id[names].notna().all(axis=1).to_numpy()
    subjects = has_function if has_function.any() else np.ones(len(ids), dtype=bool)
    scans = tuple(sorted(set(map(tuple, features[["session", "scan_idx"]].to_numpy().tolist()))))
    number = {scan: index for index, scan in enumerate(scans)}
    of_neuron = zip(by_id["session"], by_id["scan_idx"], has_function, strict=True)
    neurons = neurons.assign(edited=_edited(cortex, ids))
    cell_type, cell_types = _codes(neurons["cell_type"], subjects, min_members)
    context, context_names = _one_hot(_classed(neurons, cell_type, cell_types))
    layer, layers = _codes(neurons["layer"], subjects, min_members)
    return NodeInputs(
        nucleus_id=ids,
        function=by_id[names].fillna(0.0).to_numpy(np.float32),
        has_function=has_function,
        reliability=by_id["reliability"].fillna(0.0).to_numpy(np.float32),
        scan=np.array([number[(int(s), int(i))] if known else -1 for s, i, known in of_neuron], dtype=np.int64),
        position=neurons[POSITION].to_numpy(np.float64),
        context=context,
        cell_type=cell_type,
        layer=layer,
        cell_types=cell_types,
        layers=layers,
        scans=scans,
        context_names=context_names,
    )


def _edited(cortex: Cortex, ids: np.ndarray) -> np.ndarray:
    """Whether a neuron's segment was edited between the last two materializations that know it: its root id changed.

    An edit tells how complete or how wrongly merged the earlier segment was, that is, how many of its synapses could be seen.
    """
    versions = sorted(cortex.root_ids["materialization"].unique())
    out = np.full(len(ids), None, dtype=object)
    if len(versions) < 2:
        return out
    roots = cortex.root_ids.drop_duplicates(["materialization", "nucleus_id"])
    before, after = (
        roots[roots["materialization"] == version].set_index("nucleus_id")["root_id"].reindex(ids) for version in versions[-2:]
    )
    both = (before.notna() & after.notna()).to_numpy()
    out[both] = np.where((before == after).to_numpy()[both], "no", "yes")
    return out


def _classed(neurons: pd.DataFrame, cell_type: np.ndarray, cell_types: tuple[str, ...]) -> pd.DataFrame:
    """The neurons with a class: where the source names no cell class, the cell type takes its place."""
    if neurons["cell_class"].notna().any() or not cell_types:
        return neurons
    return neurons.assign(cell_class=np.where(cell_type >= 0, np.array(cell_types, dtype=object)[cell_type], None))


def _one_hot(neurons: pd.DataFrame) -> tuple[np.ndarray, tuple[str, ...]]:
    """Known labels as 0/1 columns; a neuron of unknown label has only zeros there."""
    columns = {}
    for label in CONTEXT:
        for value in sorted(neurons[label].dropna().unique()):
            columns[f"{label}={value}"] = (neurons[label] == value).to_numpy(np.float32)
    if not columns:
        return np.zeros((len(neurons), 0), np.float32), ()
    return np.stack(list(columns.values()), axis=1), tuple(columns)


def _codes(label: pd.Series, subjects: np.ndarray, min_members: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes over the classes that enough of the neurons that are asked about have; every other label counts as unknown."""
    members = label[subjects].value_counts()
    classes = tuple(sorted(members.index[members >= min_members]))
    return pd.Categorical(label, categories=list(classes)).codes.astype(np.int64), classes
