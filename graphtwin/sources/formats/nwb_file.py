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

from graphtwin.config import nearest

SERIES = "processing/ophys/Fluorescence/RoiResponseSeries"  # path of a field's traces, but for the number of the field
PLANES = "processing/ophys/ImageSegmentation/PlaneSegmentation"  # path of a field's masks, but for the number of the field

log = logging.getLogger("graphtwin")


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, open for reading while the context lasts."""
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give the path of an NWB file.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path}: {path.stat().st_size} bytes that cannot be opened as HDF5 ({error}). The file is cut short or of another format: "
            "copy it again."
        ) from error
    with file:
        yield file


def required_item(file: Any, name: str, path: Path) -> Any:
    """A group or dataset of the file; the error names what lies beside it."""
    if name in file:
        return file[name]
    parent, _, child = name.rpartition("/")
    beside = sorted(file[parent]) if parent in file else sorted(file)
    raise ValueError(
        f"{path}: {name} is missing. {f'{parent} holds {beside[:10]}' if parent in file else f'{parent} is missing too (top: {beside})'}; "
        f"nearest {nearest(child, beside)!r}. Use a file with fluorescence, movie, intervals, pupil and treadmill, as DANDI 000402 has."
    )


def scan_of(file: Any, path: Path) -> tuple[int, int]:
    """Session and scan from the session id, as in 4-scan-7."""
    text = as_text(required_item(file, "general/session_id", path)[()])
    found = re.fullmatch(r"(\d+)-scan-(\d+)", text)
    if not found:
        raise ValueError(f"{path}: the session id is {text!r}; session and scan are read from one written as '4-scan-7'.")
    return int(found[1]), int(found[2])


def as_text(value: Any) -> str:
    """Text as Python's own, however HDF5 handed it over."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def times_of(file: Any, name: str, path: Path, gaps: bool = False) -> Float[np.ndarray, " samples"]:
    """Times at which the samples of a series were taken, seconds; its own, or through a link those of another series.

    Args:
        file: NWB file, opened.
        name: Path of the series in the file.
        path: Path of the file, for errors.
        gaps: Whether times may be NaN.
    """
    series = required_item(file, name, path)
    times = required_item(file, f"{name}/timestamps", path)[:].astype(np.float64)
    length = series["data"].shape[0] if "data" in series else 0
    if length and len(times) != length:
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
    return times


def samples_of(file: Any, name: str, path: Path) -> tuple[Float[np.ndarray, " samples"], Float[np.ndarray, "samples channels"]]:
    """A series of behaviour in its stated unit; samples without a time are left out and counted in the log."""
    times = times_of(file, name, path, gaps=True)
    data = file[name]["data"]
    values = data[:].astype(np.float64).reshape(len(times), -1) * data.attrs.get("conversion", 1.0) + data.attrs.get("offset", 0.0)
    known = np.isfinite(times)
    if not known.all():
        log.warning("%s: %d of %d samples of %s have no timestamp; left out", path, int((~known).sum()), len(known), name)
    return times[known], values[known]
