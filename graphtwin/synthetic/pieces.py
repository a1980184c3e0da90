"""The neurites of a reconstructed tissue one by one, each piece that was cut off under its own root id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Int, Int64

from graphtwin.synthetic.block import Piece
from graphtwin.synthetic.neurites import Neurite, grow_axon, grow_dendrite, severed
from graphtwin.synthetic.reconstruct import LATER, Reconstruction
from graphtwin.synthetic.tissue import Tissue


def root_of_nuclei(reconstruction: Reconstruction) -> dict[int, int]:
    """Root id of each nucleus at the later materialization."""
    roots = reconstruction.roots
    cells = roots[(roots["materialization"] == LATER) & (roots["compartment"] == "soma")]
    return dict(zip(cells["nucleus_id"].tolist(), cells["root_id"].tolist(), strict=True))


def pieces_of(tissue: Tissue, reconstruction: Reconstruction) -> Iterator[Piece]:
    """Dendrite and axon of every neuron at the later materialization, piece by piece; a neurite is grown when its turn comes.

    Args:
        tissue: The cells.
        reconstruction: Where each neurite was cut, and the root ids.
    """
    roots = reconstruction.roots[reconstruction.roots["materialization"] == LATER]
    names = (roots[name].tolist() for name in ("owner_nucleus_id", "compartment", "piece"))
    root_of = dict(zip(zip(*names, strict=True), roots["root_id"].tolist(), strict=True))
    for row, nucleus_id in enumerate(tissue.nucleus_id.tolist()):
        soma = root_of[nucleus_id, "soma", 0]
        dendrite, axon = grow_dendrite(tissue, nucleus_id), grow_axon(tissue, nucleus_id)
        both: tuple[tuple[Literal["axon", "dendrite"], Neurite, float], ...] = (
            ("dendrite", dendrite, float(reconstruction.dendrite_kept_um[row])),
            ("axon", axon, float(reconstruction.axon_kept_um[row])),
        )
        for compartment, neurite, kept_um in both:
            for number, part in split(neurite, severed(neurite, kept_um)):
                root = root_of[nucleus_id, compartment, number] if number else soma
                yield Piece(root, compartment, part.vertices_nm, part.edges, part.radius_nm)


def split(neurite: Neurite, piece: Int[np.ndarray, " vertices"]) -> Iterator[tuple[int, Neurite]]:
    """The pieces of a neurite that was cut, by number. An edge across a cut belongs to the piece behind it, as synapses on it do.

    Args:
        neurite: A tree.
        piece: Number of the piece of each vertex.
    """
    owner = piece[neurite.edges[:, 1]]
    order = np.argsort(owner, kind="stable")
    bounds = np.flatnonzero(np.diff(owner[order], prepend=-1))
    for rows in np.split(order, bounds[1:]) if len(order) else []:
        edges: Int64[np.ndarray, "edges 2"] = neurite.edges[rows]
        vertices, place = np.unique(edges, return_inverse=True)
        part = Neurite(neurite.vertices_nm[vertices], place.reshape(-1, 2).astype(np.int64), neurite.radius_nm[vertices])
        yield int(owner[rows[0]]), part
