"""What a finished campaign holds, read back: its cells as a table, or one number of each as stimuli x units."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float32

from graphtwin.insilico.campaign.shard_files import CELLS, files_of, read_shard, rows_of

if TYPE_CHECKING:
    import pyarrow.dataset as ds

STIMULI = "stimuli.parquet"  # table of the stimuli by their numbers
NO_CELLS = "has no cells of responder {!r} in state {!r}. Give names that its units.parquet and campaign.toml have."
SHARDS_GONE = "shards are missing. Copy the folder again, or give the command of the campaign with --resume, which answers them again."


def read_cells(
    folder: str | Path, responder: str | None = None, state: str | None = None, columns: list[str] | None = None
) -> pd.DataFrame:
    """Cells of a campaign, a row each: stimulus, session, scan_idx, unit_id, mean, what else was kept, responder, state.

    Args:
        folder: Folder of a finished campaign.
        responder: Name of the responder whose cells are read; None reads those of all.
        state: Name of the state; None reads all.
        columns: Columns to read; None reads all.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    names = pa.schema([("responder", pa.string()), ("state", pa.string())])
    cells = ds.dataset(Path(folder) / CELLS, format="parquet", partitioning=ds.partitioning(names, flavor="hive"))
    wanted = ds.scalar(True)
    for name, value in (("responder", responder), ("state", state)):
        wanted = wanted if value is None else wanted & (ds.field(name) == value)
    _require_all(Path(folder), cells)
    found = cells.to_table(columns=columns, filter=wanted).to_pandas()
    if not len(found):
        raise ValueError(f"{folder}: {NO_CELLS.format(responder, state)}")
    return found


def read_answers(
    folder: str | Path, responder: str, state: str, units: Sequence[int] | None = None, column: str = "mean"
) -> Float32[np.ndarray, "stimuli units"]:
    """One number of every stimulus and unit, a shard in memory at a time.

    Args:
        folder: Folder of a finished campaign.
        responder: Name of the responder.
        state: Name of the state.
        units: Places among the responder's rows of units.parquet of the units that are read; None reads all.
        column: Name of the number: mean, mean_spread or f1.
    """
    parts, there = [], []
    for path in files_of(Path(folder), responder, state):
        shard = read_shard(path, ["stimulus", column])
        there.append(np.unique(shard["stimulus"].to_numpy()))
        answers = shard[column].to_numpy().reshape(len(there[-1]), -1)
        parts.append(answers if units is None else answers[:, list(units)])
    if not parts:
        raise ValueError(f"{folder}: {NO_CELLS.format(responder, state)}")
    n = rows_of(Path(folder) / STIMULI)
    if not np.array_equal(np.concatenate(there), np.arange(n)):
        raise ValueError(f"{folder}: responder {responder!r} in state {state!r} has {sum(map(len, there))} of {n} stimuli: {SHARDS_GONE}")
    return np.concatenate(parts)


def _require_all(folder: Path, cells: ds.Dataset) -> None:
    """Raise where cells are missing, or where a shard cannot be read."""
    found = sum(rows_of(Path(path)) for path in cells.files)
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["n_cells"]
    if found != told:
        raise ValueError(f"{folder}: holds {found} of {told} cells: {SHARDS_GONE}")
