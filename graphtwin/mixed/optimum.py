"""The maximum of a model's likelihood in a basis where it is found in few steps, or an error that says why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphtwin.mixed.asked import Asked
from graphtwin.mixed.design import (
    Basis,
    Design,
    collapse,
    described,
    effect_scales,
    orthogonal,
    residual,
    separated_direction,
    with_weights,
)
from graphtwin.mixed.families import IDENTITY, LOGIT, Binomial, Distribution, Normaliser, Weighted
from graphtwin.mixed.likelihood import (
    Beyond,
    Crossed,
    Maximum,
    Model,
    NotConverged,
    OneFactor,
    Quadrature,
    RangeSearch,
    Restricted,
    Search,
    WithFields,
    starting_evaluation,
)

STEEPEST = 1e3  # log odds, root mean square over rows, beyond which all successes lie at one end
STEEP_AT_FAILURE = 10.0  # the same where the search has failed already
ENDLESS = 0.1  # share of the steepest category's log odds above which another category's grow without end too
WIDEST_SD = 20.0  # standard deviation of log odds between groups beyond which the groups' responses are all alike
WIDEST = 10.0  # standard error of the log rate or log odds, root mean square over rows, beyond which the data say nothing


@dataclass(frozen=True)
class Optimum:
    """A maximum and what it is the maximum of.

    Attributes:
        basis: Basis that the fixed and random effects are in.
        base: Fixed effects in that basis that were taken off the response beforehand.
        model: The penalised likelihood.
        maximum: The maximum.
        log_likelihood: Log-likelihood with all constants.
    """

    basis: Basis
    base: np.ndarray
    model: Model
    maximum: Maximum
    log_likelihood: float


def find_optimum(what: str, design: Design, asked: Asked) -> Optimum:
    """The maximum and the basis it is found in, or an error that says why there is none."""
    family = asked.distribution
    normaliser = _normaliser(design, family)
    basis = orthogonal(collapse(design) if asked.family == "poisson" and not asked.counted and not design.fields else design)
    gaussian = family.link is IDENTITY
    inside, base = residual(basis.design) if gaussian else (basis.design, np.zeros(len(design.fixed.names)))
    largest = float(np.abs(inside.y if gaussian else design.y).max())
    model = _model(inside, family, asked.counted)
    beyond: Beyond | None = Restricted(model) if asked.reml else Quadrature(asked.quadrature) if asked.quadrature > 1 else None

    def edge(vector: np.ndarray, steepest: float = STEEPEST) -> str | None:
        endless = _separated(inside, model, vector, steepest) if family.link is LOGIT else None
        return endless or family.degenerate(model.layout.shape(vector)[: len(family.shape_names)], largest)

    try:
        _require_overlap(inside, family)
        if isinstance(model, WithFields):
            model, maximum = RangeSearch(inside, family, model, normaliser, edge).maximum()
        else:
            names = model.layout.describe(family.shape_names, [grouping.name for grouping in design.groupings])
            start = starting_evaluation(inside, family, model, normaliser, beyond)
            maximum = Search(model, normaliser, start, names, edge, beyond).maximum()
        if not gaussian:
            _require_narrow(inside, model, maximum.covariance, family.link.scale)
    except (NotConverged, np.linalg.LinAlgError) as failure:
        vector = getattr(failure, "vector", None)
        reason = (edge(vector, STEEP_AT_FAILURE) if vector is not None else None) or str(failure)
        raise NotConverged(f"{what}: not converged, so there is no result: {reason}") from failure
    # the restricted likelihood is that of the columns as they were asked for, not of the basis
    turned = float(np.linalg.slogdet(basis.fixed)[1]) if asked.reml else 0.0
    return Optimum(replace(basis, design=inside), base, model, maximum, maximum.evaluation.value + inside.constant + turned)


def _normaliser(design: Design, family: Distribution) -> Normaliser:
    """Part of the log-likelihood without eta: of successes among trials where there are any, and with weights."""
    if design.trials is None:
        return family.normaliser(design.y, design.weights)
    return Binomial(design.trials).normaliser(np.rint(design.y * design.trials), design.weights)


def _model(design: Design, family: Distribution, counted: bool) -> Model:
    """The penalised likelihood, with weights where rows don't count once each."""
    arrangement = WithFields if design.fields else Crossed if design.crossed else OneFactor
    return arrangement(with_weights(design), Weighted(family)) if counted else arrangement(design, family)


def _separated(design: Design, model: Model, vector: np.ndarray, steepest: float) -> str | None:
    """Why log odds that grow without end, along columns or between groups, are no result; the intercept may be as far as it likes."""
    weight = design.fixed.weight
    constant = (weight[:, 1:] == 0).all(axis=(0, 1)) & (np.ptp(weight[:, 0], axis=0) == 0)
    direction = np.where(constant, 0.0, model.layout.fixed(vector))
    if np.linalg.norm(direction) > steepest:
        what = described(design, direction, ENDLESS)
        return f"the log odds by {what} grow without end: successes lie at one end of it (separation). Leave it out"
    for grouping, root in zip(design.groupings, model.layout.roots(vector)[: len(design.groupings)], strict=True):
        sd = np.sqrt((root**2).sum(axis=1)) * effect_scales(design, grouping.weight)
        if (sd > WIDEST_SD).any():
            return (
                f"the log odds differ between groups of {grouping.name} without end (standard deviation {sd.max():.0f}): "
                "the responses of nearly every group are all alike (separation). Leave this term out"
            )
    return None


def _require_overlap(design: Design, family: Distribution) -> None:
    """Refuse fixed effects along which all rows with a response stay and the others only fall."""
    direction = None if design.absorbed or family.positive or family.link is IDENTITY else separated_direction(design)
    if direction is not None:
        raise NotConverged(
            f"all responses lie at one end of {described(design, direction)} (perfect separation), so that its slope would be infinite. "
            "Leave the column or the category out, or join the category with another."
        )


def _require_narrow(design: Design, model: Model, covariance: np.ndarray, scale: str) -> None:
    """Refuse fixed effects that could be anything; in this basis a direction of length 1 moves the log rate by 1, root mean square."""
    covariance = covariance[: len(design.fixed.names), : len(design.fixed.names)]
    if isinstance(model, WithFields):  # a field of long range takes any level, which leaves that of all rows open
        others = np.eye(len(covariance)) - np.outer(level := model.columns.mean(axis=0), level)
        covariance = others @ covariance @ others
    variance, vectors = np.linalg.eigh(covariance)
    if variance.max(initial=0.0) > WIDEST**2:
        raise NotConverged(
            f"the likelihood is flat by {described(design, vectors[:, -1])} (standard error {np.sqrt(variance[-1]):.3g}, in {scale} a "
            "standard deviation of the column): all responses lie at one end of it (separation). Leave the column or the category out."
        )
