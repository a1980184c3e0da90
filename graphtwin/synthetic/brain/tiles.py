"""The sheet in square tiles, so that a cortex of any size is worked through with the dendrites of one tile in memory.

A first pass grows every neuron once and notes where its neurites run; then each tile is given the axons that come near its dendrites.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int32, Int64

from graphtwin.cortex.proximity import RADIUS_NM, Cable
from graphtwin.execute import map_jobs
from graphtwin.synthetic.brain.anatomy import pia_um
from graphtwin.synthetic.brain.neurites import Neurite, grow_axon, grow_dendrite
from graphtwin.synthetic.brain.sheet import ORIGIN_UM
from graphtwin.synthetic.brain.tissue import Tissue

TILE_UM = 1200.0  # largest edge of a tile: the dendrites of 2,000 cells of default density are then in memory
CELL_UM = 50.0  # side of the squares that outlines of axons are made of
GROWN_TOGETHER = 256  # neurons of a task of one process, and of a part on disk
MARGIN_UM = RADIUS_NM / 1000 + 1  # reach of proximity, and a um for the rounding of points


class Grown(NamedTuple):
    """Some neurons, grown.

    Attributes:
        rows: Rows of the neurons in the tissue.
        boxes_um: Least and largest x, then least and largest z of each dendrite.
        cells: Row of a neuron, and numbers along x and z of each square of `CELL_UM` that its axon passes.
        skeletons: Neurites, one row a vertex: nucleus_id, compartment, vertex, parent (-1 at the soma), x_nm, y_nm, z_nm, radius_nm; None
            unless asked for.
    """

    rows: Int64[np.ndarray, " neurons"]
    boxes_um: Float[np.ndarray, "neurons 4"]
    cells: Int32[np.ndarray, "cells 3"]
    skeletons: pd.DataFrame | None


@dataclass(frozen=True)
class Tile:
    """One square of the sheet.

    Attributes:
        rows: Rows of the cells whose somata lie in the tile.
        axons: Rows of the cells whose axons may come near the dendrites of the tile.
        box_um: Box around the dendrites of the tile, and as much more as proximity reaches: least and largest x, least and largest z.
    """

    rows: Int64[np.ndarray, " cells"]
    axons: Int64[np.ndarray, " axons"]
    box_um: Float[np.ndarray, " 4"]


def grow_parts(tissue: Tissue, workers: int = 1, skeletons: bool = True) -> Iterator[Grown]:
    """All neurons in the order of their ids, some at a time.

    Args:
        tissue: The cells of one animal.
        workers: Number of processes.
        skeletons: Whether the parts hold the neurites themselves.
    """
    return map_jobs(grow_block, ((block, skeletons) for block in blocks(tissue)), common=(tissue,), workers=workers, in_order=True)


def blocks(tissue: Tissue) -> list[Int64[np.ndarray, " neurons"]]:
    """Rows that are grown together, in the order of their ids."""
    rows = np.arange(len(tissue.nucleus_id))
    return [rows[i : i + GROWN_TOGETHER] for i in range(0, len(rows), GROWN_TOGETHER)]


def lay_tiles(tissue: Tissue, grown: Iterable[Grown], tile_um: float = TILE_UM) -> list[Tile]:
    """The tiles of a tissue, along z and then along x.

    Args:
        tissue: The cells of one animal.
        grown: All parts of `grow_parts`.
        tile_um: Largest edge of a tile; the sheet is divided evenly.
    """
    parts = [(part.boxes_um, part.cells) for part in grown]
    boxes, cells = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    side = tissue.sheet.side_um
    n_side = int(np.ceil(side / tile_um))
    place = np.minimum((tissue.soma_um[:, [0, 2]] - np.array(ORIGIN_UM)) * n_side // side, n_side - 1).astype(np.int64)
    number = np.unique(place, axis=0, return_inverse=True)[1].ravel()
    low = cells[:, 1:] * CELL_UM
    tiles = []
    for tile in range(number.max() + 1):
        rows = np.flatnonzero(number == tile)
        inside = boxes[rows]
        box = np.array([inside[:, 0].min(), inside[:, 1].max(), inside[:, 2].min(), inside[:, 3].max()]) + MARGIN_UM * np.array(
            [-1, 1, -1, 1]
        )
        near = (low[:, 0] <= box[1]) & (low[:, 0] + CELL_UM >= box[0]) & (low[:, 1] <= box[3]) & (low[:, 1] + CELL_UM >= box[2])
        tiles.append(Tile(rows, np.unique(cells[near, 0]).astype(np.int64), box))
    return tiles


def cable(nucleus_id: int, neurite: Neurite) -> Cable:
    """A neurite as `cortex.proximity` takes it."""
    return Cable.from_skeleton(int(nucleus_id), neurite.vertices_nm, neurite.edges)


def cable_within(nucleus_id: int, neurite: Neurite, box_um: Float[np.ndarray, " 4"]) -> Cable | None:
    """The edges of a neurite that have an end in a box of the plane; None where there are none."""
    x, _, z = pia_um(neurite.vertices_nm).T
    inside = (x >= box_um[0]) & (x <= box_um[1]) & (z >= box_um[2]) & (z <= box_um[3])
    edges = neurite.edges[inside[neurite.edges].any(axis=1)]
    return Cable.from_skeleton(int(nucleus_id), neurite.vertices_nm, edges) if len(edges) else None


def grow_block(tissue: Tissue, rows: Int64[np.ndarray, " neurons"], skeletons: bool) -> Grown:
    """Grow the neurons of some rows: one part of `grow_parts`."""
    boxes, cells, frames = [], [], []
    for row in rows.tolist():
        nucleus_id = int(tissue.nucleus_id[row])
        dendrite, axon = grow_dendrite(tissue, nucleus_id), grow_axon(tissue, nucleus_id)
        x, _, z = pia_um(dendrite.vertices_nm).T
        boxes.append((x.min(), x.max(), z.min(), z.max()))
        passed = np.unique((pia_um(axon.vertices_nm)[:, [0, 2]] // CELL_UM).astype(np.int32), axis=0)
        cells.append(np.column_stack([np.full(len(passed), row, dtype=np.int32), passed]))
        if skeletons:
            frames += [(nucleus_id, "axon", axon), (nucleus_id, "dendrite", dendrite)]
    return Grown(rows, np.array(boxes), np.concatenate(cells), _skeletons(frames) if skeletons else None)


def _skeletons(neurites: list[tuple[int, str, Neurite]]) -> pd.DataFrame:
    """Neurites as one table."""
    sizes = [len(neurite.vertices_nm) for _, _, neurite in neurites]
    vertices = np.concatenate([neurite.vertices_nm for _, _, neurite in neurites]).astype(np.int32)
    compartment = np.repeat([name == "dendrite" for _, name, _ in neurites], sizes).astype(np.int8)
    columns = {
        "nucleus_id": np.repeat(np.array([nucleus_id for nucleus_id, _, _ in neurites], dtype=np.int64), sizes),
        "compartment": pd.Categorical.from_codes(compartment, ["axon", "dendrite"]),
        "vertex": np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
        "parent": np.concatenate([np.append(-1, neurite.edges[:, 0]) for _, _, neurite in neurites]).astype(np.int32),
    }
    columns |= {f"{axis}_nm": values for axis, values in zip("xyz", vertices.T, strict=True)}
    return pd.DataFrame(columns | {"radius_nm": np.concatenate([neurite.radius_nm for _, _, neurite in neurites])})
