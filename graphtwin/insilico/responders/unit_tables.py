"""Tables of units: those that somebody asks for, as files, and those that answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from graphtwin.config import nearest_of
from graphtwin.insilico.responders.responder import Responder
from graphtwin.schema import IMAGED_AT, NEURON, UNIT_KEY, as_ids, require_columns


def units_in(path: str | Path, responders: Sequence[Responder] = ()) -> pd.DataFrame:
    """The keys of the units that a table names, each once, in its order.

    Args:
        path: Table of any format that is read, such as .csv or .parquet, with session, scan_idx and unit_id; or, of responders whose units
            have names, with `neuron`, the name of each.
        responders: Responders whose units may be named; none takes keys alone.

    Raises:
        ValueError: Neither keys nor names, or a name that no responder has.

    Examples:
        >>> responder.units.to_csv("units.csv", index=False)
        >>> graphtwin.insilico.units_in("units.csv").shape
        (3, 3)
    """
    from graphtwin.sources.formats import read_file

    table = read_file(Path(path))
    named = [responder.units for responder in responders if NEURON in responder.units]
    if named and not set(UNIT_KEY) <= set(table):
        require_columns(table, [NEURON], str(path))
        return _keys_of(table[NEURON].astype(str), pd.concat(named, ignore_index=True), str(path))
    require_columns(table, UNIT_KEY, str(path))
    return pd.DataFrame({name: as_ids(table[name], f"{path}: {name}") for name in UNIT_KEY}).drop_duplicates(ignore_index=True)


def _keys_of(names: pd.Series, units: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The keys of units by their names."""
    known = units.drop_duplicates(NEURON).set_index(NEURON)
    unknown = [name for name in names if name not in known.index]
    if unknown:
        raise ValueError(
            f"{origin}: {len(unknown)} of {len(names)} units are not among the {len(known)} that answer, first {unknown[0]!r}"
            f"{nearest_of(unknown[0], list(known.index))}. Write the names as the circuit has them."
        )
    return known.loc[names, UNIT_KEY].drop_duplicates().reset_index(drop=True)


def placed_units(responder: Responder) -> pd.DataFrame:
    """The keys of the units of a responder in the order of their answers, names where it has some, and x_um, y_um, z_um where any is known.

    Args:
        responder: Responder whose units are told.

    Examples:
        >>> graphtwin.insilico.placed_units(responder).columns.tolist()
        ['session', 'scan_idx', 'unit_id']
    """
    placed = set(IMAGED_AT) <= set(responder.units) and responder.units[IMAGED_AT].notna().all(axis=1).any()
    named = [NEURON] if NEURON in responder.units else []
    return responder.units[[*UNIT_KEY, *named, *(IMAGED_AT if placed else [])]].reset_index(drop=True)
