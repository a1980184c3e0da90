"""What neurons and gap junctions do at one instant, compiled: the response, its slope, and currents through gap junctions."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

RELU, TANH, SIGMOID, SOFTPLUS = range(4)
RESPONSES = {"relu": RELU, "tanh": TANH, "sigmoid": SIGMOID, "softplus": SOFTPLUS}
FREE = {"reassoc", "contract", "nsz"}  # as in `rows`


@no_type_check
@njit(cache=True, fastmath=FREE, inline="always")
def respond(kind, x):
    """r(x)."""
    zero, one = x * 0, x * 0 + 1
    if kind == RELU:
        return max(x, zero)
    if kind == TANH:
        return np.tanh(x)
    if kind == SIGMOID:
        return one / (one + np.exp(-x))
    return max(x, zero) + np.log(one + np.exp(-abs(x)))


@no_type_check
@njit(cache=True, fastmath=FREE, inline="always")
def slope(kind, x):
    """r'(x); 0 at the corner of relu."""
    zero, one = x * 0, x * 0 + 1
    if kind == RELU:
        return one if x > zero else zero
    if kind == TANH:
        r = np.tanh(x)
        return one - r * r
    r = one / (one + np.exp(-x))
    return r * (one - r) if kind == SIGMOID else r


@no_type_check
@njit(cache=True, fastmath=FREE)
def respond_all(kind, x, threshold, shifted, out):
    """Write r(x - threshold) of neurons x columns to `out`; without thresholds in one pass, which the compiler does several at a time."""
    if shifted:
        for i in range(len(x)):
            for k in range(x.shape[1]):
                out[i, k] = respond(kind, x[i, k] - threshold[i])
        return
    flat, into = x.reshape(x.size), out.reshape(out.size)
    if kind == RELU:
        for at in range(len(flat)):
            into[at] = max(flat[at], flat[at] * 0)
    else:
        for at in range(len(flat)):
            into[at] = respond(kind, flat[at])


@no_type_check
@njit(cache=True, fastmath=FREE)
def add_slope(kind, x, threshold, shifted, back, d_threshold):
    """Multiply `back` by r'(x - threshold) of neurons x columns, and the gradient of thresholds where there are any."""
    if shifted:
        for i in range(len(x)):
            total = threshold.dtype.type(0)
            for k in range(x.shape[1]):
                back[i, k] *= slope(kind, x[i, k] - threshold[i])
                total += back[i, k]
            d_threshold[i] -= total
        return
    flat, into = x.reshape(x.size), back.reshape(back.size)
    zero = threshold.dtype.type(0)
    if kind == RELU:
        for at in range(len(flat)):
            own = into[at]
            into[at] = own if flat[at] > zero else zero
    else:
        for at in range(len(flat)):
            into[at] *= slope(kind, flat[at])


@no_type_check
@njit(cache=True, fastmath=FREE)
def first_outside(x, bound):
    """The first row of neurons x columns with a number beyond the bound, or none at all; -1 where there is none."""
    flat, inside = x.reshape(x.size), 0
    for at in range(len(flat)):
        inside += abs(flat[at]) <= bound  # counted, since a largest one would be looked for number by number
    if inside == len(flat):
        return -1
    for at in range(len(flat)):
        if not abs(flat[at]) <= bound:
            return at // x.shape[1]
    return -1


@no_type_check
@njit(cache=True, fastmath=FREE)
def add_gaps(gap_a, gap_b, gap, x, out):
    """Add to `out` (neurons x columns) what flows through gap junctions."""
    for at in range(len(gap_a)):
        a, b, g = gap_a[at], gap_b[at], gap[at]
        for k in range(x.shape[1]):
            current = g * (x[b, k] - x[a, k])
            out[a, k] += current
            out[b, k] -= current


@no_type_check
@njit(cache=True, fastmath=FREE)
def return_gaps(gap_a, gap_b, gap, x, error, gradient, out):
    """Add to `out` what errors (neurons x columns) send back through gap junctions, and to `gradient` that of their conductances."""
    for at in range(len(gap_a)):
        a, b, g = gap_a[at], gap_b[at], gap[at]
        total = gap.dtype.type(0)
        for k in range(x.shape[1]):
            difference = error[a, k] - error[b, k]
            total += (x[b, k] - x[a, k]) * difference
            out[b, k] += g * difference
            out[a, k] -= g * difference
        gradient[at] += total


@no_type_check
@njit(cache=True)
def take(values, places, found):
    """Write values from some places to `found`, in the order of these; 0 where a place lies beyond the last value."""
    nothing = values.dtype.type(0)
    for at in range(len(places)):
        there = places[at] < len(values)
        value = values[places[at] if there else 0]
        found[at] = value if there else nothing


@no_type_check
@njit(cache=True)
def put_back(values, places, found):
    """The inverse of `take`, of places each of which comes once."""
    for at in range(len(places)):
        if places[at] < len(found):
            found[places[at]] = values[at]
