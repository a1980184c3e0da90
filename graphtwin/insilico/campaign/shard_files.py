"""Shards on the disk: one Parquet file each, whole or not there, in a dataset that is partitioned by responder and state."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from graphtwin.artifacts import write_atomic
from graphtwin.config import nearest_of
from graphtwin.insilico.campaign.campaign_plan import Plan
from graphtwin.insilico.campaign.cells import Asked, Shard

if TYPE_CHECKING:
    import pyarrow as pa

CELLS = "cells"  # folder of the dataset
log = logging.getLogger("graphtwin")


def shard_file(folder: Path, asked: Asked, shard: Shard) -> Path:
    """Path of a shard: cells/responder=NAME/state=NAME/shard-00000.parquet, as Hive partitions are named."""
    place = _place(folder, asked.responders[shard.responder].name, asked.config.states[shard.state].name)
    return place / f"shard-{shard.number:05d}.parquet"


def files_of(folder: Path, responder: str, state: str) -> list[Path]:
    """Shards of one responder in one state, in the order of their stimuli.

    Args:
        folder: Folder of the campaign.
        responder: Name of the responder.
        state: Name of the state.
    """
    return sorted(_place(folder, responder, state).glob("shard-*.parquet"), key=lambda path: (len(path.name), path.name))


def _place(folder: Path, responder: str, state: str) -> Path:
    return folder / CELLS / f"responder={quote(responder, safe='')}" / f"state={quote(state, safe='')}"


def write_shard(folder: Path, asked: Asked, shard: Shard, content: bytes) -> Path:
    """Write a shard whole."""
    return write_atomic(shard_file(folder, asked, shard), lambda temporary: temporary.write_bytes(content))


def read_shard(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The cells of a shard, each page checked against what was written.

    Args:
        path: File of the shard.
        columns: Columns to read; None reads all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            known = file.schema_arrow.names
            unknown = [name for name in columns or () if name not in known]
            found = None if unknown else file.read(columns)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path) from error
    if found is None:
        raise ValueError(
            f"{path}: has no column {unknown[0]!r}{nearest_of(unknown[0], known)}; it has {', '.join(known)}. Name one of "
            "these, or run the campaign on what gives it: several twins give mean_spread, stimuli that drift f1, bin_s bins."
        )
    return found


def rows_of(path: Path) -> int:
    """Number of rows of a Parquet file, as it says of itself.

    Args:
        path: File.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> ValueError:
    return ValueError(
        f"{path}: is cut short or damaged ({path.stat().st_size} bytes). Copy the folder again, or give the command of the campaign "
        "with --resume, which answers these cells again."
    )


def missing_shards(folder: Path, plan: Plan) -> list[Shard]:
    """Shards that are not there, or damaged, of which the log tells; damaged ones are removed.

    Args:
        folder: Folder of the campaign.
        plan: Plan of the campaign.
    """
    missing = []
    for shard in plan.shards:
        path = shard_file(folder, plan.asked, shard)
        if path.exists() and not _is_whole(path, len(shard.stimuli) * len(plan.asked.columns[shard.responder])):
            log.warning(
                "%s: is cut short or damaged (%d bytes); its %d stimuli are shown again.", path, path.stat().st_size, len(shard.stimuli)
            )
            path.unlink()
        if not path.exists():
            missing.append(shard)
    return missing


def _is_whole(path: Path, rows: int) -> bool:
    try:
        return int(read_shard(path).num_rows) == rows
    except ValueError:
        return False
