"""Who comes close to whom: L_d of axons and the dendrites of one tile, by the passes of `cortex.proximity`, with the points that are near."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from graphtwin.cortex.encounters import Members, kept_lengths, meet
from graphtwin.cortex.proximity import RADIUS_NM, DendriteIndex
from graphtwin.cortex.voxels import Pool, pool
from graphtwin.synthetic.neurites import grow_axon, grow_dendrite, kept
from graphtwin.synthetic.tiles import Tile, cable, cable_within
from graphtwin.synthetic.tissue import Tissue


class Cuts(NamedTuple):
    """Paths from the soma at which neurites end, um, a row a cell of the tissue; infinite for whole ones."""

    axon_um: Float[np.ndarray, " neurons"]
    dendrite_um: Float[np.ndarray, " neurons"]


class Meeting(NamedTuple):
    """One axon and the dendrites of a tile.

    Attributes:
        post: Rows (of the tissue) of the cells that it comes within the radius of.
        l_d_um: Of each.
        axon_points, dendrite_points: nm; those that are proximal, dendrite by dendrite.
        axon_start, dendrite_start: Where those of each dendrite begin, and after the last one their number.
    """

    post: Int64[np.ndarray, " pairs"]
    l_d_um: Float[np.ndarray, " pairs"]
    axon_points: np.ndarray
    axon_start: Int64[np.ndarray, " bounds"]
    dendrite_points: np.ndarray
    dendrite_start: Int64[np.ndarray, " bounds"]


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
    return Meeting(tile.rows[member], l_d, *_points(own, of_axon, member), *_points(index.pool, of_dendrites, member))


def _points(cables: Pool, members: Members, chosen: Int64[np.ndarray, " pairs"]) -> tuple[np.ndarray, Int64[np.ndarray, " bounds"]]:
    """Positions of the members of the chosen dendrites, and where those of each begin."""
    size = members.start[chosen + 1] - members.start[chosen]
    start = np.concatenate([[0], np.cumsum(size)])
    at = members.point[np.arange(start[-1]) + np.repeat(members.start[chosen] - start[:-1], size)]
    return np.column_stack([cables.x[at], cables.y[at], cables.z[at]]), start
