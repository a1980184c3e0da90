"""Is the slope that of rows within a group? A random intercept alone mixes it with the difference between groups.

Where groups of a larger covariate also have a larger response for other reasons, a random intercept pulls the slope towards the slope
between groups (1.65 for a planted 1.50 in simulations). With the group's mean covariate as a further fixed effect the slope is that within
groups. Source: Mundlak 1978, doi:10.2307/1913646.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr

from graphtwin.mixed.design import column, group_codes, parse_formula
from graphtwin.mixed.fitting import fit_mixed
from graphtwin.mixed.result import MixedFit, slopes
from graphtwin.statistics import benjamini_hochberg
from graphtwin.told import told_by_fields

LEVEL = 0.05  # q (false discovery rate) below which two slopes are said to disagree: the usual 5 %


@told_by_fields
@dataclass(frozen=True)
class MundlakComparison:
    """A model without and with the groups' mean covariate.

    Attributes:
        plain: The model as it was asked for.
        within: The model with the groups' mean covariate, so that its slopes are those within groups.
        table: group, plain, plain_se, within, within_se, difference (plain minus within), and t, df (groups less 2), p, q of the mean's
            coefficient: the slope between groups minus that within, which is 0 where the plain slope is unbiased.
        warning: Sentence on the slopes that disagree; empty when none do.

    Examples:
        >>> found = graphtwin.mixed.compare_mundlak("n_synapses ~ signal_correlation + (1 | pre_nucleus_id)", pairs, "signal_correlation")
        >>> found.table.columns.tolist()
        ['group', 'plain', 'plain_se', 'within', 'within_se', 'difference', 't', 'df', 'p', 'q']
    """

    plain: MixedFit
    within: MixedFit
    table: pd.DataFrame
    warning: str


def with_group_mean(table: pd.DataFrame, covariate: str, group: tuple[str, ...]) -> pd.DataFrame:
    """The table with `<covariate>_mean`, the mean of the covariate over the rows of each group.

    Args:
        table: One response a row.
        covariate: Name of a column of numbers.
        group: Names of the columns whose combinations are the groups.

    Examples:
        >>> graphtwin.mixed.with_group_mean(pairs, "signal_correlation", ("pre_nucleus_id",)).columns[-1]
        'signal_correlation_mean'
    """
    code, _ = group_codes(table, group)
    values = column(table, covariate).to_numpy(np.float64)
    mean = np.bincount(code, weights=values) / np.bincount(code)
    return table.assign(**{f"{covariate}_mean": mean[code]})


def compare_mundlak(
    formula: str, table: pd.DataFrame, covariate: str, by: str | None = None, family: str = "poisson", plain: MixedFit | None = None
) -> MundlakComparison:
    """Fit a model plainly and with the group means of a covariate, and compare the slopes.

    Args:
        formula: Model formula with at least one random term; the covariate is averaged over the groups of the first.
        table: One response a row.
        covariate: Name of a number in the formula.
        by: Category in whose levels the slopes are taken; None for one slope over all.
        family: Name of the distribution of the response, as in `fit_mixed`.
        plain: The plain model, where it is fitted already.

    Raises:
        ValueError: When the formula has no random term.

    Examples:
        >>> found = graphtwin.mixed.compare_mundlak("n_synapses ~ signal_correlation + (1 | pre_nucleus_id)", pairs, "signal_correlation")
        >>> found.within.names
        ('Intercept', 'signal_correlation', 'signal_correlation_mean')
    """
    random = parse_formula(formula).random
    if not random:
        raise ValueError(f"formula {formula!r}: it has no random term, so that there are no groups to average {covariate} over.")
    mean = f"{covariate}_mean"
    plain = plain or fit_mixed(formula, table, family)
    extended = f"{formula} + {mean}" + (f" + {mean}:{by}" if by else "")
    within = fit_mixed(extended, with_group_mean(table, covariate, random[0].group), family)
    own, other, context = slopes(plain, covariate, by), slopes(within, covariate, by), slopes(within, mean, by)
    context = context.assign(z=context["estimate"] / context["se"])  # which is t of other degrees of freedom in a Gaussian model
    degrees = np.array(
        [_degrees(table if by is None else table[table[by].astype(str) == level], random[0].group) for level in own["group"]]
    )
    p = 2 * stdtr(degrees, -np.abs(context["z"].to_numpy(np.float64)))
    compared = pd.DataFrame(
        {
            "group": own["group"],
            "plain": own["estimate"],
            "plain_se": own["se"],
            "within": other["estimate"],
            "within_se": other["se"],
            "difference": own["estimate"] - other["estimate"],
            "t": context["z"],
            "df": degrees,
            "p": p,
            "q": benjamini_hochberg(p),
        }
    )
    return MundlakComparison(plain, within, compared, _warning(compared, covariate, random[0].factor))


def _degrees(table: pd.DataFrame, group: tuple[str, ...]) -> float:
    """Groups less 2, for the slope between groups is that of a line through their means; at least 1."""
    return max(float(len(table[list(group)].drop_duplicates()) - 2), 1.0)


def _warning(table: pd.DataFrame, covariate: str, group: str) -> str:
    """The slopes that disagree, in words."""
    apart = table[table["q"] < LEVEL]
    if apart.empty:
        return ""
    listed = "; ".join(
        f"{row.group} {row.plain:.3g} against {row.within:.3g} within {group} (t {row.t:.1f})" for row in apart.itertuples(index=False)
    )
    return f"{covariate} goes with the rate of {group}, so that the random intercept alone is biased. Report the slopes within: {listed}."
