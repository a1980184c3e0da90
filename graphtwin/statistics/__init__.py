"""The bootstrap and its interval, permutation p and false discovery rates: one rule each for the whole package."""

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
from graphtwin.statistics.p_values import ROUNDING, benjamini_hochberg, holm, one_sided_p, two_sided_p, with_q
from graphtwin.statistics.replicates import replicate

__all__ = [
    "FEWEST_UNITS",
    "NORMAL_95",
    "ROUNDING",
    "Resampled",
    "benjamini_hochberg",
    "cluster_counts",
    "cluster_rows",
    "conformal_quantile",
    "draw_counts",
    "draw_units",
    "holm",
    "named_counts",
    "one_sided_p",
    "percentile_interval",
    "percentile_intervals",
    "replicate",
    "resample_mean",
    "resample_metric",
    "resample_ratio",
    "resample_units",
    "resampled",
    "two_sided_p",
    "with_q",
]
