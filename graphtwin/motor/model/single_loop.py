"""The loop over time where the batch is one: passes over all neurons, each of which the compiler takes several at a time.

The equations are those of `block_loop`; arrays of states have one column. What strips read and write has `STRIP` more places at both ends,
so that the last of a strip may lie beyond the last neuron.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from graphtwin.motor.model.elements import FREE, add_gaps, add_slope, first_outside, respond, respond_all, return_gaps, slope
from graphtwin.motor.model.rows import add_products, sum_inputs
from graphtwin.motor.model.strips import STRIP, TOGETHER, add_strip_products, sum_strips

HELD = 16  # steps whose errors wait until the gradients of edges in rows are added up, so that these are read and written once in so many
add_held = add_products(HELD)


@no_type_check
@njit(cache=True, fastmath=FREE)
def add_inputs(strips, first, row, begin, partner, weight, sent, out):
    """Add to `out` what arrives along all edges; both have `STRIP` more places at both ends."""
    for block in range(len(strips) - 1):
        sum_strips(first, weight, sent, out, strips[block], strips[block + 1], (block + 1) * STRIP)
    others, told = weight[len(first) * STRIP :], sent[STRIP:]
    for at in range(len(row)):
        out[STRIP + row[at]] += sum_inputs(partner, others, told, begin[at], begin[at + 1])


@no_type_check
@njit(cache=True, fastmath=FREE)
def forward_single(
    strips, first, row, begin, pre, weight, gap_a, gap_b, gap, bias, alpha, threshold, kind, is_rate, shifted, substeps, drive,
    stimulated, bound, states, inflows, rows, seen,
):  # fmt: skip
    """As `block_loop.forward_block`; edges as `wiring.Edges` has them."""
    n = len(bias)
    flow, told = np.zeros(n + 2 * STRIP, bias.dtype), np.zeros(n + 2 * STRIP, bias.dtype)
    inflow, sent = flow[STRIP : STRIP + n], told[STRIP : STRIP + n]
    for step in range(len(drive) * substeps):
        now, then = states[step % len(states)], states[(step + 1) % len(states)]
        x, after = now.reshape(n), then.reshape(n)  # contiguous, as a column of a block is not known to be
        inflow[:] = bias
        for at in range(len(stimulated)):
            inflow[stimulated[at]] += drive[step // substeps, at, 0]
        add_gaps(gap_a, gap_b, gap, now, inflow.reshape(n, 1))
        if is_rate:
            sent[:] = x
        else:
            respond_all(kind, now, threshold, shifted, sent.reshape(n, 1))
        add_inputs(strips, first, row, begin, pre, weight, told, flow)
        if is_rate:
            for i in range(n):
                inflows[step % len(inflows), i, 0] = inflow[i]
                inflow[i] = respond(kind, inflow[i])
        for i in range(n):
            after[i] = x[i] + alpha[i] * (inflow[i] - x[i])
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
    """Write steps x places as neurons x steps: numbers of a neuron lie together then, which they did not while they came."""
    for i in range(len(neurons)):
        for step in range(len(steps)):
            neurons[i, step] = steps[step, STRIP + i]


@no_type_check
@njit(cache=True, fastmath=FREE)
def add_gradients(strips, first, row, begin, partner, errors, sent, errors_of, sent_of, gradient):
    """Add up the gradients of all edges over the steps that were held; `errors_of` and `sent_of` are room to turn them in."""
    for step in range(0, len(errors), TOGETHER):
        for block in range(len(strips) - 1):
            add_strip_products(first, errors, sent, gradient, strips[block], strips[block + 1], (block + 1) * STRIP, step)
    if len(row):
        turn(errors, errors_of)
        turn(sent, sent_of)
        others = gradient[len(first) * STRIP :]
        for at in range(len(row)):
            add_held(partner, errors_of, sent_of, others, begin[at], begin[at + 1], row[at])


@no_type_check
@njit(cache=True, fastmath=FREE)
def backward_single(
    strips, first, row, begin, post, weight, gap_a, gap_b, gap, alpha, threshold, kind, is_rate, shifted, substeps, stimulated, states,
    inflows, rows, errors, d_weight, d_gap, d_bias, d_alpha, d_threshold, d_drive, d_start,
):  # fmt: skip
    """As `block_loop.backward_block`; edges as `wiring.Edges` has them."""
    n = len(alpha)
    returned, moved = np.empty(n + 2 * STRIP, alpha.dtype), np.zeros(n, alpha.dtype)
    held, turned = (HELD, n) if len(row) else (TOGETHER, 0)
    late_errors, late_sent = np.zeros((held, n + 2 * STRIP), alpha.dtype), np.zeros((held, n + 2 * STRIP), alpha.dtype)
    errors_of, sent_of = np.empty((turned, HELD), alpha.dtype), np.empty((turned, HELD), alpha.dtype)
    back, waiting = returned[STRIP : STRIP + n], 0
    for step in range(len(states) - 2, -1, -1):
        x, after, error = states[step].reshape(n), states[step + 1].reshape(n), d_start.reshape(n)
        pushed, sent = late_errors[waiting][STRIP : STRIP + n], late_sent[waiting][STRIP : STRIP + n]
        if (step + 1) % substeps == 0:
            for at in range(len(rows)):
                error[rows[at]] += errors[step // substeps, at, 0]
        for i in range(n):
            moved[i] += error[i] * (after[i] - x[i])
        for i in range(n):
            pushed[i] = alpha[i] * error[i]
        for i in range(n):
            error[i] -= pushed[i]
        if is_rate:
            sent[:] = x
            for i in range(n):
                pushed[i] *= slope(kind, inflows[step, i, 0])
        else:
            respond_all(kind, states[step], threshold, shifted, sent.reshape(n, 1))
        for i in range(n):
            d_bias[i] += pushed[i]
        for at in range(len(stimulated)):
            d_drive[step // substeps, at, 0] += pushed[stimulated[at]]
        returned[:] = 0
        add_inputs(strips, first, row, begin, post, weight, late_errors[waiting], returned)
        return_gaps(gap_a, gap_b, gap, states[step], pushed.reshape(n, 1), d_gap, d_start)
        waiting += 1
        if waiting == held or step == 0:
            add_gradients(strips, first, row, begin, post, late_errors, late_sent, errors_of, sent_of, d_weight)
            late_errors[:] = 0
            waiting = 0
        if not is_rate:
            add_slope(kind, states[step], threshold, shifted, back.reshape(n, 1), d_threshold)
        for i in range(n):
            error[i] += back[i]
    for i in range(n):
        d_alpha[i] += moved[i] / alpha[i]
