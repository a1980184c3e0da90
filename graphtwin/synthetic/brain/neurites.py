"""Dendrites and axons as trees in nm: each branch leaves the tree where it is nearest to its destination, and walks there.

A neurite depends on (seed, animal, nucleus_id) and the tissue alone, so that any worker can grow any neuron, again and in any order.
Branches that leave the tree at the point of least cost: Cuntz et al. 2010, doi:10.1371/journal.pcbi.1000877.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, Int64
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.synthetic.brain.anatomy import em_nm
from graphtwin.synthetic.brain.arbors import AXONS, DENDRITES, OWN, PROJECTING, Arbor
from graphtwin.synthetic.brain.cell_types import DEEPEST_UM
from graphtwin.synthetic.brain.tissue import Tissue

STEP_UM = 4.0  # length of an edge, below the 5 um of proximity: longer is coarser, shorter makes more vertices
ARRIVED_UM = 2.0  # a branch that came so close to its destination is there: half a step
# Share of an axon's branches that head for a chosen neuron rather than for a place; with `TARGETING_SLOPE` it sets the slope of L_d.
AIMED_SHARE = 0.9
AIM_SD_UM = 15.0  # SD of the destination around the soma of the chosen neuron, each axis: among its proximal dendrites
COLLATERAL_LENGTH = 0.5  # cable of the arbor in another area, as a part of the local one's; a round number
LONGEST_COLLATERAL_UM = 1500.0  # a matched place farther away is not projected to; a choice, about the width of the minnie65 volume
PERSISTENCE, PULL, ROUGHNESS = 1.0, 0.35, 0.3  # weights of the last direction, of the destination and of chance in every step
SHALLOWEST_UM = 2.0  # depth below the pia at which neurites turn back
# How much a um of path to the soma counts against a um to the destination. Source: Cuntz et al. 2010.
DENDRITE_BALANCE, AXON_BALANCE = 0.4, 0.15
TAIL_UM = 30.0  # mean length for which an axon goes on behind its destination
ROOM = 1.5  # vertices kept free, as a multiple of those the length needs
# Radius of a dendrite and of an axon, each at the soma and far from it, and the least radius.
DENDRITE_RADIUS_NM, AXON_RADIUS_NM, THINNEST_NM = (900.0, 250.0), (400.0, 120.0), 80.0


@dataclass(frozen=True)
class Neurite:
    """A tree in the EM frame, vertex 0 at the soma.

    Attributes:
        vertices_nm: Place of each vertex (x, y, z), whole nm.
        edges: Parent and child vertex of each edge; children are 1, 2, ... in order, and a parent comes before its child.
        radius_nm: Radius at each vertex.
    """

    vertices_nm: Float[np.ndarray, "vertices 3"]
    edges: Int64[np.ndarray, "edges 2"]
    radius_nm: Float32[np.ndarray, " vertices"]

    def path_um(self) -> Float[np.ndarray, " vertices"]:
        """Distance of each vertex to the soma along the tree, um."""
        return _paths(self.vertices_nm, self.edges) / 1000

    @property
    def length_um(self) -> float:
        """Summed length of the edges, um."""
        return float(np.linalg.norm(np.subtract(*self.vertices_nm[self.edges.T]), axis=1).sum() / 1000)


def grow_dendrite(tissue: Tissue, nucleus_id: int) -> Neurite:
    """The dendrite of a neuron."""
    row = tissue.row(nucleus_id)
    arbor = DENDRITES[tissue.cell_type[row]]
    rng = rng_for(tissue.seed, "dendrite", tissue.animal, int(nucleus_id))
    length = _length(arbor, rng)
    aims = _scattered(arbor, tissue.soma_um[row], tissue.soma_um[row], max(8, int(length / 60)), rng)
    return _grow(tissue.soma_um[row], [(aims, length)], rng, DENDRITE_BALANCE, 0.0, DENDRITE_RADIUS_NM)


def grow_axon(tissue: Tissue, nucleus_id: int) -> Neurite:
    """The axon of a neuron: its local arbor and, if it projects, one in an area that looks at the same place."""
    row = tissue.row(nucleus_id)
    arbor = AXONS[tissue.cell_type[row]]
    rng = rng_for(tissue.seed, "axon", tissue.animal, int(nucleus_id))
    length, soma = _length(arbor, rng), tissue.soma_um[row]
    parts = [(_aims(tissue, row, arbor, soma, max(8, int(length / 80)), rng), length)]
    centre = _matched_place(tissue, row, rng)
    if centre is not None:
        far = length * COLLATERAL_LENGTH
        way = float(np.linalg.norm(centre - soma))
        parts.append((_aims(tissue, row, arbor, centre, max(4, int(far / 80)), rng), way + far))
    return _grow(soma, parts, rng, AXON_BALANCE, TAIL_UM, AXON_RADIUS_NM)


def _length(arbor: Arbor, rng: np.random.Generator) -> float:
    """Length of cable that a neurite is to have, um."""
    return float(arbor.length_um * (1 + 0.125 * np.clip(rng.standard_normal(), -2, 2)))


def _scattered(
    arbor: Arbor, soma: Float[np.ndarray, " 3"], axis: Float[np.ndarray, " 3"], n: int, rng: np.random.Generator
) -> Float[np.ndarray, "aims 3"]:
    """Destinations drawn from the arbor's bands around an axis."""
    bands = np.array(arbor.bands)
    band = bands[np.searchsorted(np.cumsum(bands[:-1, 0]), rng.random(n), side="right")]
    middle = np.where(band[:, 1] == OWN, soma[1], band[:, 1])
    chance = rng.standard_normal((n, 3))
    depth = middle + band[:, 2] * chance[:, 1]
    return np.column_stack([axis[0] + band[:, 3] * chance[:, 0], depth, axis[2] + band[:, 3] * chance[:, 2]])


def _aims(
    tissue: Tissue, row: int, arbor: Arbor, centre: Float[np.ndarray, " 3"], n: int, rng: np.random.Generator
) -> Float[np.ndarray, "aims 3"]:
    """Destinations of an axon: some among the dendrites of chosen neurons, the others anywhere in its bands."""
    aims = _scattered(arbor, tissue.soma_um[row], centre, n, rng)
    chance, choice, offset = rng.random(n), rng.random(n), rng.standard_normal((n, 3))
    aimed = np.flatnonzero(chance < AIMED_SHARE)
    candidates, weight = tissue.candidates(row, arbor, centre)
    if len(candidates) == 0 or len(aimed) == 0:
        return aims
    total = np.cumsum(weight)
    target = candidates[np.minimum(np.searchsorted(total, choice[aimed] * total[-1], side="right"), len(candidates) - 1)]
    aims[aimed] = tissue.soma_um[target] + AIM_SD_UM * offset[aimed]
    return aims


def _matched_place(tissue: Tissue, row: int, rng: np.random.Generator) -> Float[np.ndarray, " 3"] | None:
    """The middle of the far arbor: V1 to another area, another area to V1; None for an axon that stays or whose way is too long."""
    projects, choice = rng.random() < PROJECTING.get(tissue.cell_type[row], 0.0), int(rng.integers(0, 3))
    if not projects:
        return None
    area = "V1" if tissue.area[row] != "V1" else ("LM", "RL", "AL")[choice]
    x, z = tissue.sheet.place_of(tissue.rf[row : row + 1], area)[0]
    soma = tissue.soma_um[row]
    centre = np.array([x, soma[1], z])
    return centre if np.linalg.norm(centre - soma) <= LONGEST_COLLATERAL_UM else None


def _grow(
    soma: Float[np.ndarray, " 3"],
    parts: list[tuple[np.ndarray, float]],
    rng: np.random.Generator,
    balance: float,
    tail: float,
    radii: tuple[float, float],
) -> Neurite:
    """Grow the parts one after the other from one soma, each to its length."""
    length = sum(part[1] for part in parts)
    room = int(ROOM * length / STEP_UM) + 100
    vertices, parent, path = np.empty((room, 3)), np.zeros(room, np.int64), np.zeros(room)
    vertices[0] = soma
    n = 1
    noise = rng.standard_normal((room, 3), dtype=np.float32)
    for aims, part in parts:
        tails = rng.exponential(tail, len(aims)) if tail > 0 else np.zeros(len(aims))
        n = _walk(aims, tails, part, balance, noise, vertices, parent, path, n)
    edges = np.column_stack([parent[1:n], np.arange(1, n)])
    thick, thin = radii
    radius = np.maximum(thin + (thick - thin) * np.exp(-path[:n] / 40), THINNEST_NM)
    return Neurite(em_nm(vertices[:n]), edges, radius.astype(np.float32))


@njit(cache=True, nogil=True)
@no_type_check
def _walk(aims, tails, length, balance, noise, vertices, parent, path, n):
    """Add branches to a tree of n vertices until they have the length or all destinations are reached; returns the number of vertices."""
    grown = 0.0
    for a in range(len(aims)):
        if grown >= length or n >= len(vertices):
            break
        at, cost = 0, np.inf
        for v in range(n):
            x, y, z = vertices[v, 0] - aims[a, 0], vertices[v, 1] - aims[a, 1], vertices[v, 2] - aims[a, 2]
            price = np.sqrt(x * x + y * y + z * z) + balance * path[v]
            if price < cost:
                at, cost = v, price
        x, y, z = aims[a, 0] - vertices[at, 0], aims[a, 1] - vertices[at, 1], aims[a, 2] - vertices[at, 2]
        left = np.sqrt(x * x + y * y + z * z)
        dx, dy, dz = (x / left, y / left, z / left) if left > 0 else (0.0, 1.0, 0.0)
        patience, behind = 3.0 * left, tails[a]
        while n < len(vertices) and grown < length:
            x, y, z = aims[a, 0] - vertices[at, 0], aims[a, 1] - vertices[at, 1], aims[a, 2] - vertices[at, 2]
            left = np.sqrt(x * x + y * y + z * z)
            if patience > 0 and left > ARRIVED_UM:
                patience -= STEP_UM
                step, pull = min(STEP_UM, left), PULL / left
            else:
                patience = 0.0
                if behind <= 0:
                    break
                behind -= STEP_UM
                step, pull = STEP_UM, 0.0
            dx = PERSISTENCE * dx + pull * x + ROUGHNESS * noise[n, 0]
            dy = PERSISTENCE * dy + pull * y + ROUGHNESS * noise[n, 1]
            dz = PERSISTENCE * dz + pull * z + ROUGHNESS * noise[n, 2]
            norm = np.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / norm, dy / norm, dz / norm
            depth = vertices[at, 1] + step * dy
            if depth < SHALLOWEST_UM or depth > DEEPEST_UM:
                dy = -dy
                depth = vertices[at, 1] + step * dy
            vertices[n, 0], vertices[n, 1], vertices[n, 2] = vertices[at, 0] + step * dx, depth, vertices[at, 2] + step * dz
            parent[n], path[n] = at, path[at] + step
            grown += step
            at = n
            n += 1
    return n


@njit(cache=True, nogil=True)
@no_type_check
def _paths(vertices, edges):
    """Distance of each vertex to vertex 0 along the tree, in the unit of the vertices."""
    path = np.zeros(len(vertices))
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        x, y, z = vertices[a, 0] - vertices[b, 0], vertices[a, 1] - vertices[b, 1], vertices[a, 2] - vertices[b, 2]
        path[b] = path[a] + np.sqrt(x * x + y * y + z * z)
    return path


def severed(neurite: Neurite, kept_um: float) -> Int[np.ndarray, " vertices"]:
    """Which piece each vertex is in after the neurite was cut at this path length: 0 is what stays at the soma, then 1, 2, ...

    Args:
        neurite: The neurite to cut.
        kept_um: Longest path to the soma that stays; infinite for a whole neurite.
    """
    return _pieces(neurite.path_um(), neurite.edges, float(kept_um))


def kept(neurite: Neurite, kept_um: float) -> Neurite:
    """What stays at the soma when the neurite is cut at this path length; vertices keep their order."""
    stays = severed(neurite, kept_um) == 0
    number = np.cumsum(stays) - 1
    edges = number[neurite.edges[stays[neurite.edges[:, 1]]]]
    return Neurite(neurite.vertices_nm[stays], edges, neurite.radius_nm[stays])


@njit(cache=True, nogil=True)
@no_type_check
def _pieces(path, edges, kept):
    """Number the subtrees that begin beyond the cut, in the order of their first vertices."""
    piece = np.zeros(len(path), np.int64)
    count = 0
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        if piece[a] > 0:
            piece[b] = piece[a]
        elif path[b] > kept:
            count += 1
            piece[b] = count
    return piece


def locate_on_neurites(
    neurite: Neurite, points_nm: Float[np.ndarray, "points 3"]
) -> tuple[Int[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """The edge that each point lies on (as its child vertex, the nearest edge) and the path from the soma to the point, um."""
    child, path = np.zeros(len(points_nm), np.int64), np.zeros(len(points_nm))
    _locate(points_nm, neurite.vertices_nm, neurite.edges, neurite.path_um() * 1000, child, path)
    return child, path / 1000


@njit(cache=True, nogil=True)
@no_type_check
def _locate(points, vertices, edges, paths, child, path):
    """Fill in, for each point, the child of the nearest edge and the path to the foot of the perpendicular."""
    for p in range(len(points)):
        nearest = np.inf
        for e in range(len(edges)):
            a, b = edges[e, 0], edges[e, 1]
            square, along = 0.0, 0.0
            for c in range(3):
                square += (vertices[b, c] - vertices[a, c]) ** 2
                along += (vertices[b, c] - vertices[a, c]) * (points[p, c] - vertices[a, c])
            along = min(max(along / square, 0.0), 1.0) if square > 0 else 0.0
            apart = 0.0
            for c in range(3):
                apart += (points[p, c] - vertices[a, c] - along * (vertices[b, c] - vertices[a, c])) ** 2
            if apart < nearest:
                nearest, child[p], path[p] = apart, b, paths[a] + along * np.sqrt(square)
