"""The normaliser of the Tweedie density, for many responses at once.

log a(y, phi, p) = log W - log y, where W is the sum over j >= 1 of z^j / (j! Gamma(-j alpha)), alpha = (2 - p) / (1 - p), and
z = y^-alpha (p - 1)^alpha / (phi^(1 - alpha) (2 - p)). Source: Dunn and Smyth 2005, doi:10.1007/s11222-005-4070-y.

At a given power log W is a smooth function of log z alone. So it is summed on a grid of log z, with its derivatives, and read off between
the grid's points by quintic polynomials that meet value, first and second derivative there: one series a grid point instead of one a
row.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
import scipy

from graphtwin.mixed.families.compiled import compiled
from graphtwin.shapes import Float

SPACING = 0.04  # spacing of the grid in log z; the error of a quintic falls with its sixth power and is below 1e-9 a row
DROP = 37.0  # fall of the log of a term below the largest at which the sum stops: exp(-37) changes nothing in double precision
TAIL = 1e-12  # probability of more jumps than are summed
MAX_TERMS = 2_000_000  # the largest number of jumps in one response that is summed


class TweedieNormaliser:
    """Sum of log a(y, phi, p) over the positive responses, and its gradient; zeros add nothing."""

    def __init__(self, y: Float[np.ndarray, " rows"], times: Float[np.ndarray, " rows"] | None = None):
        """Keep the logarithms of the positive responses.

        Args:
            y: Responses, 0 or positive.
            times: How often each response counts; once without it.
        """
        self.log_y = np.log(y[y > 0])
        self.times = np.ones_like(self.log_y) if times is None else times[y > 0]

    def __call__(self, inner: Float[np.ndarray, " shapes"]) -> tuple[float, Float[np.ndarray, " shapes"]]:
        """Value and gradient by log phi and the logit of p - 1.

        Args:
            inner: Shape parameters on their inner scale: log phi and logit(p - 1).
        """
        if not len(self.log_y):
            return 0.0, np.zeros(2)
        share = float(scipy.special.expit(inner[1]))
        power, chain = 1.0 + share, share * (1.0 - share)
        alpha = (2.0 - power) / (1.0 - power)
        log_z = -alpha * self.log_y + (alpha * np.log(power - 1.0) - (1.0 - alpha) * inner[0] - np.log(2.0 - power))
        value, terms, weighted, moment = sum_series(log_z, self.log_y, alpha, self.times)
        by_alpha = 1.0 / (1.0 - power) ** 2  # d alpha / d p
        by_power = by_alpha * ((np.log(power - 1.0) + inner[0]) * terms - weighted + moment) + terms * (
            alpha / (power - 1.0) + 1 / (2 - power)
        )
        return value - float(self.times @ self.log_y), np.array([-(1.0 - alpha) * terms, chain * by_power])


def sum_series(
    log_z: Float[np.ndarray, " positive"], log_y: Float[np.ndarray, " positive"], alpha: float, times: Float[np.ndarray, " positive"]
) -> tuple[float, float, float, float]:
    """Sums over responses of log W, of its derivative by log z (mean number of jumps), of that times log y, of its derivative by alpha."""
    low, high = float(log_z.min()), float(log_z.max())
    grid = low + SPACING * np.arange(int(np.ceil((high - low) / SPACING)) + 2)
    longest = _largest_term(grid[-1], alpha)
    if longest > MAX_TERMS:
        raise ValueError(
            f"tweedie: the power {1 + 1 / (1 - alpha):.4f} with this phi takes responses for sums of up to {longest:.0f} jumps. "
            "They are close to continuous: a gamma model of the positive ones would fit better."
        )
    number = np.arange(1.0, 2.0 * longest + 200.0)
    order = scipy.special.digamma(-number * alpha)
    table = _tabulate(grid, number, -scipy.special.gammaln(number + 1.0) - scipy.special.gammaln(-number * alpha), number * order, longest)
    return _read_off(log_z, log_y, times, low, SPACING, table)


def _largest_term(log_z: float, alpha: float) -> float:
    """Number of jumps in the largest term of the series, by Stirling's formula."""
    return float(np.exp((log_z + alpha * np.log(-alpha)) / (1.0 - alpha))) + 1.0


@compiled
@no_type_check
def _tabulate(grid, number, log_weight, moment, longest):
    """At each point of the grid: log W, mean and variance of the number of jumps, mean of the moment and its covariance with them."""
    out = np.empty((5, len(grid)))
    begin = 0
    for g in range(len(grid)):
        at = begin  # the largest term only moves up along the grid
        while at + 1 < len(number) and grid[g] * number[at + 1] + log_weight[at + 1] >= grid[g] * number[at] + log_weight[at]:
            at += 1
        begin = at
        top = grid[g] * number[at] + log_weight[at]
        total, first, second, mixed, other = 0.0, 0.0, 0.0, 0.0, 0.0
        for way in (1, -1):
            j = at if way == 1 else at - 1
            while 0 <= j < len(number):
                size = grid[g] * number[j] + log_weight[j] - top
                if size < -DROP:
                    break
                term, away = np.exp(size), number[j] - number[at]
                total += term
                first += term * away
                second += term * away * away
                other += term * moment[j]
                mixed += term * moment[j] * away
                j += way
        mean = first / total
        out[0, g], out[1, g], out[2, g] = top + np.log(total), number[at] + mean, second / total - mean * mean
        out[3, g], out[4, g] = other / total, mixed / total - mean * other / total
    return out


@compiled
@no_type_check
def _read_off(log_z, log_y, times, low, spacing, table):
    """Sums over responses, by quintic (value and mean) and cubic (moment) Hermite polynomials between grid points."""
    value, terms, weighted, moments = 0.0, 0.0, 0.0, 0.0
    for i in range(len(log_z)):
        place = (log_z[i] - low) / spacing
        g = min(int(place), table.shape[1] - 2)
        u = place - g
        f0, f1 = table[0, g], table[0, g + 1]
        d0, d1 = spacing * table[1, g], spacing * table[1, g + 1]
        c0, c1 = spacing * spacing * table[2, g], spacing * spacing * table[2, g + 1]
        a3 = 10.0 * (f1 - f0) - 6.0 * d0 - 4.0 * d1 - 1.5 * c0 + 0.5 * c1
        a4 = -15.0 * (f1 - f0) + 8.0 * d0 + 7.0 * d1 + 1.5 * c0 - c1
        a5 = 6.0 * (f1 - f0) - 3.0 * d0 - 3.0 * d1 - 0.5 * c0 + 0.5 * c1
        value += times[i] * (f0 + u * (d0 + u * (0.5 * c0 + u * (a3 + u * (a4 + u * a5)))))
        slope = times[i] * (d0 + u * (c0 + u * (3.0 * a3 + u * (4.0 * a4 + u * 5.0 * a5)))) / spacing
        terms += slope
        weighted += slope * log_y[i]
        m0, m1 = table[3, g], table[3, g + 1]
        e0, e1 = spacing * table[4, g], spacing * table[4, g + 1]
        b2, b3 = 3.0 * (m1 - m0) - 2.0 * e0 - e1, -2.0 * (m1 - m0) + e0 + e1
        moments += times[i] * (m0 + u * (e0 + u * (b2 + u * b3)))
    return value, terms, weighted, moments


def tweedie_cumulative(
    y: Float[np.ndarray, " rows"], mean: Float[np.ndarray, " rows"], phi: float, power: float
) -> Float[np.ndarray, " rows"]:
    """Probability of a response of y or less: over the Poisson number of jumps, that their gamma sum is as short.

    Args:
        y: Responses, 0 or positive.
        mean: Expected responses.
        phi: Factor of the variance phi mean^power.
        power: Exponent of the variance phi mean^power, between 1 and 2.
    """
    rate = mean ** (2.0 - power) / (phi * (2.0 - power))
    probability = np.exp(-rate)
    total, passed, number = probability.copy(), probability.copy(), 0
    going = np.flatnonzero(y > 0)
    while len(going):
        number += 1
        probability[going] *= rate[going] / number
        passed[going] += probability[going]
        length = y[going] / (phi * (power - 1.0) * mean[going] ** (power - 1.0))
        total[going] += probability[going] * scipy.special.gammainc(number * (2.0 - power) / (power - 1.0), length)
        going = going[(passed[going] < 1.0 - TAIL) & (probability[going] > 1e-300)]
    return np.minimum(total, 1.0)
