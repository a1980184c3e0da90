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
    """What is measured of a responder; of an ensemble what its answers tell, with the spread of its members beside each number.

    Args:
        responder: Responder or ensemble; an ensemble whose mean answers costs twice what its members do.
        measure: Function from a responder to a table, a row a unit.

    Examples:
        >>> both = graphtwin.insilico.Ensemble((responder, responder))
        >>> graphtwin.insilico.with_members(both, graphtwin.insilico.tune_units).filter(like="gosi").columns.tolist()
        ['gosi', 'gosi_spread']
    """
    table = measure(responder)
    if not isinstance(responder, Ensemble):
        return table
    members = []
    for at, member in enumerate(responder.members, 1):
        if responder.first_speaks and at == 1:
            continue  # what it tells is in the table
        log.info("%s: member %d of %d.", responder.name, at, len(responder.members))
        members.append(measure(member))
    return with_spread(table, members, responder.first_speaks)


def with_spread(table: pd.DataFrame, members: Sequence[pd.DataFrame], about_table: bool = False) -> pd.DataFrame:
    """The table with X_spread beside every column X of numbers, in its units: how far members differ on a unit.

    The spread is the standard deviation over members (n - 1) of their differences from their mean; or, about the table, the root mean
    square of their differences from it. Of an angle (`PERIODS`) the mean is the direction of the mean vector, and differences go the short
    way around the circle. It is NaN where fewer than two members tell a number; about the table where none does, or it does not.

    Args:
        table: A row a unit.
        members: A table of each member, with the same columns and rows.
        about_table: Whether the table is not of their mean, but of one more member, which speaks for all (`Ensemble.first_speaks`).
    """
    columns: dict[str, pd.Series | np.ndarray] = {}
    for name in table:
        columns[str(name)] = table[name]
        if pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name]) and name not in UNIT_KEY:
            values = np.column_stack([member[name].to_numpy(np.float64) for member in members])
            about = table[name].to_numpy(np.float64) if about_table else None
            columns[f"{name}_spread"] = _spread(values, PERIODS.get(str(name)), about)
    return pd.DataFrame(columns, index=table.index)


def _spread(
    values: Float[np.ndarray, "units members"], period: float | None, about: Float[np.ndarray, " units"] | None = None
) -> Float[np.ndarray, " units"]:
    """Spread over the members that know a number, about their mean or what is given; of angles about the direction of their mean vector."""
    known = np.isfinite(values) if about is None else np.isfinite(values) & np.isfinite(about)[:, None]
    free = known.sum(1) - (about is None)  # less one where the mean is made of them
    if about is not None:
        middle = about
    elif period is None:
        middle = np.where(known, values, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    else:
        turn = 2 * np.pi / period
        middle = np.angle(np.where(known, np.exp(1j * turn * np.where(known, values, 0.0)), 0.0).sum(1)) / turn
    apart = values - middle[:, None]
    if period is not None:
        apart = (apart + period / 2) % period - period / 2
    squares = np.where(known, apart**2, 0.0).sum(1)
    return np.where(free > 0, np.sqrt(squares / np.maximum(free, 1)), np.nan)
