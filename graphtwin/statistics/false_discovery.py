"""False discovery rates over the tests of one table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats


def benjamini_hochberg(p: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Adjusted p-values that control the false discovery rate; NaN, which is no test, stays NaN and counts for none.

    Source: Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Args:
        p: One a test.
    """
    defined = np.isfinite(p)
    adjusted = np.full(len(p), np.nan)
    if defined.any():
        adjusted[defined] = stats.false_discovery_control(p[defined])
    return adjusted


def with_adjusted_p(table: pd.DataFrame) -> pd.DataFrame:
    """The table with `p_adj`: Benjamini-Hochberg over its defined `p`."""
    return table.assign(p_adj=benjamini_hochberg(table["p"].to_numpy(np.float64)))
