"""The one rule for intervals: percentiles of resamples, widened where few units were resampled."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import stats

from graphtwin.execute import rng_for


def percentile_interval(values: Float[np.ndarray, " replicates"], degrees: float, level: float = 0.95) -> tuple[float, float]:
    """Percentiles widened for few resampled units (degrees: units - 1), as Student's t and sqrt(n / (n - 1)) widen the normal."""
    tail = stats.norm.cdf(-np.sqrt(1 + 1 / degrees) * stats.t.ppf((1 + level) / 2, degrees))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def drawn_counts(seed: int, name: str, n_units: int, n_replicates: int) -> Float[np.ndarray, "replicates units"]:
    """How often each unit is drawn in each replicate."""
    return np.stack([draw_counts(seed, name, number, n_units) for number in range(n_replicates)])


def draw_counts(seed: int, name: str, number: int, n_units: int) -> Float[np.ndarray, " units"]:
    """How often each unit is drawn in one replicate, with replacement.

    Args:
        seed: The run's seed.
        name: What is drawn, such as "axon".
        number: Of the replicate.
        n_units: As many as are drawn.
    """
    return np.bincount(rng_for(seed, "bootstrap", name, number).integers(0, n_units, n_units), minlength=n_units).astype(np.float64)
