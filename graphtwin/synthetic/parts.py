"""A cortex of any size written as Parquet parts while it is made: skeletons, then pairs and synapses tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graphtwin.artifacts import write_parquet
from graphtwin.synthetic.connect import ConnectConfig, connect_parts
from graphtwin.synthetic.tiles import grow_parts, lay_tiles
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
    grown = []
    for number, part in enumerate(grow_parts(tissue, workers)):
        yield write_parquet(part.skeletons, Path(folder) / "skeletons" / f"part-{number:05d}.parquet")
        grown.append(part._replace(skeletons=None))
    for number, connections in enumerate(connect_parts(tissue, rule, lay_tiles(tissue, grown), config, workers)):
        yield write_parquet(connections.pairs, Path(folder) / "pairs" / f"part-{number:05d}.parquet")
        yield write_parquet(connections.synapses, Path(folder) / "synapses" / f"part-{number:05d}.parquet")
