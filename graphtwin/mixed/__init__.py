"""Generalised linear mixed models of a table: formula, families, Laplace likelihood, fit and checks. They know nothing of neurons."""

from graphtwin.mixed.fit import fit_mixed
from graphtwin.mixed.likelihood import NotConverged
from graphtwin.mixed.mundlak import MundlakComparison, compare_mundlak, with_group_mean
from graphtwin.mixed.result import MixedFit, anova, check_residuals, quantile_residuals, slope_contrasts, slopes

__all__ = [
    "MixedFit",
    "MundlakComparison",
    "NotConverged",
    "anova",
    "check_residuals",
    "compare_mundlak",
    "fit_mixed",
    "quantile_residuals",
    "slope_contrasts",
    "slopes",
    "with_group_mean",
]
