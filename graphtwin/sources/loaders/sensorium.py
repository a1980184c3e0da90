"""Recordings of the Sensorium releases: `static*` of 2022 (images) and `dynamic*` of 2023 (video), as a folder or as the .zip beside it.

Files are opened by memory map and never written. Clips are padded with NaN: the valid frames are the finite run of the behaviour, with
which video and responses must agree. Repeats are clips whose valid frames are the same, byte by byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import warnings
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.config import nearest, validate
from graphtwin.coordinates import Monitor
from graphtwin.sources.formats import Recording, Trial

log = logging.getLogger("graphtwin")

FRAME_RATE_HZ = 30.0  # frames a second of the released videos, to which responses were resampled
SETTINGS = "config.json"  # file of a recording that may name its monitor


@dataclass(frozen=True)
class ReleaseLayout:
    """Layout of a release: what differs between the two.

    Attributes:
        stimulus: Folder of the pictures under `data`.
        behaviour: Names of the channels of behaviour, in their order.
        frame_rate_hz: Frames a second of the clips; NaN for single pictures.
    """

    stimulus: str
    behaviour: tuple[str, ...]
    frame_rate_hz: float


LAYOUTS = {
    "static": ReleaseLayout("images", ("pupil_size", "pupil_size_change", "running"), np.nan),
    "dynamic": ReleaseLayout("videos", ("pupil_size", "running"), FRAME_RATE_HZ),
}
NEURON_COLUMNS = {"unit_ids": "unit_id", "sessions": "session", "fields": "field", "area": "brain_area"}


def read_sensorium(path: str | Path, leakage_is_error: bool = True) -> Recording:
    """A recording of either release.

    Every file is looked at once (video and behaviour in full, of responses the shape and whether any is not zero); after that a trial reads
    its own files when it is opened.

    Args:
        path: Folder of the recording, or its .zip; where only the other of both exists, that one is read.
        leakage_is_error: Refuse a recording that shows one clip both in training and in another tier; otherwise warn.

    Raises:
        FileNotFoundError: A file that every recording has is missing.
        ValueError: A file cannot be read; lengths or numbers of units disagree; a value within the valid frames is not finite.
    """
    files = _files(Path(path))
    layout = _layout(files)
    tiers = _array(files, "meta/trials/tiers.npy").astype(str)
    units = _units(files)
    trials = _trials(files, layout, tiers, len(units))
    _require_no_leakage(trials, files.name, leakage_is_error)
    units["fires"] = _fires(files, trials, len(units))
    _say(files, trials, units)
    return Recording(
        name=files.name,
        frame_rate_hz=layout.frame_rate_hz,
        units=units,
        trials=trials,
        behaviour=layout.behaviour,
        monitor=_monitor(files),
        open_trial=partial(
            _open, files, layout, trials["trial"].to_numpy(), trials["n_frames"].to_numpy(), trials["has_responses"].to_numpy()
        ),
    )


@dataclass(frozen=True)
class _Files:
    """A recording's files by name, in a folder or in an archive."""

    path: Path
    prefix: str
    names: frozenset[str]

    @property
    def name(self) -> str:
        return self.path.stem if self.path.suffix == ".zip" else self.path.name

    def settings(self) -> dict[str, Any]:
        """What `config.json` says; nothing where there is none."""
        if self.path.is_dir():
            path = self.path / SETTINGS
            return dict(json.loads(path.read_bytes())) if path.is_file() else {}
        with zipfile.ZipFile(self.path) as archive:
            inside = self.prefix + SETTINGS
            return dict(json.loads(archive.read(inside))) if inside in archive.namelist() else {}

    def array(self, name: str) -> np.ndarray:
        if self.path.is_dir():
            return np.load(self.path / name, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(self.path) as archive:
            return np.load(io.BytesIO(archive.read(self.prefix + name)), allow_pickle=False)


def _files(path: Path) -> _Files:
    """The files under a path, or under the .zip or folder beside it."""
    packed = path.with_name(f"{path.name}.zip")
    if path.suffix == ".zip" and not path.exists() and path.with_suffix("").is_dir():
        path = path.with_suffix("")
    if path.is_dir():
        return _Files(path, "", frozenset(file.relative_to(path).as_posix() for file in path.rglob("*.npy")))
    path = path if path.suffix == ".zip" else packed
    if not path.is_file():
        raise FileNotFoundError(f"{path.with_suffix('')}: neither this folder nor {path.name} exists. Give the path of a recording.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: no zip archive ({error}). Copy or download it again.") from error
    inside = next((name for name in names if name.endswith("meta/trials/tiers.npy")), "")
    prefix = inside.removesuffix("meta/trials/tiers.npy")
    return _Files(path, prefix, frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix) and name.endswith(".npy")))


def _monitor(files: _Files) -> Monitor:
    """The screen that `config.json` names under `monitor` (width_cm, height_cm, distance_cm); no release does."""
    where = f"{files.path}/{SETTINGS}"
    try:
        settings = files.settings()
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: is no table of settings as JSON ({error}). Copy it again, or remove it: it is optional.") from error
    return validate(Monitor, settings.get("monitor", {}), f"{where}, monitor")


def _array(files: _Files, name: str) -> np.ndarray:
    """One array; an error that names the file where it is missing or broken."""
    where = f"{files.path}/{name}"
    if name not in files.names:
        raise FileNotFoundError(
            f"{where}: this file is missing (nearest {nearest(name, files.names)!r} of {len(files.names)} arrays). "
            "The recording is incomplete: copy or download it again."
        )
    try:
        return files.array(name)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{where}: cannot be read as .npy ({error}). The file is cut short or damaged: copy or download it again."
        ) from error


def _layout(files: _Files) -> ReleaseLayout:
    for layout in LAYOUTS.values():
        if any(name.startswith(f"data/{layout.stimulus}/") for name in files.names):
            return layout
    raise FileNotFoundError(
        f"{files.path}: neither data/videos nor data/images is there ({len(files.names)} arrays). "
        "Give the folder that holds data/ and meta/."
    )


def _units(files: _Files) -> pd.DataFrame:
    """One row a unit; where a release does not name session and scan, they are those of the recording's name, or 0."""
    ids = _array(files, "meta/neurons/unit_ids.npy").astype(np.int64)
    place = _array(files, "meta/neurons/cell_motor_coordinates.npy")
    if place.shape != (len(ids), 3):
        raise ValueError(
            f"{files.path}/meta/neurons: {len(ids)} unit_ids, but cell_motor_coordinates are {place.shape}. They must be (units, 3)."
        )
    parts = files.name.lstrip("abcdefghijklmnopqrstuvwxyz").split("-")
    session, scan = (int(parts[at]) if len(parts) > at and parts[at].isdecimal() else 0 for at in (1, 2))
    units = pd.DataFrame({"session": session, "scan_idx": scan, "unit_id": ids})
    units[["x_um", "y_um", "z_um"]] = np.asarray(place, dtype=np.float64)
    for name in sorted(name for name in files.names if name.startswith("meta/neurons/")):
        stem = Path(name).stem
        values = _array(files, name)
        if values.shape == (len(ids),) and stem != "unit_ids":
            units[NEURON_COLUMNS.get(stem, stem)] = np.asarray(values)
    repeated = units.duplicated(["session", "scan_idx", "unit_id"])
    if repeated.any():
        raise ValueError(f"{files.path}: {int(repeated.sum())} of {len(units)} unit_ids occur before. A unit must have one row.")
    return units


def _trials(files: _Files, layout: ReleaseLayout, tiers: np.ndarray, n_units: int) -> pd.DataFrame:
    """One row a trial that has a picture."""
    from tqdm import tqdm

    numbers = sorted(int(Path(name).stem) for name in files.names if name.startswith(f"data/{layout.stimulus}/"))
    if len(tiers) <= max(numbers, default=0):
        raise ValueError(f"{files.path}: tiers of {len(tiers)} trials, but there is data/{layout.stimulus}/{max(numbers)}.npy.")
    kinds, images = (
        _array(files, f"meta/trials/{name}.npy") if f"meta/trials/{name}.npy" in files.names else None
        for name in ("stimulus_type", "frame_image_id")
    )
    rows = []
    for number in tqdm(numbers, desc=f"reading {files.name}", unit="trial", delay=2, leave=False):
        n_frames, stimulus, has_responses = _look(files, layout, number, n_units)
        rows.append(
            {
                "trial": number,
                "tier": str(tiers[number]),
                "stimulus": stimulus if images is None else str(images[number]),
                "kind": layout.stimulus.removesuffix("s") if kinds is None else str(kinds[number]),
                "n_frames": n_frames,
                "has_responses": has_responses,
            }
        )
    return pd.DataFrame(rows)


def _look(files: _Files, layout: ReleaseLayout, number: int, n_units: int) -> tuple[int, str, bool]:
    """Number of valid frames, a name for what they show, and whether responses are there; errors where the files of a trial disagree."""
    behaviour = _as_frames(_array(files, f"data/behavior/{number}.npy"), len(layout.behaviour), files, f"data/behavior/{number}.npy")
    n_frames = _finite_run(behaviour, files, f"data/behavior/{number}.npy")
    name = f"data/{layout.stimulus}/{number}.npy"
    video = _array(files, name)
    pixels = video.reshape(-1, 1 if layout.stimulus == "images" else video.shape[-1])
    shown = _finite_run(pixels.T, files, name)
    if shown != n_frames:
        raise ValueError(
            f"{files.path}/{name}: {shown} finite frames, but data/behavior/{number}.npy has {n_frames}. Cut both to one length."
        )
    stimulus = hashlib.blake2b(np.ascontiguousarray(pixels[:, :n_frames]).tobytes(), digest_size=8).hexdigest()
    answers = f"data/responses/{number}.npy"
    if answers not in files.names:
        return n_frames, stimulus, False
    responses = _as_frames(_array(files, answers), n_units, files, answers)
    if not responses[:n_frames].any():
        return n_frames, stimulus, False
    if len(responses) < n_frames or (len(responses) > n_frames and np.isfinite(responses[n_frames]).any()):
        finite = int(np.isfinite(responses).any(axis=1).sum())  # frames in which any unit has a response
        raise ValueError(
            f"{files.path}/{answers}: responses to {finite} frames, but {n_frames} were shown. Responses and frames must have one length."
        )
    return n_frames, stimulus, True


def _pictures(array: np.ndarray, layout: ReleaseLayout) -> np.ndarray:
    """[frames, height, width] of what a release stores: an image as (1, height, width), a video as (height, width, frames)."""
    return array if layout.stimulus == "images" else np.moveaxis(array, -1, 0)


def _as_frames(array: np.ndarray, n_rows: int, files: _Files, name: str) -> np.ndarray:
    """[frames, rows] of an array stored as (rows, frames), or (rows,) for one picture."""
    if array.ndim not in (1, 2) or array.shape[0] != n_rows:
        raise ValueError(
            f"{files.path}/{name}: shape {array.shape}, but {n_rows} rows are expected. The file belongs to another recording."
        )
    return array.reshape(n_rows, -1).T


def _finite_run(frames: np.ndarray, files: _Files, name: str) -> int:
    """Number of frames before the padding; an error where a value before it is not finite."""
    known = np.isfinite(frames)
    finite, some = known.all(axis=1), known.any(axis=1)
    n_frames = int(np.flatnonzero(some)[-1]) + 1 if some.any() else 0
    if not finite[:n_frames].all() or n_frames == 0:
        wrong = np.flatnonzero(~finite[:n_frames])
        raise ValueError(
            f"{files.path}/{name}: {len(wrong)} of {n_frames} frames have NaN or infinite values, first frame {wrong[:1].tolist()}. "
            "Only padding at the end may be NaN: leave the trial out, or fill the gap before."
        )
    return n_frames


def _open(files: _Files, layout: ReleaseLayout, numbers: np.ndarray, n_frames: np.ndarray, has_responses: np.ndarray, row: int) -> Trial:
    """Read one trial without its padding; responses that are not finite are an error here, when they are asked for."""
    number, n = int(numbers[row]), int(n_frames[row])
    video = _pictures(_array(files, f"data/{layout.stimulus}/{number}.npy"), layout)[:n]
    behaviour, eye = (_array(files, f"data/{name}/{number}.npy") for name in ("behavior", "pupil_center"))
    responses = None
    if has_responses[row]:
        name = f"data/responses/{number}.npy"
        stored = _array(files, name)
        responses = stored.reshape(len(stored), -1).T[:n]
        wrong = ~np.isfinite(responses).all(axis=1)
        if wrong.any():
            raise ValueError(
                f"{files.path}/{name}: {int(wrong.sum())} of {n} frames have NaN or infinite responses, first frame "
                f"{int(np.flatnonzero(wrong)[0])}. Leave the trial out: responses are never filled in."
            )
    return Trial(video, responses, behaviour.reshape(len(behaviour), -1).T[:n], eye.reshape(len(eye), -1).T[:n])


def _require_no_leakage(trials: pd.DataFrame, name: str, is_error: bool) -> None:
    """Raise, or warn, when a clip is in training and in another tier: a model would be scored on what it was trained on."""
    tiers = trials[trials["tier"] != "none"].groupby("stimulus")["tier"].unique()
    shared = tiers[tiers.map(lambda found: "train" in found and len(found) > 1)]
    if len(shared) == 0:
        return
    others = sorted({str(tier) for found in shared for tier in found} - {"train"})
    words = (
        f"{name}: {len(shared)} of {len(tiers)} clips are shown in training and also in {others}: "
        "scores there would be of clips trained on. Leave these trials out of one of both"
    )
    if is_error:
        raise ValueError(f"{words}, or read with leakage_is_error=False.")
    warnings.warn(f"{words}.", stacklevel=3)


def _statistics_folder(files: _Files, kind: str) -> str:
    """Folder of the statistics of training, which the releases name differently."""
    for name in ("all", "stimulus_Frame", "stimulus_frame"):
        folder = f"meta/statistics/{kind}/{name}"
        if f"{folder}/std.npy" in files.names:
            return folder
    raise FileNotFoundError(
        f"{files.path}/meta/statistics/{kind}: no std.npy under it. Compute scales from the training responses instead."
    )


def _fires(files: _Files, trials: pd.DataFrame, n_units: int) -> np.ndarray:
    """Whether each unit answers anything in training: by the statistics of the release, or by the responses where it has none."""
    try:
        largest = _array(files, f"{_statistics_folder(files, 'responses')}/max.npy")
    except FileNotFoundError:
        fires = np.zeros(n_units, dtype=bool)
        for number in trials["trial"][trials["has_responses"] & (trials["tier"] == "train")]:
            fires |= (np.nan_to_num(_array(files, f"data/responses/{number}.npy").reshape(n_units, -1)) > 0).any(axis=1)
        return fires
    return (np.nan_to_num(largest.reshape(n_units, -1)) > 0).any(axis=1)


def _say(files: _Files, trials: pd.DataFrame, units: pd.DataFrame) -> None:
    """Tell the log what was found, and how many units never fire."""
    tiers = ", ".join(f"{tier} {n}" for tier, n in trials["tier"].value_counts().sort_index().items())
    log.info(
        f"{files.name}: {len(units)} units, {len(trials)} trials of {trials['stimulus'].nunique()} stimuli ({tiers}); "
        f"{int((~trials['has_responses']).sum())} trials have no responses."
    )
    if not units["fires"].all():
        log.warning(
            f"{files.name}: {int((~units['fires']).sum())} of {len(units)} units never fire in training. Their column `fires` is False: "
            "leave them out of scores, which are undefined for them."
        )
