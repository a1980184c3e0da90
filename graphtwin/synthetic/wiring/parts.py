"""A cortex of any size written as Parquet parts: skeletons block by block, then pairs and synapses tile by tile.

A part appears when it is whole, so that what was there before a stop is not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from graphtwin.artifacts import write_atomic, write_parquet
from graphtwin.execute import map_jobs
from graphtwin.synthetic.brain import Grown, Tile, Tissue, blocks, grow_block, lay_tiles
from graphtwin.synthetic.wiring.connections import connect_tile, require_function
from graphtwin.wiring.conditional import WiringRule

PART = "part-{:05d}"
FOLDERS = ("skeletons", "pairs", "synapses")  # folders of parts, in the order in which they are written


def write_parts(tissue: Tissue, rule: WiringRule, folder: str | Path, work: str | Path, workers: int = 1) -> list[Path]:
    """Write the parts of skeletons/, pairs/ and synapses/ that are missing below a folder; returns the paths of all.

    Args:
        tissue: The cells of one animal.
        rule: The rule by which cells connect.
        folder: Folder that the three folders go into. Parts that are there must be of the same tissue and rule.
        work: Folder of the outlines of the neurites, from which tiles are laid; only a later call for the same parts needs them.
        workers: Number of processes; it changes no byte.
    """
    skeletons, pairs, synapses = (Path(folder) / name for name in FOLDERS)
    require_function(tissue, rule)
    rows = blocks(tissue)
    grown = [(_part(skeletons, n, "parquet"), _part(Path(work), n, "npz")) for n in range(len(rows))]
    _write_missing(_write_block, (tissue,), list(zip(rows, grown, strict=True)), workers, "skeletons")
    tiles = lay_tiles(tissue, (_read_outline(outline) for _, outline in grown))
    connected = [(_part(pairs, n, "parquet"), _part(synapses, n, "parquet")) for n in range(len(tiles))]
    _write_missing(_write_tile, (tissue, rule), list(zip(tiles, connected, strict=True)), workers, "tiles")
    return [*(skeleton for skeleton, _ in grown), *(path for paths in connected for path in paths)]


def _part(folder: Path, number: int, suffix: str) -> Path:
    return folder / f"{PART.format(number)}.{suffix}"


def _write_missing(
    write: Callable[..., None], common: Sequence[Any], arguments: Sequence[tuple[Any, ...]], workers: int, what: str
) -> None:
    """Write those parts, the last argument of each its files, of which a file is missing."""
    from graphtwin.progress import tqdm

    missing = [each for each in arguments if not all(path.exists() for path in each[-1])]
    with tqdm(total=len(arguments), initial=len(arguments) - len(missing), desc=what, unit="part") as bar:
        for _ in map_jobs(write, missing, common=common, workers=workers, in_order=True):
            bar.update()


def _write_block(tissue: Tissue, rows: Int64[np.ndarray, " neurons"], paths: tuple[Path, Path]) -> None:
    """Grow some neurons, write their skeletons and, for the tiles, where they run."""
    part = grow_block(tissue, rows, skeletons=True)
    write_parquet(part.skeletons, paths[0])

    def save(path: Path) -> None:
        np.savez_compressed(path, rows=part.rows, boxes_um=part.boxes_um, cells=part.cells)

    write_atomic(paths[1], save)


def _read_outline(path: Path) -> Grown:
    """The neurons of a block without their skeletons."""
    with np.load(path) as stored:
        return Grown(stored["rows"], stored["boxes_um"], stored["cells"], None)


def _write_tile(tissue: Tissue, rule: WiringRule, tile: Tile, paths: tuple[Path, Path]) -> None:
    """Connect the cells of one tile and write its pairs and synapses."""
    made = connect_tile(tissue, rule, tile)
    for frame, path in zip((made.pairs, made.synapses), paths, strict=True):
        write_parquet(frame, path)
