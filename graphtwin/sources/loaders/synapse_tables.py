"""What was found between cells, for a pair table: synapses as CAVE exports them or as pairs, and measured proximities.

Cells are named by nucleus ids or by root ids; which of them a table has is kept, for only a neuron table can turn one into the other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.sources.formats import (
    ExposureNames,
    exposure_in,
    in_both_directions,
    pairs_of_cells,
    read_file,
    require_l_d_um,
    valid_rows,
)

ROOT_KEY = ["pre_root_id", "post_root_id"]  # columns that name the two cells of a pair by root ids
CAVE = {"pre_root_id": "pre_pt_root_id", "post_root_id": "post_pt_root_id", "synapse_id": "id"}  # CAVE's name by ours


def read_connections(path: str | Path) -> pd.DataFrame:
    """A table of synapses, one row a synapse or one row a connected pair.

    Args:
        path: Table file (.parquet, .feather, or text) with pre_nucleus_id and post_nucleus_id, or with pre_root_id and post_root_id (in
            CAVE pre_pt_root_id and post_pt_root_id); optional size, n_synapses (one row a pair) and synapse_id (in CAVE id; one row a
            synapse).

    Returns:
        The columns named above in house names, ids int64, and no others; nucleus ids where the file has both.
    """
    path = Path(path)
    table = _house_names(valid_rows(read_file(path), str(path)))
    key = _key_of(table, path)
    optional = [name for name in ("synapse_id", "size", "n_synapses") if name in table]
    _require_numbers(table, [name for name in optional if name != "synapse_id"], path)
    table = _with_ids(table[[*key, *optional]], [*key, *(name for name in optional if name == "synapse_id")], path)
    if "synapse_id" in table:
        schema.require_unique(table, ["synapse_id"], str(path))
    if "size" in table:
        wrong = (table["size"] <= 0) | np.isinf(table["size"])
        if wrong.any():
            raise ValueError(
                f"{path}: {int(wrong.sum())} of {len(table)} sizes are 0, negative or infinite, first "
                f"{table.loc[wrong, 'size'].iloc[0]:g}. A synapse has a size above 0; leave the cell empty where it is unknown."
            )
    return table


def read_proximities(path: str | Path) -> pd.DataFrame:
    """A table of proximities, as `graphtwin proximity` writes it: the columns of its key, and l_d_um.

    Contact areas, as `graphtwin contacts` writes them, take the place of L_d, in both directions; their names are in `attrs["exposure"]`.

    Args:
        path: Table file (.parquet, .feather, or text); its cells are named as `read_connections` says.
    """
    path = Path(path)
    table = _house_names(read_file(path))
    key = _key_of(table, path)
    names = exposure_in(list(table.columns), str(path))
    if not names.is_l_d:
        return _other_exposure(table, key, names, path)
    schema.require_columns(table, ["l_d_um"], str(path))
    _require_numbers(table, ["l_d_um"], path)
    table = _with_ids(table[[*key, "l_d_um"]], key, path)
    wrong = (table["l_d_um"] < 0) | np.isinf(table["l_d_um"])
    if wrong.any():
        raise ValueError(
            f"{path}: {int(wrong.sum())} of {len(table)} values of l_d_um are negative or infinite, first "
            f"{table.loc[wrong, 'l_d_um'].iloc[0]:g}. L_d is a length, 0 where axon and dendrite never come close."
        )
    require_l_d_um(table["l_d_um"], str(path))
    return table


def _other_exposure(table: pd.DataFrame, key: list[str], names: ExposureNames, path: Path) -> pd.DataFrame:
    """Amounts of another kind in the place of L_d, each pair in both directions."""
    table = _with_ids(table[[*key, names.column]], key, path).rename(columns={names.column: "exposure"})
    both = in_both_directions(pairs_of_cells(table, str(path)), True, str(path)).rename(columns={"exposure": "l_d_um"})
    both.attrs["exposure"] = names.column
    return both


def _house_names(table: pd.DataFrame) -> pd.DataFrame:
    """The table with CAVE's names as ours, where ours are not there already."""
    return table.rename(columns={theirs: ours for ours, theirs in CAVE.items() if ours not in table})


def _key_of(table: pd.DataFrame, path: Path) -> list[str]:
    """The columns that name the two cells of a pair."""
    if set(ROOT_KEY) <= set(table) and not set(schema.PAIR_KEY) & set(table):
        return ROOT_KEY
    schema.require_columns(table, schema.PAIR_KEY, f"{path} (or {' and '.join(ROOT_KEY)})")
    return schema.PAIR_KEY


def _require_numbers(table: pd.DataFrame, names: list[str], path: Path) -> None:
    """Raise where one of these columns holds anything but numbers and gaps."""
    for name in names:
        if pd.api.types.is_numeric_dtype(table[name]) or table[name].isna().all():
            continue
        words = table.loc[pd.to_numeric(table[name], errors="coerce").isna() & table[name].notna(), name]
        first = words.iloc[0] if len(words) else table[name].dropna().iloc[0]
        raise ValueError(
            f"{path}, column {name}: {len(words) or len(table)} of {len(table)} values are text and no numbers, first {first!r}. "
            "Write numbers, and leave the cell empty where one is unknown."
        )


def _with_ids(table: pd.DataFrame, names: list[str], path: Path) -> pd.DataFrame:
    """The table with these columns as int64 ids."""
    return table.assign(**{name: schema.as_ids(table[name], f"{path}, column {name}") for name in names})
