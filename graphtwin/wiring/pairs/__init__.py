"""Pairs of neurons that could connect, which of them an analysis may use, and what is asked of each."""

from graphtwin.wiring.pairs.candidate_set import ALL, CandidateSet, Exposure, candidates, quantile_bins
from graphtwin.wiring.pairs.effect import EFFECT, with_effect_of_one_sd
from graphtwin.wiring.pairs.inclusion import INCLUSIONS, Inclusion, include
from graphtwin.wiring.pairs.measure import Measure, tuning_measures
from graphtwin.wiring.pairs.outcomes import LOG_L_D, NothingToExplain, Outcome, OutcomeKind, outcome_of, within_axons
from graphtwin.wiring.pairs.pair_table import add_geometry, add_projections, build_pairs
from graphtwin.wiring.pairs.planted import Planted, PlantedPairs, plant

__all__ = [
    "ALL",
    "CandidateSet",
    "EFFECT",
    "Exposure",
    "INCLUSIONS",
    "Inclusion",
    "LOG_L_D",
    "Measure",
    "NothingToExplain",
    "Outcome",
    "OutcomeKind",
    "Planted",
    "PlantedPairs",
    "add_geometry",
    "add_projections",
    "build_pairs",
    "candidates",
    "include",
    "outcome_of",
    "plant",
    "quantile_bins",
    "tuning_measures",
    "with_effect_of_one_sd",
    "within_axons",
]
