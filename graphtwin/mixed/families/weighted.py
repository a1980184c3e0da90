"""Rows that count more than once, or a part of once: each row's log-likelihood times a weight, as in glmmTMB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.mixed.families.family import Bounded, ByShape, Family, Rows, Shape
from graphtwin.mixed.families.links import Link
from graphtwin.shapes import Float

Pairs = Float[np.ndarray, "rows 2"]


@dataclass(frozen=True)
class Weighted:
    """A family whose responses have two columns, the response itself and its weight."""

    family: Family

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the family's shape parameters."""
        return self.family.shape_names

    @property
    def link(self) -> Link:
        """The family's link."""
        return self.family.link

    @property
    def concave(self) -> bool:
        """Whether the family's log-likelihood is concave; weights are above 0 and don't change that."""
        return self.family.concave

    def rows(self, eta: Rows, y: Pairs, inner: Shape, score: Rows, weight: Rows) -> float:
        """Weighted sum of the log-likelihood without normaliser; fills weighted score and weight."""
        self.family.rows(eta, y[:, 0], inner, score, weight)
        score *= y[:, 1]
        weight *= y[:, 1]
        return float(self.log_likelihoods(eta, y, inner).sum())

    def log_likelihoods(self, eta: Rows, y: Pairs, inner: Shape) -> Rows:
        """Weighted log-likelihood of each row without normaliser."""
        return y[:, 1] * self.family.log_likelihoods(eta, y[:, 0], inner)

    def derivatives(self, eta: Rows, y: Pairs, inner: Shape) -> tuple[Rows, list[ByShape]]:
        """The family's derivatives times the weights."""
        times, (by_eta, shapes) = y[:, 1], self.family.derivatives(eta, y[:, 0], inner)
        return times * by_eta, [ByShape(times * one.each, times * one.score, times * one.weight) for one in shapes]

    def bound(self, eta: Rows, y: Pairs, inner: Shape) -> Rows:
        """The weight of the family's concave lower bound times the weights."""
        assert isinstance(self.family, Bounded), "asked for families that are not concave only"
        return y[:, 1] * self.family.bound(eta, y[:, 0], inner)
