"""How the covariance of a Gaussian model's fixed effects moves with its variances, for their degrees of freedom."""

from __future__ import annotations

import numpy as np

from graphtwin.mixed.likelihood.laplace import fixed_information
from graphtwin.mixed.likelihood.maximise import Maximum
from graphtwin.shapes import Float

STEP = 1e-3  # of differences, in standard errors of the variances' parameters: errors of relative size 1e-6


def covariance_changes(maximum: Maximum) -> tuple[Float[np.ndarray, "fixed fixed"], Float[np.ndarray, "variances fixed fixed"]]:
    """Covariance at the estimated variances, and its derivatives along orthogonal directions of these, each a standard error long.

    Neither fixed effects nor modes matter: a Gaussian response gives the same information about them wherever they are.

    Args:
        maximum: Maximum of a Gaussian model without fields.
    """
    point = maximum.evaluation.point
    n_fixed = point.model.layout.n_fixed
    directions = np.linalg.cholesky(maximum.covariance[n_fixed:, n_fixed:]).T

    def covariance(move: np.ndarray) -> np.ndarray:
        there = point.model.at(point.vector + np.r_[np.zeros(n_fixed), move], point.modes)
        return np.linalg.inv(fixed_information(there)[0])

    changes = [(covariance(STEP * one) - covariance(-STEP * one)) / (2.0 * STEP) for one in directions]
    return covariance(np.zeros(len(directions))), np.array(changes)
