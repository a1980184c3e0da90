"""The families there are, by name, and the first of them: Poisson and negative binomial (`family` says what each gives)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.mixed.families.binomial import Binomial
from graphtwin.mixed.families.family import ByShape, Distribution, Normaliser, Rows, Shape
from graphtwin.mixed.families.gamma import Gamma
from graphtwin.mixed.families.gaussian import Gaussian
from graphtwin.mixed.families.links import LOG, Link
from graphtwin.mixed.families.nb1 import LinearNegativeBinomial
from graphtwin.mixed.families.tweedie import Tweedie
from graphtwin.mixed.families.zero_inflated import ZeroInflated
from graphtwin.shapes import Float

SUMMED = 1e4  # largest count up to which logarithms are summed; beyond they are too many


@dataclass(frozen=True)
class Poisson:
    """Counts with variance equal to the mean."""

    name: str = "poisson"
    whole: bool = True
    positive: bool = False
    concave: bool = True
    link: Link = LOG
    shape_names: tuple[str, ...] = ()

    def start(self, y: Rows, mean: Rows) -> Shape:
        """An empty vector: the family has no shape parameter."""
        return np.zeros(0)

    def shape(self, inner: Shape) -> dict[str, float]:
        """An empty dictionary: the family has no shape parameter."""
        return {}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """None: without a shape parameter there is no edge to reach."""
        return None

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """Minus the sum of log y!, whatever the shape."""
        value, times = _distinct(y, times)
        constant = -float(times @ np.array([math.lgamma(count + 1.0) for count in value]))
        return lambda inner: (constant, np.zeros(0))

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills the score y - mu and the weight mu."""
        np.exp(eta, out=weight)
        np.subtract(y, weight, out=score)
        return float(y @ eta - weight.sum())

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood y eta - mu of each row, without normaliser."""
        each: Rows = y * eta - np.exp(eta)
        return each

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, which is the weight itself."""
        return np.exp(eta), []

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response, which is the mean."""
        return mean

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Poisson counts, one for each mean."""
        return rng.poisson(mean).astype(np.float64)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of less than y, and of y or less, by the incomplete gamma function."""
        return np.where(y > 0, scipy.special.pdtr(np.maximum(y - 1.0, 0.0), mean), 0.0), scipy.special.pdtr(y, mean)


@dataclass(frozen=True)
class NegativeBinomial:
    """Counts with variance mu + mu^2 / phi (NB2); inside, the shape is log phi."""

    name: str = "negative_binomial"
    whole: bool = True
    positive: bool = False
    concave: bool = True
    link: Link = LOG
    shape_names: tuple[str, ...] = ("phi",)

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Log phi by the second moment, phi between 0.1 and 100."""
        excess = float(((y - mean) ** 2 - y).sum() / (mean**2).sum())
        return np.array([-np.log(np.clip(excess, 0.01, 10.0))])

    def shape(self, inner: Shape) -> dict[str, float]:
        """The reported shape parameter, phi."""
        return {"phi": float(np.exp(inner[0]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """The reason to refuse phi where even at the largest mean the variance exceeds Poisson's by less than 0.1 %."""
        if np.exp(inner[0]) < 1e3 * mean:
            return None
        return f"phi grows without end (now {np.exp(inner[0]):.2g}): the counts vary no more than Poisson. Use family poisson"

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """Sum of log Gamma(y + phi) / (Gamma(phi) y!), over the distinct counts."""
        value, times = _distinct(y, times)

        def at(inner: np.ndarray) -> tuple[float, np.ndarray]:
            phi = float(np.exp(inner[0]))
            log, slope = _log_rising(value, phi)
            return float(times @ log), np.array([phi * (times @ slope)])

        return at

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood; fills score (y - mu) (1 - s) and weight (y + phi) s (1 - s), with s = mu / (mu + phi)."""
        logit, phi = eta - inner[0], np.exp(inner[0])
        odds = np.exp(logit)
        rest = 1.0 / (1.0 + odds)  # 1 - s, exact also where counts of 1e12 leave little of it
        np.multiply(y - phi * odds, rest, out=score)
        np.multiply((y + phi) * (odds * rest), rest, out=weight)
        above, below = _log_shares(logit)
        return -float(phi * above.sum() + y @ below)

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""
        above, below = _log_shares(eta - inner[0])
        each: Rows = -np.exp(inner[0]) * above - y * below
        return each

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, and all derivatives by log phi."""
        logit, phi = eta - inner[0], np.exp(inner[0])
        odds = np.exp(logit)
        rest = 1.0 / (1.0 + odds)
        share = odds * rest
        spread, excess = share * rest, y - phi * odds
        by_eta = (y + phi) * spread * (rest - share)
        each = -excess * rest - phi * _log_shares(logit)[0]
        return by_eta, [ByShape(each, excess * spread, phi * spread - by_eta)]

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response, mu + mu^2 / phi."""
        return mean + mean**2 / shape["phi"]

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Poisson counts of gamma rates."""
        return rng.poisson(mean * rng.gamma(shape["phi"], 1 / shape["phi"], mean.shape)).astype(np.float64)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of less than y, and of y or less, by the incomplete beta function."""
        share = shape["phi"] / (shape["phi"] + mean)
        below = np.where(y > 0, scipy.special.betainc(shape["phi"], np.maximum(y, 1.0), share), 0.0)
        return below, scipy.special.betainc(shape["phi"], y + 1.0, share)


FAMILIES: dict[str, Distribution] = {
    family.name: family
    for family in (
        Poisson(),
        NegativeBinomial(),
        LinearNegativeBinomial(),
        ZeroInflated(Poisson()),
        ZeroInflated(NegativeBinomial()),
        Tweedie(),
        Gamma(),
        Gaussian(),
        Binomial(),
    )
}


def family_named(name: str) -> Distribution:
    """A family by its name.

    Raises:
        ValueError: When there is no such family; the error lists the names there are.
    """
    if name not in FAMILIES:
        raise ValueError(f"family {name!r} is unknown. There are {', '.join(FAMILIES)}.")
    return FAMILIES[name]


def _distinct(y: Rows, times: Rows | None) -> tuple[Float[np.ndarray, " values"], Float[np.ndarray, " values"]]:
    """The distinct responses and how often each occurs, rows counting as often as `times` says."""
    if times is None:
        value, n = np.unique(y, return_counts=True)
        return value, n.astype(np.float64)
    value, place = np.unique(y, return_inverse=True)
    return value, np.bincount(place, weights=times)


def _log_rising(value: Float[np.ndarray, " values"], phi: float) -> tuple[Float[np.ndarray, " values"], Float[np.ndarray, " values"]]:
    """Log Gamma(y + phi) / (Gamma(phi) y!) of each count, the sum over j < y of log (phi + j) / (j + 1), and its derivative by phi."""
    largest = value.max(initial=0.0)
    if largest > SUMMED:
        log = -np.log(value + phi) - scipy.special.betaln(phi, value + 1.0)
        return log, scipy.special.digamma(value + phi) - scipy.special.digamma(phi)
    below, place = np.arange(largest), value.astype(np.int64)
    log, slope = np.log(phi + below) - np.log1p(below), 1.0 / (phi + below)
    return np.r_[0.0, np.cumsum(log)][place], np.r_[0.0, np.cumsum(slope)][place]


def _log_shares(logit: Rows) -> tuple[Rows, Rows]:
    """Minus the logarithms of 1 - s and of s, from the logit of s; neither overflows, and both keep their digits."""
    small = np.log1p(np.exp(-np.abs(logit)))
    return small + np.maximum(logit, 0.0), small + np.maximum(-logit, 0.0)
