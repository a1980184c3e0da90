"""The zebrafish's oculomotor integrator: a wiring diagram with the class of every cell, and imaged cells without a key in common."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.artifacts import sha256
from graphtwin.sources.formats import SourceTables, Table, only_variable

MATRIX, CLASSES, INPUTS, ORDER = "ConnMatrix", "cellIDType", "totalInputs", "MatOrder"  # how the names of files begin
IMAGED = "slopesThresh"  # of the imaged cells, .csv without names of columns, or .mat
COLUMNS = ("x", "y", "z", "abducens_motor", "abducens_internuclear", "vestibular", "threshold", "slope")  # of the imaged cells
MOTOR = (
    "ABD_m"  # class of the motor neurons of the abducens; the internuclear ones, ABD_i, reach other eye muscles through a nucleus outside
)
M = 1  # one materialization
CREDITS = {"connectome": "Vishwanathan et al. 2024, doi:10.1038/s41593-024-01784-3; files of the user's own, in the layout of its data"}

log = logging.getLogger("graphtwin")


def load_oculomotor(folder: str | Path, signs: Mapping[str, int] | None = None) -> SourceTables:
    """Cells with their classes, and their synapses. No sign is in the files, and none is taken but those that are given by class.

    Cells are named by their numbers in MatOrder*.mat, or by class and place. The column `total_inputs` of the cells has the synapses of
    each from anywhere, of which the matrix has those from cells that were reconstructed. The imaged cells have no key in common with
    these: `read_imaged_cells` reads them, as a table of its own.

    Args:
        folder: Folder with ConnMatrix*.mat (rows receive), cellIDType*.mat, totalInputs*.mat and, where there is one, MatOrder*.mat, of any
            version of MATLAB.
        signs: What the cells of a class do, as {"DOs": -1}: 1 excites, -1 inhibits. All others have no sign.

    Raises:
        ValueError: A file is missing or there twice, numbers of cells differ, or a sign is given to a class that no cell has.
    """
    folder = Path(folder)
    paths = {stem: _one(folder, f"{stem}*.mat") for stem in (MATRIX, CLASSES, INPUTS)}
    order = sorted(folder.glob(f"{ORDER}*.mat"))
    counts = np.asarray(only_variable(paths[MATRIX]), np.float64)
    classes = [str(name).strip().strip("_") for name in np.ravel(only_variable(paths[CLASSES]))]
    inputs = np.ravel(only_variable(paths[INPUTS])).astype(np.float64)
    numbers = [] if not order else [str(int(number)) for number in np.ravel(only_variable(_one(folder, f"{ORDER}*.mat")))]
    lengths = {
        "cells of the matrix": counts.shape[0],
        "classes": len(classes),
        "total inputs": len(inputs),
        "numbers": len(numbers) or len(classes),
    }
    if len(set(lengths.values())) > 1 or counts.shape != (len(classes),) * 2:
        raise ValueError(f"{folder}: {counts.shape} entries in {paths[MATRIX].name}, and {lengths}. Give files of the same cells.")
    stated = _signs(classes, signs or {}, str(folder))
    names = numbers or [f"{name}_{place + 1:03d}" for place, name in enumerate(classes)]
    cells, of = _cells(names, classes, inputs, stated)
    return _source(cells, of, counts, names, [*paths.values(), *order], paths[MATRIX].name)


def read_imaged_cells(folder: str | Path) -> pd.DataFrame:
    """Imaged cells, a row each, with the columns of `COLUMNS`; x, y and z are as the file has them, whose unit is not stated.

    The slope is of the rate against the position of the eye, above the threshold, which is a position; NaN where there is none.

    Args:
        folder: Folder with slopesThresh*.csv (no names of columns) or slopesThresh*.mat, of eight columns in this order.
    """
    path = _one(Path(folder), f"{IMAGED}*.csv", f"{IMAGED}*.mat")
    values = pd.read_csv(path, header=None).to_numpy() if path.suffix == ".csv" else only_variable(path)
    if values.ndim != 2 or values.shape[1] != len(COLUMNS) or values.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: {values.dtype} of shape {values.shape}, where {len(COLUMNS)} columns of numbers are needed: {', '.join(COLUMNS)}. "
            "Export them in this order, without names."
        )
    frame = pd.DataFrame(values.astype(np.float64), columns=list(COLUMNS))
    classes = COLUMNS[3:6]
    wrong = ~frame[list(classes)].isin([0, 1]).all(axis=1)
    if wrong.any():
        raise ValueError(
            f"{path}: {int(wrong.sum())} of {len(frame)} rows have something other than 0 and 1 under {', '.join(classes)}, first row "
            f"{int(wrong.to_numpy().argmax()) + 1}. Is the order of columns {', '.join(COLUMNS)}?"
        )
    return frame.astype(dict.fromkeys(classes, bool))


def _one(folder: Path, *patterns: str) -> Path:
    """The one file of a folder whose name fits; an error where there is none, or several."""
    found = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if len(found) != 1:
        there = sorted(path.name for path in folder.iterdir())[:10] if folder.is_dir() else "no such folder"
        raise ValueError(
            f"{folder}: {len(found)} files are named {' or '.join(patterns)} ({[path.name for path in found]}), where one is read; there "
            f"is {there}. Leave one."
        )
    return found[0]


def _signs(classes: list[str], signs: Mapping[str, int], origin: str) -> np.ndarray:
    """The sign that is stated of each cell's class."""
    unmet = [name for name in signs if name not in classes]
    if unmet or any(sign not in (-1, 0, 1) for sign in signs.values()):
        raise ValueError(f"{origin}: signs {dict(signs)}: give 1, -1 or 0 to classes that are there ({sorted(set(classes))}).")
    return np.array([signs.get(name, 0) for name in classes], dtype=np.int64)


def _cells(names: list[str], classes: list[str], inputs: np.ndarray, signs: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """The table of cells, and the number of each by the order of all names."""
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(
            f"{len(names) - len(set(names))} of {len(names)} cells have the number of another, first {repeated[:4]}. Number each."
        )
    ids = np.argsort(np.argsort(np.array(names))) + 1
    frame = pd.DataFrame(
        {
            "nucleus_id": ids,
            "root_id": ids,
            "cell_type": classes,
            "sign": signs,
            "sensory": np.zeros(len(ids), bool),
            "motor": np.array(classes) == MOTOR,
            "total_inputs": inputs,
        }
    )
    return frame, ids


def _source(cells: pd.DataFrame, ids: np.ndarray, counts: np.ndarray, names: list[str], files: list[Path], origin: str) -> SourceTables:
    """The tables, with the matrix by pairs."""
    post, pre = np.nonzero(counts)
    log.info("%s: %d cells of %d classes, %d connected pairs.", origin, len(cells), cells["cell_type"].nunique(), len(pre))
    synapses = pd.DataFrame({"pre_root_id": ids[pre], "post_root_id": ids[post], "size": counts[post, pre]})
    frames = {
        "circuit_cells": cells,
        "cell_types_fine": cells[["nucleus_id", "root_id", "cell_type"]],
        "synapses": schema.check(synapses, schema.SOURCE["synapses"], origin),
        "queried_post": pd.DataFrame({"post_root_id": ids}),
        "queried_pre": pd.DataFrame({"pre_root_id": ids}),
    }
    tables = tuple(Table(role, M, origin, frame) for role, frame in frames.items())
    return SourceTables("oculomotor", tables, {path.name: sha256(path) for path in files}, names=tuple(sorted(names)), credits=CREDITS)
