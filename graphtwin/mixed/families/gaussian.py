"""The Gaussian family with an identity link: its Laplace likelihood is the exact one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.mixed.families.family import ByShape, Normaliser, Rows, Shape
from graphtwin.mixed.families.links import IDENTITY, Link

EXACT = 1e-5  # residual standard deviation, as a share of the largest one without random effects, below which all of it is rounding


@dataclass(frozen=True)
class Gaussian:
    """Responses with standard deviation sigma around their mean; inside, the shape is log sigma^2."""

    name: str = "gaussian"
    whole: bool = False
    positive: bool = False
    concave: bool = True
    link: Link = IDENTITY
    shape_names: tuple[str, ...] = ("sigma",)

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Log of the mean squared difference from the mean."""
        return np.array([np.log(np.mean((y - mean) ** 2))])

    def shape(self, inner: Shape) -> dict[str, float]:
        """The reported shape parameter, the residual standard deviation sigma."""
        return {"sigma": float(np.exp(0.5 * inner[0]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """The reason to refuse a residual standard deviation that is rounding."""
        if np.exp(0.5 * inner[0]) > EXACT * mean:
            return None
        return "sigma runs to 0: the model reproduces every response. Leave out the effect that has a level a row"

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """Half the logarithm of 2 pi sigma^2 for each row, negative."""
        n = float(len(y) if times is None else times.sum())
        return lambda inner: (-0.5 * n * (np.log(2.0 * np.pi) + float(inner[0])), np.array([-0.5 * n]))

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills the score (y - mu) / sigma^2 and the weight 1 / sigma^2."""
        precision = np.exp(-inner[0])
        np.subtract(y, eta, out=score)
        value = -0.5 * precision * float(score @ score)
        score *= precision
        weight.fill(precision)
        return value

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""
        return -0.5 * np.exp(-inner[0]) * (y - eta) ** 2

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, which is 0, and all by log sigma^2: all are proportional to 1 / sigma^2."""
        precision = np.full_like(eta, np.exp(-inner[0]))
        return np.zeros_like(eta), [ByShape(0.5 * precision * (y - eta) ** 2, -precision * (y - eta), -precision)]

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response, sigma^2 at every mean."""
        return np.full_like(mean, shape["sigma"] ** 2)

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Normal responses, one for each mean."""
        return rng.normal(mean, shape["sigma"])

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of y or less, by the normal distribution, twice: no value has a probability of its own."""
        at = scipy.special.ndtr((y - mean) / shape["sigma"])
        return at, at
