"""Power as a curve over the slope and the number of axons, through the counts of simulated tables.

An estimate finds a slope b, with its sign, in a share Phi(k n^g |b| - c) of tables with n axons, and in 2 Phi(-c) of tables without
one: the power of a test whose estimate is normal, with an error that falls as a power g of the axons. g is 1/2 where axons are independent,
and less where they share their tissue. k, g and c are those of largest likelihood, with priors that hold where counts say little: g about
0.5 +- 0.1 (with one number of axons it is what is supposed), c about 1.96 +- 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize, stats

POWER = 0.8  # power that a design is asked for: the usual .8
OF_GROWTH, OF_THRESHOLD = (0.5, 0.1), (1.96, 0.5)  # mean and SD of the priors
MOST_AXONS = 1e6  # number of axons above which no number is given
STEP = 1e-3  # step of numerical derivatives


@dataclass(frozen=True)
class PowerCurve:
    """A fitted curve.

    Attributes:
        parameters: log k, at `axons`, log-linear growth g, and threshold c.
        covariance: Covariance of these.
        axons: Number of axons at which k is given.
    """

    parameters: Float[np.ndarray, 3]
    covariance: Float[np.ndarray, "3 3"]
    axons: float

    def power(self, slope: Float[np.ndarray, " cells"], n_axons: Float[np.ndarray, " cells"]) -> Float[np.ndarray, " cells"]:
        """Share of tables in which the estimate finds a slope, with its sign; for a slope of 0, in which it finds any."""
        return _power(self.parameters, np.abs(slope), n_axons / self.axons)

    def smallest(self, n_axons: float, power: float = POWER) -> tuple[float, float, float]:
        """The smallest slope that is found with a power, and its 95 % interval; NaN where it is not known to a factor of 10."""
        log_n, reach = np.log(n_axons / self.axons), stats.norm.ppf(power)
        return self._with_interval(lambda p: np.log(max(p[2] + reach, STEP)) - p[0] - p[1] * log_n, 10.0)

    def needed(self, slope: float, power: float = POWER) -> tuple[float, float, float]:
        """The number of axons with which a slope is found with a power, and its 95 % interval; NaN where there is none that is known."""
        reach, log_slope = stats.norm.ppf(power), np.log(abs(slope))
        found = self._with_interval(lambda p: (np.log(max(p[2] + reach, STEP)) - p[0] - log_slope) / max(p[1], STEP), 30.0)
        estimate, low, high = (value * self.axons for value in found)
        return (estimate, low, high) if estimate < MOST_AXONS else (np.nan, np.nan, np.nan)

    def _with_interval(self, log_of: Callable[[np.ndarray], float], most: float) -> tuple[float, float, float]:
        """Exp of a function of the parameters with its interval by the delta method; NaN where the interval is wider than a factor."""
        slope = np.array([(log_of(self.parameters + step) - log_of(self.parameters - step)) / (2 * STEP) for step in STEP * np.eye(3)])
        error = 1.96 * float(np.sqrt(max(slope @ self.covariance @ slope, 0.0)))
        if error > np.log(most):
            return np.nan, np.nan, np.nan
        middle = float(log_of(self.parameters))
        return float(np.exp(middle)), float(np.exp(middle - error)), float(np.exp(middle + error))


def fit_curve(
    slope: Float[np.ndarray, " cells"],
    n_axons: Int[np.ndarray, " cells"],
    found: Int[np.ndarray, " cells"],
    tables: Int[np.ndarray, " cells"],
) -> PowerCurve:
    """Fit the curve of one estimate.

    Args:
        slope: Planted slope of each cell; 0 in some.
        n_axons: Number of axons of each cell.
        found: Number of tables in which the slope was found.
        tables: Number of tables of each cell.
    """
    size = np.abs(slope)
    axons = float(np.exp(np.mean(np.log(n_axons))))
    more = n_axons / axons
    some = size > 0
    start = np.array([np.log(OF_THRESHOLD[0] / np.median(size[some])), OF_GROWTH[0], OF_THRESHOLD[0]])

    def off(p: np.ndarray) -> float:
        share = np.clip(_power(p, size, more), 1e-9, 1 - 1e-9)
        likelihood = float((found * np.log(share) + (tables - found) * np.log1p(-share)).sum())
        priors = sum(((value - mean) / sd) ** 2 for value, (mean, sd) in zip(p[1:], (OF_GROWTH, OF_THRESHOLD), strict=True))
        return 0.5 * float(priors) - likelihood

    best = optimize.minimize(off, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8, "maxiter": 4000}).x
    return PowerCurve(best, _covariance(off, best), axons)


def _power(p: np.ndarray, size: np.ndarray, more: np.ndarray) -> np.ndarray:
    found = stats.norm.cdf(np.exp(np.clip(p[0], -50, 50)) * more ** p[1] * size - p[2])
    return np.where(size > 0, found, np.minimum(2 * stats.norm.cdf(-p[2]), 1.0))


def _covariance(off: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """Inverse of the curvature; infinite variance in directions in which nothing is known."""
    steps = STEP * np.eye(3)
    curvature = np.array(
        [[(off(at + a + b) - off(at + a - b) - off(at - a + b) + off(at - a - b)) / (4 * STEP**2) for b in steps] for a in steps]
    )
    value, vector = np.linalg.eigh((curvature + curvature.T) / 2)
    return (vector / np.maximum(value, 1e-6)) @ vector.T
