"""Fit a generalised linear mixed model by maximum Laplace likelihood.

Time grows with rows x (fixed effects + variance parameters), each of which costs two passes over the rows at the end, and with the
square of the coefficients of crossed groupings x groups of the inner one. Memory is that of the columns the formula names, twice.
"""

from __future__ import annotations

import re
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
    hold,
    orthogonal,
    parse_formula,
    prepare,
    separated_direction,
)
from graphtwin.mixed.families import Family, family_named
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
from graphtwin.mixed.result import FittedGrouping, HeldLikelihood, MixedFit, Source

VANISHED = 1e-3  # share of the starting standard deviation below which a random effect counts as vanished
WIDEST = 10.0  # standard error of the log rate, root mean square over rows, beyond which the data say nothing


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
    chosen = family_named(family)
    ready = prepare(parse_formula(formula), table, chosen, absorb)
    design = ready.design
    basis, model, maximum = _maximum(f"{formula} ({family})", design, chosen)
    vector, n_fixed = maximum.evaluation.point.vector, len(design.fixed.names)
    return MixedFit(
        formula=formula,
        family=family,
        absorbed=absorb,
        names=design.fixed.names,
        estimate=basis.fixed @ model.layout.fixed(vector),
        covariance=basis.fixed @ maximum.covariance[:n_fixed, :n_fixed] @ basis.fixed.T,
        shape=chosen.shape(model.layout.shape(vector)),
        groupings=_fitted_groupings(ready, basis, model, maximum),
        log_likelihood=maximum.evaluation.value + basis.design.constant,
        n_parameters=model.layout.n_parameters + (design.inner.n_groups if absorb is not None else 0),
        n_rows=design.n_rows,
        iterations=maximum.iterations,
        distance=maximum.distance,
        notes=(*ready.notes, *_vanished(design, basis, model, vector)),
        features=design.features,
        patterns={name: [str(level) for level in design.patterns[name]] for name in design.patterns},
        weight=ready.fixed.weight,
        feature_mean=ready.feature_mean,
        n_rows_of_pattern=ready.n_rows_of_pattern,
        levels={name: list(design.patterns[name].cat.categories) for name in design.patterns},
        feature_sd=ready.feature_sd,
        response=ready.response,
        source=Source(_columns_in_use(formula, absorb, table), partial(_held, formula, family, absorb)),
    )


def _columns_in_use(formula: str, absorb: str | None, table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a model names, without a copy of them."""
    named = [name for name in table if re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", f"{formula} {absorb or ''}")]
    return pd.DataFrame({name: table[name] for name in named}, copy=False)


def _held(formula: str, family: str, absorb: str | None, table: pd.DataFrame) -> HeldLikelihood:
    """The log-likelihood, maximised over all else, where a fixed effect is held at a value."""
    chosen = family_named(family)
    design = prepare(parse_formula(formula), table, chosen, absorb).design

    def at(effect: int, value: float) -> float:
        what = f"{formula} ({family}), {design.fixed.names[effect]} held at {value:.4g}"
        basis, _, maximum = _maximum(what, hold(design, effect, value), chosen)
        return maximum.evaluation.value + basis.design.constant

    return at


def _maximum(what: str, design: Design, family: Family) -> tuple[Basis, Model, Maximum]:
    """The maximum and the basis it is found in, or an error that says why there is none."""
    normaliser, largest = family.normaliser(design.y), float(design.y.max())
    basis = orthogonal(collapse(design) if family.name == "poisson" else design)
    model: Model = Crossed(basis.design, family) if design.crossed else OneFactor(basis.design, family)

    def edge(vector: np.ndarray) -> str | None:
        return family.degenerate(model.layout.shape(vector), largest)

    names = model.layout.describe(family.shape_names, [grouping.name for grouping in design.groupings])
    try:
        _require_overlap(basis.design, family)
        start = starting_evaluation(basis.design, family, model, normaliser)
        maximum = Search(model, normaliser, start, names, edge).maximum()
        _require_narrow(basis.design, maximum.covariance)
    except (NotConverged, np.linalg.LinAlgError) as failure:
        vector = getattr(failure, "vector", None)
        reason = (edge(vector) if vector is not None else None) or str(failure)
        raise NotConverged(f"{what}: not converged, so there is no result: {reason}") from failure
    return basis, model, maximum


def _require_overlap(design: Design, family: Family) -> None:
    """Refuse fixed effects along which all rows with a response stay and the others only fall."""
    direction = None if design.absorbed or family.positive else separated_direction(design)
    if direction is not None:
        raise NotConverged(
            f"all responses lie at one end of {described(design, direction)} (perfect separation), so that its slope would be infinite. "
            "Leave the column or the category out, or join the category with another."
        )


def _require_narrow(design: Design, covariance: np.ndarray) -> None:
    """Refuse fixed effects that could be anything; in this basis a direction of length 1 moves the log rate by 1, root mean square."""
    variance, vectors = np.linalg.eigh(covariance[: len(design.fixed.names), : len(design.fixed.names)])
    if variance.max(initial=0.0) > WIDEST**2:
        raise NotConverged(
            f"the likelihood is flat by {described(design, vectors[:, -1])} (standard error {np.sqrt(variance[-1]):.0f}, in log rate a "
            "standard deviation of the column): all responses lie at one end of it (separation). Leave the column or the category out."
        )


def _fitted_groupings(ready: Prepared, basis: Basis, model: Model, maximum: Maximum) -> tuple[FittedGrouping, ...]:
    """Variances, modes and their conditional standard deviations."""
    point = maximum.evaluation.point
    found, place = [], 0
    for i, (grouping, root, covariance) in enumerate(
        zip(basis.design.groupings, model.layout.roots(point.vector), mode_covariances(point), strict=True)
    ):
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


def _vanished(design: Design, basis: Basis, model: Model, vector: np.ndarray) -> list[str]:
    """Notes on variances at 0 and correlations at 1."""
    notes = []
    starts = iter(starting_roots(design))
    for grouping, turn, root in zip(design.groupings, basis.random, model.layout.roots(vector), strict=True):
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
