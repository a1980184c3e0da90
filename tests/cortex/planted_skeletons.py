"""L_d by its definition, slowly: what the index must reproduce; and skeletons to try it on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from graphtwin.cortex.proximity.cable import Cable
from graphtwin.cortex.proximity.dendrite_index import DendriteIndex, Encounters, ask_index, in_order

DATA = Path(__file__).resolve().parents[2] / "data" / "skeletons"
AXONS, DENDRITES = (327859, 560530), (292965, 587885)
# axon, dendrite, L_d, axon length, proximal pairs of points, smallest distance (nm), as published with the skeletons.
PUBLISHED = [
    (327859, 587885, 37557.0595, 35456.5577, 2895, 1127.2377),
    (327859, 292965, 0.0, 0.0, 0, 6103.2520),
    (560530, 587885, 53050.4579, 57683.7329, 2914, 439.9841),
    (560530, 292965, 29799.1997, 28108.8140, 2327, 2056.3703),
]


def real(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and edges of a bundled skeleton."""
    with np.load(DATA / f"skeleton_{'axon' if number in AXONS else 'dend'}_{number}.npz") as held:
        return held["vertices"], held["edges"]


def split_slowly(vertices: np.ndarray, edges: np.ndarray, max_edge_nm: float = 1000.0) -> tuple[np.ndarray, np.ndarray]:
    """Points and edges, an edge at a time, in exact fractions: `round` of a fraction takes halves to the even side."""
    segments = []
    for one, other in edges:
        a, b = ([Fraction(float(value)) for value in vertices[end]] for end in (one, other))
        parts = ceil(float(np.linalg.norm(vertices[one] - vertices[other])) / max_edge_nm)
        line = [[round(p + (q - p) * Fraction(i, parts)) for p, q in zip(a, b, strict=True)] for i in range(parts + 1)] if parts else []
        segments += [(tuple(start), tuple(end)) for start, end in pairwise(line) if start != end]
    different = sorted({tuple(sorted(segment)) for segment in segments})
    points = sorted({end for segment in different for end in segment})
    number = {point: i for i, point in enumerate(points)}
    return np.array(points, dtype=float).reshape(-1, 3), np.array([[number[a], number[b]] for a, b in different]).reshape(-1, 2)


@dataclass
class Slow:
    """What the definition says of one pair (nm)."""

    l_d: float
    axon_length: float
    n_point_pairs: int
    min_distance: float
    axon_points: set
    dendrite_points: set


def measure_slowly(axon: tuple[np.ndarray, np.ndarray], dendrite: tuple[np.ndarray, np.ndarray], radius_nm: float = 5000.0) -> Slow:
    """Two k-d trees a pair, as the published procedure; both sides as (points, edges)."""
    trees = cKDTree(axon[0]), cKDTree(dendrite[0])
    near = trees[0].query_ball_tree(trees[1], radius_nm)
    on_axon = np.array([i for i, found in enumerate(near) if found], dtype=int)
    on_dendrite = np.unique([j for found in near for j in found]).astype(int)
    lengths = []
    for (points, edges), chosen in ((dendrite, on_dendrite), (axon, on_axon)):
        kept = edges[np.isin(edges, chosen).any(axis=1)]
        lengths.append(float(np.linalg.norm(points[kept[:, 0]] - points[kept[:, 1]], axis=1).sum()))
    sets = [{tuple(point) for point in points[chosen]} for (points, _), chosen in ((axon, on_axon), (dendrite, on_dendrite))]
    return Slow(*lengths, sum(map(len, near)), float(trees[1].query(axon[0])[0].min()), *sets)


@st.composite
def skeletons(draw: st.DrawFn, reach: int = 15_000) -> tuple[np.ndarray, np.ndarray]:
    """A tree in a cube of a few radii, on quarters of a nm, perhaps with loops, repeated edges and a second piece."""
    n = draw(st.integers(2, 12))
    quarter = st.integers(-4 * reach, 4 * reach)
    vertices = np.array(draw(st.lists(st.tuples(quarter, quarter, quarter), min_size=n, max_size=n))) / 4
    parents = [draw(st.integers(0, i)) for i in range(n - 1)]
    more = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=3))
    edges = [(i + 1, parent) for i, parent in enumerate(parents)][draw(st.integers(0, 1)) :] + more
    return vertices, np.array(edges, dtype=np.int64).reshape(-1, 2)


def proximities(
    axons: Iterable[Cable], index: DendriteIndex, all_pairs: bool = False, vertices: bool = False, workers: int = 1
) -> Iterator[Encounters]:
    """The encounters of each axon with the dendrites of an index, as `graphtwin proximity` asks for them."""
    return in_order(ask_index(index, all_pairs, vertices), axons, workers)
