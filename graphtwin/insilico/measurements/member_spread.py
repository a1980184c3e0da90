"""What the members of an ensemble disagree by: a spread beside every number that is measured of a unit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.insilico.responders import Ensemble, Responder
from graphtwin.schema import UNIT_KEY

# Degrees after which an angle is the same again.
PERIODS = {
    "direction_deg": 360.0,
    "orientation_deg": 180.0,
    "field_angle_deg": 180.0,
    "direction_change_deg": 360.0,
    "orientation_change_deg": 180.0,
}
log = logging.getLogger("graphtwin")


def with_members(responder: Responder, measure: Callable[[Responder], pd.DataFrame]) -> pd.DataFrame:
    """What is measured of a responder; of an ensemble what its mean answers tell, with the spread of its members beside each number.

    Args:
        responder: Responder or ensemble; an ensemble costs twice what its members do.
        measure: Function from a responder to a table, a row a unit.
    """
    table = measure(responder)
    if not isinstance(responder, Ensemble):
        return table
    members = []
    for at, member in enumerate(responder.members, 1):
        log.info("%s: member %d of %d.", responder.name, at, len(responder.members))
        members.append(measure(member))
    return with_spread(table, members)


def with_spread(table: pd.DataFrame, members: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The table with X_spread beside every column X of numbers, in its units: how far members differ on a unit.

    The spread is the standard deviation over members (n - 1) of their differences from their mean. Of an angle (`PERIODS`) the mean is the
    direction of the mean vector, and differences go the short way around the circle. It is NaN where fewer than two members tell a number.

    Args:
        table: A row a unit.
        members: A table of each member, with the same columns and rows.
    """
    columns: dict[str, pd.Series | np.ndarray] = {}
    for name in table:
        columns[str(name)] = table[name]
        if pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name]) and name not in UNIT_KEY:
            values = np.column_stack([member[name].to_numpy(np.float64) for member in members])
            columns[f"{name}_spread"] = _spread(values, PERIODS.get(str(name)))
    return pd.DataFrame(columns, index=table.index)


def _spread(values: Float[np.ndarray, "units members"], period: float | None) -> Float[np.ndarray, " units"]:
    """Standard deviation over the members that know a number; of angles about the direction of their mean vector."""
    known = np.isfinite(values)
    number = known.sum(1)
    if period is None:
        mean = np.where(known, values, 0.0).sum(1) / np.maximum(number, 1)
        apart = values - mean[:, None]
    else:
        turn = 2 * np.pi / period
        mean = np.angle(np.where(known, np.exp(1j * turn * np.where(known, values, 0.0)), 0.0).sum(1)) / turn
        apart = (values - mean[:, None] + period / 2) % period - period / 2
    squares = np.where(known, apart**2, 0.0).sum(1)
    return np.where(number > 1, np.sqrt(squares / np.maximum(number - 1, 1)), np.nan)
