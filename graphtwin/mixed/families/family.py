"""What a distribution of the response gives to a fit.

With eta the linear predictor (the log mean, the log odds or the mean itself, by the link), a family gives for each row the log-likelihood
l, its first derivative (score) and minus its second (weight) by eta, and for the gradient of the Laplace likelihood their derivatives by
eta and by the shape parameters. The part of l that doesn't depend on eta, the normaliser, is computed once a shape, not once a pass.

Where l is concave in eta the mode of the random effects is unique. NB1 and the zero-inflated families are not: they also give the weight
of a concave function that touches l at eta and lies below it elsewhere, whose Newton steps always climb.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from graphtwin.mixed.families.links import Link
from graphtwin.shapes import Float

Rows = Float[np.ndarray, " rows"]
Responses = Float[np.ndarray, "rows *columns"]  # one column, or with likelihood weights two: response and weight
Shape = Float[np.ndarray, " shapes"]
Normaliser = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class ByShape:
    """Derivatives by one shape parameter of each row: log-likelihood without normaliser, score and weight."""

    each: Rows
    score: Rows
    weight: Rows

    @property
    def value(self) -> float:
        """Derivative of the summed log-likelihood."""
        return float(self.each.sum())


@runtime_checkable
class Family(Protocol):
    """A log-likelihood of rows with its derivatives: what the likelihood of a model is made of."""

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the reported shape parameters; inside, each is a number without bounds."""

    @property
    def link(self) -> Link:
        """Link between eta and the mean."""

    @property
    def concave(self) -> bool:
        """Whether the log-likelihood is concave in eta everywhere; if not, the family is `Bounded`."""

    def rows(self, eta: Rows, y: Responses, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills score and weight."""

    def log_likelihoods(self, eta: Rows, y: Responses, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""

    def derivatives(self, eta: Rows, y: Responses, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, and all derivatives by each shape parameter."""


@runtime_checkable
class Bounded(Family, Protocol):
    """A log-likelihood that is not concave in eta."""

    def bound(self, eta: Rows, y: Responses, inner: Shape) -> Rows:
        """Weight, above 0, of a concave function that touches the log-likelihood at eta and lies below it elsewhere."""


@runtime_checkable
class Distribution(Family, Protocol):
    """A distribution of the response: a family with a name, a start, draws and probabilities."""

    @property
    def name(self) -> str:
        """Name by which the family is asked for."""

    @property
    def whole(self) -> bool:
        """Whether the response is a count."""

    @property
    def positive(self) -> bool:
        """Whether the response is never 0."""

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Shape parameters by moments at given means, on their inner scale."""

    def shape(self, inner: Shape) -> dict[str, float]:
        """Shape parameters as they are reported."""

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """Why shape parameters at the edge of their range are no result; `mean` is the largest response without its sign."""

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """The part of the log-likelihood without eta by the shape, with its gradient; rows count as often as `times` says."""

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response at each mean."""

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """One drawn response for each mean."""

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of a response of less than y, and of y or less."""


@dataclass(frozen=True)
class LowerBound:
    """A family with the weights of its concave lower bound in place of its own: Newton steps of a mode climb by them from anywhere."""

    family: Bounded
    concave: bool = True

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the family's shape parameters."""
        return self.family.shape_names

    @property
    def link(self) -> Link:
        """The family's link."""
        return self.family.link

    def rows(self, eta: Rows, y: Responses, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills the score and the bound's weight."""
        value = self.family.rows(eta, y, inner, score, weight)
        weight[:] = self.family.bound(eta, y, inner)
        return value

    def log_likelihoods(self, eta: Rows, y: Responses, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""
        return self.family.log_likelihoods(eta, y, inner)

    def derivatives(self, eta: Rows, y: Responses, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """The family's own derivatives."""
        return self.family.derivatives(eta, y, inner)
