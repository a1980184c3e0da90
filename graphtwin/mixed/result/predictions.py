"""Predictions of a fitted model for the rows of a table, and draws from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from graphtwin.execute import rng_for
from graphtwin.mixed.design import column, columns_by_pattern, feature_values, group_codes, level_codes, numbers_of, numeric, parse_formula
from graphtwin.mixed.families import Binomial, Distribution, family_named
from graphtwin.mixed.result.fitted_field import FittedField
from graphtwin.mixed.result.groupings import FittedGrouping
from graphtwin.shapes import Bool, Float, Int

if TYPE_CHECKING:
    from graphtwin.mixed.result.fitted import MixedFit

NAMED = 5  # most groups that an error names


@dataclass(frozen=True)
class Rows:
    """What a fitted model sees of a table.

    Attributes:
        offset: Number added to the linear predictor of each row.
        pattern: Pattern of categories of each row, among those that were fitted and those that are new.
        values: Values of all features but the first, which is 1.
        fixed: Weight of each feature in the linear predictor by the fixed effects, for every pattern.
        random: Weight of each feature in what multiplies the random effects, for every pattern; one array (patterns x features x effects) a
            grouping.
    """

    offset: Float[np.ndarray, " rows"]
    pattern: Int[np.ndarray, " rows"]
    values: Float[np.ndarray, "varying rows"]
    fixed: Float[np.ndarray, "patterns features"]
    random: tuple[np.ndarray, ...]

    def loaded(self, weights: Float[np.ndarray, "patterns features"]) -> Float[np.ndarray, " rows"]:
        """Sum over features of weight x feature."""
        total: np.ndarray = weights[self.pattern, 0]
        for k, feature in enumerate(self.values, start=1):
            total = total + weights[self.pattern, k] * feature
        return total

    def effects(self, grouping: int, effects: Float[np.ndarray, "rows effects"]) -> Float[np.ndarray, " rows"]:
        """Contribution of a grouping to the linear predictor, given the effects of each row's group."""
        total = np.zeros(len(self.pattern))
        for a in range(effects.shape[1]):
            total += self.loaded(self.random[grouping][:, :, a]) * effects[:, a]
        return total

    def variance(self, grouping: int, covariance: Float[np.ndarray, "effects effects"]) -> Float[np.ndarray, " rows"]:
        """Variance of the linear predictor between groups, for every row."""
        weight = self.random[grouping]
        spread = np.einsum("qrk,kl,qsl->qrs", weight, covariance, weight)
        total = np.zeros(len(self.pattern))
        for k, row in enumerate([np.ones(len(self.pattern)), *self.values]):
            total += row * self.loaded(spread[:, k])
        return total


def predicted(fit: MixedFit, table: pd.DataFrame, kind: str, random: bool, unseen: str) -> Float[np.ndarray, " rows"]:
    """The prediction of `MixedFit.predict` for the rows of a table."""
    if kind not in ("response", "link"):
        raise ValueError(f"predict: kind {kind!r} is unknown. There are response (the mean) and link (the linear predictor).")
    if unseen not in ("refuse", "zero", "average"):
        raise ValueError(f"predict: unseen {unseen!r} is unknown. There are refuse, zero and average.")
    if not len(table):
        return np.zeros(0)
    rows = read_rows(fit, table)
    link = rows.offset + rows.loaded(rows.fixed)
    variance = np.zeros(len(table))
    for i, grouping in enumerate(fit.groupings if random else ()):
        known = _known_groups(grouping, table, unseen)
        link += rows.effects(i, np.r_[grouping.modes, np.zeros((1, len(grouping.effects)))][known])
        if unseen == "average" and (known < 0).any():
            variance += np.where(known < 0, rows.variance(i, grouping.covariance), 0.0)
    for field in fit.fields if random else ():
        effect = field.effect(table)
        unknown = _unknown_places(field, effect, unseen)
        link += np.where(unknown, 0.0, effect)
        variance += np.where(unknown & (unseen == "average"), field.sd**2, 0.0)
    if kind == "link":
        return link
    scale = family_named(fit.family).link
    return _response_mean(fit, table, scale.averaged(link, variance) if variance.any() else scale.mean(link))


def _response_mean(fit: MixedFit, table: pd.DataFrame, mean: np.ndarray) -> np.ndarray:
    """Mean response where counts have a given mean, or a trial a given probability of success."""
    counted: np.ndarray = mean * (1.0 - fit.shape.get("zero_inflation", 0.0))
    return counted if fit.trials is None else counted * numbers_of(table, fit.trials)


def distribution_of(fit: MixedFit, table: pd.DataFrame) -> Distribution:
    """Distribution of a model's responses in the rows of a table, which have trials of their own where the model has."""
    return family_named(fit.family) if fit.trials is None else Binomial(numbers_of(table, fit.trials))


def simulated(fit: MixedFit, table: pd.DataFrame, n: int, seed: int, new_groups: bool) -> Float[np.ndarray, "draws rows"]:
    """The draws of `MixedFit.simulate` for the rows of a table."""
    if not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"simulate: {n} draws. Take a whole number from 1.")
    family, rows = distribution_of(fit, table), read_rows(fit, table)
    kept = None if new_groups else predicted(fit, table, "response", True, "refuse")
    groups = [group_codes(table, tuple(grouping.levels)) for grouping in fit.groupings] if new_groups else []
    fields = [_known_places(field, table) for field in fit.fields] if new_groups else []
    out = np.empty((n, len(table)))
    for draw in range(n):
        rng, mean = rng_for(seed, "simulated response", draw), kept
        if mean is None:
            link = rows.offset + rows.loaded(rows.fixed)
            for i, (grouping, (code, levels)) in enumerate(zip(fit.groupings, groups, strict=True)):
                effects = rng.multivariate_normal(np.zeros(len(grouping.sd)), grouping.covariance, len(levels), method="eigh")
                link += rows.effects(i, effects[code])
            for loads, place in fields:
                link += (loads @ rng.standard_normal(loads.shape[1]))[place]
            mean = _response_mean(fit, table, family.link.mean(link))
        out[draw] = family.sample(mean, fit.shape, rng)
    return out


def read_rows(fit: MixedFit, table: pd.DataFrame) -> Rows:
    """Offset, pattern and features of each row of a table."""
    if fit.absorbed:
        raise ValueError(f"predict: the intercepts of {fit.absorbed} were absorbed and are not kept. Fit them as (1 | {fit.absorbed}).")
    formula, offset = parse_formula(fit.formula), np.zeros(len(table))
    for expression in formula.offsets:
        offset += numeric(table, expression)
    pattern, new = _patterns(fit, table)
    fixed, random = fit.weight, tuple(grouping.weight for grouping in fit.groupings)
    if len(new):
        fixed, random = _weights_with(fit, new)
    return Rows(offset, pattern, feature_values(table, fit.features), fixed @ fit.estimate, random)


def _patterns(fit: MixedFit, table: pd.DataFrame) -> tuple[Int[np.ndarray, " rows"], pd.DataFrame]:
    """The pattern of categories of each row, and the patterns among them that the model was fitted without; these come last."""
    code, known = np.zeros(len(table), dtype=np.int64), np.zeros(len(fit.n_rows_of_pattern), dtype=np.int64)
    for name, levels in fit.levels.items():
        codes, found = level_codes(column(table, name))
        unknown = [str(level) for level in found if str(level) not in levels]
        if unknown:
            raise ValueError(f"{name}: the model was fitted without {', '.join(unknown[:NAMED])}. It knows {', '.join(levels)}.")
        place = np.array([levels.index(str(level)) for level in found], dtype=np.int64)
        code = code * len(levels) + place[codes]
        known = known * len(levels) + np.array([levels.index(level) for level in fit.patterns[name]])
    new = np.setdiff1d(code, known)
    every = np.r_[known, new]
    order = np.argsort(every)
    sizes = [len(levels) for levels in fit.levels.values()]
    levels_of_new = np.unravel_index(new, sizes) if sizes else ()
    columns = {name: [levels[i] for i in at] for (name, levels), at in zip(fit.levels.items(), levels_of_new, strict=True)}
    return order[np.searchsorted(every, code, sorter=order)], pd.DataFrame(columns)


def _weights_with(fit: MixedFit, new: pd.DataFrame) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Weights of the features for the fitted patterns and new ones: every column is estimated, so that any combination has a rate."""
    both = pd.concat([pd.DataFrame(fit.patterns), new], ignore_index=True)
    patterns = pd.DataFrame({name: pd.Categorical(both[name], categories=levels) for name, levels in fit.levels.items()})
    formula = parse_formula(fit.formula)
    _, (fixed, *sides) = columns_by_pattern([formula.fixed, *(term.effects for term in formula.random)], patterns)
    factors = [term.factor for term in formula.random]
    random = [
        np.concatenate([side.weight for side, factor in zip(sides, factors, strict=True) if factor == grouping.name], axis=2)
        for grouping in fit.groupings
    ]
    return fixed.weight, tuple(random)


def _known_groups(grouping: FittedGrouping, table: pd.DataFrame, unseen: str) -> Int[np.ndarray, " rows"]:
    """Row of each row's group among the fitted ones, -1 for others, which are refused unless they are asked for."""
    names = list(grouping.levels)
    code, levels = group_codes(table, tuple(names))
    fitted = pd.MultiIndex.from_arrays([[str(value) for value in grouping.levels[name]] for name in names])
    asked = pd.MultiIndex.from_arrays([levels[name].astype(str) for name in names])
    place = fitted.get_indexer(asked)
    strange = np.flatnonzero(place < 0)
    if len(strange) and unseen == "refuse":
        listed = ", ".join(":".join(asked[i]) for i in strange[:NAMED]) + (" and more" if len(strange) > NAMED else "")
        raise ValueError(
            f"predict: {len(strange)} of {len(levels)} groups of {grouping.name} are not among those fitted: {listed}. "
            "Say unseen='zero' for a group without an effect of its own, 'average' for the mean over groups, or random=False."
        )
    return place[code]


def _unknown_places(field: FittedField, effect: Float[np.ndarray, " rows"], unseen: str) -> Bool[np.ndarray, " rows"]:
    """Rows at whose place a field's value is unknown, which are refused unless they are asked for."""
    unknown = np.isnan(effect)
    if unknown.any() and unseen == "refuse":
        raise ValueError(
            f"{field.name} is unknown in {unknown.sum()} of {len(unknown)} rows, where a coordinate is missing or no finite number. "
            "Give the places, or say unseen='zero' for a field of 0, 'average' for the mean over fields, or random=False."
        )
    return unknown


def _known_places(field: FittedField, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What a field's coefficients multiply at each place, and the place of each row, all of which must be known."""
    loads, place = field.loads(table)
    _unknown_places(field, loads[place, 0], "refuse")
    return loads, place
