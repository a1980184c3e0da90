"""The gamma family: sizes above 0 whose standard deviation is a share of their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.mixed.families.family import ByShape, Normaliser, Rows, Shape
from graphtwin.mixed.families.links import LOG, Link

EVEN = 1e-10  # phi below which a response is its mean but for rounding


@dataclass(frozen=True)
class Gamma:
    """Responses above 0 with variance phi mu^2; inside, the shape is log phi. Source: McCullagh and Nelder 1989, chapter 8."""

    name: str = "gamma"
    whole: bool = False
    positive: bool = True
    concave: bool = True
    link: Link = LOG
    shape_names: tuple[str, ...] = ("phi",)

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Log phi by the second moment."""
        return np.array([np.log(max(float(np.mean((y / mean - 1.0) ** 2)), EVEN))])

    def shape(self, inner: Shape) -> dict[str, float]:
        """The reported shape parameter, phi."""
        return {"phi": float(np.exp(inner[0]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """The reason to refuse phi where nothing varies around the mean."""
        return "phi runs to 0: the response is its mean in every row" if np.exp(inner[0]) < EVEN else None

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """Sum of (k - 1) log y + k log k - log Gamma(k), with k = 1 / phi."""
        times = np.ones_like(y) if times is None else times
        n, log_y = float(times.sum()), float(times @ np.log(y))

        def at(inner: np.ndarray) -> tuple[float, np.ndarray]:
            k = np.exp(-inner[0])
            value = (k - 1.0) * log_y + n * (k * np.log(k) - scipy.special.gammaln(k))
            return float(value), np.array([-k * (log_y + n * (np.log(k) + 1.0 - scipy.special.digamma(k)))])

        return at

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills score k (y / mu - 1) and weight k y / mu, with k = 1 / phi."""
        k = np.exp(-inner[0])
        np.exp(-eta, out=weight)
        weight *= k * y
        np.subtract(weight, k, out=score)
        return -float(weight.sum() + k * eta.sum())

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""
        each: Rows = -np.exp(-inner[0]) * (y * np.exp(-eta) + eta)
        return each

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivatives by eta and log phi: the weight falls with eta as fast as it is large; all are proportional to 1 / phi."""
        k = np.exp(-inner[0])
        weight = k * y * np.exp(-eta)
        return -weight, [ByShape(weight + k * eta, k - weight, -weight)]

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response, phi mu^2."""
        return shape["phi"] * mean**2

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Gamma sizes, one for each mean."""
        return rng.gamma(1.0 / shape["phi"], shape["phi"], mean.shape) * mean

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of y or less, by the incomplete gamma function, twice: no value has a probability of its own."""
        at = scipy.special.gammainc(1.0 / shape["phi"], y / (shape["phi"] * mean))
        return at, at
