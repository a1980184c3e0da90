"""Columns of terms with other than treatment contrasts, such as C(kind, contr.sum): formulaic makes them, imported for them alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from graphtwin.mixed.design.terms import Factor, Term


def coded_by_formulaic(terms: Sequence[Term], patterns: pd.DataFrame, categories: Collection[str]) -> list[list[tuple[str, np.ndarray]]]:
    """Name and entries of every column of every term, where all numbers are 1.

    Args:
        terms: Terms in their order.
        patterns: Levels of the categories, one row a pattern.
        categories: Categories among the factors by what they are written as; all others are numbers.
    """
    from formulaic import Formula
    from formulaic.parser.types import Factor as Written
    from formulaic.parser.types import Term as Product

    numbers = dict.fromkeys(one.written for term in terms for one in term if one.kind != "literal" and one.written not in categories)
    alias = {name: f"{_unused(patterns)}{i}_" for i, name in enumerate(numbers)}
    reference = patterns.assign(**dict.fromkeys(alias.values(), 1.0))
    renamed = [Product([Written(alias.get(one.written, one.written), eval_method=_kind(one, alias)) for one in term]) for term in terms]
    matrix = Formula(renamed).get_model_matrix(reference, output="numpy")
    values, spec = np.asarray(matrix, dtype=np.float64), matrix.model_spec
    return [[(_original(spec.column_names[j], alias), values[:, j]) for j in spec.term_indices[term]] for term in renamed]


def _kind(factor: Factor, alias: dict[str, str]) -> str:
    """How formulaic is to evaluate a factor; numbers are columns of the reference table."""
    return "lookup" if factor.written in alias else factor.kind


def _unused(patterns: pd.DataFrame) -> str:
    """Beginning of names that no category and no level of one has."""
    taken, begin = " ".join([*map(str, patterns), *(str(level) for name in patterns for level in patterns[name].cat.categories)]), "number_"
    while begin in taken:
        begin += "_"
    return begin


def _original(name: str, alias: dict[str, str]) -> str:
    """A column's name with the numbers as the formula writes them."""
    for written, short in alias.items():
        name = name.replace(short, written)
    return name
