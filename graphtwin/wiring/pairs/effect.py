"""What one SD of a similarity multiplies the outcome by: the unit in which slopes of other similarities, groups and tables compare.

The SD is that of the similarity over all candidates of the analysis, all groups together, in every table. With the SD of its own group a
slope that is the same everywhere would have another effect in each projection, the ratio of two effects would not be the difference of
two slopes, and a projection whose pairs are all alike would seem to follow the rule less.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

EFFECT = ("sd", "rate_ratio", "rate_ratio_low", "rate_ratio_high")  # columns of the effect of one SD, with its interval


def with_effect_of_one_sd(table: pd.DataFrame, sd: float | pd.Series) -> pd.DataFrame:
    """The table with sd, rate_ratio and its interval rate_ratio_low, rate_ratio_high.

    Args:
        table: A row a slope of the log outcome: estimate, low and high per unit of the similarity.
        sd: SD of the similarity over all candidates of the analysis, in its unit; one for all rows, or one a row.
    """
    ends = {"rate_ratio": "estimate", "rate_ratio_low": "low", "rate_ratio_high": "high"}
    return table.assign(sd=sd, **{name: np.exp(table[end] * sd) for name, end in ends.items()})
