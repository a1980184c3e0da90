"""A fitted twin apart from the data it was fitted on: plain tensors, numbers and words that load without running anybody's code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.config import validate
from graphtwin.coordinates import Monitor
from graphtwin.execute import seed_for, torch_seeded
from graphtwin.parallel import Device, device_of
from graphtwin.schema import IMAGED_AT, UNIT_KEY
from graphtwin.sources.formats import Gaze, Recording
from graphtwin.told import told_as_table, told_by_fields
from graphtwin.twin.data import ADVICE, ClipConfig, Clips, Scales, View, held_out_clips, view_of, with_showings
from graphtwin.twin.fitting.foundation import Trained, monitor_of
from graphtwin.twin.model import AnimalStart, Twin
from graphtwin.twin.settings import FoundationConfig, as_told_today

FORMAT = "graphtwin functional twin 10"
SHOWN = 4  # animals that the short text of a twin names
PLACES = "readout.residual"  # end of the names of weights that say where units look


@told_by_fields
@dataclass(frozen=True)
class KnownAnimal:
    """What a twin knows of an animal it was fitted on.

    Attributes:
        units: session, scan_idx, unit_id in the order of the responses, and x_um, y_um, z_um, NaN where the recording does not say.
        scales: Scales of the training trials.
        behaviour: Names of the channels of behaviour.
        frame_rate_hz: Frames a second of the recording; NaN for pictures.
        size: Height and width of the video, pixels.
        monitor: Screen that the video filled.
        training: Stimuli that the twin was fitted on or stopped by.
        gaze: What the recording declares of the gaze; None where eye positions are those of an eye camera.
    """

    units: pd.DataFrame
    scales: Scales
    behaviour: tuple[str, ...]
    frame_rate_hz: float
    size: tuple[int, int]
    monitor: Monitor
    training: frozenset[str]
    gaze: Gaze | None = None

    def in_words(self) -> str:
        """Its units, what they were shown and what was recorded beside."""
        shown = "pictures" if np.isnan(self.frame_rate_hz) else f"videos at {self.frame_rate_hz:g} Hz"
        beside = ", ".join([*self.behaviour, *(["gaze"] if self.gaze else [])]) or "no behaviour"
        return f"{len(self.units)} units, {shown} of {self.size[0]} x {self.size[1]} pixels, {len(self.training)} stimuli, {beside}"

    def seen_rate_hz(self, config: ClipConfig) -> float:
        """Frames a second that the twin sees of this animal's videos; NaN for pictures."""
        return self.frame_rate_hz if np.isnan(self.frame_rate_hz) else config.frame_rate_hz or self.frame_rate_hz


@told_as_table
@dataclass(frozen=True)
class FittedTwin:
    """A twin that predicts, with what it knows of its animals.

    What is asked of the folder of a twin (`graphtwin.twin.score`, `tune` ...) takes the twin that was fitted or loaded in its place.

    Attributes:
        twin: The network.
        config: Settings of the training.
        animals: What is known of every animal, by its name.
        folder: Folder in which the twin lies; None where it is in no folder.

    Examples:
        >>> twin.predict(np.full((20, 16, 24), 128.0)).shape  # frames x units
        (20, 5)
        >>> graphtwin.twin.load(twin.save("twin.pt"))
        FittedTwin: recurrent core of 8 features, 1 animals
          recording: 5 units, videos at 30 Hz of 16 x 24 pixels, 5 stimuli, pupil_size, running
    """

    twin: Twin
    config: FoundationConfig
    animals: dict[str, KnownAnimal]
    folder: Path | None = None

    def __repr__(self) -> str:
        """The core in a line, and one line an animal."""
        core = self.config.twin.core
        first = f"FittedTwin: {core.kind.replace('_', ' ')} core of {core.features} features, {len(self.animals)} animals"
        animals = [f"  {name}: {animal.in_words()}" for name, animal in list(self.animals.items())[:SHOWN]]
        more = [f"  and {len(self.animals) - SHOWN} animals more"] if len(self.animals) > SHOWN else []
        return "\n".join([first, *animals, *more, *([f"  folder: {self.folder}"] if self.folder else [])])

    def __fspath__(self) -> str:
        """Path of its folder, so that it can stand where the folder of a twin is asked for."""
        if self.folder is None:
            raise ValueError(
                "this twin lies in no folder, and what is asked needs one (recordings, provenance). Give the folder of its fit."
            )
        return str(self.folder)

    def predict(
        self, video: Float[np.ndarray, "frames height width"], animal: str | None = None, device: Device = "auto", progress: bool = False
    ) -> Float[np.ndarray, "frames units"]:
        """Expected responses, in the units of the recording, of an animal at rest that looks straight ahead.

        Args:
            video: Grey levels as in the recordings; any number of frames.
            animal: Name of the animal; None takes the first of the twin.
            device: Device on which torch computes.
            progress: Show a progress bar.
        """
        from graphtwin.twin.fitting.animal_responder import AnimalResponder

        name = animal or next(iter(self.animals))
        self.twin.animal(name)
        require_video(video, self.animals[name].size, "stimulus")
        self.twin.to(device_of(device))
        return AnimalResponder(self, name).respond(video, progress)

    def save(self, path: str | Path) -> Path:
        """Write the twin to one file, which `graphtwin.twin.load` reads; scores need the folder of its fit.

        Args:
            path: Path of the file to make.
        """
        return write_twin(self, Path(path))

    def clips(self, recording: Recording, tiers: tuple[str, ...]) -> Clips:
        """Trials of an animal of this twin, on its scales; an error where units or pictures differ or a stimulus was trained on."""
        return held_out_clips(self.training(recording), tiers)

    def training(self, recording: Recording) -> Clips:
        """The trials that the twin was fitted on or stopped by, and no others; an error where units or the form of pictures differ."""
        if recording.name not in self.animals:
            raise ValueError(f"{recording.name}: not an animal of this twin ({', '.join(self.animals)}). Transfer the twin to it first.")
        seen = self.animals[recording.name]
        if not recording.units[UNIT_KEY].reset_index(drop=True).equals(seen.units[UNIT_KEY]):
            raise ValueError(
                f"{recording.name}: {len(recording.units)} units, not the {len(seen.units)} in the same order that the twin was fitted on. "
                "Give the recording it was trained on, or transfer the twin to this one."
            )
        _refuse_what_differs(recording, seen, monitor_is_stated=self.config.monitor is not None)
        recording = with_showings(recording)
        shown = recording.trials["stimulus"].astype(str)
        trained = np.flatnonzero(shown.isin(seen.training) & recording.trials["has_responses"].astype(bool)).astype(np.int64)
        if not len(trained):
            raise ValueError(
                f"{recording.name}: shows none of the {len(seen.training)} stimuli that the twin was trained on: nothing tells held-out "
                "trials from them. Give the recording it was trained on, with its training trials, or train again."
            )
        return Clips(recording, trained, seen.scales, self.config.clips)


def _refuse_what_differs(recording: Recording, seen: KnownAnimal, monitor_is_stated: bool) -> None:
    """Raise where a recording has other pictures, another screen or other behaviour than the twin knows of its animal."""
    view, known = view_of(recording), View(seen.size, seen.frame_rate_hz)
    if not view.same(known):
        raise ValueError(f"{recording.name}: {view}, but the twin was trained on {known}. {ADVICE}")
    if not monitor_is_stated and recording.monitor != seen.monitor:
        raise ValueError(
            f"{recording.name}: names a monitor of {recording.monitor}, but the twin was trained on one of {seen.monitor}. Give the "
            "recording it was trained on, or transfer the twin to this one."
        )
    if recording.gaze != seen.gaze:
        raise ValueError(
            f"{recording.name}: declares of its gaze {_in_words(recording.gaze)}, but the twin was trained on {_in_words(seen.gaze)}. Give "
            "the recording as it was then (`gaze` in its config.json, or none), or train again."
        )
    if recording.behaviour != seen.behaviour:
        told = ", ".join(recording.behaviour), ", ".join(seen.behaviour)
        raise ValueError(
            f"{recording.name}: its behaviour is {told[0]}, but the twin was trained on {told[1]}. Name the same, in that order."
        )


def require_video(video: np.ndarray, size: tuple[int, int], origin: str) -> None:
    """Raise unless the video has frames of this size with finite grey levels.

    Args:
        video: Grey levels, frames x height x width.
        size: Height and width that the twin sees, pixels.
        origin: Where the video is from, for errors.
    """
    if video.ndim != 3 or video.shape[1:] != size:
        raise ValueError(f"{origin}: shape {video.shape}, but the twin sees (frames, {size[0]}, {size[1]}). Rescale it first.")
    bad = int((~np.isfinite(video)).any((1, 2)).sum())
    if bad:
        raise ValueError(f"{origin}: {bad} of {len(video)} frames have NaN or infinite grey levels. Cut them off.")


def _in_words(gaze: Gaze | None) -> str:
    return (
        "no direction (eye positions in pixels)"
        if gaze is None
        else f"degrees with an error of {gaze.error_deg:g} and a delay of {gaze.delay_s:g} s"
    )


def fitted_of(trained: Trained) -> FittedTwin:
    """Fitted twin of a training, without its data."""
    animals = {}
    for name, (training, validation) in trained.clips.items():
        first = training.read(int(training.rows[0]), 0, 1)
        size = (first.video.shape[2], first.video.shape[3])
        units = training.recording.units[[*UNIT_KEY, *IMAGED_AT]].reset_index(drop=True)
        recording = training.recording
        used = frozenset(training.repeats()) | frozenset(validation.repeats())
        rate, monitor = float(recording.frame_rate_hz), monitor_of(recording, trained.config)
        animals[name] = KnownAnimal(units, training.scales, recording.behaviour, rate, size, monitor, used, recording.gaze)
    return FittedTwin(trained.twin, trained.config, animals)


def write_twin(fitted: FittedTwin, path: Path) -> Path:
    """Write a twin to one file, whole or not at all."""
    content = {
        "format": FORMAT,
        "config": fitted.config.model_dump(mode="json"),
        "animals": {name: plain_animal(seen) for name, seen in fitted.animals.items()},
        "weights": fitted.twin.state_dict(),
    }
    return write_tensors(content, path)


def read_twin(path: Path) -> FittedTwin:
    """A twin from its file, in eval mode; an error in words where the file is something else or damaged."""
    try:
        content = read_tensors(path, "It is no twin, or damaged: train again.")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file. Give the folder of a finished `graphtwin twin train`.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path}: not a functional twin of this version ({FORMAT!r}). Train again, or use the version that wrote it.")
    config = validate(FoundationConfig, as_told_today(content["config"], str(path)), str(path))
    animals = {name: _seen(values) for name, values in content["animals"].items()}
    weights = content["weights"]
    twin = Twin(config.twin, {name: _start(seen, config) for name, seen in animals.items()})
    try:
        twin.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{path}: weights of another architecture than its settings say ({error}). Files of two runs were mixed."
        ) from error
    return FittedTwin(twin.eval(), config, animals)


def untrained(fitted: FittedTwin, seed: int) -> FittedTwin:
    """A twin of the same animals and settings whose units look where those of the fitted one do, and whose other weights are first draws.

    Args:
        fitted: Twin.
        seed: Root of the random draws.
    """
    weights = fitted.twin.state_dict()
    starts = {name: _start(seen, fitted.config) for name, seen in fitted.animals.items()}
    with torch_seeded(int(seed_for(seed, "weights of an untrained twin").generate_state(1, np.uint32)[0])):
        twin = Twin(fitted.config.twin, starts)
    kept = {name: value for name, value in weights.items() if name.endswith(PLACES)}
    twin.load_state_dict(twin.state_dict() | kept)
    return FittedTwin(twin.eval(), fitted.config, fitted.animals)


def _start(seen: KnownAnimal, config: FoundationConfig) -> AnimalStart:
    """Start of an animal with arrays of the right shape, to be filled with the weights."""
    units = len(seen.units)
    return AnimalStart(
        np.zeros((units, 2)),
        np.ones(units),
        len(seen.behaviour),
        frame_rate_hz=seen.seen_rate_hz(config.clips),
        monitor=seen.monitor,
        eye=seen.scales.eye_recorded,
        gaze=seen.gaze,
    )


def plain_animal(seen: KnownAnimal) -> dict[str, Any]:
    """What a twin knows of an animal in tensors, numbers and words, as its file holds it."""
    scales = seen.scales
    return {
        "units": {name: torch.from_numpy(seen.units[name].to_numpy(np.int64)) for name in UNIT_KEY},
        "imaged_at": torch.from_numpy(seen.units.reindex(columns=IMAGED_AT).to_numpy(np.float64)),
        "video": list(scales.video),
        "responses": torch.from_numpy(scales.responses),
        "origin": torch.from_numpy(scales.origin),
        "behaviour": torch.from_numpy(scales.behaviour),
        "eye_position": torch.from_numpy(scales.eye_position),
        "missing": list(scales.missing),
        "negative": list(scales.negative),
        "channels": list(seen.behaviour),
        "frame_rate_hz": seen.frame_rate_hz,
        "size": list(seen.size),
        "monitor": seen.monitor.model_dump(),
        "training": sorted(seen.training),
    } | ({} if seen.gaze is None else {"gaze": [seen.gaze.error_deg, seen.gaze.delay_s]})


def _seen(values: dict[str, Any]) -> KnownAnimal:
    scales = Scales(
        (values["video"][0], values["video"][1]),
        values["responses"].numpy(),
        values["origin"].numpy(),
        values["behaviour"].numpy(),
        values["eye_position"].numpy(),
        (values["missing"][0], values["missing"][1]),
        (values["negative"][0], values["negative"][1], values["negative"][2]),
    )
    units = pd.DataFrame({name: values["units"][name].numpy() for name in UNIT_KEY})
    units[IMAGED_AT] = values["imaged_at"].numpy()
    size = (values["size"][0], values["size"][1])
    monitor, training = Monitor.model_validate(values["monitor"]), frozenset(values["training"])
    gaze = Gaze(*values["gaze"]) if "gaze" in values else None
    return KnownAnimal(units, scales, tuple(values["channels"]), values["frame_rate_hz"], size, monitor, training, gaze)
