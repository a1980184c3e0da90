"""Which rows would tell most of one slope of a regression whose intercepts differ between groups.

Of a row x with weight w (of a logistic regression p (1 - p)) in a group whose intercept has variance v given what its earlier rows say,
which have sums A of w and b of w x, the information about the slopes grows by z z' / (1 / w + v), z = x - v b, v = 1 / (1 / variance + A):
Schur's complement of the joint information of slopes and intercept. Rows are chosen one after the other, each for the most information
about the slope asked for, with all others unknown: log of the ratio of its variances before and after, halved (Ds-optimality; Atkinson,
Donev & Tobias 2007, Optimum Experimental Designs). Weights and the variance of intercepts are taken as known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.shapes import Float, Int
from graphtwin.statistics.expected_information import Chosen, require_budget

WEAK = 1e-6  # prior precision of slopes, so that few rows leave no slope without a variance


@dataclass(frozen=True)
class Rows:
    """Rows of a regression.

    Attributes:
        x: What each slope multiplies; a column of ones for the intercept.
        weight: Information about its linear predictor that a row gives.
        group: Number of the group of each row, from 0 on; the same in rows that are observed and rows that might be.
    """

    x: Float[np.ndarray, "rows slopes"]
    weight: Float[np.ndarray, " rows"]
    group: Int[np.ndarray, " rows"]


@dataclass(frozen=True)
class _Groups:
    """Variance v of each group's intercept, and sums b of w x, over the rows so far."""

    precision: Float[np.ndarray, " groups"]
    sums: Float[np.ndarray, "groups slopes"]

    def add(self, group: int, x: Float[np.ndarray, " slopes"], weight: float) -> None:
        """Count one more row, in place."""
        self.precision[group] += weight
        self.sums[group] += weight * x

    def within(self, rows: Rows) -> tuple[Float[np.ndarray, "rows slopes"], Float[np.ndarray, " rows"]]:
        """The z of each row, and its weight 1 / (1 / w + v)."""
        variance = 1 / self.precision[rows.group]
        return rows.x - variance[:, None] * self.sums[rows.group], 1 / (1 / np.maximum(rows.weight, 1e-300) + variance)


def slope_covariance(observed: Rows, group_variance: float) -> Float[np.ndarray, "slopes slopes"]:
    """Covariance of the slopes after some rows.

    Args:
        observed: Rows whose response is known.
        group_variance: Variance of intercepts between groups; 0 where all have one.
    """
    groups = _groups_of(observed, int(observed.group.max(initial=-1)) + 1, group_variance)
    information = (observed.x * observed.weight[:, None]).T @ observed.x - (groups.sums / groups.precision[:, None]).T @ groups.sums
    return np.linalg.inv(information + WEAK * np.eye(observed.x.shape[1]))


def most_telling_rows(
    observed: Rows, candidates: Rows, budget: int, slope: int, group_variance: float = 0.0, cost: Float[np.ndarray, " rows"] | None = None
) -> Chosen:
    """The candidates that tell most of a slope, one after the other, each for what it adds a unit of cost.

    Args:
        observed: Rows whose response is known.
        candidates: Rows whose response could be found out.
        budget: Number of candidates to choose.
        slope: Column of the slope.
        group_variance: Variance of intercepts between groups; 0 where all have one.
        cost: What each candidate costs; None where all cost alike.
    """
    require_budget(budget, len(candidates.x))
    price = np.ones(len(candidates.x)) if cost is None else cost
    covariance = slope_covariance(observed, group_variance)
    n_groups = int(max(observed.group.max(initial=-1), candidates.group.max())) + 1
    groups = _groups_of(observed, n_groups, group_variance)
    z, weight = groups.within(candidates)
    left = np.ones(len(z), dtype=bool)
    order, gains, alone = np.empty(budget, dtype=np.int64), np.empty(budget), np.empty(0)
    for step in range(budget):
        gain = _gains(covariance, z, weight, slope)
        alone = gain if step == 0 else alone
        at = int(np.where(left, gain / price, -np.inf).argmax())
        order[step], gains[step], left[at] = at, gain[at], False
        through = covariance @ z[at]
        covariance = covariance - np.outer(through, through) / (1 / weight[at] + z[at] @ through)
        if group_variance > 0:
            groups.add(int(candidates.group[at]), candidates.x[at], float(candidates.weight[at]))
            same = np.flatnonzero(candidates.group == candidates.group[at])
            z[same], weight[same] = groups.within(Rows(candidates.x[same], candidates.weight[same], candidates.group[same]))
    return Chosen(order, gains, alone)


def _gains(
    covariance: Float[np.ndarray, "slopes slopes"], z: Float[np.ndarray, "rows slopes"], weight: Float[np.ndarray, " rows"], slope: int
) -> Float[np.ndarray, " rows"]:
    """Nats that each row tells of a slope."""
    through = z @ covariance
    spread = 1 / weight + (through * z).sum(1)
    return -0.5 * np.log1p(-(through[:, slope] ** 2) / (spread * covariance[slope, slope]))


def _groups_of(rows: Rows, n_groups: int, group_variance: float) -> _Groups:
    """What some rows say of the intercepts of their groups; none differ without a variance."""
    if group_variance <= 0:
        return _Groups(np.full(n_groups, np.inf), np.zeros((n_groups, rows.x.shape[1])))
    precision = 1 / group_variance + np.bincount(rows.group, rows.weight, minlength=n_groups)
    sums = np.stack([np.bincount(rows.group, rows.weight * column, minlength=n_groups) for column in rows.x.T], axis=1)
    return _Groups(precision, sums)
