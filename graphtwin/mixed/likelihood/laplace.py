"""The Laplace likelihood and its gradient, for any arrangement of the random effects.

L = l(y | beta, b*) - b*'b* / 2 - log det H / 2, where b* maximises the first two terms over the standardised random coefficients b and H
is minus their second derivative there. It is maximised over the fixed effects too, not only over variances: the same likelihood that TMB
maximises. Source: Kristensen et al. 2016, doi:10.18637/jss.v070.i05.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import numpy as np

from graphtwin.mixed.families import IDENTITY, Bounded, LowerBound, Normaliser
from graphtwin.mixed.likelihood.crossed import Crossed, CrossedPoint
from graphtwin.mixed.likelihood.crossed_gradient import crossed_covariances, crossed_gradient
from graphtwin.mixed.likelihood.field import FieldPoint, WithFields
from graphtwin.mixed.likelihood.field_gradient import field_gradient
from graphtwin.mixed.likelihood.one_factor import OneFactor, OneFactorPoint
from graphtwin.shapes import Float

MODE_TOLERANCE = 1e-18  # squared Newton step of all random coefficients together, in their conditional standard deviations
MODE_ROUNDING = 1e-9  # squared step from which one that doesn't shrink to a tenth is what rounding leaves: large counts lose digits
MAX_STEPS = 60  # most Newton steps to a mode, and most halvings of one, after which there is no mode
NEAR_ENOUGH = 1e-6  # squared step that is left to a mode, as above, at which differences of gradients are taken
SLOW = 0.05  # share of the last step's gain above which a step asks for a Hessian of its own
LONGEST_STEP = 3.0  # largest change of a standardised random coefficient in one step


class NotConverged(RuntimeError):
    """A fit that found no maximum; its numbers are not a result.

    Attributes:
        vector: Parameters where the search stopped, if it had begun.

    Examples:
        >>> issubclass(graphtwin.mixed.NotConverged, Exception)
        True
    """

    def __init__(self, message: str, vector: np.ndarray | None = None):
        super().__init__(message)
        self.vector = vector


Model = OneFactor | Crossed | WithFields
Point = OneFactorPoint | CrossedPoint | FieldPoint
Beyond = Callable[[Point], tuple[float, np.ndarray]]  # what is added to the Laplace log-likelihood at the mode, and its gradient


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
    model: Model,
    normaliser: Normaliser,
    vector: Float[np.ndarray, " parameters"],
    modes: Float[np.ndarray, " modes"],
    beyond: Beyond | None = None,
    near: Point | None = None,
) -> Evaluation:
    """The Laplace log-likelihood and its gradient.

    Args:
        model: The penalised likelihood.
        normaliser: Part of the log-likelihood that depends on the response and the family's shape alone.
        vector: The parameters, as `Layout` orders them.
        modes: Random coefficients at which the search of the mode starts.
        beyond: What is added to the Laplace log-likelihood, such as what quadrature adds.
        near: A point whose Hessian is known and not far from that of the mode, or None.

    Raises:
        NotConverged: When the mode of the random effects is not found.
    """
    point = find_mode(model, vector, modes, near)
    constant, by_shape = normaliser(model.layout.shape(vector))
    gradient = laplace_gradient(point)
    gradient[len(gradient) - len(by_shape) :] += by_shape
    added, slope = beyond(point) if beyond is not None else (0.0, np.zeros_like(gradient))
    return Evaluation(point.value - 0.5 * point.log_determinant() + constant + added, gradient + slope, point)


def laplace_gradient(point: Point) -> Float[np.ndarray, " parameters"]:
    """Gradient of the Laplace log-likelihood at the mode of the random effects, without that of the normaliser."""
    if isinstance(point, FieldPoint):
        return field_gradient(point)
    return crossed_gradient(point) if isinstance(point, CrossedPoint) else point.laplace_gradient()


def gradient_near(
    point: Point, normaliser: Normaliser, vector: Float[np.ndarray, " parameters"], beyond: Beyond | None = None
) -> Float[np.ndarray, " parameters"]:
    """Gradient of the log-likelihood of `evaluate` at parameters so close to those of a mode that one step with its Hessian finds theirs.

    What the step misses is of second order in the distance; where that still matters, with counts of millions, the mode is searched for. So
    it is with a field, whose basis turns with its range, which moves its coefficients far.
    """
    there = point.model.at(vector, point.modes)
    there = point.model.at(vector, point.modes + point.solve(there.score_modes[:, None])[:, 0])
    if isinstance(point, FieldPoint) or not there.score_modes @ point.solve(there.score_modes[:, None])[:, 0] < NEAR_ENOUGH:
        there = find_mode(point.model, vector, point.modes)
    gradient = laplace_gradient(there)
    by_shape = normaliser(point.model.layout.shape(vector))[1]
    gradient[len(gradient) - len(by_shape) :] += by_shape
    return gradient if beyond is None else gradient + beyond(there)[1]


def mode_covariances(point: Point) -> list[np.ndarray]:
    """Conditional covariance of each group's random effects, one array a grouping."""
    return crossed_covariances(point) if isinstance(point, CrossedPoint) else point.mode_covariances()


def find_mode(
    model: Model, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"], near: Point | None = None
) -> Point:
    """The random coefficients that maximise the penalised likelihood, by damped Newton steps.

    With crossed groupings a Hessian costs more than many passes over the rows. There a known one serves until a step gains too little.
    """
    point = model.at(vector, modes)
    if not np.isfinite(point.value):
        point = model.at(vector, np.zeros_like(modes))
    if not np.isfinite(point.value):
        raise NotConverged("the likelihood at these parameters is not finite.", vector)
    keeps = isinstance(model, Crossed) and model.family.concave
    known, before, own = near if near is not None and keeps else point, np.inf, False
    for _ in range(MAX_STEPS):
        step, newton = _mode_step(model, point) if known is point else (known.solve(point.score_modes[:, None])[:, 0], True)
        gain = float(point.score_modes @ step)
        if (gain < MODE_TOLERANCE and known is point) or (own and before < MODE_ROUNDING and gain > 0.1 * before):
            if not newton:
                raise NotConverged("the random effects stand on a saddle of the likelihood, not at a mode.", vector)
            return point
        if known is not point and (gain < MODE_TOLERANCE or gain > SLOW * before):
            known, before, own = point, np.inf, False
            continue
        own = known is point
        point, before = _improved(model, point, np.zeros(len(vector)), _shortened(point, step)), gain
        known = known if keeps else point
    raise NotConverged(f"the random effects have no mode after {MAX_STEPS} Newton steps at these parameters.", vector)


def climbing(model: Model) -> Model:
    """The model with weights whose Newton steps of the modes climb from anywhere: its own where its family is concave."""
    family = model.family
    if family.concave:
        return model
    assert isinstance(family, Bounded), "what is not concave has a lower bound"
    climber = copy(model)
    climber.family = LowerBound(family)
    return climber


def _mode_step(model: Model, point: Point) -> tuple[np.ndarray, bool]:
    """Newton's step towards the mode, or that of the concave lower bound where the likelihood is not concave; whether it is Newton's."""
    right = point.score_modes[:, None]
    if model.family.concave:
        return point.solve(right)[:, 0], True
    try:
        np.linalg.cholesky(point.hessian)
        return point.solve(right)[:, 0], True
    except np.linalg.LinAlgError:
        return climbing(model).at(point.vector, point.modes).solve(right)[:, 0], False


def _shortened(point: Point, step: np.ndarray) -> np.ndarray:
    """A step that is not too long: each coefficient's cut alone where that still climbs, else all alike; with fields, by the log means."""
    if isinstance(point, FieldPoint) and point.model.family.link is IDENTITY:  # the likelihood is a parabola, of which it finds the top
        return step
    if isinstance(point, FieldPoint):
        return step * min(1.0, LONGEST_STEP / max(float(np.abs(point.moved(step)).max()), 1e-300))
    cut = np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return np.asarray(cut if point.score_modes @ cut > 0 else step * (LONGEST_STEP / max(LONGEST_STEP, np.abs(step).max())))


def _improved(model: Model, point: Point, move: np.ndarray, step: np.ndarray) -> Point:
    """The point after a step, halved until the penalised likelihood doesn't fall by more than rounding."""
    slack = 1e-10 * abs(point.value)
    for _ in range(MAX_STEPS):
        there = model.at(point.vector + move, point.modes + step)
        if there.value >= point.value - slack:
            return there
        move, step = 0.5 * move, 0.5 * step
    raise NotConverged("a Newton step of the random effects doesn't raise the likelihood however short it is.", point.vector)


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
