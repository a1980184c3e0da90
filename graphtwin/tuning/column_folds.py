"""Which columns a neuron loses in which fold, so that they can be predicted from those that it keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int


def column_folds(
    measured: Bool[np.ndarray, "neurons columns"], folds: int, rng: np.random.Generator, columns: pd.DataFrame | None = None
) -> Int[np.ndarray, "neurons columns"]:
    """Fold in which a neuron loses a column: one scattered partition of the columns, turned by another step a neuron.

    Every complete neuron loses 1 / folds of its columns a fold, every column is seen by most neurons in every fold, and only as many
    patterns occur as there are columns, so that the fit stays cheap. A neuron with gaps deals out the columns that it has in turn.
    Columns on a line, such as frames, are lost in runs: noise of neighbouring frames is alike, and would count as predicted.

    Args:
        measured: Whether an entry was measured.
        folds: Number of folds.
        rng: Generator of the partition.
        columns: One row a column: table, position, axis; None for columns of one table on no line.
    """
    n_neurons, n_columns = measured.shape
    if folds > n_columns:
        raise ValueError(f"{folds} folds of {n_columns} columns: choose at most {n_columns}.")
    found = np.empty(measured.shape, dtype=np.int64)
    groups = _groups(n_columns, columns)
    parts = [np.arange(len(at)) * folds // len(at) if in_runs else rng.permutation(np.arange(len(at)) % folds) for at, in_runs in groups]
    turn = rng.permutation(np.arange(n_neurons) % n_columns)
    gaps = ~measured.all(1)
    for (at, in_runs), partition in zip(groups, parts, strict=True):
        place = np.arange(len(at))
        found[:, at] = partition[(place[None, :] + turn[:, None]) % len(at)]
        order = place if in_runs else np.argsort(partition, kind="stable")
        seen = measured[np.ix_(gaps, at[order])]
        number = np.cumsum(seen, axis=1) - 1
        dealt = number * folds // np.maximum(seen.sum(1, keepdims=True), 1) if in_runs else number
        found[np.ix_(gaps, at[order])] = (dealt + turn[gaps, None]) % folds
    return found


def _groups(n_columns: int, columns: pd.DataFrame | None) -> list[tuple[np.ndarray, bool]]:
    """Columns that are dealt together, in the order of their line, and whether they are lost in runs."""
    if columns is None or not (columns["axis"] == "linear").any():
        return [(np.arange(n_columns), False)]
    placed = columns.reset_index(drop=True)
    groups = placed.groupby(placed["table"].where(placed["axis"] == "linear", ""), sort=True)
    return [(group.sort_values("position").index.to_numpy(), bool(name)) for name, group in groups]
