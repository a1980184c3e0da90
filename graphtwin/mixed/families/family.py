"""Distributions of the response with a log link: Poisson, negative binomial (variance mu + mu^2 / phi), Tweedie (variance phi mu^power)
and gamma (variance phi mu^2).

With eta the log mean, a family gives for each row the log-likelihood l, its first derivative (score) and minus its second (weight) by
eta, and for the gradient of the Laplace likelihood their derivatives by eta and by the shape parameters. The part of l that doesn't
depend on eta, the normaliser, is computed once a shape, not once a pass. All are log-concave in eta, so that the mode of the random
effects is unique.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

REASSOCIATE = {"reassoc", "contract", "nsz", "arcp"}  # numba flags that let sums be vectorised; NaN and infinity keep their meaning
Rows = Float[np.ndarray, " rows"]
Shape = Float[np.ndarray, " shapes"]
Normaliser = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class ByShape:
    """Derivatives by one shape parameter: summed log-likelihood, and score and weight of each row."""

    value: float
    score: Rows
    weight: Rows


@runtime_checkable
class Family(Protocol):
    """A distribution of the response."""

    @property
    def name(self) -> str:
        """Name by which the family is asked for."""

    @property
    def whole(self) -> bool:
        """Whether the response is a count."""

    @property
    def positive(self) -> bool:
        """Whether the response is never 0."""

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the reported shape parameters; inside, each is a number without bounds."""

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Shape parameters by moments at given means, on their inner scale."""

    def shape(self, inner: Shape) -> dict[str, float]:
        """Shape parameters as they are reported."""

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """Why shape parameters at the edge of their range are no result; `mean` is the largest fitted one."""

    def normaliser(self, y: Rows) -> Normaliser:
        """The part of the log-likelihood without eta, as a function of the shape, with its gradient."""

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills score and weight."""

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, and all derivatives by each shape parameter."""

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response at each mean."""

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """One drawn response for each mean."""

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of a response of less than y, and of y or less."""
