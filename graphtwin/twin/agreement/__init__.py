"""How far fits of the same animals agree on what is derived of each unit, and what is therefore not to be taken to an experiment."""

from graphtwin.twin.agreement.certificate import certify, summarise
from graphtwin.twin.agreement.derived import (
    TOLD_BY_GRATINGS,
    Derived,
    binned_late,
    derive,
    moving_discs,
    require_alike,
    shown_once,
    units_of,
)
from graphtwin.twin.agreement.quantities import QUANTITIES, WARNING
from graphtwin.twin.agreement.stated_errors import STATED, moderated_spread, with_intervals

__all__ = [
    "Derived",
    "QUANTITIES",
    "STATED",
    "TOLD_BY_GRATINGS",
    "WARNING",
    "binned_late",
    "certify",
    "derive",
    "moderated_spread",
    "moving_discs",
    "require_alike",
    "shown_once",
    "summarise",
    "units_of",
    "with_intervals",
]
