"""The neurites of a reconstructed tissue one by one, each piece that was cut off under its own root id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Int, Int64

from graphtwin.synthetic.brain import Neurite, Tissue, grow_axon, grow_dendrite, severed
from graphtwin.synthetic.volume.block import Content, Piece, VolumeConfig, choose_block, fill_block
from graphtwin.synthetic.wiring import LATER, Reconstruction

if TYPE_CHECKING:
    import pandas as pd


def root_of_nuclei(reconstruction: Reconstruction) -> dict[int, int]:
    """Root id of each nucleus at the later materialization."""
    roots = reconstruction.roots
    cells = roots[(roots["materialization"] == LATER) & (roots["compartment"] == "soma")]
    return dict(zip(cells["nucleus_id"].tolist(), cells["root_id"].tolist(), strict=True))


def content_of(tissue: Tissue, neurons: pd.DataFrame, reconstruction: Reconstruction, config: VolumeConfig) -> Content:
    """What the block with the most synapses around a nucleus holds.

    Args:
        tissue: The cells of one animal.
        neurons: The cells of the tissue as a table, as in `Anatomy`.
        reconstruction: Reconstruction of the tissue.
        config: Size and voxels of the block.
    """
    block = choose_block(neurons, reconstruction.synapses, config)
    return fill_block(block, neurons, root_of_nuclei(reconstruction), pieces_of(tissue, reconstruction), reconstruction.synapses)


def pieces_of(tissue: Tissue, reconstruction: Reconstruction) -> Iterator[Piece]:
    """Dendrite and axon of every neuron at the later materialization, piece by piece; a neurite is grown when its turn comes.

    Pieces of one root id follow each other: the neurons of a merged segment are grown together.

    Args:
        tissue: The cells of one animal.
        reconstruction: Reconstruction of the tissue: where each neurite was cut, and the root ids.
    """
    roots = reconstruction.roots[reconstruction.roots["materialization"] == LATER]
    names = (roots[name].tolist() for name in ("owner_nucleus_id", "compartment", "piece"))
    root_of = dict(zip(zip(*names, strict=True), roots["root_id"].tolist(), strict=True))
    together: dict[int, list[int]] = {}
    for row, nucleus_id in enumerate(tissue.nucleus_id.tolist()):
        together.setdefault(root_of[nucleus_id, "soma", 0], []).append(row)
    for rows in together.values():
        pieces = [piece for row in rows for piece in _pieces_of_neuron(tissue, reconstruction, row, root_of)]
        yield from sorted(pieces, key=lambda piece: piece.root_id)


def _pieces_of_neuron(
    tissue: Tissue, reconstruction: Reconstruction, row: int, root_of: dict[tuple[int, str, int], int]
) -> Iterator[Piece]:
    """The pieces of one neuron; `root_of` is by neuron, compartment and number of the piece."""
    nucleus_id = int(tissue.nucleus_id[row])
    cut = reconstruction.dendrite_kept_um, reconstruction.axon_kept_um
    compartments: tuple[Literal["dendrite", "axon"], ...] = ("dendrite", "axon")
    for compartment, grow, kept_um in zip(compartments, (grow_dendrite, grow_axon), cut, strict=True):
        neurite = grow(tissue, nucleus_id)
        for number, part in split(neurite, severed(neurite, float(kept_um[row]))):
            root = root_of[(nucleus_id, compartment, number) if number else (nucleus_id, "soma", 0)]
            yield Piece(root, compartment, part.vertices_nm, part.edges, part.radius_nm)


def split(neurite: Neurite, piece: Int[np.ndarray, " vertices"]) -> Iterator[tuple[int, Neurite]]:
    """The pieces of a neurite that was cut, by number. An edge across a cut belongs to the piece behind it, as synapses on it do.

    Args:
        neurite: The neurite that was cut.
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
