"""Tables of units that somebody asks for, as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphtwin.schema import UNIT_KEY, as_ids, require_columns


def units_in(path: str | Path) -> pd.DataFrame:
    """The keys of the units that a table names, each once, in its order.

    Args:
        path: Table of any format that is read, such as .csv or .parquet, with session, scan_idx and unit_id.
    """
    from graphtwin.sources.formats import read_file

    table = read_file(Path(path))
    require_columns(table, UNIT_KEY, str(path))
    return pd.DataFrame({name: as_ids(table[name], f"{path}: {name}") for name in UNIT_KEY}).drop_duplicates(ignore_index=True)
