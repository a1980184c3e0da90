"""Who comes close to whom: L_d of axons and the dendrites of one tile, by the passes of `cortex.proximity`, with places where they do."""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int32, Int64
from numba import njit

from graphtwin.cortex.proximity import RADIUS_NM, DendriteIndex, kept_lengths, meet, pool
from graphtwin.synthetic.brain import Tile, Tissue, cable, cable_within, grow_axon, grow_dendrite, kept

CONTACTS = 8  # places of a pair at which synapses may lie: few pairs have more synapses


class Cuts(NamedTuple):
    """Paths from the soma at which neurites end, um, a row a cell of the tissue; infinite for whole ones."""

    axon_um: Float[np.ndarray, " neurons"]
    dendrite_um: Float[np.ndarray, " neurons"]


class Meeting(NamedTuple):
    """One axon and the dendrites of a tile.

    Attributes:
        post: Rows (of the tissue) of the cells whose dendrites the axon comes within the radius of.
        l_d_um: Length of each dendrite within reach of the axon (L_d).
        contacts_nm: `CONTACTS` places of each pair, spread over where the two are near: a point of the axon, then the dendrite's nearest
            to it.
    """

    post: Int64[np.ndarray, " pairs"]
    l_d_um: Float[np.ndarray, " pairs"]
    contacts_nm: Int32[np.ndarray, "pairs contacts 6"]


def pool_dendrites(tissue: Tissue, tile: Tile, cuts: Cuts | None = None) -> DendriteIndex:
    """The dendrites of the cells of a tile, as far as they were not cut."""
    cables = []
    for row in tile.rows.tolist():
        nucleus_id = int(tissue.nucleus_id[row])
        dendrite = grow_dendrite(tissue, nucleus_id)
        cut = np.inf if cuts is None else float(cuts.dendrite_um[row])
        cables.append(cable(nucleus_id, dendrite if np.isinf(cut) else kept(dendrite, cut)))
    return DendriteIndex.build(cables)


def approach(tissue: Tissue, tile: Tile, index: DendriteIndex, row: int, cuts: Cuts | None = None) -> Meeting | None:
    """All dendrites of a tile but its own that an axon comes near to; None where there are none.

    Only the cable in the tile's box is measured. That changes no L_d, because an edge of a dendrite counts by points of the axon near it.
    """
    axon = grow_axon(tissue, int(tissue.nucleus_id[row]))
    if cuts is not None and np.isfinite(cuts.axon_um[row]):
        axon = kept(axon, float(cuts.axon_um[row]))
    near = cable_within(int(tissue.nucleus_id[row]), axon, tile.box_um)
    if near is None:
        return None
    own = pool([near], RADIUS_NM)
    of_axon, of_dendrites, distance = meet(own, index.pool, len(tile.rows), RADIUS_NM)
    member = np.flatnonzero(np.isfinite(distance) & (tile.rows != row))
    if len(member) == 0:
        return None
    l_d = kept_lengths(index.pool, of_dendrites)[member] / 1000
    contacts = np.empty((len(member), CONTACTS, 6), np.int32)
    _spread_contacts(own[:3], *of_axon, index.pool[:3], *of_dendrites, member, contacts)
    return Meeting(tile.rows[member], l_d, contacts)


@njit(cache=True, nogil=True)
@no_type_check
def _spread_contacts(axon, axon_start, axon_point, dendrites, dendrite_start, dendrite_point, member, contacts):
    """Fill in, for each pair, points of the axon at even steps through those that are near, and for each the nearest of the dendrite's."""
    for m in range(len(member)):
        first, n = axon_start[member[m]], axon_start[member[m] + 1] - axon_start[member[m]]
        for k in range(contacts.shape[1]):
            a = axon_point[first + n * (2 * k + 1) // (2 * contacts.shape[1])]
            nearest, chosen = np.inf, 0
            for at in range(dendrite_start[member[m]], dendrite_start[member[m] + 1]):
                square = 0.0
                for c in range(3):
                    square += np.float64(axon[c][a] - dendrites[c][dendrite_point[at]]) ** 2
                if square < nearest:
                    nearest, chosen = square, dendrite_point[at]
            for c in range(3):
                contacts[m, k, c], contacts[m, k, 3 + c] = axon[c][a], dendrites[c][chosen]
