"""Simulated animals, twins of them that differ in their seed, what each twin says of its units, and what is true of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import write_atomic
from graphtwin.insilico import GratingConfig, clip_responses, measure_tuning
from graphtwin.kinds import is_finished
from graphtwin.sources import open_recording
from graphtwin.sources.formats import Recording
from graphtwin.synthetic import SimulateConfig, steps
from graphtwin.synthetic.function import SimulatedTruth, simulated_truth
from graphtwin.tuning import unit_vectors
from graphtwin.twin.agreement import TOLD_BY_GRATINGS, Derived, binned_late, derive, moving_discs, shown_once, units_of
from graphtwin.twin.data import Clips
from graphtwin.twin.fitting import AnimalResponder, FittedTwin
from graphtwin.twin.runs import fit_twins, held_out_tiers, load_twin

SEEDS = 3
GRATINGS = GratingConfig(cycles_per_degree=(0.045,), cycles_per_second=(2.0,))  # a ninth of those of `insilico tune`, for time


@dataclass(frozen=True)
class Group:
    """Animals that share a twin a seed.

    Attributes:
        name: Name of the group, and of its folder.
        animals: Numbers of the animals.
        steps: Steps of the training, in epochs of 40.
        minutes: Minutes of training trials; None is all.
    """

    name: str
    animals: tuple[int, ...]
    steps: int
    minutes: float | None = None

    @property
    def training(self) -> list[str]:
        return [f"fit.epochs={self.steps // 40}", "steps=40"]


def recordings_of(config: SimulateConfig, folder: Path, group: Group) -> list[Recording]:
    """Recordings of a group's animals; those that are there are not made again."""
    found = []
    for animal in group.animals:
        if not list(folder.glob(f"dynamic{animal}-*")):
            steps.film_animal(config, folder, animal)
        (path,) = folder.glob(f"dynamic{animal}-*")
        found.append(open_recording(path))
    return found


def trained(config: SimulateConfig, data: Path, group: Group, out: Path) -> list[Path]:
    """Folders of a group's twins; a stopped training goes on."""
    recordings_of(config, data, group)
    paths = [path for animal in group.animals for path in data.glob(f"dynamic{animal}-*")]
    places = [out / f"seed-{seed}" for seed in range(SEEDS)]
    if not all(is_finished(place) for place in places):
        fit_twins(paths, out, SEEDS, group.training, group.minutes, resume=out.exists(), threads=1, device="cpu")
    return places


def derived(run: Path, recordings: list[Recording]) -> Derived:
    """What a twin says of its units; kept beside its folder, so that a stopped study goes on."""
    kept = run.with_name(f"{run.name}.npz")
    fitted = load_twin(run)
    if not kept.exists():
        found = derive(fitted, str(run), held_out=_held_out(fitted, recordings), gratings=GRATINGS)
        write_atomic(kept, lambda path: np.savez(path, **found.values))
    with np.load(kept) as values:
        monitors = {name: seen.monitor for name, seen in fitted.animals.items()}
        return Derived(str(run), {}, units_of(fitted), monitors, dict(values), {})


def _held_out(fitted: FittedTwin, recordings: list[Recording]) -> dict[str, Clips]:
    return {recording.name: fitted.clips(recording, held_out_tiers(recording, fitted)) for recording in recordings}


@dataclass(frozen=True)
class Truth:
    """What is true of a simulated animal's units, shown the grey levels that its twin is shown."""

    of: AnimalResponder
    recording: Recording
    config: SimulateConfig
    number: int

    @property
    def name(self) -> str:
        return self.recording.name

    @cached_property
    def planted(self) -> tuple[pd.DataFrame, Float[np.ndarray, "units features"]]:
        """Tuning and features of the cell of each unit."""
        animal = self.config.animal(self.number)
        cells = self.of.units.merge(animal.units, on=["session", "scan_idx", "unit_id"], how="left", validate="one_to_one")
        rows = np.searchsorted(animal.tissue.nucleus_id, cells["nucleus_id"])
        return animal.tuning.table.iloc[rows].reset_index(drop=True), np.asarray(animal.tuning.features[rows], dtype=np.float64)

    @cached_property
    def responder(self) -> SimulatedTruth:
        return replace(simulated_truth(self.name, self.of.units, self.planted[0]), grey=self.of.grey)


def truth_of(run: Path, recordings: list[Recording], config: SimulateConfig, group: Group) -> Derived:
    """What is true of the units of a twin, measured with the same stimuli on the simulated cells themselves."""
    kept = run.with_name("truth.npz")
    fitted = load_twin(run)
    truths = [
        Truth(AnimalResponder(fitted, recording.name), recording, config, number)
        for recording, number in zip(recordings, group.animals, strict=True)
    ]
    monitors = {truth.name: truth.of.monitor for truth in truths}
    if not kept.exists():
        values = _true_values(truths, _held_out(fitted, recordings))
        write_atomic(kept, lambda path: np.savez(path, **values))
    with np.load(kept) as values:
        return Derived("truth", {}, units_of(fitted), monitors, dict(values), {})


def _true_values(truths: list[Truth], held_out: dict[str, Clips]) -> dict[str, np.ndarray]:
    tuning = measure_tuning([truth.responder for truth in truths], GRATINGS)
    features = np.concatenate([truth.planted[1] for truth in truths])
    shown = [clip_responses(truth.responder, moving_discs(truth.of)) for truth in truths]
    predicted = [np.concatenate(list(_seen(truth, held_out[truth.name])), axis=1) for truth in truths]
    return {
        "embedding": features / np.linalg.norm(features, axis=1, keepdims=True),
        "rf_position": np.concatenate([truth.planted[0][["rf_x", "rf_y"]].to_numpy(np.float64) for truth in truths]),
        **{told: tuning[told].to_numpy(np.float64) for told in TOLD_BY_GRATINGS},
        "in_silico_correlation": unit_vectors(np.concatenate(shown)),
        "predicted_response": np.concatenate(predicted),
    }


def _seen(truth: Truth, clips: Clips) -> Iterator[Float[np.ndarray, "units bins"]]:
    """Rates in the bins in which twins' predictions of held-out clips are compared."""
    for row in shown_once(clips).rows:
        yield binned_late(truth.responder.respond(clips.recording.open_trial(int(row)).video), clips.frame_rate_hz)
