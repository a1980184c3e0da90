"""Where one axon comes close to pooled dendrites: compiled passes over boxes, then points, then the edges that are kept."""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int64
from numba import njit

from graphtwin.cortex.proximity.voxels import Pool


class Members(NamedTuple):
    """Proximal points of one side, by dendrite: those of dendrite d are `point[start[d]:start[d + 1]]`, ascending.

    Attributes:
        start: Place of the first point of each dendrite in `point`; the last entry is the number of members.
        point: Number of the point in its pool; a point of the axon occurs once for every dendrite it is near to.
    """

    start: Int64[np.ndarray, " dendrite_bounds"]
    point: Int64[np.ndarray, " members"]

    @property
    def owner(self) -> Int64[np.ndarray, " members"]:
        """Row of the dendrite of each point."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def meet(axon: Pool, dendrites: Pool, n_dendrites: int, radius_nm: int) -> tuple[Members, Members, Float[np.ndarray, " dendrites"]]:
    """The proximal points of the axon and of the dendrites, and the smallest distance to each dendrite (nm; infinite beyond the radius).

    Distances are compared as squares of whole nm, exactly, and the radius itself counts as near.

    Args:
        axon: Pool of one axon, in voxels of the same edge as the dendrites', which is at least the radius.
        dendrites: Pool of the dendrites.
        n_dendrites: Number of dendrites in their pool.
        radius_nm: Largest distance of two proximal points.
    """
    squared = float(radius_nm) ** 2
    runs = _neighbouring_runs(axon, dendrites, squared)
    near, smallest = np.zeros(len(dendrites.x), dtype=bool), np.full(n_dendrites, np.inf)
    met = np.zeros(len(runs), dtype=bool)
    hits = np.empty(((axon.end - axon.begin)[runs[:, 0]].sum(), 2), np.int64)
    one, many = (*axon[:3], axon.begin, axon.end), (*dendrites[:3], dendrites.begin, dendrites.end)
    boxes = dendrites.owner, dendrites.low, dendrites.high
    n_hits = _close_points(*one, *many, *boxes, runs, squared, hits, met, near, smallest)
    reached = _dendrite_members(dendrites, runs[met, 1], near, n_dendrites)
    return _axon_members(hits[:n_hits], n_dendrites), reached, np.sqrt(smallest)


def kept_lengths(pool: Pool, members: Members) -> Float[np.ndarray, " dendrites"]:
    """For each dendrite, the summed length (nm) of the edges of the pool that have an end among the members.

    Args:
        pool: Pool of the axon or of the dendrites.
        members: Proximal points of the pool, by dendrite.
    """
    length, near = np.zeros(len(members.start) - 1), np.zeros(len(pool.x), dtype=bool)
    _add_kept_edges(*pool[:5], *members, near, length)
    return length


def _neighbouring_runs(axon: Pool, dendrites: Pool, squared: float) -> Int64[np.ndarray, "pairs 2"]:
    """Pairs of a run of the axon and a run of a dendrite, in voxels that touch, whose boxes are near."""
    number = axon.voxel
    place = np.column_stack([number % axon.shape[0], number // axon.shape[0] % axon.shape[1], number // (axon.shape[0] * axon.shape[1])])
    place += axon.origin - dendrites.origin
    grid = dendrites.voxel, dendrites.runs, dendrites.shape, dendrites.low, dendrites.high
    found = np.empty((64 * len(place), 2), np.int64)
    count = _close_runs(place, axon.low, axon.high, *grid, squared, found)
    if count > len(found):
        found = np.empty((count, 2), np.int64)
        _close_runs(place, axon.low, axon.high, *grid, squared, found)
    return found[:count]


def _axon_members(hits: Int64[np.ndarray, "hits 2"], n_dendrites: int) -> Members:
    """Every point of the axon once for each dendrite it hit."""
    key = np.sort(hits[:, 0] << 32 | hits[:, 1])
    key = key[np.diff(key, prepend=-1) > 0]
    return Members(np.searchsorted(key, np.arange(n_dendrites + 1) << 32), key & 0xFFFFFFFF)


def _dendrite_members(dendrites: Pool, met: Int64[np.ndarray, " met"], near: Bool[np.ndarray, " points"], n_dendrites: int) -> Members:
    """The marked points of the runs that were met, by dendrite."""
    key = np.sort(dendrites.begin[met].astype(np.int64) << 32 | met)  # cables lie one after the other, so that owners ascend too
    run = key[np.diff(key, prepend=-1) > 0] & 0xFFFFFFFF
    begin, size = dendrites.begin[run].astype(np.int64), (dendrites.end - dendrites.begin)[run]
    point = np.arange(size.sum()) + np.repeat(begin - np.cumsum(size) + size, size)
    marked = near[point]
    owner = np.repeat(dendrites.owner[run], size)[marked]
    return Members(np.searchsorted(owner, np.arange(n_dendrites + 1)), point[marked])


@njit(cache=True, nogil=True)
@no_type_check
def _close_runs(place, low, high, voxel, runs, shape, other_low, other_high, squared, found):
    """Number of pairs of runs that are near; the pairs are written down as far as `found` has space.

    Voxels of the axon come in the order of the grid's, so that in each of the nine rows around them the search goes on where it was.
    """
    count = 0
    cursor = np.zeros(9, np.int64)
    for v in range(len(place)):
        left, right = max(place[v, 0] - 1, 0), min(place[v, 0] + 1, shape[0] - 1)
        for side in range(9):
            j, k = place[v, 1] + side % 3 - 1, place[v, 2] + side // 3 - 1
            if left > right or j < 0 or k < 0 or j >= shape[1] or k >= shape[2]:
                continue
            row = (k * shape[1] + j) * shape[0]
            at = _advance(voxel, cursor[side], row + left)
            cursor[side] = at
            while at < len(voxel) and voxel[at] <= row + right:
                for run in range(runs[at], runs[at + 1]):
                    if box_gap(low, high, v, other_low, other_high, run) <= squared:
                        if count < len(found):
                            found[count, 0], found[count, 1] = v, run
                        count += 1
                at += 1
    return count


@njit(cache=True, nogil=True)
@no_type_check
def _advance(keys, at, wanted):
    """The first place from `at` on whose key is not below the wanted one: steps that double, then halving."""
    step, end = 1, len(keys)
    while at + step <= end and keys[at + step - 1] < wanted:
        at += step
        step *= 2
    high = min(at + step, end)
    while at < high:
        middle = (at + high) // 2
        if keys[middle] < wanted:
            at = middle + 1
        else:
            high = middle
    return at


@njit(cache=True, nogil=True)
@no_type_check
def box_gap(low, high, i, other_low, other_high, j):
    """Squared distance of box i of one list and box j of another."""
    total = 0.0
    for c in range(3):
        apart = max(np.int64(other_low[j, c]) - high[i, c], np.int64(low[i, c]) - other_high[j, c])
        if apart > 0:
            total += np.float64(apart) * np.float64(apart)
    return total


@njit(cache=True, nogil=True)
@no_type_check
def _close_points(ax, ay, az, a_begin, a_end, x, y, z, begin, end, owner, low, high, runs, squared, hits, met, near, smallest):
    """Number of hits (dendrite, point of the axon) within the radius in these pairs of runs; the hits are written down.

    Also written: which pairs met, marks on points of dendrites, the smallest square of each dendrite. Squares of whole nm below 2^53 are
    exact in float64.
    """
    count = 0
    point = np.empty((1, 3), np.int32)
    for i in range(len(runs)):
        run = runs[i, 1]
        for p in range(a_begin[runs[i, 0]], a_end[runs[i, 0]]):
            point[0, 0], point[0, 1], point[0, 2] = ax[p], ay[p], az[p]
            if box_gap(point, point, 0, low, high, run) > squared:
                continue
            square = smallest_square(x, y, z, begin[run], end[run], ax[p], ay[p], az[p])
            if square > squared:
                continue
            _mark(x, y, z, begin[run], end[run], ax[p], ay[p], az[p], squared, near)
            if square < smallest[owner[run]]:
                smallest[owner[run]] = square
            hits[count, 0], hits[count, 1] = owner[run], p
            count += 1
            met[i] = True
    return count


@njit(cache=True, nogil=True)
@no_type_check
def smallest_square(x, y, z, begin, end, px, py, pz):
    """Smallest squared distance of a point to a stretch of points."""
    smallest = np.inf
    for j in range(begin, end):
        dx, dy, dz = np.float64(x[j] - px), np.float64(y[j] - py), np.float64(z[j] - pz)
        square = dx * dx + dy * dy + dz * dz
        if square < smallest:
            smallest = square
    return smallest


@njit(cache=True, nogil=True)
@no_type_check
def _mark(x, y, z, begin, end, px, py, pz, squared, near):
    """Mark the points of a stretch that are near a point."""
    for j in range(begin, end):
        dx, dy, dz = np.float64(x[j] - px), np.float64(y[j] - py), np.float64(z[j] - pz)
        near[j] |= dx * dx + dy * dy + dz * dz <= squared


@njit(cache=True, nogil=True)
@no_type_check
def _add_kept_edges(x, y, z, neighbours, neighbour, start, member, near, length):
    """Add up edges with a member at one end or both, once each."""
    for d in range(len(length)):
        for i in range(start[d], start[d + 1]):
            near[member[i]] = True
        for i in range(start[d], start[d + 1]):
            p = member[i]
            for e in range(neighbours[p], neighbours[p + 1]):
                other = neighbour[e]
                if p < other or not near[other]:
                    dx, dy, dz = np.float64(x[p] - x[other]), np.float64(y[p] - y[other]), np.float64(z[p] - z[other])
                    length[d] += np.sqrt(dx * dx + dy * dy + dz * dz)
        for i in range(start[d], start[d + 1]):
            near[member[i]] = False
