"""Newton's method for the conditional Poisson likelihood: compiled passes over the pairs of each axon, which release the GIL.

Each block (an axon in a group) adds the log-likelihood of its synapses given their number. `conditional_fit` says what the model is.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

MAX_STEPS = 50  # Newton steps after which a fit counts as not converged
CONVERGED = 1e-6  # twice the log-likelihood that a Newton step gains: an error of 0.001 SE, and that step still squares it
ROUNDING = 1e-12  # share of a log-likelihood that may be a rounding error: a fall within it is none
LONGEST_STEP = 3.0  # slope over SD: far from the estimate the quadratic is no guide
SEPARATED = 25.0  # slope over SD of the similarity: a rate ratio of 10^10 for one SD is no estimate
SINGULAR = 1e-9  # share of a similarity's information that must remain given the others
VARIES = 1e-6  # variance among an axon's choices over that among all pairs; below, nothing distinguishes the choices
FITTED, NOT_CONVERGED, DIVERGED, COLLINEAR = 0, 1, 2, 3  # how a fit ended; numbers, for compiled code has no names


@njit(cache=True, nogil=True)
@no_type_check
def _add_block(begin, end, x, exposure, n_synapses, target, target_weight, beta, score, information):
    """Log-likelihood of one axon's synapses given their number; its score and information are written into the arrays given."""
    p, weighted = len(beta), len(target_weight) > 0
    total, at_pairs, made, first, second = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(p):
        score[k] = 0.0
        for m in range(p):
            information[k, m] = 0.0
    for i in range(begin, end):
        weight = target_weight[target[i]] if weighted else 1.0
        if weight == 0.0:
            continue
        eta = 0.0
        for k in range(p):
            eta += x[i, k] * beta[k]
        expected = weight * exposure[i] * np.exp(eta)
        total += expected
        if p == 1:  # the common case, in registers
            first += expected * x[i, 0]
            second += expected * x[i, 0] * x[i, 0]
        else:
            for k in range(p):
                score[k] -= expected * x[i, k]
                for m in range(k + 1):
                    information[k, m] += expected * x[i, k] * x[i, m]
        if n_synapses[i] > 0:
            made += weight * n_synapses[i]
            at_pairs += weight * n_synapses[i] * (eta + np.log(exposure[i]))
    if p == 1:
        score[0], information[0, 0] = -first, second
    inverse = 1.0 / total if made > 0.0 else 0.0
    for k in range(p):
        score[k] *= inverse  # minus the mean of x
    for k in range(p):
        for m in range(k + 1):
            information[k, m] = made * (information[k, m] * inverse - score[k] * score[m])
            information[m, k] = information[k, m]
    for k in range(p):
        score[k] *= made
    for i in range(begin, end):
        if n_synapses[i] > 0:
            weight = target_weight[target[i]] if weighted else 1.0
            for k in range(p):
                score[k] += weight * n_synapses[i] * x[i, k]
    return at_pairs - made * np.log(total) if made > 0.0 else 0.0


@njit(cache=True, nogil=True)
@no_type_check
def sums_of_blocks(start, block_group, x, exposure, n_synapses, beta):
    """Log-likelihood, score and information of every block; every target counts once."""
    n, p = len(block_group), x.shape[1]
    log_likelihood, score, information = np.zeros(n), np.zeros((n, p)), np.zeros((n, p, p))
    nobody, everyone = np.zeros(0, np.int64), np.zeros(0)
    for b in range(n):
        log_likelihood[b] = _add_block(
            start[b], start[b + 1], x, exposure, n_synapses, nobody, everyone, beta[block_group[b]], score[b], information[b]
        )
    return log_likelihood, score, information


@njit(cache=True, nogil=True)
@no_type_check
def newton_step(score, information, least, out):
    """Solve information . out = score by Cholesky; False where less than `least` information is left for one given those before it."""
    p = len(score)
    root = np.zeros((p, p))
    for k in range(p):
        for m in range(k + 1):
            value = information[k, m]
            for q in range(m):
                value -= root[k, q] * root[m, q]
            if k > m:
                root[k, m] = value / root[m, m]
            elif value > max(least, SINGULAR * information[k, k]):
                root[k, k] = np.sqrt(value)
            else:
                return False
    for k in range(p):
        out[k] = score[k]
        for q in range(k):
            out[k] -= root[k, q] * out[q]
        out[k] /= root[k, k]
    for k in range(p - 1, -1, -1):
        for q in range(k + 1, p):
            out[k] -= root[q, k] * out[q]
        out[k] /= root[k, k]
    return True


@njit(cache=True, nogil=True)
@no_type_check
def _weighted_sums(first, last, block_weight, start, x, exposure, n_synapses, target, target_weight, beta, score, information):
    """Weighted log-likelihood of the blocks first .. last - 1; weighted score and information are written into the arrays given."""
    p, total = len(beta), 0.0
    one_score, one_information = np.zeros(p), np.zeros((p, p))
    for k in range(p):
        score[k] = 0.0
        for m in range(p):
            information[k, m] = 0.0
    for b in range(first, last):
        w = block_weight[b]
        if w == 0.0:
            continue
        total += w * _add_block(start[b], start[b + 1], x, exposure, n_synapses, target, target_weight, beta, one_score, one_information)
        for k in range(p):
            score[k] += w * one_score[k]
            for m in range(p):
                information[k, m] += w * one_information[k, m]
    return total


@njit(cache=True, nogil=True)
@no_type_check
def solve_groups(border, block_axon, start, x, exposure, n_synapses, target, axon_weight, target_weight, beta):
    """Newton's method for every group; beta is start and result. Releases the GIL. Returns how each search ended."""
    status = np.zeros(len(border) - 1, np.int64)
    block_weight = axon_weight[block_axon]
    for g in range(len(status)):
        status[g] = _solve_group(border[g], border[g + 1], block_weight, start, x, exposure, n_synapses, target, target_weight, beta[g])
    return status


@njit(cache=True, nogil=True)
@no_type_check
def _solve_group(first, last, block_weight, start, x, exposure, n_synapses, target, target_weight, beta):
    """Newton's method with halved steps for the blocks first .. last - 1; beta is start and result. Returns how it ended."""
    p = len(beta)
    if p == 0:
        return FITTED
    made = 0.0
    for b in range(first, last):
        for i in range(start[b], start[b + 1]):
            made += block_weight[b] * n_synapses[i]
    score, information, step, previous = np.zeros(p), np.zeros((p, p)), np.zeros(p), beta.copy()
    before, moved = -np.inf, False
    for _ in range(MAX_STEPS):
        log_likelihood = _weighted_sums(
            first, last, block_weight, start, x, exposure, n_synapses, target, target_weight, beta, score, information
        )
        if not log_likelihood >= before - ROUNDING * abs(before):
            for k in range(p):
                step[k] *= 0.5
                beta[k] = previous[k] + step[k]
            continue
        if not newton_step(score, information, VARIES * made, step):
            return DIVERGED if moved else COLLINEAR
        gain, largest = 0.0, 0.0
        for k in range(p):
            gain += score[k] * step[k]
            largest = max(largest, abs(step[k]))
        shrink = min(1.0, LONGEST_STEP / largest) if largest > 0.0 else 1.0
        for k in range(p):
            step[k] *= shrink
            previous[k] = beta[k]
            beta[k] += step[k]
            if abs(beta[k]) > SEPARATED:
                return DIVERGED
        if gain < CONVERGED:
            return FITTED
        before, moved = log_likelihood, True
    return NOT_CONVERGED
