"""Negative binomial counts whose variance is proportional to their mean (NB1).

A count is a Poisson one of gamma rates with size r = mu / phi: log Gamma(y + r) - log Gamma(r) - r log(1 + phi) and a part without mu. Its
first two terms are a sum of log(r + j) over j < y, which is convex in log r: counts far above their mean make the log-likelihood convex
in eta. Source: Hardin and Hilbe 2018, Generalized Linear Models and Extensions, chapter 13 (NB1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import scipy

from graphtwin.mixed.families.compiled import compiled
from graphtwin.mixed.families.family import ByShape, Normaliser, Rows, Shape
from graphtwin.mixed.families.links import LOG, Link

POISSON = 1e-3  # phi below which the variance exceeds Poisson's by less than 0.1 %
ADDED = 20.0  # arguments from which Stirling's series takes the place of sums over counts: its first left-out term is below 1e-15 there


@dataclass(frozen=True)
class LinearNegativeBinomial:
    """Counts with variance mu (1 + phi); inside, the shape is log phi."""

    name: str = "nb1"
    whole: bool = True
    positive: bool = False
    concave: bool = False
    link: Link = LOG
    shape_names: tuple[str, ...] = ("phi",)

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Log phi by the second moment, phi of 0.05 or more."""
        excess = float(((y - mean) ** 2 - y).sum() / mean.sum())
        return np.array([np.log(max(excess, 0.05))])

    def shape(self, inner: Shape) -> dict[str, float]:
        """The reported shape parameter, phi."""
        return {"phi": float(np.exp(inner[0]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """The reason to refuse phi where the variance is Poisson's."""
        if np.exp(inner[0]) > POISSON:
            return None
        return f"phi runs to 0 (now {np.exp(inner[0]):.2g}): the counts vary no more than Poisson. Use family poisson"

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """Sum of y log(phi / (1 + phi)) - log y!."""
        times = np.ones_like(y) if times is None else times
        large = np.where(y > ADDED, y * np.log(np.maximum(y, 1.0)) - y, 0.0)
        total, constant = float(times @ y), float(times @ (large - scipy.special.gammaln(y + 1.0)))

        def at(inner: np.ndarray) -> tuple[float, np.ndarray]:
            share = 1.0 / (1.0 + np.exp(inner[0]))
            return constant - total * float(np.log1p(np.exp(-inner[0]))), np.array([total * share])

        return at

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills score and weight."""
        sums = _rising(np.exp(eta - inner[0]), y)
        rate = self._rate(eta, inner)
        np.subtract(sums[1], rate, out=score)
        np.subtract(-sums[2], score, out=weight)
        return float(sums[0].sum() - rate.sum())

    def _rate(self, eta: Rows, inner: Shape) -> Rows:
        """The concave part of each row, r log(1 + phi), with r = mu / phi."""
        rate: Rows = np.exp(eta - inner[0]) * np.log1p(np.exp(inner[0]))
        return rate

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""
        return _rising(np.exp(eta - inner[0]), y)[0] - self._rate(eta, inner)

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, and all derivatives by log phi, which moves r as eta does but backwards, and log(1 + phi)."""
        r, phi = np.exp(eta - inner[0]), np.exp(inner[0])
        _, first, second, third = _rising(r, y)
        score = first - self._rate(eta, inner)
        weight, by_eta = -second - score, -(score + 3.0 * second + third)
        tilt = r * phi / (1.0 + phi)
        return by_eta, [ByShape(-score - tilt, weight - tilt, tilt - by_eta)]

    def bound(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """The weight where the convex part, the sum of log(r + j), is replaced by its tangent: r log(1 + phi)."""
        return self._rate(eta, inner)

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response, mu (1 + phi)."""
        return mean * (1.0 + shape["phi"])

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Poisson counts of gamma rates."""
        return rng.poisson(shape["phi"] * rng.gamma(mean / shape["phi"])).astype(np.float64)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of less than y, and of y or less, by the incomplete beta function."""
        size, share = mean / shape["phi"], 1.0 / (1.0 + shape["phi"])
        return np.where(y > 0, scipy.special.betainc(size, np.maximum(y, 1.0), share), 0.0), scipy.special.betainc(size, y + 1.0, share)


@compiled
@no_type_check
def _rising(r, y):
    """Of log Gamma(y + r) - log Gamma(r): value, and r, r^2 and r^3 times its first three derivatives by r.

    From the values of y above `ADDED` y log y - y is taken off, so that counts of 1e12 don't drown it; the normaliser puts it back.
    """
    out = np.zeros((4, len(r)))
    for i in range(len(r)):
        at, left = r[i], y[i]
        value, first, second, third, product = 0.0, 0.0, 0.0, 0.0, 1.0
        while left > 0.0 and at < ADDED:
            part = r[i] / at
            product *= at
            first += part
            second -= part * part
            third += 2.0 * part * part * part
            at += 1.0
            left -= 1.0
        value = np.log(product)
        if left > 0.0:
            rise = np.log1p(left / at)
            added = y[i] - left
            value += (at - 0.5) * rise
            value += left * np.log1p(r[i] / y[i]) + added * (1.0 - np.log(y[i])) if y[i] > ADDED else left * np.log(at + left) - left
            first += r[i] * rise
            for end, sign in ((at + left, 1.0), (at, -1.0)):
                x = 1.0 / end
                s = x * x
                value += sign * x * (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188))))
                psi = -0.5 * x - s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132))))
                one = x * (1.0 + 0.5 * x + s * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30 - s * 5 / 66)))))
                two = -s * (1.0 + x + s * (1 / 2 - s * (1 / 6 - s * (1 / 6 - s * (3 / 10 - s * 5 / 6)))))
                first += sign * r[i] * psi
                second += sign * r[i] * r[i] * one
                third += sign * r[i] * r[i] * r[i] * two
        out[0, i], out[1, i], out[2, i], out[3, i] = value, first, second, third
    return out
