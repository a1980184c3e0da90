"""Which nuclei a table of pairs or neurons asks about: by nucleus id, or by root id at one materialization."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int

from graphtwin import schema
from graphtwin.cortex import Cortex

# Columns that name a neuron and the two of a pair: by nucleus, by root id as CAVE names it and as the tables here do, by name.
OF_NEURON = (("nucleus_id",), ("pt_root_id",), ("root_id",), ("name",))
OF_PAIR = (tuple(schema.PAIR_KEY), ("pre_pt_root_id", "post_pt_root_id"), ("pre_root_id", "post_root_id"), ("pre_name", "post_name"))
log = logging.getLogger("graphtwin")


def asked_nuclei(
    cortex: Cortex, table: pd.DataFrame, names: Sequence[tuple[str, ...]], materialization: int | None, origin: str
) -> tuple[list[Int[np.ndarray, " rows"]], list[str]]:
    """Nucleus of each row, for each column of ids, -1 where a root id has none; and these columns.

    Args:
        cortex: The joined tables, which tie root ids to nuclei.
        table: The rows that are asked.
        names: Columns that may name the cells, `OF_NEURON` or `OF_PAIR`; nucleus ids come first.
        materialization: Materialization of the root ids; None for nucleus ids, and where the run knows of one only.
        origin: Name of the place that the rows come from, for errors.
    """
    there = [columns for columns in names if set(columns) <= set(table.columns)]
    if not there:
        roots = " or ".join(" and ".join(columns) for columns in names[1:])
        schema.require_columns(table, names[0], f"{origin} (or root ids: {roots})")
    columns = list(there[0])
    if len(there) > 1:
        unread = ", ".join(name for others in there[1:] for name in others)
        log.warning("%s: %s name the cells; %s are not read.", origin, " and ".join(columns), unread)
    if columns == list(names[-1]):
        return [_of_names(cortex, table[name], origin) for name in columns], columns
    ids = [_ids(table, name, origin) for name in columns]
    if there[0] != names[0]:
        return _of_roots(cortex, ids, materialization, origin, " and ".join(names[0])), columns
    if materialization is not None:
        raise ValueError(
            f"{origin}: names its cells by {' and '.join(columns)}, which belong to no materialization, but {materialization} was given. "
            "Leave --materialization out, or the nucleus ids if root ids are meant."
        )
    return ids, columns


def _of_names(cortex: Cortex, names: pd.Series, origin: str) -> Int[np.ndarray, " rows"]:
    """Nuclei of names, -1 where the run knows no such name."""
    if "name" not in cortex.neurons:
        raise ValueError(f"{origin}: names its cells by name, and the run knows them by ids alone. Give nucleus_id.")
    known = cortex.neurons.set_index("name")["nucleus_id"]
    return names.astype("string").str.strip().map(known).fillna(-1).to_numpy(np.int64)


def _ids(frame: pd.DataFrame, name: str, origin: str) -> Int[np.ndarray, " rows"]:
    """A column of ids; a table without rows has none that its dtype could have spoiled."""
    return schema.as_ids(frame[name], f"{origin}, column {name!r}").to_numpy(np.int64) if len(frame) else np.empty(0, np.int64)


def _of_roots(
    cortex: Cortex, roots: list[np.ndarray], materialization: int | None, origin: str, nuclei: str
) -> list[Int[np.ndarray, " rows"]]:
    """Nuclei of root ids at a materialization."""
    known = sorted(map(int, cortex.root_ids["materialization"].unique()))
    if materialization is None and len(known) == 1:
        materialization = known[0]
    if materialization not in known:
        given = "no materialization was given" if materialization is None else f"materialization {materialization} was given"
        raise ValueError(
            f"{origin}: has root ids, {given}, and the run knows those of {known}. Root ids change from one "
            f"materialization to the next: give --materialization, or use {nuclei}."
        )
    table = cortex.root_ids[cortex.root_ids["materialization"] == materialization].set_index("root_id")["nucleus_id"]
    found = [table.reindex(values, fill_value=-1).to_numpy(np.int64) for values in roots]
    every = np.unique(np.concatenate(roots))
    _refuse_other_materialization(cortex, every, materialization, origin)
    if len(every) and all((values < 0).all() for values in found):
        raise ValueError(
            f"{origin}: none of {len(every)} root ids is known to the run at materialization {materialization}. "
            f"They look like ids of another one (known: {known}) or of another volume."
        )
    return found


def _refuse_other_materialization(cortex: Cortex, roots: Int[np.ndarray, " roots"], materialization: int, origin: str) -> None:
    """Raise when most root ids are unknown in the materialization said and more of them belong to another."""
    versions = cortex.root_ids[cortex.root_ids["root_id"].isin(roots)]["materialization"].value_counts()
    here = int(versions.get(materialization, 0))
    if len(versions) and 2 * here < len(roots) and int(versions.iloc[0]) > here:
        other = int(versions.index[0])
        raise ValueError(
            f"{origin}: {here} of {len(roots)} root ids are of materialization {materialization}, "
            f"but {int(versions.iloc[0])} are of {other}. "
            f"Give --materialization {other}, or ids of {materialization}."
        )
