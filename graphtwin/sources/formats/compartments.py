"""Which compartment each edge of a skeleton belongs to, from the codes of its vertices.

The codes are SWC's: 1 soma, 2 axon, 3 and 4 dendrite. 0 says nothing. 5 (fork), 6 (end) and a lab's own codes (7 and more, or synapses
by the file's header) are no compartment either: such a vertex lies on a neurite that goes on, and belongs where its parent does.
Sources: Cannon et al. 1998, doi:10.1016/S0165-0270(98)00091-0; codes 5 to 7: NeuronStudio's description of SWC.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

from graphtwin.sources.formats.lengths import Nm

NOTHING, SOMA, AXON, DENDRITE, APICAL, FORK, END = range(7)
SYNAPSE = -(2**31)  # a vertex that the file's own list of codes calls something that is no compartment
# Names of compartments, and the codes of SWC.
LABELS = {"undefined": 0, "soma": 1, "axon": 2, "dendrite": 3, "basal": 3, "basal dendrite": 3, "apical": 4, "apical dendrite": 4}


class RawSkeleton(NamedTuple):
    """A skeleton as its file holds it, in the unit of the file.

    Attributes:
        vertices: Positions, in the unit of the file.
        edges: Numbers of the two vertices of each edge, unchecked.
        labels: SWC code of each vertex; None where the file has none.
        nm_per_unit: Size of one unit along x, y and z by the file itself, nm; None where it does not say.
        directed: Whether an edge goes from a vertex to its parent.
        notes: What a reader should know of the file, with {n} for a number, and that number.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    edges: Int64[np.ndarray, "edges 2"]
    labels: Int64[np.ndarray, " vertices"] | None
    nm_per_unit: Nm | None = None
    directed: bool = False
    notes: tuple[tuple[str, int], ...] = ()


def code_of_name(name: str) -> int:
    """SWC's code of a compartment by the name that a file has for it; SYNAPSE for a name that is no compartment.

    Args:
        name: The name, as `Axon`, `basal dendrites` or `fork point`.
    """
    words = name.lower()
    for part, code in (("synap", SYNAPSE), ("undefined", NOTHING), ("unknown", NOTHING), ("soma", SOMA), ("cell body", SOMA)):
        if part in words:
            return code
    for part, code in (("apical", APICAL), ("dendrit", DENDRITE), ("axon", AXON), ("fork", FORK), ("branch", FORK), ("end", END)):
        if part in words:
            return code
    return SYNAPSE


def compartment_of_edges(raw: RawSkeleton) -> Int64[np.ndarray, " edges"] | None:
    """SWC code of each edge, 0 where it has none; None where no vertex is labelled as axon or dendrite, for then nothing is told apart.

    An edge belongs to the compartment of its far end: of the child in a tree with parents, so that an axon that leaves a dendrite or the
    soma keeps its first edge. Where edges have no direction, the axon is taken for the far end of a dendrite, and both of a soma.

    Args:
        raw: The skeleton, whose edges name vertices that exist.
    """
    if raw.labels is None or not _is_neurite(raw.labels).any():
        return None
    labels = _carried_on(raw, raw.labels)
    if raw.directed:
        return labels[raw.edges[:, 0]]
    ends = labels[raw.edges]
    code = np.where(_is_neurite(ends), ends, NOTHING).max(axis=1)
    return np.where((ends == AXON).any(axis=1), AXON, code)


def _is_neurite(labels: Int64[np.ndarray, "*any"]) -> Bool[np.ndarray, "*any"]:
    """Whether a code is an axon's or a dendrite's."""
    return (labels >= AXON) & (labels <= APICAL)


def _carried_on(raw: RawSkeleton, labels: Int64[np.ndarray, " vertices"]) -> Int64[np.ndarray, " vertices"]:
    """The codes, where a vertex of none of SWC's compartments has that of its nearest ancestor that has one.

    Below the soma or a root, where there is no such ancestor, and without parents, the nearest labelled vertex along the tree lends it.
    """
    through = (labels < NOTHING) | (labels > APICAL)
    if not through.any():
        return labels
    if raw.directed:
        parent = np.arange(len(labels))
        parent[raw.edges[:, 0]] = raw.edges[:, 1]
        labels = labels[_first_that_is_not(through, parent)]
        through &= (labels != NOTHING) & ~_is_neurite(labels)
    return _from_nearest(raw.edges, labels, through)


def _first_that_is_not(through: Bool[np.ndarray, " vertices"], parent: Int64[np.ndarray, " vertices"]) -> Int64[np.ndarray, " vertices"]:
    """Of each vertex, itself or the nearest ancestor that is not to be passed through, or else its root."""
    up = np.where(through, parent, np.arange(len(parent)))
    while not np.array_equal(further := up[up], up):
        up = further
    return up


def _from_nearest(
    edges: Int64[np.ndarray, "edges 2"], labels: Int64[np.ndarray, " vertices"], asked: Bool[np.ndarray, " vertices"]
) -> Int64[np.ndarray, " vertices"]:
    """The codes, where each asked vertex has that of the nearest neurite's vertex, counted in edges, along vertices that are asked too."""
    neurite = _is_neurite(labels)
    near = asked[edges].any(axis=1) & (asked | neurite)[edges].all(axis=1)
    if not near.any():
        return np.where(asked, NOTHING, labels)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    vertices, place = np.unique(edges[near], return_inverse=True)
    ends = place.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(vertices), len(vertices))).tocsr()
    sources = np.flatnonzero(neurite[vertices])
    found = np.where(asked, NOTHING, labels)
    if len(sources):
        _, _, nearest = dijkstra(graph, directed=False, indices=sources, unweighted=True, min_only=True, return_predecessors=True)
        reached = (nearest >= 0) & asked[vertices]
        found[vertices[reached]] = labels[vertices[nearest[reached]]]
    return found


def notes_on_codes(raw: RawSkeleton) -> list[tuple[str, int]]:
    """What a lab may have used a code for besides compartments, and at how many vertices.

    Args:
        raw: The skeleton, whose edges name vertices that exist.
    """
    if raw.labels is None:
        return []
    codes, counts = np.unique(raw.labels, return_counts=True)
    own = [
        (f"{{n}} vertices of code {code}, which belong where their parents do", int(n))
        for code, n in zip(codes.tolist(), counts, strict=True)
        if (code > END or code < 0) and code != SYNAPSE
    ]
    if not raw.directed or not _is_neurite(raw.labels).any():
        return own
    child, parent = raw.labels[raw.edges[:, 0]], raw.labels[raw.edges[:, 1]]
    children = np.bincount(raw.edges[:, 1], minlength=len(raw.labels))
    odd = {
        "{n} vertices of code 4 (apical dendrite) right below an axon": ((child == APICAL) & (parent == AXON)).sum(),
        "{n} vertices of code 5 (fork) that are no fork": ((raw.labels == FORK) & (children < 2)).sum(),
        "{n} vertices of code 6 (end) that are no end": ((raw.labels == END) & (children > 0)).sum(),
    }
    return own + [(words, int(n)) for words, n in odd.items() if n]
