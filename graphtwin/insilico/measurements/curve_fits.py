"""Least squares for curves of many units at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

# From parameters (units, parameters) to the values of each unit's curve (units, points) and their derivatives (units, points, parameters).
Curve = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
ITERATIONS = 80


def fit_curves(
    curve: Curve, start: Float[np.ndarray, "units parameters"], wanted: Float[np.ndarray, "units points"], iterations: int = ITERATIONS
) -> tuple[Float[np.ndarray, "units parameters"], Float[np.ndarray, " units"]]:
    """Parameters by the method of Levenberg and Marquardt, each unit with a damping of its own, and sums of squared errors.

    Args:
        curve: Values and derivatives of the curves.
        start: Parameters to begin with.
        wanted: Values that the curves should have.
        iterations: Number of steps; one that raises a unit's error is refused, and its damping raised.
    """
    parameters, damping = start.astype(np.float64), np.full(len(wanted), 1e-2)
    expected, slopes = curve(parameters)
    error = ((expected - wanted) ** 2).sum(1)
    for _ in range(iterations):
        curvature = slopes.transpose(0, 2, 1) @ slopes
        downhill = np.einsum("upi,up->ui", slopes, wanted - expected)
        weight = np.einsum("uii->ui", curvature) + 1e-9
        step = np.linalg.solve(curvature + damping[:, None, None] * np.eye(weight.shape[1]) * weight[:, None, :], downhill[..., None])
        tried = parameters + step[..., 0]
        values, derivatives = curve(tried)
        now = ((values - wanted) ** 2).sum(1)
        better = now < error
        parameters[better], error[better] = tried[better], now[better]
        expected[better], slopes[better] = values[better], derivatives[better]
        damping = np.clip(np.where(better, damping / 4, damping * 4), 1e-9, 1e9)
    return parameters, error


def explained(error: Float[np.ndarray, " units"], wanted: Float[np.ndarray, "units points"]) -> Float[np.ndarray, " units"]:
    """Share of the variance of each unit's values that its curve explains; NaN where they do not vary."""
    variance = ((wanted - wanted.mean(1, keepdims=True)) ** 2).sum(1)
    flat = np.ptp(wanted, axis=1) <= 1e-6 * np.abs(wanted).max(1)
    return 1 - np.divide(error, variance, out=np.full(len(error), np.nan), where=~flat)
