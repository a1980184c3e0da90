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

from graphtwin.mixed.design.expressions import column, kind_of, numeric, remedy_of

if TYPE_CHECKING:
    from formulaic.parser.types import Factor, Term

COUNTED = 10**7  # most combinations that are numbered by counting, which takes 120 MB; more are sorted
MAX_PATTERNS = 2000  # most combinations of categories; with as many columns the matrices of all have 64 MB

CATEGORY = re.compile(r"^C\(\s*(?:`([^`]+)`|(\w+))\s*[,)]")  # a column that is made a category
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
    factors = _factors(formulas)
    categories = [name for factor in factors.values() if (name := _category(factor, frame))]
    pattern, patterns = _patterns(frame, list(dict.fromkeys(categories)))
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(
            f"formulas {', '.join(formulas)}: {len(patterns)} combinations of {', '.join(patterns)}; {MAX_PATTERNS} fit. "
            "Give a category with many levels a random effect, (1 | name), or absorb it."
        )
    features, sides = columns_by_pattern(formulas, patterns)
    return Expansion(features, feature_values(frame, features), patterns, pattern, sides)


def columns_by_pattern(formulas: Sequence[str], patterns: pd.DataFrame) -> tuple[tuple[tuple[str, ...], ...], tuple[Columns, ...]]:
    """Features of several formulas and the columns made of them, for patterns of categories; other names are numbers.

    Args:
        formulas: Right-hand sides of formulas.
        patterns: Levels of the categories, one row a pattern; every level of a category occurs in some pattern.
    """
    numbers = [name for name, factor in _factors(formulas).items() if _named_category(factor) not in patterns]
    features: list[tuple[str, ...]] = [()]
    sides = [_columns(_terms(text), patterns, numbers, features) for text in formulas]
    return tuple(features), tuple(Columns(names, _weights(matrix, place, len(features))) for names, matrix, place in sides)


def _factors(formulas: Sequence[str]) -> dict[str, Factor]:
    """The factors of several formulas by what they are written as, but for numbers such as 1."""
    terms = [term for text in formulas for term in _terms(text)]
    return {factor.expr: factor for term in terms for factor in term.factors if factor.eval_method.value != "literal"}


def _named_category(factor: Factor) -> str:
    """The column that a factor would be a category of: itself, or the one inside C( )."""
    inside = CATEGORY.match(factor.expr)
    return (inside.group(1) or inside.group(2)) if inside and factor.eval_method.value == "python" else factor.expr


def _terms(text: str) -> list[Term]:
    """The terms of one side, as formulaic reads them."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    if FACTOR.search(text):
        raise ValueError(f"formula: {text} is written {FACTOR.sub('C(', text)} here: C(column) makes a column a category.")
    try:
        return list(Formula(text))
    except (FormulaicError, SyntaxError) as failure:
        reason = re.split(r"\. |\.?\n", str(failure))[0].rstrip(".")
        raise ValueError(f"formula: {text} can't be read ({reason}). Write it as in `x * kind + log(size)`.") from failure


def _category(factor: Factor, frame: pd.DataFrame) -> str | None:
    """Column of a categorical factor; None for a number."""
    if factor.eval_method.value == "lookup":
        return factor.expr if _is_category(column(frame, factor.expr)) else None
    if not factor.expr.startswith("C("):
        return None
    if not CATEGORY.match(factor.expr):
        raise ValueError(f"formula: {factor.expr}: C( ) makes a category of one column of the table. Compute it first and name the column.")
    return _named_category(factor)


def _is_category(values: pd.Series) -> bool:
    """Whether a column that a formula names as it is holds categories: texts, true and false, or a categorical; numbers are none."""
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(values.dtype):
        return True
    if pd.api.types.is_numeric_dtype(values.dtype):
        return False
    if kind_of(values) != "texts":
        raise ValueError(f"column {values.name}: its {len(values)} values are {kind_of(values)}. {remedy_of(values)}")
    return True


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

    base, name = BASE.search(factor.expr), _named_category(factor)
    if base is None or name not in patterns:
        return factor
    levels = [str(level) for level in patterns[name].cat.categories]
    if base.group(2) not in levels:
        raise ValueError(f"formula: {factor.expr}: {base.group(2)} is no level of {name}, which has {', '.join(levels)}.")
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
