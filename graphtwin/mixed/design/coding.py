"""Columns of terms where categories get treatment contrasts: a column a level, but for the base where that would follow from others.

Which categories of a term lack their base depends on the terms before it: `kind` beside an intercept does, `0 + kind` doesn't, and in
`x:kind` it does where x stands alone. A product of categories spans its parts, each with and without the base; parts that were spanned
before are left out, and those left are joined, (a):(b without base) + (a) being a:b, until no two can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from graphtwin.mixed.design.terms import Term
from graphtwin.shapes import Float, Int

Part = tuple[tuple[str, bool], ...]  # factors as they are written, and whether the base is left out


@dataclass(frozen=True)
class Category:
    """A category as a term has it.

    Attributes:
        code: Level of every pattern.
        levels: Names of the levels.
        base: Level that the others are compared with.
    """

    code: Int[np.ndarray, " patterns"]
    levels: tuple[str, ...]
    base: int = 0


def coded(
    terms: Sequence[Term], categories: Mapping[str, Category], n_patterns: int
) -> list[list[tuple[str, Float[np.ndarray, " patterns"]]]]:
    """Name and entries of every column of every term, where all numbers are 1.

    Args:
        terms: Terms of names and calls; the intercept is the number 1.
        categories: Categories among the factors by what they are written as; all others are numbers.
        n_patterns: Number of patterns of categories.
    """
    spanned: set[frozenset[tuple[str, bool]]] = set()
    columns = []
    for term in terms:
        names = [factor.written for factor in term if factor.kind != "literal"]
        new = [part for part in _spanned_by(names, categories) if frozenset(part) not in spanned]
        spanned |= {frozenset(part) for part in new}
        columns.append([column for part in _joined(new) for column in _columns(part, categories, n_patterns)])
    return columns


def _spanned_by(names: Sequence[str], categories: Mapping[str, Category]) -> list[Part]:
    """What the product of factors spans: a category is a constant and its levels without the base."""
    choices = [((name, True), None) if name in categories else ((name, False),) for name in names]
    return [tuple(one for one in chosen if one is not None) for chosen in product(*choices)]


def _joined(parts: Iterable[Part]) -> list[Part]:
    """The fewest parts that span the same: where one is another times a category without base, the category keeps it."""
    found: list[Part] = []
    for part in sorted(parts, key=len):
        for other in found:
            more = set(part) - set(other)
            if len(part) == len(other) + 1 and len(more) == 1 and (new := more.pop())[1]:
                whole = tuple((name, False) if (name, without) == new else (name, without) for name, without in part)
                found = _joined([*(one for one in found if one is not other), whole])
                break
        else:
            found.append(part)
    return found


def _columns(part: Part, categories: Mapping[str, Category], n_patterns: int) -> list[tuple[str, np.ndarray]]:
    """Name and entries of every column of a part, the levels of its first category going round first."""
    columns = [("", np.ones(n_patterns))]
    for name, without in part:
        own = _own_columns(name, without, categories.get(name), n_patterns)
        columns = [(f"{before}:{label}" if before else label, entries * level) for label, level in own for before, entries in columns]
    return columns if part else [("Intercept", columns[0][1])]


def _own_columns(name: str, without: bool, category: Category | None, n_patterns: int) -> list[tuple[str, np.ndarray]]:
    """Name and entries of a factor's own columns."""
    if category is None:
        return [(name, np.ones(n_patterns))]
    kept = [(i, level) for i, level in enumerate(category.levels) if not (without and i == category.base)]
    return [(f"{name}[{'T.' if without else ''}{level}]", (category.code == i).astype(np.float64)) for i, level in kept]
