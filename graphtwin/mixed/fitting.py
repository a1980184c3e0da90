"""Fit a generalised linear mixed model by maximum Laplace likelihood.

Time grows with rows x (variance and shape parameters), each of which costs four passes over the rows at the end; with several groupings,
each parameter costs besides a product for every two crossed coefficients that an inner group meets, and a factor and an inverse of a
dense matrix as wide as the crossed groupings have coefficients. Memory is that of the columns the formula names, twice. What a spatial
field adds stands in `likelihood.field`.
"""

from __future__ import annotations

from functools import partial

import pandas as pd

from graphtwin.mixed.asked import Asked
from graphtwin.mixed.design import hold, require_names
from graphtwin.mixed.families import IDENTITY
from graphtwin.mixed.likelihood import WithFields, covariance_changes, predictor_unit
from graphtwin.mixed.optimum import Optimum, find_optimum
from graphtwin.mixed.random_effects import fitted_groupings, vanished_notes
from graphtwin.mixed.result import HeldLikelihood, MixedFit, Satterthwaite, Source
from graphtwin.mixed.spatial import field_notes, fitted_fields


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

    Examples:
        >>> near = pairs[pairs["l_d_um"] > 0]
        >>> fit = graphtwin.mixed.fit("n_synapses ~ signal_correlation + offset(log(l_d_um)) + (1 | pre_nucleus_id)", near)
        >>> fit.names
        ('Intercept', 'signal_correlation')
        >>> bool(fit.params["signal_correlation"] > 0)
        True
    """
    require_names(absorb=absorb, weights=weights, trials=trials)
    asked = Asked(formula, family, absorb, weights, trials, reml, quadrature)
    chosen, ready = asked.distribution, asked.prepared(table)
    design = ready.design
    found = find_optimum(f"{formula} ({family})", design, asked)
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
        groupings=fitted_groupings(ready, basis, model, maximum),
        log_likelihood=found.log_likelihood,
        n_parameters=model.layout.n_parameters + (design.inner.n_groups if absorb is not None else 0),
        n_rows=design.n_rows,
        iterations=maximum.iterations,
        distance=maximum.distance,
        notes=(*ready.notes, *vanished_notes(design, basis, model, vector, unit), *field_notes(design.fields, spatial, unit)),
        features=design.features,
        patterns={name: [str(level) for level in design.patterns[name]] for name in design.patterns},
        weight=ready.fixed.weight,
        feature_mean=ready.feature_mean,
        n_rows_of_pattern=ready.n_rows_of_pattern,
        levels={name: list(design.patterns[name].cat.categories) for name in design.patterns},
        feature_sd=ready.feature_sd,
        response=ready.response,
        fields=spatial,
        satterthwaite=_satterthwaite(found) if chosen.link is IDENTITY and not design.fields else None,
        source=Source(asked.columns(table), partial(_held, asked)),
    )


def _held(asked: Asked, table: pd.DataFrame) -> HeldLikelihood:
    """The log-likelihood, maximised over all else, where a fixed effect is held at a value."""
    if asked.reml:
        raise ValueError("profile: restricted likelihoods of models with other fixed effects can't be compared. Fit with reml=False.")
    design = asked.prepared(table).design

    def at(effect: int, value: float) -> float:
        what = f"{asked.formula} ({asked.family}), {design.fixed.names[effect]} held at {value:.4g}"
        return find_optimum(what, hold(design, effect, value), asked).log_likelihood

    return at


def _satterthwaite(found: Optimum) -> Satterthwaite:
    """What degrees of freedom are made of, for the fixed effects as they were asked for."""
    turn = found.basis.fixed
    covariance, change = covariance_changes(found.maximum)
    return Satterthwaite(turn @ covariance @ turn.T, turn @ change @ turn.T)
