"""A design row by row: what multiplies every fixed effect and random coefficient, and which coefficients those are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphtwin.mixed.design import Design
from graphtwin.shapes import Float, Int

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Slot:
    """One random effect of one grouping.

    Attributes:
        grouping: Number of the grouping, the inner one being 0.
        effect: Number of the effect within it.
        coefficient: Each row's coefficient among all of the groupings.
        load: What multiplies the random effect in each row.
    """

    grouping: int
    effect: int
    coefficient: Int[np.ndarray, " rows"]
    load: Float[np.ndarray, " rows"]


def row_matrix(design: Design, weight: Float[np.ndarray, "patterns features columns"]) -> Float[np.ndarray, "rows columns"]:
    """Entries of a design matrix in every row."""
    pattern = np.repeat(design.cell_pattern, np.diff(design.cell_start))
    out = weight[pattern, 0]
    for k, feature in enumerate(design.values, start=1):
        if weight[:, k].any():
            out = out + weight[pattern, k] * feature[:, None]
    return out


def slots_of(design: Design) -> list[Slot]:
    """Every random effect of every grouping, the inner one's first."""
    inner = np.repeat(design.cell_group, np.diff(design.cell_start))
    slots, base = [], 0
    for number, grouping in enumerate(design.groupings):
        code = (inner if number == 0 else grouping.code).astype(np.int64)
        loads = row_matrix(design, grouping.weight)
        for effect in range(len(grouping.effects)):
            coefficient = (base + effect + code * len(grouping.effects)).astype(np.int32)
            slots.append(Slot(number, effect, coefficient, np.ascontiguousarray(loads[:, effect])))
        base += grouping.size
    return slots


@dataclass(frozen=True)
class PlaceOrder:
    """Rows sorted by place, so that sums over the rows of a place are products with a sparse matrix.

    Attributes:
        order: Rows, those of the same place together.
        start: First of them of each place, and the number of rows.
    """

    order: Int[np.ndarray, " rows"]
    start: Int[np.ndarray, " bounds"]

    @classmethod
    def of(cls, code: Int[np.ndarray, " rows"], n_places: int) -> PlaceOrder:
        """The order by the places of a field."""
        return cls(np.argsort(code, kind="stable").astype(np.int32), np.r_[0, np.cumsum(np.bincount(code, minlength=n_places))])

    def sums(self, amount: Float[np.ndarray, " rows"], column: Int[np.ndarray, " rows"], n_columns: int) -> csr_matrix:
        """Sums of an amount over rows of each place and column (places x columns)."""
        from scipy.sparse import csr_matrix

        return csr_matrix((amount[self.order], column[self.order], self.start), shape=(len(self.start) - 1, n_columns))
