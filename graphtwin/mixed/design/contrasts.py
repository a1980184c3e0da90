"""Columns of terms with other than treatment contrasts, such as C(kind, contr.sum): formulaic makes them, imported for them alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from graphtwin.mixed.design.terms import Factor, Term


def coded_by_formulaic(terms: Sequence[Term], patterns: pd.DataFrame, categories: Mapping[str, str]) -> list[list[tuple[str, np.ndarray]]]:
    """Name and entries of every column of every term, where all numbers are 1.

    Args:
        terms: Terms in their order.
        patterns: Levels of the categories, one row a pattern.
        categories: Column of each category among the factors by what it is written as; all others are numbers.

    Raises:
        ValueError: When formulaic can't code a category, or its levels, as the formula lists them, lack one that occurs.
    """
    for written, name in categories.items():
        _require_levels(written, name, patterns[name].cat.categories)
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.parser.types import Factor as Written
    from formulaic.parser.types import Term as Product

    numbers = dict.fromkeys(one.written for term in terms for one in term if one.kind != "literal" and one.written not in categories)
    alias = {name: f"{_unused(patterns)}{i}_" for i, name in enumerate(numbers)}
    reference = patterns.assign(**dict.fromkeys(alias.values(), 1.0))
    renamed = [Product([Written(alias.get(one.written, one.written), eval_method=_kind(one, alias)) for one in term]) for term in terms]
    try:
        matrix = Formula(renamed).get_model_matrix(reference, output="numpy")
    except (FormulaicError, ValueError) as failure:
        written = ", ".join(name for name in categories if name.startswith("C("))
        raise ValueError(f"formula: {written} can't be coded ({_reason(failure)}). Write it as in C(kind, contr.sum).") from failure
    values, spec = np.asarray(matrix, dtype=np.float64), matrix.model_spec
    return [[(_original(spec.column_names[j], alias), values[:, j]) for j in spec.term_indices[term]] for term in renamed]


def _require_levels(written: str, name: str, present: pd.Index) -> None:
    """Refuse levels = [...] without a level that occurs: its rows would be counted to the base."""
    call = ast.parse(written, mode="eval").body if written.startswith("C(") else None
    listed = [word.value for word in call.keywords if word.arg == "levels"] if isinstance(call, ast.Call) else []
    if not listed:
        return
    try:
        levels = list(ast.literal_eval(listed[0]))
    except (ValueError, TypeError):
        raise ValueError(f"formula: {written}: levels must be a list of texts, as in levels=['a', 'b'].") from None
    if lacking := [level for level in present if level not in levels]:
        raise ValueError(
            f"formula: {written}: its levels lack {', '.join(lacking)}, {len(lacking)} of {len(present)} that {name} has. "
            "List all of them, each as a text, or drop these rows."
        )


def _reason(failure: Exception) -> str:
    """What formulaic says, in a line and without its full stop."""
    return " ".join(str(failure).split()).rstrip(".")


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
