"""Tables of responses to the stimulation of single neurons: a row a pair that was measured, the stimulated neuron first."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.sources.formats.circuit_cells import as_marks

RESPONSES = "responses_to_stimulation"  # role of these tables
KEY = ["pre_root_id", "post_root_id"]  # the stimulated and the responding neuron
SHOWN = 3  # pairs that an error shows


def measured_pairs(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The pairs that were measured: `response` as float64, and `responds` as booleans where the table says which responses are some.

    Args:
        table: Columns of role `responses_to_stimulation`, ids as int64.
        origin: Name of the file, for errors.

    Raises:
        ValueError: A response is infinite, none was measured, or one that was measured has no mark where others have.
    """
    values = schema.as_numbers(table["response"], f"{origin}, column response").astype(np.float64)
    table = table[[name for name in (*KEY, "response", "responds") if name in table]].assign(response=values)
    endless = np.isinf(values)
    if endless.any():
        raise ValueError(f"{origin}: {int(endless.sum())} of {len(table)} responses are infinite. Leave out pairs that were not measured.")
    there = values.notna().to_numpy()
    if not there.any():
        raise ValueError(f"{origin}: none of {len(table)} responses has a value. Write the response of each pair that was measured.")
    table = table[there]
    if "responds" in table:
        empty = (table["responds"].astype("string").fillna("").str.strip() == "").to_numpy(dtype=bool)
        if empty.any():
            raise ValueError(
                f"{origin}, column responds: {int(empty.sum())} of {len(table)} pairs that were measured have no mark, first in row "
                f"{np.flatnonzero(there)[empty][0] + 1}. Write true or false, or leave `response` empty where the pair was not measured."
            )
        table = table.assign(responds=as_marks(table["responds"], f"{origin}, column responds"))
    return table.reset_index(drop=True)


def require_pairs_once(table: pd.DataFrame, origin: str) -> None:
    """Raise where a pair comes twice, with the names, or ids, that the file has for neurons.

    Args:
        table: The file's table under the names of the house.
        origin: Name of the file, for errors.
    """
    ends = [name if name in table else f"{name.removesuffix('_name')}_root_id" for name in ("pre_name", "post_name")]
    if not set(ends) <= set(table):
        return  # which is another error
    pairs = table[ends].astype("string").apply(lambda column: column.str.strip())
    again = pairs[pairs.duplicated() & pairs.notna().all(axis=1)]
    if len(again):
        named = [" to ".join(pair) for pair in again.head(SHOWN).to_numpy()]
        raise ValueError(
            f"{origin}: {len(again)} of {len(table)} rows are of a pair that has a row already, first {named}. Keep one row a pair, or "
            "write the mean of its responses."
        )
