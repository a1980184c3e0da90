"""Which units of an NWB file were matched to the electron microscopy: rows in an order that the file does not state.

The coregistration columns lie beside masks, but in the released files they follow the order of the units. A reader that takes the n-th
value for the n-th mask gives cells away to others. Here the order is found by comparison with the coregistration table, or refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin import schema
from graphtwin.coordinates import um_from_voxels
from graphtwin.sources.formats import PLANES, Stated, edges_of, opened, required_item, scan_of, valid_rows, with_points

VOXEL_NM = (4.0, 4.0, 40.0)  # edges of a voxel of minnie65's tables along x, y and z
STORED = ["pt_x_position", "pt_y_position", "pt_z_position"]  # columns of a cell's position in the NWB files of the release
VOXELS = ["pt_position_x", "pt_position_y", "pt_position_z"]  # columns of a cell's position in the coregistration table
SAME_CELL_UM = 5.0  # distance in um: matches of one cell in two versions of the table lie within a soma
AGREEING = 0.9  # share of rows that must lie where the tables say, for an order of the columns to be believed


def read_coregistration(path: str | Path, units: pd.DataFrame, coregistration: pd.DataFrame) -> pd.DataFrame:
    """The matched units of the file, each row under the unit it is of.

    The root ids in the file are floats of materialization 343 and are left there: join on session, scan_idx and unit_id.

    Args:
        path: NWB file.
        units: The release's table of scan units: session, scan_idx, unit_id, field, mask_id.
        coregistration: A CAVE table of the matches, of any materialization: session, scan_idx, unit_id, and pt_position_x, _y, _z or
            pt_position (voxels, or of the resolution that the file states).

    Returns:
        session, scan_idx, unit_id, field, cave_ids (a tuple of int), pt_position_x, _y, _z (voxels), and order: "units" or "masks", the one
        its field's columns are in ("either" where both give every match the same unit).
    """
    path = Path(path)
    schema.require_columns(units, [*schema.UNIT_KEY, "field", "mask_id"], "the table of scan units")
    coregistration = _in_voxels(coregistration, "the coregistration table")
    with opened(path) as file:
        session, scan_idx = scan_of(file, path)
        here = units[(units["session"] == session) & (units["scan_idx"] == scan_idx)]
        known = coregistration[(coregistration["session"] == session) & (coregistration["scan_idx"] == scan_idx)].dropna(subset=VOXELS)
        places = known.drop_duplicates("unit_id").set_index("unit_id")[VOXELS].astype(np.float64)
        folder, _, prefix = PLANES.rpartition("/")
        names = [name for name in required_item(file, folder, path) if name.startswith(prefix) and STORED[0] in file[folder][name]]
        parts = [_matched(file[folder][name], int(name.removeprefix(prefix)), here, places, path) for name in names]
    empty = pd.DataFrame(columns=["unit_id", "field", "cave_ids", *VOXELS, "order"])
    found = pd.concat(parts, ignore_index=True) if parts else empty
    return found.assign(session=np.int64(session), scan_idx=np.int64(scan_idx))[[*schema.UNIT_KEY, *empty.columns[1:]]]


def _in_voxels(coregistration: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The valid rows of the coregistration table, positions in voxels of `VOXEL_NM` whatever resolution the file states."""
    table = with_points(valid_rows(coregistration, origin), "pt_position", origin)
    schema.require_columns(table, [*schema.UNIT_KEY, *VOXELS], origin)
    edges, _ = edges_of(table, Stated(), VOXEL_NM, origin)
    return table.assign(**{name: table[name] * edge / usual for name, edge, usual in zip(VOXELS, edges, VOXEL_NM, strict=True)})


def _matched(plane: Any, field: int, units: pd.DataFrame, places: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The matched rows of one field."""
    of_field = units[units["field"] == field]
    masks = plane["id"][:]
    if len(of_field) != len(masks) or set(of_field["mask_id"]) != set(masks.tolist()):
        raise ValueError(
            f"{path}: field {field} has {len(masks)} masks, and the table of scan units {len(of_field)} units for it; both must list the "
            "same masks. Give the table of the same segmentation."
        )
    stored = np.column_stack([plane[name][:] for name in STORED])
    rows = np.flatnonzero(np.isfinite(stored).all(axis=1))
    readings = {
        "units": np.sort(of_field["unit_id"].to_numpy())[rows],
        "masks": of_field.set_index("mask_id")["unit_id"].loc[masks].to_numpy()[rows],
    }
    order = _order(stored[rows], readings, places, f"{path}: field {field}")
    ids = _ragged(plane, rows)
    table = pd.DataFrame({"unit_id": readings["masks" if order == "masks" else "units"], "field": np.int64(field), "cave_ids": ids})
    return table.assign(**dict(zip(VOXELS, stored[rows].T, strict=True)), order=order)


def _order(stored: Float[np.ndarray, "rows 3"], readings: dict[str, np.ndarray], places: pd.DataFrame, origin: str) -> str:
    """The reading under which the file's positions are those of the coregistration table."""
    agreeing, compared = {}, {}
    for name, units in readings.items():
        apart = um_from_voxels(stored - places.reindex(units)[VOXELS].to_numpy(), VOXEL_NM)
        distance = np.linalg.norm(apart, axis=1)
        compared[name] = int(np.isfinite(distance).sum())
        agreeing[name] = int((distance <= SAME_CELL_UM).sum())
    fits = [name for name in readings if agreeing[name] and agreeing[name] >= AGREEING * len(stored)]
    if len(fits) == 1:
        return fits[0]
    if len(fits) == 2 and (readings["units"] == readings["masks"]).all():
        return "either"
    counts = ", ".join(f"{agreeing[name]} of {len(stored)} in the order of {name} ({compared[name]} compared)" for name in agreeing)
    raise ValueError(
        f"{origin}: positions of matched cells agree with the coregistration table for {counts}; one order must fit "
        f"{AGREEING:.0%} of them. Check that both tables are of this animal. The order of these columns cannot be told without them."
    )


def _ragged(plane: Any, rows: np.ndarray) -> list[tuple[int, ...]]:
    """The rows of CAVE that matched each cell."""
    if "cave_ids" not in plane:
        return [()] * len(rows)
    ends = plane["cave_ids_index"][:].astype(np.int64)
    values = np.split(plane["cave_ids"][:], ends[:-1])
    return [tuple(int(value) for value in values[row] if np.isfinite(value)) for row in rows]
