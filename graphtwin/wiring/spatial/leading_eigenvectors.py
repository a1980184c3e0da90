"""The leading eigenvectors of a large graph of neighbours: a block of smooth patterns, filtered until the graph leaves them as they are.

A Chebyshev polynomial of the weights is small for all eigenvalues between the least and the least of the block, and grows fast above: each
pass multiplies the block by it and takes the best patterns of its span (Rayleigh and Ritz). Source: Zhou, Saad, Tiago and Chelikowsky 2006,
doi:10.1016/j.jcp.2006.03.017. The block starts as cosines over the bounding box, which are the eigenvectors where cells fill a box evenly.

A pass multiplies by the weights a few columns at a time, with cells in an order in which neighbours are near in memory (reverse Cuthill
and McKee): both fit in the processor's cache. Time grows with cells x block x (neighbours x degree + block).
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import eigsh

from graphtwin.execute import rng_for

SPARE = 0.2  # share of patterns that are carried beyond those asked for: the farther the first one left out, the faster
DEGREE = 40  # largest degree of the polynomial of a pass
MOST_GROWTH = 1e13  # largest factor by which a pass lets a pattern grow: beyond, the others drown in its rounding
MOST_PASSES = 20  # passes; patterns are orthonormal after each, and within 1e-4 after two to four wherever cells lay that were tried
BELOW = 1.05  # how far below the estimated least eigenvalue the polynomial is held small
ROUGH = 0.01  # SD of the noise in the start, where cosines have about 0.5: no two of its columns are the same, wherever the cells are
COLUMNS = 8  # columns that are multiplied at once
THIN = 0.01  # an axis shorter than this share of the longest has no cosine of its own


def leading_eigenvectors(
    weights: sparse.csr_array, position_um: Float[np.ndarray, "cells 3"], n_leading: int, tolerance: float
) -> Float[np.ndarray, "cells {n_leading}"]:
    """Orthonormal eigenvectors of the centred weights, by falling eigenvalue, each with mean 0.

    Args:
        weights: A symmetric graph whose weights are all 1.
        position_um: Positions of the cells.
        n_leading: How many.
        tolerance: Largest error of an eigenvalue, over the largest: the length of what the centred weights make of its pattern beyond a
            multiple of it.
    """
    order = reverse_cuthill_mckee(sparse.csr_matrix(weights), symmetric_mode=True)
    graph = weights[order][:, order].tocsr()
    block = _start(position_um[order], min(n_leading + max(int(SPARE * n_leading), 1), len(order) - 1))
    first = rng_for(0, "start of the least eigenvalue").normal(size=len(order))
    least = BELOW * float(eigsh(graph, 1, which="SA", v0=first, tol=1e-2, return_eigenvectors=False)[0])
    block, size, off = _ritz(graph, block)
    for _ in range(MOST_PASSES):
        if off[:n_leading].max() <= tolerance * size[0]:
            break
        block = _filtered(graph.indptr, graph.indices, block, least, size[-1], _degree(least, size[-1], size[0]))
        block, size, off = _ritz(graph, block)
    found = np.empty((len(order), n_leading))
    found[order] = block[:, :n_leading]
    return found


def _start(position_um: np.ndarray, n: int) -> np.ndarray:
    """Cosines of the lowest frequencies over the bounding box, with some noise."""
    span = np.ptp(position_um, 0)
    long = span > THIN * span.max()
    place, span = (position_um - position_um.min(0))[:, long] / span[long], span[long]
    highest = 2 * (n / np.prod(span)) ** (1 / len(span))  # half waves per um; below lie 2 to 4.2 n of them
    waves = np.stack(np.meshgrid(*[np.arange(int(highest * side) + 1) for side in span], indexing="ij"), -1).reshape(-1, len(span))
    lowest = waves[np.argsort(((waves / span) ** 2).sum(1), kind="stable")[1 : n + 1]]
    cosines = np.ones((len(place), len(lowest)))
    for axis in range(len(span)):
        cosines *= np.cos(np.pi * place[:, axis, None] * lowest[:, axis])
    block = rng_for(0, "start of eigenvectors").normal(size=(len(place), n)) * ROUGH
    block[:, : len(lowest)] += cosines
    return np.asarray(block - block.mean(0))


def _degree(low: float, high: float, top: float) -> int:
    """Degree of the polynomial that stays within 1 from low to high and is at most `MOST_GROWTH` at the top: cosh(degree arcosh(x))."""
    x = (2 * top - high - low) / (high - low)
    return int(np.clip(np.log(2 * MOST_GROWTH) / np.arccosh(max(x, 1 + 1e-9)), 1, DEGREE))


def _ritz(graph: sparse.csr_array, block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best eigenvectors in the span of the block, by falling eigenvalue, their eigenvalues, and the length of what each is off."""
    basis = np.linalg.qr(block / np.linalg.norm(block, axis=0))[0]
    image = graph @ basis
    image -= image.mean(0)
    size, turn = np.linalg.eigh(basis.T @ image)
    size, turn = size[::-1], np.ascontiguousarray(turn[:, ::-1])
    patterns = basis @ turn
    return patterns, size, np.linalg.norm(image @ turn - patterns * size, axis=0)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
@no_type_check
def _filtered(indptr, indices, block, low, high, degree):
    """The block times the Chebyshev polynomial of the centred weights that stays within 1 from low to high. Releases the GIL."""
    n, centre, half = len(block), (high + low) / 2, (high - low) / 2
    out, total = np.empty_like(block), np.empty(COLUMNS)
    for begin in range(0, block.shape[1], COLUMNS):
        width = min(COLUMNS, block.shape[1] - begin)
        before, now = np.zeros((n, COLUMNS)), np.zeros((n, COLUMNS))
        now[:, :width] = block[:, begin : begin + width]
        for step in range(degree):
            scale = (1 if step == 0 else 2) / half
            total[:] = 0
            for i in range(n):
                for k in range(COLUMNS):
                    before[i, k] = -scale * centre * now[i, k] - before[i, k]
                for at in range(indptr[i], indptr[i + 1]):
                    j = indices[at]
                    for k in range(COLUMNS):
                        before[i, k] += scale * now[j, k]
                for k in range(COLUMNS):
                    total[k] += before[i, k]
            for i in range(n):
                for k in range(COLUMNS):
                    before[i, k] -= total[k] / n
            before, now = now, before
        out[:, begin : begin + width] = now[:, :width]
    return out
