"""Adaptive Gauss-Hermite quadrature over a scalar random effect of one grouping: beyond Laplace, which is its rule of one point.

The integral over the standardised coefficient b of a group, of exp f with f = l - b^2 / 2, is summed at b_k = m + z_k / sqrt h, where m is
the mode, h = -f''(m) and z_k are Hermite's points. Source: Pinheiro and Bates 1995, doi:10.1080/10618600.1995.10474663.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.mixed.design import NO_FACTOR, Design, NodeSums, sum_leverage, sum_nodes
from graphtwin.mixed.likelihood.laplace import Point
from graphtwin.mixed.likelihood.one_factor import OneFactorPoint
from graphtwin.shapes import Float

MOST_POINTS = 100  # most points of a rule; the integral is smooth, so that a few dozen are exact


def require_scalar_factor(design: Design, n_points: int) -> None:
    """Refuse quadrature but over one random effect of one grouping."""
    if isinstance(n_points, bool) or not isinstance(n_points, int | np.integer) or not 1 <= n_points <= MOST_POINTS:
        raise ValueError(f"quadrature: {n_points} points. Take a whole number from 1 (the Laplace approximation) to {MOST_POINTS}.")
    scalar = not design.crossed and not design.absorbed and len(design.inner.effects) == 1
    if n_points > 1 and not scalar:
        found = [f"({' + '.join(one.effects)} | {one.name})" for one in design.groupings if one.name != NO_FACTOR and not design.absorbed]
        raise ValueError(
            f"quadrature of {n_points} points: it needs one grouping with one random effect, such as (1 | group), and here are "
            f"{' + '.join(found) or 'none'}. Leave quadrature out for the Laplace approximation."
        )


@dataclass(frozen=True)
class Quadrature:
    """What quadrature adds to the Laplace log-likelihood, and its gradient.

    Attributes:
        n_points: Number of points.
    """

    n_points: int

    def __call__(self, point: Point) -> tuple[float, Float[np.ndarray, " parameters"]]:
        """Value and gradient at the mode of the random effects."""
        assert isinstance(point, OneFactorPoint), "other arrangements were refused"
        nodes, weights, whole = scipy.special.roots_hermitenorm(self.n_points, mu=True)
        middle, curvature = point.by_group[:, 0], point.hessian[:, 0, 0]
        away = nodes[:, None] / np.sqrt(curvature)
        design = point.model.design
        at = sum_nodes(design, point.model.family, self._coefficients(point, away), point.inner)
        each = _over_groups(point, at.value) - 0.5 * (middle + away) ** 2
        each += (np.log(weights / whole) + 0.5 * nodes**2)[:, None]
        total = scipy.special.logsumexp(each, axis=0)
        return float(total.sum()) - point.value, _gradient(point, at, np.exp(each - total), away)

    def _coefficients(self, point: OneFactorPoint, away: np.ndarray) -> Float[np.ndarray, "nodes cells features"]:
        """Coefficients of the features in every cell where the random coefficients are away from their modes."""
        return point.coefficient + point.random[:, :, 0] * away[:, point.model.design.cell_group, None]


def _over_groups(point: OneFactorPoint, cells: Float[np.ndarray, "nodes cells"]) -> Float[np.ndarray, "nodes groups"]:
    """Sums over the cells of each group, of every node."""
    return point.over_groups(cells.T).T


def _gradient(
    point: OneFactorPoint, at: NodeSums, share: Float[np.ndarray, "nodes groups"], away: Float[np.ndarray, "nodes groups"]
) -> Float[np.ndarray, " parameters"]:
    """Gradient of what quadrature adds.

    With the nodes' shares w_k in the integral, G0 = sum_k w_k f'(b_k) and G1 = sum_k w_k f'(b_k) (b_k - m), a parameter changes the log
    integral by sum_k w_k df(b_k) + G0 dm - (1 + G1) dlog h / 2, since the points move with the mode and its width; Laplace's by
    df(m) - dlog h / 2. The derivatives of m and h are those of `OneFactorPoint.laplace_gradient`.
    """
    design, model, curvature, middle = point.model.design, point.model, point.hessian[:, 0, 0], point.by_group[:, 0]
    random, loading, group = point.random[:, :, 0], design.inner.weight[design.cell_pattern][:, :, 0], design.cell_group
    slope = share * (_over_groups(point, np.einsum("cr,ncr->nc", random, at.score)) - middle - away)
    straight, wide = slope.sum(axis=0), (slope * away).sum(axis=0)
    of_cell = share[:, group]
    score = np.einsum("nc,ncr->cr", of_cell, at.score) - point.sums.score
    spread = (wide / curvature)[group][:, None, None] * (point.random @ point.random.mT)
    leverage = sum_leverage(design, model.family, point.coefficient, spread, point.inner)
    shift = (point.over_groups((random * leverage.bend).sum(axis=1)) - 2.0 * straight) / curvature
    change = random * shift[group][:, None]
    score += 0.5 * ((point.sums.weight @ change[:, :, None])[:, :, 0] - leverage.bend)
    plain = point.over_groups((loading * point.sums.score).sum(axis=1))
    products = point.over_groups((loading[:, None] @ point.sums.weight @ point.random)[:, 0, 0])
    moved = np.einsum("nc,cr,ncr->c", of_cell * away[:, group], loading, at.score)
    by_root = point.over_groups((loading * score).sum(axis=1)) @ middle + moved.sum() - 0.5 * plain @ shift - products @ (wide / curvature)
    by_shape = np.einsum("nc,nsc->s", of_cell, at.by_shape) - leverage.value_by_shape - 0.5 * leverage.weight_by_shape
    by_shape -= 0.5 * np.einsum("pcr,cr->p", leverage.score_by_shape, change)
    return np.concatenate([np.einsum("crp,cr->p", model.fixed_of_cell, score), [by_root], by_shape])
