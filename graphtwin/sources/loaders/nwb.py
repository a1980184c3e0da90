"""One scan out of an NWB file laid out as MICrONS publishes it (DANDI 000402).

The file says which masks a trace belongs to and not which unit: unit ids come from the release's table of scan units, joined by field and
mask. Its root ids are floats, rounded above 2^53, and of materialization 343: they are never read. A unit reaches its nucleus through the
coregistration table by (session, scan_idx, unit_id).
"""

from __future__ import annotations

import logging
import re
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
    PLANES,
    ROUNDING_S,
    SERIES,
    Recording,
    Trial,
    as_text,
    brackets,
    interpolated,
    oasis,
    opened,
    required_item,
    samples_of,
    scan_of,
    shown_at,
    times_of,
)

Deconvolve = Callable[[Float[np.ndarray, "frames units"], float], Float[np.ndarray, "frames units"]]

PUPIL, EYE = "acquisition/PupilTracking/pupil_major_radius", "acquisition/EyeTracking/eye_position"
TREADMILL = "acquisition/treadmill_velocity"
MASKS_TOGETHER = 64  # images of masks that are in memory as float64 at once

log = logging.getLogger("graphtwin")


@dataclass(frozen=True)
class _Field:
    """One imaging plane: its traces, and the masks they are of.

    Attributes:
        series: Path of the traces in the file.
        times_s: Times at which frames began, seconds.
        masks: One row a trace: field, mask_id, mask_type.
        delays_s: Time from the beginning of a frame to the measurement of each unit, seconds.
    """

    series: str
    times_s: Float[np.ndarray, " frames"]
    masks: pd.DataFrame
    delays_s: Float[np.ndarray, " units"]


@dataclass(frozen=True)
class _Movie:
    """Place of the movie and times at which its frames began; frames x width x height in the file, frames x height x width outside."""

    name: str
    times_s: Float[np.ndarray, " frames"]
    inside: bool


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
    them by half a frame, and by what the indicator takes to rise. Frames before or after imaging or movie are cut off; a trial without any
    is left out and counted in the log. The behaviour is pupil_size (major radius, px) and running (cm/s). The release has no tiers: "".

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
        session, scan_idx = scan_of(file, path)
        known = None if units is None else _of_scan(units, session, scan_idx)
        fields = [_field(file, number, known, path) for number in _field_numbers(file, path)]
        table = pd.concat([_units(file, field, known, path) for field in fields], ignore_index=True)
        shown = _movie(file, movie, path)
        pupil, eye, running = (samples_of(file, name, path) for name in (PUPIL, EYE, TREADMILL))
        trials, moments = _trials(file, fields, shown.times_s, frame_rate_hz, path)
    if known is None:
        table["unit_id"] = -1 - np.arange(len(table), dtype=np.int64)
    rate = float(1 / np.median(np.diff(fields[0].times_s))) if frame_rate_hz is None else frame_rate_hz

    @cache
    def activity(place: int) -> np.ndarray:
        with opened(path) as file:
            traces = file[fields[place].series]["data"][:]
        own_rate = float(1 / np.median(np.diff(fields[place].times_s)))
        if deconvolve is None:
            return traces
        try:
            return deconvolve(traces, own_rate).astype(np.float32)
        except ValueError as error:
            raise ValueError(f"{path}, {fields[place].series}: {error}") from error

    def open_trial(row: int) -> Trial:
        at = moments[row]
        with opened(path) as file:
            sources = [activity(place) if deconvolve else file[field.series]["data"] for place, field in enumerate(fields)]
            responses = [_responses(traces, field, at) for traces, field in zip(sources, fields, strict=True)]
            video = _video(file[shown.name]["data"] if shown.inside else movie, shown, at)
        behaviour = np.concatenate([interpolated(*pupil, at), 100 * interpolated(*running, at)], axis=1)
        return Trial(video, np.concatenate(responses, axis=1), behaviour, interpolated(*eye, at))

    columns = [*schema.UNIT_KEY, "x_um", "y_um", "z_um", "field", "mask_id", "mask_type"]
    table = table.assign(session=np.int64(session), scan_idx=np.int64(scan_idx))
    return Recording(path.stem, rate, table[columns], trials, ("pupil_size", "running"), open_trial)


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


def _field_numbers(file: Any, path: Path) -> list[int]:
    folder, _, prefix = SERIES.rpartition("/")
    numbers = [int(name.removeprefix(prefix)) for name in required_item(file, folder, path) if re.fullmatch(rf"{prefix}\d+", name)]
    if not numbers:
        raise ValueError(f"{path}: {folder} holds no {prefix}1, {prefix}2, ... (it has {sorted(file[folder])}): no traces to read.")
    return sorted(numbers)


def _field(file: Any, number: int, known: pd.DataFrame | None, path: Path) -> _Field:
    """The field's traces with their masks, in the order of the traces, and the delay of each unit's measurement."""
    name = f"{SERIES}{number}"
    plane = required_item(file, f"{PLANES}{number}", path)
    times = times_of(file, name, path)
    rows = required_item(file, f"{name}/rois", path)[:]
    n_traces = required_item(file, f"{name}/data", path).shape[1]
    if len(rows) != n_traces:
        raise ValueError(f"{path}: {name} has {n_traces} traces, but names {len(rows)} masks. The file is damaged.")
    ids = plane["id"][:].astype(np.int64)[rows]
    kinds = [as_text(kind) for kind in plane["mask_type"][:]] if "mask_type" in plane else [""] * len(plane["id"])
    masks = pd.DataFrame({"field": np.int64(number), "mask_id": ids, "mask_type": np.array(kinds, dtype=object)[rows], "row": rows})
    delays = np.zeros(len(masks))
    if known is not None:
        masks = _with_units(masks, known, name, path)
        delays = masks["ms_delay"].to_numpy(np.float64) / 1000 if "ms_delay" in masks else delays
    return _Field(name, times, masks, delays)


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
    centres = _mask_centres(file, int(field.masks["field"].iloc[0]), path)[field.masks["row"]]
    return field.masks.assign(**dict(zip(place, centres.T, strict=True)))


def _mask_centres(file: Any, number: int, path: Path) -> Float[np.ndarray, "masks xyz"]:
    """The weighted middle of each mask, um; the plane's origin is taken for the centre of its field, as in the release."""
    plane = required_item(file, f"{PLANES}{number}", path)
    images = required_item(file, f"{PLANES}{number}/image_mask", path)
    origin, spacing = (1e6 * required_item(plane, f"imaging_plane/{name}", path)[:] for name in ("origin_coords", "grid_spacing"))
    middles = []
    for start in range(0, len(images), MASKS_TOGETHER):
        block = images[start : start + MASKS_TOGETHER].astype(np.float64)
        with np.errstate(invalid="ignore"):  # a mask without weight has no middle
            across = [block.sum(axis=3 - axis) @ np.arange(block.shape[axis]) / block.sum(axis=(1, 2)) for axis in (1, 2)]
        middles.append(np.stack(across, axis=1))
    centre = (np.array(images.shape[1:]) - 1) / 2
    plane_um = origin[:2] + (np.concatenate(middles) - centre) * spacing[:2]
    return np.column_stack([plane_um, np.full(len(images), origin[2])])


def _movie(file: Any, movie: Any, path: Path) -> _Movie:
    """The movie, known by its type: its name differs from scan to scan, and the imaging series are image series too."""
    acquired = required_item(file, "acquisition", path)
    found = [name for name, item in acquired.items() if as_text(item.attrs.get("neurodata_type", "")) == "ImageSeries"]
    if len(found) != 1:
        raise ValueError(f"{path}: {len(found)} series of type ImageSeries in acquisition ({sorted(acquired)}); one is needed.")
    name = f"acquisition/{found[0]}"
    times = times_of(file, name, path)
    if movie is None and "external_file" in file[name]:
        outside = [as_text(one) for one in file[name]["external_file"][:]]
        raise ValueError(f"{path}: its movie lies outside, in {outside}. Decode it to frames x height x width and pass that as `movie`.")
    frames = movie if movie is not None else file[name]["data"]
    if len(frames.shape) != 3 or len(frames) != len(times):
        raise ValueError(f"{path}: the movie has shape {tuple(frames.shape)} and {len(times)} timestamps; one grey frame each is needed.")
    return _Movie(name, times, movie is None)


def _video(frames: Any, movie: _Movie, at: Float[np.ndarray, " moments"]) -> Float[np.ndarray, "moments height width"]:
    """The picture on the screen at each moment."""
    places = shown_at(movie.times_s, at)
    block = np.asarray(frames[int(places[0]) : int(places[-1]) + 1])[places - places[0]]
    return (block.transpose(0, 2, 1) if movie.inside else block).astype(np.float32)


def _responses(traces: Any, field: _Field, at: Float[np.ndarray, " moments"]) -> Float[np.ndarray, "moments units"]:
    """Every unit's trace at each moment, from the frames around it alone."""
    after, weight = brackets(field.times_s, at, field.delays_s)
    first = int(after.min()) - 1
    block = np.asarray(traces[first : int(after.max()) + 1])
    units = np.arange(block.shape[1])
    later, earlier = block[after - first, units], block[after - first - 1, units]
    return np.where(weight == 1, later, weight * later + (1 - weight) * earlier).astype(np.float32)


def _trials(
    file: Any, fields: list[_Field], shown_s: np.ndarray, rate_hz: float | None, path: Path
) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """The trials of all interval tables in the order they were shown, and the moments of each."""
    tables = [_intervals(group, name, path) for name, group in required_item(file, "intervals", path).items()]
    listed = pd.concat(tables, ignore_index=True).sort_values("start_s", ignore_index=True)
    first = max(shown_s[0], *(field.times_s[0] + field.delays_s.max() for field in fields))
    last = min(2 * shown_s[-1] - shown_s[-2], *(field.times_s[-1] + field.delays_s.min() for field in fields))
    moments = [_moments(fields[0].times_s, start, stop, rate_hz) for start, stop in listed[["start_s", "stop_s"]].to_numpy()]
    moments = [at[(at >= first) & (at <= last)] for at in moments]
    listed["n_frames"] = np.array([len(at) for at in moments], dtype=np.int64)
    kept = listed["n_frames"] > 0
    if not kept.all():
        log.warning("%s: %d of %d trials lie outside imaging or movie; left out", path, int((~kept).sum()), len(kept))
    listed = listed[kept].assign(tier="", has_responses=True).reset_index(drop=True)
    columns = ["trial", "tier", "stimulus", "kind", "n_frames", "has_responses", "start_s", "stop_s"]
    return listed[columns], [at for at, keep in zip(moments, kept, strict=True) if keep]


def _intervals(group: Any, name: str, path: Path) -> pd.DataFrame:
    columns = {ours: required_item(group, theirs, path)[:] for ours, theirs in {"start_s": "start_time", "stop_s": "stop_time"}.items()}
    hashes = [as_text(one) for one in required_item(group, "condition_hash", path)[:]]
    return pd.DataFrame({"trial": group["id"][:].astype(np.int64), "stimulus": hashes, "kind": name, **columns})


def _moments(times_s: np.ndarray, start_s: float, stop_s: float, rate_hz: float | None) -> Float[np.ndarray, " moments"]:
    """The imaging frames that began during a trial, or moments at a rate from its start."""
    if rate_hz is None:
        return times_s[(times_s >= start_s - ROUNDING_S) & (times_s < stop_s - ROUNDING_S)]
    return start_s + np.arange(int(np.ceil((stop_s - start_s - ROUNDING_S) * rate_hz))) / rate_hz
