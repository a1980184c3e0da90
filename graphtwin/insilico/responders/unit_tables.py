"""Tables of units: those that somebody asks for, as files, and those that answer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphtwin.insilico.responders.responder import Responder
from graphtwin.schema import IMAGED_AT, UNIT_KEY, as_ids, require_columns


def units_in(path: str | Path) -> pd.DataFrame:
    """The keys of the units that a table names, each once, in its order.

    Args:
        path: Table of any format that is read, such as .csv or .parquet, with session, scan_idx and unit_id.
    """
    from graphtwin.sources.formats import read_file

    table = read_file(Path(path))
    require_columns(table, UNIT_KEY, str(path))
    return pd.DataFrame({name: as_ids(table[name], f"{path}: {name}") for name in UNIT_KEY}).drop_duplicates(ignore_index=True)


def placed_units(responder: Responder) -> pd.DataFrame:
    """The keys of the units of a responder in the order of their answers, and x_um, y_um, z_um where it says of any where it lies.

    Args:
        responder: Responder whose units are told.
    """
    placed = set(IMAGED_AT) <= set(responder.units) and responder.units[IMAGED_AT].notna().all(axis=1).any()
    return responder.units[[*UNIT_KEY, *(IMAGED_AT if placed else [])]].reset_index(drop=True)
