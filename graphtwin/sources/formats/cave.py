"""Which rows of a CAVE export are still meant."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

VALID = ("valid", "is_valid", "valid_ref")  # columns that say of a row, and of the row that it refers to, whether it is still meant
REPLACED = ("superceded_id", "superseded_id")  # columns that name the row which took a row's place, as CAVE spells it and as it is spelled
TRUE, FALSE = {"t", "true", "1", "1.0"}, {"f", "false", "0", "0.0"}  # words of a column of truth, in lower case

log = logging.getLogger("graphtwin")


def valid_rows(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The rows that are still meant; those that are not valid, or that another took the place of, are counted in the log.

    Args:
        table: A table with CAVE's columns valid (or is_valid), valid_ref and superceded_id, or without them.
        origin: Name of the file, for the log and errors.

    Raises:
        ValueError: A value is neither true nor false, or no row is valid.
    """
    kept = np.ones(len(table), dtype=bool)
    said = [name for name in table if str(name).lower() in (*VALID, *REPLACED)]
    for name in [name for name in said if str(name).lower() in VALID]:
        kept &= _truth(table[name], f"{origin}, column {name}")
    for name in [name for name in said if str(name).lower() in REPLACED]:
        kept &= ~table[name].map(lambda value: not pd.isna(value) and str(value).strip() not in ("", "0", "0.0")).to_numpy(dtype=bool)
    if "valid_id" in table and "pt_root_id" in table:  # of tables of proofreading: the root id that the status was given to
        other = int((table["valid_id"] != table["pt_root_id"])[kept].sum())
        if other:
            log.warning("%s: %d of %d rows were written of another version of their segment (valid_id); kept.", origin, other, kept.sum())
    if kept.all():
        return table
    if not kept.any():
        raise ValueError(
            f"{origin}: none of its {len(table)} rows is valid (columns {said}). "
            "Export rows that are, or drop these columns if they mean something else."
        )
    log.warning("%s: %d of %d rows are not valid, or another took their place; left out.", origin, (~kept).sum(), len(table))
    return table[kept].reset_index(drop=True)


def _truth(column: pd.Series, origin: str) -> np.ndarray:
    """A column of truth, from booleans, 0 and 1, or words."""
    if column.dtype == bool:
        return column.to_numpy()
    words = column.map(lambda value: str(value).strip().lower())
    true = words.isin(TRUE).to_numpy()
    wrong = ~(true | words.isin(FALSE).to_numpy())
    if wrong.any():
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(column)} values are neither true nor false, first {column[wrong].iloc[0]!r}. "
            "Write t or f in every row, or give the column another name if it means something else."
        )
    return true
