"""What a recording in the layout of a Sensorium release measured beside the responses: behaviour and eye position, or none of them.

A channel that is 0 (or NaN, and of eyes infinite) over the whole recording, as files are that were written for an animal whose eye was
not tracked, carries nothing: it is taken as not recorded, and said. A channel that stands at another value is kept, and checks find it.
Nothing that was not recorded is filled in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from graphtwin.sources.formats.array_files import ArrayFiles
from graphtwin.sources.formats.clip_arrays import as_floats, finite_run, rows_as_frames
from graphtwin.sources.formats.release_layout import ReleaseLayout

BEHAVIOUR, EYE = "data/behavior", "data/pupil_center"
OF_EYE = 2  # horizontal and vertical position
AXES = ("horizontal", "vertical")


@dataclass(frozen=True)
class SideChannels:
    """Which channels were recorded.

    Attributes:
        names: Names of the channels of behaviour that were.
        columns: Their columns in the files.
        stored: Number of columns of the files.
        eye: Whether eye position was.
        lacking: What was not recorded, in words.
        missing_axes: Names of the axes of eye position that are NaN or infinite throughout.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]
    stored: int
    eye: bool
    lacking: tuple[str, ...]
    missing_axes: tuple[str, ...] = ()

    def behaviour(self, files: ArrayFiles, number: int) -> Float[np.ndarray, "frames channels"] | None:
        """Behaviour of a trial with its padding; None where none was recorded."""
        if not self.names:
            return None
        stored = _frames(files, f"{BEHAVIOUR}/{number}.npy", self.stored)
        return stored if len(self.columns) == self.stored else stored[:, list(self.columns)]

    def eye_position(self, files: ArrayFiles, number: int, n_frames: int) -> Float[np.ndarray, "frames 2"]:
        """Eye position of a trial; NaN throughout where none was recorded."""
        if not self.eye:
            return np.full((n_frames, OF_EYE), np.nan, dtype=np.float32)
        name = f"{EYE}/{number}.npy"
        stored = _frames(files, name, OF_EYE)
        if len(stored) < n_frames:
            raise ValueError(
                f"{files.where(name)}: {len(stored)} frames, but {n_frames} were shown. Cut all files of the trial to one length."
            )
        return as_floats(stored[:n_frames])

    def lengths(self, files: ArrayFiles, number: int, n_units: int) -> tuple[int, ...]:
        """Frames of a trial as its other files have them: with padding, and without where behaviour tells."""
        behaviour, answers = self.behaviour(files, number), f"data/responses/{number}.npy"
        if behaviour is not None:
            return len(behaviour), finite_run(behaviour, files.where(f"{BEHAVIOUR}/{number}.npy"))
        return (len(_frames(files, answers, n_units)),) if answers in files else ()


def side_channels_in(files: ArrayFiles, layout: ReleaseLayout, numbers: list[int], declared: bool) -> SideChannels:
    """The channels that were recorded; an error where some trials have a file and others do not.

    Args:
        files: Files of the recording.
        layout: Its layout, with the names of all channels of behaviour.
        numbers: Numbers of the trials that have a picture.
        declared: Whether `config.json` names the channels.
    """
    stored, lacking = len(layout.behaviour), []
    measured = np.zeros(stored, dtype=bool)
    if stored and _there(files, BEHAVIOUR, numbers):
        measured = _measured(files, BEHAVIOUR, numbers, stored)
        flat = [name for name, there in zip(layout.behaviour, measured, strict=True) if not there]
        if flat:
            lacking.append(f"{'behaviour' if not measured.any() else ', '.join(flat)} ({BEHAVIOUR} is 0 throughout)")
    elif stored and declared:
        raise FileNotFoundError(
            f"{files.path}/{BEHAVIOUR}: not there, but config.json names its channels {list(layout.behaviour)}. Copy it, or write "
            '"behavior": [] where it was not recorded.'
        )
    else:
        lacking.append(f"behaviour (no {BEHAVIOUR})" if stored else "behaviour (config.json names none)")
    eye, missing_axes = _there(files, EYE, numbers), tuple[str, ...]()
    axes = _measured(files, EYE, numbers, OF_EYE) if eye else np.zeros(OF_EYE, dtype=bool)
    if eye and not axes.all():
        nowhere = ~np.isfinite(_frames(files, f"{EYE}/{numbers[0]}.npy", OF_EYE)).any(0)
        missing_axes = tuple(name for name, there, gone in zip(AXES, axes, nowhere, strict=True) if gone and not there)
    if eye and not axes.any():
        eye = False
        lacking.append(f"eye position ({EYE} is 0, NaN or infinite throughout)")
    elif not eye:
        lacking.append(f"eye position (no {EYE})")
    columns = tuple(np.flatnonzero(measured).tolist())
    return SideChannels(tuple(layout.behaviour[at] for at in columns), columns, stored, eye, tuple(lacking), missing_axes)


def _there(files: ArrayFiles, folder: str, numbers: list[int]) -> bool:
    """Whether the trials have a file in a folder; an error where some have."""
    missing = [number for number in numbers if f"{folder}/{number}.npy" not in files]
    if missing and len(missing) < len(numbers):
        nearest = next(number for number in numbers if number not in set(missing))
        raise FileNotFoundError(
            f"{files.path}/{folder}/{missing[0]}.npy: this file is missing (nearest '{folder}/{nearest}.npy'); {len(missing)} of "
            f"{len(numbers)} trials have none in {folder}. The recording is incomplete: copy or download it again, leave these trials out, "
            f"or take {folder} away where it was not recorded."
        )
    return not missing


def _measured(files: ArrayFiles, folder: str, numbers: list[int], n_rows: int) -> Bool[np.ndarray, " rows"]:
    """Whether each row has a value other than 0 and NaN in any trial; of a recording of one value nobody knows, and all rows count.

    An infinite position of the eye is a missing one; infinite behaviour is told where trials are read.
    """
    found, frames = np.zeros(n_rows, dtype=bool), 0
    for number in numbers:
        values = _frames(files, f"{folder}/{number}.npy", n_rows)
        known = np.isfinite(values) if folder == EYE else ~np.isnan(values)
        found |= (known & (values != 0)).any(0)
        frames += len(values)
        if found.all():
            break
    return found | (frames == 1)


def _frames(files: ArrayFiles, name: str, n_rows: int) -> np.ndarray:
    """(frames, rows) of a stored array of numbers."""
    return rows_as_frames(files.numbers(name), n_rows, files.where(name))
