"""Distributions of the response."""

from graphtwin.mixed.families.counts import family_named
from graphtwin.mixed.families.family import REASSOCIATE, Family, Normaliser

__all__ = [
    "Family",
    "Normaliser",
    "REASSOCIATE",
    "family_named",
]
