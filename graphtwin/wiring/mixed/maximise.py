"""Newton's method on the Laplace likelihood, and the observed information at its maximum.

The gradient is exact. Between pairs of gradients lies the curvature: central differences at a hundredth of a standard error give all of
it at the maximum; on the way there a rougher one does, which knows the fixed effects at given variances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from graphtwin.wiring.mixed.families import Normaliser
from graphtwin.wiring.mixed.laplace import Evaluation, Model, NotConverged, evaluate, fixed_information

TOLERANCE = 1e-10  # g' I^-1 g: squared distance from the maximum in standard errors, and twice the log-likelihood still to gain
MAX_ITERATIONS = 60
MAX_HALVINGS = 30
CLOSE = 1e-8  # the same, from which on the exact curvature is used: to the maximum it changes by one part in 1e4 at most
STEP_IN_ERRORS = 1e-3  # of the differences, in conditional standard errors
FLAT = 1e-9  # eigenvalue of the information, scaled to a unit diagonal, below which a direction of the parameters is not determined
SMALLEST_SCALE = 1e-3  # below which a root's entry is not scaled down further
SHRINK = 0.2  # to which part a root may fall in one step: at 0 its gradient is 0 whether it is a maximum there or not

Edge = Callable[[np.ndarray], str | None]


@dataclass(frozen=True)
class Maximum:
    """Where the search ended.

    Attributes:
        evaluation: Value, gradient and mode there.
        covariance: Inverse of the observed information about all parameters.
        iterations: Newton steps taken.
        distance: Distance from the maximum that is left, in standard errors.
    """

    evaluation: Evaluation
    covariance: Float[np.ndarray, "parameters parameters"]
    iterations: int
    distance: float


def maximise(model: Model, normaliser: Normaliser, start: Evaluation, names: Sequence[str], edge: Edge) -> Maximum:
    """Climb from a start to the maximum.

    Args:
        model: The penalised likelihood.
        normaliser: Of the family on this response.
        start: Evaluation to start from.
        names: Of the parameters, for messages.
        edge: Why parameters at the edge of their range are no result, or None; twice in a row ends the search.

    Raises:
        NotConverged: When no maximum with a positive curvature in every direction is reached.
    """
    here, information, exact, was_at_edge = start, rough_information(model, normaliser, start), False, False
    for iteration in range(MAX_ITERATIONS):
        step = ascent(information, here.gradient)
        squared = float(here.gradient @ step)
        if squared < TOLERANCE and exact:
            return Maximum(here, _inverse(information, names, here), iteration, float(np.sqrt(max(squared, 0.0))))
        if squared < CLOSE and not exact:
            information, exact = exact_information(model, normaliser, here, information), True
            continue
        here = _climbed(model, normaliser, here, step, names)
        reason = edge(here.point.vector)
        if reason and (was_at_edge or squared < CLOSE):
            raise NotConverged(reason, here.point.vector)
        was_at_edge = reason is not None
        left = float(here.gradient @ ascent(information, here.gradient))
        if left > max(0.1 * squared, CLOSE):
            information, exact = rough_information(model, normaliser, here), False
    raise NotConverged(_not_reached(names, here, information), here.point.vector)


def ascent(information: Float[np.ndarray, "parameters parameters"], gradient: Float[np.ndarray, " parameters"]) -> np.ndarray:
    """Newton's step, with directions of negative curvature turned so that it climbs."""
    size = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    return vectors @ ((vectors.T @ (gradient / size)) / np.maximum(np.abs(values), FLAT)) / size


def _climbed(model: Model, normaliser: Normaliser, here: Evaluation, step: np.ndarray, names: Sequence[str]) -> Evaluation:
    """The point after a step, shortened until the likelihood rises (or stays, within rounding, close to the maximum)."""
    step = step * min(1.0, _longest(model, here.point.vector, step))
    shift = fixed_information(here.point)[1]
    slack = 1e-9 * max(1.0, abs(here.value)) if here.gradient @ step < 1e-4 else 0.0
    for _ in range(MAX_HALVINGS):
        try:
            modes = here.point.modes + shift @ model.layout.fixed(step)
            there = evaluate(model, normaliser, here.point.vector + step, modes)
        except (NotConverged, np.linalg.LinAlgError):
            there = None
        if there is not None and there.value > here.value - slack and np.isfinite(there.gradient).all():
            return there
        step = 0.5 * step
    raise NotConverged(f"no step from log-likelihood {here.value:.3f} raises it. {_steepest(names, here)}", here.point.vector)


def _longest(model: Model, vector: np.ndarray, step: np.ndarray) -> float:
    """The part of a step after which no root has tripled or nearly vanished and no shape has changed by more than 2 on its inner scale."""
    roots = slice(model.layout.n_fixed, model.layout.n_fixed + model.layout.n_roots)
    size, change = np.abs(vector[roots]), step[roots] * np.where(vector[roots] < 0, -1.0, 1.0)
    growth = change / (2.0 * np.maximum(size, SMALLEST_SCALE))
    fall = np.where(size > SMALLEST_SCALE, -change / ((1.0 - SHRINK) * np.maximum(size, SMALLEST_SCALE)), 0.0)
    shapes = np.abs(model.layout.shape(step)) / 2.0
    return 1.0 / max(growth.max(initial=0.0), fall.max(initial=0.0), shapes.max(initial=0.0), 1e-12)


def rough_information(model: Model, normaliser: Normaliser, here: Evaluation) -> Float[np.ndarray, "parameters parameters"]:
    """Curvature by the fixed effects at given variances in closed form, the rest by forward differences."""
    n_fixed, n = model.layout.n_fixed, model.layout.n_parameters
    information = np.zeros((n, n))
    information[:n_fixed, :n_fixed] = fixed_information(here.point)[0]
    for j in range(n_fixed, n):
        width = 1e-3 * max(abs(here.point.vector[j]), SMALLEST_SCALE)
        moved = evaluate(model, normaliser, here.point.vector + width * np.eye(n)[j], here.point.modes)
        information[:, j] = (here.gradient - moved.gradient) / width
        information[j, :n_fixed] = information[:n_fixed, j]
    information[n_fixed:, n_fixed:] = _symmetric(information[n_fixed:, n_fixed:])
    return information


def exact_information(
    model: Model, normaliser: Normaliser, here: Evaluation, rough: Float[np.ndarray, "parameters parameters"]
) -> Float[np.ndarray, "parameters parameters"]:
    """Minus the second derivative of the Laplace likelihood, by central differences of its gradient.

    Along a fixed effect the mode of the random effects is followed in a straight line. What the line misses is even in the step, and
    cancels.
    """
    n_fixed, n = model.layout.n_fixed, model.layout.n_parameters
    width = STEP_IN_ERRORS / np.sqrt(np.maximum(np.abs(np.diag(rough)), 1e-12))
    shift = fixed_information(here.point)[1]
    information = np.empty((n, n))
    for j in range(n):
        gradients = []
        for move in (width[j], -width[j]):
            vector = here.point.vector + move * np.eye(n)[j]
            if j < n_fixed:
                gradients.append(model.at(vector, here.point.modes + move * shift[:, j]).laplace_gradient())
            else:
                gradients.append(evaluate(model, normaliser, vector, here.point.modes).gradient)
        information[j] = (gradients[1] - gradients[0]) / (2.0 * width[j])
    return _symmetric(information)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    """Mean of a matrix and its transpose."""
    return 0.5 * (matrix + matrix.T)


def _inverse(information: np.ndarray, names: Sequence[str], here: Evaluation) -> np.ndarray:
    """The covariance, refused where a direction of the parameters is flat or curved the wrong way."""
    diagonal = np.diag(information)
    if (diagonal <= 0).any():
        flat = [name for name, curvature in zip(names, diagonal, strict=True) if curvature <= 0]
        raise NotConverged(f"the likelihood has no maximum by {', '.join(flat)}.", here.point.vector)
    size = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    if values[0] < FLAT:
        joined = [name for name, part in zip(names, vectors[:, 0], strict=True) if abs(part) > 0.1]
        raise NotConverged(f"the data don't tell {', '.join(joined)} apart (curvature {values[0]:.0e}).", here.point.vector)
    inverse: np.ndarray = (vectors / values) @ vectors.T / np.outer(size, size)
    return inverse


def _not_reached(names: Sequence[str], here: Evaluation, information: np.ndarray) -> str:
    """What is said when the steps are used up."""
    left = float(np.sqrt(abs(here.gradient @ ascent(information, here.gradient))))
    return f"{left:.1e} standard errors from a maximum after {MAX_ITERATIONS} steps. {_steepest(names, here)}"


def _steepest(names: Sequence[str], here: Evaluation) -> str:
    """The parameter that still pulls most."""
    steepest = int(np.argmax(np.abs(here.gradient)))
    return f"The steepest parameter is {names[steepest]}, now {here.point.vector[steepest]:.4g} (gradient {here.gradient[steepest]:.2g})."
