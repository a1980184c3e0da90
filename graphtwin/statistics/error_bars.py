"""How far an error bar reaches: the normal's 95 %, and what held-out errors promise of the next one."""

from __future__ import annotations

import math

import numpy as np

from graphtwin.shapes import Float

NORMAL_95 = 1.959963984540054  # standard deviations on each side of the mean that hold 95 % of a normal


def conformal_quantile(error: Float[np.ndarray, "rows columns"], level: float = 0.95) -> Float[np.ndarray, " columns"]:
    """Width that holds a new error with at least the probability `level`, whatever errors are distributed like; NaN with too few rows.

    It is the error of rank ceil((rows + 1) x level) in each column. With fewer than level / (1 - level) rows (19 for 95 %) there is no such
    rank, and no finite width promises anything. Source: Lei et al. 2018, doi:10.1080/01621459.2017.1307116.

    Args:
        error: Errors of rows that were not fitted, at least 0, in any unit.
        level: Share of new errors that shall lie within the width.
    """
    rank = math.ceil((len(error) + 1) * level - 1e-9)  # less rounding: 20 x 0.95 is 19
    if rank > len(error):
        return np.full(error.shape[1], np.nan)
    return np.sort(error, axis=0)[rank - 1]
