"""Fit a generalised linear mixed model by maximum Laplace likelihood.

Time grows with rows x (fixed effects + variance parameters), each of which costs two passes over the rows at the end, and with the
square of the coefficients of crossed groupings x groups of the inner one. Memory is that of the columns the formula names, twice.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.mixed.design import NO_FACTOR, Design, Grouping, collapse, effect_scales, parse_formula, pattern_moments, prepare
from graphtwin.mixed.families import Family, Normaliser, family_named
from graphtwin.mixed.likelihood import (
    Crossed,
    Maximum,
    Model,
    NotConverged,
    OneFactor,
    Search,
    mode_covariances,
    starting_evaluation,
    starting_roots,
)
from graphtwin.mixed.result import FittedGrouping, MixedFit

VANISHED = 1e-3  # share of the starting standard deviation below which a random effect counts as vanished
WIDEST = 10.0  # standard error of the log rate at one standard deviation of a column, beyond which the data say nothing


def fit_mixed(formula: str, table: pd.DataFrame, family: str = "poisson", absorb: str | None = None) -> MixedFit:
    """Fit a model with a log link.

    Args:
        formula: Model formula, such as `y ~ x * kind + offset(log(exposure)) + (1 | group:kind)`.
        table: One response a row; no column that the formula names may have gaps.
        family: "poisson", "negative_binomial" (variance mu + mu^2 / phi), "tweedie" (variance phi mu^power, 1 < power < 2) or "gamma"
            (variance phi mu^2).
        absorb: Columns whose combinations get a free intercept each, such as "group" or "group:kind", instead of random effects; what
            doesn't vary within them is absorbed.

    Raises:
        ValueError: When the table can't tell what the formula asks; the error gives the number of rows and what to do.
        NotConverged: When no maximum is found; nothing is reported then.
    """
    parsed, chosen = parse_formula(formula), family_named(family)
    design, notes = prepare(parsed, table, chosen, absorb)
    feature_mean, n_rows_of_pattern = pattern_moments(design)
    normaliser, largest = chosen.normaliser(design.y), float(design.y.max())
    design = collapse(design) if family == "poisson" else design
    model: Model = Crossed(design, chosen) if design.crossed else OneFactor(design, chosen)
    maximum = _maximum(f"{formula} ({family})", design, chosen, model, normaliser, largest)
    vector = maximum.evaluation.point.vector
    return MixedFit(
        formula=formula,
        family=family,
        absorbed=absorb,
        names=design.fixed.names,
        estimate=model.layout.fixed(vector),
        covariance=maximum.covariance[: model.layout.n_fixed, : model.layout.n_fixed],
        shape=chosen.shape(model.layout.shape(vector)),
        groupings=_fitted_groupings(design, model, maximum),
        log_likelihood=maximum.evaluation.value + design.constant,
        n_parameters=model.layout.n_parameters + (design.inner.n_groups if absorb is not None else 0),
        n_rows=design.n_rows,
        iterations=maximum.iterations,
        distance=maximum.distance,
        notes=tuple(notes + _vanished(design, model, vector)),
        features=design.features,
        patterns={name: [str(level) for level in design.patterns[name]] for name in design.patterns},
        weight=design.fixed.weight,
        feature_mean=feature_mean,
        n_rows_of_pattern=n_rows_of_pattern,
    )


def _maximum(what: str, design: Design, family: Family, model: Model, normaliser: Normaliser, largest: float) -> Maximum:
    """The maximum, or an error that says why there is none."""

    def edge(vector: np.ndarray) -> str | None:
        return family.degenerate(model.layout.shape(vector), largest)

    names = model.layout.describe(family.shape_names, [grouping.name for grouping in design.groupings])
    try:
        start = starting_evaluation(design, family, model, normaliser)
        maximum = Search(model, normaliser, start, names, edge).maximum()
        _require_narrow(design, model, maximum.covariance)
    except (NotConverged, np.linalg.LinAlgError) as failure:
        vector = getattr(failure, "vector", None)
        reason = (edge(vector) if vector is not None else None) or str(failure)
        raise NotConverged(f"{what}: not converged, so there is no result: {reason}") from failure
    return maximum


def _require_narrow(design: Design, model: Model, covariance: np.ndarray) -> None:
    """Refuse fixed effects that could be anything: the likelihood is flat far out, where all responses lie at one end of a column."""
    width = np.sqrt(np.diag(covariance))[: model.layout.n_fixed] * effect_scales(design, design.fixed.weight)
    if (width > WIDEST).any():
        wide = [f"{name} (standard error {width[j]:.0f})" for j, name in enumerate(model.layout.names) if width[j] > WIDEST]
        raise NotConverged(
            f"the likelihood is flat by {', '.join(wide)}, in log rate a standard deviation of the column: "
            "all responses lie at one end of it (separation). Leave the column or the category out."
        )


def _fitted_groupings(design: Design, model: Model, maximum: Maximum) -> tuple[FittedGrouping, ...]:
    """Variances, modes and their conditional standard deviations."""
    point = maximum.evaluation.point
    found, place = [], 0
    for grouping, root, covariance in zip(design.groupings, model.layout.roots(point.vector), mode_covariances(point), strict=True):
        modes = point.modes[place : place + grouping.size].reshape(grouping.n_groups, -1)
        place += grouping.size
        if grouping.name != NO_FACTOR and not design.absorbed:
            found.append(_fitted_grouping(grouping, root, modes, covariance))
    return tuple(found)


def _fitted_grouping(grouping: Grouping, root: np.ndarray, modes: np.ndarray, covariance: np.ndarray) -> FittedGrouping:
    """One grouping as it is reported."""
    variance = root @ root.T
    sd = np.sqrt(np.diag(variance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = variance / np.outer(sd, sd)
    return FittedGrouping(
        name=grouping.name,
        effects=grouping.effects,
        weight=grouping.weight,
        sd=sd,
        correlation=correlation,
        levels={name: grouping.levels[name].tolist() for name in grouping.levels},
        modes=modes @ root.T,
        mode_sd=np.sqrt(np.einsum("gkk->gk", covariance)),
    )


def _vanished(design: Design, model: Model, vector: np.ndarray) -> list[str]:
    """Notes on variances at 0 and correlations at 1."""
    notes = []
    starts = iter(starting_roots(design))
    for grouping, root in zip(design.groupings, model.layout.roots(vector), strict=True):
        for a, b in grouping.free:
            usual = next(starts)
            if a == b and abs(root[a, a]) < VANISHED * usual:
                alone = np.abs(root[a]).max() < VANISHED * usual
                what = "has a standard deviation of 0" if alone else "is perfectly correlated with the effects before it"
                notes.append(
                    f"{grouping.effects[a]} between groups of {grouping.name} {what} (singular): the data ask for less than this term."
                )
    return notes
