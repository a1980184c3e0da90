"""From a table and a formula to sorted arrays."""

from graphtwin.mixed.design.collapsing import collapse
from graphtwin.mixed.design.design import NO_FACTOR, Design, Grouping, group_codes
from graphtwin.mixed.design.formula import parse_formula
from graphtwin.mixed.design.moments import effect_scales, pattern_moments
from graphtwin.mixed.design.patterns import column, feature_values, level_codes, numeric
from graphtwin.mixed.design.preparation import prepare
from graphtwin.mixed.design.sweeps import add_products, add_sums, log_mean, mirrored, sum_cells, sum_leverage

__all__ = [
    "Design",
    "Grouping",
    "NO_FACTOR",
    "add_products",
    "add_sums",
    "collapse",
    "column",
    "effect_scales",
    "feature_values",
    "group_codes",
    "level_codes",
    "log_mean",
    "mirrored",
    "numeric",
    "parse_formula",
    "pattern_moments",
    "prepare",
    "sum_cells",
    "sum_leverage",
]
