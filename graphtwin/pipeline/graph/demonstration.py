"""`--source synthetic`: a small cortex with a known rule, simulated beside the run folder and read back from disk like any other source.

A functional twin learns the movies of its animal. The twin's tuning and embeddings take the place of those that would be measured. Where
embeddings are brought no twin is trained: tuning is then what the narrow scans measured.
"""

from __future__ import annotations

import logging
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from graphtwin.artifacts import write_table, write_text
from graphtwin.execute import threads
from graphtwin.folders import amended, as_written, clear_finished, written
from graphtwin.kinds import LIKE_TO_LIKE, MEASURED, TWIN, is_finished, require_place
from graphtwin.pipeline.pairs import LikeToLikeConfig, run_like_to_like
from graphtwin.pipeline.simulated_cortex import write_simulation
from graphtwin.schema import UNIT_KEY
from graphtwin.sources.loaders import brought_embeddings as embedding_files
from graphtwin.synthetic import SimulateConfig
from graphtwin.synthetic.volume import VolumeConfig
from graphtwin.tuning import TOLD_BY_GRATINGS, speaking_units

NAME = "synthetic"  # the source's name on the command line
NEURONS, MINUTES = 1500, 8.0  # number of simulated neurons and minutes of movies: the size of a demonstration
BLOCK = VolumeConfig(size_um=(40, 40, 40), voxel_nm=(64, 64, 64))  # small, so that the demonstration takes minutes
TRAINING = ["fit.epochs=8", "steps=40"]  # settings of the twin's short training; more of it hardly changes what readouts say of tuning
SIMILARITIES = {  # similarities that are asked about, and the columns each needs
    "feature_similarity": (),
    "tuning_similarity": tuple(TOLD_BY_GRATINGS),
    "signal_correlation": ("in_silico_resp",),
    "rf_distance": ("rf_x", "rf_y"),
}
DIRECTIONS = "directions.parquet"  # name of the table of responses beside the source that has them
REPLICATES = 200  # replicates of nulls and bootstraps; the default of `graphtwin like-to-like`
log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class Demonstration:
    """The folders and files that a run of the simulated cortex reads and writes beside its folder.

    Attributes:
        cortex: Folder of the simulation.
        function: Folder of the tuning of its first animal's units: the twin's, or as measured.
        embeddings: Table of the embeddings of these units.
    """

    cortex: Path
    function: Path
    embeddings: Path

    @classmethod
    def of(cls, out: Path, brought: Path | None = None) -> Demonstration:
        """The folders of a run, and the embeddings: those that are brought, or those of the run's twin."""
        function = out.with_name(f"{out.name}_{'twin' if brought is None else 'measured'}")
        return cls(out.with_name(f"{out.name}_cortex"), function, brought or function / "embeddings.parquet")

    @property
    def source(self) -> Path:
        """Path of the TOML that names the tables of the cortex, with the tuning as responses."""
        return self.function / "source.toml"


def prepare_demonstration(out: Path, seed: int, workers: int, brought: Path | None = None) -> Demonstration:
    """Simulate the cortex of a run and fit its twin, or what is missing of both.

    Args:
        out: The run folder.
        seed: Seed of the run, the cortex and the twin.
        workers: Number of processes, then of threads.
        brought: Embeddings of units of the main scan (session 1), or of nuclei, in place of the twin's; no twin is then fitted.
    """
    if brought is not None:
        embedding_files.files(brought)  # raises where there are none, before minutes are spent on the cortex
    made = Demonstration.of(out, brought)
    require_place(made.function, TWIN if brought is None else MEASURED, resume=True)
    config = SimulateConfig(neurons=NEURONS, animals=1, minutes=MINUTES, seed=seed, block=BLOCK)
    write_simulation(config, made.cortex, workers, resume=True)
    if not (is_finished(made.function) and as_written(made.function, made.source.name)):
        fit_demonstration(made, seed, workers) if brought is None else take_measured(made)
    clear_finished(made.function)
    return made


def fit_demonstration(made: Demonstration, seed: int, workers: int) -> None:
    """Train the twin on the animal's movies and write what it says of the units; a training that was stopped goes on."""
    from graphtwin.twin.runs import embed_twin, fit_twin, tune_twin

    recording = next(made.cortex.glob("dynamic0-*"))
    twin = made.function
    if not is_finished(twin):
        fit_twin([recording], twin, TRAINING, seed=seed, resume=True, threads=workers)
    with threads(workers), amended(twin, made.embeddings.name, DIRECTIONS, made.source.name):
        write_table(embed_twin(twin, recording), made.embeddings)
        tuning = tune_twin(twin)
        directions = [name for name in tuning if str(name).startswith("direction_")]
        write_responses(tuning[[*UNIT_KEY, *directions]], made)


def take_measured(made: Demonstration) -> None:
    """Give each unit of the main scan, which saw no gratings of all directions, what a narrow scan measured of the same nucleus.

    Where several narrow scans did, the first speaks for the nucleus: nothing tells how reliable each is.
    """
    tables = made.cortex / "tables"
    narrow = pd.read_parquet(tables / "direction_responses.parquet")
    matched = pd.read_parquet(tables / "coregistration_manual_v3.parquet")[[*UNIT_KEY, "target_id"]]
    every = matched.merge(narrow, on=UNIT_KEY).rename(columns={"target_id": "nucleus_id"})
    measured = speaking_units(every, None, "units of narrow scans").drop(columns=UNIT_KEY).rename(columns={"nucleus_id": "target_id"})
    main = matched[~matched["session"].isin(narrow["session"])]
    known = main.merge(measured, on="target_id").drop(columns="target_id")
    log.warning(
        "%s: %d of %d matched units of the main scan have responses, measured in narrow scans.", made.function, len(known), len(main)
    )
    with written(made.function, MEASURED, resume=True) as begin:
        begin()
        write_responses(known, made)


def write_responses(responses: pd.DataFrame, made: Demonstration) -> None:
    """The responses of the main scan's units, and the source that has them."""
    path = write_table(responses, made.function / DIRECTIONS)
    write_text(with_responses(made, path), made.source)


def with_responses(made: Demonstration, responses: Path) -> str:
    """The cortex's TOML for another folder, with these responses in place of those of narrow scans."""
    text = (made.cortex / "source.toml").read_text(encoding="utf-8")
    where = Path("..") / made.cortex.name
    for entry in tomllib.loads(text)["tables"]:
        file = responses.name if entry["role"] == "responses" else (where / entry["file"]).as_posix()
        text = text.replace(f'"{entry["file"]}"', f'"{file}"')
    return text


def ask_like_to_like(out: Path, seed: int, workers: int, brought: Path | None = None) -> Path:
    """Ask the pairs of the cortex of a run who connects, by what the embeddings say; returns the folder, inside that of the run.

    Args:
        out: The run folder.
        seed: Seed of resamples and nulls.
        workers: Number of threads.
        brought: Embeddings in place of the twin's, as `prepare_demonstration` takes them.
    """
    made = Demonstration.of(out, brought)
    asked = LikeToLikeConfig(
        pairs=made.cortex / "published" / "edge_data_v1.pkl",
        neurons=made.cortex / "published" / "node_data_v1.pkl",
        embeddings=made.embeddings,
        similarity=similarities_of(made.embeddings),
        inclusion="none",
        nulls=REPLICATES,
        seed=seed,
        workers=workers,
    )
    folder = out / "like_to_like"
    if require_place(folder, LIKE_TO_LIKE, resume=True) and is_finished(folder):
        return folder  # of this run, which was stopped after it
    return run_like_to_like(asked, folder)


def similarities_of(embeddings: Path) -> tuple[str, ...]:
    """The similarities that an embeddings table has columns for; what is left out is logged."""
    columns = set(embedding_files.read_embeddings(embeddings))
    lacking = {name: [column for column in needed if column not in columns] for name, needed in SIMILARITIES.items()}
    for name, missing in lacking.items():
        if missing:
            log.warning("%s: no column %s, so that %s is not asked for.", embeddings, ", ".join(missing), name)
    return tuple(name for name, missing in lacking.items() if not missing)
