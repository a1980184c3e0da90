"""A played session on tape, and the tape as the scan of an NWB file: one playing serves several formats.

Screen, microscope, eye camera and treadmill have clocks of their own there, as in the released files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float32, UInt8

from graphtwin import schema
from graphtwin.artifacts import write_atomic
from graphtwin.execute import rng_for
from graphtwin.synthetic.files import nwb_files
from graphtwin.synthetic.files.nwb_fields import COREGISTRATION
from graphtwin.synthetic.function import FRAME_RATE_HZ, GREY, HEIGHT, N_DIRECTIONS, WIDTH, imaging, session

BEGINNING_S = 4.0  # beginning of the film, on the clock of the file
PUPIL_HZ, TREADMILL_HZ = 20.0, 60.0  # samples a second of eye camera and treadmill, which have clocks of their own; round numbers
FIRST_SUPERVOXEL = 90_000_000_000_000_001  # lowest supervoxel id, above 2^53, so that ids read as floats are found out
UNITS_TOGETHER = 256  # units whose raw traces are made at a time: bounds memory
# Parameters that the file states for noise of Monet type; films of all other kinds are clips.
MONET2 = {
    "blue_green_saturation": 0,
    "pattern_width": WIDTH,
    "pattern_aspect": HEIGHT / WIDTH,
    "temp_kernel": "half-hamming",
    "temp_bandwidth": 4.0,
    "ori_coherence": 1.5,
    "ori_fraction": 1.0,
    "ori_mix": 1.0,
    "num_directions": N_DIRECTIONS,
}


@dataclass(frozen=True)
class Tape:
    """What is left of a scan after it was played.

    Attributes:
        scan: The scan that was played.
        movie: The whole film, grey levels, grey between trials.
        activity: Deconvolved activity of every sample, spontaneous between trials.
    """

    scan: session.Scan
    movie: UInt8[np.ndarray, "frames height width"]
    activity: Float32[np.ndarray, "units samples"]


def blank_tape(scan: session.Scan) -> Tape:
    """A tape of the length of the scan with nothing on it but grey and spontaneous activity."""
    movie = np.full((len(scan.behaviour.running), HEIGHT, WIDTH), int(GREY), dtype=np.uint8)
    return Tape(scan, movie, session.continuous_activity(scan, iter(())))


def taped(tape: Tape, played: Iterator[session.Played]) -> Iterator[session.Played]:
    """The trials as they pass, each written on the tape; those whose responses are withheld leave no trace."""
    n_samples = tape.activity.shape[1]
    for trial in played:
        shown = tape.scan.trials.iloc[trial.row]
        if shown["tier"] not in session.WITHHELD:
            tape.movie[shown["first_frame"] : shown["first_frame"] + shown["n_frames"]] = trial.video
            places = trial.samples.number[:, None] + np.arange(trial.samples.activity.shape[1])
            unit, k = np.nonzero((places >= 0) & (places < n_samples))
            tape.activity[unit, places[unit, k]] = trial.samples.activity[unit, k]
        yield trial


def nwb_scan(tape: Tape, coregistration: pd.DataFrame | None = None) -> nwb_files.NwbScan:
    """The scan of a tape on which all trials are.

    Args:
        tape: Tape on which all trials are.
        coregistration: Matches of units and nuclei, as `cave_tables.matches` gives them at the materialization that the file names; None
            where nothing was matched.
    """
    scan = tape.scan
    animal, number, scan_idx = (int(part) for part in scan.name.split("-"))
    period_s = 1 / imaging.RATE_HZ
    masks = nwb_files.scan_masks(scan.units, period_s, scan.seed)
    order = scan.units.reset_index().set_index("unit_id").loc[masks["unit_id"], "index"].to_numpy()
    return nwb_files.NwbScan(
        animal=animal,
        session=number,
        scan_idx=scan_idx,
        masks=masks if coregistration is None else _matched(masks, coregistration),
        intervals=_intervals(scan.trials),
        movie=tape.movie,
        movie_times_s=BEGINNING_S + np.arange(len(tape.movie)) / FRAME_RATE_HZ,
        imaging_times_s=BEGINNING_S + period_s * np.arange(tape.activity.shape[1]),
        fluorescence=_fluorescence(tape)[order].T,
        pupil=_pupil(scan),
        treadmill=_treadmill(scan),
    )


def _fluorescence(tape: Tape) -> Float32[np.ndarray, "units samples"]:
    """Raw traces, made of some units at a time."""
    traces = np.empty_like(tape.activity)
    for start in range(0, len(traces), UNITS_TOGETHER):
        some = slice(start, start + UNITS_TOGETHER)
        rng = rng_for(tape.scan.seed, "fluorescence", tape.scan.name, start)
        traces[some] = imaging.fluorescence(tape.activity[some], tape.scan.table.iloc[some], rng)
    return traces


def _matched(masks: pd.DataFrame, coregistration: pd.DataFrame) -> pd.DataFrame:
    """The masks with what the file says of matched cells."""
    rows = coregistration.reset_index(drop=True)
    rows = rows.assign(cave_id=1 + rows.index, pt_supervoxel_id=FIRST_SUPERVOXEL + 2 * rows["target_id"])
    kept = [*schema.UNIT_KEY, "cave_id", *COREGISTRATION]
    known = rows[kept].astype(dict.fromkeys(kept, "Int64"))
    joined = masks.merge(known, on=schema.UNIT_KEY, how="left", validate="one_to_one")
    ids = [[] if pd.isna(cave_id) else [int(cave_id)] for cave_id in joined["cave_id"]]
    return joined.drop(columns="cave_id").assign(cave_ids=ids)


def _intervals(trials: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The interval tables; repeats of a film have one hash."""
    shown = trials[~trials["tier"].isin(session.WITHHELD)]
    start = BEGINNING_S + shown["first_frame"] / FRAME_RATE_HZ
    seconds = shown["n_frames"] / FRAME_RATE_HZ
    names = shown["kind"] + "-" + shown["clip"]
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    every = {"trial": shown["trial"], "start_time": start, "stop_time": start + seconds, "duration": seconds}
    table = pd.DataFrame(every | {"condition_hash": [one[:20] for one in hashes], "rng_seed": [int(one[:8], 16) for one in hashes]})
    table = table.assign(movie_name=names, short_movie_name=shown["kind"])
    noise = (shown["kind"] == "pink_noise").to_numpy()
    found = {
        "Clip": table[~noise].assign(stimulus_type="stimulus.Clip"),
        "Monet2": table[noise].assign(stimulus_type="stimulus.Monet2", **MONET2),
    }
    return {name: rows for name, rows in found.items() if len(rows)}


def _pupil(scan: session.Scan) -> pd.DataFrame:
    """Trace of the pupil at the eye camera's frames."""
    behaviour, frames = scan.behaviour, np.arange(len(scan.behaviour.running))
    seconds = np.arange(0, frames[-1] / FRAME_RATE_HZ, 1 / PUPIL_HZ)
    at = seconds * FRAME_RATE_HZ
    traces = {"minor_radius": 0.95 * behaviour.pupil_size, "major_radius": behaviour.pupil_size}
    traces |= {"x": behaviour.pupil_center[:, 0], "y": behaviour.pupil_center[:, 1]}
    sampled = {name: np.interp(at, frames, trace) for name, trace in traces.items()}
    return pd.DataFrame({"time_s": BEGINNING_S + seconds, **sampled})


def _treadmill(scan: session.Scan) -> pd.DataFrame:
    frames = np.arange(len(scan.behaviour.running))
    seconds = np.arange(0, frames[-1] / FRAME_RATE_HZ, 1 / TREADMILL_HZ)
    velocity = np.interp(seconds * FRAME_RATE_HZ, frames, scan.behaviour.running)
    return pd.DataFrame({"time_s": BEGINNING_S + seconds, "velocity": velocity})


def write_tape(tape: Tape, folder: Path) -> list[Path]:
    """Keep a full tape as `movie.npy` and `activity.npy`, for a later step that knows what was coregistered."""
    return [
        write_atomic(folder / "movie.npy", lambda path: np.save(path, tape.movie)),
        write_atomic(folder / "activity.npy", lambda path: np.save(path, tape.activity)),
    ]


def read_tape(scan: session.Scan, folder: Path) -> Tape:
    """The tape that `write_tape` kept of this scan, its movie left on disk.

    Args:
        scan: The scan that was played.
        folder: Folder of the tape.
    """
    movie, activity = np.load(folder / "movie.npy", mmap_mode="r"), np.load(folder / "activity.npy")
    if len(movie) != len(scan.behaviour.running) or len(activity) != len(scan.units):
        raise ValueError(
            f"{folder}: a tape of {len(activity)} units and {len(movie)} frames, but scan {scan.name} has {len(scan.units)} units and "
            f"{len(scan.behaviour.running)} frames. Play the scan again."
        )
    return Tape(scan, movie, activity)
