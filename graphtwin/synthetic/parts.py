"""A cortex of any size written as Parquet parts while it is made: skeletons, then pairs and synapses tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from graphtwin.artifacts import write_parquet
from graphtwin.synthetic.connect import ConnectConfig, connect_tile, require_function
from graphtwin.synthetic.tiles import Grown, Tile, blocks, grow_block, lay_tiles, mapped
from graphtwin.synthetic.tissue import Tissue
from graphtwin.wiring.rules import WiringRule


def write_parts(
    tissue: Tissue, rule: WiringRule, folder: str | Path, config: ConnectConfig | None = None, workers: int = 1
) -> Iterator[Path]:
    """Write skeletons/, pairs/ and synapses/ below a folder and hand over the path of each part when it is whole.

    Args:
        tissue: The cells.
        rule: Who connects.
        folder: Where the three folders go.
        config: Sizes of synapses.
        workers: Processes; they change no byte.
    """
    out, chosen = Path(folder), config if config is not None else ConnectConfig()
    require_function(tissue, rule)
    names = [out / "skeletons" / f"part-{number:05d}.parquet" for number in range(len(blocks(tissue)))]
    grown = []
    for part, path in zip(
        mapped(_write_block, ((tissue, *each) for each in zip(blocks(tissue), names, strict=True)), workers), names, strict=True
    ):
        grown.append(part)
        yield path
    tiles = lay_tiles(tissue, grown)
    for paths in mapped(_write_tile, ((tissue, rule, tile, chosen, out, number) for number, tile in enumerate(tiles)), workers):
        yield from paths


def _write_block(tissue: Tissue, rows: Int64[np.ndarray, " neurons"], path: Path) -> Grown:
    """Grow some neurons, write their skeletons and hand over what the tiles need."""
    part = grow_block(tissue, rows, skeletons=True)
    write_parquet(part.skeletons, path)
    return part._replace(skeletons=None)


def _write_tile(tissue: Tissue, rule: WiringRule, tile: Tile, config: ConnectConfig, out: Path, number: int) -> list[Path]:
    """Connect the cells of one tile and write its pairs and synapses."""
    made = connect_tile(tissue, rule, tile, config)
    return [
        write_parquet(frame, out / name / f"part-{number:05d}.parquet")
        for name, frame in (("pairs", made.pairs), ("synapses", made.synapses))
    ]
