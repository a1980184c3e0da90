"""A fitted model, and what a reader asks of it."""

from graphtwin.mixed.result.comparison import anova
from graphtwin.mixed.result.degrees import Satterthwaite
from graphtwin.mixed.result.fitted import MixedFit, Source, load_fit
from graphtwin.mixed.result.fitted_field import FittedField
from graphtwin.mixed.result.groupings import FittedGrouping
from graphtwin.mixed.result.profile import HeldLikelihood
from graphtwin.mixed.result.residuals import check_residuals, quantile_residuals
from graphtwin.mixed.result.slope_tables import slope_contrasts, slopes

__all__ = [
    "FittedField",
    "FittedGrouping",
    "HeldLikelihood",
    "MixedFit",
    "Satterthwaite",
    "Source",
    "anova",
    "check_residuals",
    "load_fit",
    "quantile_residuals",
    "slope_contrasts",
    "slopes",
]
