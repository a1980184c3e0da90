"""Poisson rows of the same cell, the same slots and the same features joined into one: the likelihood stays the same but for a constant.

With log mean o_i + c for rows i that share c, sum_i (y_i (o_i + c) - exp(o_i + c)) is that of one row with y = sum y_i and o = log sum
exp(o_i), plus sum y_i o_i - y o. Where a covariate is continuous nothing is equal, and nothing is joined; the negative binomial and
Tweedie have no such sum.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphtwin.mixed.design.design import Design

SAMPLE = 4096  # rows looked at before all are sorted
WORTH = 0.5  # largest share of the rows that may be left for joining to be worth it


def collapse(design: Design) -> Design:
    """Join equal rows, where that halves their number."""
    if not _repeats(design):
        return design
    cell = np.repeat(np.arange(len(design.cell_pattern), dtype=np.int32), np.diff(design.cell_start))
    keys = [*design.values, *(grouping.code for grouping in design.crossed), cell]
    order = np.lexsort(keys)
    new = np.r_[True, np.any([np.diff(key[order]) != 0 for key in keys], axis=0)]
    first = np.flatnonzero(new)
    if len(first) > WORTH * len(order):
        return design
    y, offset = design.y[order], design.offset[order]
    largest = np.maximum.reduceat(offset, first)
    exposure = np.add.reduceat(np.exp(offset - np.repeat(largest, np.diff(np.r_[first, len(order)]))), first)
    joined, joined_offset = np.add.reduceat(y, first), largest + np.log(exposure)
    counts = np.bincount(cell[order][first], minlength=len(design.cell_pattern))
    return replace(
        design,
        y=joined,
        offset=joined_offset,
        values=np.ascontiguousarray(design.values[:, order[first]]),
        cell_start=np.r_[0, np.cumsum(counts)],
        crossed=tuple(replace(grouping, code=grouping.code[order[first]]) for grouping in design.crossed),
        constant=float(y @ offset - joined @ joined_offset),
    )


def _repeats(design: Design) -> bool:
    """Whether no feature and no grouping alone tells more than half of the first rows apart."""
    keys = [*design.values, *(grouping.code for grouping in design.crossed)]
    return all(len(np.unique(key[:SAMPLE])) <= WORTH * min(SAMPLE, len(design.y)) for key in keys)
