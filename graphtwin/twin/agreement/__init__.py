"""How far fits of the same animals agree on what is derived of each unit, and what is therefore not to be taken to an experiment."""

from graphtwin.twin.agreement.certificate import certify, summarise
from graphtwin.twin.agreement.derived import Derived, derive, require_alike, units_of
from graphtwin.twin.agreement.quantities import QUANTITIES, WARNING

__all__ = ["Derived", "QUANTITIES", "WARNING", "certify", "derive", "require_alike", "summarise", "units_of"]
