"""Likelihood ratio test of a model against a larger one that contains it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy

from graphtwin.mixed.design import parse_formula
from graphtwin.mixed.result.fitted import MixedFit
from graphtwin.mixed.result.fitted_field import FittedField
from graphtwin.mixed.result.groupings import FittedGrouping

SPANNED = 1e-8  # what a combination of columns may leave of a column that it makes
WORSE = 1e-6  # fall of the log-likelihood by which a larger model is no maximum, as a share of it where that is above 1


def anova(smaller: MixedFit, larger: MixedFit) -> pd.DataFrame:
    """Compare two nested models of the same rows by the likelihood ratio.

    Twice the difference of the log-likelihoods is referred to chi-squared with as many degrees of freedom as parameters were added. Where a
    variance was added, 0 is the edge of its range and p is up to twice too large. Source: Self and Liang 1987, doi:10.2307/2289471. A field
    counts as two, its SD and its range, also where the range was held; without the field there is no range, and p is too large too.

    Args:
        smaller: The model without the effects in question.
        larger: The model that has them too.

    Returns:
        One row a model: formula, n_parameters, log_likelihood, aic, and in the second chi2, df and p.

    Raises:
        ValueError: When the models are of other rows, families or offsets, or the smaller is no part of the larger.

    Examples:
        >>> smaller = graphtwin.mixed.fit("n_synapses ~ 1 + (1 | pre_nucleus_id)", pairs)
        >>> larger = graphtwin.mixed.fit("n_synapses ~ signal_correlation + (1 | pre_nucleus_id)", pairs)
        >>> graphtwin.mixed.anova(smaller, larger).columns.tolist()
        ['formula', 'n_parameters', 'log_likelihood', 'aic', 'chi2', 'df', 'p']
    """
    _require_comparable(smaller, larger)
    missing = _not_within(smaller, larger)
    df = larger.n_parameters + _held_ranges(larger) - smaller.n_parameters - _held_ranges(smaller)
    if missing or df <= 0:
        found = f"{', '.join(missing)} of the first is no part of the second" if missing else f"the second has {df} parameters more"
        raise ValueError(f"anova: the models aren't nested: {found}. Give the smaller one first, and compare others by their AIC.")
    gain = larger.log_likelihood - smaller.log_likelihood
    if gain < -WORSE * max(1.0, abs(larger.log_likelihood)):
        raise ValueError(f"anova: the larger model's log-likelihood is lower by {-gain:.3g}, so that one of the two is no maximum.")
    chi2 = 2.0 * max(gain, 0.0)
    return pd.DataFrame(
        {
            "formula": [smaller.formula, larger.formula],
            "n_parameters": [smaller.n_parameters, larger.n_parameters],
            "log_likelihood": [smaller.log_likelihood, larger.log_likelihood],
            "aic": [smaller.aic, larger.aic],
            "chi2": [np.nan, chi2],
            "df": [np.nan, float(df)],
            "p": [np.nan, float(scipy.special.chdtrc(df, chi2))],
        }
    )


def _require_comparable(smaller: MixedFit, larger: MixedFit) -> None:
    """Refuse models whose likelihoods are of different things."""
    one, other = parse_formula(smaller.formula), parse_formula(larger.formula)
    if (smaller.n_rows, smaller.response) != (larger.n_rows, larger.response) or one.response != other.response:
        raise ValueError(
            f"anova: the models are of other rows ({smaller.n_rows} of {one.response}, {larger.n_rows} of {other.response}). "
            "Fit both to one table, its rows in one order."
        )
    if smaller.reml != larger.reml or (smaller.reml and smaller.names != larger.names):
        raise ValueError("anova: restricted likelihoods of models with other fixed effects can't be compared. Fit both with reml=False.")
    for name, first, second in (
        ("families", smaller.family, larger.family),
        ("offsets", ", ".join(sorted(one.offsets)), ", ".join(sorted(other.offsets))),
        ("absorbed groups", smaller.absorbed, larger.absorbed),
        ("weights", smaller.weights, larger.weights),
        ("trials", smaller.trials, larger.trials),
        ("points of quadrature", str(smaller.quadrature), str(larger.quadrature)),
    ):
        if first != second:
            raise ValueError(f"anova: the models have other {name} ({first or 'none'}, {second or 'none'}). Compare them by their AIC.")


def _not_within(smaller: MixedFit, larger: MixedFit) -> list[str]:
    """Fixed and random effects of the smaller model that the larger one can't make."""
    if not set(smaller.features) <= set(larger.features) or not set(smaller.levels) <= set(larger.levels):
        return sorted(
            {":".join(feature) for feature in smaller.features if feature not in larger.features} | set(smaller.levels) - set(larger.levels)
        )
    missing = _outside(smaller, smaller.weight, smaller.names, larger, larger.weight)
    theirs = {grouping.name: grouping for grouping in larger.groupings}
    for grouping in smaller.groupings:
        other = theirs.get(grouping.name)
        if other is None:
            missing.append(f"({' + '.join(grouping.effects)} | {grouping.name})")
            continue
        gone = _outside(smaller, grouping.weight, grouping.effects, larger, other.weight) or _covariances_missing(grouping, other)
        missing += [f"({effect} | {grouping.name})" for effect in gone]
    return missing + [one.name for one in smaller.fields if not any(_same_field(one, other) for other in larger.fields)]


def _same_field(one: FittedField, other: FittedField) -> bool:
    """Whether two fields, of whatever SD and range, are the same term on the same knots."""
    return (one.name, one.kernel) == (other.name, other.kernel) and np.array_equal(one.knots, other.knots)


def _held_ranges(fit: MixedFit) -> int:
    """Number of ranges that were held, which the parameters of a fit leave out."""
    return sum(one.range_held for one in fit.fields)


def _covariances_missing(grouping: FittedGrouping, other: FittedGrouping) -> list[str]:
    """Effects of one grouping whose covariance with another is estimated there and not in the larger model."""
    theirs = {frozenset((other.effects[a], other.effects[b])) for a, b in other.free}
    return [grouping.effects[a] for a, b in grouping.free if frozenset((grouping.effects[a], grouping.effects[b])) not in theirs]


def _outside(smaller: MixedFit, weight: np.ndarray, names: tuple[str, ...], larger: MixedFit, theirs: np.ndarray) -> list[str]:
    """Names of the smaller model's columns that no combination of the larger one's columns makes."""
    own = {tuple(levels): q for q, levels in enumerate(zip(*(smaller.patterns[name] for name in smaller.levels), strict=True))}
    n_patterns = len(larger.n_rows_of_pattern)
    of_larger = [tuple(larger.patterns[name][q] for name in smaller.levels) for q in range(n_patterns)]
    place = [larger.features.index(feature) for feature in smaller.features]
    columns = np.zeros((n_patterns, len(larger.features), len(names)))
    columns[:, place] = weight[[own[levels] if own else 0 for levels in of_larger]]
    wanted, made = columns.reshape(-1, len(names)), theirs.reshape(-1, theirs.shape[2])
    left = wanted - made @ np.linalg.lstsq(made, wanted, rcond=None)[0]
    return [name for j, name in enumerate(names) if np.abs(left[:, j]).max() > SPANNED]
