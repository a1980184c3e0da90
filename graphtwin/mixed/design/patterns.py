"""Design matrices as features times patterns, so that a pass over a million rows touches two columns, not eight.

In `x * kind` with four kinds a row of the design has eight entries, all of them 1, x or 0. Which are which depends on the
projection alone. So a row is kept as its features (1, x) and its pattern (the projection), and the matrix that turns features into
columns is kept once a pattern, made of a table with one row a pattern where every number is 1: here where categories get treatment
contrasts (`coding`), else by formulaic (`contrasts`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.mixed.design.coding import Category, coded
from graphtwin.mixed.design.contrasts import coded_by_formulaic
from graphtwin.mixed.design.expressions import column, kind_of, numeric, remedy_of
from graphtwin.mixed.design.terms import Factor, Term, read_terms
from graphtwin.shapes import Float, Int

COUNTED = 10**7  # most combinations that are numbered by counting, which takes 120 MB; more are sorted
MAX_PATTERNS = 2000  # most combinations of categories; with as many columns the matrices of all have 64 MB

CATEGORY = re.compile(r"^C\(\s*(?:`([^`]+)`|(\w+))\s*[,)]")  # a column that is made a category
TREATMENT = re.compile(r"^C\([^,]*(?:, contr\.treatment(?:\((?:base=)?'([^'\\]*)'\))?)?\)$")  # a category with or without a base
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
    features: list[tuple[str, ...]] = [()]
    sides = [_columns(read_terms(text), patterns, features) for text in formulas]
    return tuple(features), tuple(Columns(names, _weights(matrix, place, len(features))) for names, matrix, place in sides)


def _factors(formulas: Sequence[str]) -> dict[str, Factor]:
    """The factors of several formulas by what they are written as, but for numbers such as 1."""
    terms = [term for text in formulas for term in read_terms(text)]
    return {factor.written: factor for term in terms for factor in term if factor.kind != "literal"}


def _named_category(factor: Factor) -> str:
    """The column that a factor would be a category of: itself, or the one inside C( )."""
    inside = CATEGORY.match(factor.written)
    return (inside.group(1) or inside.group(2)) if inside and factor.kind == "python" else factor.written


def _category(factor: Factor, frame: pd.DataFrame) -> str | None:
    """Column of a categorical factor; None for a number."""
    if factor.kind == "lookup":
        return factor.written if _is_category(column(frame, factor.written)) else None
    if not factor.written.startswith("C("):
        return None
    if not CATEGORY.match(factor.written):
        raise ValueError(
            f"formula: {factor.written}: C( ) makes a category of one column of the table. Compute it first and name the column."
        )
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


def _columns(terms: list[Term], patterns: pd.DataFrame, features: list[tuple[str, ...]]) -> tuple[tuple[str, ...], np.ndarray, list[int]]:
    """Names and entries of a formula's columns where all numbers are 1, and the feature of each; new features are added to the list."""
    terms = [tuple(_with_base(factor, patterns) for factor in term) for term in terms]
    factors = {factor.written: factor for term in terms for factor in term}
    categories = {name: _named_category(factor) for name, factor in factors.items() if _named_category(factor) in patterns}
    plain = {name: _plain(factors[name], patterns[column]) for name, column in categories.items()}
    known = {name: category for name, category in plain.items() if category is not None}
    scaled = any(len(term) > 1 and any(factor.kind == "literal" for factor in term) for term in terms)
    found = coded_by_formulaic(terms, patterns, categories) if scaled or len(known) < len(plain) else coded(terms, known, len(patterns))
    names: list[str] = []
    entries: list[np.ndarray] = []
    place: list[int] = []
    for term, columns in zip(terms, found, strict=True):
        feature = tuple(sorted(factor.written for factor in term if factor.kind != "literal" and factor.written not in plain))
        if feature not in features:
            features.append(feature)
        names += [name for name, _ in columns]
        entries += [values for _, values in columns]
        place += [features.index(feature)] * len(columns)
    return tuple(names), np.stack(entries, axis=1) if entries else np.zeros((len(patterns), 0)), place


def _plain(factor: Factor, levels: pd.Series) -> Category | None:
    """A category with treatment contrasts; None for what only formulaic can code, or can say what is wrong with."""
    written = TREATMENT.match(factor.written) if factor.kind == "python" else None
    names = tuple(str(level) for level in levels.cat.categories)
    base = written.group(1) if written else None
    if (factor.kind == "python" and written is None) or (base is not None and base not in names):
        return None
    return Category(levels.cat.codes.to_numpy(), names, names.index(base) if base is not None else 0)


def _with_base(factor: Factor, patterns: pd.DataFrame) -> Factor:
    """The factor with a base that is given as a number written as text, which levels are here."""
    base, name = BASE.search(factor.written), _named_category(factor)
    if base is None or name not in patterns:
        return factor
    levels = [str(level) for level in patterns[name].cat.categories]
    if base.group(2) not in levels:
        raise ValueError(f"formula: {factor.written}: {base.group(2)} is no level of {name}, which has {', '.join(levels)}.")
    return Factor(BASE.sub(r"\1'\2'\3", factor.written), "python")


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
