"""Recordings of simulated animals as the Sensorium releases lay them out: `dynamic*` folders of 2023 (video) and `static*` of 2022 (images)."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import write_json
from graphtwin.synthetic.session import WITHHELD, Scan, play

STATISTICS = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max, "median": np.median}
FRAMES_TOGETHER = 16  # of all training trials, while their statistics are made


def write_dynamic(scan: Scan, folder: Path, truth: Path | None = None) -> list[Path]:
    """Play a scan into a folder of the 2023 layout.

    Arrays are padded with NaN to the longest clip. Responses of withheld tiers are zeros; statistics are of the training tier, those of
    responses, behaviour and eye position frame by frame, as released.

    Args:
        scan: As prepared.
        folder: Where `dynamic{animal}-{session}-{scan}-Video-{hash}` is made; it must not hold one yet.
        truth: Where expected and withheld responses of all tiers but `train` go, `{name}/expected/{trial}.npy` and `responses/`; or nowhere.

    Returns:
        Every file written, sorted.
    """
    from tqdm import tqdm

    name = f"dynamic{scan.name}-Video-{_hash(scan)}"
    n_frames = int(scan.trials["n_frames"].max())
    with _whole(folder / name) as partial:
        for played in tqdm(play(scan), total=len(scan.trials), desc=name, unit="trial", delay=2, leave=False):
            tier = scan.trials["tier"].iloc[played.row]
            responses, behaviour = played.responses, played.behaviour
            arrays = {
                "videos": played.video.transpose(1, 2, 0),
                "responses": np.zeros_like(responses) if tier in WITHHELD else responses,
                "behavior": np.stack([behaviour.pupil_size, behaviour.running]),
                "pupil_center": behaviour.pupil_center.T,
            }
            for kind, array in arrays.items():
                _save(_padded(array, n_frames), partial / "data" / kind / f"{played.row}.npy")
            if truth is not None and tier != "train":
                _save(played.expected, truth / name / "expected" / f"{played.row}.npy")
                if tier in WITHHELD:
                    _save(responses, truth / name / "responses" / f"{played.row}.npy")
        _write_units(scan.units, partial)
        trials = {"tiers": "tier", "trial_idx": "trial", "stimulus_type": "kind"}
        for file, column in trials.items():
            _save(_plain(scan.trials[column]), partial / "meta" / "trials" / f"{file}.npy")
        _write_statistics(partial, np.flatnonzero(scan.trials["tier"] == "train"))
        write_json({"data_set": name, "frame_rate_hz": 30, "behavior": ["pupil_size", "running"], "n_frames": n_frames}, partial / "config.json")
    written = [folder / name] if truth is None else [folder / name, truth / name]
    return sorted(file for made in written for file in made.rglob("*") if file.is_file())


def _hash(scan: Scan) -> str:
    """16 hexadecimal digits that are the same for the same units, trials and seed."""
    told = hashlib.sha256(repr((scan.name, scan.seed, scan.imaging.model_dump_json())).encode())
    for frame in (scan.units, scan.table, scan.trials):
        told.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return told.hexdigest()[:16]


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder under a temporary name, which gets its own when all is written; what a stopped run left under that name is made anew."""
    if folder.exists():
        raise FileExistsError(f"{folder}: this folder exists. Remove it, or write elsewhere: no recording is written over.")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


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
    """What the releases say of each unit."""
    columns = {"unit_ids": "unit_id", "sessions": "session", "scan_idx": "scan_idx", "fields": "field", "area": "brain_area", "layer": "layer"}
    for file, column in columns.items():
        if column in units:
            _save(_plain(units[column]), folder / "meta" / "neurons" / f"{file}.npy")
    place = units[["x_um", "z_um", "depth_um"]].to_numpy(np.float64)
    _save(place, folder / "meta" / "neurons" / "cell_motor_coordinates.npy")


def _write_statistics(folder: Path, rows: np.ndarray) -> None:
    """Moments of the training trials: one number of videos, [channels, frames] of all else."""
    for kind in ("responses", "behavior", "pupil_center"):
        files = [np.load(folder / "data" / kind / f"{row}.npy", mmap_mode="r") for row in rows]
        moments = {name: np.empty(files[0].shape, dtype=np.float32) for name in STATISTICS}
        for start in range(0, files[0].shape[0], FRAMES_TOGETHER * 8):
            part = np.stack([file[start : start + FRAMES_TOGETHER * 8] for file in files])
            for name, of in STATISTICS.items():
                moments[name][start : start + FRAMES_TOGETHER * 8] = of(part, axis=0)
        for name, moment in moments.items():
            _save(moment, folder / "meta" / "statistics" / kind / "all" / f"{name}.npy")
    for name, moment in _levels(folder, rows).items():
        _save(moment, folder / "meta" / "statistics" / "videos" / "all" / f"{name}.npy")


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
