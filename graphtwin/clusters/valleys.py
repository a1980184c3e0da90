"""Modes of a density and the valleys between them, on the graph of nearest neighbours: what tells clusters from a continuum.

A mixture of normals fits any bent or skewed cloud better than one normal does, with parts that are no types. Clusters are separated by
valleys: from the peak of one, no path to a higher peak stays dense. The density at a point is that of its k nearest neighbours, paths run
along these, and the prominence of a mode is how far log density falls on the best path to a higher one. Source: ToMATo, Chazal et al. 2013,
doi:10.1145/2535927.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit
from sklearn.neighbors import NearestNeighbors

FEWEST = 20  # points of a mode: fewer are a fluctuation of the density, and too few to call a type
MOST_NEIGHBOURS = 100  # neighbours that a density is taken over, at most: more blur small clusters
NARROW = (8, 16, 24)  # numbers of neighbours below the root of the number of points: clusters of some tens of points are blurred by more


@dataclass(frozen=True)
class Density:
    """Points by density, with the neighbours that paths between modes run along.

    Attributes:
        points: The points.
        log_density: Log density at each point up to a constant, nats: minus the dimension times the log distance to neighbour k.
        neighbours: Rows of the k nearest neighbours of each point.
        dimension: Dimension of the cloud as distances to neighbours tell it (Levina & Bickel 2004).
    """

    points: Float[np.ndarray, "points features"]
    log_density: Float[np.ndarray, " points"]
    neighbours: Int[np.ndarray, "points k"]
    dimension: float


def densities_of(points: Float[np.ndarray, "points features"]) -> list[Density]:
    """Densities of a cloud over few neighbours and over more: the numbers of `NARROW`, and last the root of the number of points.

    Args:
        points: Rows of a cloud; two that are equal are taken to lie as near as the nearest that differ.
    """
    most = int(np.clip(np.ceil(np.sqrt(len(points))), 2, min(MOST_NEIGHBOURS, len(points) - 1)))
    distance, rows = NearestNeighbors(n_neighbors=most + 1).fit(points).kneighbors(points)
    others = distance[:, 1:]
    least = others[others > 0].min(initial=np.inf)
    others = np.maximum(others, least if np.isfinite(least) else 1.0)
    return [_density(points, others[:, :k], rows[:, 1 : k + 1].astype(np.int64)) for k in (*(k for k in NARROW if k < most), most)]


def _density(points: np.ndarray, others: np.ndarray, rows: np.ndarray) -> Density:
    """Density by distances to the neighbours, the nearest first, and their rows."""
    k, features = others.shape[1], points.shape[1]
    ratios = np.log(others[:, -1:] / others[:, :-1]).mean(1)
    dimension = float(1 / max(ratios.mean(), 1e-6)) * (k - 2) / (k - 1) if k > 2 else float(features)
    dimension = min(dimension, float(features))
    return Density(points, -dimension * np.log(others[:, -1]), rows, dimension)


def prominences(density: Density) -> Float[np.ndarray, " modes"]:
    """Prominence of every mode but the highest, nats of log density, falling; modes of fewer than `FEWEST` points are none.

    A mode without any path to a higher one falls at least to the lowest density that there is.
    """
    height = density.log_density
    fall, size, root = _merge(height, *_paths(density), np.inf, FEWEST)
    apart, counts = np.unique(root, return_counts=True)
    beside = apart[(counts >= FEWEST) & (apart != root[height.argmax()])]
    return np.sort(np.concatenate([fall[size >= FEWEST], height[beside] - height.min()]))[::-1]


def basins(density: Density, prominence: float) -> Int[np.ndarray, " points"]:
    """Number of the mode that each point belongs to, 0 for the largest basin: modes no more prominent than this join a higher one.

    Args:
        density: The cloud, as `density_of` describes it.
        prominence: Largest prominence, nats, that is no valley.
    """
    root = _merge(density.log_density, *_paths(density), prominence, FEWEST)[2]
    few = np.bincount(root, minlength=len(root))[root] < FEWEST  # without a path to any mode: they join the nearest one
    if few.any() and not few.all():
        nearest = NearestNeighbors(n_neighbors=1).fit(density.points[~few]).kneighbors(density.points[few], return_distance=False)
        root[few] = root[~few][nearest[:, 0]]
    found, number, counts = np.unique(root, return_inverse=True, return_counts=True)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(found))
    return rank[number]


def _paths(density: Density) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points from the densest on, and who is a neighbour of whom on either side (CSR)."""
    n, k = density.neighbours.shape
    one, other = np.repeat(np.arange(n), k), density.neighbours.ravel()
    rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
    by_row = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    return np.argsort(-density.log_density, kind="stable"), indptr, columns[by_row]


@njit(cache=True, nogil=True)
@no_type_check
def _merge(height, order, indptr, indices, least, fewest):
    """Flood from the top: where two modes meet, the lower one ends. It joins the higher one unless it is prominent and large enough.

    With an infinite `least` all join, and the result is the fall and the size of every mode that ended, and the root of each point.
    """
    n = len(height)
    parent, size = np.full(n, -1), np.zeros(n, np.int64)
    fall, ended = np.zeros(n), np.zeros(n, np.int64)
    for i in order:
        parent[i], size[i] = i, 1
        uphill = i
        for at in range(indptr[i], indptr[i + 1]):
            if parent[indices[at]] >= 0 and height[indices[at]] >= height[uphill]:
                uphill = indices[at]
        if uphill != i:
            high = _root(parent, uphill)
            parent[i] = high
            size[high] += 1
        for at in range(indptr[i], indptr[i + 1]):
            if parent[indices[at]] < 0:
                continue
            high, low = _root(parent, i), _root(parent, indices[at])
            if high == low:
                continue
            if height[high] < height[low]:
                high, low = low, high
            drop = height[low] - height[i]
            if drop > least and size[low] >= fewest:
                continue
            fall[low], ended[low] = drop, size[low]
            parent[low] = high
            size[high] += size[low]
    root = np.empty(n, np.int64)
    for i in range(n):
        root[i] = _root(parent, i)
    return fall, ended, root


@njit(cache=True, nogil=True)
@no_type_check
def _root(parent, i):
    """The mode that a point belongs to; paths to it are shortened."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
