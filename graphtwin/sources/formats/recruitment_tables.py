"""Tables of recruitment: a row a motor neuron and condition, with its place in the order in which motor neurons fire."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from graphtwin import schema

RECRUITMENT = "recruitment_order"  # role of these tables
SHOWN = 3  # rows that an error shows

log = logging.getLogger("graphtwin")


def places_in_order(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The rows that have a place: `condition` as text, `order` as float64; rows with an empty order were not seen, and are counted.

    Args:
        table: Columns of role `recruitment_order`, ids as int64.
        origin: Name of the file, for errors.

    Raises:
        ValueError: An order is infinite, none has a value, or a row has no condition.
    """
    values = schema.as_numbers(table["order"], f"{origin}, column order").astype(np.float64)
    words = table["condition"].astype("string").fillna("").str.strip()
    endless = np.isinf(values)
    if endless.any():
        raise ValueError(
            f"{origin}: {int(endless.sum())} of {len(table)} orders are infinite, first in row {np.flatnonzero(endless)[0] + 1}. Leave "
            "`order` empty where a motor neuron was not seen to fire."
        )
    blank = (words == "").to_numpy(dtype=bool)
    if blank.any():
        raise ValueError(
            f"{origin}: {int(blank.sum())} of {len(table)} rows have no condition, first row {np.flatnonzero(blank)[0] + 1}. Name what the "
            "animal did: forward, backward."
        )
    there = values.notna().to_numpy()
    if not there.any():
        raise ValueError(f"{origin}: none of {len(table)} rows has an order. Write the place of each motor neuron: 1 fires first.")
    if not there.all():
        log.info("%s: %d of %d rows have no order, and are left out.", origin, (~there).sum(), len(there))
    kept = table[["root_id"]].assign(condition=words.astype(object), order=values)[there]
    return kept.reset_index(drop=True)


def require_places_once(table: pd.DataFrame, origin: str) -> None:
    """Raise where a neuron has two rows of one condition, with the names, or ids, that the file has for neurons.

    Args:
        table: The file's table under the names of the house.
        origin: Name of the file, for errors.
    """
    key = ["name" if "name" in table else "root_id", "condition"]
    if not set(key) <= set(table):
        return  # which is another error
    rows = table[key].astype("string").apply(lambda column: column.str.strip())
    again = rows[rows.duplicated() & rows.notna().all(axis=1)]
    if len(again):
        named = [", ".join(row) for row in again.head(SHOWN).to_numpy()]
        raise ValueError(
            f"{origin}: {len(again)} of {len(table)} rows are of a motor neuron and condition that have a row already, first {named}. Keep "
            "one row of each, or write the mean of its orders."
        )
