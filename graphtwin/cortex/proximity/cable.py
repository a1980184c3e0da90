"""A skeleton as cable: points in whole nanometres and edges short enough that a point within a radius speaks for its edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int, Int32
from numba import njit

MAX_EDGE_NM = 1000.0  # the longest edge that stays whole. Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3.
LIMIT_NM = 2**30  # largest coordinate, about a metre: int32 then holds every coordinate and every difference of two
# Odd 64-bit numbers that mix the coordinates of a point: the golden ratio, as in SplitMix64, and two of xxHash.
PRIME_X, PRIME_Y, PRIME_Z = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)


@dataclass(frozen=True)
class Cable:
    """The discretised skeleton of one axon or dendrite.

    Attributes:
        nucleus_id: Nucleus id of the neuron whose axon or dendrite it is.
        points_nm: x, y, z of every distinct point that has an edge, nm.
        edges: Numbers of the two points of each edge, different, the lower first; no edge occurs twice.
    """

    nucleus_id: int
    points_nm: Int32[np.ndarray, "points 3"]
    edges: Int32[np.ndarray, "edges 2"]

    @classmethod
    def from_skeleton(
        cls,
        nucleus_id: int,
        vertices_nm: Float[np.ndarray, "vertices 3"],
        edges: Int[np.ndarray, "skeleton_edges 2"],
        max_edge_nm: float = MAX_EDGE_NM,
    ) -> Cable:
        """Discretise a skeleton; see `discretise`.

        Args:
            nucleus_id: Nucleus id of the neuron whose skeleton it is.
            vertices_nm: Position of each vertex (x, y, z), nm.
            edges: Numbers of the two vertices of each edge.
            max_edge_nm: Length of the longest edge that stays whole, nm.
        """
        points, parts = discretise(vertices_nm, edges, max_edge_nm)
        if len(points) == 0:
            raise ValueError(
                f"nucleus {nucleus_id}: a skeleton of {len(vertices_nm)} vertices and {len(edges)} edges, none with a length. "
                "It would pass for a neuron that comes close to nobody: leave it out."
            )
        return cls(nucleus_id, points, parts)

    @property
    def length_um(self) -> float:
        """Summed length of the edges, um."""
        ends = self.points_nm[self.edges].astype(np.float64)
        return float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum() / 1000)

    @property
    def n_pieces(self) -> int:
        """Number of connected pieces; 1 for a skeleton without gaps."""
        return int(_count_pieces(self.edges, len(self.points_nm)))


def discretise(
    vertices_nm: Float[np.ndarray, "vertices 3"], edges: Int[np.ndarray, "skeleton_edges 2"], max_edge_nm: float = MAX_EDGE_NM
) -> tuple[Int32[np.ndarray, "points 3"], Int32[np.ndarray, "edges 2"]]:
    """Points and edges of a skeleton after long edges are split and all points rounded to whole nm.

    Every edge becomes ceil(length / max_edge_nm) equal parts; halves of a nm are rounded to the even side, as numpy rounds; identical
    points become one. What then is an edge from a point to itself has no length and is dropped, and of two edges between the
    same points one is kept, so that no cable counts twice. A vertex without an edge carries no cable and is left out. Points are
    numbered as they first occur. Source: Ding et al. 2025, doi:10.1038/s41586-025-08840-3, by their code.

    Args:
        vertices_nm: Position of each vertex (x, y, z), nm, finite.
        edges: Numbers of the two vertices of each edge.
        max_edge_nm: Length of the longest edge that stays whole, nm.
    """
    if not max_edge_nm > 0:
        raise ValueError(f"max_edge_nm = {max_edge_nm}: edges are split into parts of a positive length. 1000 nm is the published one.")
    vertices = np.ascontiguousarray(vertices_nm, dtype=np.float64)
    edges = np.ascontiguousarray(edges, dtype=np.int64)
    beyond = ~(np.abs(vertices) < LIMIT_NM).all(axis=1)
    if beyond.any():
        raise ValueError(
            f"{int(beyond.sum())} of {len(vertices)} vertices have coordinates that are not finite or beyond {LIMIT_NM:.2e} nm, "
            f"first vertex {int(np.argmax(beyond))} at {vertices[np.argmax(beyond)].tolist()}. Positions are needed in nm."
        )
    if len(edges) and not 0 <= edges.min() <= edges.max() < len(vertices):
        raise ValueError(f"edges name vertices {edges.min()} to {edges.max()}, but there are {len(vertices)}, counted from 0.")
    n_parts = _count_parts(vertices, edges, float(max_edge_nm))
    size = int(n_parts.sum()) + len(edges)
    points, parts = np.empty((size, 3), np.int32), np.empty((size, 3), np.int32)
    slots = 2 ** int(np.ceil(np.log2(2 * size + 2)))  # at most half of them are taken
    n_points, n_kept = _split(vertices, edges, n_parts, np.zeros(slots, np.int32), points, np.zeros(slots, np.int32), parts)
    points, parts = points[:n_points].copy(), parts[:n_kept, :2].copy()
    has_edge = np.zeros(n_points, dtype=bool)
    has_edge[parts] = True
    if has_edge.all():
        return points, parts
    return points[has_edge], (np.cumsum(has_edge, dtype=np.int32) - np.int32(1))[parts]


@njit(cache=True, nogil=True)
@no_type_check
def _count_parts(vertices, edges, max_edge):
    """Number of parts that each edge is split into, 0 for one without length."""
    n_parts = np.empty(len(edges), np.int64)
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        x, y, z = vertices[a, 0] - vertices[b, 0], vertices[a, 1] - vertices[b, 1], vertices[a, 2] - vertices[b, 2]
        n_parts[e] = np.int64(np.ceil(np.sqrt(x * x + y * y + z * z) / max_edge))
    return n_parts


@njit(cache=True, nogil=True)
@no_type_check
def _split(vertices, edges, n_parts, point_slots, points, part_slots, parts):
    """Write down the distinct rounded points, in order of appearance, and the distinct parts of edges; returns how many of each."""
    n_points, n_kept = np.int64(0), np.int64(0)
    number = np.full(len(vertices), np.int64(-1))
    for e in range(len(edges)):
        n, here = n_parts[e], np.int64(-1)
        for i in range(n + 1 if n > 0 else 0):
            a, b = edges[e, 0], edges[e, 1]
            if 0 < i < n:  # the parts come out the same from both ends, and exact where the vertices are whole nm
                x = np.rint((vertices[a, 0] * (n - i) + vertices[b, 0] * i) / n)
                y = np.rint((vertices[a, 1] * (n - i) + vertices[b, 1] * i) / n)
                z = np.rint((vertices[a, 2] * (n - i) + vertices[b, 2] * i) / n)
                there = _find_or_add(point_slots, points, n_points, np.int32(x), np.int32(y), np.int32(z))
            else:
                end = a if i == 0 else b
                if number[end] < 0:
                    x, y, z = np.rint(vertices[end, 0]), np.rint(vertices[end, 1]), np.rint(vertices[end, 2])
                    number[end] = _find_or_add(point_slots, points, n_points, np.int32(x), np.int32(y), np.int32(z))
                there = number[end]
            if there == n_points:
                n_points += 1
            if i > 0 and here != there:
                low, high = (here, there) if here < there else (there, here)
                if _find_or_add(part_slots, parts, n_kept, np.int32(low), np.int32(high), np.int32(0)) == n_kept:
                    n_kept += 1
            here = there
    return n_points, n_kept


@njit(cache=True, nogil=True)
@no_type_check
def _find_or_add(slots, rows, n_rows, x, y, z):
    """The number of the row (x, y, z), found by its hash; one that is new becomes row n_rows. Numbers in `slots` count from 1.

    The mixing is that of splitmix64. Source: Steele et al. 2014, doi:10.1145/2714064.2660195.
    """
    mixed = np.uint64(x) * PRIME_X ^ np.uint64(y) * PRIME_Y ^ np.uint64(z) * PRIME_Z
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mask = np.int64(len(slots) - 1)
    slot = np.int64(mixed ^ (mixed >> np.uint64(27))) & mask
    while slots[slot] > 0:
        at = np.int64(slots[slot] - 1)
        if rows[at, 0] == x and rows[at, 1] == y and rows[at, 2] == z:
            return at
        slot = (slot + 1) & mask
    slots[slot] = n_rows + 1
    rows[n_rows, 0], rows[n_rows, 1], rows[n_rows, 2] = x, y, z
    return n_rows


@njit(cache=True, nogil=True)
@no_type_check
def _count_pieces(edges, n_points):
    """Connected pieces, by union-find with path halving. Source: Tarjan & van Leeuwen 1984, doi:10.1145/62.2160."""
    root = np.arange(n_points)
    count = n_points
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b:
            root[b] = a
            count -= 1
    return count
