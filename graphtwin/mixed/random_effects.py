"""Random effects of a maximum as they are reported, and notes on those that vanish."""

from __future__ import annotations

import numpy as np

from graphtwin.mixed.design import NO_FACTOR, Basis, Design, Grouping, Prepared
from graphtwin.mixed.likelihood import Maximum, Model, mode_covariances, starting_roots
from graphtwin.mixed.result import FittedGrouping

VANISHED = 1e-3  # share of the starting standard deviation below which a random effect counts as vanished


def fitted_groupings(ready: Prepared, basis: Basis, model: Model, maximum: Maximum) -> tuple[FittedGrouping, ...]:
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


def vanished_notes(design: Design, basis: Basis, model: Model, vector: np.ndarray, unit: float) -> list[str]:
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
