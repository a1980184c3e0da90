"""The sheet in square tiles, so that only the dendrites around an axon are in memory: each tile's dendrites are grown and pooled when asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from graphtwin.cortex.proximity import RADIUS_NM, DendriteIndex
from graphtwin.cortex.skeleton import Cable
from graphtwin.synthetic.neurites import Neurite, grow_dendrite, kept
from graphtwin.synthetic.sheet import ORIGIN_UM
from graphtwin.synthetic.tissue import Tissue

TILE_UM = 500.0
REACH_UM = 330.0  # no dendrite comes farther from its soma, along x or z
KEPT = 24  # tiles in memory: about 25 MB each at the default density


class Tile(NamedTuple):
    """The cells whose somata lie in one square.

    Attributes:
        column, line: Of the tile, along x and z.
        rows: Of the cells in the tissue, ascending.
    """

    column: int
    line: int
    rows: Int[np.ndarray, " cells"]


def tiles(tissue: Tissue, tile_um: float = TILE_UM) -> list[Tile]:
    """All tiles with cells, along a curve on which neighbours stay near (Morton's), so that few dendrites are grown twice."""
    place = ((tissue.soma_um[:, [0, 2]] - np.array(ORIGIN_UM)) // tile_um).astype(np.int64)
    order = np.lexsort((np.arange(len(place)), _morton(place)))
    first = np.flatnonzero(np.diff(_morton(place)[order], prepend=-1) > 0)
    return [Tile(*place[rows[0]].tolist(), rows) for rows in np.split(order, first[1:])]


def cable(nucleus_id: int, neurite: Neurite) -> Cable:
    """A neurite as `cortex.proximity` takes it."""
    return Cable.from_skeleton(int(nucleus_id), neurite.vertices_nm, neurite.edges)


class Dendrites:
    """The dendrites of a tissue, pooled tile by tile when they are asked for; the tiles used last stay in memory.

    Args:
        tissue: The cells.
        tile_um: Edge of a tile.
        radius_nm: The largest distance of two proximal points.
        kept_um: Path at which each dendrite was cut, a row a cell; by default all are whole.
    """

    def __init__(
        self,
        tissue: Tissue,
        tile_um: float = TILE_UM,
        radius_nm: int = RADIUS_NM,
        kept_um: Float[np.ndarray, " neurons"] | None = None,
    ) -> None:
        self.tissue, self.tile_um, self.radius_nm = tissue, tile_um, radius_nm
        self.kept_um = kept_um if kept_um is not None else np.full(len(tissue.nucleus_id), np.inf)
        self._rows = {(tile.column, tile.line): tile.rows for tile in tiles(tissue, tile_um)}
        self._held: OrderedDict[tuple[int, int], DendriteIndex] = OrderedDict()

    def near(self, points_um: Float[np.ndarray, "points 3"]) -> Iterator[tuple[Int[np.ndarray, " cells"], DendriteIndex]]:
        """Rows and index of every tile whose dendrites may come within the radius of one of these points (pia frame)."""
        reach = REACH_UM + self.radius_nm / 1000
        plane = points_um[:, [0, 2]] - np.array(ORIGIN_UM)
        # Corners of the square around each point; a tile is never smaller than one that lies between them.
        low, high = ((plane - reach) // self.tile_um).astype(np.int64), ((plane + reach) // self.tile_um).astype(np.int64)
        found: set[tuple[int, int]] = set()
        for a, b, c, d in np.unique(np.column_stack([low, high]), axis=0).tolist():
            found.update((column, line) for column in range(a, c + 1) for line in range(b, d + 1))
        for key in sorted(found & self._rows.keys()):
            yield self._rows[key], self._index(key)

    def _index(self, key: tuple[int, int]) -> DendriteIndex:
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        index = DendriteIndex.build((self._cable(row) for row in self._rows[key].tolist()), self.radius_nm)
        self._held[key] = index
        if len(self._held) > KEPT:
            self._held.popitem(last=False)
        return index

    def _cable(self, row: int) -> Cable:
        nucleus_id = int(self.tissue.nucleus_id[row])
        whole = grow_dendrite(self.tissue, nucleus_id)
        return cable(nucleus_id, whole if np.isinf(self.kept_um[row]) else kept(whole, float(self.kept_um[row])))


def _morton(place: Int[np.ndarray, "cells 2"]) -> Int[np.ndarray, " cells"]:
    """The two numbers of a tile with their bits interleaved."""
    key = np.zeros(len(place), dtype=np.int64)
    for bit in range(16):
        key |= (place[:, 0] >> bit & 1) << 2 * bit | (place[:, 1] >> bit & 1) << 2 * bit + 1
    return key
