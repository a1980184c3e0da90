"""Neurons of a circuit as a table has them: what their synapses do, which get the input and which drive the output."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from graphtwin.config import nearest_of
from graphtwin.schema import GAP
from graphtwin.sources.formats.source_tables import OF_ANOTHER, Table

MARKS = ("sensory", "motor")  # columns that mark some of the neurons
WORDS = {"true": True, "yes": True, "1": True, "1.0": True, "false": False, "no": False, "0": False, "0.0": False, "": False}
BETWEEN = re.compile(r"\s*[,;+/&|]\s*")  # what stands between two transmitters of one neuron

log = logging.getLogger("graphtwin")


def with_marks(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The table with `sensory` and `motor` as booleans where it has them; an empty cell marks nothing.

    Args:
        table: The file's table under the names of the house.
        origin: Name of the file, for errors.
    """
    return table.assign(**{name: as_marks(table[name], f"{origin}, column {name}") for name in MARKS if name in table})


def as_marks(column: pd.Series, origin: str) -> np.ndarray:
    """A column of true and false, or 1 and 0, as booleans; an empty cell marks nothing.

    Args:
        column: The file's column.
        origin: Name of the file and the column, for errors.
    """
    if column.dtype == bool:
        return column.to_numpy()
    words = column.astype("string").fillna("").str.strip().str.lower()
    wrong = ~words.isin(list(WORDS))
    if wrong.any():
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(words)} values are neither true nor false, first {words[wrong].iloc[0]!r}. Write true "
            "or false, or 1 or 0; an empty cell marks nothing."
        )
    return words.map(WORDS).to_numpy(dtype=bool)


def with_signs(cells: pd.DataFrame, transmitters: Mapping[str, int], origin: str) -> pd.DataFrame:
    """The table with `sign` as whole numbers: what the file states, else what the source says of the transmitter, else 0.

    A transmitter means different things in different species, so that none has a sign that the source does not state.

    Args:
        cells: Checked table of role circuit_cells.
        transmitters: What each transmitter does: 1, -1, or 0 unknown.
        origin: Name of the file, for errors.

    Raises:
        ValueError: Transmitters are stated and no column has them, a neuron has two of different signs, or its sign is stated otherwise.
    """
    stated = cells["sign"].fillna(0).to_numpy(np.int64) if "sign" in cells else np.zeros(len(cells), np.int64)
    if "transmitter" not in cells:
        if transmitters:
            raise ValueError(f"{origin}: `transmitters` are stated and the table has no column `transmitter`. Add it, or leave them out.")
        return cells.assign(sign=stated)
    signs = {name.strip().casefold(): sign for name, sign in transmitters.items()}
    released = [_released(value) for value in cells["transmitter"]]
    _require_met(transmitters, released, origin)
    of_each = [sorted({signs.get(name, 0) for name in names} - {0}) for names in released]
    both = np.array([len(found) > 1 for found in of_each]) & (stated == 0)
    if both.any():
        row = int(np.flatnonzero(both)[0])
        raise ValueError(
            f"{origin}: {int(both.sum())} of {len(cells)} neurons have transmitters of both signs, first "
            f"{cells['transmitter'].iloc[row]!r} in row {row + 1}. Dale's law gives a neuron one: state it in the column `sign`, or 0 "
            "under `transmitters` for the one that does not tell."
        )
    told = np.array([found[0] if len(found) == 1 else 0 for found in of_each], dtype=np.int64)
    other = stated * told < 0
    if other.any():
        row = int(np.flatnonzero(other)[0])
        raise ValueError(
            f"{origin}: {int(other.sum())} of {len(cells)} neurons have a sign other than that of their transmitter, first "
            f"{stated[row]:+d} of {cells['transmitter'].iloc[row]!r} in row {row + 1}. Correct `sign`, or `transmitters`."
        )
    sign = np.where(stated != 0, stated, told)
    unknown = sorted({name for names, found in zip(released, sign, strict=True) if not found for name in names})
    if unknown:
        log.info("%s: no sign for %d of %d neurons, whose transmitters are %s.", origin, (sign == 0).sum(), len(cells), unknown[:8])
    return cells.assign(sign=sign)


def _released(value: object) -> list[str]:
    """The transmitters that a cell of the table names, in small letters."""
    return [name.casefold() for name in BETWEEN.split(value.strip()) if name] if isinstance(value, str) else []


def _require_met(transmitters: Mapping[str, int], released: list[list[str]], origin: str) -> None:
    """Raise where a transmitter whose sign is stated is that of no neuron: a slip of the pen would leave signs unknown."""
    known = sorted({name for names in released for name in names})
    unmet = [name for name in transmitters if name.strip().casefold() not in known]
    if unmet:
        raise ValueError(
            f"{origin}: {len(unmet)} of {len(transmitters)} stated transmitters are of no neuron, first {unmet[0]!r}"
            f"{nearest_of(unmet[0].casefold(), known, ' (nearest {})')}. The column has {known[:8]}."
        )


def by_kind(table: Table) -> list[Table]:
    """Chemical synapses and gap junctions of a table apart, where it says of each row which it is; any other table as it is.

    Args:
        table: Checked table.
    """
    if "kind" not in table.frame or table.role not in ("synapses", f"synapses{OF_ANOTHER}"):
        return [table]
    gap = (table.frame["kind"] == GAP).to_numpy()
    rest = table.frame.drop(columns="kind")
    chemical = replace(table, frame=rest[~gap].reset_index(drop=True))
    junctions = replace(
        table,
        role=table.role.replace("synapses", "gap_junctions"),
        frame=rest[gap].drop(columns="sign", errors="ignore").reset_index(drop=True),
    )
    return [part for part in (chemical, junctions) if len(part.frame)]
