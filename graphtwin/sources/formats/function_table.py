"""Function of any kind as a table has it: a row a unit or neuron, a column a thing that was shown, stimulated or done."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from graphtwin import schema
from graphtwin.config import nearest_of
from graphtwin.sources.formats.column_names import KNOWN

Noise = Literal["gaussian", "gamma"]
Axis = Literal["circular", "linear"]
KEYS = (*schema.UNIT_KEY, "nucleus_id", "name")  # columns that say whose function a row is
FEWEST = 2  # columns below which nothing is told from one by another

log = logging.getLogger("graphtwin")


def read_function(table: pd.DataFrame, answers: Collection[str], origin: str) -> pd.DataFrame:
    """The key and the columns of responses as float64, NaN where nothing was measured; what cannot be function is refused.

    Args:
        table: The file's table under the names of the source: session, scan_idx, unit_id, or nucleus_id, or name, and the responses.
        answers: Columns of responses; every column beside the key where none is named.
        origin: Name of the file, for the errors.

    Raises:
        ValueError: No key or an incomplete one, a unit twice, fewer than two columns, text or an infinite value in one, a name that the
            package uses for something else, or nothing that varies.
    """
    key = _key_of(table, origin)
    schema.require_columns(table, answers, origin)
    names = [str(name) for name in (answers or table.columns) if name not in KEYS]
    _require_responses(names, bool(answers), origin)
    unread = [name for name in KEYS if name in table and name not in key]
    if unread:
        log.warning("%s: rows are known by %s; %s has the name of another key and is left out.", origin, key, unread)
    ids = {name: schema.as_ids(table[name], f"{origin}, column {name}") for name in key if name != "name"}
    words = {"name": table["name"].astype("string").astype(object)} if "name" in key else {}
    schema.require_unique(table.assign(**ids), key if "nucleus_id" not in key[:-1] else key[:-1], origin)
    numbers = {name: schema.as_numbers(table[name], f"{origin}, column {name}") for name in names}
    frame = pd.concat([pd.DataFrame({**ids, **words}), pd.DataFrame(numbers)], axis=1)
    _require_measured(frame[names], origin)
    return frame


def _key_of(table: pd.DataFrame, origin: str) -> list[str]:
    """The columns that name the row: those of a unit (with its nucleus, where it is given), the nucleus, or the name."""
    there = [name for name in schema.UNIT_KEY if name in table]
    if len(there) == len(schema.UNIT_KEY):
        return [*schema.UNIT_KEY, *(["nucleus_id"] if "nucleus_id" in table else [])]
    if there and not {"nucleus_id", "name"} & set(table):
        schema.require_columns(table, schema.UNIT_KEY, origin)
    for name in ("nucleus_id", "name"):
        if name in table:
            return [name]
    raise ValueError(
        f"{origin}: no column says whose function a row is (the table has {list(map(str, table.columns))[:12]}). Give session, scan_idx "
        'and unit_id, or nucleus_id, or name; a column of another name is named under `columns`, as { nucleus_id = "cell" }.'
    )


def _require_responses(names: list[str], are_named: bool, origin: str) -> None:
    """Raise where columns are too few, or are known by their name as ids, places or labels and nobody says that they are responses."""
    others = [name for name in names if name in KNOWN and not are_named]
    if others:
        raise ValueError(
            f"{origin}: {len(others)} columns beside the responses have names of ids, positions or labels, first {others[:4]}, and would "
            "be taken for responses. Name the columns of responses, as columns = [...], or drop the others from the file."
        )
    if len(names) < FEWEST:
        raise ValueError(
            f"{origin}: {len(names)} columns of responses ({names}); {FEWEST} are needed, since each is predicted from the others. "
            "Give every stimulus, frame or condition a column of its own."
        )


def _require_measured(values: pd.DataFrame, origin: str) -> None:
    """Raise where a value is infinite or nothing varies; columns that say nothing are told and kept for the funnel to count."""
    numbers = values.to_numpy(np.float64)
    endless = np.isinf(numbers)
    if endless.any():
        row, at = np.argwhere(endless)[0]
        raise ValueError(
            f"{origin}: {int(endless.sum())} responses are infinite, first in column {values.columns[at]!r}, row {row + 1}. "
            "Leave the cell empty where nothing was measured."
        )
    told = telling(values)
    if not told.any():
        raise ValueError(
            f"{origin}: none of {len(told)} columns of responses has two different values, so that no neuron is told from another. "
            "Export what was measured."
        )
    if not told.all():
        log.warning(
            "%s: %d of %d columns say nothing (empty, or one value): %s.", origin, (~told).sum(), len(told), list(told.index[~told][:4])
        )


def telling(values: pd.DataFrame) -> pd.Series:
    """Whether each column has two different values; index: the columns.

    Args:
        values: Responses, NaN where nothing was measured.
    """
    return values.min().lt(values.max())


def describe_columns(
    values: pd.DataFrame,
    noise: Noise | None,
    axis: Axis | None,
    positions: Mapping[str, float],
    period: float | None,
    what: str,
    origin: str,
) -> pd.DataFrame:
    """One row a column of responses: column, table, position, period, axis, noise, what; unknown is NaN, "free" or empty.

    Args:
        values: The columns of responses alone.
        noise: Family of the noise that the source states.
        axis: Whether columns lie on a circle or on a line.
        positions: Place of each column on that axis, in any unit.
        period: Length of the circle, in the unit of the positions.
        what: What the values are, in a sentence of the source.
        origin: Name of the file, for the errors.

    Raises:
        ValueError: Positions are missing, repeat or are of columns that are not there, an axis lacks them, or noise is stated that the
            values cannot have.
    """
    names = [str(name) for name in values]
    if noise == "gamma" and (values < 0).to_numpy().any():
        negative = int((values < 0).to_numpy().sum())
        raise ValueError(
            f'{origin}: noise = "gamma" is for activity that is never negative, and {negative} of {values.notna().to_numpy().sum()} values '
            'are below 0. State noise = "gaussian", or leave it out: it is then chosen on held-out columns.'
        )
    _require_positions(names, axis, positions, period, origin)
    return pd.DataFrame(
        {
            "column": names,
            "table": origin,
            "position": [float(positions.get(name, np.nan)) for name in names],
            "period": float("nan") if period is None else period,
            "axis": axis or "free",
            "noise": noise or "",
            "what": what,
        }
    )


def _require_positions(names: list[str], axis: Axis | None, positions: Mapping[str, float], period: float | None, origin: str) -> None:
    """Raise where positions and axis do not fit each other or the columns."""
    unknown = [name for name in positions if name not in names]
    if unknown:
        raise ValueError(
            f"{origin}: {len(unknown)} of {len(positions)} `positions` are of no column of responses, first {unknown[0]!r}"
            f"{nearest_of(unknown[0], names, ' (nearest {})')}. Correct the names: the table has {names[:8]}."
        )
    if axis is None:
        if positions or period is not None:
            raise ValueError(f'{origin}: `positions` or `period` without `axis`. State axis = "circular" or "linear".')
        return
    missing = [name for name in names if name not in positions]
    if missing:
        raise ValueError(
            f"{origin}: axis = {axis!r}, but {len(missing)} of {len(names)} columns have no place on it, first {missing[0]!r}. Give each "
            "under `positions`, or put the others into a table of their own without an axis."
        )
    if axis == "circular" and period is None:
        raise ValueError(f'{origin}: axis = "circular" without `period`: after how much (in the unit of `positions`) is the circle closed?')
    if axis == "linear" and period is not None:
        raise ValueError(f'{origin}: `period` is of a circle, and axis = "linear". Leave it out, or state axis = "circular".')
    places = np.array([positions[name] for name in names]) % (period or np.inf)
    if not np.isfinite([positions[name] for name in names]).all() or len(np.unique(places)) < len(names):
        raise ValueError(f"{origin}: {len(names)} columns have {len(np.unique(places))} different places. Each needs a place of its own.")
