"""The Tweedie family: sums of a Poisson number of gamma lengths. Its normaliser and cumulative probability are in `tweedie_series`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.mixed.families.family import ByShape, Normaliser, Rows, Shape
from graphtwin.mixed.families.links import LOG, Link
from graphtwin.mixed.families.tweedie_series import TweedieNormaliser, tweedie_cumulative


@dataclass(frozen=True)
class Tweedie:
    """Sums of a Poisson number of gamma lengths: 0 with positive probability, variance phi mu^power, 1 < power < 2.

    Inside, the shapes are log phi and the logit of power - 1. Source of the density: Dunn and Smyth 2005, doi:10.1007/s11222-005-4070-y.
    """

    name: str = "tweedie"
    whole: bool = False
    positive: bool = False
    concave: bool = True
    link: Link = LOG
    shape_names: tuple[str, ...] = ("phi", "power")

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Log phi by the second moment at a power of 1.5, and the logit of that power - 1."""
        return np.array([np.log(np.mean((y - mean) ** 2) / np.mean(mean**1.5)), 0.0])

    def shape(self, inner: Shape) -> dict[str, float]:
        """The reported shape parameters, phi and power."""
        return {"phi": float(np.exp(inner[0])), "power": float(1.0 + scipy.special.expit(inner[1]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """The reason to refuse a power that comes within 0.001 of 1 (a scaled Poisson) or 2 (a gamma without zeros)."""
        power = self.shape(inner)["power"]
        if 1.001 < power < 1.999:
            return None
        return f"the power runs to {round(power)}: " + (
            "the response takes few values, like a count" if power < 1.5 else "the response has too few zeros for this family"
        )

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """The series of Dunn and Smyth, tabulated at each shape."""
        return TweedieNormaliser(y, times)

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills the score (y mu^(1-p) - mu^(2-p)) / phi and the weight."""
        power = 1.0 + scipy.special.expit(inner[1])
        seen, zero = np.exp((1.0 - power) * eta - inner[0]), np.exp((2.0 - power) * eta - inner[0])
        seen *= y
        np.subtract(seen, zero, out=score)
        np.add((power - 1.0) * seen, (2.0 - power) * zero, out=weight)
        return float(seen.sum() / (1.0 - power) - zero.sum() / (2.0 - power))

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""
        power = 1.0 + scipy.special.expit(inner[1])
        each: Rows = y * np.exp((1.0 - power) * eta - inner[0]) / (1.0 - power) - np.exp((2.0 - power) * eta - inner[0]) / (2.0 - power)
        return each

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, and all derivatives by log phi and the logit of power - 1."""
        power = 1.0 + scipy.special.expit(inner[1])
        seen, zero = np.exp((1.0 - power) * eta - inner[0]), np.exp((2.0 - power) * eta - inner[0])
        seen *= y
        score, weight = seen - zero, (power - 1.0) * seen + (2.0 - power) * zero
        by_eta = (2.0 - power) ** 2 * zero - (power - 1.0) ** 2 * seen
        one, two, chain = 1.0 / (1.0 - power), 1.0 / (2.0 - power), (power - 1.0) * (2.0 - power)
        by_power = chain * (one * seen * (one - eta) - two * zero * (two - eta))
        return by_eta, [
            ByShape(two * zero - one * seen, -score, -weight),
            ByShape(by_power, -chain * eta * score, chain * (score - eta * weight)),
        ]

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response, phi mu^power."""
        return shape["phi"] * mean ** shape["power"]

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Sums of a Poisson number of gamma lengths, one for each mean."""
        phi, power = shape["phi"], shape["power"]
        number = rng.poisson(mean ** (2.0 - power) / (phi * (2.0 - power)))
        length = rng.gamma(np.maximum(number, 1) * (2.0 - power) / (power - 1.0)) * phi * (power - 1.0) * mean ** (power - 1.0)
        return np.where(number > 0, length, 0.0)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of less than y, and of y or less, summed over the number of gamma lengths; only 0 has a probability of its own."""
        at = tweedie_cumulative(y, mean, shape["phi"], shape["power"])
        return np.where(y > 0, at, 0.0), at
