"""Tiers held against the training tier: which trials are to be compared, and how far they differ by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int

from graphtwin.checks.digest import Digest
from graphtwin.execute import rng_for

REFERENCE = "the largest tier"  # words for the tier that others are compared with
DRAWS = 100  # draws of as many trials from the reference, from which chance is known


def compared(of: Digest) -> Iterator[tuple[str, Int[np.ndarray, " here"], Int[np.ndarray, " there"], bool]]:
    """Each other tier, its trials, those of the largest tier of the same kinds of stimulus, and whether there are any of the same."""
    if len(of.tiers) < 2:
        return
    kind = of.trials["kind"].to_numpy()
    largest = "train" if "train" in of.tiers else max(of.tiers, key=lambda tier: len(of.tiers[tier]))
    reference = of.tiers[largest]
    for tier, trials in of.tiers.items():
        if tier == largest:
            continue
        both = np.intersect1d(kind[reference], kind[trials])
        here = trials[np.isin(kind[trials], both)] if len(both) else trials
        there = reference[np.isin(kind[reference], both)] if len(both) else reference
        if len(here) >= 2 and len(there) >= 4:
            yield tier, here, there, bool(len(both))


def drawn_ratios(measure: Callable[[np.ndarray], float], here: np.ndarray, there: np.ndarray) -> tuple[float, float]:
    """Difference of a measure between two sets of trials, and the largest between draws of as many from the second and all of it.

    Args:
        measure: A number of a set of trials, such as the log of a scale.
        here: The trials in question.
        there: The trials that they are compared with.
    """
    rng = rng_for(0, "tiers compared", len(here), len(there))
    whole = measure(there)
    size = min(len(here), max(2, len(there) // 2))
    draws = [measure(rng.choice(there, size, replace=False)) - whole for _ in range(DRAWS)]
    return float(measure(here) - whole), float(np.max(np.abs(draws)))


def spread_of(values: Float[np.ndarray, " values"]) -> float:
    """Standard deviation as the median deviation from the median tells it."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
