"""The restricted likelihood (REML) of a Gaussian model: the likelihood integrated over the fixed effects.

Added to the log-likelihood at the fixed effects' maximum are -log det I / 2 + p log(2 pi) / 2, where I is their information at given
variances. Source: Patterson and Thompson 1971, doi:10.1093/biomet/58.3.545.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphtwin.mixed.likelihood.crossed import CrossedPoint
from graphtwin.mixed.likelihood.field import FieldPoint
from graphtwin.mixed.likelihood.laplace import Model, Point, fixed_information
from graphtwin.shapes import Float


class Restricted:
    """What REML adds to a Gaussian log-likelihood, and its gradient by variances; it doesn't depend on the fixed effects."""

    def __init__(self, model: Model):
        """Make the model without responses, whose penalised likelihood is a quadratic form of the information.

        Args:
            model: A Gaussian model.
        """
        blank = model.design.y.copy(order="F")
        (blank if blank.ndim == 1 else blank[:, 0])[:] = 0.0
        self.blank = type(model)(replace(model.design, y=blank, offset=np.zeros(len(blank))), model.family)

    def __call__(self, point: Point) -> tuple[float, Float[np.ndarray, " parameters"]]:
        """Value and gradient at the mode of the random effects.

        The blank model at fixed effects r and the modes that go with them has the penalised log-likelihood -r'I r / 2. With I^-1 = R R' its
        derivatives at the columns of R, in which the modes have no part, add up to those of -log det I / 2.
        """
        information, shift = fixed_information(point)
        factor, n_fixed = np.linalg.cholesky(information), len(information)
        layout, gradient = point.model.layout, np.zeros(len(point.vector))
        for column in np.linalg.inv(factor):
            blank = self.blank.at(np.r_[column, point.vector[n_fixed:]], shift @ column)
            gradient[n_fixed : n_fixed + layout.n_roots] += layout.entries(_root_scores(blank))
            gradient[-1] -= blank.value + 0.5 * blank.modes @ blank.modes  # all but the modes' squares falls as 1 / sigma^2
        return float(0.5 * n_fixed * np.log(2.0 * np.pi) - np.log(np.diag(factor)).sum()), gradient


def _root_scores(point: Point) -> list[np.ndarray]:
    """Gradient of the penalised likelihood by every entry of each grouping's root, at given standardised coefficients."""
    assert not isinstance(point, FieldPoint), "refused with fields"
    design = point.model.design
    cells = point.cell_score if isinstance(point, CrossedPoint) else point.sums.score
    inner = point.over_groups(np.einsum("crk,cr->ck", design.inner.weight[design.cell_pattern], cells))
    out, place = [inner.T @ point.by_group], 0
    if isinstance(point, CrossedPoint):
        for grouping in design.crossed:
            own = slice(place, place + grouping.size)
            modes = point.modes[point.model.n_inner :][own].reshape(grouping.n_groups, -1)
            out.append(point.slot_score[own].reshape(grouping.n_groups, -1).T @ modes)
            place += grouping.size
    return out
