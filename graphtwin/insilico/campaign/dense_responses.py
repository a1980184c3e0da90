"""Mean responses as dense arrays in the Zarr format, assembled from shards, one shard in memory at a time."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import numpy as np

from graphtwin.artifacts import whole_folder
from graphtwin.extras import require_packages
from graphtwin.insilico.campaign.campaign_plan import Plan
from graphtwin.insilico.campaign.shard_files import read_shard, shard_file

DENSE = "dense.zarr"  # name of the store
ROWS = 64  # stimuli of a chunk


def require_dense() -> None:
    """Raise where the package that writes dense arrays is missing."""
    require_packages("dense = true: dense arrays", "zarr")


def write_dense(folder: Path, plan: Plan) -> Path:
    """Write the mean responses to dense.zarr/RESPONDER, float32 (states, stimuli, units), the units in the order of units.parquet.

    Args:
        folder: Folder of the campaign, all of whose shards are there.
        plan: Plan of the campaign.
    """
    import zarr

    asked = plan.asked
    with whole_folder(folder / DENSE) as partial:
        group = zarr.open_group(partial, mode="w")
        arrays = [
            group.create_array(
                quote(responder.name, safe=""),
                shape=(len(asked.config.states), len(asked.stimuli), len(columns)),
                chunks=(1, min(ROWS, len(asked.stimuli)), len(columns)),
                dtype="float32",
                fill_value=np.nan,
                dimension_names=("state", "stimulus", "unit"),
                attributes={"states": [state.name for state in asked.config.states]},
            )
            for responder, columns in zip(asked.responders, asked.columns, strict=True)
        ]
        for shard in plan.shards:
            mean = read_shard(shard_file(folder, asked, shard), ["mean"])["mean"].to_numpy()
            rows = slice(shard.stimuli[0], shard.stimuli[-1] + 1)
            arrays[shard.responder][shard.state, rows] = mean.reshape(len(shard.stimuli), -1)
    return folder / DENSE
