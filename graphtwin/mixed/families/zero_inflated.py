"""Counts of which a constant share are 0 whatever their rate.

With share pi of structural zeros and a count family of density f: P(0) = pi + (1 - pi) f(0), P(y) = (1 - pi) f(y). Inside, the last shape
is a = logit pi, and a zero has the log-likelihood log(exp a + exp g) with g = log f(0); r = expit(g - a) is the probability that it was
counted. Source: Lambert 1992, doi:10.2307/1269547.

The log-likelihood of a zero is convex in eta where the share of counted zeros changes fast. Expectation-maximisation bounds it from below:
with r held, it is r g, whose weight is r times that of g.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.mixed.families.family import ByShape, Distribution, Normaliser, Rows, Shape
from graphtwin.mixed.families.links import Link

NONE = 1e-6  # share of structural zeros below which there are none


@dataclass(frozen=True)
class ZeroInflated:
    """A count family with structural zeros; means are those of the response, (1 - pi) times the mean of the counts.

    Attributes:
        counts: The family of the counts that are not structural zeros, concave in eta.
    """

    counts: Distribution
    whole: bool = True
    positive: bool = False
    concave: bool = False

    @property
    def name(self) -> str:
        """Name by which the family is asked for."""
        return f"zero_inflated_{self.counts.name}"

    @property
    def link(self) -> Link:
        """Link between eta and the mean of the counts."""
        return self.counts.link

    @property
    def shape_names(self) -> tuple[str, ...]:
        """The shapes of the counts, and the share of structural zeros."""
        return (*self.counts.shape_names, "zero_inflation")

    def start(self, y: Rows, mean: Rows) -> Shape:
        """Shapes of the counts by moments, and the logit of the share of zeros that a Poisson count leaves unexplained, 0.05 to 0.9."""
        counted = float(np.exp(-mean).mean())
        share = np.clip((float((y == 0).mean()) - counted) / (1.0 - counted), 0.05, 0.9)
        return np.r_[self.counts.start(y, mean), np.log(share / (1.0 - share))]

    def shape(self, inner: Shape) -> dict[str, float]:
        """The reported shapes of the counts and the share of structural zeros."""
        return {**self.counts.shape(inner[:-1]), "zero_inflation": float(scipy.special.expit(inner[-1]))}

    def degenerate(self, inner: Shape, mean: float) -> str | None:
        """The reason to refuse shapes of the counts, or a share of structural zeros that is 0."""
        if scipy.special.expit(inner[-1]) < NONE:
            return f"zero_inflation runs to 0: there are no more zeros than the counts make. Use family {self.counts.name}"
        return self.counts.degenerate(inner[:-1], mean)

    def normaliser(self, y: Rows, times: Rows | None = None) -> Normaliser:
        """That of the counts, in which zeros have no part, and log(1 - pi) for each row."""
        counted, n = self.counts.normaliser(y, times), float(len(y) if times is None else times.sum())

        def at(inner: np.ndarray) -> tuple[float, np.ndarray]:
            value, by_shape = counted(inner[:-1])
            return value - n * float(np.logaddexp(0.0, inner[-1])), np.r_[by_shape, -n * scipy.special.expit(inner[-1])]

        return at

    def rows(self, eta: Rows, y: Rows, inner: Shape, score: Rows, weight: Rows) -> float:
        """Summed log-likelihood without normaliser; fills score and weight, which may be negative at zeros."""
        value, zero = self.counts.rows(eta, y, inner[:-1], score, weight), np.flatnonzero(y == 0)
        log_zero = self._log_zero(eta[zero], inner)
        r, plain = scipy.special.expit(log_zero - inner[-1]), score[zero]
        weight[zero] = r * weight[zero] - r * (1.0 - r) * plain**2
        score[zero] = r * plain
        return value + float((np.logaddexp(inner[-1], log_zero) - log_zero).sum())

    def _log_zero(self, eta: Rows, inner: Shape) -> Rows:
        """Log probability of a counted zero."""
        return self.counts.log_likelihoods(eta, np.zeros_like(eta), inner[:-1])

    def log_likelihoods(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """Log-likelihood of each row without normaliser."""
        each = self.counts.log_likelihoods(eta, y, inner[:-1])
        return np.where(y == 0, np.logaddexp(inner[-1], each), each)

    def derivatives(self, eta: Rows, y: Rows, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """Derivative of the weight by eta, and all derivatives by the shapes of the counts and logit pi."""
        by_eta, shapes = self.counts.derivatives(eta, y, inner[:-1])
        score, weight = np.empty_like(eta), np.empty_like(eta)
        self.counts.rows(eta, y, inner[:-1], score, weight)
        r = np.where(y == 0, scipy.special.expit(self._log_zero(eta, inner) - inner[-1]), 1.0)
        spread = r * (1.0 - r)  # 0 where y is above 0: nothing changes there
        bend = spread * (1.0 - 2.0 * r)
        bent = r * by_eta + 3.0 * spread * score * weight - bend * score**3
        by_shapes = [
            ByShape(
                r * one.each,
                r * one.score + spread * one.each * score,
                r * one.weight + spread * (one.each * weight - 2.0 * score * one.score) - bend * one.each * score**2,
            )
            for one in shapes
        ]
        by_share = ByShape(1.0 - r, -spread * score, bend * score**2 - spread * weight)
        return bent, [*by_shapes, by_share]

    def bound(self, eta: Rows, y: Rows, inner: Shape) -> Rows:
        """The weight where the probability that a zero was counted is held."""
        score, weight = np.empty_like(eta), np.empty_like(eta)
        self.counts.rows(eta, y, inner[:-1], score, weight)
        return np.where(y == 0, scipy.special.expit(self._log_zero(eta, inner) - inner[-1]), 1.0) * weight

    def variance(self, mean: Rows, shape: dict[str, float]) -> Rows:
        """Variance of the response, (1 - pi) (v + pi mu^2) with mu and v the mean and variance of the counts."""
        share = shape["zero_inflation"]
        counted = mean / (1.0 - share)
        return (1.0 - share) * (self.counts.variance(counted, shape) + share * counted**2)

    def sample(self, mean: Rows, shape: dict[str, float], rng: np.random.Generator) -> Rows:
        """Counts of which a share are set to 0."""
        share = shape["zero_inflation"]
        drawn = self.counts.sample(mean / (1.0 - share), shape, rng)
        return np.where(rng.random(len(mean)) < share, 0.0, drawn)

    def cumulative(self, y: Rows, mean: Rows, shape: dict[str, float]) -> tuple[Rows, Rows]:
        """Probability of less than y, and of y or less."""
        share = shape["zero_inflation"]
        below, at = self.counts.cumulative(y, mean / (1.0 - share), shape)
        return np.where(y > 0, share + (1.0 - share) * below, 0.0), share + (1.0 - share) * at
