"""One scan out of an NWB file laid out as MICrONS publishes it (DANDI 000402); names of fields, planes and session may be another lab's.

Times are timestamps, or a starting time and a rate. Values are scaled by their conversion and offset, and brought from their stated unit
into ours; a unit that is not known is refused where it matters.

The file says which masks a trace belongs to and not which unit: unit ids come from the release's table of scan units, joined by field and
mask. Its root ids are floats, rounded above 2^53, and of materialization 343: they are never read. A unit reaches its nucleus through the
coregistration table by (session, scan_idx, unit_id).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin import schema
from graphtwin.sources.formats import (
    LONGEST_STEP_S,
    ROUNDING_S,
    Gaze,
    Recording,
    Trial,
    as_text,
    brackets,
    degrees,
    find_movie,
    gaze_of_series,
    interpolated,
    mask_centres,
    metres_a_second,
    oasis,
    opened,
    plane_of,
    require_covered,
    required_item,
    samples_of,
    scale_of,
    series_by_field,
    session_of,
    tell_infinities,
    times_of,
    trials_in,
    unit_of,
    whole,
    without_infinities,
)

Deconvolve = Callable[[Float[np.ndarray, "frames units"], float], Float[np.ndarray, "frames units"]]

Samples = tuple[Float[np.ndarray, " samples"], Float[np.ndarray, "samples channels"]]

PUPIL, EYE = "acquisition/PupilTracking/pupil_major_radius", "acquisition/EyeTracking/eye_position"
TREADMILL = "acquisition/treadmill_velocity"
BEHAVIOUR = {PUPIL: 1, EYE: 2, TREADMILL: 1}  # values of a sample
PIXELS = ("px", "pixel", "pixels")

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class _Field:
    """One imaging plane: its traces, and the masks they are of.

    Attributes:
        series: Path of the traces in the file.
        plane: Path of the masks in the file.
        times_s: Times at which frames began, seconds.
        masks: One row a trace: field, mask_id, mask_type.
        delays_s: Time from the beginning of a frame to the measurement of each unit, seconds.
        scale: Factor and summand that bring stored traces into their unit.
    """

    series: str
    plane: str
    times_s: Float[np.ndarray, " frames"]
    masks: pd.DataFrame
    delays_s: Float[np.ndarray, " units"]
    scale: tuple[Any, float]


def read_nwb(
    path: str | Path,
    units: pd.DataFrame | None = None,
    deconvolve: Deconvolve | None = oasis,
    frame_rate_hz: float | None = None,
    movie: Any = None,
) -> Recording:
    """The scan as a recording; arrays are read when a trial is opened, and the file is open only while they are.

    Traces are interpolated linearly from the time each field was measured, pupil and treadmill from their own times (NaN in gaps), and of
    the movie the picture is taken that was on the screen. Activity that was deconvolved counts the events since the frame before: it lags
    them by half a frame, and by what the indicator takes to rise. NaN in a trace says that its unit was not held: between such samples it
    is NaN too; a trace that has a gap cannot be deconvolved, one that is NaN throughout stays so. Frames before or after imaging or movie
    are cut off; a trial without any, or at times that the file calls invalid, is left out and counted in the log. The behaviour is
    pupil_size (major radius, in the unit that the file states: px) and running (cm/s). Where the unit of the eye's position is an angle it
    is the direction of gaze, and the comments of the series may say {"error_deg": ..., "delay_s": ...}. The release has no tiers: "". A
    session without numbers gets one that stands for its name.

    Args:
        path: NWB file.
        units: The release's table of scan units: session, scan_idx, unit_id, field, mask_id, and if it has them um_x, um_y, um_z
            (position) and ms_delay (from the beginning of a frame to the unit's measurement). Without it unit ids are -1, -2, ...,
            so that no join can succeed by accident, positions are those of the masks, and all fields are taken to be measured at once.
        deconvolve: Function from raw traces and their rate (Hz) to activity, which is called for each field when the first trial is opened
            and its result kept in memory; None gives the fluorescence as it is stored.
        frame_rate_hz: Frames a second of the trials, counted from the start of each; None keeps the imaging frames of the first field.
        movie: Movie, frames x height x width, of a file that keeps it outside.
    """
    path = Path(path)
    with opened(path) as file:
        session, scan_idx = session_of(file, path, numbered=units is not None)
        known = None if units is None else _of_scan(units, session, scan_idx)
        fields = [_field(file, number, name, known, path) for number, name in series_by_field(file, path).items()]
        table = pd.concat([_units(file, field, known, path) for field in fields], ignore_index=True)
        shown = find_movie(file, movie, path)
        pupil, eye, running = (samples_of(file, name, path, channels) for name, channels in BEHAVIOUR.items())
        cm_a_second = _cm_a_second(file, path)
        trials, moments = _trials(file, fields, shown.times_s, frame_rate_hz, path)
        gaze, eye = _gaze(file, eye, path)
        for name, (times, _) in zip(BEHAVIOUR, (pupil, eye, running), strict=True):
            require_covered(times, moments, f"{path}: {name}")
    if known is None:
        table["unit_id"] = -1 - np.arange(len(table), dtype=np.int64)
    rate = float(1 / np.median(np.diff(fields[0].times_s))) if frame_rate_hz is None else frame_rate_hz

    @cache
    def activity(place: int) -> np.ndarray:
        assert deconvolve is not None  # traces as they are stored are read where they are asked for
        with opened(path) as file:
            traces = whole(file[fields[place].series]["data"], path)
        own_rate = float(1 / np.median(np.diff(fields[place].times_s)))
        traces = _scaled(traces.reshape(len(traces), -1), fields[place].scale)
        log.info("%s: resting level, noise and penalty of each trace are those of the whole scan, held-out trials among them.", path)
        traces = traces if traces.dtype.kind == "f" else traces.astype(np.float64)
        held = ~np.isnan(traces).all(axis=0)
        found = np.full(traces.shape, np.nan, dtype=np.float32)
        try:
            found[:, held] = deconvolve(traces[:, held] if not held.all() else traces, own_rate)
        except ValueError as error:
            raise ValueError(f"{path}, {fields[place].series}: {error}") from error
        return found

    def open_trial(row: int) -> Trial:
        at = moments[row]
        with opened(path) as file:
            sources = [activity(place) if deconvolve else file[field.series]["data"] for place, field in enumerate(fields)]
            responses = [_responses(traces, field, at, path) for traces, field in zip(sources, fields, strict=True)]
            if not deconvolve:
                responses = [_scaled(part, field.scale).astype(np.float32) for part, field in zip(responses, fields, strict=True)]
            video = shown.at(file, movie, at)
        behaviour = np.concatenate([interpolated(*pupil, at), cm_a_second * interpolated(*running, at)], axis=1)
        seen_at = at if gaze is None else at + gaze.delay_s
        return Trial(video, np.concatenate(responses, axis=1), behaviour, interpolated(*eye, seen_at))

    columns = [*schema.UNIT_KEY, "x_um", "y_um", "z_um", "field", "mask_id", "mask_type"]
    table = table.assign(session=np.int64(session), scan_idx=np.int64(scan_idx))
    return Recording(path.stem, rate, table[columns], trials, ("pupil_size", "running"), open_trial, gaze=gaze)


def _of_scan(units: pd.DataFrame, session: int, scan_idx: int) -> pd.DataFrame:
    """The rows of the table of scan units that are of this scan."""
    origin, key = "the table of scan units", [*schema.UNIT_KEY, "field", "mask_id"]
    schema.require_columns(units, key, origin)
    units = units.assign(**{name: schema.as_ids(units[name], f"{origin}, column {name}") for name in key})
    schema.require_unique(units, schema.UNIT_KEY, origin)
    here = units[(units["session"] == session) & (units["scan_idx"] == scan_idx)]
    if here.empty:
        scans = units[["session", "scan_idx"]].drop_duplicates().to_numpy().tolist()
        raise ValueError(f"{origin}: no unit of session {session}, scan {scan_idx}; it has (session, scan_idx) {scans[:10]}.")
    schema.require_unique(here, ["field", "mask_id"], origin)
    return here


def _field(file: Any, number: int, name: str, known: pd.DataFrame | None, path: Path) -> _Field:
    """The field's traces with their masks, in the order of the traces, and the delay of each unit's measurement."""
    plane = plane_of(file, name, number, path)
    times = times_of(file, name, path, longest_step_s=LONGEST_STEP_S)
    rows = whole(required_item(file, f"{name}/rois", path), path)
    data = required_item(file, f"{name}/data", path)
    n_traces = data.shape[1] if data.ndim == 2 else 1
    if len(rows) != n_traces:
        raise ValueError(f"{path}: {name} has {n_traces} traces, but names {len(rows)} masks. The file is damaged.")
    ids = whole(required_item(plane, "id", path), path)
    if ids.dtype.kind not in "iu" or ids.ndim != 1:
        raise ValueError(f"{path}: the masks of {name} have ids of {ids.dtype} and shape {ids.shape}, which are no whole numbers.")
    stored = ids.astype(np.int64)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise ValueError(
            f"{path}: {name} names its masks by {rows.dtype} of shape {rows.shape}, which are no row numbers. Copy the file again."
        )
    if data.ndim > 2 or data.dtype.kind not in "biuf" or rows.min(initial=0) < 0 or rows.max(initial=0) >= len(stored):
        raise ValueError(
            f"{path}: {name} holds {data.dtype} of shape {data.shape}, and masks {rows.min()} to {rows.max()} of {len(stored)}."
        )
    ids = stored[rows]
    kinds = [as_text(kind) for kind in plane["mask_type"][:]] if "mask_type" in plane else [""] * len(stored)
    masks = pd.DataFrame({"field": np.int64(number), "mask_id": ids, "mask_type": np.array(kinds, dtype=object)[rows], "row": rows})
    delays = np.zeros(len(masks))
    if known is not None:
        masks = _with_units(masks, known, name, path)
        delays = masks["ms_delay"].to_numpy(np.float64) / 1000 if "ms_delay" in masks else delays
    return _Field(name, plane.name[1:], times, masks, delays, scale_of(file, name, path))


def _with_units(masks: pd.DataFrame, known: pd.DataFrame, name: str, path: Path) -> pd.DataFrame:
    """The masks with their units, by field and mask."""
    kept = [column for column in ("field", "mask_id", "unit_id", "um_x", "um_y", "um_z", "ms_delay") if column in known]
    joined = masks.merge(known[kept], on=["field", "mask_id"], how="left", validate="one_to_one")
    lacking = joined["unit_id"].isna()
    if lacking.any():
        raise ValueError(
            f"{path}: {int(lacking.sum())} of {len(joined)} masks of {name} are in no row of the table of scan units, first mask_id "
            f"{joined.loc[lacking, 'mask_id'].head(3).tolist()}. Give the table of the same segmentation."
        )
    return joined.astype({"unit_id": np.int64})


def _units(file: Any, field: _Field, known: pd.DataFrame | None, path: Path) -> pd.DataFrame:
    """One row a trace with its position: that of the table of scan units, or the middle of its mask."""
    place = dict(zip(["x_um", "y_um", "z_um"], ["um_x", "um_y", "um_z"], strict=True))
    if known is not None and set(place.values()) <= set(field.masks):
        return field.masks.rename(columns={theirs: ours for ours, theirs in place.items()})
    centres = mask_centres(file[field.plane], path)[field.masks["row"]]
    return field.masks.assign(**dict(zip(place, centres.T, strict=True)))


def _cm_a_second(file: Any, path: Path) -> float:
    """Centimetres a second in the unit of the treadmill's velocity."""
    unit = unit_of(file, TREADMILL)
    factor = metres_a_second(unit)
    if factor is None:
        raise ValueError(f"{path}: the unit of {TREADMILL} is {unit!r}; m/s, cm/s or mm/s is needed. State it in the file.")
    for name in (PUPIL, EYE):
        if unit_of(file, name).lower() not in PIXELS and (name == PUPIL or degrees(unit_of(file, name)) is None):
            log.info("%s: %s is in %r, and is handed over so.", path, name, unit_of(file, name))
    return 100 * factor


def _gaze(file: Any, eye: Samples, path: Path) -> tuple[Gaze | None, Samples]:
    """What the file declares of the gaze, and times and values of the eye, in degrees where it does."""
    factor = degrees(unit_of(file, EYE))
    gaze = gaze_of_series(factor, as_text(file[EYE].attrs.get("comments", "")), f"{path}, {EYE}")
    if factor is None:
        return gaze, eye
    tell_infinities({EYE: eye[1]}, str(path))
    return gaze, (eye[0], factor * without_infinities(eye[1]))


def _scaled(traces: np.ndarray, scale: tuple[Any, float]) -> np.ndarray:
    """Stored traces in their unit; as they are where the file scales nothing."""
    factor, summand = scale
    return traces if np.all(factor == 1) and summand == 0 else traces * factor + summand


def _responses(traces: Any, field: _Field, at: Float[np.ndarray, " moments"], path: Path) -> Float[np.ndarray, "moments units"]:
    """Every unit's trace at each moment, from the frames around it alone."""
    after, weight = brackets(field.times_s, at, field.delays_s)
    first = int(after.min()) - 1
    block = np.asarray(traces[first : int(after.max()) + 1])
    block = block.reshape(len(block), -1)
    endless = np.isinf(block).any(axis=1)
    if endless.any():
        raise ValueError(
            f"{path}: {int(endless.sum())} frames of {field.series} are infinite. Leave the trial out: they are never filled in."
        )
    units = np.arange(block.shape[1])
    later, earlier = block[after - first, units], block[after - first - 1, units]
    return np.where(weight == 1, later, weight * later + (1 - weight) * earlier).astype(np.float32)


def _trials(
    file: Any, fields: list[_Field], shown_s: np.ndarray, rate_hz: float | None, path: Path
) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """The trials of all interval tables in the order they were shown, and the moments of each."""
    listed, invalid = trials_in(file, path)
    first = max(shown_s[0], *(field.times_s[0] + field.delays_s.max() for field in fields))
    last = min(2 * shown_s[-1] - shown_s[-2], *(field.times_s[-1] + field.delays_s.min() for field in fields))
    bounds = listed[["start_s", "stop_s"]].to_numpy()
    moments = [_moments(fields[0].times_s, start, stop, rate_hz) for start, stop in bounds]
    moments = [at[(at >= first) & (at <= last)] for at in moments]
    listed["n_frames"] = np.array([len(at) for at in moments], dtype=np.int64)
    spoilt = np.array([((start < invalid[:, 1]) & (stop > invalid[:, 0])).any() for start, stop in bounds], dtype=bool)
    if spoilt.any():
        log.warning("%s: %d of %d trials meet times that the file calls invalid; left out", path, int(spoilt.sum()), len(spoilt))
    outside = (listed["n_frames"] == 0).to_numpy()
    if outside.any():
        log.warning("%s: %d of %d trials lie outside imaging or movie; left out", path, int(outside.sum()), len(outside))
    kept = ~outside & ~spoilt
    if not kept.any():
        begin, end = bounds[:, 0].min(), bounds[:, 1].max()
        raise ValueError(
            f"{path}: no trial is left of {len(listed)}, {int(spoilt.sum())} of them at invalid times. They last from {begin:.4g} to "
            f"{end:.4g} s, imaging and movie both from {first:.4g} to {last:.4g} s. Are all times of one clock, in seconds?"
        )
    listed = listed[kept].assign(tier="", has_responses=True).reset_index(drop=True)
    columns = ["trial", "tier", "stimulus", "kind", "n_frames", "has_responses", "start_s", "stop_s"]
    return listed[columns], [at for at, keep in zip(moments, kept, strict=True) if keep]


def _moments(times_s: np.ndarray, start_s: float, stop_s: float, rate_hz: float | None) -> Float[np.ndarray, " moments"]:
    """The imaging frames that began during a trial, or moments at a rate from its start."""
    if rate_hz is None:
        return times_s[(times_s >= start_s - ROUNDING_S) & (times_s < stop_s - ROUNDING_S)]
    return start_s + np.arange(int(np.ceil((stop_s - start_s - ROUNDING_S) * rate_hz))) / rate_hz
