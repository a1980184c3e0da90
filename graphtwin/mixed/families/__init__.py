"""Distributions of the response."""

from graphtwin.mixed.families.binomial import Binomial
from graphtwin.mixed.families.compiled import compiled
from graphtwin.mixed.families.counts import family_named
from graphtwin.mixed.families.family import Bounded, Distribution, Family, LowerBound, Normaliser, Responses
from graphtwin.mixed.families.links import IDENTITY, LOG, LOGIT, Link
from graphtwin.mixed.families.weighted import Weighted

__all__ = [
    "Binomial",
    "Bounded",
    "Distribution",
    "Family",
    "IDENTITY",
    "LOG",
    "LOGIT",
    "Link",
    "LowerBound",
    "Normaliser",
    "Responses",
    "Weighted",
    "compiled",
    "family_named",
]
