"""Bootstrap and interval, permutation p, false discovery rates, expected information, graphs of the same degrees: one rule each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names
from graphtwin.statistics.bootstrap import (
    FEWEST_UNITS,
    Resampled,
    cluster_counts,
    cluster_rows,
    draw_counts,
    draw_units,
    named_counts,
    percentile_interval,
    percentile_intervals,
    resample_mean,
    resample_metric,
    resample_ratio,
    resample_units,
    resampled,
)
from graphtwin.statistics.error_bars import NORMAL_95, conformal_quantile
from graphtwin.statistics.expected_information import Chosen, most_informative, require_budget, told_together
from graphtwin.statistics.next_experiments import NextExperiments, next_experiments
from graphtwin.statistics.p_values import ROUNDING, benjamini_hochberg, holm, one_sided_p, two_sided_p, with_q
from graphtwin.statistics.replicates import replicate
from graphtwin.statistics.slope_information import Rows, most_telling_rows, slope_covariance

if TYPE_CHECKING:
    from graphtwin.statistics.exchanges import exchange_ends, exchange_targets

__all__ = [
    "Chosen",
    "FEWEST_UNITS",
    "NORMAL_95",
    "NextExperiments",
    "ROUNDING",
    "Resampled",
    "Rows",
    "benjamini_hochberg",
    "cluster_counts",
    "cluster_rows",
    "conformal_quantile",
    "draw_counts",
    "draw_units",
    "exchange_ends",
    "exchange_targets",
    "holm",
    "most_informative",
    "most_telling_rows",
    "named_counts",
    "next_experiments",
    "one_sided_p",
    "percentile_interval",
    "percentile_intervals",
    "replicate",
    "require_budget",
    "resample_mean",
    "resample_metric",
    "resample_ratio",
    "resample_units",
    "resampled",
    "slope_covariance",
    "told_together",
    "two_sided_p",
    "with_q",
]

# Compiled code takes longer to load than all else here.
__getattr__, __dir__ = public_names(__name__, {name: (f"{__name__}.exchanges", name) for name in ("exchange_ends", "exchange_targets")})
