"""From a table and a formula to sorted arrays."""

from graphtwin.mixed.design.checks import require_names
from graphtwin.mixed.design.collapsing import collapse
from graphtwin.mixed.design.design import NO_FACTOR, Design, Grouping, group_codes, with_weights
from graphtwin.mixed.design.expressions import column, numbers_of, numeric
from graphtwin.mixed.design.field_places import Field
from graphtwin.mixed.design.formula import parse_formula
from graphtwin.mixed.design.kernels import field_basis
from graphtwin.mixed.design.moments import effect_scales, residual
from graphtwin.mixed.design.patterns import columns_by_pattern, feature_values, level_codes
from graphtwin.mixed.design.preparation import Prepared, prepare
from graphtwin.mixed.design.separation import described, separated_direction
from graphtwin.mixed.design.standard import Basis, hold, orthogonal
from graphtwin.mixed.design.sweeps import (
    NodeSums,
    add_products,
    add_sums,
    cell_bounds,
    fill_leverage,
    log_mean,
    mirrored,
    sum_cells,
    sum_leverage,
    sum_nodes,
)

__all__ = [
    "Basis",
    "Design",
    "Field",
    "Grouping",
    "NO_FACTOR",
    "NodeSums",
    "Prepared",
    "add_products",
    "add_sums",
    "cell_bounds",
    "collapse",
    "column",
    "columns_by_pattern",
    "described",
    "effect_scales",
    "feature_values",
    "field_basis",
    "fill_leverage",
    "group_codes",
    "hold",
    "level_codes",
    "log_mean",
    "mirrored",
    "numbers_of",
    "numeric",
    "orthogonal",
    "parse_formula",
    "prepare",
    "require_names",
    "residual",
    "separated_direction",
    "sum_cells",
    "sum_leverage",
    "sum_nodes",
    "with_weights",
]
