"""An open NWB file: its groups, texts and series with their times, or an error that says what it lacks."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from graphtwin.config import nearest_of
from graphtwin.sources.formats.clouds import first_line
from graphtwin.sources.formats.hdf5_heap import refuse_endless_heap
from graphtwin.sources.formats.measures import seconds
from graphtwin.sources.formats.recording import session_number

SERIES = "processing/ophys/Fluorescence/RoiResponseSeries"  # path of a field's traces, but for the number of the field
PLANES = "processing/ophys/ImageSegmentation/PlaneSegmentation"  # path of a field's masks, but for the number of the field

NUMBERED = r"(\d{1,18})-scan-(\d{1,18})"  # session id of the MICrONS scans: session and scan
SIGNATURE = b"\x89HDF\r\n\x1a\n"  # first bytes of an HDF5 file
ZARR_MARKS = (".zgroup", ".zattrs", ".zmetadata", "zarr.json")  # files at the top of a Zarr store
MOST_PACKED = 1100  # bytes that a stored byte unpacks to at most: 1032 by gzip
# Seconds between samples of imaging or behaviour, at most: at 10 Hz and more, times in milliseconds lie further apart.
LONGEST_STEP_S = 5.0

log = logging.getLogger("graphtwin")


def is_hdf5(path: Path) -> bool:
    """Whether a path is a file that begins as HDF5 does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def refuse_zarr(path: Path) -> None:
    """Raise where a path is a Zarr store, which NWB may be too."""
    if path.is_dir() and (path.suffix.lower() == ".zarr" or any((path / mark).exists() for mark in ZARR_MARKS)):
        raise ValueError(
            f"{path}: is a Zarr store, and NWB is read from HDF5 alone. Export it with hdmf-zarr (NWBZarrIO, then NWBHDF5IO.export) and "
            "give the .nwb file."
        )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, open for reading while the context lasts; what HDF5 finds damaged meanwhile is an error in words."""
    import h5py

    refuse_zarr(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}. Give the path of an NWB file.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path}: {path.stat().st_size} bytes that cannot be opened as HDF5 ({error}). The file is cut short or of another format: "
            "copy it again."
        ) from error
    try:
        with file:
            refuse_endless_heap(path)
            yield file
    except (OSError, RuntimeError, KeyError, TypeError, UnicodeDecodeError) as error:  # what h5py raises of a damaged file
        raise ValueError(f"{path}: is damaged within ({first_line(error)}). Copy it again.") from error


def whole(data: Any, path: Path) -> np.ndarray:
    """All values of a dataset; an error where it promises more than the file can hold."""
    if data.nbytes > MOST_PACKED * (data.id.get_storage_size() + 1000):
        raise ValueError(
            f"{path}: {data.name} promises {data.nbytes} bytes of shape {data.shape}, of which {data.id.get_storage_size()} are stored. "
            "The file is damaged or unfinished: copy it again."
        )
    return np.asarray(data[()])


def numbers_in(data: Any, path: Path) -> np.ndarray:
    """All values of a dataset as float64; an error where they are no numbers."""
    held = getattr(data, "dtype", None)  # a group has none
    if held is None or held.kind not in "biuf":
        raise ValueError(f"{path}: {data.name} holds {held or 'a group'} where numbers belong. The file is damaged: copy it again.")
    return whole(data, path).astype(np.float64)


def required_item(file: Any, name: str, path: Path) -> Any:
    """A group or dataset of the file; the error names what lies beside it."""
    if name in file:
        return file[name]
    parent, _, child = name.rpartition("/")
    beside = sorted(file[parent]) if parent in file and hasattr(file[parent], "keys") else sorted(file)
    lies = f"{parent} holds {beside[:10]}" if parent in file else f"{parent} is missing too (top: {beside})"
    raise ValueError(
        f"{path}: {name} is missing. {lies}{nearest_of(child, beside, '; nearest {}')}. "
        "Use a file with fluorescence, movie, intervals, pupil and treadmill, as DANDI 000402 has."
    )


def scan_of(file: Any, path: Path) -> tuple[int, int]:
    """Session and scan from the session id, as in 4-scan-7."""
    text = as_text(required_item(file, "general/session_id", path)[()])
    found = re.fullmatch(NUMBERED, text)
    if not found:
        raise ValueError(f"{path}: the session id is {text!r}; session and scan are read from one written as '4-scan-7'.")
    return int(found[1]), int(found[2])


def as_text(value: Any) -> str:
    """Text as Python's own, however HDF5 handed it over."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def text_at(file: Any, name: str) -> str:
    """The text of a dataset; empty where there is none."""
    return as_text(file[name][()]) if name in file else ""


def session_of(file: Any, path: Path, numbered: bool) -> tuple[int, int]:
    """Session and scan from the session id; where it is not written as 4-scan-7, a number that stands for the file's ids, and scan 0.

    Args:
        file: NWB file, opened.
        path: Path of the file, for errors.
        numbered: Whether nothing but a session id with both numbers will do.
    """
    text = text_at(file, "general/session_id")
    if numbered or re.fullmatch(NUMBERED, text):
        return scan_of(file, path)
    ids = [text_at(file, "general/subject/subject_id"), text, text_at(file, "identifier")]
    number = session_number("/".join(ids))
    log.info("%s: session %d stands for subject, session id and identifier %s; the scan is 0.", path, number, ids)
    return number, 0


def times_of(
    file: Any, name: str, path: Path, gaps: bool = False, samples: int | None = None, longest_step_s: float = np.inf
) -> Float[np.ndarray, " samples"]:
    """Times at which the samples of a series were taken, seconds: its timestamps, its own or by a link, or its starting time and rate.

    Args:
        file: NWB file, opened.
        name: Path of the series in the file.
        path: Path of the file, for errors.
        gaps: Whether times may be NaN.
        samples: Number of samples, of a series at a rate that keeps them outside the file.
        longest_step_s: Seconds from sample to sample beyond which times are taken to be in another unit than stated.
    """
    series = required_item(file, name, path)
    data = series.get("data")
    length = data.shape[0] if data is not None and data.shape else 0
    if "timestamps" not in series and "starting_time" in series:
        times = _regular_times(series["starting_time"], length or samples or 0, name, path)
    else:
        stamps = required_item(file, f"{name}/timestamps", path)
        times = numbers_in(stamps, path) * _seconds_a_unit(stamps, name, path)
        if times.ndim != 1:
            raise ValueError(f"{path}: timestamps of {name} have shape {times.shape}, but one a sample is needed. The file is damaged.")
    if length and len(times) != length:
        if data is not None and data.ndim > 1 and data.shape[1] == len(times):
            raise ValueError(
                f"{path}: {name} has shape {data.shape} for {len(times)} times: frames are its second axis, not its first. Turn it."
            )
        raise ValueError(f"{path}: {name} has {length} samples, but {len(times)} timestamps. The file is damaged: copy it again.")
    known = times[np.isfinite(times)]
    if len(known) < 2 or (np.diff(known) <= 0).any():
        where = f"{int((np.diff(known) <= 0).sum())} steps go backwards or stand still" if len(known) > 1 else "fewer than two are known"
        raise ValueError(f"{path}: the {len(times)} timestamps of {name} do not ascend ({where}). Nothing can be placed in time by them.")
    if len(known) < len(times) and not gaps:
        raise ValueError(
            f"{path}: {len(times) - len(known)} of {len(times)} timestamps of {name} are NaN. Frames of movie and imaging are placed by "
            "them: correct the file, or read another scan."
        )
    step = float(np.median(np.diff(known)))
    if step > longest_step_s:
        raise ValueError(
            f"{path}: samples of {name} lie {step:.4g} s apart by their timestamps. Were they written in milliseconds? State the unit, or "
            "write seconds, as NWB has them."
        )
    return times


def _regular_times(start: Any, length: int, name: str, path: Path) -> Float[np.ndarray, " samples"]:
    """Times of samples at a rate, seconds."""
    if start.shape or start.dtype.kind not in "biuf":
        raise ValueError(f"{path}: the starting time of {name} is {start.dtype} of shape {start.shape}, and no number. Correct it.")
    first, rate = float(start[()]), float(start.attrs.get("rate", np.nan))
    if not np.isfinite(first) or not 0 < rate < np.inf:
        raise ValueError(
            f"{path}: {name} has no timestamps, starts at {first} s and its rate is {rate} Hz. Its samples have no times: add them."
        )
    return first * _seconds_a_unit(start, name, path) + np.arange(length) / rate


def _seconds_a_unit(times: Any, name: str, path: Path) -> float:
    """Seconds in the unit in which times are stated; the standard's is seconds."""
    unit = as_text(times.attrs.get("unit", "seconds"))
    factor = seconds(unit)
    if factor is None:
        raise ValueError(f"{path}: times of {name} are stated in {unit!r}, which is no unit of time that is read. Write seconds.")
    return factor


def unit_of(file: Any, name: str) -> str:
    """Unit in which the values of a series are once they are scaled; empty where none is stated."""
    return as_text(file[name]["data"].attrs.get("unit", "")).strip()


def scale_of(file: Any, name: str, path: Path) -> tuple[Any, float]:
    """Factor and summand that bring the stored values of a series into its stated unit; a factor a channel where the file has them."""
    series = file[name]
    attributes = series["data"].attrs
    factor, summand = np.asarray(attributes.get("conversion", 1.0), dtype=np.float64), float(attributes.get("offset", 0.0))
    if "channel_conversion" in series:
        factor = factor * numbers_in(series["channel_conversion"], path)
    if not np.isfinite(factor).all() or not np.all(factor) or not np.isfinite(summand):
        raise ValueError(f"{path}: {name} has conversion {factor} and offset {summand}, which leave no values. Correct them in the file.")
    return factor, summand


def samples_of(
    file: Any, name: str, path: Path, channels: int
) -> tuple[Float[np.ndarray, " samples"], Float[np.ndarray, "samples channels"]]:
    """Times and values of a series of behaviour, in its stated unit; samples without a time are left out and counted in the log.

    Args:
        file: NWB file, opened.
        name: Path of the series in the file.
        path: Path of the file, for errors.
        channels: Number of values a sample has.
    """
    times = times_of(file, name, path, gaps=True, longest_step_s=LONGEST_STEP_S)
    data = required_item(file, f"{name}/data", path)
    if data.dtype.kind not in "biuf" or data.shape not in {(len(times),), (len(times), channels)}:
        raise ValueError(
            f"{path}: {name} holds {data.dtype} of shape {data.shape}; numbers of shape ({len(times)}, {channels}) are needed."
        )
    factor, summand = scale_of(file, name, path)
    values = numbers_in(data, path).reshape(len(times), -1) * factor + summand
    known = np.isfinite(times)
    if not known.all():
        log.warning("%s: %d of %d samples of %s have no timestamp; left out", path, int((~known).sum()), len(known), name)
    return times[known], values[known]
