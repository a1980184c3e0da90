"""CAVE tables that speak of places in an EM volume: nuclei and synapses, voxels turned into nm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int64

from graphtwin import schema
from graphtwin.sources.formats import Stated, edges_of, read_file, require_tissue, require_voxels, valid_rows, with_points

Edges = tuple[float, float, float]
VOXEL_NM: Edges = (4.0, 4.0, 40.0)  # edges of a voxel of minnie65's tables along x, y and z
ROOTS = ("root_id", "pt_root_id", "pre_root_id", "pre_pt_root_id", "post_root_id", "post_pt_root_id")  # columns that name segments
SIDES = {"pre": "pre_pt_position", "ctr": "ctr_pt_position", "post": "post_pt_position"}  # CAVE's name of a place of a synapse by ours


def read_nuclei(path: str | Path, voxel_nm: Edges | None = None) -> pd.DataFrame:
    """A nucleus detection table: nucleus_id, root_id, x_nm, y_nm, z_nm.

    Args:
        path: Table file with id, pt_root_id and pt_position_x, _y, _z (or pt_position) in voxels.
        voxel_nm: Edges of a voxel along x, y and z, nm; None takes those that the file states, or `VOXEL_NM`.
    """
    columns = {"nucleus_id": "id", "root_id": "pt_root_id"}
    return _read(Path(path), columns, {"": "pt_position"}, voxel_nm)


def read_matches(path: str | Path, voxel_nm: Edges | None = None) -> pd.DataFrame:
    """A coregistration table: session, scan_idx, unit_id, nucleus_id, root_id, x_nm, y_nm, z_nm.

    Args:
        path: Table file with session, scan_idx, unit_id, target_id, pt_root_id and pt_position_x, _y, _z (or pt_position) in voxels.
        voxel_nm: Edges of a voxel along x, y and z, nm; None takes those that the file states, or `VOXEL_NM`.
    """
    columns = {name: name for name in schema.UNIT_KEY} | {"nucleus_id": "target_id", "root_id": "pt_root_id"}
    return _read(Path(path), columns, {"": "pt_position"}, voxel_nm)


def read_synapses(path: str | Path, voxel_nm: Edges | None = None) -> pd.DataFrame:
    """A synapse table: synapse_id, pre_root_id, post_root_id, size, and pre_x_nm, ..., ctr_x_nm, ..., post_x_nm, ...

    Args:
        path: Table file with id, pre_pt_root_id, post_pt_root_id, size and pre_pt_position_x, ... (or pre_pt_position ...) in voxels.
        voxel_nm: Edges of a voxel along x, y and z, nm; None takes those that the file states, or `VOXEL_NM`.
    """
    columns = {"synapse_id": "id", "pre_root_id": "pre_pt_root_id", "post_root_id": "post_pt_root_id"}
    return _read(Path(path), columns, {f"{side}_": name for side, name in SIDES.items()}, voxel_nm, ["size"])


def read_roots(path: str | Path) -> Int64[np.ndarray, " ids"]:
    """The segments that a table names, rising and each once.

    Args:
        path: Table file with one of the columns of `ROOTS`, or with one column alone.
    """
    table = read_file(Path(path))
    there = [name for name in ROOTS if name in table] or ([str(table.columns[0])] if len(table.columns) == 1 else [])
    if len(there) != 1:
        found = f"{there} are there" if there else f"it has {[str(name) for name in table.columns]}"
        raise ValueError(f"{path}: segments are named by one of the columns {', '.join(ROOTS)}; {found}. Leave one of them.")
    return np.unique(schema.as_ids(table[there[0]], f"{path}, column {there[0]}").to_numpy(np.int64))


def _read(path: Path, ids: dict[str, str], places: dict[str, str], voxel_nm: Edges | None, numbers: Sequence[str] = ()) -> pd.DataFrame:
    """The valid rows of a table, with ids checked, places in nm and numbers as they are."""
    origin = str(path)
    table = valid_rows(read_file(path), origin)
    for name in places.values():
        table = with_points(table, name, origin)
    schema.require_columns(table, [*ids.values(), *numbers, *(f"{name}_{axis}" for name in places.values() for axis in "xyz")], origin)
    read = pd.DataFrame({ours: schema.as_ids(table[theirs], f"{path}, column {theirs}") for ours, theirs in ids.items()})
    read = read.assign(**{name: schema.as_numbers(table[name], f"{path}, column {name}") for name in numbers})
    edges, declared = edges_of(table, Stated(of_frame=voxel_nm), VOXEL_NM, origin)
    of_cells = "nucleus_id" in ids
    for prefix, name in places.items():
        points = table[[f"{name}_{axis}" for axis in "xyz"]].to_numpy(np.float64)
        require_voxels(points, edges, declared, origin, corner=of_cells)
        nm = points * np.asarray(edges)
        if of_cells:
            require_tissue(nm / 1000, read["nucleus_id"].to_numpy(), origin)
        read = read.assign(**{f"{prefix}{axis}_nm": values for axis, values in zip("xyz", nm.T, strict=True)})
    return read
