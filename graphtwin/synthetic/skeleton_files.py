"""Neurites as precomputed skeletons: one a root id, with the radius and the compartment of every vertex."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import numpy as np

from graphtwin.synthetic.block import Piece

SWC_CODES = {"axon": 2, "dendrite": 3}  # Source: Cannon et al. 1998, doi:10.1016/S0165-0270(98)00091-0.
ATTRIBUTES = [
    {"id": "radius", "data_type": "float32", "num_components": 1},
    {"id": "compartment", "data_type": "uint8", "num_components": 1},
]
IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]


def write_skeletons(pieces: Iterable[Piece], volume: Any) -> None:
    """Write one skeleton a root id, its pieces side by side, in EM nm; vertices are kept as float32, which whole nm fit exactly.

    Args:
        pieces: Neurites, in any order.
        volume: The segmentation they belong to.
    """
    from cloudvolume import Skeleton

    volume.skeleton.meta.info = {"@type": "neuroglancer_skeletons", "transform": IDENTITY, "vertex_attributes": ATTRIBUTES}
    volume.skeleton.meta.commit_info()
    ordered = sorted(pieces, key=lambda piece: (piece.root_id, piece.compartment))
    for root_id, group in groupby(ordered, key=lambda piece: piece.root_id):
        parts = list(group)
        before = np.cumsum([0, *(len(piece.vertices_nm) for piece in parts)])
        edges = [piece.edges + first for piece, first in zip(parts, before, strict=False)]
        skeleton = Skeleton(
            np.concatenate([piece.vertices_nm for piece in parts]).astype(np.float32),
            np.concatenate(edges).astype(np.uint32),
            segid=root_id,
            extra_attributes=ATTRIBUTES,
        )
        skeleton.radius = np.concatenate([piece.radius_nm for piece in parts]).astype(np.float32)
        skeleton.compartment = np.repeat([SWC_CODES[piece.compartment] for piece in parts], np.diff(before)).astype(np.uint8)
        volume.skeleton.upload(skeleton)
