"""A fitted model, and what a reader asks of it."""

from graphtwin.mixed.result.expectations import expected, simulate_responses
from graphtwin.mixed.result.fitted import FittedGrouping, MixedFit
from graphtwin.mixed.result.residuals import check_residuals, quantile_residuals
from graphtwin.mixed.result.slope_tables import slope_contrasts, slopes

__all__ = [
    "FittedGrouping",
    "MixedFit",
    "check_residuals",
    "expected",
    "quantile_residuals",
    "simulate_responses",
    "slope_contrasts",
    "slopes",
]
