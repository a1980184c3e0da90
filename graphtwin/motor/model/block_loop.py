"""The loop over time of a window, forward and back: Euler steps of all neurons, a block of batch columns in a register.

Neurons whose synapses read their state ("leaky", "graded"):

    v' = v + alpha (b + W r(v - theta) + G v + u - v)

and neurons whose state is a rate ("rate"):

    v' = v + alpha (r(b + W v + G v + u) - v)

where alpha is the step over the time constant, and G v = sum_j g_ij (v_j - v_i) goes through gap junctions. Back, with the error e of the
state after a step, errors go along W transposed; only the states of the window are kept, so that memory does not grow with time. A loop
over 12 columns would go one by one, so that rows have code of their own (`rows`), and what needs no row runs over all numbers in one pass.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from graphtwin.motor.model.elements import FREE, add_gaps, add_slope, first_outside, respond, respond_all, return_gaps, slope
from graphtwin.motor.model.rows import push_row, return_errors, step_row

WIDEST = 16  # columns of the widest block
step_4, step_8, step_12, step_16 = (step_row(width) for width in (4, 8, 12, 16))
back_4, back_8, back_12, back_16 = (return_errors(width) for width in (4, 8, 12, 16))
push_4, push_8, push_12, push_16 = (push_row(width) for width in (4, 8, 12, 16))


def block_width(batch: int) -> tuple[int, int]:
    """Columns of a block, and of all blocks, that hold a batch: 1, 4, 8, 12 or 16 a block, the last filled up with empty columns."""
    width = 1 if batch == 1 else min(-(-batch // 4) * 4, WIDEST)
    return width, -(-batch // width) * width


@no_type_check
@njit(cache=True, fastmath=FREE)
def move(width, begin, pre, weight, sent, base, x, after, alpha):
    """Write x + alpha (base + W sent - x) to `after`; a branch a width, since a register's length is fixed when code is compiled."""
    n, columns = x.shape
    if width == 4:
        for i in range(n):
            step_4(pre, weight, sent, base, x, after, alpha[i], begin[i], begin[i + 1], i, 0)
    elif width == 8:
        for i in range(n):
            step_8(pre, weight, sent, base, x, after, alpha[i], begin[i], begin[i + 1], i, 0)
    elif width == 12:
        for i in range(n):
            step_12(pre, weight, sent, base, x, after, alpha[i], begin[i], begin[i + 1], i, 0)
    else:
        for i in range(n):
            for column in range(0, columns, 16):
                step_16(pre, weight, sent, base, x, after, alpha[i], begin[i], begin[i + 1], i, column)


@no_type_check
@njit(cache=True, fastmath=FREE)
def send_back(width, begin, post, weight, error, sent, gradient, out):
    """Write W transposed error to `out`, and gradient += error times sent at each edge."""
    n, columns = out.shape
    if width == 4:
        for i in range(n):
            back_4(post, weight, error, sent, gradient, out, begin[i], begin[i + 1], i, 0)
    elif width == 8:
        for i in range(n):
            back_8(post, weight, error, sent, gradient, out, begin[i], begin[i + 1], i, 0)
    elif width == 12:
        for i in range(n):
            back_12(post, weight, error, sent, gradient, out, begin[i], begin[i + 1], i, 0)
    else:
        for i in range(n):
            for column in range(0, columns, 16):
                back_16(post, weight, error, sent, gradient, out, begin[i], begin[i + 1], i, column)


@no_type_check
@njit(cache=True, fastmath=FREE)
def share_out(width, error, x, after, pushed, alpha, d_alpha):
    """Take alpha error out of `error` into `pushed`, and add to the gradient of alpha."""
    n, columns = x.shape
    if width == 4:
        for i in range(n):
            d_alpha[i] += push_4(error, x, after, pushed, alpha[i], i, 0)
    elif width == 8:
        for i in range(n):
            d_alpha[i] += push_8(error, x, after, pushed, alpha[i], i, 0)
    elif width == 12:
        for i in range(n):
            d_alpha[i] += push_12(error, x, after, pushed, alpha[i], i, 0)
    else:
        for i in range(n):
            for column in range(0, columns, 16):
                d_alpha[i] += push_16(error, x, after, pushed, alpha[i], i, column)


@no_type_check
@njit(cache=True, fastmath=FREE)
def add_flat(values, out):
    """Add to `out`."""
    flat, into = values.reshape(values.size), out.reshape(out.size)
    for at in range(len(flat)):
        into[at] += flat[at]


@no_type_check
@njit(cache=True, fastmath=FREE)
def forward_block(
    width, begin, pre, weight, gap_a, gap_b, gap, bias, alpha, threshold, kind, is_rate, shifted, substeps, drive, stimulated, bound,
    states, inflows, rows, seen,
):  # fmt: skip
    """Go through a window from states[0], and write what rows show at the end of each step to `seen` (steps x rows x columns).

    States after step s lie in states[s + 1], and inflows of rates in inflows[s], counted around where there is room for fewer: two states
    are enough to go on, all are needed to go back.

    Returns:
        The step and the place at which a state left the bound, (-1, -1) where none did.
    """
    n, columns = states.shape[1:]
    ones = np.ones_like(alpha)
    constant = np.empty((n, columns), bias.dtype)
    for i in range(n):
        constant[i] = bias[i]
    base, sent = constant.copy(), np.empty_like(constant)
    for step in range(len(drive) * substeps):
        x, after, given = states[step % len(states)], states[(step + 1) % len(states)], drive[step // substeps]
        for at in range(len(stimulated)):
            for k in range(columns):
                base[stimulated[at], k] = constant[stimulated[at], k] + given[at, k]
        if len(gap):
            add_gaps(gap_a, gap_b, gap, x, base)
        if is_rate:
            inflow = inflows[step % len(inflows)]
            move(width, begin, pre, weight, x, base, base, inflow, ones)
            for i in range(n):
                for k in range(columns):
                    after[i, k] = x[i, k] + alpha[i] * (respond(kind, inflow[i, k]) - x[i, k])
        else:
            respond_all(kind, x, threshold, shifted, sent)
            move(width, begin, pre, weight, sent, base, x, after, alpha)
        if len(gap):
            base[:] = constant
        left = first_outside(after, bound)
        if left >= 0:
            return step, left
        if (step + 1) % substeps == 0:
            for at in range(len(rows)):
                for k in range(columns):
                    seen[step // substeps, at, k] = after[rows[at], k]
    return -1, -1


@no_type_check
@njit(cache=True, fastmath=FREE)
def backward_block(
    width, begin, post, weight, gap_a, gap_b, gap, alpha, threshold, kind, is_rate, shifted, substeps, stimulated, states, inflows,
    rows, errors, d_weight, d_gap, d_bias, d_alpha, d_threshold, d_drive, d_start,
):  # fmt: skip
    """Go back through a window: `errors` are those of what rows showed, `d_start` comes with the last state's; d_... are added to."""
    n, columns = d_start.shape
    pushed, sent, back, constant = np.empty_like(d_start), np.empty_like(d_start), np.empty_like(d_start), np.zeros_like(d_start)
    error = d_start
    for step in range(len(states) - 2, -1, -1):
        x = states[step]
        if (step + 1) % substeps == 0:
            for at in range(len(rows)):
                for k in range(columns):
                    error[rows[at], k] += errors[step // substeps, at, k]
        share_out(width, error, x, states[step + 1], pushed, alpha, d_alpha)
        if is_rate:
            for i in range(n):
                for k in range(columns):
                    pushed[i, k] *= slope(kind, inflows[step, i, k])
            send_back(width, begin, post, weight, pushed, x, d_weight, back)
        else:
            respond_all(kind, x, threshold, shifted, sent)
            send_back(width, begin, post, weight, pushed, sent, d_weight, back)
            add_slope(kind, x, threshold, shifted, back, d_threshold)
        add_flat(pushed, constant)
        for at in range(len(stimulated)):
            for k in range(columns):
                d_drive[step // substeps, at, k] += pushed[stimulated[at], k]
        add_flat(back, error)
        return_gaps(gap_a, gap_b, gap, x, pushed, d_gap, error)
    for i in range(n):
        d_bias[i] += constant[i].sum()
