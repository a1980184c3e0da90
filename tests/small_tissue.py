"""Three cells and what they grow in 12 x 12 x 12 um, small enough to know every part of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.coordinates import MINNIE65, pia_from_voxels
from graphtwin.synthetic.volume.block import Content, Piece, fill_block
from graphtwin.synthetic.volume.paint import Block

CORNER_UM = np.array([800.0, 600.0, 800.0])
ROOT = 864691135000000000  # Root ids lie far above 2^53, as real ones do.
A, B, C, FRAGMENT = ROOT + 1, ROOT + 3, ROOT + 4, ROOT + 9
ROOT_OF = {200001: A, 200002: B, 200003: C}
SOMA_UM = np.array([[3.0, 3, 3], [9, 9, 3], [3, 9, 9]])

# The axon of C runs through the dendrite of B; the last axon was severed from its neuron.
TREES = {
    (A, "axon"): [(3, 3, 3), (6, 5, 6), (9, 5, 9), (11, 5, 11), (14, 5, 14)],
    (A, "dendrite"): [(3, 3, 3), (3, 3, 9), (4, 4, 11)],
    (B, "dendrite"): [(9, 9, 3), (9, 7, 6), (9, 6, 9), (9, 6, 11.5)],
    (C, "axon"): [(3, 9, 9), (5, 8, 6), (7.5, 7.5, 6), (11, 6.8, 6)],
    (FRAGMENT, "axon"): [(1, 1, 8), (11, 1.2, 8)],
}
SYNAPSES = [  # id, pre, post, size, place on the axon, place on the dendrite
    (11, A, B, 9000, (9, 5, 9), (9, 6, 9)),
    (12, C, B, 4000, (7.5, 7.5, 6), (9, 7, 6)),
    (13, FRAGMENT, A, 2000, (3, 1.04, 8), (3, 3, 8)),
    (14, A, B, 3000, (12.2, 5, 12.2), (9, 6, 11.5)),  # its centre is in the block, its presynaptic point is not
]


def nm(places_um: object) -> np.ndarray:
    """Places in the block as EM nm."""
    return (np.asarray(places_um, np.float64) + CORNER_UM) * 1000


def block(voxel_nm: tuple[int, int, int] = (100, 100, 100), chunk: tuple[int, int, int] = (50, 64, 70)) -> Block:
    """The block, 12 um wide."""
    begin = np.rint(CORNER_UM * 1000 / voxel_nm).astype(int)
    end = np.rint((CORNER_UM + 12) * 1000 / voxel_nm).astype(int)
    return Block(voxel_nm, tuple(begin.tolist()), tuple(end.tolist()), chunk)


def neurons() -> pd.DataFrame:
    """The three cells."""
    pia = pia_from_voxels(nm(SOMA_UM) / MINNIE65.voxel_nm, MINNIE65)
    places = {name: pia[:, i] for i, name in enumerate(("x_um", "depth_um", "z_um"))}
    return pd.DataFrame({"nucleus_id": list(ROOT_OF), **places, "nucleus_radius_um": [1.0, 0.9, 0.8]})


def nucleus_rows() -> pd.DataFrame:
    """The nuclei as a table of nuclei in EM nm."""
    places = {f"{axis}_nm": nm(SOMA_UM)[:, i] for i, axis in enumerate("xyz")}
    return pd.DataFrame({"nucleus_id": list(ROOT_OF), "root_id": list(ROOT_OF.values()), **places})


def synapses(*ids: int) -> pd.DataFrame:
    """The synapses with these ids; all without any."""
    rows = []
    for number, pre, post, size, axon, dendrite in SYNAPSES:
        sides = {"pre": nm(axon), "post": nm(dendrite), "ctr": (nm(axon) + nm(dendrite)) / 2}
        row = {"synapse_id": number, "pre_root_id": pre, "post_root_id": post, "size": size}
        rows.append(row | {f"{side}_{axis}_nm": at[i] for side, at in sides.items() for i, axis in enumerate("xyz")})
    table = pd.DataFrame(rows)
    return table[table["synapse_id"].isin(ids or table["synapse_id"])].reset_index(drop=True)


def pieces() -> list[Piece]:
    """The neurites."""
    made = []
    for (root, compartment), places in TREES.items():
        edges = np.column_stack([np.arange(len(places) - 1), np.arange(1, len(places))])
        thick = (300.0, 60.0) if compartment == "axon" else (500.0, 300.0)
        made.append(Piece(root, compartment, nm(places), edges, np.linspace(*thick, len(places)).astype(np.float32)))
    return made


def content(where: Block | None = None) -> Content:
    """All of it, in a block."""
    return fill_block(where or block(), neurons(), ROOT_OF, pieces(), synapses())
