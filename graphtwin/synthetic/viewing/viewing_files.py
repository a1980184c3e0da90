"""Animals that look around, on disk: recordings as Sensorium 2023 and MICrONS lay them out, and what was planted beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin.artifacts import write_atomic, write_parquet, write_text
from graphtwin.execute import rng_for
from graphtwin.shapes import Float
from graphtwin.synthetic.files import NwbScan, ShownClip, scan_masks, write_clips, write_nwb
from graphtwin.synthetic.function import FRAME_RATE_HZ, GREY, HEIGHT, WIDTH, Behaviour, behave, film
from graphtwin.synthetic.viewing.answers import AnsweringArea, answering, expected_answers, preferred_orientations, spikes, state_of
from graphtwin.synthetic.viewing.areas import draw_area
from graphtwin.synthetic.viewing.gaze import Gaze, look, tracked
from graphtwin.synthetic.viewing.settings import ViewingConfig

TRUTH = "truth"  # folder of what was planted, which no command reads of itself
GAP_FRAMES = 30  # frames of grey between trials
KINDS = ("dead_leaves", "panned_photographs")  # kinds of film, in turn
STATES = (10.0, 90.0)  # percentiles of state at which preferred orientations are told
IMAGING_HZ, INDICATOR_S, FLUORESCENCE_NOISE = 15.0, 0.3, 0.3  # of the NWB files: samples a second, decay, SD over the peak of a spike
UM_A_DEGREE = 40.0  # micrometres of cortex a degree of retina
README = """# Animals that look around

`recordings/` has a recording in the layout of Sensorium 2023 for each animal: {units} units of {area}, eye positions in degrees of gaze
with an error of {error:g} degrees on each axis that lasts for a fixation. `nwb/` has the training films of the first with eye traces at
their own rate ({hz:g} Hz). Tiers: train, validation; test (free viewing of other films) and fixation (other films, from one place each).

    graphtwin twin train {name}/recordings/* --out runs/viewing
    graphtwin twin score runs/viewing {name}/recordings/* --tier test --out scores.csv

`truth/` is for tests of methods alone: `ANIMAL/units.parquet` (middle and size of each field in degrees about the gaze, what the unit
likes, and the orientation that it prefers in states `state_low` and `state_high`), `ANIMAL/parts.npy`, `RECORDING/expected/TRIAL.npy`
(units x frames, without noise) and `RECORDING/gaze/TRIAL.npy` (frames x 2, degrees, without error).
"""


@dataclass(frozen=True)
class Session:
    """What an animal sees and does.

    Attributes:
        of: Its area.
        name: Name of the animal's scan.
        trials: One row a trial: trial, tier, kind, clip, n_frames, first_frame; right_deg, up_deg: place that is fixated (NaN: free).
        behaviour: Behaviour in all frames.
        animal: Number of the animal.
    """

    of: AnsweringArea
    name: str
    trials: pd.DataFrame
    behaviour: Behaviour
    animal: int

    def seen(self, row: int) -> tuple[Float[np.ndarray, "frames height width"], Gaze, Behaviour]:
        """Film, eyes and behaviour of a trial."""
        shown, config = self.trials.iloc[row], self.of.config
        frames = film(shown["kind"], config.seed, *_film_of(shown["clip"]), n_frames=int(shown["n_frames"]))
        at = None if np.isnan(shown["right_deg"]) else (float(shown["right_deg"]), float(shown["up_deg"]))
        gaze = look(len(frames), config.gaze, config.seed, self.animal, row, at=at)
        return frames, gaze, self.behaviour.part(int(shown["first_frame"]), int(shown["first_frame"]) + len(frames))


def write_viewing(config: ViewingConfig, folder: Path) -> None:
    """Simulate animals and write all their files.

    Args:
        config: What is simulated.
        folder: Folder to write into.
    """
    from graphtwin.progress import tqdm

    for animal in range(1, config.animals + 1):
        session = _session(config, animal)
        name = f"dynamic{session.name}-Video-{_hash(session)}"
        rows = tqdm(range(len(session.trials)), desc=name, unit="trial", delay=2, leave=False)
        units = _units(session)
        gaze = {"unit": "degrees", "error_deg": config.gaze.error_deg, "delay_s": config.gaze.delay_s}
        settings = {"monitor": config.screen.model_dump(include={"width_cm", "height_cm", "distance_cm"}), "gaze": gaze}
        truth = folder / TRUTH
        passing = _played(session, rows, truth / name / "gaze")
        write_clips(name, units, session.trials, passing, folder / "recordings", truth / "answers", settings)
        (truth / "answers" / name / "expected").rename(truth / name / "expected")
        (truth / "answers" / name).rmdir()
        (truth / "answers").rmdir()
        _write_truth(session, truth / f"animal{animal}")
        if animal == 1:
            _write_nwb(session, units, folder / "nwb")
    told = README.format(units=config.units, area=config.area, error=config.gaze.error_deg, hz=config.gaze.tracker_hz, name=folder.name)
    screen = config.screen
    if screen.shape != "flat" or screen.turned_deg != 0:
        told += (
            f"\nThe screen is {screen.shape}, turned by {screen.turned_deg:g} degrees: recordings can declare a flat, upright one alone.\n"
        )
    write_text(told, folder / "README.md")


def _session(config: ViewingConfig, animal: int) -> Session:
    """An animal with all its trials."""
    n_frames = round(config.clip_s * FRAME_RATE_HZ)
    n_train = max(2, round(config.minutes * 60 / config.clip_s))
    shown = [("train", f"train-{animal}-{at}") for at in range(n_train)]
    shown += [("validation", f"validation-{animal}-{at}") for at in range(max(2, n_train // 10))]
    shown += [("test", f"test-{at}") for at in range(config.test_clips)] * config.repeats
    shown += [("fixation", f"fixation-{at}") for at in range(config.fixation_clips)] * config.repeats
    rng = rng_for(config.seed, "order of films", animal)
    trials = pd.DataFrame(shown, columns=["tier", "clip"]).iloc[rng.permutation(len(shown))].reset_index(drop=True)
    number = trials["clip"].str.rsplit("-", n=1).str[1].astype(int)
    trials["kind"] = np.array(KINDS)[number % len(KINDS)]
    trials["n_frames"] = n_frames
    trials["first_frame"] = GAP_FRAMES + (n_frames + GAP_FRAMES) * np.arange(len(trials))
    trials.insert(0, "trial", np.arange(len(trials)))
    places = rng_for(config.seed, "places that are fixated", animal).uniform(-1, 1, (max(config.fixation_clips, 1), 2))
    fixed = (trials["tier"] == "fixation").to_numpy()
    for column, at in (("right_deg", 0), ("up_deg", 1)):
        trials[column] = np.where(fixed, config.gaze.spread_deg[at] * places[np.where(fixed, number, 0), at], np.nan)
    name = f"{animal}-1-1"
    behaviour = behave(int(trials["first_frame"].iloc[-1]) + n_frames + GAP_FRAMES, config.seed, animal, name)
    return Session(answering(draw_area(config, animal), config), name, trials, behaviour, animal)


def _played(session: Session, rows: Iterable[int], true_gaze: Path) -> Iterator[ShownClip]:
    """The trials one after the other, as files have them; where the eye looked is kept among the truth."""
    config = session.of.config
    for row in rows:
        frames, gaze, behaviour = session.seen(row)
        rates = expected_answers(session.of, frames, gaze, behaviour)
        seconds, measured = tracked(gaze, config.gaze, config.seed, session.animal, row)
        at = (np.arange(len(frames)) + 0.5) / FRAME_RATE_HZ
        eye = np.stack([np.interp(at, seconds, trace) for trace in measured.T], axis=1)
        write_atomic(true_gaze / f"{row}.npy", partial(_save, array=gaze.at_frames()[0].astype(np.float32)))
        counts = spikes(rates, config.seed, session.animal, row)
        yield ShownClip(
            row, frames, counts, (rates / FRAME_RATE_HZ).astype(np.float32), behaviour.pupil_size, behaviour.running, eye.astype(np.float32)
        )


def _units(session: Session) -> pd.DataFrame:
    """What the files say of units: numbers, and places in cortex, on which the retina is mapped with some scatter."""
    table = session.of.area.table
    scatter = rng_for(session.of.config.seed, "places in cortex", session.animal).normal(0, 30.0, (len(table), 3))
    return pd.DataFrame(
        {
            "session": np.int64(1),
            "scan_idx": np.int64(1),
            "unit_id": 1 + np.arange(len(table)),
            "field": np.int64(1),
            "brain_area": session.of.area.name,
            "x_um": UM_A_DEGREE * table["right_deg"] + scatter[:, 0],
            "z_um": UM_A_DEGREE * table["up_deg"] + scatter[:, 1],
            "depth_um": 200 + np.abs(scatter[:, 2]),
        }
    )


def _write_truth(session: Session, folder: Path) -> None:
    """What was planted of one animal."""
    low, high = np.percentile(state_of(session.behaviour), STATES)
    table = session.of.area.table.assign(
        unit_id=1 + np.arange(len(session.of.area.table)),
        attended_deg=session.of.area.attended_deg,
        state_low=low,
        state_high=high,
        preferred_low_deg=preferred_orientations(session.of, float(low)),
        preferred_high_deg=preferred_orientations(session.of, float(high)),
    )
    write_parquet(table, folder / "units.parquet")
    write_atomic(folder / "parts.npy", partial(_save, array=session.of.area.parts))


def _write_nwb(session: Session, units: pd.DataFrame, folder: Path) -> None:
    """The training films of an animal in one NWB file, in which screen, microscope and eye tracker have clocks of their own."""
    config = session.of.config
    trials = session.trials[session.trials["tier"] == "train"].reset_index(drop=True)
    n_frames = int(trials["n_frames"].iloc[0])
    length = (n_frames + GAP_FRAMES) * len(trials) + GAP_FRAMES
    movie = np.full((length, HEIGHT, WIDTH), int(GREY), dtype=np.uint8)
    counts = np.zeros((len(units), length), dtype=np.float32)
    times, places = [], []
    starts = GAP_FRAMES + (n_frames + GAP_FRAMES) * np.arange(len(trials))
    for start, row in zip(starts, trials["trial"], strict=True):
        frames, gaze, behaviour = session.seen(int(row))
        movie[start : start + n_frames] = frames
        rates = expected_answers(session.of, frames, gaze, behaviour)
        counts[:, start : start + n_frames] = spikes(rates, config.seed, session.animal, int(row))
        seconds, measured = tracked(gaze, config.gaze, config.seed, session.animal, int(row))
        times.append(start / FRAME_RATE_HZ + seconds)
        places.append(measured)
    at = np.arange(0, length / FRAME_RATE_HZ, 1 / IMAGING_HZ)
    eye = np.concatenate(places)
    behaviour = session.behaviour.part(0, length)
    seconds = np.arange(length) / FRAME_RATE_HZ
    at_eye = np.concatenate(times)
    radius = np.interp(at_eye, seconds, behaviour.pupil_size)
    scan = NwbScan(
        animal=session.animal,
        session=1,
        scan_idx=1,
        masks=scan_masks(units.assign(coregistered=True), 1 / IMAGING_HZ, config.seed),
        intervals={"Clip": _intervals(trials, starts / FRAME_RATE_HZ, n_frames / FRAME_RATE_HZ)},
        movie=movie,
        movie_times_s=seconds,
        imaging_times_s=at,
        fluorescence=_fluorescence(counts, at, config.seed).T,
        pupil=pd.DataFrame({"time_s": at_eye, "minor_radius": 0.95 * radius, "major_radius": radius, "x": eye[:, 0], "y": eye[:, 1]}),
        treadmill=pd.DataFrame({"time_s": seconds, "velocity": behaviour.running}),
        eye_unit="degrees",
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_nwb(scan, folder, config.seed)


def _intervals(trials: pd.DataFrame, starts_s: Float[np.ndarray, " trials"], lasts_s: float) -> pd.DataFrame:
    """The interval table of the films."""
    names = trials["kind"] + "-" + trials["clip"]
    hashes = [hashlib.sha256(name.encode()).hexdigest()[:20] for name in names]
    told = {"trial": trials["trial"], "start_time": starts_s, "stop_time": starts_s + lasts_s, "duration": lasts_s}
    named = {"movie_name": names, "short_movie_name": trials["kind"], "stimulus_type": "stimulus.Clip", "condition_hash": hashes}
    return pd.DataFrame(told | named)


def _fluorescence(
    counts: Float[np.ndarray, "units frames"], at_s: Float[np.ndarray, " samples"], seed: int
) -> Float[np.ndarray, "units samples"]:
    """Fluorescence at the microscope's samples: every spike decays, and there is noise."""
    from scipy.signal import lfilter

    keep = float(np.exp(-1 / (INDICATOR_S * FRAME_RATE_HZ)))
    decayed = lfilter([1.0], [1.0, -keep], counts, axis=1)
    frames = np.clip(np.rint(at_s * FRAME_RATE_HZ).astype(np.int64), 0, counts.shape[1] - 1)
    noise = FLUORESCENCE_NOISE * rng_for(seed, "fluorescence of free viewing").standard_normal((len(counts), len(at_s)))
    return np.asarray(100 + 20 * (decayed[:, frames] + noise), dtype=np.float32)


def _film_of(clip: str) -> tuple[str, ...]:
    """Name of a film among those of its kind."""
    return ("free viewing", clip)


def _hash(session: Session) -> str:
    """16 hexadecimal digits that are the same for the same settings and animal."""
    return hashlib.sha256(repr((session.name, session.of.config.model_dump())).encode()).hexdigest()[:16]


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array)
