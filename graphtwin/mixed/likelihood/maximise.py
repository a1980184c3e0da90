"""Newton's method on the Laplace likelihood, and the observed information at its maximum.

The gradient is exact. Differences of it give the curvature by variances and shapes. That by the fixed effects at given variances is known
and near enough on the way to the maximum; there it is exact, in closed form with one grouping, by differences with several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from graphtwin.mixed.families import Normaliser
from graphtwin.mixed.likelihood.curvature import fixed_curvature
from graphtwin.mixed.likelihood.laplace import (
    Beyond,
    Evaluation,
    Model,
    NotConverged,
    evaluate,
    fixed_information,
    gradient_near,
    laplace_gradient,
)
from graphtwin.mixed.likelihood.one_factor import OneFactorPoint
from graphtwin.shapes import Float

TOLERANCE = 1e-10  # g' I^-1 g: squared distance from the maximum in standard errors, and twice the log-likelihood still to gain
CLOSE = 1e-8  # g' I^-1 g below which the exact curvature is used: to the maximum it changes by one part in 1e4 at most
MAX_ITERATIONS = 60  # most Newton steps of a search, after which it says how far from a maximum it is
PATIENCE = 25  # Newton steps after which the exact curvature is used wherever the search is
MAX_HALVINGS = 30  # most halvings of a step: 2^-30 of it moves nothing
STEP_IN_ERRORS = 1e-3  # step of the differences at the maximum, in conditional standard errors
STEP_IN_SIZES = 1e-3  # step of the differences on the way to the maximum, in the parameter's own size
SMALL = 2e-3  # share of its starting value below which a root's entry may move freely, also through 0
# Largest rise and fall of a root in one step, as shares of it; at 0 its gradient is 0 whether it is a maximum there or not.
GROWTH, SHRINK = 2.0, 0.8
SHAPE_STEP = 2.0  # largest change of a shape in one step, on its inner scale
ROUNDING = 1e-15  # share of the likelihood without normaliser below which a change of it is rounding: counts of 1e12 make it 1e16
FLAT = 1e-9  # eigenvalue of the information, scaled to a unit diagonal, below which a direction of the parameters is not determined


@dataclass(frozen=True)
class Maximum:
    """The maximum that a search ended at.

    Attributes:
        evaluation: Value, gradient and mode at the maximum.
        covariance: Inverse of the observed information about all parameters.
        iterations: Newton steps taken.
        distance: Distance from the maximum that is left, in standard errors.
    """

    evaluation: Evaluation
    covariance: Float[np.ndarray, "parameters parameters"]
    iterations: int
    distance: float


@dataclass(frozen=True)
class Search:
    """A climb to the maximum.

    Attributes:
        model: The penalised likelihood.
        normaliser: Part of the log-likelihood that depends on the response and the family's shape alone.
        start: Evaluation to start from.
        names: Names of the parameters, for messages.
        edge: Says why parameters at the edge of their range are no result, or None; a reason twice in a row ends the search.
        beyond: What is added to the Laplace log-likelihood.
    """

    model: Model
    normaliser: Normaliser
    start: Evaluation
    names: Sequence[str]
    edge: Callable[[np.ndarray], str | None]
    beyond: Beyond | None = None

    def maximum(self) -> Maximum:
        """Climb to the maximum.

        Raises:
            NotConverged: When no maximum with a positive curvature in every direction is reached.
        """
        here, information, was_at_edge = self.start, self.rough_information(self.start), False
        exact = np.inf  # squared distance from the maximum where the exact curvature was taken; infinite without it
        for iteration in range(MAX_ITERATIONS):
            step = ascent(information, here.gradient)
            squared = float(here.gradient @ step)
            if squared < TOLERANCE and exact < CLOSE:
                return Maximum(here, self._inverse(information, here), iteration, float(np.sqrt(max(squared, 0.0))))
            if squared < CLOSE <= exact or (iteration > PATIENCE and exact == np.inf):
                information, exact = self.exact_information(here, information), abs(squared)
                continue
            below, here = here, self._climbed(here, step)
            information = revised(information, below, here) if exact == np.inf else information
            reason = self.edge(here.point.vector)
            if reason and (was_at_edge or squared < CLOSE):
                raise NotConverged(reason, here.point.vector)
            was_at_edge = reason is not None
            left = float(here.gradient @ ascent(information, here.gradient))
            if left > max(0.1 * squared, CLOSE):
                information, exact = self.rough_information(here), np.inf
        left = float(np.sqrt(abs(here.gradient @ ascent(information, here.gradient))))
        raise NotConverged(
            f"{left:.1e} standard errors from a maximum after {MAX_ITERATIONS} steps. {self._steepest(here)}", here.point.vector
        )

    def _evaluated(self, vector: np.ndarray, modes: np.ndarray, near: Evaluation) -> Evaluation:
        """The log-likelihood at some parameters, from a guess of the mode of the random effects and an evaluation not far from there."""
        return evaluate(self.model, self.normaliser, vector, modes, self.beyond, near.point)

    def _gradient_near(self, here: Evaluation, vector: np.ndarray) -> np.ndarray:
        """The gradient at parameters close to those of an evaluation."""
        return gradient_near(here.point, self.normaliser, vector, self.beyond)

    def _climbed(self, here: Evaluation, step: np.ndarray) -> Evaluation:
        """The point after a step, shortened until the likelihood rises (or stays, within rounding, close to the maximum)."""
        step = step * min(1.0, self._longest(here.point.vector, step))
        shift = fixed_information(here.point)[1]
        slack = 1e-9 * max(1.0, abs(here.value)) if here.gradient @ step < 1e-4 else 0.0
        slack = max(slack, ROUNDING * abs(here.point.value))
        for _ in range(MAX_HALVINGS):
            try:
                modes = here.point.modes + shift @ self.model.layout.fixed(step)
                there = self._evaluated(here.point.vector + step, modes, here)
            except (NotConverged, np.linalg.LinAlgError):
                there = None
            if there is not None and there.value > here.value - slack and np.isfinite(there.gradient).all():
                return there
            step = 0.5 * step
        raise NotConverged(f"no step from log-likelihood {here.value:.3f} raises it. {self._steepest(here)}", here.point.vector)

    def _longest(self, vector: np.ndarray, step: np.ndarray) -> float:
        """The share of a step after which no root has tripled or nearly vanished, and no shape has changed by much."""
        layout = self.model.layout
        parts = [1e-12, *np.abs(layout.shape(step)) / SHAPE_STEP]
        for root, move, usual, entries in zip(*map(layout.roots, (vector, step, self.start.point.vector)), layout.free, strict=True):
            for a, b in entries:
                small = SMALL * abs(usual[a, a])
                parts.append(abs(move[a, b]) / (GROWTH * max(float(np.linalg.norm(root[a])), small)))
                if a == b and abs(root[a, a]) > small:
                    parts.append(-move[a, a] / (SHRINK * root[a, a]))
        return 1.0 / max(parts)

    def rough_information(self, here: Evaluation) -> Float[np.ndarray, "parameters parameters"]:
        """Curvature by the fixed effects at given variances in closed form, the rest by forward differences."""
        n_fixed, n = self.model.layout.n_fixed, self.model.layout.n_parameters
        information = np.zeros((n, n))
        information[:n_fixed, :n_fixed] = fixed_information(here.point)[0]
        for j, size in enumerate(self._sizes(here.point.vector), start=n_fixed):
            move = STEP_IN_SIZES * size * np.eye(n)[j]
            information[:, j] = (here.gradient - self._gradient_near(here, here.point.vector + move)) / move[j]
            information[j, :n_fixed] = information[:n_fixed, j]
        information[n_fixed:, n_fixed:] = _symmetric(information[n_fixed:, n_fixed:])
        return information

    def _sizes(self, vector: np.ndarray) -> list[float]:
        """Size of every root's entry, at least what counts as small, and 1 for each shape."""
        layout = self.model.layout
        sizes = []
        for root, usual, entries in zip(layout.roots(vector), layout.roots(self.start.point.vector), layout.free, strict=True):
            sizes += [max(float(np.linalg.norm(root[a])), SMALL * abs(usual[a, a])) for a, _ in entries]
        return sizes + [1.0] * layout.n_shapes

    def exact_information(
        self, here: Evaluation, rough: Float[np.ndarray, "parameters parameters"]
    ) -> Float[np.ndarray, "parameters parameters"]:
        """Minus the second derivative of the Laplace likelihood, in closed form or by central differences of its gradient.

        Along a fixed effect the mode of the random effects is followed in a straight line, along others by one step with the Hessian at the
        maximum. What these miss is even in the step, and cancels.
        """
        n_fixed, n = self.model.layout.n_fixed, self.model.layout.n_parameters
        width = STEP_IN_ERRORS / np.sqrt(np.maximum(np.abs(np.diag(rough)), 1e-12))
        shift = fixed_information(here.point)[1]
        information = np.empty((n, n))
        known = fixed_curvature(here.point) if isinstance(here.point, OneFactorPoint) and self.beyond is None else None
        for j in range(n) if known is None else range(n_fixed, n):
            gradients = []
            for move in (width[j], -width[j]):
                vector = here.point.vector + move * np.eye(n)[j]
                if j < n_fixed and self.beyond is None:
                    gradients.append(laplace_gradient(self.model.at(vector, here.point.modes + move * shift[:, j])))
                else:
                    gradients.append(self._gradient_near(here, vector))
            information[j] = (gradients[1] - gradients[0]) / (2.0 * width[j])
        if known is not None:
            information[:n_fixed, :n_fixed], information[:n_fixed, n_fixed:] = known, information[n_fixed:, :n_fixed].T
        return _symmetric(information)

    def _inverse(self, information: np.ndarray, here: Evaluation) -> np.ndarray:
        """The covariance, refused where a direction of the parameters is flat or curved the wrong way."""
        diagonal = np.diag(information)
        if (diagonal <= 0).any():
            flat = [name for name, curvature in zip(self.names, diagonal, strict=True) if curvature <= 0]
            raise NotConverged(f"the likelihood has no maximum by {', '.join(flat)}.", here.point.vector)
        size = np.sqrt(diagonal)
        values, vectors = np.linalg.eigh(information / np.outer(size, size))
        if values.min(initial=1.0) < FLAT:
            joined = [name for name, part in zip(self.names, vectors[:, 0], strict=True) if abs(part) > 0.1]
            raise NotConverged(f"the data don't tell {', '.join(joined)} apart (curvature {values[0]:.0e}).", here.point.vector)
        inverse: np.ndarray = (vectors / values) @ vectors.T / np.outer(size, size)
        return inverse

    def _steepest(self, here: Evaluation) -> str:
        """The parameter that still pulls most."""
        j = int(np.argmax(np.abs(here.gradient)))
        return f"The steepest parameter is {self.names[j]}, now {here.point.vector[j]:.4g} (gradient {here.gradient[j]:.2g})."


def ascent(information: Float[np.ndarray, "parameters parameters"], gradient: Float[np.ndarray, " parameters"]) -> np.ndarray:
    """Newton's step, with directions of negative curvature turned so that it climbs."""
    size = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    return vectors @ ((vectors.T @ (gradient / size)) / np.maximum(np.abs(values), FLAT)) / size


def revised(information: Float[np.ndarray, "parameters parameters"], below: Evaluation, here: Evaluation) -> np.ndarray:
    """The information after a step, such that it tells by how much the gradient changed along it; where it did not fall, as it was.

    Source: the BFGS formula, Nocedal and Wright 2006, chapter 6.
    """
    move, fall = here.point.vector - below.point.vector, below.gradient - here.gradient
    told = information @ move
    if move @ fall <= 0.2 * (move @ told):
        return information
    return information + np.outer(fall, fall) / (move @ fall) - np.outer(told, told) / (move @ told)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    """Mean of a matrix and its transpose."""
    return 0.5 * (matrix + matrix.T)
