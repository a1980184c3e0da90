"""What units answered: responses to directions, and function of any kind, each one row a unit, tied to nuclei."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.cortex.funnel import Funnel
from graphtwin.sources import SourceTables, Table
from graphtwin.sources.formats import KEYS, describe_columns, telling

OF_NUCLEUS = {"session": 0, "scan_idx": 0}  # session and scan of a unit that a table names by its nucleus alone; unit_id is the nucleus_id
COLUMNS = ["column", "table", "position", "period", "axis", "noise", "what"]


def no_function() -> pd.DataFrame:
    """A table of function without rows and columns, for sources that have none."""
    return pd.DataFrame({name: np.empty(0, np.int64) for name in (*schema.UNIT_KEY, "nucleus_id")})


def no_columns() -> pd.DataFrame:
    """A table of the columns of function without rows."""
    numbers = dict.fromkeys(("position", "period"), np.float64)
    return pd.DataFrame({name: np.empty(0, numbers.get(name, object)) for name in COLUMNS})


def join_responses(tables: SourceTables, funnel: Funnel) -> pd.DataFrame:
    """All tables of responses to directions together; a unit in two of them must have the same responses in both.

    Args:
        tables: The tables of a source.
        funnel: Receives the counts of what was joined.
    """
    parts = tables.of("responses")
    if not parts:
        return no_function()[schema.UNIT_KEY]
    together = pd.concat([table.frame for table in parts], ignore_index=True)
    directions = [name for name in together if name not in schema.UNIT_KEY]
    if together[directions].isna().to_numpy().any():
        raise ValueError(
            f"{[table.origin for table in parts]}: the response tables have different directions. Export all with the same columns."
        )
    _require_same(together, directions, [table.origin for table in parts])
    kept = ~together.duplicated(schema.UNIT_KEY)
    return funnel.keep(together, kept, "units", "distinct units with responses", "the same unit in a second table, same responses", "units")


def join_function(tables: SourceTables, nuclei: pd.DataFrame, funnel: Funnel) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All tables of function side by side, one row a unit of known nucleus, and what is stated of each column.

    A column that two tables have is one column: of different units, or with the same values.

    Args:
        tables: The tables of a source.
        nuclei: The coregistration: session, scan_idx, unit_id, nucleus_id.
        funnel: Receives the counts of units without a nucleus or a value, and of columns that say nothing.
    """
    parts = [(table, _keyed(table, nuclei, funnel)) for table in tables.of("function")]
    if not parts:
        return no_function(), no_columns()
    joined = _side_by_side([frame for _, frame in parts], [table.origin for table, _ in parts])
    stated = pd.concat([_stated(table) for table, _ in parts], ignore_index=True).drop_duplicates("column")
    _require_one_noise(stated)
    values = joined[stated["column"]]
    told = telling(values)
    funnel.record("function", "columns that vary", len(told), int(told.sum()), "empty, or one value in all units", "columns")
    stated = stated[told[stated["column"]].to_numpy()].reset_index(drop=True)
    measured = values[stated["column"]].notna()
    joined = funnel.keep(joined, measured.any(axis=1), "function", "units with a value", "no column has a value", "units")
    gaps = int((~measured[measured.any(axis=1)]).to_numpy().sum())
    entries = len(joined) * len(stated)
    funnel.record("function", "entries measured", entries, entries - gaps, "a gap: nothing was measured; kept, never filled in", "entries")
    order = joined.sort_values(schema.UNIT_KEY, ignore_index=True)
    return order[[*schema.UNIT_KEY, "nucleus_id", *stated["column"]]], stated[COLUMNS]


def _keyed(table: Table, nuclei: pd.DataFrame, funnel: Funnel) -> pd.DataFrame:
    """The table with session, scan_idx, unit_id and nucleus_id; a row named by its nucleus is the first unit of it, or one of its own."""
    frame = table.frame.drop(columns="name", errors="ignore")
    if not set(schema.UNIT_KEY) <= set(frame):
        first = nuclei.sort_values(schema.UNIT_KEY).drop_duplicates("nucleus_id").astype(dict.fromkeys(schema.UNIT_KEY, "Int64"))
        found = frame[["nucleus_id"]].merge(first, on="nucleus_id", how="left")
        own = frame[["nucleus_id"]].assign(**OF_NUCLEUS, unit_id=frame["nucleus_id"])
        keys = found[schema.UNIT_KEY].fillna(own[schema.UNIT_KEY].set_axis(found.index)).astype(np.int64)
        return pd.concat([keys.set_axis(frame.index), frame], axis=1)
    if "nucleus_id" in frame:
        return frame
    frame = frame.merge(nuclei.astype({"nucleus_id": "Int64"}), on=schema.UNIT_KEY, how="left")  # a gap would make float64 of int64
    reason = "the coregistration does not list the unit"
    frame = funnel.keep(frame, frame["nucleus_id"].notna(), f"function in {table.origin}", "coregistered", reason, "units")
    return frame.astype({"nucleus_id": np.int64})


def _side_by_side(frames: list[pd.DataFrame], origins: list[str]) -> pd.DataFrame:
    """One row a unit with the columns of all frames."""
    key = [*schema.UNIT_KEY, "nucleus_id"]
    if len(frames) == 1:
        return frames[0]
    together = pd.concat(frames, ignore_index=True)
    answers = [name for name in together if name not in key]
    _require_same(together, [*answers, "nucleus_id"], origins)
    return together.groupby(schema.UNIT_KEY, as_index=False, sort=True).first().astype({"nucleus_id": np.int64})


def _require_same(together: pd.DataFrame, names: list[str], origins: list[str]) -> None:
    """Raise where two rows of one unit give it different values."""
    by_unit = together.groupby(schema.UNIT_KEY)[names]
    differing = ((by_unit.transform("max") - by_unit.transform("min")).to_numpy() > 1e-5).any(axis=1)
    if differing.any():
        first = together.loc[differing, schema.UNIT_KEY].drop_duplicates().head(3).to_dict("records")
        raise ValueError(
            f"{origins}: {int(differing.sum())} rows give a unit other responses than another table, first {first}. "
            "Keep one response table for each unit."
        )


def _stated(table: Table) -> pd.DataFrame:
    """What is stated of the columns of a table of function; of a table that states nothing, their names alone."""
    if table.columns is not None:
        return table.columns
    return describe_columns(table.frame.drop(columns=list(KEYS), errors="ignore"), None, None, {}, None, "", table.origin)


def _require_one_noise(stated: pd.DataFrame) -> None:
    """Raise where tables of function state different noise: one basis is learned from all columns, with one family of noise."""
    families = stated.loc[stated["noise"] != "", "noise"].unique()
    if len(families) > 1:
        raise ValueError(
            f"{sorted(stated['table'].unique())}: the tables of function state {' and '.join(sorted(families))} noise, and one basis is "
            'learned from all their columns. State one for all ("gaussian" holds for any values), or leave it out: it is then chosen.'
        )
