"""The loop over time where the batch is one: passes over all neurons, each of which the compiler takes several at a time.

The equations are those of `block_loop`; arrays of states have one column.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from graphtwin.motor.model.elements import FREE, add_gaps, add_slope, first_outside, respond, respond_all, return_gaps, slope
from graphtwin.motor.model.rows import return_errors, sum_inputs

HELD = 16  # steps whose errors wait until the gradients of edges are added up, so that these are read and written once in so many
back_16 = return_errors(HELD)


@no_type_check
@njit(cache=True, fastmath=FREE)
def forward_single(
    begin, pre, weight, gap_a, gap_b, gap, bias, alpha, threshold, kind, is_rate, shifted, substeps, drive, stimulated, bound,
    states, inflows, rows, seen,
):  # fmt: skip
    """As `block_loop.forward_block`."""
    n = len(bias)
    column = np.empty((n, 1), bias.dtype)
    told = np.empty_like(column)
    inflow, sent = column[:, 0], told[:, 0]
    for step in range(len(drive) * substeps):
        now, then = states[step % len(states)], states[(step + 1) % len(states)]
        x, after = now[:, 0], then[:, 0]
        for i in range(n):
            inflow[i] = bias[i]
        for at in range(len(stimulated)):
            inflow[stimulated[at]] += drive[step // substeps, at, 0]
        add_gaps(gap_a, gap_b, gap, now, column)
        if is_rate:
            sent[:] = x
        else:
            respond_all(kind, now, threshold, shifted, told)
        for i in range(n):
            value = inflow[i] + sum_inputs(pre, weight, sent, begin[i], begin[i + 1])
            if is_rate:
                inflows[step % len(inflows), i, 0] = value
                value = respond(kind, value)
            after[i] = x[i] + alpha[i] * (value - x[i])
        left = first_outside(then, bound)
        if left >= 0:
            return step, left
        if (step + 1) % substeps == 0:
            for at in range(len(rows)):
                seen[step // substeps, at, 0] = after[rows[at]]
    return -1, -1


@no_type_check
@njit(cache=True, fastmath=FREE)
def backward_single(
    begin, post, weight, gap_a, gap_b, gap, alpha, threshold, kind, is_rate, shifted, substeps, stimulated, states, inflows,
    rows, errors, d_weight, d_gap, d_bias, d_alpha, d_threshold, d_drive, d_start,
):  # fmt: skip
    """As `block_loop.backward_block`."""
    n = len(alpha)
    column = np.empty((n, 1), alpha.dtype)
    told = np.empty_like(column)
    returned = np.empty_like(column)
    pushed, sent, back = column[:, 0], told[:, 0], returned[:, 0]
    held_errors, held_sent, spare = np.zeros((n, HELD), alpha.dtype), np.zeros((n, HELD), alpha.dtype), np.empty((n, HELD), alpha.dtype)
    waiting = 0
    for step in range(len(states) - 2, -1, -1):
        x, after, error = states[step, :, 0], states[step + 1, :, 0], d_start[:, 0]
        if (step + 1) % substeps == 0:
            for at in range(len(rows)):
                error[rows[at]] += errors[step // substeps, at, 0]
        for i in range(n):
            d_alpha[i] += error[i] * (after[i] - x[i]) / alpha[i]
            pushed[i] = alpha[i] * error[i]
            error[i] -= pushed[i]
        if is_rate:
            sent[:] = x
            for i in range(n):
                pushed[i] *= slope(kind, inflows[step, i, 0])
        else:
            respond_all(kind, states[step], threshold, shifted, told)
        for i in range(n):
            d_bias[i] += pushed[i]
        for at in range(len(stimulated)):
            d_drive[step // substeps, at, 0] += pushed[stimulated[at]]
        for i in range(n):
            back[i] = sum_inputs(post, weight, pushed, begin[i], begin[i + 1])
            held_errors[i, waiting], held_sent[i, waiting] = pushed[i], sent[i]
        waiting += 1
        if waiting == HELD or step == 0:
            for i in range(n):
                back_16(post, weight, held_errors, held_sent, d_weight, spare, begin[i], begin[i + 1], i, 0)
            held_errors[:] = 0
            waiting = 0
        if not is_rate:
            add_slope(kind, states[step], threshold, shifted, returned, d_threshold)
        for i in range(n):
            error[i] += back[i]
        return_gaps(gap_a, gap_b, gap, states[step], column, d_gap, d_start)
