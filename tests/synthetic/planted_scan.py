"""A small scan whose every number is known, in two fields, with a coregistration for some units."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.synthetic.files.nwb_files import NwbScan, scan_masks

ROOT = 864691135000000001
PERIOD_S = 0.158


def planted_scan(seed: int = 0, units: int = 12, frames: int = 200) -> NwbScan:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "session": 4,
            "scan_idx": 7,
            "unit_id": 1 + np.arange(units),
            "field": 1 + (np.arange(units) >= units // 2),
            "x_um": rng.uniform(0, 300, units),
            "depth_um": np.where(np.arange(units) >= units // 2, 310.0, 200.0),
            "z_um": rng.uniform(0, 200, units),
        }
    )
    masks = scan_masks(table, PERIOD_S, seed)
    matched = np.arange(units) % 3 == 0
    ids = pd.array(np.where(matched, ROOT + 2 * np.arange(units), 0), dtype="Int64")
    ids[~matched] = pd.NA
    masks["pt_root_id"], masks["pt_supervoxel_id"] = ids, ids
    masks["cave_ids"] = [[int(unit)] if match else [] for unit, match in zip(masks["unit_id"], matched, strict=True)]
    for axis in "xyz":
        masks[f"pt_position_{axis}"] = np.where(matched, 1000.0 * masks["unit_id"] + ord(axis), np.nan)
    times = 10.0 + PERIOD_S * np.arange(frames)
    movie_times = 9.0 + np.arange(1200) / 30
    pupil_times = 9.5 + np.arange(700) / 20
    pupil = pd.DataFrame({"time_s": pupil_times, "minor_radius": pupil_times, "major_radius": 2 * pupil_times, "x": 3.0, "y": pupil_times})
    pupil.loc[100:120, ["minor_radius", "major_radius", "x", "y"]] = np.nan
    treadmill = pd.DataFrame({"time_s": 9.25 + np.arange(2000) / 60, "velocity": rng.normal(size=2000)})
    return NwbScan(
        animal=17797,
        session=4,
        scan_idx=7,
        masks=masks,
        intervals={"Clip": clips(), "Monet2": monet2()},
        movie=rng.integers(0, 255, (1200, 6, 10), dtype=np.uint8),
        movie_times_s=movie_times,
        imaging_times_s=times,
        fluorescence=rng.gamma(2.0, 50.0, (frames, units)).astype(np.float32),
        pupil=pupil,
        treadmill=treadmill,
    )


def clips() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": [0, 2],
            "start_time": [11.0, 25.0],
            "stop_time": [16.0, 30.0],
            "stimulus_type": "stimulus.Clip",
            "condition_hash": "clip",
            "movie_name": "leaves",
            "short_movie_name": "rendered",
            "duration": 5.0,
        }
    )


def monet2() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial": [1],
            "start_time": [18.0],
            "stop_time": [23.0],
            "stimulus_type": "stimulus.Monet2",
            "condition_hash": "noise",
            "rng_seed": 1,
            "duration": 5.0,
            "blue_green_saturation": 0,
            "pattern_width": 64,
            "pattern_aspect": 1.7,
            "temp_kernel": "half-hamming",
            "temp_bandwidth": 4.0,
            "ori_coherence": 1.5,
            "ori_fraction": 0.5,
            "ori_mix": 1.0,
            "num_directions": 16,
        }
    )
