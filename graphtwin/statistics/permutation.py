"""The p that replicates of a null give."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

ROUNDING = 1e-9  # of a statistic: sums in another order differ by less


def two_sided_p(observed: Float[np.ndarray, " groups"], null: Float[np.ndarray, "replicates groups"]) -> Float[np.ndarray, " groups"]:
    """Share of values, the observed one among them, that lie at least as far from the mean of all as the observed one.

    What differs from the observed by rounding alone is as far: where nothing can be exchanged, p is 1. A replicate whose statistic is not
    defined counts as far too, so that what is unknown is no evidence. NaN where the observed is not defined.

    Args:
        observed: A statistic of each group.
        null: The same of every replicate.
    """
    every = np.vstack([observed, null])
    known = np.isfinite(every)
    centre = np.where(known, every, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    slack = ROUNDING * np.abs(np.where(known, every, 0.0)).max(0)
    nearer = np.abs(null - centre) < np.abs(observed - centre) - slack
    return np.where(np.isfinite(observed), (len(every) - nearer.sum(0)) / len(every), np.nan)
