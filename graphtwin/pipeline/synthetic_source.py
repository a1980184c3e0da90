"""`--source synthetic`: a small cortex with a known rule, simulated beside the run folder and read back from disk like any other source.

A functional twin learns the movies of its animal. The twin's tuning and embeddings take the place of those that would be measured.
"""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from graphtwin.artifacts import write_table, write_text
from graphtwin.pipeline.like_to_like import LikeToLikeConfig, run_like_to_like
from graphtwin.pipeline.simulate import simulate
from graphtwin.schema import UNIT_KEY
from graphtwin.synthetic.block import VolumeConfig
from graphtwin.synthetic.steps import SimulateConfig

NAME = "synthetic"
NEURONS, MINUTES = 1500, 8.0  # demonstration size
BLOCK = VolumeConfig(size_um=(40, 40, 40), voxel_nm=(64, 64, 64))
TRAINING = ["fit.epochs=8", "steps=40"]  # more of it hardly changes what readouts say of tuning
SIMILARITIES = ("feature_similarity", "signal_correlation", "rf_distance")
REPLICATES = 200


@dataclass(frozen=True)
class Demonstration:
    """What a run of the simulated cortex reads and writes beside its folder.

    Attributes:
        cortex: The simulation.
        twin: Of its first animal, with what it says of the units.
    """

    cortex: Path
    twin: Path

    @classmethod
    def of(cls, out: Path) -> Demonstration:
        """The folders of a run."""
        return cls(out.with_name(f"{out.name}_cortex"), out.with_name(f"{out.name}_twin"))

    @property
    def embeddings(self) -> Path:
        """Of the twin's units."""
        return self.twin / "embeddings.parquet"

    @property
    def source(self) -> Path:
        """Names the tables of the cortex, the twin's tuning among them as responses."""
        return self.twin / "source.toml"


def prepare(out: Path, seed: int, workers: int) -> Demonstration:
    """Simulate the cortex of a run and fit its twin, or what is missing of both.

    Args:
        out: The run folder.
        seed: Of the run, the cortex and the twin.
        workers: Processes, then threads.
    """
    made = Demonstration.of(out)
    config = SimulateConfig(neurons=NEURONS, animals=1, minutes=MINUTES, seed=seed, block=BLOCK)
    simulate(config, made.cortex, workers, resume=True)
    if not made.source.exists():
        fit_twin(made, seed, workers)
    return made


def fit_twin(made: Demonstration, seed: int, workers: int) -> None:
    """Train the twin on the animal's movies and write what it says of the units; a training that was stopped goes on."""
    from graphtwin.execute import threads
    from graphtwin.pipeline.in_silico import embed_twin, tune_twin
    from graphtwin.pipeline.twin import train_twin

    recording = next(made.cortex.glob("dynamic0-*"))
    if not (made.twin / "twin.pt").exists():
        train_twin([recording], made.twin, TRAINING, seed=seed, resume=True, threads=workers)
    with threads(workers):
        write_table(embed_twin(made.twin, recording), made.embeddings)
        tuning = tune_twin(made.twin)
    directions = [name for name in tuning if str(name).startswith("direction_")]
    write_table(tuning[[*UNIT_KEY, *directions]], made.twin / "directions.parquet")
    write_text(with_responses(made, made.twin / "directions.parquet"), made.source)


def with_responses(made: Demonstration, responses: Path) -> str:
    """The cortex's TOML for another folder, with these responses in place of those of narrow scans."""
    text = (made.cortex / "source.toml").read_text(encoding="utf-8")
    where = Path("..") / made.cortex.name
    for entry in tomllib.loads(text)["tables"]:
        file = responses.name if entry["role"] == "responses" else (where / entry["file"]).as_posix()
        text = text.replace(f'"{entry["file"]}"', f'"{file}"')
    return text


def ask_like_to_like(out: Path, seed: int, workers: int) -> Path:
    """Ask the pairs of the cortex of a run who connects, by what the twin says; returns the folder, inside that of the run.

    Args:
        out: The run folder.
        seed: Of resamples and nulls.
        workers: Threads.
    """
    made = Demonstration.of(out)
    asked = LikeToLikeConfig(
        pairs=made.cortex / "published" / "edge_data_v1.pkl",
        neurons=made.cortex / "published" / "node_data_v1.pkl",
        embeddings=made.embeddings,
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
