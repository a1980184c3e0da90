"""CAVE tables that speak of places in an EM volume: nuclei and synapses, voxels turned into nm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.sources.formats import READERS

VOXEL_NM = (4.0, 4.0, 40.0)  # edges of a voxel of minnie65's tables along x, y and z
SIDES = {"pre": "pre_pt_position", "ctr": "ctr_pt_position", "post": "post_pt_position"}  # CAVE's name of a place of a synapse by ours


def read_nuclei(path: str | Path, voxel_nm: tuple[float, float, float] = VOXEL_NM) -> pd.DataFrame:
    """A nucleus detection table: nucleus_id, root_id, x_nm, y_nm, z_nm.

    Args:
        path: Table file with id, pt_root_id and pt_position_x, _y, _z in voxels.
        voxel_nm: Edges of a voxel along x, y and z, nm.
    """
    columns = {"nucleus_id": "id", "root_id": "pt_root_id"}
    return _read(Path(path), columns, {"": "pt_position"}, voxel_nm)


def read_matches(path: str | Path, voxel_nm: tuple[float, float, float] = VOXEL_NM) -> pd.DataFrame:
    """A coregistration table: session, scan_idx, unit_id, nucleus_id, root_id, x_nm, y_nm, z_nm.

    Args:
        path: Table file with session, scan_idx, unit_id, target_id, pt_root_id and pt_position_x, _y, _z in voxels.
        voxel_nm: Edges of a voxel along x, y and z, nm.
    """
    columns = {name: name for name in schema.UNIT_KEY} | {"nucleus_id": "target_id", "root_id": "pt_root_id"}
    return _read(Path(path), columns, {"": "pt_position"}, voxel_nm)


def read_synapses(path: str | Path, voxel_nm: tuple[float, float, float] = VOXEL_NM) -> pd.DataFrame:
    """A synapse table: synapse_id, pre_root_id, post_root_id, size, and pre_x_nm, ..., ctr_x_nm, ..., post_x_nm, ...

    Args:
        path: Table file with id, pre_pt_root_id, post_pt_root_id, size and pre_pt_position_x, ... in voxels.
        voxel_nm: Edges of a voxel along x, y and z, nm.
    """
    columns = {"synapse_id": "id", "pre_root_id": "pre_pt_root_id", "post_root_id": "post_pt_root_id"}
    return _read(Path(path), columns, {f"{side}_": name for side, name in SIDES.items()}, voxel_nm, ["size"])


def _read(
    path: Path, ids: dict[str, str], places: dict[str, str], voxel_nm: tuple[float, float, float], numbers: Sequence[str] = ()
) -> pd.DataFrame:
    """A table with its ids checked, its places in nm and its numbers as they are."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: this table is missing. Export it there.")
    table = READERS[path.suffix](path)
    needed = [*ids.values(), *numbers, *(f"{name}_{axis}" for name in places.values() for axis in "xyz")]
    schema.require_columns(table, needed, str(path))
    read = pd.DataFrame({ours: schema.as_ids(table[theirs], f"{path}, column {theirs}") for ours, theirs in ids.items()})
    read = read.assign(**{name: table[name].to_numpy(np.float64) for name in numbers})
    for prefix, name in places.items():
        for axis, edge in zip("xyz", voxel_nm, strict=True):
            read[f"{prefix}{axis}_nm"] = table[f"{name}_{axis}"].to_numpy(np.float64) * edge
    return read
