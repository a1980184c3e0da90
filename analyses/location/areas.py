"""Simulated areas, recorded once and kept: their units, what they answered, and what is cut off them for a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_atomic, write_table
from graphtwin.execute import rng_for, threads
from graphtwin.schema import IMAGED_AT, UNIT_KEY
from graphtwin.sources.formats import Recording, Trial
from graphtwin.synthetic import AnimalConfig, make_animal
from graphtwin.synthetic.function import MovieConfig, TuningConfig, play, prepare_scan, programme

AREA = "V1"
RECORDED_HZ, FRAMES_A_BIN = 30, 2  # frames of the simulator, and how many of them make one here: half of the time of every fit
SHOWN = MovieConfig(oracle_clips=6, oracle_repeats=8, test_clips=0, novel_clips=0)
ARRAYS = ("video", "responses", "behaviour", "eye_position")


@dataclass(frozen=True)
class Area:
    """An area of one animal.

    Attributes:
        seed: Seed of its cells and of what they answer.
        place_share: Share of tuning that is a map.
        rate_hz: Median rate of events during movies: what a minute tells.
        neurons: Neurons of the animal, of which some 62 of 100 are units of the area.
        minutes: Minutes of movies to train on.
    """

    seed: int
    place_share: float
    neurons: int = 3250
    minutes: float = 24.0
    rate_hz: float = 2.5

    def recording(self, folder: Path) -> Recording:
        """What was recorded, simulated if it is not in the folder yet."""
        place = folder / f"area-{self.seed}-{100 * self.place_share:.0f}-{self.neurons}-{self.minutes:.0f}-{10 * self.rate_hz:.0f}"
        if not (place / "arrays.npz").exists():
            self._play(place)
        with np.load(place / "arrays.npz") as saved:
            arrays = {name: saved[name] for name in ARRAYS}
        units, trials = pd.read_csv(place / "units.csv"), pd.read_csv(place / "trials.csv")
        ends = np.cumsum(trials["n_frames"])

        def open_trial(row: int) -> Trial:
            part = slice(int(ends[row] - trials["n_frames"][row]), int(ends[row]))
            return Trial(*(arrays[name][part].astype(np.float32) for name in ARRAYS))

        return Recording(place.name, RECORDED_HZ / FRAMES_A_BIN, units, trials, ("pupil_size", "running"), open_trial)

    def _play(self, folder: Path) -> None:
        config = AnimalConfig(tuning=TuningConfig(place_share=self.place_share, rate_hz=self.rate_hz))
        animal = make_animal(config, self.neurons, self.seed, 0)
        units = animal.units[(animal.units["kind"] == "video") & (animal.units["brain_area"] == AREA)]
        trials = programme(SHOWN, self.minutes, self.seed, 0)
        scan = prepare_scan(units, animal.tuning, trials, self.seed, 0)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
        with threads(1):
            for trial in play(scan):
                behaviour = trial.behaviour
                parts["video"].append(trial.video[::FRAMES_A_BIN].astype(np.uint8))
                parts["responses"].append(_binned(trial.responses.T).astype(np.float16))
                parts["behaviour"].append(_binned(np.column_stack([behaviour.pupil_size, behaviour.running])))
                parts["eye_position"].append(_binned(behaviour.pupil_center))
        place = units[["x_um", "z_um", "depth_um"]].to_numpy()  # as files in the layout of Sensorium have it: depth comes last
        seen = scan.table[["rf_x", "rf_y"]].reset_index(drop=True)
        keys = units[UNIT_KEY].reset_index(drop=True)
        table = trials.assign(n_frames=trials["n_frames"] // FRAMES_A_BIN, stimulus=trials["clip"], has_responses=True)
        write_table(keys.assign(**dict(zip(IMAGED_AT, place.T, strict=True))).join(seen), folder / "units.csv")
        write_table(table, folder / "trials.csv")
        write_atomic(folder / "arrays.npz", lambda to: np.savez(to, **{name: np.concatenate(part) for name, part in parts.items()}))


def _binned(values: np.ndarray) -> np.ndarray:
    return values[: len(values) // FRAMES_A_BIN * FRAMES_A_BIN].reshape(-1, FRAMES_A_BIN, values.shape[1]).mean(1)


def with_units(recording: Recording, count: int, seed: int) -> Recording:
    """The recording with some of its units, drawn from everywhere in it: the same for the same seed."""
    chosen = np.sort(rng_for(seed, "units of a fit", count).permutation(len(recording.units))[:count])

    def open_trial(row: int) -> Trial:
        trial = recording.open_trial(row)
        return replace(trial, responses=trial.responses[:, chosen])

    return replace(recording, units=recording.units.iloc[chosen].reset_index(drop=True), open_trial=open_trial)


def elsewhere(recording: Recording, seed: int) -> Recording:
    """The recording with every unit at the cortical place of another: an area where place tells nothing of function."""
    units = recording.units.copy()
    units[IMAGED_AT] = units[IMAGED_AT].to_numpy()[rng_for(seed, "places dealt anew").permutation(len(units))]
    return replace(recording, units=units)
