"""Neurons by their own names, as animals have them whose neurons are known one by one: a number for each name, the same in all tables."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.sources.formats.source_tables import SYNAPTIC, Table

# Columns of ids that a column of names takes the place of.
STANDS_FOR = {"name": ("nucleus_id", "root_id"), "pre_name": ("pre_root_id",), "post_name": ("post_root_id",)}
PAIR_IDS = (*schema.PAIR_KEY, "pre_root_id", "post_root_id")
# Roles of tables that name a neuron once.
ONE_ROW_A_NEURON = ("cell_types_fine", "cell_types_coarse", "nuclei", "somata", "proofreading", "function", "circuit_cells")
SHOWN = 3  # names of either side that an error shows


@dataclass
class NeuronNames:
    """Names met so far, and in which tables; numbered in their order of appearance until `sorted_tables` gives the last numbers.

    Attributes:
        number: Number of each name.
        by_name: Places, among the tables of the source, of those that name neurons by name.
        by_id: Files of tables that name them by ids.
    """

    number: dict[str, int] = field(default_factory=dict)
    by_name: set[int] = field(default_factory=set)
    by_id: list[str] = field(default_factory=list)

    def in_place_of_ids(self, table: pd.DataFrame, role: str, place: int, origin: str) -> pd.DataFrame:
        """The table with numbers for ids where it has names in their place; as it is where it has ids, or neither.

        Args:
            table: The file's table under the names of the house.
            role: What the table says.
            place: Place of the table in the source.
            origin: Name of the file, for errors.
        """
        side = {"queried_pre": "pre_name", "queried_post": "post_name"}.get(role)
        if side and "name" in table and side not in table:
            table = table.rename(columns={"name": side})
        wanted = {column for columns in STANDS_FOR.values() for column in columns} | set(PAIR_IDS)
        if set(table) & wanted:
            self.by_id.append(origin)
            return table
        there = [name for name in STANDS_FOR if name in table]
        if not there:
            return table
        self.by_name.add(place)
        for name in there:
            text = _text(table[name], f"{origin}, column {name}")
            if role in ONE_ROW_A_NEURON:
                _require_once(text, origin)
            numbers = text.map(lambda value: self.number.setdefault(value, len(self.number))).astype(np.int64)
            table = table.drop(columns=name).assign(**dict.fromkeys(_ids(name, role), numbers))
        return table

    def sorted_tables(self, tables: list[Table], origin: str) -> tuple[list[Table], tuple[str, ...]]:
        """The tables with the number of each name by the order of all names, from 1 on, and the names in this order.

        Args:
            tables: All tables of the source.
            origin: Name of the TOML, for errors.

        Raises:
            ValueError: Some tables name neurons by name and others by ids, or function and wiring share no name.
        """
        if not self.number:
            return tables, ()
        if self.by_id:
            named = [tables[place].origin for place in sorted(self.by_name)]
            raise ValueError(
                f"{origin}: {named} name neurons by name, {sorted(set(self.by_id))} by ids, and nothing says which is which. "
                "Give names in all tables, or ids in all."
            )
        names = sorted(self.number)
        rank = {name: 1 + place for place, name in enumerate(names)}
        last = np.array([rank[name] for name in self.number], dtype=np.int64)
        numbered = [_renumbered(table, last) if place in self.by_name else table for place, table in enumerate(tables)]
        _require_shared(numbered, names, origin)
        return numbered, tuple(names)


def _ids(name: str, role: str) -> tuple[str, ...]:
    """The columns of ids that a column of names fills in a table of some role."""
    if name != "name":
        return STANDS_FOR[name]
    return tuple(column for column in STANDS_FOR[name] if column in schema.SOURCE[role].columns)


def _text(names: pd.Series, origin: str) -> pd.Series:
    """Names as text without spaces around them; a missing one is an error."""
    text = names.astype("string").str.strip()
    missing = (text.isna() | (text == "")).to_numpy(dtype=bool)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise ValueError(f"{origin}: {int(missing.sum())} of {len(names)} names are missing, first in row {row + 1}. Leave these rows out.")
    return text.astype(object)


def _require_once(names: pd.Series, origin: str) -> None:
    """Raise where two neurons have one name."""
    repeated = names[names.duplicated()]
    if len(repeated):
        raise ValueError(
            f"{origin}: {len(repeated)} of {len(names)} rows have the name of an earlier one, first {repeated.unique()[:SHOWN].tolist()}. "
            "Two neurons of one name cannot be told apart: name each differently (AVAL, AVAR), or merge their rows."
        )


def _renumbered(table: Table, last: np.ndarray) -> Table:
    ids = [name for name in ("nucleus_id", "root_id", *PAIR_IDS) if name in table.frame]
    return replace(table, frame=table.frame.assign(**{name: last[table.frame[name]] for name in ids}))


def _require_shared(tables: list[Table], names: list[str], origin: str) -> None:
    """Raise where function and the wiring, or without one all else, share no neuron, or names are alike but for their capitals.

    Function of one animal and wiring of another meet by name alone.
    """
    functional = _neurons([table for table in tables if table.role in ("function", "coregistration")])
    others = [table for table in tables if table.role not in ("function", "coregistration")]
    wired = [table for table in others if table.role in SYNAPTIC]
    elsewhere, what = _neurons(wired or others), "the wiring" if wired else "cells"
    if not len(functional) or not len(elsewhere):
        return
    if not np.isin(functional, elsewhere).any():
        shown = [[names[number - 1] for number in side[:SHOWN]] for side in (functional, elsewhere)]
        raise ValueError(
            f"{origin}: none of {len(functional)} names of function (first {shown[0]}) is among {len(elsewhere)} names of {what} (first "
            f"{shown[1]}). They meet by name alone: write the names alike in both, capitals too."
        )
    known = _neurons(others)
    capitals = {names[number - 1].casefold(): names[number - 1] for number in known}
    alone = [names[number - 1] for number in np.setdiff1d(functional, known)]
    alike = [(name, capitals[name.casefold()]) for name in alone if name.casefold() in capitals]
    if alike:
        raise ValueError(
            f"{origin}: {len(alike)} of {len(functional)} names of function differ in capitals alone from those of other tables, first "
            f"{alike[0][0]!r} and {alike[0][1]!r}, and would be other neurons. Write them alike."
        )


def _neurons(tables: list[Table]) -> np.ndarray:
    """Numbers of all neurons that some tables name."""
    found = [table.frame[name] for table in tables for name in ("nucleus_id", "root_id", *PAIR_IDS) if name in table.frame]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
