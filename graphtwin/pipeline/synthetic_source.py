"""`--source synthetic`: a small cortex with a known rule, simulated beside the run folder, read back from disk like any other source."""

from __future__ import annotations

import shutil
from pathlib import Path

from graphtwin.pipeline.like_to_like import LikeToLikeConfig, run_like_to_like
from graphtwin.pipeline.simulate import simulate
from graphtwin.synthetic.block import VolumeConfig
from graphtwin.synthetic.steps import SimulateConfig

NAME = "synthetic"
NEURONS, MINUTES = 1500, 1.0  # demonstration size
BLOCK = VolumeConfig(size_um=(40, 40, 40), voxel_nm=(64, 64, 64))
SIMILARITIES = ("readout_similarity_cvt", "readout_location_distance_cvt")
REPLICATES = 200


def simulated_folder(out: Path) -> Path:
    """Where the cortex of a run lies: beside its folder."""
    return out.with_name(f"{out.name}_cortex")


def simulated_source(out: Path, seed: int, workers: int) -> Path:
    """Simulate the cortex of a run unless it is there, whole or in part, and return the TOML that names its tables.

    Args:
        out: The run folder.
        seed: Of the run and of the cortex.
        workers: Processes.
    """
    config = SimulateConfig(neurons=NEURONS, animals=1, minutes=MINUTES, seed=seed, block=BLOCK)
    return simulate(config, simulated_folder(out), workers, resume=True) / "source.toml"


def ask_like_to_like(out: Path, seed: int, workers: int) -> Path:
    """Ask the published tables of the cortex of a run who connects; returns the folder, inside that of the run.

    Args:
        out: The run folder.
        seed: Of resamples and nulls.
        workers: Threads.
    """
    published = simulated_folder(out) / "published"
    asked = LikeToLikeConfig(
        pairs=published / "edge_data_v1.pkl",
        neurons=published / "node_data_v1.pkl",
        similarity=SIMILARITIES,
        inclusion="none",
        nulls=REPLICATES,
        seed=seed,
        workers=workers,
    )
    folder = out / "like_to_like"
    if folder.exists():  # of a run that was stopped here
        shutil.rmtree(folder)
    return run_like_to_like(asked, folder)
