"""Tables of responses to the stimulation of single neurons: a row a pair that was measured, the stimulated neuron first."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.sources.formats.circuit_cells import as_marks

RESPONSES = "responses_to_stimulation"  # role of these tables
KEY = ["pre_root_id", "post_root_id"]  # the stimulated and the responding neuron


def measured_pairs(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The pairs that were measured: `response` as float64, and `responds` as booleans where the table says which responses are some.

    Args:
        table: Columns of role `responses_to_stimulation`, ids as int64.
        origin: Name of the file, for errors.

    Raises:
        ValueError: A pair comes twice, a response is infinite, or none was measured.
    """
    values = schema.as_numbers(table["response"], f"{origin}, column response").astype(np.float64)
    table = table[[name for name in (*KEY, "response", "responds") if name in table]].assign(response=values)
    schema.require_unique(table, KEY, origin)
    endless = np.isinf(values)
    if endless.any():
        raise ValueError(f"{origin}: {int(endless.sum())} of {len(table)} responses are infinite. Leave out pairs that were not measured.")
    there = values.notna().to_numpy()
    if not there.any():
        raise ValueError(f"{origin}: none of {len(table)} responses has a value. Write the response of each pair that was measured.")
    table = table[there].reset_index(drop=True)
    return table.assign(responds=as_marks(table["responds"], f"{origin}, column responds")) if "responds" in table else table
