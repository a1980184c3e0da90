"""The Laplace likelihood and its gradient, for any arrangement of the random effects.

L = l(y | beta, b*) - b*'b* / 2 - log det H / 2, where b* maximises the first two terms over the standardised random coefficients b and H
is minus their second derivative there. It is maximised over the fixed effects too, not only over variances: the same likelihood that TMB
maximises. Source: Kristensen et al. 2016, doi:10.18637/jss.v070.i05.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from graphtwin.mixed.families import Normaliser
from graphtwin.mixed.likelihood.crossed import Crossed, CrossedPoint
from graphtwin.mixed.likelihood.crossed_gradient import crossed_covariances, crossed_gradient
from graphtwin.mixed.likelihood.one_factor import OneFactor, OneFactorPoint

MODE_TOLERANCE = 1e-18  # squared Newton step of all random coefficients together, in their conditional standard deviations
MODE_ROUNDING = 1e-9  # squared step from which one that doesn't shrink to a tenth is what rounding leaves: large counts lose digits
MAX_STEPS = 60  # most Newton steps to a mode, and most halvings of one, after which there is no mode
LONGEST_STEP = 3.0  # largest change of a standardised random coefficient in one step


class NotConverged(RuntimeError):
    """A fit that found no maximum; its numbers are not a result.

    Attributes:
        vector: Parameters where the search stopped, if it had begun.
    """

    def __init__(self, message: str, vector: np.ndarray | None = None):
        super().__init__(message)
        self.vector = vector


Model = OneFactor | Crossed
Point = OneFactorPoint | CrossedPoint


@dataclass(frozen=True)
class Evaluation:
    """The Laplace log-likelihood at one set of parameters.

    Attributes:
        value: The log-likelihood.
        gradient: Derivative of the log-likelihood by each parameter.
        point: The penalised likelihood at the mode of the random effects.
    """

    value: float
    gradient: Float[np.ndarray, " parameters"]
    point: Point


def evaluate(
    model: Model, normaliser: Normaliser, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]
) -> Evaluation:
    """The Laplace log-likelihood and its gradient.

    Args:
        model: The penalised likelihood.
        normaliser: Part of the log-likelihood that depends on the response and the family's shape alone.
        vector: The parameters, as `Layout` orders them.
        modes: Random coefficients at which the search of the mode starts.

    Raises:
        NotConverged: When the mode of the random effects is not found.
    """
    point = find_mode(model, vector, modes)
    constant, by_shape = normaliser(model.layout.shape(vector))
    gradient = laplace_gradient(point)
    gradient[len(gradient) - len(by_shape) :] += by_shape
    return Evaluation(point.value - 0.5 * point.log_determinant() + constant, gradient, point)


def laplace_gradient(point: Point) -> Float[np.ndarray, " parameters"]:
    """Gradient of the Laplace log-likelihood at the mode of the random effects, without that of the normaliser."""
    return crossed_gradient(point) if isinstance(point, CrossedPoint) else point.laplace_gradient()


def mode_covariances(point: Point) -> list[np.ndarray]:
    """Conditional covariance of each group's random effects, one array a grouping."""
    return crossed_covariances(point) if isinstance(point, CrossedPoint) else point.mode_covariances()


def find_mode(model: Model, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]) -> Point:
    """The random coefficients that maximise the penalised likelihood, by damped Newton steps."""
    point = model.at(vector, modes)
    if not np.isfinite(point.value):
        point = model.at(vector, np.zeros_like(modes))
    if not np.isfinite(point.value):
        raise NotConverged("the rates at these parameters are not finite.")
    before = np.inf
    for _ in range(MAX_STEPS):
        step = point.solve(point.score_modes[:, None])[:, 0]
        squared = float(point.score_modes @ step)
        if squared < MODE_TOLERANCE or (before < MODE_ROUNDING and squared > 0.1 * before):
            return point
        before = squared
        point = _improved(model, point, np.zeros(len(vector)), np.clip(step, -LONGEST_STEP, LONGEST_STEP))
    raise NotConverged(f"the random effects have no mode after {MAX_STEPS} Newton steps at these parameters.")


def _improved(model: Model, point: Point, move: np.ndarray, step: np.ndarray) -> Point:
    """The point after a step, halved until the penalised likelihood doesn't fall by more than rounding."""
    slack = 1e-10 * abs(point.value)
    for _ in range(MAX_STEPS):
        there = model.at(point.vector + move, point.modes + step)
        if there.value >= point.value - slack:
            return there
        move, step = 0.5 * move, 0.5 * step
    raise NotConverged("a Newton step of the random effects doesn't raise the likelihood however short it is.")


def fixed_information(point: Point) -> tuple[Float[np.ndarray, "fixed fixed"], Float[np.ndarray, "modes fixed"]]:
    """Information about the fixed effects at given variances (without the determinant's part), and the shift of the modes by each."""
    cross = point.cross()
    solved = point.solve(cross)
    return point.products() - cross.T @ solved, -solved


def joint_mode(model: Model, vector: Float[np.ndarray, " parameters"], tolerance: float = 1e-3) -> Point:
    """Fixed effects and random coefficients that maximise the penalised likelihood together, where a fit starts.

    Args:
        model: The penalised likelihood.
        vector: Parameters to start from; variances and shapes stay.
        tolerance: Expected gain of log-likelihood at which to stop.
    """
    point = model.at(vector, np.zeros(model.n_modes))
    n_fixed = model.layout.n_fixed
    for _ in range(MAX_STEPS):
        information, shift = fixed_information(point)
        alone = point.solve(point.score_modes[:, None])[:, 0]
        move = np.zeros_like(vector)
        move[:n_fixed] = np.linalg.lstsq(information, point.score_fixed + shift.T @ point.score_modes, rcond=None)[0]
        step = alone + shift @ move[:n_fixed]
        if point.score_fixed @ move[:n_fixed] + point.score_modes @ step < tolerance:
            break
        point = _improved(model, point, move, step)
    return point
