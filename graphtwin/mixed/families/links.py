"""Links between the linear predictor eta and the mean of a response.

scipy.special takes as long to import as all of this package that a fit needs; it is loaded at first use, here and in the families.
Fits of Poisson, negative binomial (NB2) and Gaussian responses do without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from graphtwin.shapes import Float

Rows = Float[np.ndarray, " rows"]
NODES = 80  # points of the Gauss-Hermite rule for a mean over a normal predictor: within 1e-7 up to a standard deviation of 3


@dataclass(frozen=True)
class Link:
    """What the predictor says of the mean.

    Attributes:
        name: Name of the link.
        scale: What the predictor is, in words.
        mean: Mean at each predictor.
        predictor: Predictor at each mean, the inverse of `mean`.
        averaged: Mean over normal predictors, given their means and variances.
    """

    name: str
    scale: str
    mean: Callable[[Rows], Rows]
    predictor: Callable[[Rows], Rows]
    averaged: Callable[[Rows, Rows], Rows]


def _average_expit(eta: Rows, variance: Rows) -> Rows:
    """Mean of expit over normal predictors, by Gauss-Hermite quadrature."""
    sd, total = np.sqrt(variance), np.zeros_like(eta)
    nodes, weights, whole = scipy.special.roots_hermitenorm(NODES, mu=True)
    for node, weight in zip(nodes, weights, strict=True):
        total += weight / whole * scipy.special.expit(eta + node * sd)
    return total


LOG = Link("log", "log rate", np.exp, np.log, lambda eta, variance: np.exp(eta + 0.5 * variance))
LOGIT = Link("logit", "log odds", lambda eta: scipy.special.expit(eta), lambda mean: scipy.special.logit(mean), _average_expit)
IDENTITY = Link("identity", "mean", np.positive, np.positive, lambda eta, variance: eta)
