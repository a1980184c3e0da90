"""A table of function by itself: units or nuclei by what they answered to anything."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphtwin.sources.formats import describe_columns, read_file, read_function


def read_function_table(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The key and the responses of a table, checked, and a row a column of what is known of it: its name alone.

    Args:
        path: Table of session, scan_idx and unit_id, or of nucleus_id, with a column a response, negative values and gaps allowed.
    """
    frame = read_function(read_file(Path(path)), (), str(path))
    if "nucleus_id" not in frame and "unit_id" not in frame:
        raise ValueError(f"{path}: its rows are named by `name`. Here they are joined to neurons: name them by nucleus_id, or by unit.")
    keys = ("session", "scan_idx", "unit_id", "nucleus_id")
    return frame, describe_columns(frame.drop(columns=[name for name in keys if name in frame]), None, None, {}, None, "", Path(path).name)
