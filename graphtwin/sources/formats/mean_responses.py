"""Mean responses to directions as a table has them: finite, of different directions in degrees, and not all the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin import schema

TURN_RAD = 6.3  # a full turn, as the names of columns write it in radians with one digit
MANY = 3  # directions from which on it is judged whether they are radians
MANY_UNITS = 20  # units from which on it is no chance that all answer alike to one direction
CONSTANT = 0.5  # share of units with one value for all directions from which on the table is no measurement


def require_responses(responses: pd.DataFrame, origin: str) -> None:
    """Raise where responses cannot be means over trials of each direction, naming how many and the first units.

    Args:
        responses: session, scan_idx, unit_id and direction_DDD_D: the mean response to a drift of so many degrees.
        origin: Name of the file, for the error.

    Raises:
        ValueError: A direction is there twice (0 and 360 degrees), directions are radians, a response is not finite, most units answer
            alike to all directions, or all units alike to one.
    """
    names = [name for name in responses if name not in schema.UNIT_KEY]
    _require_directions(names, origin)
    values = responses[names].to_numpy(np.float64)
    wrong = ~np.isfinite(values).all(axis=1)
    if wrong.any():
        first = responses.loc[wrong, schema.UNIT_KEY].head(3).to_dict("records")
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(responses)} units have NaN or infinite responses, first {first}. "
            "Leave these units out of the export, or measure them: responses are never filled in."
        )
    constant = (values == values[:, :1]).all(axis=1)
    if constant.mean() > CONSTANT:
        first = responses.loc[constant, schema.UNIT_KEY].head(3).to_dict("records")
        raise ValueError(
            f"{origin}: {int(constant.sum())} of {len(responses)} units have one and the same response to all {len(names)} directions, "
            f"first {first}. These are no measured responses: export the mean of the trials of each direction."
        )
    dummies = [name for name, column in zip(names, values.T, strict=True) if (column == column[0]).all()]
    if dummies and len(values) >= MANY_UNITS:
        raise ValueError(
            f"{origin}: {len(dummies)} directions have one and the same response in all {len(responses)} units, first {dummies[0]}. "
            "Leave directions out that were not shown."
        )


def _require_directions(names: list[str], origin: str) -> None:
    """Raise where two columns are of one direction, or all lie within a turn in radians."""
    degrees = {name: float(name.removeprefix("direction_").replace("_", ".")) for name in names}
    of_angle: dict[float, str] = {}
    for name, angle in degrees.items():
        if angle % 360 in of_angle:
            raise ValueError(
                f"{origin}: {of_angle[angle % 360]} and {name} are the same direction, which would count twice. Average their trials into "
                "one column, or rename the one that is of another."
            )
        of_angle[angle % 360] = name
    if len(degrees) >= MANY and max(degrees.values()) <= TURN_RAD:
        raise ValueError(
            f"{origin}: all {len(degrees)} directions lie between 0 and {max(degrees.values()):g} degrees; are they radians? "
            "Name the columns by degrees, as direction_022_5."
        )
