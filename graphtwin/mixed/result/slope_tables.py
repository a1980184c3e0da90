"""Slopes of a number in each category of a fitted model, and their differences, with q (Benjamini-Hochberg) within the model."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from graphtwin.mixed.result.fitted import MixedFit
from graphtwin.shapes import Float
from graphtwin.statistics import benjamini_hochberg


def slopes(fit: MixedFit, covariate: str, by: str | None = None) -> pd.DataFrame:
    """Change of the log rate (log odds, mean: the scale of the link) a unit of a covariate, in each level of a category.

    Other categories of the model are averaged over the combinations that occur, other numbers that interact are held at their mean there.

    Args:
        fit: The fitted model.
        covariate: Name of a number of the formula, which must enter as it is.
        by: Name of a category of the formula, such as the projection; None for one slope over all.

    Returns:
        A table with columns group, estimate, se, z (t and df of a Gaussian fit), p, low, high (95 %), q, n_rows; a row a level.

    Raises:
        ValueError: When the covariate or the category isn't in the model, or the covariate enters by a function of it.

    Examples:
        >>> two = pairs.assign(kind=np.where(pairs["post_nucleus_id"] % 2, "odd", "even"))
        >>> fit = graphtwin.mixed.fit("n_synapses ~ signal_correlation * kind + (1 | pre_nucleus_id)", two)
        >>> graphtwin.mixed.slopes(fit, "signal_correlation", by="kind").shape[0]
        2
    """
    levels, rows, n_rows = _slope_rows(fit, covariate, by)
    found = fit.combine(pd.DataFrame({"group": levels}), rows)
    return found.assign(q=benjamini_hochberg(found["p"].to_numpy()), n_rows=n_rows)


def slope_contrasts(fit: MixedFit, covariate: str, by: str) -> pd.DataFrame:
    """Differences between the slopes of every two levels.

    Args:
        fit: The fitted model.
        covariate: Name of a number of the formula.
        by: Name of a category of the formula.

    Returns:
        A table with columns group, reference, estimate (group minus reference), se, z (t, df), p, low, high (95 %), q; a row for every two
        levels.

    Examples:
        >>> two = pairs.assign(kind=np.where(pairs["post_nucleus_id"] % 2, "odd", "even"))
        >>> fit = graphtwin.mixed.fit("n_synapses ~ signal_correlation * kind + (1 | pre_nucleus_id)", two)
        >>> graphtwin.mixed.slope_contrasts(fit, "signal_correlation", by="kind").shape[0]
        1
    """
    levels, rows, _ = _slope_rows(fit, covariate, by)
    both = [(i, j) for j, i in combinations(range(len(levels)), 2)]
    labels = pd.DataFrame({"group": [levels[i] for i, _ in both], "reference": [levels[j] for _, j in both]})
    differences = np.array([rows[i] - rows[j] for i, j in both]).reshape(len(both), len(fit.names))
    varying = np.abs(differences).max(axis=1, initial=0.0) > 0
    if not varying.all():
        raise ValueError(f"slopes of {covariate}: the same in all levels of {by} by the formula. Let them interact: {covariate} * {by}.")
    found = fit.combine(labels, differences)
    return found.assign(q=benjamini_hochberg(found["p"].to_numpy()))


def _slope_rows(fit: MixedFit, covariate: str, by: str | None) -> tuple[list[str], Float[np.ndarray, "levels fixed"], list[int]]:
    """Levels, the combination of fixed effects that is the slope in each, and their numbers of rows."""
    gradient = _gradient(fit, covariate)
    if by is None:
        return ["all"], gradient.mean(axis=0, keepdims=True), [fit.n_rows]
    if by not in fit.patterns:
        raise ValueError(f"slopes by {by}: it is no category of the fixed effects, which have {', '.join(fit.patterns) or 'none'}.")
    of_pattern = np.array(fit.patterns[by])
    levels = list(dict.fromkeys(of_pattern))
    rows = np.array([gradient[of_pattern == level].mean(axis=0) for level in levels])
    return levels, rows, [int(fit.n_rows_of_pattern[of_pattern == level].sum()) for level in levels]


def _gradient(fit: MixedFit, covariate: str) -> Float[np.ndarray, "patterns fixed"]:
    """Derivative of every pattern's columns by the covariate."""
    bent = [
        name
        for feature in fit.features
        for name in feature
        if name != covariate and covariate in name.replace("(", " ").replace(")", " ").split()
    ]
    if bent or not any(covariate in feature for feature in fit.features):
        found = (
            f"it enters as {', '.join(bent)}"
            if bent
            else f"the numbers of the model are {', '.join(sorted({n for f in fit.features for n in f}))}"
        )
        raise ValueError(f"slope of {covariate}: {found}. A slope is defined for a number that enters the formula as it is.")
    place = {feature: k for k, feature in enumerate(fit.features)}
    by_feature = np.zeros_like(fit.feature_mean)
    for feature, k in place.items():
        if covariate in feature:
            rest = list(feature)
            rest.remove(covariate)
            by_feature[:, k] = _mean_product(fit, tuple(rest), place)
    rows = np.einsum("qk,qkp->qp", by_feature, fit.weight)
    if not np.abs(rows).max() > 0:
        raise ValueError(f"slope of {covariate}: it is no fixed effect of this model.")
    return np.asarray(rows)


def _mean_product(fit: MixedFit, rest: tuple[str, ...], place: dict[tuple[str, ...], int]) -> np.ndarray:
    """Mean over rows of the numbers that a covariate is multiplied with, for every pattern; 1 where there are none."""
    mean = np.ones(len(fit.feature_mean))
    for name in rest:
        if (name,) not in place:
            raise ValueError(f"slope: {name} enters only inside a product, so that its mean isn't known. Add {name} to the formula.")
        mean = mean * fit.feature_mean[:, place[(name,)]]
    return mean
