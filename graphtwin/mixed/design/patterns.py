"""Design matrices as features times patterns, so that a pass over a million rows touches two columns, not eight.

In `x * kind` with four kinds a row of the design has eight entries, all of them 1, x or 0. Which are which depends on the
projection alone. So a row is kept as its features (1, x) and its pattern (the projection), and the matrix that turns features into
columns is kept once a pattern. formulaic parses the formula and codes the categories, on a table with one row a pattern where every
number is 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.config import nearest

if TYPE_CHECKING:
    from formulaic.parser.types import Factor, Term

COUNTED = 10**7  # most combinations that are numbered by counting, which takes 120 MB; more are sorted
MAX_PATTERNS = 2000  # most combinations of categories; with as many columns the matrices of all have 64 MB
# Functions whose values depend on the whole column: a new row could not be placed on the same scale.
STATEFUL = re.compile(r"\b(bs|cc|cr|cs|center|hashed|lag|poly|scale|standardize)\(")

CATEGORY = re.compile(r"^C\(\s*(\w+)")  # a column that is made a category
FACTOR = re.compile(r"\b(as\.)?factor\(")  # what R calls that
BASE = re.compile(r"(treatment\((?:base\s*=\s*)?)(-?\d+)(\))")  # a level, given as a number, that the others are compared with


@dataclass(frozen=True)
class Columns:
    """A design matrix: entry j of a row with pattern q is the sum over features k of feature_k * weight[q, k, j].

    Attributes:
        names: Names of the columns as formulaic writes them, such as "x:kind[T.b]".
        weight: Weight of each feature in each column, for every pattern of categories.
    """

    names: tuple[str, ...]
    weight: Float[np.ndarray, "patterns features columns"]


@dataclass(frozen=True)
class Expansion:
    """The design matrices of a model on one table.

    Attributes:
        features: Numbers multiplied together, as written in the formula; the first is () and stands for 1.
        values: Values of every feature but the first.
        patterns: Levels of the categories, one row a pattern that occurs.
        pattern: Row in `patterns` of the pattern of every row of the table.
        sides: One design matrix for each formula.
    """

    features: tuple[tuple[str, ...], ...]
    values: Float[np.ndarray, "varying rows"]
    patterns: pd.DataFrame
    pattern: Int[np.ndarray, " rows"]
    sides: tuple[Columns, ...]


def expand(frame: pd.DataFrame, formulas: Sequence[str]) -> Expansion:
    """Design matrices of several formulas on one table.

    Args:
        frame: The table, with the columns that the formulas name.
        formulas: Right-hand sides of formulas: that of the fixed effects, then those of the random terms.

    Raises:
        ValueError: When columns are missing or have gaps, or there are more combinations of categories than can be estimated.
    """
    from formulaic import Formula

    for text in formulas:
        if FACTOR.search(text):
            raise ValueError(f"formula: {text} is written {FACTOR.sub('C(', text)} here: C(column) makes a column a category.")
    terms = [list(Formula(text)) for text in formulas]
    factors = {factor.expr: factor for side in terms for term in side for factor in term.factors if factor.eval_method.value != "literal"}
    category_of = {name: _category(factor, frame) for name, factor in factors.items()}
    pattern, patterns = _patterns(frame, list(dict.fromkeys(name for name in category_of.values() if name)))
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(
            f"formulas {', '.join(formulas)}: {len(patterns)} combinations of {', '.join(patterns)}; {MAX_PATTERNS} fit. "
            "Give a category with many levels a random effect, (1 | name), or absorb it."
        )
    numbers = [name for name, category in category_of.items() if category is None]
    features: list[tuple[str, ...]] = [()]
    sides = [_columns(side, patterns, numbers, features) for side in terms]
    columns = [Columns(names, _weights(matrix, place, len(features))) for names, matrix, place in sides]
    return Expansion(tuple(features), feature_values(frame, features), patterns, pattern, tuple(columns))


def _category(factor: Factor, frame: pd.DataFrame) -> str | None:
    """Column of a categorical factor; None for a number."""
    if factor.eval_method.value == "lookup":
        dtype = column(frame, factor.expr).dtype
        return None if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype) else factor.expr
    if STATEFUL.search(factor.expr):
        raise ValueError(f"formula: {factor.expr} depends on the whole column. Compute it first and name the new column in the formula.")
    inside = CATEGORY.match(factor.expr)
    return inside.group(1) if inside else None


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of the table, which must exist and have no gaps."""
    if name not in frame:
        close = nearest(name, [str(known) for known in frame.columns])
        hint = f"Did you mean {close!r}?" if close else f"It has {', '.join(map(str, frame.columns))}."
        raise ValueError(f"formula: the table has no column {name!r}. {hint}")
    gaps = int(frame[name].isna().sum())
    if gaps:
        raise ValueError(f"column {name}: {gaps} of {len(frame)} rows have no value. Drop these rows first, and say so.")
    return frame[name]


def level_codes(values: pd.Series) -> tuple[Int[np.ndarray, " rows"], pd.Index]:
    """Number of each row's level, and the levels that occur: in the order of a categorical, else sorted."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy()
        present = np.flatnonzero(np.bincount(codes, minlength=len(values.cat.categories)))
        if len(present) == len(values.cat.categories):
            return codes, values.cat.categories
        return np.searchsorted(present, codes).astype(np.int32), values.cat.categories[present]
    codes, levels = pd.factorize(values, sort=True)
    return codes.astype(np.int32), pd.Index(levels)


def _patterns(frame: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Combination of categories of each row, and the table of those that occur, their levels as strings."""
    code, patterns = np.zeros(len(frame), dtype=np.int32), pd.DataFrame(index=range(1))
    for name in names:
        codes, levels = level_codes(column(frame, name))
        code, present = numbered(code * len(levels) + codes, len(patterns) * len(levels))
        patterns = patterns.iloc[present // len(levels)].reset_index(drop=True)
        patterns[name] = pd.Categorical.from_codes(present % len(levels), categories=levels.astype(str))
    return code, patterns


def numbered(code: Int[np.ndarray, " rows"], n: int) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " present"]]:
    """Place of each row's number among the numbers that occur, and the numbers that occur.

    Args:
        code: Number of each row, below n.
        n: Upper end of the numbers; up to `COUNTED` they are counted, beyond they are sorted, since counting would take more memory.
    """
    if n > COUNTED:
        present, row = np.unique(code, return_inverse=True)
        return row.astype(np.int32), present
    present = np.flatnonzero(np.bincount(code))
    place = np.zeros(present[-1] + 1, dtype=np.int32)
    place[present] = np.arange(len(present))
    return place[code], present


def _columns(
    terms: list[Term], patterns: pd.DataFrame, numbers: list[str], features: list[tuple[str, ...]]
) -> tuple[tuple[str, ...], np.ndarray, list[int]]:
    """Names and entries of a formula's columns where all numbers are 1, and the feature of each; new features are added to the list."""
    from formulaic import Formula
    from formulaic.parser.types import Factor, Term

    alias = {name: f"{_unused(patterns)}{i}_" for i, name in enumerate(numbers)}
    reference = patterns.assign(**dict.fromkeys(alias.values(), 1.0))
    renamed = []
    for term in terms:
        factors = [Factor(alias[f.expr], eval_method="lookup") if f.expr in alias else _with_base(f, patterns) for f in term.factors]
        renamed.append(Term(factors, origin=term))
    if not terms:
        return (), np.zeros((len(patterns), 0)), []
    matrix = Formula(renamed).get_model_matrix(reference, output="numpy")
    names: list[str] = []
    place: list[int] = []
    for term, columns in zip(terms, (matrix.model_spec.term_indices[term] for term in renamed), strict=True):
        feature = tuple(sorted(factor.expr for factor in term.factors if factor.expr in alias))
        if feature not in features:
            features.append(feature)
        for j in columns:
            names.append(_original(matrix.model_spec.column_names[j], alias))
            place.append(features.index(feature))
    return tuple(names), np.asarray(matrix, dtype=np.float64), place


def _unused(patterns: pd.DataFrame) -> str:
    """Beginning of names that no category and no level of one has."""
    taken, begin = " ".join([*map(str, patterns), *(str(level) for name in patterns for level in patterns[name].cat.categories)]), "number_"
    while begin in taken:
        begin += "_"
    return begin


def _with_base(factor: Factor, patterns: pd.DataFrame) -> Factor:
    """The factor with a base that is given as a number written as text, which levels are here."""
    from formulaic.parser.types import Factor

    base = BASE.search(factor.expr)
    category = CATEGORY.match(factor.expr)
    if base is None or category is None:
        return factor
    levels = [str(level) for level in patterns[category.group(1)].cat.categories]
    if base.group(2) not in levels:
        raise ValueError(f"formula: {factor.expr}: {base.group(2)} is no level of {category.group(1)}, which has {', '.join(levels)}.")
    return Factor(BASE.sub(r"\1'\2'\3", factor.expr), eval_method="python")


def _original(name: str, alias: dict[str, str]) -> str:
    """A column's name with the numbers as the formula writes them."""
    for written, short in alias.items():
        name = name.replace(short, written)
    return name


def _weights(matrix: np.ndarray, place: list[int], n_features: int) -> np.ndarray:
    """Weight of each feature in each column, for every pattern: each column's entries stand at its own feature, 0 elsewhere."""
    weight = np.zeros((len(matrix), n_features, len(place)))
    weight[:, place, np.arange(len(place))] = matrix
    return weight


def feature_values(frame: pd.DataFrame, features: Sequence[tuple[str, ...]]) -> Float[np.ndarray, "varying rows"]:
    """Values of every feature but the first, each the product of its numbers."""
    known: dict[str, np.ndarray] = {}
    out = np.ones((len(features) - 1, len(frame)))
    for row, feature in zip(out, features[1:], strict=True):
        for name in feature:
            if name not in known:
                known[name] = numeric(frame, name)
            row *= known[name]
    return out


def numeric(frame: pd.DataFrame, expression: str) -> Float[np.ndarray, " rows"]:
    """Values of a number that a formula names: a column, or an expression of columns such as log(exposure)."""
    if re.fullmatch(r"\w+", expression) or expression in frame:
        values = column(frame, expression).to_numpy(np.float64)
    else:
        values = _computed(frame, expression)
    endless = int(np.count_nonzero(~np.isfinite(values)))
    if endless:
        raise ValueError(
            f"formula: {expression} is not finite in {endless} of {len(values)} rows. Drop these rows, or change the expression."
        )
    return values


def _computed(frame: pd.DataFrame, expression: str) -> np.ndarray:
    """Values of an expression of columns, computed by formulaic."""
    from formulaic import Formula
    from formulaic.errors import FactorEvaluationError
    from formulaic.parser.types import Factor, Term

    single = Formula([Term([Factor(expression, eval_method="python")])])
    names = [str(name) for name in single.required_variables if str(name) in frame]
    needed = pd.DataFrame({name: column(frame, name) for name in names})
    try:
        with np.errstate(all="ignore"):
            matrix = np.asarray(single.get_model_matrix(needed, output="numpy", na_action="ignore"), dtype=np.float64)
    except FactorEvaluationError as failure:
        reason = str(failure.__cause__ or failure)
        raise ValueError(f"formula: {expression} can't be computed ({reason}). Compute it first and name the new column.") from failure
    if matrix.shape[1] != 1:
        raise ValueError(f"formula: {expression} makes {matrix.shape[1]} columns. Compute them first and name each in the formula.")
    return matrix[:, 0]
