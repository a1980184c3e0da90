"""Generalised linear mixed models of a table: formula, families, Laplace likelihood, fit and checks. They know nothing of neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.mixed.fitting import fit_mixed as fit
    from graphtwin.mixed.likelihood import NotConverged
    from graphtwin.mixed.mundlak import MundlakComparison, compare_mundlak, with_group_mean
    from graphtwin.mixed.result import MixedFit, anova, check_residuals, quantile_residuals, slope_contrasts, slopes
    from graphtwin.mixed.result import load_fit as load

__all__ = [
    "MixedFit",
    "MundlakComparison",
    "NotConverged",
    "anova",
    "check_residuals",
    "compare_mundlak",
    "fit",
    "load",
    "quantile_residuals",
    "slope_contrasts",
    "slopes",
    "with_group_mean",
]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "MixedFit": ("graphtwin.mixed.result", "MixedFit"),
        "MundlakComparison": ("graphtwin.mixed.mundlak", "MundlakComparison"),
        "NotConverged": ("graphtwin.mixed.likelihood", "NotConverged"),
        "anova": ("graphtwin.mixed.result", "anova"),
        "check_residuals": ("graphtwin.mixed.result", "check_residuals"),
        "compare_mundlak": ("graphtwin.mixed.mundlak", "compare_mundlak"),
        "fit": ("graphtwin.mixed.fitting", "fit_mixed"),
        "load": ("graphtwin.mixed.result", "load_fit"),
        "quantile_residuals": ("graphtwin.mixed.result", "quantile_residuals"),
        "slope_contrasts": ("graphtwin.mixed.result", "slope_contrasts"),
        "slopes": ("graphtwin.mixed.result", "slopes"),
        "with_group_mean": ("graphtwin.mixed.mundlak", "with_group_mean"),
    },
)
