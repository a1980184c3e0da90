"""What is derived of a unit from a twin, how two fits are compared on it, and how far they must agree for it to be relied upon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf

import numpy as np
from jaxtyping import Float

from graphtwin.coordinates import Monitor
from graphtwin.twin.agreement.unit_agreement import (
    angle_agreement,
    angle_difference,
    distance,
    field_distance,
    less_than_chance,
    response_agreement,
    similarity_agreement,
)

WARNING = "not to be taken to an experiment"  # words of a quantity that is flagged

Compared = Callable[[np.ndarray, np.ndarray, Monitor], Float[np.ndarray, " units"]]


@dataclass(frozen=True)
class Quantity:
    """One thing that is derived of each unit.

    Attributes:
        agreement: How far two fits agree on each unit, see `unit_agreement`.
        difference: How far two fits lie apart on each unit, in the quantity's own unit.
        unit: Unit of the difference, in words.
        least: Agreement below which the quantity is flagged. On simulated animals (`analyses/twin_agreement`) it is the least above which
            nine of ten units have an error that is tolerated; infinite, so that every unit is flagged, where no agreement promises that.
        tolerated: Error that was tolerated there, in the unit of the difference.
        caveat: What its agreement is in part owed to, other than that fits are right; empty where nothing is known.
    """

    agreement: Compared
    difference: Compared
    unit: str
    least: float
    tolerated: float
    caveat: str = ""


def _angle(period: float, least: float, tolerated: float) -> Quantity:
    return Quantity(
        lambda first, second, _: angle_agreement(first, second, period),
        lambda first, second, _: angle_difference(first, second, period),
        "degrees",
        least,
        tolerated,
    )


def _number(least: float, tolerated: float) -> Quantity:
    return Quantity(
        lambda first, second, _: less_than_chance(distance, first, second),
        lambda first, second, _: distance(first, second),
        "of 1",
        least,
        tolerated,
    )


def _correlation(correlated: Callable[[np.ndarray, np.ndarray], np.ndarray], least: float, tolerated: float) -> Quantity:
    return Quantity(
        lambda first, second, _: correlated(first, second),
        lambda first, second, _: 1 - correlated(first, second),
        "1 - r",
        least,
        tolerated,
    )


QUANTITIES = {
    "embedding": _correlation(similarity_agreement, inf, 0.5),
    "preferred_orientation": _angle(180.0, 0.832, 20.0),
    "preferred_direction": _angle(360.0, 0.919, 45.0),
    "gosi": _number(inf, 0.2),
    "gdsi": _number(0.584, 0.12),
    "rf_position": Quantity(
        lambda first, second, monitor: less_than_chance(partial(field_distance, monitor=monitor), first, second),
        field_distance,
        "degrees of visual angle",
        0.977,
        2.0,
        "in part the agreement of their starts: fits of a recording begin with the same fields, by reverse correlation",
    ),
    "in_silico_correlation": _correlation(similarity_agreement, 0.915, 0.35),
    "predicted_response": _correlation(response_agreement, 0.934, 0.4),
}
