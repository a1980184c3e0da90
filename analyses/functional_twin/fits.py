"""Fits within a budget of core-seconds, and what scores are made of; each is saved, so that a stopped study goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from graphtwin.artifacts import write_atomic, write_json, write_table
from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for
from graphtwin.sources import load, open_recording
from graphtwin.sources.formats import Recording
from graphtwin.synthetic import SimulateConfig, steps
from graphtwin.synthetic.files import write_dynamic
from graphtwin.synthetic.function import prepare_scan, programme
from graphtwin.twin.data import clips_of
from graphtwin.twin.fitting import FittedTwin, FoundationConfig, Objective, fitted_of, optimisers, read_twin, train_foundation, write_twin
from graphtwin.twin.model import AnimalStart, Twin
from graphtwin.twin.runs import held_out_tiers
from graphtwin.twin.scores import StimulusSums, stimuli_of, sums_of

WARM, TIMED = 2, 4  # steps of a fit that are not timed, and steps that are
SECOND = "second"  # folder of the second scan
KEYS = ["session", "scan_idx", "unit_id"]


def simulated(config: SimulateConfig, folder: Path) -> Path:
    """Recordings of some animals and EM tables of the first; those that are there are not made again."""
    for animal in range(config.animals):
        if not list(folder.glob(f"dynamic{animal}-*")):
            steps.film_animal(config, folder, animal)
    if not (folder / "source.toml").exists():
        steps.wire(config, folder, workers=1)
        steps.table_volume(config, folder)
    if not (folder / SECOND).exists():
        film_again(config, folder / SECOND)
    return folder


def film_again(config: SimulateConfig, folder: Path) -> None:
    """A second scan of the first animal: other clips to train on, other behaviour, gaze and noise, the same neurons and numbers."""
    animal = config.animal(0)
    units = animal.units[animal.units["kind"] == "video"]
    trials = programme(config.films, config.minutes, config.seed, config.animals)  # the clips of an animal that the study does not have
    write_dynamic(prepare_scan(units.assign(session=units["session"] + 1), animal.tuning, trials, config.seed, 0), folder)


def recordings_of(folder: Path) -> list[Recording]:
    """The `dynamic*` recordings of a simulation, in the order of their animals."""
    return [open_recording(path) for path in sorted(folder.glob("dynamic*-*"))]


def cell_types_of(folder: Path, units: pd.DataFrame) -> np.ndarray:
    """The EM annotation of each unit's cell, in the order given, through the coregistration; "" where a unit was not matched."""
    tables = load(folder / "source.toml")
    (matched,), (typed,) = tables.of("coregistration"), tables.of("cell_types_fine")
    known = matched.frame[[*KEYS, "nucleus_id"]].merge(typed.frame[["nucleus_id", "cell_type"]], on="nucleus_id")
    return units[KEYS].merge(known, on=KEYS, how="left", validate="one_to_one")["cell_type"].fillna("").to_numpy(str)


def part_of(recording: Recording, part: int, parts: int = 2) -> Recording:
    """The recording with every so many training trials left, as if the others had not been shown."""
    trials = recording.trials
    number = (trials["tier"] == "train").cumsum()
    left_out = (trials["tier"] == "train") & (number % parts != part)
    return replace(recording, trials=trials.assign(tier=trials["tier"].where(~left_out, "none")))


@dataclass(frozen=True)
class Fit:
    """A fitted twin and what it cost.

    Attributes:
        core_seconds: Core-seconds of the processor, reverse correlation and validation included.
        steps: Number of steps that were taken before the fit stopped.
        frames_per_core_second: Frames of training steps alone in a core-second.
        core_parameters: Number of parameters of the core.
    """

    name: str
    fitted: FittedTwin
    core_seconds: float
    steps: int
    frames_per_core_second: float
    core_parameters: int


@dataclass(frozen=True)
class Study:
    """Where fits go, and how all of them are made.

    Attributes:
        folder: Folder of the study.
        config: Configuration of every fit, but for what a comparison varies.
        seconds: Core-seconds of a training alone.
    """

    folder: Path
    config: FoundationConfig
    seconds: float

    @cached_property
    def paces(self) -> dict[str, float]:
        """Core-seconds a step by kind of fit, as measured when a fit of that kind was first made."""
        path = self.folder / "fits" / "paces.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def fit(
        self,
        name: str,
        recordings: Sequence[Recording],
        share: float = 1.0,
        minutes: float | None = None,
        onto: FittedTwin | None = None,
        seed: int = 0,
        settings: dict[str, Any] | None = None,
        **twin: Any,
    ) -> Fit:
        """Train, or read what an earlier run trained.

        Args:
            name: Name of the fit's files.
            recordings: Recordings of the animals.
            share: Core-seconds of the fit, in those of a training alone.
            minutes: Minutes of training trials; None takes all.
            onto: The twin whose core is kept.
            seed: Seed of all draws.
            settings: Settings of training that differ from the study's.
            twin: Settings of the model that differ from the study's.
        """
        path = self.folder / "fits" / f"{name}.pt"
        if not path.exists():
            config = self.config.model_copy(update={"twin": self.config.twin.model_copy(update=twin)} | (settings or {}))
            pace = self._pace(config, recordings[0], onto)
            count = max(1, round(share * self.seconds / pace / config.fit.epochs))
            config = config.model_copy(update={"steps": count})
            begun = time.process_time()
            trained = train_foundation(recordings, config, seed, path.with_suffix(".fit"), True, minutes, onto.twin if onto else None)
            spent = time.process_time() - begun
            told = {
                "core_seconds": spent,
                "steps": trained.state.epoch * count,
                "frames_per_core_second": config.windows * frames_of(config.window_s, recordings[0].frame_rate_hz) / pace,
                "core_parameters": sum(parameter.numel() for parameter in trained.twin.core.parameters()),
            }
            write_json(told, path.with_suffix(".json"))
            write_table(pd.DataFrame(trained.state.history), path.with_suffix(".csv"))
            write_twin(fitted_of(trained), path)
            path.with_suffix(".fit").unlink()
        return Fit(name, read_twin(path), **json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))

    def _pace(self, config: FoundationConfig, recording: Recording, onto: FittedTwin | None) -> float:
        """Core-seconds a step of such a fit, from a few steps."""
        core = f"{config.twin.core.kind} of {config.twin.core.features} features"
        kind = f"{core}, {config.twin.family}, {'kept' if onto else 'trained'}, {len(recording.units)} units"
        if kind not in self.paces:
            self.paces[kind] = seconds_a_step(config, recording, onto)
            write_json(self.paces, self.folder / "fits" / "paces.json")
        return self.paces[kind]

    def sums(self, fit: Fit, recording: Recording, everything: bool = False) -> tuple[StimulusSums, pd.DataFrame]:
        """What scores of held-out clips are made of, and the clips, a row each.

        Args:
            fit: Fit whose twin has the animal.
            recording: Recording of the animal.
            everything: Whether to take all kinds of stimuli; otherwise movies and gratings.
        """
        whole, path = (self.folder / "sums" / f"{fit.name}{end}.npz" for end in ("_all", ""))
        if everything or not whole.exists():
            return self._sums(whole if everything else path, fit, recording, everything)
        sums, stimuli = self._sums(whole, fit, recording, True)
        few = _few(stimuli).to_numpy(bool)
        return sums.of(few), stimuli[few].reset_index(drop=True)

    def _sums(self, path: Path, fit: Fit, recording: Recording, everything: bool) -> tuple[StimulusSums, pd.DataFrame]:
        """The sums and clips of a file, which is made if it is not there."""
        if not path.exists():
            trials = recording.trials
            shown = (trials["tier"] == "train") | _few(trials) | everything
            chosen = replace(recording, trials=trials.assign(tier=trials["tier"].where(shown, "none")))
            test = fit.fitted.clips(chosen, held_out_tiers(chosen, fit.fitted))
            training, _ = clips_of(recording, fit.fitted.config.clips)
            sums = sums_of(fit.fitted.twin, test, train=replace(training, scales=test.scales))
            write_table(stimuli_of(test), path.with_suffix(".csv"))
            write_atomic(path, lambda temporary: np.savez(temporary, **vars(sums)))
        with np.load(path) as saved:
            return StimulusSums(**{field.name: saved[field.name] for field in fields(StimulusSums)}), pd.read_csv(path.with_suffix(".csv"))


def _few(trials: pd.DataFrame) -> pd.Series:
    """Movies and gratings, which most comparisons look at."""
    return (trials["tier"] == "oracle") | (trials["kind"] == "drifting_gratings")


def seconds_a_step(config: FoundationConfig, recording: Recording, onto: FittedTwin | None = None) -> float:
    """Median core-seconds of a few steps of a twin whose readouts lie anywhere."""
    clips, _ = clips_of(recording, config.clips)
    rng = rng_for(0, "pace")
    units = len(recording.units)
    start = AnimalStart(rng.uniform(-0.8, 0.8, (units, 2)), np.ones(units), len(recording.behaviour), monitor=recording.monitor)
    twin = Twin(config.twin, {recording.name: start})
    if onto:
        twin.keep_core(onto.twin)
    taken = []
    for _ in range(WARM + TIMED):
        begun = time.process_time()
        step(twin, recording.name, optimisers(twin, config), clips.draw(rng, config.windows, config.window_s, config.left_out_s))
        taken.append(time.process_time() - begun)
    return float(np.median(taken[WARM:]))


def step(twin: Twin, name: str, optimisers_: list[torch.optim.Optimizer], window: Any) -> None:
    """One step as a fit takes it."""
    twin.zero_grad(set_to_none=True)
    Objective(twin)(name, window).backward()
    for optimiser in optimisers_:
        optimiser.step()
