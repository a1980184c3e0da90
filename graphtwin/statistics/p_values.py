"""The p that replicates of a null give, one- and two-sided, and false discovery rates over the tests of one table.

Both p count the observed value among the draws, so that none is below 1 / (1 + replicates). Source: Phipson and Smyth 2010,
doi:10.2202/1544-6115.1585. A replicate that differs from the observed by rounding alone is as extreme. A replicate without a value is as
extreme too, since what is unknown is no evidence. p is NaN, and nothing was tested, where the observed has no value and where every
replicate has the observed one: there the null had nothing to exchange, or nothing that the statistic depends on.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from graphtwin.shapes import Bool, Float

ROUNDING = 1e-9  # share of a statistic that may be rounding: sums in another order differ by less


def one_sided_p(
    observed: float | Float[np.ndarray, "*groups"],
    null: Float[np.ndarray, replicates * groups],
    alternative: Literal["greater", "less"] = "greater",
) -> Float[np.ndarray, "*groups"]:
    """Share of values, the observed one among them, that are at least as large as the observed one (or as small).

    Args:
        observed: A statistic, or one of each group.
        null: The statistic of every replicate of the null, each with the shape of `observed`.
        alternative: Which side speaks against the null.
    """
    sign = 1.0 if alternative == "greater" else -1.0
    return _share(observed, null, ~(sign * null < sign * np.asarray(observed) - _slack(observed, null)))


def two_sided_p(
    observed: float | Float[np.ndarray, "*groups"], null: Float[np.ndarray, replicates * groups]
) -> Float[np.ndarray, "*groups"]:
    """Share of values, the observed one among them, that lie at least as far from the mean of all as the observed one.

    Args:
        observed: A statistic, or one of each group.
        null: The statistic of every replicate of the null, each with the shape of `observed`.
    """
    every = np.concatenate([np.asarray(observed)[None], null])
    known = np.isfinite(every)
    centre = np.where(known, every, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return _share(observed, null, ~(np.abs(null - centre) < np.abs(observed - centre) - _slack(observed, null)))


def _slack(observed: float | np.ndarray, null: np.ndarray) -> np.ndarray:
    """Largest difference of two statistics that may be rounding."""
    every = np.concatenate([np.asarray(observed)[None], null])
    return np.asarray(ROUNDING * np.abs(np.where(np.isfinite(every), every, 0.0)).max(0))


def _share(
    observed: float | np.ndarray, null: np.ndarray, as_extreme: Bool[np.ndarray, replicates * groups]
) -> Float[np.ndarray, "*groups"]:
    """Share of values, the observed one among them, that are as extreme as it; NaN where nothing was tested."""
    moved = ~(np.abs(null - np.asarray(observed)) <= _slack(observed, null))
    return np.where(np.isfinite(observed) & moved.any(0), (1 + as_extreme.sum(0)) / (1 + len(as_extreme)), np.nan)


def benjamini_hochberg(p: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Adjusted p-values that control the false discovery rate; NaN, which is no test, stays NaN and counts for none.

    Source: Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Args:
        p: The p of every test.
    """
    defined = np.isfinite(p)
    adjusted = np.full(len(p), np.nan)
    if defined.any():
        from scipy import stats  # takes longer to import than all else here

        adjusted[defined] = stats.false_discovery_control(p[defined])
    return adjusted


def holm(p: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Adjusted p-values that control the probability of any false finding; NaN, which is no test, stays NaN and counts for none.

    Source: Holm 1979, doi:10.2307/4615733.

    Args:
        p: The p of every test of the family.
    """
    defined = np.flatnonzero(np.isfinite(p))
    adjusted = np.full(len(p), np.nan)
    order = defined[np.argsort(p[defined], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def with_q(table: pd.DataFrame) -> pd.DataFrame:
    """The table with `q`: Benjamini-Hochberg over its defined `p`."""
    return table.assign(q=benjamini_hochberg(table["p"].to_numpy(np.float64)))
