"""Degrees of freedom of a Gaussian model's fixed effects: how well their variance is known.

A variance estimate v that itself has the variance s is like that of 2 v^2 / s degrees of freedom. Here v = c'V c for a combination c of
fixed effects, and s follows from how V moves with the variances of the model and how well these are known. Source: Satterthwaite 1946,
doi:10.2307/3002019; for mixed models Kuznetsova et al. 2017, doi:10.18637/jss.v082.i13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from graphtwin.shapes import Float

LEVEL = 0.95  # level of intervals where none is asked for


@dataclass(frozen=True)
class Satterthwaite:
    """What degrees of freedom are made of.

    Attributes:
        covariance: Covariance of the fixed effects at given variances.
        change: Its derivatives along orthogonal directions of the model's variances, each a standard error long.
    """

    covariance: Float[np.ndarray, "fixed fixed"]
    change: Float[np.ndarray, "variances fixed fixed"]

    def degrees(self, rows: Float[np.ndarray, "contrasts fixed"]) -> Float[np.ndarray, " contrasts"]:
        """Degrees of freedom of each combination of fixed effects.

        Args:
            rows: Weights of the fixed effects in each combination.
        """
        variance = np.einsum("ci,ij,cj->c", rows, self.covariance, rows)
        spread = np.einsum("ci,vij,cj->vc", rows, self.change, rows)
        return 2.0 * variance**2 / (spread**2).sum(axis=0)


def wald_table(
    labels: pd.DataFrame,
    estimate: Float[np.ndarray, " rows"],
    se: Float[np.ndarray, " rows"],
    degrees: Float[np.ndarray, " rows"] | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """The labels with estimate, se, z, the two-sided p of a normal, and the bounds low and high of the interval.

    Args:
        labels: Columns that name the rows.
        estimate: Estimates.
        se: Standard errors.
        degrees: Degrees of freedom, with which Student's t takes the place of the normal, and columns t and df that of z; None for z.
        level: Share of intervals that hold the truth.
    """
    require_level(level)
    ratio = estimate / se
    if degrees is None:
        named = {"z": ratio}
        p, wide = 2.0 * scipy.special.ndtr(-np.abs(ratio)), scipy.special.ndtri(0.5 + 0.5 * level) * se
    else:
        named = {"t": ratio, "df": degrees}
        p, wide = 2.0 * scipy.special.stdtr(degrees, -np.abs(ratio)), scipy.special.stdtrit(degrees, 0.5 + 0.5 * level) * se
    return labels.assign(estimate=estimate, se=se, **named, p=p, low=estimate - wide, high=estimate + wide)


def require_level(level: float) -> None:
    """Refuse a level that is no share, such as 95."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level {level}: it is a share of the intervals, between 0 and 1. Write 0.95 for 95 %.")
