"""The binomial family: 0 or 1, or the share of trials that succeeded, with a logit link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.mixed.families.family import ByShape, Normaliser, Rows, Shape
from graphtwin.mixed.families.links import LOGIT, Link


@dataclass(frozen=True)
class Binomial:
    """Successes among trials, one trial a row unless `trials` says otherwise.

    A fit sees the share of successes, each row weighted by its trials: share x eta - log(1 + exp eta). What has a table's rows (normaliser,
    variance, draws, probabilities) is in successes.

    Attributes:
        trials: Number of trials of each row of a table, or 1.
    """

    trials: Rows | float = 1.0
    name: str = "binomial"
    whole: bool = True
    positive: bool = False
    concave: bool = True
    link: Link = LOGIT
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
        """Sum of the logarithms of the binomial coefficients of successes y among the trials."""
        each = scipy.special.gammaln(self.trials + 1.0) - scipy.special.gammaln(y + 1.0) - scipy.special.gammaln(self.trials - y + 1.0)
        constant = float(each.sum() if times is None else times @ each)
        return lambda inner: (constant, np.zeros(0))

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood of shares y; fills the score y - p and the weight p (1 - p)."""
        small, p = _small_and_chance(eta)
        np.subtract(y, p, out=score)
        np.divide(small, (1.0 + small) ** 2, out=weight)
        return float(y @ eta - np.maximum(eta, 0.0).sum() - np.log1p(small).sum())

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood y eta - log(1 + exp eta) of each share y."""
        each: Rows = y * eta - np.maximum(eta, 0.0) - np.log1p(np.exp(-np.abs(eta)))
        return each

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, p (1 - p) (1 - 2 p)."""
        small, p = _small_and_chance(eta)
        return small / (1.0 + small) ** 2 * (1.0 - 2.0 * p), []

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the number of successes, mean (1 - mean / trials)."""
        return mean * (1.0 - mean / self.trials)

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Numbers of successes, one for each mean."""
        return rng.binomial(np.asarray(self.trials, dtype=np.int64), np.minimum(mean / self.trials, 1.0)).astype(np.float64)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of less than y successes, and of y or less, by the incomplete beta function."""
        left, failed = self.trials - y, 1.0 - mean / self.trials
        below = np.where(y > 0, scipy.special.betainc(left + 1.0, np.maximum(y, 1.0), failed), 0.0)
        return below, np.where(left > 0, scipy.special.betainc(np.maximum(left, 1.0), y + 1.0, failed), 1.0)


def _small_and_chance(eta: Rows) -> tuple[Rows, Rows]:
    """Exp of minus the absolute log odds, which never overflows, and the probability of success."""
    small: Rows = np.exp(-np.abs(eta))
    return small, np.where(eta < 0, small, 1.0) / (1.0 + small)
