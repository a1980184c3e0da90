"""Intervals by profile likelihood: how far an effect may move, with all else fitted again, before the likelihood has fallen too far.

The signed root of twice the fall is nearly a straight line in the effect, so that a secant finds its bounds in a few fits. Source: Venzon
and Moolgavkar 1988, doi:10.2307/2347496.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy

from graphtwin.shapes import Float

HeldLikelihood = Callable[[int, float], float]  # number of a fixed effect and the value it is held at to the maximised log-likelihood
CLOSE = 1e-4  # distance of the signed root from its quantile at which a bound is found; its error is this share of a standard error
CHANGED = 1e-4  # largest difference between the log-likelihood of a fit and that of its table
MAX_FITS = 25  # most fits to a bound
FARTHEST = 100.0  # standard errors from the estimate beyond which a bound counts as infinite


def profile_bounds(
    held: HeldLikelihood, estimate: Float[np.ndarray, " fixed"], se: Float[np.ndarray, " fixed"], log_likelihood: float, level: float
) -> Float[np.ndarray, "fixed 2"]:
    """Lower and upper bound of every fixed effect.

    Args:
        held: Log-likelihood where an effect is held at a value.
        estimate: Estimates of the fixed effects.
        se: Standard errors, by which the search is scaled.
        log_likelihood: Log-likelihood at the estimates.
        level: Share of intervals that hold the true effect.

    Raises:
        ValueError: When the table behind `held` gives another log-likelihood: it was changed since the fit.
    """
    bounds, quantile = np.empty((len(estimate), 2)), float(scipy.special.ndtri(0.5 + 0.5 * level))
    for effect, (centre, width) in enumerate(zip(estimate, se, strict=True)):
        top = held(effect, centre)
        if abs(top - log_likelihood) > CHANGED * max(1.0, 1e-6 * abs(log_likelihood)):
            raise ValueError(f"profile: the table gives a log-likelihood of {top:.4f}, the fit {log_likelihood:.4f}. Fit it anew.")
        for side, step in enumerate((-width, width)):
            root = partial(_root, held, effect, centre, step, top)
            bounds[effect, side] = centre + step * _distance(root, quantile)
    return bounds


def _root(held: HeldLikelihood, effect: int, centre: float, step: float, top: float, distance: float) -> float:
    """Root of twice the fall of the log-likelihood at some steps from the estimate."""
    return float(np.sqrt(max(2.0 * (top - held(effect, centre + step * distance)), 0.0)))


def _distance(root: Callable[[float], float], quantile: float) -> float:
    """Distance at which a rising function with root(0) = 0 reaches the quantile; infinite where it doesn't."""
    low, at_low, far = 0.0, 0.0, quantile
    high, at_high = np.inf, np.inf
    for _ in range(MAX_FITS):
        here = root(far)
        if abs(here - quantile) < CLOSE:
            return far
        if here < quantile:
            low, at_low = far, here
        else:
            high, at_high = far, here
        if np.isfinite(high):
            far = low + (high - low) * float(np.clip((quantile - at_low) / (at_high - at_low), 0.05, 0.95))
        elif low > FARTHEST:
            return np.inf
        else:
            far = low * float(np.clip(1.05 * quantile / max(at_low, 1e-12), 1.01, 4.0))
    return far
