"""The loop over time where the batch is one: passes over all neurons, each of which the compiler takes several at a time.

The equations are those of `block_loop`; arrays of states have one column.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from graphtwin.motor.model.elements import FREE, add_gaps, add_slope, first_outside, respond, respond_all, return_gaps, slope
from graphtwin.motor.model.rows import add_products, sum_inputs

HELD = 16  # steps whose errors wait until the gradients of edges are added up, so that these are read and written once in so many
add_16 = add_products(HELD)


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
    inflow, sent = column.reshape(n), told.reshape(n)  # contiguous, as a column of a block is not known to be
    for step in range(len(drive) * substeps):
        now, then = states[step % len(states)], states[(step + 1) % len(states)]
        x, after = now.reshape(n), then.reshape(n)
        inflow[:] = bias
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
def turn(steps, neurons):
    """Write steps x neurons as neurons x steps: numbers of a neuron lie together then, which they did not while they came."""
    for i in range(steps.shape[1]):
        for step in range(steps.shape[0]):
            neurons[i, step] = steps[step, i]


@no_type_check
@njit(cache=True, fastmath=FREE)
def backward_single(
    place, begin, post, weight, gap_a, gap_b, gap, alpha, threshold, kind, is_rate, shifted, substeps, stimulated, states, inflows,
    rows, errors, d_weight, d_gap, d_bias, d_alpha, d_threshold, d_drive, d_start,
):  # fmt: skip
    """As `block_loop.backward_block`."""
    n = len(alpha)
    column = np.empty((n, 1), alpha.dtype)
    told = np.empty_like(column)
    returned = np.empty_like(column)
    pushed, sent, back = column.reshape(n), told.reshape(n), returned.reshape(n)
    late_errors, late_sent = np.zeros((HELD, n), alpha.dtype), np.zeros((HELD, n), alpha.dtype)
    errors_of, sent_of = np.empty((n, HELD), alpha.dtype), np.empty((n, HELD), alpha.dtype)
    waiting = 0
    for step in range(len(states) - 2, -1, -1):
        x, after, error = states[step].reshape(n), states[step + 1].reshape(n), d_start.reshape(n)
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
        for at in range(n):
            back[place[at]] = sum_inputs(post, weight, pushed, begin[at], begin[at + 1])
        late_errors[waiting], late_sent[waiting] = pushed, sent
        waiting += 1
        if waiting == HELD or step == 0:
            turn(late_errors, errors_of)
            turn(late_sent, sent_of)
            for at in range(n):
                add_16(post, errors_of, sent_of, d_weight, begin[at], begin[at + 1], place[at])
            late_errors[:] = 0
            waiting = 0
        if not is_rate:
            add_slope(kind, states[step], threshold, shifted, returned, d_threshold)
        for i in range(n):
            error[i] += back[i]
        return_gaps(gap_a, gap_b, gap, states[step], column, d_gap, d_start)
