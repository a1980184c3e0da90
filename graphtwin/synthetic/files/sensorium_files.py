"""Recordings of simulated animals as Sensorium lays them out: `dynamic*` folders of 2023 (video) and `static*` of 2022 (images)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import whole_folder, write_json
from graphtwin.execute import threads
from graphtwin.synthetic.function import SCREEN, WITHHELD, ImageScan, Played, Scan, play, play_images


@dataclass(frozen=True)
class ShownClip:
    """One clip of a recording, as its files have it.

    Attributes:
        row: Row of the clip among the trials.
        video: Grey levels that were shown.
        responses: Response of every unit in every frame.
        expected: Its mean, without noise.
        pupil_size, running: Behaviour in every frame.
        pupil_center: Horizontal and vertical place of the pupil, or gaze in degrees where the settings say so; NaN where it was not seen.
    """

    row: int
    video: Float[np.ndarray, "frames height width"]
    responses: Float[np.ndarray, "units frames"]
    expected: Float[np.ndarray, "units frames"]
    pupil_size: Float[np.ndarray, " frames"]
    running: Float[np.ndarray, " frames"]
    pupil_center: Float[np.ndarray, "frames 2"]


STATISTICS = ("mean", "std", "min", "max", "median")  # statistics that the release stores of each kind of data
ROWS_TOGETHER = 128  # rows (units, channels) of all training trials in memory at a time, while their statistics are made


def write_dynamic(scan: Scan, folder: Path, truth: Path | None = None, played: Iterable[Played] | None = None) -> list[Path]:
    """Play a scan into a folder of the 2023 layout.

    Arrays are padded with NaN to the longest clip. Responses of withheld tiers are zeros; statistics are of the training tier, those of
    responses, behaviour and eye position frame by frame, as released.

    Args:
        scan: The scan, as `session.prepare_scan` makes it.
        folder: Folder in which `dynamic{animal}-{session}-{scan}-Video-{hash}` is made; it must not hold one yet.
        truth: Folder that `{name}/expected/{trial}.npy` of all tiers but `train` go into, and `responses/` of withheld ones; or None.
        played: Trials of the scan in order, where something else looks at them on the way; by default the scan is played here.

    Returns:
        Path of every file written, sorted.
    """
    from graphtwin.progress import tqdm

    name = f"dynamic{scan.name}-Video-{_hash(scan.name, scan.seed, scan.units, scan.table, scan.trials)}"
    passing = tqdm(played or play(scan), total=len(scan.trials), desc=name, unit="trial", delay=2, leave=False)
    clips = (_shown(trial) for trial in passing)
    return write_clips(name, scan.units, scan.trials, clips, folder, truth, {"monitor": SCREEN.model_dump()})


def write_clips(
    name: str,
    units: pd.DataFrame,
    trials: pd.DataFrame,
    clips: Iterable[ShownClip],
    folder: Path,
    truth: Path | None,
    settings: dict[str, Any],
) -> list[Path]:
    """Write clips into a folder of the 2023 layout; see `write_dynamic`.

    Args:
        name: Name of the folder, which must not exist yet.
        units: What the release says of each unit: unit_id, x_um, z_um, depth_um, and what else it has.
        trials: One row a trial: trial, tier, kind, n_frames.
        clips: The trials in their order.
        folder: Folder in which the folder is made.
        truth: Folder that what is expected of all tiers but `train` goes into; or None.
        settings: Entries of config.json beside name, frame rate and behaviour.

    Returns:
        Path of every file written, sorted.
    """
    n_frames = int(trials["n_frames"].max())
    with threads(1), ExitStack() as stack:  # sums of several threads differ in their last digit
        partial = stack.enter_context(whole_folder(folder / name))
        told = stack.enter_context(whole_folder(truth / name)) if truth is not None else None
        for clip in clips:
            tier = trials["tier"].iloc[clip.row]
            arrays = {
                "videos": clip.video.transpose(1, 2, 0),
                "responses": np.zeros_like(clip.responses) if tier in WITHHELD else clip.responses,
                "behavior": np.stack([clip.pupil_size, clip.running]),
                "pupil_center": clip.pupil_center.T,
            }
            for kind, array in arrays.items():
                _save(_padded(array, n_frames), partial / "data" / kind / f"{clip.row}.npy")
            if told is not None and tier != "train":
                _save(clip.expected, told / "expected" / f"{clip.row}.npy")
                if tier in WITHHELD:
                    _save(clip.responses, told / "responses" / f"{clip.row}.npy")
        _write_units(units, partial)
        for file, column in {"tiers": "tier", "trial_idx": "trial", "stimulus_type": "kind"}.items():
            _save(_plain(trials[column]), partial / "meta" / "trials" / f"{file}.npy")
        _write_statistics(partial, np.flatnonzero(trials["tier"] == "train"))
        every = {"data_set": name, "frame_rate_hz": 30, "behavior": ["pupil_size", "running"], "n_frames": n_frames}
        write_json(every | settings, partial / "config.json")
    return _files_of(folder / name, truth / name if truth is not None else None)


def _shown(trial: Played) -> ShownClip:
    behaviour = trial.behaviour
    traces = behaviour.pupil_size, behaviour.running, behaviour.pupil_center
    return ShownClip(trial.row, trial.video, trial.responses, trial.expected, *traces)


def write_static(scan: ImageScan, folder: Path, truth: Path | None = None) -> list[Path]:
    """Play a scan of single pictures into a folder of the 2022 layout.

    Args:
        scan: The scan, as `images.prepare_images` makes it.
        folder: Folder in which `static{animal}-{session}-{scan}-GrayImageNet-{hash}` is made; it must not hold one yet.
        truth: Folder that expected responses and responses of all tiers go into, `{name}/expected.npy` and `responses.npy`; or None.

    Returns:
        Path of every file written, sorted.
    """
    name = f"static{scan.name}-GrayImageNet-{_hash(scan.name, scan.seed, scan.units, scan.table, scan.trials)}"
    responses, expected = np.empty((2, len(scan.trials), len(scan.table)), dtype=np.float32)
    with threads(1), ExitStack() as stack:  # sums of several threads differ in their last digit
        partial = stack.enter_context(whole_folder(folder / name))
        for row, seen in enumerate(play_images(scan)):
            responses[row], expected[row] = seen.responses, seen.expected
            arrays = {"images": seen.picture[None], "behavior": seen.behaviour, "pupil_center": seen.pupil_center}
            arrays["responses"] = np.zeros_like(seen.responses) if scan.trials["tier"].iloc[row] in WITHHELD else seen.responses
            for kind, array in arrays.items():
                _save(array.astype(np.float32), partial / "data" / kind / f"{row}.npy")
        _write_units(scan.units, partial)
        for file, column in {"tiers": "tier", "trial_idx": "trial", "frame_image_id": "image"}.items():
            _save(_plain(scan.trials[column]), partial / "meta" / "trials" / f"{file}.npy")
        _write_image_statistics(partial, np.flatnonzero(scan.trials["tier"] == "train"))
        settings = {"data_set": name, "behavior": ["pupil_size", "pupil_size_change", "running"]}
        write_json(settings | {"monitor": SCREEN.model_dump()}, partial / "config.json")
        if truth is not None:
            told = stack.enter_context(whole_folder(truth / name))
            _save(expected, told / "expected.npy")
            _save(responses, told / "responses.npy")
    return _files_of(folder / name, truth / name if truth is not None else None)


def _files_of(*folders: Path | None) -> list[Path]:
    return sorted(file for folder in folders if folder is not None for file in folder.rglob("*") if file.is_file())


def _hash(name: str, seed: int, *frames: pd.DataFrame) -> str:
    """16 hexadecimal digits that are the same for the same units, trials and seed."""
    told = hashlib.sha256(repr((name, seed)).encode())
    for frame in frames:
        told.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return told.hexdigest()[:16]


def _save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def _plain(column: pd.Series) -> np.ndarray:
    """A column without Python objects: text as fixed-width characters, so that no pickle is in the file."""
    return column.to_numpy() if column.dtype != object else column.to_numpy().astype(str)


def _padded(array: np.ndarray, n_frames: int) -> np.ndarray:
    """The array as float32 in C order, its last axis padded with NaN."""
    out = np.full((*array.shape[:-1], n_frames), np.nan, dtype=np.float32)
    out[..., : array.shape[-1]] = array
    return out


def _write_units(units: pd.DataFrame, folder: Path) -> None:
    """Write what the releases say of each unit."""
    columns = {
        "unit_ids": "unit_id",
        "sessions": "session",
        "scan_idx": "scan_idx",
        "fields": "field",
        "area": "brain_area",
        "layer": "layer",
    }
    for file, column in columns.items():
        if column in units:
            _save(_plain(units[column]), folder / "meta" / "neurons" / f"{file}.npy")
    place = units[["x_um", "z_um", "depth_um"]].to_numpy(np.float64)
    _save(place, folder / "meta" / "neurons" / "cell_motor_coordinates.npy")


def _write_statistics(folder: Path, rows: np.ndarray) -> None:
    """Write moments of the training trials: one number of videos, [channels, frames] of all else."""
    for kind in ("responses", "behavior", "pupil_center"):
        files = [np.load(folder / "data" / kind / f"{row}.npy", mmap_mode="r") for row in rows]
        moments = {name: np.empty(files[0].shape, dtype=np.float32) for name in STATISTICS}
        for start in range(0, len(files[0]), ROWS_TOGETHER):
            part = np.stack([file[start : start + ROWS_TOGETHER] for file in files])
            _fill(moments, part, start)
        for name, moment in moments.items():
            _save(moment, folder / "meta" / "statistics" / kind / "all" / f"{name}.npy")
    for name, moment in _levels(folder, rows).items():
        _save(moment, folder / "meta" / "statistics" / "videos" / "all" / f"{name}.npy")


def _fill(moments: dict[str, np.ndarray], part: np.ndarray, start: int) -> None:
    """Fill in moments over trials of some rows; frames that are padding in every trial stay NaN."""
    shown = np.isfinite(part).any(axis=(0, 1))
    complete = np.isfinite(part).all()
    for name in STATISTICS:
        of = getattr(np, name if complete else f"nan{name}")
        rows = moments[name][start : start + part.shape[1]]
        rows[:] = np.nan
        rows[..., shown] = of(part[..., shown], axis=0)


def _write_image_statistics(folder: Path, rows: np.ndarray) -> None:
    """Moments of the training trials: one number of images, one a unit or channel of all else; under both names that the releases use."""
    for kind in ("images", "responses", "behavior", "pupil_center"):
        part = np.stack([np.load(folder / "data" / kind / f"{row}.npy") for row in rows]).astype(np.float64)
        for name in STATISTICS:
            moment = getattr(np, name)(part, axis=None if kind == "images" else 0)
            for where in ("all", "stimulus_Frame"):
                _save(np.asarray(moment, dtype=np.float32), folder / "meta" / "statistics" / kind / where / f"{name}.npy")


def _levels(folder: Path, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Moments of all pixels, from how often each of the 256 grey levels occurs."""
    counts = np.zeros(256, dtype=np.int64)
    for row in rows:
        video = np.load(folder / "data" / "videos" / f"{row}.npy")
        counts += np.bincount(video[np.isfinite(video)].astype(np.uint8), minlength=256)
    levels, share = np.arange(256), counts / counts.sum()
    mean = float(levels @ share)
    shown = np.flatnonzero(counts)
    found = {"mean": mean, "std": np.sqrt((levels - mean) ** 2 @ share), "min": shown[0], "max": shown[-1]}
    found["median"] = np.searchsorted(np.cumsum(share), 0.5)
    return {name: np.array(value, dtype=np.float32) for name, value in found.items()}
