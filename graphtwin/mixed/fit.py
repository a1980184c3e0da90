"""Fit a generalised linear mixed model by maximum Laplace likelihood.

Time grows with rows x (variance and shape parameters), each of which costs four passes over the rows at the end; with several groupings,
each parameter costs besides a product for every two crossed coefficients that an inner group meets, and a factor and an inverse of a
dense matrix as wide as the crossed groupings have coefficients. Memory is that of the columns the formula names, twice. What a spatial
field adds stands in `likelihood.field`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from graphtwin.mixed.design import (
    NO_FACTOR,
    Basis,
    Design,
    Grouping,
    Prepared,
    collapse,
    described,
    effect_scales,
    hold,
    orthogonal,
    parse_formula,
    prepare,
    require_names,
    residual,
    separated_direction,
    with_weights,
)
from graphtwin.mixed.families import IDENTITY, LOGIT, Binomial, Distribution, Normaliser, Weighted, family_named
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
    mode_covariances,
    predictor_unit,
    require_scalar_factor,
    starting_evaluation,
    starting_roots,
)
from graphtwin.mixed.result import FittedGrouping, HeldLikelihood, MixedFit, Source
from graphtwin.mixed.spatial import field_notes, fitted_fields

VANISHED = 1e-3  # share of the starting standard deviation below which a random effect counts as vanished
STEEPEST = 1e3  # log odds, root mean square over rows, beyond which all successes lie at one end
STEEP_AT_FAILURE = 10.0  # the same where the search has failed already
WIDEST_SD = 20.0  # standard deviation of log odds between groups beyond which the groups' responses are all alike
WIDEST = 10.0  # standard error of the log rate or log odds, root mean square over rows, beyond which the data say nothing


@dataclass(frozen=True)
class Asked:
    """What `fit_mixed` was asked for, beside the table; its arguments say what each is."""

    formula: str
    family: str
    absorb: str | None
    weights: str | None
    trials: str | None
    reml: bool
    quadrature: int

    @property
    def distribution(self) -> Distribution:
        """Distribution of the response."""
        return family_named(self.family)

    @property
    def counted(self) -> bool:
        """Whether rows count by their weights or trials."""
        return self.weights is not None or self.trials is not None

    def prepared(self, table: pd.DataFrame) -> Prepared:
        """The table made ready."""
        return prepare(parse_formula(self.formula), table, self.distribution, self.absorb, self.weights, self.trials)

    def columns(self, table: pd.DataFrame) -> pd.DataFrame:
        """The columns that a model names, without a copy of them."""
        text = f"{self.formula} {self.absorb or ''} {self.weights or ''} {self.trials or ''}"
        named = [name for name in table if re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", text)]
        return pd.DataFrame({name: table[name] for name in named}, copy=False)


def fit_mixed(
    formula: str,
    table: pd.DataFrame,
    family: str = "poisson",
    absorb: str | None = None,
    *,
    weights: str | None = None,
    trials: str | None = None,
    reml: bool = False,
    quadrature: int = 1,
) -> MixedFit:
    """Fit a model by maximum likelihood.

    The Laplace approximation takes the place of the integral over random effects; of a Gaussian response it is the integral. The
    log-likelihoods of "nb1" and of the zero-inflated families are not concave: the search climbs safely to a mode of the random effects
    and to a maximum, but others may exist; random effects that are well determined by their rows leave one.

    Args:
        formula: Model formula, such as `y ~ x * kind + offset(log(exposure)) + (1 | group:kind)`. A smooth spatial random effect is
            `field(post_x, post_y, post_z)`, a Gaussian field carried by few knots, whose SD and range are estimated; in tissue many
            ranges wide, standard errors beside a field of 100 knots are about a tenth too small, and more knots help.
        table: One response a row; no column that the formula names may have gaps.
        family: With a log link "poisson", "negative_binomial" (NB2: variance mu + mu^2 / phi), "nb1" (variance mu (1 + phi)),
            "zero_inflated_poisson" and "zero_inflated_negative_binomial" (one share of structural zeros, `zero_inflation`, beside counts
            of mean mu), "tweedie" (variance phi mu^power, 1 < power < 2) and "gamma" (variance phi mu^2); with a logit link "binomial" (0
            or 1, or successes among `trials`); with an identity link "gaussian" (variance sigma^2).
        absorb: Columns whose combinations get a free intercept each, such as "group" or "group:kind", instead of random effects; what
            doesn't vary within them is absorbed. Not for zero-inflated, binomial and Gaussian responses, whose slopes or variances free
            intercepts bias.
        weights: Column that says how often each row's log-likelihood counts, 0 or more; a row of weight 0 is left out. (glmmTMB's weights;
            those of lme4 divide a Gaussian row's variance instead.)
        trials: Column with the number of trials among which the response counts successes, for "binomial"; one trial a row without it.
        reml: Whether variances of a Gaussian model maximise the restricted likelihood, which accounts for the fixed effects' degrees of
            freedom. Restricted likelihoods of models with other fixed effects can't be compared.
        quadrature: Points of adaptive Gauss-Hermite quadrature over a single random effect of one grouping, (1 | group); 1 is the Laplace
            approximation.

    Raises:
        ValueError: When the table can't tell what the formula asks; the error gives the number of rows and what to do.
        NotConverged: When no maximum is found; nothing is reported then.
    """
    require_names(absorb=absorb, weights=weights, trials=trials)
    asked = Asked(formula, family, absorb, weights, trials, reml, quadrature)
    chosen = asked.distribution
    if reml and chosen.link is not IDENTITY:
        raise ValueError(f"reml: the restricted likelihood is that of family gaussian, and the family is {family}. Leave reml out.")
    ready = asked.prepared(table)
    design = ready.design
    if design.fields and (reml or quadrature > 1):
        raise ValueError(f"reml and quadrature: {', '.join(one.term.name for one in design.fields)} is fitted by Laplace. Leave them out.")
    require_scalar_factor(design, quadrature)
    found = _maximum(f"{formula} ({family})", design, asked)
    basis, model, maximum = found.basis, found.model, found.maximum
    vector, n_fixed = maximum.evaluation.point.vector, len(design.fixed.names)
    unit = predictor_unit(basis.design, chosen.link)
    spatial = fitted_fields(model, maximum.evaluation.point) if isinstance(model, WithFields) else ()
    return MixedFit(
        formula=formula,
        family=family,
        absorbed=absorb,
        weights=weights,
        trials=trials,
        reml=reml,
        quadrature=quadrature,
        names=design.fixed.names,
        estimate=basis.fixed @ (found.base + model.layout.fixed(vector)),
        covariance=basis.fixed @ maximum.covariance[:n_fixed, :n_fixed] @ basis.fixed.T,
        shape=chosen.shape(model.layout.shape(vector)[: len(chosen.shape_names)]),
        groupings=_fitted_groupings(ready, basis, model, maximum),
        log_likelihood=found.log_likelihood,
        n_parameters=model.layout.n_parameters + (design.inner.n_groups if absorb is not None else 0),
        n_rows=design.n_rows,
        iterations=maximum.iterations,
        distance=maximum.distance,
        notes=(*ready.notes, *_vanished(design, basis, model, vector, unit), *field_notes(design.fields, spatial, unit)),
        features=design.features,
        patterns={name: [str(level) for level in design.patterns[name]] for name in design.patterns},
        weight=ready.fixed.weight,
        feature_mean=ready.feature_mean,
        n_rows_of_pattern=ready.n_rows_of_pattern,
        levels={name: list(design.patterns[name].cat.categories) for name in design.patterns},
        feature_sd=ready.feature_sd,
        response=ready.response,
        fields=spatial,
        source=Source(asked.columns(table), partial(_held, asked)),
    )


@dataclass(frozen=True)
class _Found:
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


def _held(asked: Asked, table: pd.DataFrame) -> HeldLikelihood:
    """The log-likelihood, maximised over all else, where a fixed effect is held at a value."""
    if asked.reml:
        raise ValueError("profile: restricted likelihoods of models with other fixed effects can't be compared. Fit with reml=False.")
    design = asked.prepared(table).design

    def at(effect: int, value: float) -> float:
        what = f"{asked.formula} ({asked.family}), {design.fixed.names[effect]} held at {value:.4g}"
        return _maximum(what, hold(design, effect, value), asked).log_likelihood

    return at


def _normaliser(design: Design, family: Distribution) -> Normaliser:
    """Part of the log-likelihood without eta: of successes among trials where there are any, and with weights."""
    if design.trials is None:
        return family.normaliser(design.y, design.weights)
    return Binomial(design.trials).normaliser(np.rint(design.y * design.trials), design.weights)


def _model(design: Design, family: Distribution, counted: bool) -> Model:
    """The penalised likelihood, with weights where rows don't count once each."""
    arrangement = WithFields if design.fields else Crossed if design.crossed else OneFactor
    return arrangement(with_weights(design), Weighted(family)) if counted else arrangement(design, family)


def _maximum(what: str, design: Design, asked: Asked) -> _Found:
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
    return _Found(replace(basis, design=inside), base, model, maximum, maximum.evaluation.value + inside.constant + turned)


def _separated(design: Design, model: Model, vector: np.ndarray, steepest: float) -> str | None:
    """Why log odds that grow without end, along columns or between groups, are no result; the intercept may be as far as it likes."""
    weight = design.fixed.weight
    constant = (weight[:, 1:] == 0).all(axis=(0, 1)) & (np.ptp(weight[:, 0], axis=0) == 0)
    direction = np.where(constant, 0.0, model.layout.fixed(vector))
    if np.linalg.norm(direction) > steepest:
        return f"the log odds by {described(design, direction)} grow without end: successes lie at one end of it (separation). Leave it out"
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
            f"the likelihood is flat by {described(design, vectors[:, -1])} (standard error {np.sqrt(variance[-1]):.0f}, in {scale} a "
            "standard deviation of the column): all responses lie at one end of it (separation). Leave the column or the category out."
        )


def _fitted_groupings(ready: Prepared, basis: Basis, model: Model, maximum: Maximum) -> tuple[FittedGrouping, ...]:
    """Variances, modes and their conditional standard deviations."""
    point = maximum.evaluation.point
    found, place = [], 0
    roots = model.layout.roots(point.vector)[: len(basis.design.groupings)]
    for i, (grouping, root, covariance) in enumerate(zip(basis.design.groupings, roots, mode_covariances(point), strict=True)):
        modes = point.modes[place : place + grouping.size].reshape(grouping.n_groups, -1)
        place += grouping.size
        if grouping.name != NO_FACTOR and not basis.design.absorbed:
            turn = basis.random[i]
            found.append(_fitted_grouping(grouping, ready.random[i], turn @ root, modes, turn @ covariance @ turn.T))
    return tuple(found)


def _fitted_grouping(grouping: Grouping, weight: np.ndarray, root: np.ndarray, modes: np.ndarray, covariance: np.ndarray) -> FittedGrouping:
    """One grouping as it is reported."""
    variance = root @ root.T
    sd = np.sqrt(np.diag(variance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = variance / np.outer(sd, sd)
    return FittedGrouping(
        name=grouping.name,
        effects=grouping.effects,
        weight=weight,
        sd=sd,
        correlation=correlation,
        levels={name: grouping.levels[name].tolist() for name in grouping.levels},
        modes=modes @ root.T,
        mode_sd=np.sqrt(np.einsum("gkk->gk", covariance)),
        free=grouping.free,
    )


def _vanished(design: Design, basis: Basis, model: Model, vector: np.ndarray, unit: float) -> list[str]:
    """Notes on variances at 0 and correlations at 1."""
    notes = []
    starts = iter(starting_roots(design, unit))
    roots = model.layout.roots(vector)[: len(design.groupings)]
    for grouping, turn, root in zip(design.groupings, basis.random, roots, strict=True):
        triangle = np.asarray(np.linalg.qr((turn @ root).T, mode="r")).T
        for a, b in grouping.free:
            usual = next(starts)
            if a == b and abs(triangle[a, a]) < VANISHED * usual:
                alone = np.abs(triangle[a]).max() < VANISHED * usual
                what = "has a standard deviation of 0" if alone else "is perfectly correlated with the effects before it"
                notes.append(
                    f"{grouping.effects[a]} between groups of {grouping.name} {what} (singular): the data ask for less than this term."
                )
    return notes
