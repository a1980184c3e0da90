"""Tables of an NWB file: the traces of its imaging fields, the masks they are of, and its trials."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.sources.formats.measures import metres
from graphtwin.sources.formats.nwb_file import PLANES, SERIES, as_text, numbers_in, required_item, whole

MASKS_TOGETHER = 64  # images of masks that are in memory as float64 at once
TRACES = ("Fluorescence", "DfOverF")  # types of the containers that hold traces of cells
INVALID = "invalid_times"  # name of the table of intervals that the standard keeps for what shall not be analysed
LONGEST_SHARE = 100  # times that a series of behaviour may last longer than all trials: one in milliseconds lasts a thousand times longer

log = logging.getLogger("graphtwin")


def series_by_field(file: Any, path: Path) -> dict[int, str]:
    """Path of the traces of each field by its number: the one at the end of their name, or else their place in the order of names."""
    folder = _container(file, path)
    names = sorted(name for name, item in file[folder].items() if _kind(item) == "RoiResponseSeries")
    if not names:
        raise ValueError(f"{path}: {folder} holds no series of type RoiResponseSeries (it has {sorted(file[folder])}): no traces to read.")
    ends = [re.search(r"\d{1,9}$", name) for name in names]
    numbers = [int(end[0]) for end in ends if end]
    if len(set(numbers)) < len(names):
        numbers = list(range(1, len(names) + 1))
        log.info("%s: fields are numbered in the order of their names, %s", path, ", ".join(names))
    return {number: f"{folder}/{name}" for number, name in sorted(zip(numbers, names, strict=True))}


def _kind(item: Any) -> str:
    return "" if item is None else as_text(item.attrs.get("neurodata_type", ""))  # a link to nothing is None


def _container(file: Any, path: Path) -> str:
    """The group of the traces: that of the release, or the one of its type in any processing module."""
    usual = SERIES.rpartition("/")[0]
    modules = file["processing"].items() if "processing" in file else ()
    found = [f"processing/{name}/{inside}" for name, module in modules for inside in module or () if _kind(module.get(inside)) in TRACES]
    if usual in file or not found:
        required_item(file, usual, path)
        return usual
    if len(found) > 1:
        named = [one for one in found if one.endswith("/Fluorescence")]
        if len(named) != 1:
            raise ValueError(f"{path}: traces lie in {len(found)} places, {found}. Call one of them Fluorescence, or leave the others out.")
        found = named
    return found[0]


def plane_of(file: Any, series: str, number: int, path: Path) -> Any:
    """The plane segmentation whose masks a series' traces are of, as the series refers to it; by number where it does not."""
    import h5py

    table = required_item(file, f"{series}/rois", path).attrs.get("table")
    if isinstance(table, h5py.Reference):
        try:
            plane = file[table]
        except ValueError as error:
            raise ValueError(f"{path}: {series} refers to masks that are not in the file ({error}). Copy it again.") from error
        if plane.name is None:
            raise ValueError(f"{path}: {series} refers to masks that have no place in the file. Copy it again.")
        return plane
    return required_item(file, f"{PLANES}{number}", path)


def mask_centres(plane: Any, path: Path) -> Float[np.ndarray, "masks xyz"]:
    """The weighted middle of each mask, um; the plane's origin is taken for the centre of its field, as in the release.

    NaN, with a word in the log, where the file keeps no images of masks, or no place or spacing of its plane.
    """
    imaging = plane.get("imaging_plane")
    needed = {"image_mask": plane, "origin_coords": imaging, "grid_spacing": imaging}
    lacking = [name for name, group in needed.items() if group is None or name not in group]
    if lacking:
        log.warning("%s: %s has no %s, so that positions of its units are unknown.", path, plane.name, " and no ".join(lacking))
        return np.full((len(plane["id"]), 3), np.nan)
    images = plane["image_mask"]
    origin, spacing = (_micrometres(imaging[name], path) for name in ("origin_coords", "grid_spacing"))
    if (
        images.ndim != 3
        or len(images) != len(plane["id"])
        or not len(images)
        or origin.ndim != 1
        or spacing.ndim != 1
        or min(len(origin), len(spacing)) < 2
    ):
        raise ValueError(
            f"{path}: {plane.name} has masks of shape {images.shape}, an origin {origin} and a spacing {spacing}. Correct them."
        )
    middles = []
    for start in range(0, len(images), MASKS_TOGETHER):
        block = images[start : start + MASKS_TOGETHER].astype(np.float64)
        with np.errstate(invalid="ignore"):  # a mask without weight has no middle
            across = [block.sum(axis=3 - axis) @ np.arange(block.shape[axis]) / block.sum(axis=(1, 2)) for axis in (1, 2)]
        middles.append(np.stack(across, axis=1))
    centre = (np.array(images.shape[1:]) - 1) / 2
    plane_um = origin[:2] + (np.concatenate(middles) - centre) * spacing[:2]
    return np.column_stack([plane_um, np.full(len(images), origin[2] if len(origin) > 2 else np.nan)])


def _micrometres(lengths: Any, path: Path) -> Float[np.ndarray, " axes"]:
    """Lengths by their stated unit; the standard's is metres."""
    unit = as_text(lengths.attrs.get("unit", "meters"))
    factor = metres(unit)
    if factor is None:
        raise ValueError(f"{path}: the unit of {lengths.name} is {unit!r}, which is no unit of length that is read. Write meters.")
    return 1e6 * factor * np.atleast_1d(numbers_in(lengths, path))


def trials_in(file: Any, path: Path) -> tuple[pd.DataFrame, Float[np.ndarray, "intervals 2"]]:
    """Trials of all interval tables in the order they were shown, and the intervals that shall not be analysed.

    Returns:
        trial, stimulus, kind, start_s, stop_s; and begin and end of each invalid interval, seconds. A table that says of no interval
        what was shown is passed over with a word in the log, where another one does.
    """
    tables = {name: group for name, group in required_item(file, "intervals", path).items() if group is not None}
    invalid = np.empty((0, 2))
    if INVALID in tables:
        group = tables.pop(INVALID)
        ends = [numbers_in(required_item(group, name, path), path) for name in ("start_time", "stop_time")]
        invalid = np.column_stack(ends)
    told = {name: group for name, group in tables.items() if "condition_hash" in group}
    if told and len(told) < len(tables):
        log.warning("%s: intervals %s tell no condition_hash; passed over", path, sorted(tables.keys() - told.keys()))
    if not tables:
        raise ValueError(f"{path}: intervals holds no table of trials. Add one with start_time, stop_time and condition_hash.")
    parts = [_intervals(group, name, path) for name, group in (told or tables).items()]
    return pd.concat(parts, ignore_index=True).sort_values("start_s", ignore_index=True, kind="stable"), invalid


def _intervals(group: Any, name: str, path: Path) -> pd.DataFrame:
    names = {"trial": "id", "start_s": "start_time", "stop_s": "stop_time", "stimulus": "condition_hash"}
    stored = {ours: required_item(group, theirs, path) for ours, theirs in names.items()}
    columns = {ours: (whole if ours == "stimulus" else numbers_in)(one, path) for ours, one in stored.items()}
    if len({column.shape for column in columns.values()}) > 1 or columns["trial"].ndim != 1:
        told = {theirs: columns[ours].shape for ours, theirs in names.items()}
        raise ValueError(f"{path}: intervals/{name} has columns of different shapes, {told}. The file is damaged.")
    if not np.isfinite(columns["trial"]).all() or np.abs(columns["trial"]).max(initial=0) > 2**53:
        raise ValueError(f"{path}: intervals/{name} has ids of trials that are no whole numbers. The file is damaged: copy it again.")
    shown = {"trial": columns["trial"].astype(np.int64), "stimulus": [as_text(one) for one in columns["stimulus"]], "kind": name}
    return pd.DataFrame(shown | {ours: columns[ours] for ours in ("start_s", "stop_s")})


def require_covered(times_s: Float[np.ndarray, " samples"], moments: list[np.ndarray], where: str) -> None:
    """Raise where a series of behaviour has no sample during any trial, or lasts so much longer that its times are in another unit."""
    first, last = min(at[0] for at in moments), max(at[-1] for at in moments)
    spans = f"lasts from {times_s[0]:.4g} to {times_s[-1]:.4g} s, the trials from {first:.4g} to {last:.4g} s"
    if not any(((at >= times_s[0]) & (at <= times_s[-1])).any() for at in moments):
        raise ValueError(f"{where} {spans}: no trial has any of it. Are all times of one clock, in seconds?")
    if times_s[-1] - times_s[0] > LONGEST_SHARE * max(last - first, 1.0):
        raise ValueError(f"{where} {spans}. Were its times written in milliseconds? State the unit, or write seconds.")
