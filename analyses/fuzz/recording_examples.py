"""Small valid recordings, how they are read, and what must hold of what was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from example_format import require


def make_sensorium(folder: Path) -> None:
    """Three trials of a small recording as a folder."""
    rng = np.random.default_rng(0)
    place = folder / "dynamic7-3-4-Video-0123456789abcdef"
    for kind, shape in (("videos", (4, 6, 10)), ("responses", (3, 10)), ("behavior", (2, 10)), ("pupil_center", (2, 10))):
        (place / "data" / kind).mkdir(parents=True)
        for trial in range(3):
            np.save(place / "data" / kind / f"{trial}.npy", rng.uniform(0, 255, shape).astype("f4"))
    (place / "meta" / "trials").mkdir(parents=True)
    (place / "meta" / "neurons").mkdir()
    np.save(place / "meta" / "trials" / "tiers.npy", np.array(["train", "train", "oracle"]))
    np.save(place / "meta" / "neurons" / "unit_ids.npy", np.arange(3))
    np.save(place / "meta" / "neurons" / "cell_motor_coordinates.npy", rng.normal(size=(3, 3)))


def make_zip(folder: Path) -> None:
    """The same as an archive."""
    import shutil

    make_sensorium(folder)
    (place,) = folder.iterdir()
    shutil.make_archive(str(place), "zip", place)
    shutil.rmtree(place)


def make_nwb(folder: Path) -> None:
    """A scan of four units, two trials, as MICrONS publishes it."""
    from graphtwin.synthetic.files import NwbScan, scan_masks, write_nwb

    rng, units, frames = np.random.default_rng(0), 4, 120
    ids = pd.DataFrame({"session": 4, "scan_idx": 7, "unit_id": 1 + np.arange(units), "field": 1})
    masks = scan_masks(ids.assign(x_um=rng.uniform(0, 99, units), depth_um=200.0, z_um=rng.uniform(0, 99, units)), 0.15, 0)
    nothing = pd.array([pd.NA] * units, dtype="Int64")
    masks = masks.assign(pt_root_id=nothing, pt_supervoxel_id=nothing, pt_position_x=np.nan, pt_position_y=np.nan, pt_position_z=np.nan)
    masks["cave_ids"] = [[] for _ in range(units)]
    trials = {"trial": [0, 1], "start_time": [11.0, 15.0], "stop_time": [14.0, 18.0], "stimulus_type": "stimulus.Clip", "duration": 3.0}
    clips = pd.DataFrame(trials | {"condition_hash": ["a", "b"], "movie_name": "leaves", "short_movie_name": "rendered"})
    at = 9.5 + np.arange(300) / 20
    pupil = pd.DataFrame({"time_s": at, "minor_radius": at, "major_radius": 2 * at, "x": 3.0, "y": at})
    scan = NwbScan(
        animal=17797,
        session=4,
        scan_idx=7,
        masks=masks,
        intervals={"Clip": clips},
        movie=rng.integers(0, 255, (350, 4, 6), dtype=np.uint8),
        movie_times_s=9.0 + np.arange(350) / 30,
        imaging_times_s=10.0 + 0.15 * np.arange(frames),
        fluorescence=rng.gamma(2.0, 50.0, (frames, units)).astype(np.float32),
        pupil=pupil,
        treadmill=pd.DataFrame({"time_s": at, "velocity": rng.normal(size=300)}),
    )
    write_nwb(scan, folder, seed=0)


def read_recording(folder: Path) -> Any:
    """The recording and all of its trials."""
    from graphtwin.sources import open_recording

    recording = open_recording(next(folder.iterdir()))
    return recording, [recording.open_trial(row) for row in range(len(recording.trials))]


def check_recording(folder: Path, read: Any) -> None:
    """Shapes agree, frames are finite, units are named once."""
    recording, trials = read
    require(not recording.units.duplicated(["session", "scan_idx", "unit_id"]).any(), "units are named twice")
    for row, trial in enumerate(trials):
        frames = recording.trials["n_frames"][row]
        require(trial.video.ndim == 3 and len(trial.video) == frames == len(trial.behaviour) == len(trial.eye_position), "lengths differ")
        require(np.isfinite(trial.video).all(), "a frame is not finite")
        if trial.responses is not None:
            require(trial.responses.shape == (frames, len(recording.units)), "responses have another shape")
            require(not np.isinf(trial.responses).any(), "a response is infinite")
