"""Passes over the rows of a model with crossed groupings.

Next to its inner group a row belongs to one slot for every random effect of the other groupings: a place among all their coefficients.
`load` turns features into the number that multiplies that coefficient, one row a slot and pattern: as it stands in the formula, or times
the root. `random` does the same for the inner group, one row a cell and inner coefficient.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from graphtwin.mixed.families import REASSOCIATE


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _loaded(weights, a, b, values, i):
    """Sum over features of weights[a, b] x feature of row i."""
    total = weights[a, b, 0]
    for k in range(len(values)):
        total += weights[a, b, k + 1] * values[k, i]
    return total


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def add_crossed(low, high, cell, cell_start, cell_pattern, values, slots, load, effect, out):
    """Add load x effect of every slot to the log means."""
    i = low
    while i < high:
        end, pattern = min(cell_start[cell + 1], high), cell_pattern[cell]
        for s in range(len(slots)):
            for j in range(i, end):
                out[j - low] += _loaded(load, s, pattern, values, j) * effect[slots[s, j]]
        i, cell = end, cell + 1


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def add_slot_sums(low, high, cell, cell_start, cell_pattern, values, slots, load, amount, out):
    """Add amount x load to every slot."""
    i = low
    while i < high:
        end, pattern = min(cell_start[cell + 1], high), cell_pattern[cell]
        for s in range(len(slots)):
            for j in range(i, end):
                out[slots[s, j]] += amount[j - low] * _loaded(load, s, pattern, values, j)
        i, cell = end, cell + 1


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def add_slot_features(low, high, cell, cell_start, cell_pattern, values, slots, load, amount, out):
    """Add amount x load x feature to every slot, apart for each pattern."""
    i = low
    while i < high:
        end, pattern = min(cell_start[cell + 1], high), cell_pattern[cell]
        for s in range(len(slots)):
            for j in range(i, end):
                part, at = amount[j - low] * _loaded(load, s, pattern, values, j), slots[s, j]
                out[at, pattern, 0] += part
                for k in range(len(values)):
                    out[at, pattern, k + 1] += part * values[k, j]
        i, cell = end, cell + 1


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def fill_cross(
    low, high, cell, cell_start, cell_pattern, cell_group, values, slots, place, start, load, random, amount, first, entries, square
):
    """Add weight x load x inner load to `entries`, laid out as `CrossEntries` says.

    Weight x load x load is added to the lower triangle of `square` (slots x slots), unless that is empty.
    """
    n_inner = random.shape[1]
    i = low
    while i < high:
        end, pattern, group = min(cell_start[cell + 1], high), cell_pattern[cell], cell_group[cell]
        base, width = n_inner * (start[group] - start[first]), start[group + 1] - start[group]
        for j in range(i, end):
            for s in range(len(slots)):
                part, at = amount[j - low] * _loaded(load, s, pattern, values, j), slots[s, j]
                for b in range(n_inner):
                    entries[base + b * width + place[s, j]] += part * _loaded(random, cell, b, values, j)
                for t in range(len(slots) if len(square) else 0):
                    if slots[t, j] <= at:
                        square[at, slots[t, j]] += part * _loaded(load, t, pattern, values, j)
        i, cell = end, cell + 1


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def add_cross(cell_start, cell_pattern, cell_group, values, slots, load, random, weight, inner, crossed, to_crossed):
    """Add C, the slots x inner part of the Hessian, times `inner` to `crossed` if `to_crossed`; else C' times `crossed` to `inner`.

    Both are columns of coefficients: `inner` groups x effects x columns, `crossed` slots x columns.
    """
    n_inner, n_columns = random.shape[1], inner.shape[2]
    for cell in range(len(cell_pattern)):
        pattern, group = cell_pattern[cell], cell_group[cell]
        for j in range(cell_start[cell], cell_start[cell + 1]):
            for s in range(len(slots)):
                part, at = weight[j] * _loaded(load, s, pattern, values, j), slots[s, j]
                for b in range(n_inner):
                    share = part * _loaded(random, cell, b, values, j)
                    if to_crossed:
                        for m in range(n_columns):
                            crossed[at, m] += share * inner[group, b, m]
                    else:
                        for m in range(n_columns):
                            inner[group, b, m] += share * crossed[at, m]


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def crossed_leverage(
    low, high, cell, cell_start, cell_pattern, cell_group, values, slots, place, start, load, plain, random, inner_plain, amount,
    first, within, between, among, inner_trace, trace, out,
):  # fmt: skip
    """Leverage z' H^-1 z of every row of a block, and the traces of weight x plain load x (H^-1 z)', by every two effects.

    `within` is the inverse Hessian of the block's inner groups, `between` its entries between them and slots, laid out as those of C, and
    `among` the lower triangle of that of slots.
    """
    n_inner, n_slots = random.shape[1], len(slots)
    inner, crossed = np.empty(n_inner), np.empty(n_slots)
    i = low
    while i < high:
        end, pattern, group = min(cell_start[cell + 1], high), cell_pattern[cell], cell_group[cell]
        base, width = n_inner * (start[group] - start[first]), start[group + 1] - start[group]
        for j in range(i, end):
            total = 0.0
            for b in range(n_inner):
                inner[b] = _loaded(random, cell, b, values, j)
            for s in range(n_slots):
                crossed[s] = _loaded(load, s, pattern, values, j)
            for b in range(n_inner):
                solved = 0.0
                for c in range(n_inner):
                    solved += within[group - first, b, c] * inner[c]
                for s in range(n_slots):
                    solved += between[base + b * width + place[s, j]] * crossed[s]
                total += inner[b] * solved
                for a in range(n_inner):
                    inner_trace[a, b] += amount[j - low] * _loaded(inner_plain, pattern, a, values, j) * solved
            for s in range(n_slots):
                solved, at = 0.0, slots[s, j]
                for c in range(n_inner):
                    solved += between[base + c * width + place[s, j]] * inner[c]
                for t in range(n_slots):
                    solved += among[max(at, slots[t, j]), min(at, slots[t, j])] * crossed[t]
                total += crossed[s] * solved
                for t in range(n_slots):
                    trace[t, s] += amount[j - low] * _loaded(plain, t, pattern, values, j) * solved
            out[j - low] = total
        i, cell = end, cell + 1
