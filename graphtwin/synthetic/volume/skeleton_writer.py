"""Neurites as precomputed skeletons: one a root id, with the radius and the compartment of every vertex."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from typing import Any

import numpy as np

from graphtwin.synthetic.volume.block import Piece

SWC_CODES = {"axon": 2, "dendrite": 3}  # codes of compartments in SWC. Source: Cannon et al. 1998, doi:10.1016/S0165-0270(98)00091-0.
ATTRIBUTES = [
    {"id": "radius", "data_type": "float32", "num_components": 1},
    {"id": "compartment", "data_type": "uint8", "num_components": 1},
]
IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]  # transform of vertices to nm, three rows of four: they are in nm already
BATCH = 64  # skeletons written at once


def write_skeletons(pieces: Iterable[Piece], volume: Any) -> None:
    """Write one skeleton a root id, its pieces side by side, in EM nm; vertices are kept as float32, which whole nm fit exactly.

    Args:
        pieces: Neurites, taken one by one; those of one root id follow each other.
        volume: The segmentation that the skeletons belong to.
    """
    from graphtwin.progress import tqdm

    volume.skeleton.meta.info = {"@type": "neuroglancer_skeletons", "transform": IDENTITY, "vertex_attributes": ATTRIBUTES}
    volume.skeleton.meta.commit_info()
    written: set[int] = set()
    skeletons = (_skeleton(root_id, list(group), written) for root_id, group in groupby(pieces, key=lambda piece: piece.root_id))
    ahead = iter(tqdm(skeletons, desc="skeletons", unit="skeleton", delay=2))
    while some := list(islice(ahead, BATCH)):
        volume.skeleton.upload(some)


def _skeleton(root_id: int, parts: list[Piece], written: set[int]) -> Any:
    """The pieces of a segment as one skeleton."""
    from cloudvolume import Skeleton

    if root_id in written:
        raise ValueError(
            f"root id {root_id}: its pieces are apart among the others, and the later ones would replace it. Sort them by root id."
        )
    written.add(root_id)
    before = np.cumsum([0, *(len(piece.vertices_nm) for piece in parts)])
    vertices = np.concatenate([piece.vertices_nm for piece in parts]).astype(np.float32)
    edges = np.concatenate([piece.edges + first for piece, first in zip(parts, before.tolist(), strict=False)]).astype(np.uint32)
    skeleton = Skeleton(vertices, edges, segid=root_id, extra_attributes=ATTRIBUTES)
    skeleton.radius = np.concatenate([piece.radius_nm for piece in parts]).astype(np.float32)
    skeleton.compartment = np.repeat([SWC_CODES[piece.compartment] for piece in parts], np.diff(before)).astype(np.uint8)
    return skeleton
