"""Recordings of the Sensorium releases: `static*` of 2022 (images) and `dynamic*` of 2023 (video), as a folder or as the .zip beside it.

Files are never written. Those of video are opened by memory map; those of pictures, once they were looked at, stay in memory as far as they
fit. Clips are padded with NaN: the valid frames are the finite run of the behaviour, with which video and responses must agree, or that of
the video where no behaviour was recorded. NaN of a unit among valid frames says that it was not held there; a trial that held no unit has
no responses, nor has one of zeros alone unless units are silent now and then, see `silent_trials`. Behaviour, eye position and
cortical positions may be absent, in all trials or in none: they were then not recorded, see
`side_channels`. Repeats are clips whose valid frames are the same, in whatever numbers they are stored. `config.json` may say what the
layout does not: frame rate, monitor, gaze, names of behaviour, colour channel, folders under other names. Beyond the releases
`meta/trials/n_repeats.npy` may say, a number a trial, how many showings the responses of each are the mean of.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.coordinates import MINNIE65_MONITOR
from graphtwin.sources.formats import (
    DECLARED,
    ArrayFiles,
    Gaze,
    KeptArrays,
    Recording,
    ReleaseLayout,
    SideChannels,
    Trial,
    array_files,
    as_floats,
    clip,
    finite_run,
    gaze_in,
    layout_of,
    linked,
    monitor_in,
    picture,
    require_no_leakage,
    rows_as_frames,
    session_number,
    side_channels_in,
    tell_infinities,
    tell_shown_elsewhere,
    with_silence,
    without_delay,
    without_infinities,
)

log = logging.getLogger("graphtwin")

RELEASED = re.compile(r"(?:static|dynamic)\d+-(\d+)-(\d+)(?![^-])")  # name of a released recording: animal, session, scan
PLACES = "meta/neurons/cell_motor_coordinates.npy"
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
        ValueError: A file cannot be read; lengths or numbers of units disagree; a value of video or behaviour within the valid frames is
            not finite, or a response is infinite; pictures have several sizes, or several colour channels of which none is named.
    """
    files = array_files(Path(path))
    settings = files.settings()
    files = linked(files, settings)
    layout = layout_of(files, settings)
    if layout.stimulus == "images":
        files = replace(files, kept=KeptArrays())
    tiers = _tiers(files)
    units = _units(files)
    numbers = files.trials(layout.stimulus)
    if len(tiers) <= max(numbers):
        raise ValueError(f"{files.path}: tiers of {len(tiers)} trials, but there is data/{layout.stimulus}/{max(numbers)}.npy.")
    side = side_channels_in(files, layout, numbers, declared=bool(settings.get("behavior")))
    gaze, degrees = gaze_in(settings, f"{files.path}/config.json")
    if gaze is not None and not side.eye:
        log.warning("%s: config.json declares the gaze, and no eye position was recorded: the view follows nothing.", files.name)
        gaze = None
    if gaze is not None:
        _doubt_gaze(files.name, side.missing_axes, bool(settings.get("monitor")))
    trials = _trials(files, layout, side, numbers, tiers, len(units))
    require_no_leakage(trials, files.name, leakage_is_error)
    units["fires"] = _fires(files, trials, len(units))
    of_trials = trials[["trial", "n_frames", "has_responses"]].to_numpy(np.int64)
    if gaze is not None:
        tell_infinities({f"trial {number}": side.eye_position(files, number, n) for number, n, _ in of_trials.tolist()}, files.name)
    _say(files, layout, side, settings, trials, units)
    return Recording(
        name=files.name,
        frame_rate_hz=layout.frame_rate_hz,
        units=units,
        trials=trials,
        behaviour=side.names,
        monitor=monitor_in(files, settings),
        gaze=gaze,
        open_trial=partial(_open, files, layout, side, gaze, degrees, len(units), of_trials),
    )


def _doubt_gaze(name: str, missing_axes: tuple[str, ...], has_monitor: bool) -> None:
    """Warn where declared gaze lacks what turns it into a place on the screen: one of its axes, or the screen."""
    if missing_axes:
        log.warning(
            "%s: config.json declares the gaze, but its %s axis is NaN or infinite throughout: the view follows nothing. Write 0 where the "
            "eye does not turn that way, or take the entry away.", name, missing_axes[0],
        )  # fmt: skip
    if not has_monitor:
        log.warning(
            "%s: config.json declares the gaze and no monitor: degrees become places on a screen of %s. Name the one that was used.",
            name, MINNIE65_MONITOR,
        )  # fmt: skip


def _tiers(files: ArrayFiles) -> np.ndarray:
    """Name of the tier of each trial, as text, whether stored as text, bytes or numbers."""
    name = "meta/trials/tiers.npy"
    stored = files.array(name)
    if stored.ndim != 1:
        raise ValueError(f"{files.where(name)}: shape {stored.shape}, but one tier a trial is expected.")
    try:
        return np.char.strip(np.char.decode(stored, "utf-8") if stored.dtype.kind == "S" else stored.astype(str))
    except UnicodeDecodeError as error:
        raise ValueError(f"{files.where(name)}: holds bytes that are no UTF-8 ({error}). Save the tiers as text.") from error


def _units(files: ArrayFiles) -> pd.DataFrame:
    """One row a unit; where no file names session and scan, they are those of the recording's name, or a number that stands for it."""
    ids = files.whole_numbers("meta/neurons/unit_ids.npy")
    place = files.numbers(PLACES) if PLACES in files else np.full((len(ids), 3), np.nan)
    if place.shape != (len(ids), 3):
        raise ValueError(
            f"{files.path}/meta/neurons: {len(ids)} unit_ids, but cell_motor_coordinates are {place.shape}. They must be (units, 3)."
        )
    units = pd.DataFrame(dict(zip(("session", "scan_idx"), _session_and_scan(files), strict=True)) | {"unit_id": ids})
    units[["x_um", "y_um", "z_um"]] = np.asarray(place, dtype=np.float64)
    for name in files.under("meta/neurons"):
        stem = PurePosixPath(name).stem
        column = NEURON_COLUMNS.get(stem, stem)
        if column in ("session", "scan_idx"):
            values = files.whole_numbers(name)
            if len(values) != len(ids):
                raise ValueError(f"{files.where(name)}: {len(values)} values, but {len(ids)} unit_ids. Each unit has one.")
            units[column] = values
        elif column != "unit_id" and (values := files.array(name)).shape == (len(ids),):
            units[column] = np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else np.asarray(values)
    repeated = units.duplicated(["session", "scan_idx", "unit_id"])
    if repeated.any():
        raise ValueError(f"{files.path}: {int(repeated.sum())} of {len(units)} unit_ids occur before. A unit must have one row.")
    return units


def _session_and_scan(files: ArrayFiles) -> tuple[int, int]:
    """Session and scan by the recording's name, or that of the folder behind a link, where it is written as the releases write theirs."""
    named = RELEASED.match(files.name) or RELEASED.match(files.path.resolve().name)
    if named:
        return int(named[1][:18]), int(named[2][:18])
    number = session_number(files.name)
    if not {"meta/neurons/sessions.npy", "meta/neurons/scan_idx.npy"} <= set(files.stored):
        log.info("%s: session %d stands for the name, which tells no numbers of session and scan.", files.name, number)
    return number, 0


def _trials(
    files: ArrayFiles, layout: ReleaseLayout, side: SideChannels, numbers: list[int], tiers: np.ndarray, n_units: int
) -> pd.DataFrame:
    """One row a trial that has a picture; all pictures have one size."""
    from graphtwin.progress import tqdm

    kinds, images, n_repeats = (_of_trials(files, name, len(tiers)) for name in ("stimulus_type", "frame_image_id", "n_repeats"))
    rows = []
    sizes: dict[tuple[int, int], list[int]] = {}
    for number in tqdm(numbers, desc=f"reading {files.name}", unit="trial", delay=2, leave=False):
        n_frames, shown, size, has_responses = _look(files, layout, side, number, n_units)
        sizes.setdefault(size, []).append(number)
        rows.append((number, str(tiers[number]), shown, n_frames, has_responses))
    if len(sizes) > 1:
        told = ", ".join(f"{size[0]} x {size[1]} in {len(of)} trials (first {of[0]})" for size, of in sizes.items())
        raise ValueError(f"{files.path}: pictures of {len(sizes)} sizes: {told}. All fill the same monitor: bring them to one size.")
    trials = pd.DataFrame(rows, columns=["trial", "tier", "stimulus", "n_frames", "has_responses"])
    trials = with_silence(trials, files, n_units)
    trials.insert(3, "kind", layout.stimulus.removesuffix("s") if kinds is None else kinds[numbers].astype(str))
    if n_repeats is not None:
        trials["n_repeats"] = n_repeats[numbers]
    if images is None:
        return trials
    tell_shown_elsewhere(trials, files.name)
    return trials.assign(stimulus=_stimuli(images[numbers].astype(str), trials["stimulus"], files))


def _of_trials(files: ArrayFiles, name: str, n_trials: int) -> np.ndarray | None:
    """An optional array of `meta/trials`, one value a trial."""
    path = f"meta/trials/{name}.npy"
    values = files.array(path) if path in files else None
    if values is not None and values.shape != (n_trials,):
        raise ValueError(f"{files.where(path)}: shape {values.shape}, but there are tiers of {n_trials} trials. Each trial has one.")
    return np.char.decode(values, "utf-8", "replace") if values is not None and values.dtype.kind == "S" else values


def _stimuli(named: np.ndarray, shown: pd.Series, files: ArrayFiles) -> np.ndarray:
    """Names of the pictures as the recording has them, unless one name is given to pictures that differ: then what they show."""
    several = shown.groupby(named).nunique()
    if (several > 1).any():
        log.warning(
            "%s: %d of %d names in frame_image_id are given to pictures that differ; repeats are found by what pictures show.",
            files.name, int((several > 1).sum()), len(several),
        )  # fmt: skip
        return shown.to_numpy()
    return named


def _look(
    files: ArrayFiles, layout: ReleaseLayout, side: SideChannels, number: int, n_units: int
) -> tuple[int, str, tuple[int, int], bool]:
    """Number of valid frames, a name for what they show, height and width, and whether responses are there; errors where files disagree."""
    lengths, name = side.lengths(files, number, n_units), f"data/{layout.stimulus}/{number}.npy"
    video = _video(files, layout, number, lengths)  # shape: (height, width, frames)
    pixels = video.reshape(-1, video.shape[-1])
    padded, n_frames = lengths if side.names else (video.shape[-1], finite_run(pixels.T, files.where(name)))
    padded_alike = video.dtype.kind != "f" and video.shape[-1] == padded  # integers have no NaN to be padded with
    shown = n_frames if padded_alike or not side.names else finite_run(pixels.T, files.where(name))
    if shown != n_frames:
        raise ValueError(
            f"{files.where(name)}: {shown} finite frames, but data/behavior/{number}.npy has {n_frames}. Cut both to one length."
        )
    stimulus = hashlib.blake2b(_grey_levels(pixels[:, :n_frames]).tobytes(), digest_size=8).hexdigest()
    side.eye_position(files, number, n_frames)
    answers = f"data/responses/{number}.npy"
    size = (video.shape[0], video.shape[1])
    if answers not in files:
        return n_frames, stimulus, size, False
    responses = rows_as_frames(files.numbers(answers), n_units, files.where(answers))
    if not responses[:n_frames].any() or not _holds(responses[:n_frames]):
        return n_frames, stimulus, size, False
    without_nan = responses.dtype.kind != "f" and len(responses) == padded  # padded like the behaviour
    if len(responses) < n_frames or (len(responses) > n_frames and np.isfinite(responses[n_frames]).any() and not without_nan):
        finite = int(np.isfinite(responses).any(axis=1).sum())  # frames in which any unit has a response
        raise ValueError(
            f"{files.where(answers)}: responses to {finite} frames, but {n_frames} were shown. Responses and frames must have one length."
        )
    return n_frames, stimulus, size, True


def _holds(responses: np.ndarray) -> bool:
    """Whether any response is a number; the first unit, which is read in one piece, mostly tells."""
    return bool(np.isfinite(responses[:, 0]).any() or np.isfinite(responses).any())


def _grey_levels(pixels: np.ndarray) -> np.ndarray:
    """Grey levels in the smallest of two forms, so that a clip is the same in whatever form it is stored: bytes, or 32-bit floats."""
    if pixels.dtype == np.uint8:
        return pixels
    with np.errstate(invalid="ignore"):  # a grey level that is no byte becomes another one, which is found below
        if np.array_equal(pixels[:, 0], pixels[:, 0].astype(np.uint8)):
            levels = pixels.astype(np.uint8)
            if np.array_equal(pixels, levels):
                return levels
    return pixels.astype("<f4")


def _video(files: ArrayFiles, layout: ReleaseLayout, number: int, lengths: tuple[int, ...]) -> np.ndarray:
    """(height, width, frames) of a trial; an image is one frame."""
    name = f"data/{layout.stimulus}/{number}.npy"
    if layout.stimulus == "images":
        return np.moveaxis(picture(files.numbers(name), layout.channel, files.where(name)), 0, -1)
    return clip(files.numbers(name), lengths, layout.channel, files.where(name))


def _open(
    files: ArrayFiles,
    layout: ReleaseLayout,
    side: SideChannels,
    gaze: Gaze | None,
    degrees: float,
    n_units: int,
    trials: np.ndarray,
    row: int,
) -> Trial:
    """Read one trial without its padding; infinite responses are an error here, when they are asked for."""
    number, n, has_responses = trials[row].tolist()
    behaviour = side.behaviour(files, number)
    video = np.moveaxis(_video(files, layout, number, side.lengths(files, number, n_units)), -1, 0)[:n]
    moved = np.zeros((n, 0), dtype=np.float32) if behaviour is None else as_floats(behaviour[:n])
    responses = None
    if has_responses:
        name = f"data/responses/{number}.npy"
        responses = as_floats(rows_as_frames(files.numbers(name), n_units, files.where(name))[:n])
        endless = np.isinf(responses)
        if endless.any():
            raise ValueError(
                f"{files.where(name)}: {int(endless.sum())} responses are infinite, of {int(endless.any(0).sum())} of {n_units} units in "
                f"{int(endless.any(1).sum())} of {n} frames, first frame {int(np.flatnonzero(endless.any(1))[0])}. Set to NaN what was not "
                "measured: it is left out, and never filled in."
            )
    eye = side.eye_position(files, number, n)
    if gaze is not None:
        eye = without_delay(np.float32(degrees) * without_infinities(eye), gaze.delay_s, layout.frame_rate_hz)
    return Trial(as_floats(video), responses, moved, eye)


def _largest_responses(files: ArrayFiles, n_units: int) -> np.ndarray | None:
    """Largest response of each unit in training, (units, frames), by statistics that releases name differently; None without them."""
    for folder in ("all", "stimulus_Frame", "stimulus_frame"):
        name = f"meta/statistics/responses/{folder}/max.npy"
        if name in files:
            return rows_as_frames(files.numbers(name), n_units, files.where(name)).T
    return None


def _fires(files: ArrayFiles, trials: pd.DataFrame, n_units: int) -> np.ndarray:
    """Whether each unit answers anything in training: by the statistics of the release, or by the responses where it has none."""
    largest = _largest_responses(files, n_units)
    if largest is not None:
        return np.asarray((np.nan_to_num(largest) != 0).any(axis=1))
    fires = np.zeros(n_units, dtype=bool)
    for number in trials["trial"][trials["has_responses"] & (trials["tier"] == "train")]:
        name = f"data/responses/{number}.npy"
        fires |= (np.nan_to_num(rows_as_frames(files.numbers(name), n_units, files.where(name))) != 0).any(axis=0)
    return fires


def _say(
    files: ArrayFiles, layout: ReleaseLayout, side: SideChannels, settings: dict[str, Any], trials: pd.DataFrame, units: pd.DataFrame
) -> None:
    """Tell the log what was found, what of it is not used, and how many units never fire."""
    name, told = files.name, trials["tier"].value_counts().sort_index()
    rate = "" if layout.stimulus == "images" else f" Its clips have {layout.frame_rate_hz:g} frames a second."
    log.info(
        f"{name}: {len(units)} units, {len(trials)} trials of {trials['stimulus'].nunique()} stimuli "
        f"({', '.join(f'{tier} {n}' for tier, n in told.items())}); {int((~trials['has_responses']).sum())} trials have no responses.{rate}"
    )
    placed = np.isfinite(units[["x_um", "y_um", "z_um"]].to_numpy()).any()
    lacking = side.lacking if placed else (*side.lacking, f"cortical positions (no numbers in {PLACES})")
    if lacking:
        log.info("%s: not recorded: %s. A twin does without; nothing is filled in.", name, ", ".join(lacking))
    unread = sorted(set(settings) - set(DECLARED))
    if unread:
        log.info("%s: config.json names %s, which is not used.", name, ", ".join(unread))
    if "train" not in told:
        log.warning("%s: no trial is of tier train. Name the tiers to fit among %s: clips.train_tiers.", name, list(told.index))
    without = set().union(*(files.trials(kind) for kind in ("responses", "behavior"))) - set(trials["trial"])
    if without:
        log.warning("%s: %d trials have no picture and are left out, first %d.", name, len(without), min(without))
    if not units["fires"].all():
        log.warning(
            f"{name}: {int((~units['fires']).sum())} of {len(units)} units never fire in training. Their column `fires` is False: "
            "leave them out of scores, which are undefined for them."
        )
