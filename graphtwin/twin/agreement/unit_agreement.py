"""How far two fits agree on one quantity of each unit: 1 where they say the same, about 0 where they agree as two units dealt anew.

All functions take what two fits say of the same units, NaN where a fit says nothing of a unit, and return a number a unit, NaN where one
of the two says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from graphtwin.coordinates import Monitor
from graphtwin.tuning import rf_distance

FEWEST_OTHERS = 5  # other units, at least, over which similarities are correlated; a choice: over fewer they say nothing
ROWS_TOGETHER = 1024  # units whose similarities to all others are in memory at once
MOST_SHIFTS = 200  # ways, at most, in which units are dealt to others to find what is expected by chance

PerUnit = Float[np.ndarray, " units"]


def similarity_agreement(first: Float[np.ndarray, "units a"], second: Float[np.ndarray, "units b"]) -> PerUnit:
    """Correlation, over the other units, of a unit's similarities to them in one fit with those in the other.

    No axes are compared: rotating the vectors of a fit, or giving them other dimensions, changes nothing.

    Args:
        first: Vectors of length 1 of the units in one fit, whose products are similarities: embeddings, or standardised responses.
        second: Vectors of the same units in the other fit.
    """
    known = np.isfinite(first).all(1) & np.isfinite(second).all(1)
    found = np.full(len(first), np.nan)
    if known.sum() <= FEWEST_OTHERS:
        return found
    of = [vectors[known].astype(np.float64) for vectors in (first, second)]
    parts = []
    for start in range(0, len(of[0]), ROWS_TOGETHER):
        rows = np.arange(start, min(start + ROWS_TOGETHER, len(of[0])))
        parts.append(_correlated(*(_about_mean(vectors[rows] @ vectors.T, rows) for vectors in of)))
    found[known] = np.concatenate(parts)
    return found


def _about_mean(similarities: Float[np.ndarray, "rows units"], own: np.ndarray) -> Float[np.ndarray, "rows units"]:
    """Similarities to the other units less their mean; 0 to the unit itself."""
    at = np.arange(len(own)), own
    similarities[at] = 0.0
    similarities -= similarities.sum(1, keepdims=True) / (similarities.shape[1] - 1)
    similarities[at] = 0.0
    return similarities


def response_agreement(first: Float[np.ndarray, "units samples"], second: Float[np.ndarray, "units samples"]) -> PerUnit:
    """Correlation over time, or over pictures, of a unit's predicted responses in two fits; NaN where one does not vary."""
    of = (values - values.mean(1, keepdims=True, dtype=np.float64) for values in (first, second))
    return _correlated(*of)


def _correlated(first: Float[np.ndarray, "rows columns"], second: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
    """Pearson correlation of rows whose mean is 0; the same row twice gives 1 to the last digit."""
    product, one, other = (np.einsum("rc,rc->r", a, b) for a, b in ((first, second), (first, first), (second, second)))
    length = np.sqrt(one * other)
    return np.clip(np.divide(product, length, out=np.full_like(length, np.nan), where=length > 0), -1.0, 1.0)


def angle_difference(first: PerUnit, second: PerUnit, period: float) -> PerUnit:
    """Angle between two directions of this period, degrees, 0 to half of the period."""
    apart = np.abs(first - second) % period
    return np.minimum(apart, period - apart)


def angle_agreement(first: PerUnit, second: PerUnit, period: float) -> PerUnit:
    """Cosine of the difference with the period as a full turn: -1 where angles are opposite, or orientations orthogonal."""
    return np.cos(2 * np.pi * angle_difference(first, second, period) / period)


def distance(first: PerUnit, second: PerUnit) -> PerUnit:
    """Absolute difference of two numbers."""
    return np.abs(first - second)


def field_distance(first: Float[np.ndarray, "units 2"], second: Float[np.ndarray, "units 2"], monitor: Monitor) -> PerUnit:
    """Degrees of visual angle between the centres of receptive fields, x and y with the edges of the monitor at -1 and 1."""
    both, rows = np.concatenate([first, second]), np.arange(len(first))
    return rf_distance(np.clip(both, -2.0, 2.0), rows, rows + len(first), monitor)


def less_than_chance(apart: Callable[[np.ndarray, np.ndarray], PerUnit], first: np.ndarray, second: np.ndarray) -> PerUnit:
    """1 - d / D: d how far two fits lie apart on a unit, D the mean of what they lie apart on two different units.

    Args:
        apart: Distance of the values of two fits, a number a unit.
        first: Values of the units in one fit.
        second: Values of the same units in the other fit.
    """
    units = len(first)
    if units < 2:
        return np.full(units, np.nan)
    shifts = np.unique(np.linspace(1, units - 1, min(units - 1, MOST_SHIFTS)).astype(int))
    dealt = np.concatenate([apart(first, np.roll(second, shift, axis=0)) for shift in shifts])
    expected = np.mean(dealt[np.isfinite(dealt)]) if np.isfinite(dealt).any() else 0.0
    return 1 - apart(first, second) / expected if expected > 0 else np.full(units, np.nan)
