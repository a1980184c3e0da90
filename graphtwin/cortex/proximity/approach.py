"""The smallest distance of an axon and a dendrite however far they are apart, by looking into near boxes only."""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int, Int32, Int64
from numba import njit

from graphtwin.cortex.proximity.encounters import box_gap, smallest_square
from graphtwin.cortex.proximity.voxels import Pool

BLOCK_NM = 40_000  # edge of the cubes that runs are gathered in: a whole dendrite fills about sixty


class Blocks(NamedTuple):
    """The runs of each cable gathered in cubes.

    Attributes:
        first: Number of the first block of each cable; the last entry is the number of blocks.
        begin: Place of the first run of each block in `run`; the last entry is the number of runs.
        run: Numbers of the runs in their pool, block by block.
        low, high: Corners of the smallest box around the points of each block, nm.
    """

    first: Int64[np.ndarray, " cable_bounds"]
    begin: Int64[np.ndarray, " block_bounds"]
    run: Int64[np.ndarray, " runs"]
    low: Int32[np.ndarray, "blocks 3"]
    high: Int32[np.ndarray, "blocks 3"]


def gather_blocks(pool: Pool, n_cables: int) -> Blocks:
    """The blocks of a pool.

    Args:
        pool: Pool of any cables.
        n_cables: Number of cables in the pool.
    """
    x, y, z = (pool.low // BLOCK_NM).T
    run = np.lexsort((x, y, z, pool.owner))
    key = np.column_stack([pool.owner, x, y, z])[run]
    begin = np.flatnonzero(np.concatenate([[True], (np.diff(key, axis=0) != 0).any(axis=1)]))
    low, high = np.minimum.reduceat(pool.low[run], begin), np.maximum.reduceat(pool.high[run], begin)
    first = np.searchsorted(key[begin, 0], np.arange(n_cables + 1))
    return Blocks(first, np.append(begin, len(run)), run, low, high)


def smallest_distances(axon: Pool, dendrites: Pool, blocks: Blocks, which: Int[np.ndarray, " asked"]) -> Float[np.ndarray, " asked"]:
    """The smallest distance (nm) between a point of the axon and a point of each dendrite asked about.

    Args:
        axon: Pool of one axon.
        dendrites: Pool of the dendrites.
        blocks: Blocks of the pool of dendrites.
        which: Rows of the dendrites asked about.
    """
    own = gather_blocks(axon, 1)
    out = np.empty(len(which))
    _approach(axon[:3], axon[5:7], axon[8:10], own, dendrites[:3], dendrites[5:7], dendrites[8:10], blocks, which, out)
    return np.sqrt(out)


@njit(cache=True, nogil=True)
@no_type_check
def _approach(points, runs, boxes, own, others, other_runs, other_boxes, blocks, which, out):
    """Smallest squares: the nearest pair of blocks first, then those that may hold something nearer."""
    n_own = len(own.low)
    for w in range(len(which)):
        begin, end = blocks.first[which[w]], blocks.first[which[w] + 1]
        nearest, at, near = np.inf, 0, begin
        for i in range(n_own):
            for j in range(begin, end):
                square = box_gap(own.low, own.high, i, blocks.low, blocks.high, j)
                if square < nearest:
                    nearest, at, near = square, i, j
        best = _block_square(points, runs, boxes, own, at, others, other_runs, other_boxes, blocks, near, np.inf)
        for i in range(n_own):
            for j in range(begin, end):
                if box_gap(own.low, own.high, i, blocks.low, blocks.high, j) < best:
                    best = _block_square(points, runs, boxes, own, i, others, other_runs, other_boxes, blocks, j, best)
        out[w] = best


@njit(cache=True, nogil=True)
@no_type_check
def _block_square(points, runs, boxes, own, i, others, other_runs, other_boxes, blocks, j, best):
    """The smallest square of two blocks, or `best` where they hold none smaller; runs are (begin, end), boxes (low, high)."""
    point = np.empty((1, 3), np.int32)
    for a in range(own.begin[i], own.begin[i + 1]):
        run = own.run[a]
        if box_gap(boxes[0], boxes[1], run, blocks.low, blocks.high, j) >= best:
            continue
        for b in range(blocks.begin[j], blocks.begin[j + 1]):
            other = blocks.run[b]
            if box_gap(boxes[0], boxes[1], run, other_boxes[0], other_boxes[1], other) >= best:
                continue
            for p in range(runs[0][run], runs[1][run]):
                x, y, z = points[0][p], points[1][p], points[2][p]
                point[0, 0], point[0, 1], point[0, 2] = x, y, z
                if box_gap(point, point, 0, other_boxes[0], other_boxes[1], other) < best:
                    square = smallest_square(others[0], others[1], others[2], other_runs[0][other], other_runs[1][other], x, y, z)
                    if square < best:
                        best = square
    return best
