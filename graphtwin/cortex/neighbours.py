"""Who is whose neighbour: a relation between neurons as compressed sparse rows, and the k nearest in space or in function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, Int64

TREE_DIMENSIONS = 15  # Most dimensions for a k-d tree: above, it looks at most points anyway, and comparing all in blocks is faster.
SAME = 1e-12  # Relative difference below which two distances count as equal: rounding, not geometry.


@dataclass(frozen=True)
class Csr:
    """A directed relation on n neurons: the edges of neuron i are `indices[indptr[i]:indptr[i + 1]]`, in ascending order.

    Attributes:
        indptr: Place of the first edge of each neuron in `indices`; the last entry is the number of edges.
        indices: Number of the neuron that each edge reaches.
        weight: One value an edge: a distance, or the size of a synapse.
    """

    indptr: Int64[np.ndarray, " bounds"]
    indices: Int64[np.ndarray, " edges"]
    weight: Float[np.ndarray, " edges"]

    @classmethod
    def from_edges(cls, row: Int[np.ndarray, " edges"], col: Int[np.ndarray, " edges"], weight: Float[np.ndarray, " edges"], n: int) -> Csr:
        """The relation with these edges; their order does not matter.

        Args:
            row: Number of the neuron an edge starts from, below n.
            col: Number of the neuron an edge reaches, below n.
            weight: One value an edge: a distance, or the size of a synapse.
            n: Number of neurons.
        """
        assert len(row) == 0 or (min(row.min(), col.min()) >= 0 and max(row.max(), col.max()) < n)
        order = np.lexsort((col, row))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64)
        return cls(indptr, col[order].astype(np.int64), weight[order].astype(np.float64))

    @property
    def n_rows(self) -> int:
        """Number of neurons, with or without edges."""
        return len(self.indptr) - 1

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.indices)

    @property
    def degree(self) -> Int64[np.ndarray, " rows"]:
        """Number of edges that start from each neuron."""
        return np.diff(self.indptr)

    @property
    def rows(self) -> Int64[np.ndarray, " edges"]:
        """Number of the neuron each edge starts from, in the order of `indices`."""
        return np.repeat(np.arange(self.n_rows), self.degree)


def nearest_relation(
    points: Float[np.ndarray, "points dimensions"], at: Int[np.ndarray, " points"], n: int, k: int, metric: Literal["euclidean", "cosine"]
) -> Csr:
    """Every point's k nearest others as a relation on n neurons, weighted by their distance; neurons without a point stay alone.

    Args:
        points: Positions (um) or embeddings.
        at: Number of the neuron each point belongs to, below n.
        n: Number of neurons.
        k: Number of neighbours of each point; fewer where there are not as many points.
        metric: `euclidean`, or `cosine`, which compares directions only, by the distance 1 - cosine; a point at the origin stays alone.
    """
    if metric == "cosine":
        length = np.linalg.norm(points, axis=1)
        points, at = points[length > 0] / length[length > 0, None], at[length > 0]
    order = np.argsort(at)
    points, at = points[order], at[order]
    index, distance = k_nearest(points, k)
    weight = distance**2 / 2 if metric == "cosine" else distance
    return Csr.from_edges(np.repeat(at, index.shape[1]), at[index.ravel()], weight.ravel(), n)


def k_nearest(
    points: Float[np.ndarray, "points dimensions"], k: int
) -> tuple[Int64[np.ndarray, "points k"], Float[np.ndarray, "points k"]]:
    """The k nearest other points of each point and their Euclidean distances, nearest first; of equally near ones the lower number wins.

    Args:
        points: Coordinates of each point, all finite.
        k: Number of neighbours of each point; no more than there are other points are returned.
    """
    if k < 1:
        raise ValueError(f"k = {k}: a nearest-neighbour relation needs k of 1 or more.")
    points = np.ascontiguousarray(points, dtype=np.float64)
    k = min(k, len(points) - 1)
    if k < 1:
        return np.empty((len(points), 0), np.int64), np.empty((len(points), 0))
    found = _candidates(points, min(len(points), k + 2))  # the point itself, its k nearest, and one more that shows a tie
    distance = np.linalg.norm(points[found] - points[:, None], axis=-1)
    order = np.lexsort((found, distance), axis=1)
    found, distance = np.take_along_axis(found, order, 1), np.take_along_axis(distance, order, 1)
    tied = np.flatnonzero((distance[:, -1] <= distance[:, k] * (1 + SAME)) & (found.shape[1] > k + 1))
    itself = found == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True  # only among tied rows, which are found again below
    keep = ~itself & (np.cumsum(~itself, axis=1) <= k)
    index, distance = found[keep].reshape(-1, k), distance[keep].reshape(-1, k)
    for i in tied:
        index[i], distance[i] = _nearest_of_all(points, i, k)
    return index.astype(np.int64), distance


def _candidates(points: Float[np.ndarray, "points dimensions"], count: int) -> Int[np.ndarray, "points count"]:
    """The `count` nearest points of each, itself among them, ties in any order."""
    if points.shape[1] <= TREE_DIMENSIONS:
        from scipy.spatial import cKDTree

        return cKDTree(points).query(points, k=count)[1].reshape(len(points), count)
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points).kneighbors(points, return_distance=False)


def _nearest_of_all(
    points: Float[np.ndarray, "points dimensions"], i: int | np.integer, k: int
) -> tuple[Int64[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The k nearest of one point by comparing all: distances equal up to rounding are ties, and the lower number wins."""
    distance = np.linalg.norm(points - points[i], axis=1)
    distance[i] = np.inf
    cut = np.partition(distance, k - 1)[k - 1]
    inside = np.flatnonzero(distance < cut * (1 - SAME))
    tied = np.flatnonzero((distance >= cut * (1 - SAME)) & (distance <= cut * (1 + SAME)))
    chosen = np.concatenate([inside, tied])[:k]
    chosen = chosen[np.lexsort((chosen, distance[chosen]))]
    return chosen, distance[chosen]
