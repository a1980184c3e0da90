"""One exported table: renamed to the house's columns, its valid rows kept, moved to the pia frame and checked."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.artifacts import sha256
from graphtwin.config import nearest_of
from graphtwin.coordinates import PiaFrame, house_order, pia_from_voxels
from graphtwin.sources.formats.cave import valid_rows
from graphtwin.sources.formats.circuit_cells import with_marks
from graphtwin.sources.formats.exposure_tables import pairs_of_cells
from graphtwin.sources.formats.function_table import KEYS, read_function
from graphtwin.sources.formats.mean_responses import require_responses
from graphtwin.sources.formats.positions import Stated, edges_of, require_tissue, require_voxels, with_points
from graphtwin.sources.formats.recruitment_tables import RECRUITMENT, places_in_order, require_places_once
from graphtwin.sources.formats.response_tables import RESPONSES, measured_pairs, require_pairs_once
from graphtwin.sources.formats.table_files import read_file

# Names that CAVE exports use, by the house's name.
CAVE = {
    "nucleus_id": "target_id",
    "root_id": "pt_root_id",
    "pre_root_id": "pre_pt_root_id",
    "post_root_id": "post_pt_root_id",
    "axon_status": "status_axon",
    "dendrite_status": "status_dendrite",
    "x_um": "pial_x_um",
    "depth_um": "pial_y_um",
    "z_um": "pial_z_um",
}
ROLE_NAMES = {"cell_types_coarse": {"cell_class": "cell_type"}, "synapse_list": {"synapse_id": "id"}}
VOXELS = ["pt_position_x", "pt_position_y", "pt_position_z"]  # columns of a position in CAVE's exports, where it is split
ANOTHER_DIRECTION = re.compile(r"direction_?-?\d+([._]\d+)?", re.IGNORECASE)  # a direction, whether named as the house does or not
ID_COLUMNS = ["nucleus_id", "root_id", "synapse_id", "pre_root_id", "post_root_id", *schema.PAIR_KEY, "orientation_index", *schema.UNIT_KEY]

log = logging.getLogger("graphtwin")


def verified_sha256(path: Path, name: str, registry: dict[str, str] | None) -> str:
    """The file's sha256; an error where it is missing or is not the one registered.

    Args:
        path: File to verify.
        name: Name of the file in the registry.
        registry: Expected sha256 of each file by name; None accepts any file.
    """
    if not path.is_file():
        siblings = sorted(sibling.name for sibling in path.parent.iterdir()) if path.parent.is_dir() else []
        raise FileNotFoundError(
            f"{path}: this table is missing. Its folder {f'has {siblings}' if siblings else 'is empty or does not exist'}"
            f"{nearest_of(path.name, siblings, '; nearest {}')}. Export it there, or correct `file` in the TOML."
        )
    found = sha256(path)
    expected = registry.get(name) if registry is not None else found
    if found != expected:
        raise ValueError(
            f"{path}: sha256 is {found}, but the registry says {expected}. The file was changed or cut short: "
            "install the package again or restore it from the repository, or read your own version through a TOML of its own."
        )
    return found


Columns = dict[str, str] | list[str]  # the file's name of a column by ours, or the columns of responses


def read_table(path: Path, role: str, columns: Columns, frame: PiaFrame, stated: Stated | None = None) -> pd.DataFrame:
    """The table that `read_placed` gives."""
    return read_placed(path, role, columns, frame, stated)[0]


def read_placed(
    path: Path,
    role: str,
    columns: Columns,
    frame: PiaFrame,
    stated: Stated | None = None,
    wired: bool = True,
    axes: tuple[str, str, str] | None = None,
    numbered: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
) -> tuple[pd.DataFrame, bool]:
    """A table in house names, ids int64, positions in um of the pia frame, checked against the schema of its role.

    Args:
        path: Table file, of any format that `read_file` takes.
        role: What the table says: a key of `schema.SOURCE`.
        columns: The file's name of a column by the house's name, where it is not CAVE's usual one; of role `function` also a list of the
            columns that are responses.
        frame: Voxel size and pose of the pia, for positions given in voxels.
        stated: Edges of a voxel that the source states; none where it leaves the usual ones.
        wired: Whether the source has wiring, which names cells by root ids; where it has none, cells that have a nucleus_id need none, and
            0 stands for it.
        axes: Names of the axes along x, y and z, where the source gives them: columns such as dorsoventral_um are then positions.
        numbered: Function that gives numbers to neurons that the table names by name.

    Returns:
        The columns of the role, and whether its positions were moved to the pia frame here, from voxels.
    """
    wanted, moved = schema.SOURCE[role], False
    renamed = _renamed(role, columns, str(path))
    placed = _named(valid_rows(read_file(path, renamed.values()), str(path)), axes, str(path))
    table = _rename(placed, role, renamed, str(path))
    if role == RESPONSES:
        require_pairs_once(table, str(path))
    if role == RECRUITMENT:
        require_places_once(table, str(path))
    table = numbered(table)
    if role == "synapses" and "kind" in table:
        wanted = schema.SYNAPSES_BY_KIND
    if role == "circuit_cells":
        table = with_marks(table, str(path))
    if role == "function":
        answers = [name for name in renamed if name not in KEYS]
        return schema.check(read_function(table, answers, str(path)), wanted, str(path)), False
    if schema.POSITION[0] in wanted.columns:
        moved = not set(schema.POSITION) & set(table)
        table = _positions(table, frame, stated or Stated(), str(path), house_order(axes or schema.AXES))
        moved = moved and schema.POSITION[0] in table
    if not wired and "root_id" in wanted.columns and "root_id" not in table and "nucleus_id" in table:
        table = table.assign(root_id=np.int64(0))
    schema.require_columns(table, schema.required(wanted), str(path))
    ids = [name for name in ID_COLUMNS if name in wanted.columns and name in table]
    table = table.assign(**{name: schema.as_ids(table[name], f"{path}, column {name}") for name in ids})
    if schema.POSITION[0] in wanted.columns and schema.POSITION[0] in table:
        cell = "nucleus_id" if "nucleus_id" in ids else "root_id"
        require_tissue(table[schema.POSITION].to_numpy(np.float64), table[cell].to_numpy(), str(path))
    table = _select(table, role, str(path))
    if role.startswith("queried"):
        table = table.drop_duplicates()  # A list of cells is a set: the file may serve another role and name a cell several times.
    if role == "exposure":
        table = pairs_of_cells(table, str(path))
    if role == RESPONSES:
        table = measured_pairs(table, str(path))
    if role == RECRUITMENT:
        table = places_in_order(table, str(path))
    checked = schema.check(table, wanted, str(path))
    if role == "responses":
        require_responses(checked, str(path))
    return checked.reset_index(drop=True), moved


def _renamed(role: str, columns: Columns, origin: str) -> dict[str, str]:
    """The file's name of a column by ours; a list, as of the columns of responses, leaves them their names."""
    if not isinstance(columns, list):
        return columns
    if role != "function":
        raise ValueError(f"{origin}: `columns` is a list, which role {role!r} does not take. Write {{ our name = the file's name }}.")
    return {name: name for name in columns}


def _named(table: pd.DataFrame, axes: tuple[str, str, str] | None, origin: str) -> pd.DataFrame:
    """The table with house names for positions along axes that the source names; some of the three alone are an error."""
    columns = {} if axes is None else {f"{axes[place]}_um": ours for place, ours in zip(house_order(axes), schema.POSITION, strict=True)}
    there = [name for name in columns if name in table]
    if there and len(there) < len(columns) and not set(schema.POSITION) <= set(table):
        raise ValueError(
            f"{origin}: positions {there} and no {[name for name in columns if name not in there]}. Bring a column of each axis that "
            "[frame] names; it is 0 throughout where all lie in a plane or on a line."
        )
    return table.rename(columns=columns) if len(there) == len(columns) else table


def _rename(table: pd.DataFrame, role: str, columns: dict[str, str], origin: str) -> pd.DataFrame:
    """The table with house names: those said in the TOML first, then CAVE's usual ones."""
    _require_known_names(role, columns, origin)
    schema.require_columns(table, columns.values(), origin)
    meant_otherwise = [ours for ours, theirs in columns.items() if ours in table.columns and theirs != ours]
    table = table.drop(columns=meant_otherwise).rename(columns={theirs: ours for ours, theirs in columns.items()})
    usual = CAVE | ROLE_NAMES.get(role, {})
    usual = {theirs: ours for ours, theirs in usual.items() if ours not in table.columns}
    return table.rename(columns=usual)


def _require_known_names(role: str, columns: dict[str, str], origin: str) -> None:
    """Raise when `columns` of the TOML gives a name that the role does not have: it would be left out without a word."""
    if role == "function":
        return  # a response has the name that the source gives it
    known = [name for name, column in schema.SOURCE[role].columns.items() if not column.regex]
    known += [*VOXELS, "pt_position"] if schema.POSITION[0] in known else []
    known += ["name"] if "root_id" in known else []
    known += ["pre_name", "post_name"] if {"pre_root_id", "post_root_id"} & set(known) else []
    unknown = [name for name in columns if name not in known and not (role == "responses" and re.match(schema.DIRECTION, name))]
    if unknown:
        nearest_known = ", ".join(f"{name!r}{nearest_of(name, known)}" for name in unknown)
        raise ValueError(
            f"{origin}: {len(unknown)} names under `columns` are none of role {role!r}: {nearest_known}. "
            f"It has {known}; write our name = the file's name."
        )


def _positions(table: pd.DataFrame, frame: PiaFrame, stated: Stated, origin: str, order: tuple[int, int, int]) -> pd.DataFrame:
    """Positions as x_um, depth_um and z_um: those in the pia frame where the file has them, else from voxels, split or in triples."""
    if {"x_um", "y_um"} <= set(table.columns) and "depth_um" not in table:
        raise ValueError(
            f'{origin}: x_um and y_um are here and no depth_um, and nothing says which axis is which. Write axes = ["x", "y", "z"] under '
            "[frame] in the TOML, or other names of the axes, and bring a column of each: z_um is 0 where all lie in a plane."
        )
    if set(schema.POSITION) & set(table.columns):
        schema.require_columns(table, schema.POSITION, f"{origin}, position in the pia frame")
        return table
    table = with_points(table, "pt_position", origin)
    if not set(VOXELS) & set(table.columns):
        return table
    schema.require_columns(table, VOXELS, origin)
    edges, declared = edges_of(table, stated, frame.voxel_nm, origin)
    if not declared:
        log.warning("%s: nothing states the unit of its positions; taken for voxels of %g x %g x %g nm.", origin, *edges)
    places = table[VOXELS].to_numpy(dtype=np.float64)
    require_voxels(places, edges, declared, origin)
    pia = pia_from_voxels(places, replace(frame, voxel_nm=edges))
    return table.assign(**dict(zip(schema.POSITION, pia.T[list(order)], strict=True)))


def _select(table: pd.DataFrame, role: str, origin: str) -> pd.DataFrame:
    """The table with only the columns of its role, text as object with None where unknown."""
    wanted = schema.SOURCE[role].columns
    if role == "responses":
        directions = sorted(str(name) for name in table.columns if pd.Series([str(name)]).str.match(schema.DIRECTION).item())
        if len(directions) < 2:
            raise ValueError(
                f"{origin}: {len(directions)} response columns found, named direction_DDD_D (degrees, as direction_022_5); the table has "
                f"{list(table.columns)}. Name them so under `columns` of this table in the TOML."
            )
        others = [str(name) for name in table.columns if str(name) not in directions and ANOTHER_DIRECTION.fullmatch(str(name))]
        if others:
            raise ValueError(
                f"{origin}: {len(others)} columns beside {len(directions)} directions are named like directions, first {others[0]!r}, and "
                "would be left out. Name each direction_DDD_D (degrees, as direction_022_5), or drop it."
            )
        return table[[*schema.UNIT_KEY, *directions]]
    table = table[[name for name in wanted if name in table.columns]]
    text = [name for name in table if wanted[name].dtype is not None and str(wanted[name].dtype) == "object"]
    return table.assign(**{name: _as_text(table[name]) for name in text})


def _as_text(column: pd.Series) -> pd.Series:
    """Labels as text, None where unknown; a layer written 4 is "4", and stays so where a gap in the file made it 4.0."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("string").astype(object).where(column.notna(), None)
