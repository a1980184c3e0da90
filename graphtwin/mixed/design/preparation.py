"""A table made ready for a fit: checked, without what can say nothing, and with notes on what a reader must know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graphtwin.mixed.design import checks
from graphtwin.mixed.design.design import NO_FACTOR, Design, build_design, group_codes
from graphtwin.mixed.design.expressions import numbers_of
from graphtwin.mixed.design.formula import ModelFormula
from graphtwin.mixed.design.moments import column_products, column_root, pattern_moments, pattern_products, varying_squares
from graphtwin.mixed.design.patterns import Columns
from graphtwin.mixed.design.standard import standard_features
from graphtwin.mixed.families import IDENTITY, LOGIT, Distribution
from graphtwin.shapes import Float

FEW_GROUPS = 5  # groups below which their variance is little more than a guess
ABSORBED = 1e-9  # sum of squares within groups over that over all rows, below which a column is constant within groups


@dataclass(frozen=True)
class Prepared:
    """A checked design of standard features, and what leads back to the features as the table has them.

    Attributes:
        design: The design, with features centred and scaled.
        fixed: The fixed effects' columns, made of the features as the table has them.
        random: Weights of those features in what multiplies the random effects, for each grouping
            (patterns x features x effects).
        feature_mean: Mean of each feature, for every pattern of categories.
        feature_sd: Standard deviation of each feature over all rows; 0 of the first, which is 1.
        n_rows_of_pattern: Rows of every pattern.
        response: Digest of the response of all rows in their order.
        notes: What was left out, and what a reader must know.
    """

    design: Design
    fixed: Columns
    random: tuple[np.ndarray, ...]
    feature_mean: Float[np.ndarray, "patterns features"]
    feature_sd: Float[np.ndarray, " features"]
    n_rows_of_pattern: Float[np.ndarray, " patterns"]
    response: str
    notes: tuple[str, ...]


def prepare(
    formula: ModelFormula,
    table: pd.DataFrame,
    family: Distribution,
    absorb: str | None,
    weights: str | None = None,
    trials: str | None = None,
) -> Prepared:
    """The checked design, and notes on what was left out.

    Args:
        formula: Model formula, parsed.
        table: One response a row.
        family: Distribution of the response.
        absorb: Grouping whose groups get a free intercept each, or None.
        weights: Column that says how often each row counts, or None; rows of weight 0 are left out.
        trials: Column with the number of trials of each row of a binomial response, or None for one.

    Raises:
        ValueError: When the table can't tell what the formula asks.
    """
    checks.require_rows(table)
    checks.require_single_columns(f"{formula.text} {absorb or ''} {weights or ''} {trials or ''}", table)
    table, notes = _with_weight(table, weights)
    response = numbers_of(table, formula.response)
    if family.name != "binomial":
        checks.require_no_truths(formula.response, table[formula.response])
    _require_possible(formula.response, response, table, family, trials)
    if absorb is not None:
        checks.require_absorbable(family, absorb)
        table, silent = _with_response(table, response, absorb)
        notes += silent
    raw = build_design(formula, table, absorb, weights, trials)
    checks.require_residuals(family, raw.groupings, raw.n_rows)
    checks.require_fixed_effects(formula.text, raw.fixed.names)
    design, mean, sd = standard_features(raw)
    if absorb is not None:
        design, dropped = _without_absorbed(design)
        notes += [f"constant within {absorb} and absorbed by its intercepts: {', '.join(dropped)}."] if dropped else []
    elif family.link is not IDENTITY:
        of_row = np.repeat(design.cell_pattern, np.diff(design.cell_start))
        total = np.bincount(of_row, weights=design.y, minlength=len(design.patterns))
        n_rows = np.bincount(of_row, minlength=len(design.patterns))
        checks.require_response_in_every_category(design.patterns, raw.fixed.weight, total, n_rows, formula.response)
        if family.link is LOGIT:
            failed = f"trials without success in {formula.response}"
            checks.require_response_in_every_category(design.patterns, raw.fixed.weight, n_rows - total, n_rows, failed)
    checks.require_full_rank(design.fixed.names, *_root_and_squares(design), absorb)
    kept = [raw.fixed.names.index(name) for name in design.fixed.names]
    pattern_mean, n_of_pattern = pattern_moments(design)
    return Prepared(
        design=design,
        fixed=Columns(design.fixed.names, np.ascontiguousarray(raw.fixed.weight[:, :, kept])),
        random=tuple(grouping.weight for grouping in raw.groupings),
        feature_mean=mean + np.where(np.arange(len(mean)) > 0, sd, 1.0) * pattern_mean,
        feature_sd=np.where(np.arange(len(mean)) > 0, sd, 0.0),
        n_rows_of_pattern=n_of_pattern,
        response=hashlib.sha256(np.ascontiguousarray(response).tobytes()).hexdigest()[:16],
        notes=(*notes, *_sparse_groups(design)),
    )


def _root_and_squares(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """What the rank of the fixed effects is judged by."""
    if not design.absorbed:
        products = pattern_products(design)
        return column_root(products, design.fixed.weight), varying_squares(products, design.fixed.weight)
    values, vectors = np.linalg.eigh(column_products(design, design.fixed.weight, within=True))
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    return root, (root**2).sum(axis=0)


def _with_weight(table: pd.DataFrame, weights: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Rows of a weight above 0: the others don't count, and the fit is that without them."""
    if weights is None:
        return table, []
    values = numbers_of(table, weights)
    checks.require_weights(weights, values)
    gone = values == 0
    return (table[~gone], [f"{gone.sum()} of {len(table)} rows have weight 0 and are left out."]) if gone.any() else (table, [])


def _require_possible(name: str, response: np.ndarray, table: pd.DataFrame, family: Distribution, trials: str | None) -> None:
    """Refuse responses that the family can't have."""
    if trials is not None or family.link is LOGIT:
        checks.require_trials(family, name, response, trials, None if trials is None else numbers_of(table, trials))
    elif family.link is IDENTITY:
        checks.require_numbers(name, response)
    else:
        checks.require_response(family, name, response)


def _with_response(table: pd.DataFrame, response: np.ndarray, absorb: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows of groups with any response: a free intercept of the others is minus infinity and says nothing of slopes."""
    code, levels = group_codes(table, tuple(name.strip() for name in absorb.split(":")))
    silent = np.bincount(code, weights=response, minlength=len(levels)) == 0
    if not silent.any():
        return table, []
    gone = silent[code]
    return table[~gone], [f"{silent.sum()} of {len(levels)} groups of {absorb} ({gone.sum()} rows) have no response and say nothing here."]


def _without_absorbed(design: Design) -> tuple[Design, list[str]]:
    """Fixed effects that vary within the absorbed groups, and the names of the others."""
    total = np.diag(column_products(design, design.fixed.weight))
    within = np.diag(column_products(design, design.fixed.weight, within=True))
    kept = np.flatnonzero(within > ABSORBED * total)
    if not len(kept):
        raise ValueError(f"absorb {design.inner.name}: no fixed effect varies within its groups ({', '.join(design.fixed.names)}).")
    fixed = Columns(tuple(design.fixed.names[j] for j in kept), np.ascontiguousarray(design.fixed.weight[:, :, kept]))
    return replace(design, fixed=fixed), [name for j, name in enumerate(design.fixed.names) if j not in kept]


def _sparse_groups(design: Design) -> list[str]:
    """Notes on groupings with few groups, and on categories with one group."""
    notes = []
    cell_of = np.repeat(np.arange(len(design.cell_pattern)), np.diff(design.cell_start))
    for grouping in design.groupings:
        if grouping.name == NO_FACTOR or design.absorbed:
            continue
        if grouping.n_groups < FEW_GROUPS:
            notes.append(f"{grouping.name} has {grouping.n_groups} groups: their variance is little more than a guess.")
        pattern = design.cell_pattern
        if grouping is not design.inner:
            pattern = np.unique(grouping.code.astype(np.int64) * len(design.patterns) + pattern[cell_of]) % len(design.patterns)
        for row in np.flatnonzero(np.bincount(pattern, minlength=len(design.patterns)) == 1):
            levels = ", ".join(f"{name} {design.patterns[name].iloc[row]}" for name in design.patterns)
            notes.append(f"{levels} has 1 group of {grouping.name}: its level can't be told from that group's own.")
    return notes
