"""How far the robust slope depends on what was chosen: the same similarity under other models, clusters and axons.

A rule that is there stays: its sign and size should not hang on one axon, one target, the distribution of the counts or on how distance is
held. Rows of mixed models hold the same geometry as the robust slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from graphtwin.mixed import NotConverged
from graphtwin.mixed import fit as fit_mixed
from graphtwin.statistics import NORMAL_95
from graphtwin.wiring.conditional import fit_conditional, two_way_errors
from graphtwin.wiring.pairs import ALL, Outcome, outcome_of, with_effect_of_one_sd
from graphtwin.wiring.questions.question import Answer, Question
from graphtwin.wiring.spatial import geometry_terms, robust_slopes

LARGEST = 0.1  # share of axons (or targets), those with the most synapses, that are left out; a choice
NUMBERS = ["estimate", "se", "df", "p", "low", "high"]
COLUMNS = ["group", "similarity", "outcome", "variant", *NUMBERS, "n_pairs", "n_axons", "why_not"]


def sensitivity(question: Question) -> Answer:
    """A row a variant and group; one that a group does not allow has no numbers, and the reason in `why_not`.

    Mixed models have intervals of the normal distribution, as published: their df is infinite. rate_ratio with its interval says what one
    SD multiplies the outcome by; the SD is that over all candidates of the question, in every variant and group.
    """
    found, rows = Answer(), []
    outcome = question.outcome
    groups = outcome.pairs.groupby(outcome.by, sort=True) if outcome.by else [(ALL, outcome.pairs)]
    for group, pairs in groups:
        placed = pairs if question.places is None else pairs[question.places.known(pairs)]
        part = replace(outcome, table=placed, by=None)
        for name, work in _variants(part, question).items():
            row, why = _tried(work, placed)
            said = {"group": str(group), "similarity": question.similarity, "outcome": outcome.name, "variant": name, "why_not": why}
            rows.append({**said, **row})
    found.add("sensitivity", with_effect_of_one_sd(pd.DataFrame(rows, columns=COLUMNS), outcome.sd(question.similarity)))
    return found


def _tried(work: Callable[[], dict[str, float]], pairs: pd.DataFrame) -> tuple[dict[str, float], str]:
    """The numbers of a variant, or none and the reason."""
    try:
        return work(), ""
    except (ValueError, NotConverged) as reason:
        counts = {"n_pairs": float(len(pairs)), "n_axons": float(pairs["pre_nucleus_id"].nunique())}
        return dict.fromkeys(NUMBERS, np.nan) | counts, str(reason)


def _variants(outcome: Outcome, question: Question) -> dict[str, Callable[[], dict[str, float]]]:
    """What is fitted, by its name."""
    similarity, formula = question.similarity, _formula
    of_all = {
        "robust": lambda: _robust(outcome, question),
        "distance not held": lambda: _conditional(outcome, two_way=False),
        "axons and targets as clusters": lambda: _conditional(_with_geometry(outcome, question), two_way=True),
        "without the largest axons": lambda: _robust(_without_largest(outcome, "pre_nucleus_id"), question),
        "without the largest targets": lambda: _robust(_without_largest(outcome, "post_nucleus_id"), question),
        "mixed model": lambda: _mixed(_with_geometry(outcome, question), similarity, formula, outcome.family),
        "mixed model, slopes that differ from axon to axon": lambda: _mixed(
            _with_geometry(outcome, question),
            similarity,
            lambda held: f"{formula(held)} + (0 + {similarity} | pre_nucleus_id)",
            outcome.family,
        ),
    }
    if outcome.kind.family != "poisson":
        return of_all
    return of_all | {
        "mixed model, negative binomial": lambda: _mixed(_with_geometry(outcome, question), similarity, formula, "negative_binomial")
    }


def _formula(outcome: Outcome) -> str:
    return outcome.formula


def _robust(outcome: Outcome, question: Question) -> dict[str, float]:
    table, reasons = robust_slopes(outcome, question.places, question.seed, question.animal)
    if reasons:
        raise ValueError(" ".join(reasons.values()))
    row = table.iloc[0]
    return {name: row[name] for name in [*NUMBERS, "n_pairs", "n_axons"]}


def _with_geometry(outcome: Outcome, question: Question) -> Outcome:
    """The outcome with the columns of geometry among its similarities, named so that a formula can hold them."""
    terms = geometry_terms(outcome.pairs, question.places)
    terms.columns = [f"geometry_{k}" for k in range(terms.shape[1])]
    return outcome_of(outcome.pairs.assign(**terms), outcome.name, [*outcome.similarities, *terms.columns], of_all=outcome.of_all)


def _without_largest(outcome: Outcome, key: str) -> Outcome:
    """The outcome without the cells that have the most of it: at least one, and the tenth of all."""
    amount = outcome.pairs.groupby(key)[outcome.kind.response].sum().sort_values(ascending=False, kind="stable")
    largest = amount.index[: max(1, round(LARGEST * len(amount)))]
    return replace(outcome, table=outcome.pairs[~outcome.pairs[key].isin(largest)])


def _conditional(outcome: Outcome, two_way: bool) -> dict[str, float]:
    """The conditional slope, its error clustered by axon, or by axon and target."""
    fit = fit_conditional(outcome.choices)
    estimate, degrees = float(fit.slope[0, 0]), float(fit.degrees[0, 0])
    se = float(two_way_errors(fit)[0][0, 0] / fit.choices.scale[0] if two_way else fit.se_axon[0, 0])
    row = _student(estimate / outcome.kind.step, se / outcome.kind.step, degrees)
    return row | {"n_pairs": len(fit.choices.row), "n_axons": int(fit.n_axons[0])}


def _mixed(outcome: Outcome, similarity: str, formula: Callable[[Outcome], str], family: str) -> dict[str, float]:
    """The slope of a mixed model with normal axon effects."""
    fit = fit_mixed(formula(outcome), outcome.chosen, family)
    at = fit.names.index(similarity)
    row = _student(float(fit.estimate[at]), float(np.sqrt(fit.covariance[at, at])), np.inf)
    return row | {"n_pairs": fit.n_rows, "n_axons": int(outcome.chosen["pre_nucleus_id"].nunique())}


def _student(estimate: float, se: float, degrees: float) -> dict[str, float]:
    reach = se * (NORMAL_95 if np.isinf(degrees) else float(stats.t.ppf(0.975, degrees)))
    p = float(2 * stats.t.sf(abs(estimate / se), degrees))
    return {"estimate": estimate, "se": se, "df": degrees, "p": p, "low": estimate - reach, "high": estimate + reach}
