"""A table and a formula as sorted arrays: rows of one group and one pattern of categories lie together, as a cell.

Of the groupings the one with most coefficients is the inner one, by which rows are sorted; the coefficients of the others are joined by
a dense matrix later. What can't be fitted is refused here: gaps, an offset log(0), categories without any response, collinear columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graphtwin.mixed.design import checks
from graphtwin.mixed.design.expressions import column, numbers_of, numeric
from graphtwin.mixed.design.field_places import Field, place_fields
from graphtwin.mixed.design.formula import ModelFormula, RandomTerm
from graphtwin.mixed.design.patterns import Columns, Expansion, expand, level_codes, numbered
from graphtwin.mixed.families import Responses
from graphtwin.shapes import Float, Int

BLOCK = 2**15  # rows a sweep handles at once: its buffers stay in the cache
NO_FACTOR = "none"  # name of the empty grouping of a model without random effects


@dataclass(frozen=True)
class Grouping:
    """A grouping factor with all random effects that vary over its groups.

    Attributes:
        name: Name of the grouping, such as "group:kind".
        effects: Names of a group's random effects, such as "Intercept", "x".
        weight: Weight of each feature in what multiplies each random effect, for every pattern of categories.
        free: Entries (row, column) of the Cholesky root of the covariance that are estimated.
        levels: Columns that the groups are made of, one row a group.
        code: Group of every row; empty for the inner grouping of a design, by which its rows are sorted.
    """

    name: str
    effects: tuple[str, ...]
    weight: Float[np.ndarray, "patterns features effects"]
    free: tuple[tuple[int, int], ...]
    levels: pd.DataFrame
    code: Int[np.ndarray, " rows"]

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.levels)

    @property
    def size(self) -> int:
        """Number of random coefficients."""
        return self.n_groups * len(self.effects)


@dataclass(frozen=True)
class Design:
    """What a fit sees of the data; rows are sorted by cell, cells by inner group.

    Attributes:
        y: Response of each row, as a share of its trials where it has any; `with_weights` adds a second column.
        offset: Number added to the log rate of each row.
        values: Values of all features but the first, which is 1.
        cell_start: First row of each cell, and the number of rows.
        cell_pattern: Pattern of each cell.
        cell_group: Inner group of each cell.
        fixed: Design matrix of the fixed effects.
        inner: Grouping by which rows are sorted.
        crossed: The other groupings.
        features: Numbers multiplied together in each feature; the first is () and stands for 1.
        patterns: Levels of the categories, one row a pattern.
        n_rows: Rows of the table, of which several may be joined into one here (`collapse`).
        constant: Number to add to the log-likelihood where rows stand for several of the table.
        absorbed: Whether the inner group's intercepts are free instead of random.
        fields: Spatial random effects.
        weights: How often each row's log-likelihood counts, or None for once.
        trials: Number of trials of each row, or None for one.
    """

    y: Responses
    offset: Float[np.ndarray, " rows"]
    values: Float[np.ndarray, "varying rows"]
    cell_start: Int[np.ndarray, " bounds"]
    cell_pattern: Int[np.ndarray, " cells"]
    cell_group: Int[np.ndarray, " cells"]
    fixed: Columns
    inner: Grouping
    crossed: tuple[Grouping, ...]
    features: tuple[tuple[str, ...], ...]
    patterns: pd.DataFrame
    n_rows: int
    constant: float = 0.0
    absorbed: bool = False
    fields: tuple[Field, ...] = ()
    weights: Float[np.ndarray, " rows"] | None = None
    trials: Float[np.ndarray, " rows"] | None = None

    @property
    def groupings(self) -> tuple[Grouping, ...]:
        """All groupings, the inner one first."""
        return (self.inner, *self.crossed)

    def blocks(self) -> list[tuple[int, int, int]]:
        """Rows from and to, and the first cell, of blocks of `BLOCK` rows."""
        starts = np.arange(0, len(self.y), BLOCK)
        cells = np.searchsorted(self.cell_start, starts, side="right") - 1
        ends = np.r_[starts[1:], len(self.y)]
        return [(int(a), int(b), int(c)) for a, b, c in zip(starts, ends, cells, strict=True)]


def build_design(
    formula: ModelFormula, frame: pd.DataFrame, absorb: str | None = None, weights: str | None = None, trials: str | None = None
) -> Design:
    """Check a table against a formula and sort it.

    Args:
        formula: Model formula, parsed.
        frame: One response a row.
        absorb: Grouping ("group" or "group:kind") whose groups get a free intercept each instead of a random one.
        weights: Column that says how often each row counts, or None.
        trials: Column with the number of trials of each row, or None.

    Raises:
        ValueError: When anything makes the model impossible to fit; the error gives the number of rows and what to do.
    """
    if absorb is not None and (formula.random or formula.fields):
        raise ValueError(f"absorb {absorb}: the formula also has random effects, {formula.text!r}. Take one or the other.")
    y = numbers_of(frame, formula.response)
    counted, tried = (None if name is None else numbers_of(frame, name) for name in (weights, trials))
    offset = _offset(formula, frame)
    expansion = expand(frame, [formula.fixed, *(term.effects for term in formula.random)])
    groupings = _groupings(formula.random, expansion, frame, absorb)
    inner = max(groupings, key=lambda grouping: grouping.size) if absorb is None else groupings[0]
    crossed = [grouping for grouping in groupings if grouping is not inner]
    order, start, cells = _sorted_by_cell(inner, expansion)
    return Design(
        y=y[order] if tried is None else y[order] / tried[order],
        offset=offset[order],
        values=_taken(expansion.values, order),
        cell_start=start,
        cell_pattern=cells % len(expansion.patterns),
        cell_group=cells // len(expansion.patterns),
        fixed=expansion.sides[0],
        inner=replace(inner, code=np.zeros(0, dtype=np.int32)),
        crossed=tuple(replace(grouping, code=grouping.code[order]) for grouping in crossed),
        features=expansion.features,
        patterns=expansion.patterns,
        n_rows=len(frame),
        absorbed=absorb is not None,
        fields=tuple(replace(field, code=field.code[order]) for field in place_fields(formula.fields, frame)),
        weights=None if counted is None else counted[order],
        trials=None if tried is None else tried[order],
    )


def with_weights(design: Design) -> Design:
    """The design with a second column of responses: how often each row's log-likelihood counts, its weight times its trials."""
    weights, trials = (np.ones(len(design.y)) if part is None else part for part in (design.weights, design.trials))
    return replace(design, y=np.asfortranarray(np.column_stack([design.y, weights * trials])))


def _offset(formula: ModelFormula, frame: pd.DataFrame) -> np.ndarray:
    """Sum of the offsets; log(0) is refused by name."""
    total = np.zeros(len(frame))
    for expression in formula.offsets:
        checks.require_positive_logs(expression, formula.response, frame)
        total += numeric(frame, expression)
    return total


def _taken(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows in a new order, a feature at a time so that no second copy of all is made."""
    for row in values:
        row[:] = row[order]
    return values


def _sorted_by_cell(inner: Grouping, expansion: Expansion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order of the rows, first row of each cell (with the end), and code of each cell."""
    n_patterns = len(expansion.patterns)
    code = inner.code.astype(np.int64) * n_patterns + expansion.pattern
    counts = np.bincount(code, minlength=inner.n_groups * n_patterns)
    cells = np.flatnonzero(counts)
    return stable_order(code), np.r_[0, np.cumsum(counts[cells])], cells


def stable_order(code: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
    """Stable order of small integers: sorted together with their places, which is quicker than an indirect sort."""
    bits = max(len(code) - 1, 1).bit_length()
    together = np.sort((code.astype(np.int64) << bits) | np.arange(len(code)))
    return (together & ((1 << bits) - 1)).astype(np.int32)


def group_codes(frame: pd.DataFrame, names: tuple[str, ...]) -> tuple[Int[np.ndarray, " rows"], pd.DataFrame]:
    """Group of each row, and the columns of each group, sorted by them."""
    code, levels = np.zeros(len(frame), dtype=np.int32), pd.DataFrame(index=range(1))
    for name in names:
        values = column(frame, name)
        checks.require_exact_ids(name, values)
        codes, found = level_codes(values)
        combined = code.astype(np.int64) * len(found) + codes
        code, present = numbered(combined, len(found) * len(levels))
        levels = levels.iloc[present // len(found)].reset_index(drop=True)
        levels[name] = np.asarray(found)[present % len(found)]
    return code, levels


def _groupings(terms: tuple[RandomTerm, ...], expansion: Expansion, frame: pd.DataFrame, absorb: str | None) -> list[Grouping]:
    """Terms with the same groups joined; the absorbed grouping first, or a single empty one where there are none."""
    n_patterns, n_features = len(expansion.patterns), len(expansion.features)
    found: list[Grouping] = []
    if absorb is not None:
        code, levels = group_codes(frame, tuple(name.strip() for name in absorb.split(":")))
        intercept = np.zeros((n_patterns, n_features, 1))
        intercept[:, 0, 0] = 1.0
        found.append(Grouping(absorb, ("Intercept",), intercept, (), levels, code))
    for name in dict.fromkeys(term.factor for term in terms):
        chosen = [i for i, term in enumerate(terms) if term.factor == name]
        code, levels = group_codes(frame, terms[chosen[0]].group)
        checks.require_groups(name, len(levels))
        sides = [expansion.sides[1 + i] for i in chosen]
        effects = tuple(effect for side in sides for effect in side.names)
        checks.require_distinct_effects(name, effects)
        free = _free_entries([len(side.names) for side in sides], [terms[i].correlated for i in chosen])
        found.append(Grouping(name, effects, np.concatenate([side.weight for side in sides], axis=2), free, levels, code))
    if not found:
        nothing = np.zeros((n_patterns, n_features, 0))
        found.append(Grouping(NO_FACTOR, (), nothing, (), pd.DataFrame(index=range(1)), np.zeros(len(frame), dtype=np.int32)))
    return found


def _free_entries(sizes: list[int], correlated: list[bool]) -> tuple[tuple[int, int], ...]:
    """Lower triangle of each correlated term's block, diagonal of the others."""
    entries: list[tuple[int, int]] = []
    begin = 0
    for size, full in zip(sizes, correlated, strict=True):
        entries += [(begin + a, begin + b) for a in range(size) for b in (range(a + 1) if full else [a])]
        begin += size
    return tuple(entries)
