"""Expected responses of rows by a fitted model, and draws from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.mixed.design import column, feature_values, group_codes, level_codes, numeric, parse_formula
from graphtwin.mixed.families import family_named
from graphtwin.mixed.result.fitted import FittedGrouping, MixedFit


def expected(fit: MixedFit, table: pd.DataFrame) -> Float[np.ndarray, " rows"]:
    """Mean response of each row.

    Groups that were fitted have the effects found for them. Others are drawn from the distribution of groups, so that their mean is
    exp(variance / 2) above that of a group whose effect is 0.

    Args:
        fit: The fitted model.
        table: Rows with the columns of the formula but the response.

    Raises:
        ValueError: When a category is unknown to the model, or the model has absorbed intercepts.
    """
    offset, pattern, values = _read(fit, table)
    log_mean = offset + _loaded(fit.weight @ fit.estimate, pattern, values)
    for grouping in fit.groupings:
        known = _known_groups(grouping, table)
        log_mean += _effects(grouping, np.r_[grouping.modes, np.zeros((1, len(grouping.effects)))][known], pattern, values)
        if (known < 0).any():
            variance = np.outer(grouping.sd, grouping.sd) * np.nan_to_num(grouping.correlation)
            spread = np.einsum("qrk,kl,qsl->qrs", grouping.weight, variance, grouping.weight)
            log_mean += np.where(known < 0, 0.5 * _squared(spread, pattern, values), 0.0)
    return np.exp(log_mean)


def simulate_responses(
    fit: MixedFit, table: pd.DataFrame, seed: int, replicate: int, new_groups: bool = False
) -> Float[np.ndarray, " rows"]:
    """Draw a response for every row.

    Args:
        fit: The fitted model.
        table: Rows with the columns of the formula but the response.
        seed: Seed of the run.
        replicate: Number of the draw.
        new_groups: Whether the random effects of every group are drawn anew instead of keeping those found.
    """
    rng, family = rng_for(seed, "simulated response", replicate), family_named(fit.family)
    if not new_groups:
        return family.sample(expected(fit, table), fit.shape, rng)
    offset, pattern, values = _read(fit, table)
    log_mean = offset + _loaded(fit.weight @ fit.estimate, pattern, values)
    for grouping in fit.groupings:
        code, levels = group_codes(table, tuple(grouping.levels))
        variance = np.outer(grouping.sd, grouping.sd) * np.nan_to_num(grouping.correlation)
        drawn = rng.multivariate_normal(np.zeros(len(grouping.sd)), variance, len(levels), method="eigh")
        log_mean += _effects(grouping, drawn[code], pattern, values)
    return family.sample(np.exp(log_mean), fit.shape, rng)


def _read(fit: MixedFit, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offset, pattern and features of each row."""
    if fit.absorbed:
        raise ValueError(
            f"expected responses: the intercepts of {fit.absorbed} were absorbed and are not kept. Fit them as (1 | {fit.absorbed})."
        )
    offset = np.zeros(len(table))
    for expression in parse_formula(fit.formula).offsets:
        offset += numeric(table, expression)
    return offset, _patterns(fit, table), feature_values(table, fit.features)


def _patterns(fit: MixedFit, table: pd.DataFrame) -> Int[np.ndarray, " rows"]:
    """The model's pattern of categories of each row."""
    code, known = np.zeros(len(table), dtype=np.int64), np.zeros(len(fit.n_rows_of_pattern), dtype=np.int64)
    for name, of_pattern in fit.patterns.items():
        levels = list(dict.fromkeys(of_pattern))
        codes, found = level_codes(column(table, name))
        unknown = [str(level) for level in found if str(level) not in levels]
        if unknown:
            raise ValueError(f"{name}: the model was fitted without {', '.join(unknown)}. It knows {', '.join(levels)}.")
        place = np.array([levels.index(str(level)) for level in found], dtype=np.int64)
        code, known = code * len(levels) + place[codes], known * len(levels) + np.array([levels.index(level) for level in of_pattern])
    order = np.argsort(known)
    row = order[np.minimum(np.searchsorted(known, code, sorter=order), len(order) - 1)]
    strange = int(np.count_nonzero(known[row] != code))
    if strange:
        raise ValueError(
            f"{strange} of {len(table)} rows have a combination of {', '.join(fit.patterns)} that the model was fitted without."
        )
    return row


def _known_groups(grouping: FittedGrouping, table: pd.DataFrame) -> Int[np.ndarray, " rows"]:
    """Row of each row's group among the fitted ones, -1 for others."""
    names = list(grouping.levels)
    code, levels = group_codes(table, tuple(names))
    fitted = pd.MultiIndex.from_arrays([[str(value) for value in grouping.levels[name]] for name in names])
    asked = pd.MultiIndex.from_arrays([levels[name].astype(str) for name in names])
    return fitted.get_indexer(asked)[code]


def _loaded(weights: Float[np.ndarray, "patterns features"], pattern: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum over features of weight x feature."""
    total: np.ndarray = weights[pattern, 0]
    for k, feature in enumerate(values, start=1):
        total = total + weights[pattern, k] * feature
    return total


def _effects(grouping: FittedGrouping, effects: Float[np.ndarray, "rows effects"], pattern: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Contribution of a grouping to the log mean of each row."""
    total = np.zeros(len(pattern))
    for a in range(len(grouping.effects)):
        total += _loaded(grouping.weight[:, :, a], pattern, values) * effects[:, a]
    return total


def _squared(spread: Float[np.ndarray, "patterns features features"], pattern: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Quadratic form, features' spread features, of each row."""
    features = np.concatenate([np.ones((1, len(pattern))), values])
    total = np.zeros(len(pattern))
    for k, row in enumerate(features):
        total += row * _loaded(spread[:, k], pattern, values)
    return total
