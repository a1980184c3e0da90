"""Distributions of the response with a log link: Poisson, negative binomial (variance mu + mu^2 / phi), Tweedie (variance phi mu^power).

With eta the log mean, a family gives for each pair the log-likelihood l, its first derivative (score) and minus its second (weight) by
eta, and for the gradient of the Laplace likelihood their derivatives by eta and by the shape parameters. The part of l that doesn't
depend on eta, the normaliser, is computed once a shape, not once a pass. All three are log-concave in eta, so that the mode of the random
effects is unique.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, no_type_check, runtime_checkable

import numpy as np
from jaxtyping import Float
from numba import njit
from scipy.special import betainc, digamma, expit, gammaln, pdtr

from graphtwin.wiring.mixed.tweedie import TweedieNormaliser, tweedie_cumulative

REASSOCIATE = {"reassoc", "contract", "nsz", "arcp"}  # lets sums be vectorised; NaN and infinity keep their meaning
Rows = Float[np.ndarray, " rows"]
Shape = Float[np.ndarray, " shapes"]
Normaliser = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class ByShape:
    """Derivatives by one shape parameter: summed log-likelihood, and score and weight of each pair."""

    value: float
    score: Rows
    weight: Rows


@runtime_checkable
class Family(Protocol):
    """A distribution of the response."""

    @property
    def name(self) -> str:
        """As it is asked for."""

    @property
    def whole(self) -> bool:
        """Whether the response is a count."""

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Of the reported shape parameters; inside, each is a number without bounds."""

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Shape parameters by moments, at given means."""

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
        """Variance at a mean."""

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Draws."""

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of less than y, and of y or less."""


@dataclass(frozen=True)
class Poisson:
    """Counts with variance equal to the mean."""

    name: str = "poisson"
    whole: bool = True
    shape_names: tuple[str, ...] = ()

    def start(self, y: Rows, mean: Rows) -> Shape:
        """None."""
        return np.zeros(0)

    def shape(self, inner: Shape) -> dict[str, float]:
        """None."""
        return {}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """Never."""
        return None

    def normaliser(self, y: Rows) -> Normaliser:
        """Minus the sum of log y!."""
        constant = -float(gammaln(y + 1.0).sum())
        return lambda inner: (constant, np.zeros(0))

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Score y - mu, weight mu."""
        np.exp(eta, out=weight)
        np.subtract(y, weight, out=score)
        return float(y @ eta - weight.sum())

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """The weight is its own derivative."""
        return np.exp(eta), []

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """The mean."""
        return mean

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Counts."""
        return rng.poisson(mean).astype(np.float64)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """By the incomplete gamma function."""
        return np.where(y > 0, pdtr(np.maximum(y - 1.0, 0.0), mean), 0.0), pdtr(y, mean)


@dataclass(frozen=True)
class NegativeBinomial:
    """Counts with variance mu + mu^2 / phi (NB2); inside, the shape is log phi."""

    name: str = "negative_binomial"
    whole: bool = True
    shape_names: tuple[str, ...] = ("phi",)

    def start(self, y: Rows, mean: Rows) -> Shape:
        """By the second moment, between 0.1 and 100."""
        excess = float(((y - mean) ** 2 - y).sum() / (mean**2).sum())
        return np.array([-np.log(np.clip(excess, 0.01, 10.0))])

    def shape(self, inner: Shape) -> dict[str, float]:
        """Phi."""
        return {"phi": float(np.exp(inner[0]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """Where even at the largest mean the variance exceeds Poisson's by less than 0.1 %."""
        if np.exp(inner[0]) < 1e3 * mean:
            return None
        return f"phi grows without end (now {np.exp(inner[0]):.2g}): the counts vary no more than Poisson. Use family poisson"

    def normaliser(self, y: Rows) -> Normaliser:
        """Sum of log Gamma(y + phi) / (Gamma(phi) y!), over the distinct counts."""
        value, times = np.unique(y, return_counts=True)
        constant = -float(times @ gammaln(value + 1.0))

        def at(inner: np.ndarray) -> tuple[float, np.ndarray]:
            phi = np.exp(inner[0])
            slope = times @ (digamma(value + phi) - digamma(phi))
            return constant + float(times @ (gammaln(value + phi) - gammaln(phi))), np.array([phi * slope])

        return at

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Score y - (y + phi) s and weight (y + phi) s (1 - s), with s = mu / (mu + phi)."""
        odds = np.exp(eta - inner[0])
        return _negative_binomial_rows(eta, y, inner[0], odds, np.log1p(odds), score, weight)

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """By eta and by log phi."""
        odds = np.exp(eta - inner[0])
        out = np.empty((3, len(eta)))
        value = _negative_binomial_derivatives(y, inner[0], odds, np.log1p(odds), *out)
        return out[0], [ByShape(value, out[1], out[2])]

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Mu + mu^2 / phi."""
        return mean + mean**2 / shape["phi"]

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Poisson counts of gamma rates."""
        return rng.poisson(mean * rng.gamma(shape["phi"], 1 / shape["phi"], mean.shape)).astype(np.float64)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """By the incomplete beta function."""
        share = shape["phi"] / (shape["phi"] + mean)
        below = np.where(y > 0, betainc(shape["phi"], np.maximum(y, 1.0), share), 0.0)
        return below, betainc(shape["phi"], y + 1.0, share)


@dataclass(frozen=True)
class Tweedie:
    """Sums of a Poisson number of gamma lengths: 0 with positive probability, variance phi mu^power, 1 < power < 2.

    Inside, the shapes are log phi and the logit of power - 1. Source of the density: Dunn and Smyth 2005, doi:10.1007/s11222-005-4070-y.
    """

    name: str = "tweedie"
    whole: bool = False
    shape_names: tuple[str, ...] = ("phi", "power")

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Power 1.5 and phi by the second moment."""
        return np.array([np.log(np.mean((y - mean) ** 2) / np.mean(mean**1.5)), 0.0])

    def shape(self, inner: Shape) -> dict[str, float]:
        """Phi and power."""
        return {"phi": float(np.exp(inner[0])), "power": float(1.0 + expit(inner[1]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """Where the power comes within 0.001 of 1 (a scaled Poisson) or 2 (a gamma without zeros)."""
        power = self.shape(inner)["power"]
        if 1.001 < power < 1.999:
            return None
        return f"the power runs to {round(power)}: " + (
            "the response takes few values, like a count" if power < 1.5 else "the response has too few zeros for this family"
        )

    def normaliser(self, y: Rows) -> Normaliser:
        """The series, tabulated at each shape."""
        return TweedieNormaliser(y)

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Score (y mu^(1-p) - mu^(2-p)) / phi."""
        power = 1.0 + expit(inner[1])
        seen, zero = np.exp((1.0 - power) * eta - inner[0]), np.exp((2.0 - power) * eta - inner[0])
        return _tweedie_rows(y, power, seen, zero, score, weight)

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """By eta, log phi and the logit of power - 1."""
        power = 1.0 + expit(inner[1])
        seen, zero = np.exp((1.0 - power) * eta - inner[0]), np.exp((2.0 - power) * eta - inner[0])
        out = np.empty((5, len(eta)))
        by_phi, by_power = _tweedie_derivatives(eta, y, power, seen, zero, *out)
        return out[0], [ByShape(by_phi, out[1], out[2]), ByShape(by_power, out[3], out[4])]

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Phi mu^power."""
        return shape["phi"] * mean ** shape["power"]

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """A Poisson number of gamma lengths each."""
        phi, power = shape["phi"], shape["power"]
        number = rng.poisson(mean ** (2.0 - power) / (phi * (2.0 - power)))
        length = rng.gamma(np.maximum(number, 1) * (2.0 - power) / (power - 1.0)) * phi * (power - 1.0) * mean ** (power - 1.0)
        return np.where(number > 0, length, 0.0)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """A sum over the number of gamma lengths; only 0 has a probability of its own."""
        at = tweedie_cumulative(y, mean, shape["phi"], shape["power"])
        return np.where(y > 0, at, 0.0), at


FAMILIES: dict[str, Family] = {"poisson": Poisson(), "negative_binomial": NegativeBinomial(), "tweedie": Tweedie()}


def family_named(name: str) -> Family:
    """A family by its name.

    Raises:
        ValueError: With the names there are.
    """
    if name not in FAMILIES:
        raise ValueError(f"family {name!r} is unknown. There are {', '.join(FAMILIES)}.")
    return FAMILIES[name]


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def _negative_binomial_rows(eta, y, log_phi, odds, log_odds, score, weight):
    phi, total = np.exp(log_phi), 0.0
    for i in range(len(eta)):
        share = odds[i] / (1.0 + odds[i])
        total += y[i] * (eta[i] - log_phi) - (y[i] + phi) * log_odds[i]
        score[i] = y[i] - (y[i] + phi) * share
        weight[i] = (y[i] + phi) * share * (1.0 - share)
    return total


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def _negative_binomial_derivatives(y, log_phi, odds, log_odds, weight_by_eta, score_by_phi, weight_by_phi):
    phi, total = np.exp(log_phi), 0.0
    for i in range(len(y)):
        share = odds[i] / (1.0 + odds[i])
        spread = share * (1.0 - share)
        total += (y[i] + phi) * share - y[i] - phi * log_odds[i]
        weight_by_eta[i] = (y[i] + phi) * spread * (1.0 - 2.0 * share)
        score_by_phi[i] = (y[i] + phi) * spread - phi * share
        weight_by_phi[i] = phi * spread - (y[i] + phi) * spread * (1.0 - 2.0 * share)
    return total


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def _tweedie_rows(y, power, seen, zero, score, weight):
    total = 0.0
    for i in range(len(y)):
        up = y[i] * seen[i]
        total += up / (1.0 - power) - zero[i] / (2.0 - power)
        score[i] = up - zero[i]
        weight[i] = (power - 1.0) * up + (2.0 - power) * zero[i]
    return total


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def _tweedie_derivatives(eta, y, power, seen, zero, weight_by_eta, score_by_phi, weight_by_phi, score_by_power, weight_by_power):
    by_phi, by_power = 0.0, 0.0
    one, two = 1.0 / (1.0 - power), 1.0 / (2.0 - power)
    chain = (power - 1.0) * (2.0 - power)
    for i in range(len(eta)):
        up = y[i] * seen[i]
        by_phi -= up * one - zero[i] * two
        by_power += up * one * (one - eta[i]) - zero[i] * two * (two - eta[i])
        score, weight = up - zero[i], (power - 1.0) * up + (2.0 - power) * zero[i]
        weight_by_eta[i] = (2.0 - power) ** 2 * zero[i] - (power - 1.0) ** 2 * up
        score_by_phi[i] = -score
        weight_by_phi[i] = -weight
        score_by_power[i] = -chain * eta[i] * score
        weight_by_power[i] = chain * (score - eta[i] * weight)
    return by_phi, chain * by_power
