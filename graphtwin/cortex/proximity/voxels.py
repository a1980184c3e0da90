"""Cables pooled in one voxel grid: which of their points lie near a place is found without looking at each cable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Int32, Int64
from numba import njit

from graphtwin.cortex.proximity.cable import LIMIT_NM, Cable

MAX_POINTS = 2**30  # most points or edges of a pool: numbers of points and of edge ends then fit int32
MIN_VOXEL_NM = 2 * LIMIT_NM // 2**20  # shortest edge of a voxel: 2^20 voxels then span any cable and the number of a voxel fits int64


class Pool(NamedTuple):
    """Points of many cables, cable by cable and in each sorted by voxel. A run is the points of one cable in one voxel.

    Attributes:
        x, y, z: Place of each point, nm.
        neighbours, neighbour: Place of each point's first neighbour, and numbers of the points that share an edge with it, point by point.
        begin, end: First point of each run and the one after its last; runs are sorted by voxel and in a voxel by cable.
        owner: Row of the cable each run belongs to.
        low, high: Corners of the smallest box around each run, nm.
        voxel: Number of each voxel that has points: x + shape[0] * (y + shape[1] * z), counted from `origin`.
        runs: Number of the first run of each voxel; the last entry is the number of runs.
        origin: First voxel along each axis, floor(nm / edge).
        shape: Voxels along each axis.
    """

    x: Int32[np.ndarray, " points"]
    y: Int32[np.ndarray, " points"]
    z: Int32[np.ndarray, " points"]
    neighbours: Int32[np.ndarray, " point_bounds"]
    neighbour: Int32[np.ndarray, " edge_ends"]
    begin: Int32[np.ndarray, " runs"]
    end: Int32[np.ndarray, " runs"]
    owner: Int32[np.ndarray, " runs"]
    low: Int32[np.ndarray, "runs 3"]
    high: Int32[np.ndarray, "runs 3"]
    voxel: Int64[np.ndarray, " voxels"]
    runs: Int64[np.ndarray, " voxel_bounds"]
    origin: Int64[np.ndarray, " 3"]
    shape: Int64[np.ndarray, " 3"]


def pool(cables: Sequence[Cable], voxel_nm: int) -> Pool:
    """Sort the points of all cables into one grid.

    The grid is fixed in space, not by the cables: how the points of a cable are ordered doesn't depend on the others.

    Args:
        cables: Cables to pool, at least one, each with points.
        voxel_nm: Edge of a voxel, at least `MIN_VOXEL_NM`.
    """
    assert cables
    assert voxel_nm >= MIN_VOXEL_NM
    n_points, n_edges = sum(len(cable.points_nm) for cable in cables), sum(len(cable.edges) for cable in cables)
    if max(n_points, n_edges) > MAX_POINTS:
        raise ValueError(
            f"{len(cables)} skeletons have {n_points:,} points, more than the {MAX_POINTS:,} one index holds. Build several indexes "
            "of fewer dendrites."
        )
    xyz, neighbours, neighbour = np.empty((3, n_points), np.int32), np.empty(n_points + 1, np.int32), np.empty(2 * n_edges, np.int32)
    arranged, done, ends = [], 0, 0
    for cable in cables:
        points, edge_ends = slice(done, done + len(cable.points_nm)), slice(ends, ends + 2 * len(cable.edges))
        place, runs = _arrange(cable, voxel_nm, xyz[:, points], done)
        neighbours[points] = _join(cable.edges, place, neighbour[edge_ends], done) + np.int32(ends)
        arranged.append(runs)
        done, ends = points.stop, edge_ends.stop
    neighbours[-1] = ends
    return Pool._make((*xyz, neighbours, neighbour, *_sort(arranged)))


def _arrange(cable: Cable, voxel_nm: int, xyz: Int32[np.ndarray, "3 points"], first: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Write the points of a cable sorted by voxel; returns their new places, and of its runs: begin, end, low, high and voxel.

    Args:
        cable: Cable whose points mostly follow each other in space, so that stretches of them are moved at once.
        voxel_nm: Edge of a voxel.
        xyz: Array that the points are written to, nm.
        first: Number of the cable's first point in the pool.
    """
    n = len(cable.points_nm)
    cut, voxel = np.empty(n + 1, np.int64), np.empty((n, 3), np.int64)
    count = _find_stretches(cable.points_nm, np.int64(voxel_nm), cut, voxel)
    cut, voxel = cut[: count + 1], voxel[:count]
    number = _number(voxel)[0]
    order = np.argsort(number, kind="stable")
    new = np.diff(number[order], prepend=-1) > 0
    run = np.cumsum(new) - 1
    place, size = np.empty(n, np.int32), np.diff(cut)[order]
    low, high = np.full((new.sum(), 3), 2 * LIMIT_NM - 1, np.int32), np.full((new.sum(), 3), -LIMIT_NM, np.int32)
    _place_points(cable.points_nm, cut, order, run, place, xyz[0], xyz[1], xyz[2], low, high)
    begin = first + (np.cumsum(size) - size)[new]
    return place, (begin, np.append(begin[1:], first + n), low, high, voxel[order][new])


def _join(edges: Int32[np.ndarray, "edges 2"], place: Int32[np.ndarray, " points"], neighbour: np.ndarray, first: int) -> np.ndarray:
    """Write the neighbours of the points of one cable by their numbers in the pool; returns where those of each point begin."""
    bounds = np.zeros(len(place), np.int32)
    _count_ends(edges, place, bounds)
    np.cumsum(bounds, out=bounds)
    _join_ends(edges, place, bounds, neighbour, np.int32(first))
    return bounds


def _sort(arranged: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Runs of all cables by voxel: the fields of a `Pool` from `begin` on."""
    begin, end, low, high, voxel = (np.concatenate(parts) for parts in zip(*arranged, strict=True))
    owner = np.repeat(np.arange(len(arranged), dtype=np.int32), [len(runs[0]) for runs in arranged])
    number, origin, shape = _number(voxel)
    order = np.argsort(number, kind="stable")
    filled, runs = np.unique(number[order], return_index=True)
    fields = begin.astype(np.int32), end.astype(np.int32), owner, low, high
    return (*(field[order] for field in fields), filled, np.append(runs, len(order)), origin, shape)


def _number(voxel: Int64[np.ndarray, "any 3"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of voxels in the smallest grid that has them, and its origin and shape."""
    origin = voxel.min(axis=0)
    shape = voxel.max(axis=0) - origin + 1
    return (voxel - origin) @ np.array([1, shape[0], shape[0] * shape[1]]), origin, shape


@njit(cache=True, nogil=True)
@no_type_check
def _find_stretches(points, voxel_nm, cut, voxel):
    """Write down where the voxel changes from point to point (and the end), and which voxel it is then; returns how often."""
    count = 0
    for i in range(len(points)):
        x, y, z = points[i, 0] // voxel_nm, points[i, 1] // voxel_nm, points[i, 2] // voxel_nm
        if i == 0 or voxel[count - 1, 0] != x or voxel[count - 1, 1] != y or voxel[count - 1, 2] != z:
            cut[count] = i
            voxel[count, 0], voxel[count, 1], voxel[count, 2] = x, y, z
            count += 1
    cut[count] = len(points)
    return count


@njit(cache=True, nogil=True)
@no_type_check
def _place_points(points, cut, order, run, place, x, y, z, low, high):
    """Give points their places, stretch by stretch, and widen the box of each run to hold them."""
    at = 0
    for s in range(len(order)):
        begin, end = cut[order[s]], cut[order[s] + 1]
        for i in range(begin, end):
            place[i] = at
            x[at], y[at], z[at] = points[i, 0], points[i, 1], points[i, 2]
            at += 1
        for c in range(3):
            least, most = low[run[s], c], high[run[s], c]
            for i in range(begin, end):
                least, most = min(least, points[i, c]), max(most, points[i, c])
            low[run[s], c], high[run[s], c] = least, most


@njit(cache=True, nogil=True)
@no_type_check
def _count_ends(edges, place, count):
    """Add each point's edges to its count."""
    for e in range(len(edges)):
        count[place[edges[e, 0]]] += 1
        count[place[edges[e, 1]]] += 1


@njit(cache=True, nogil=True)
@no_type_check
def _join_ends(edges, place, bounds, neighbour, first):
    """Fill each point's stretch from its end, so that `bounds`, which were the ends, become the beginnings."""
    for e in range(len(edges)):
        a, b = place[edges[e, 0]], place[edges[e, 1]]
        bounds[a] -= 1
        neighbour[bounds[a]] = b + first
        bounds[b] -= 1
        neighbour[bounds[b]] = a + first
