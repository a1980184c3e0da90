"""The movie of an NWB file: which series it is, its frames in the order in which they were shown, and one grey picture of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from graphtwin.sources.formats.clip_arrays import MOST_CHANNELS
from graphtwin.sources.formats.common_frames import shown_at
from graphtwin.sources.formats.nwb_file import as_text, required_item, scale_of, times_of, whole

PRESENTED = "stimulus/presentation"  # group in which the standard keeps what was shown; MICrONS keeps it among acquisitions
OF_PICTURES, SHOWN = ("ImageSeries",), ("ImageSeries", "OpticalSeries", "IndexSeries")  # types of series, acquired and presented


@dataclass(frozen=True)
class Movie:
    """Place of a movie and times at which its frames began.

    Attributes:
        frames: Path of its frames in the file, or of each picture where they are kept one by one; empty where they are handed over.
        times_s: Times at which frames began, seconds.
        order: Which of the stored frames each shown one is; None where they are stored as they were shown.
        rows_first: Whether frames are stored as (height, width); the standard has (width, height).
        scale: Factor and summand that make grey levels of what is stored.
    """

    frames: str | tuple[str, ...]
    times_s: Float[np.ndarray, " frames"]
    order: np.ndarray | None
    rows_first: bool
    scale: tuple[float, float]

    def at(self, file: Any, outside: Any, moments_s: Float[np.ndarray, " moments"]) -> Float[np.ndarray, "moments height width"]:
        """The picture on the screen at each moment, from the file or from the frames handed over."""
        places = shown_at(self.times_s, moments_s)
        stored = file[self.frames] if isinstance(self.frames, str) and self.frames else outside
        if self.order is None:
            block = np.asarray(stored[int(places[0]) : int(places[-1]) + 1])[places - places[0]]
        else:
            wanted, again = np.unique(self.order[places], return_inverse=True)
            one_by_one = isinstance(self.frames, tuple)
            block = np.stack([np.asarray(file[self.frames[one]] if one_by_one else stored[int(one)]) for one in wanted])[again]
        block = block.reshape(block.shape[:3])  # without an axis of one channel
        turned = block if self.rows_first else block.transpose(0, 2, 1)
        factor, summand = self.scale
        return turned.astype(np.float32) if self.scale == (1.0, 0.0) else (turned * factor + summand).astype(np.float32)


def find_movie(file: Any, outside: Any, path: Path) -> Movie:
    """The movie, known by its type: its name differs from scan to scan, and the imaging series are image series too.

    Args:
        file: NWB file, opened.
        outside: Frames of the movie, frames x height x width, of a file that keeps them outside; or None.
        path: Path of the file, for errors.
    """
    name, kind = _series(file, path)
    if kind == "IndexSeries":
        return _indexed(file, name, outside, path)
    if outside is None and "external_file" in file[name]:
        files = [as_text(one) for one in whole(file[f"{name}/external_file"], path)]
        raise ValueError(f"{path}: its movie lies outside, in {files}. Decode it to frames x height x width and pass that as `movie`.")
    times = times_of(file, name, path, samples=None if outside is None else len(outside))
    frames = required_item(file, f"{name}/data", path) if outside is None else outside
    _require_pictures(frames, path)
    if len(frames) != len(times):
        raise ValueError(f"{path}: the movie has shape {frames.shape} and {len(times)} timestamps; one grey frame each is needed.")
    if outside is not None:
        return Movie("", times, None, True, (1.0, 0.0))
    return Movie(f"{name}/data", times, None, _rows_first(file[name], path), _grey_scale(file, name, path))


def _series(file: Any, path: Path) -> tuple[str, str]:
    """Path and type of the one series that is the movie: what was presented, or else the image series among acquisitions."""
    shown = _of_types(file, PRESENTED, SHOWN) if PRESENTED in file else {}
    acquired = required_item(file, "acquisition", path)
    found, where = (shown, PRESENTED) if shown else (_of_types(file, "acquisition", OF_PICTURES), "acquisition")
    if len(found) != 1:
        beside = sorted(found or acquired)
        raise ValueError(f"{path}: {len(found)} series of type ImageSeries in {where} ({beside}); one is needed.")
    name, kind = next(iter(found.items()))
    return f"{where}/{name}", kind


def _of_types(file: Any, group: str, types: tuple[str, ...]) -> dict[str, str]:
    linked = {name: item for name, item in file[group].items() if item is not None}  # a link to nothing is None
    found = {name: as_text(item.attrs.get("neurodata_type", "")) for name, item in linked.items()}
    return {name: kind for name, kind in found.items() if kind in types}


def _indexed(file: Any, name: str, outside: Any, path: Path) -> Movie:
    """A movie that is shown by the numbers of its frames: in a series of the templates, in a set of pictures, or in frames handed over."""
    template, pictures = file[name].get("indexed_timeseries"), file[name].get("indexed_images")
    order = whole(required_item(file, f"{name}/data", path), path)
    frames: str | tuple[str, ...] = ""
    rows_first, scale = True, (1.0, 0.0)
    if outside is not None:
        _require_pictures(outside, path)
        n = len(outside)
    elif template is not None:
        frames, stored = f"{template.name[1:]}/data", required_item(file, f"{template.name[1:]}/data", path)
        _require_pictures(stored, path)
        n, rows_first, scale = len(stored), _rows_first(template, path), _grey_scale(file, template.name[1:], path)
    else:
        frames = _one_by_one(file, name, pictures, path)
        n, rows_first = len(frames), False
    if order.ndim != 1 or order.dtype.kind not in "iu" or not len(order) or order.min() < 0 or order.max() >= n:
        raise ValueError(f"{path}: {name} holds {order.dtype} of shape {order.shape}, which are no numbers of {n} pictures. Correct them.")
    return Movie(frames, times_of(file, name, path), order.astype(np.int64), rows_first, scale)


def _one_by_one(file: Any, name: str, pictures: Any, path: Path) -> tuple[str, ...]:
    """Paths of the pictures of a set, in the order in which the file numbers them; all grey and of one size."""
    if pictures is None or "order_of_images" not in pictures:
        raise ValueError(
            f"{path}: nothing says which picture each number of {name} is. Add order_of_images, or pass the frames as `movie`."
        )
    found = [file[one] for one in whole(pictures["order_of_images"], path)]
    shapes = {tuple(one.shape) for one in found}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"{path}: {pictures.name} has pictures of shapes {sorted(shapes)[:5]}. Grey ones of one size are needed.")
    return tuple(one.name for one in found)


def _require_pictures(frames: Any, path: Path) -> None:
    """Raise unless frames are grey pictures; colours and volumes are told apart by the length of the last axis."""
    shape = tuple(frames.shape)
    if len(shape) == 4 and 1 < shape[3] <= MOST_CHANNELS:
        raise ValueError(
            f"{path}: the movie has shape {shape}: {shape[3]} colour channels, of which a twin sees one. Save one of them in the file, or "
            "pass it to `read_nwb` as `movie`, frames x height x width."
        )
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 1) or np.dtype(frames.dtype).kind not in "biuf":
        raise ValueError(f"{path}: the movie has shape {shape} of {frames.dtype}, and is no series of grey pictures.")


def _rows_first(series: Any, path: Path) -> bool:
    """Whether frames are stored as (height, width): their size is stated as (width, height), or else the standard's order holds."""
    if "dimension" not in series:
        return False
    stored, stated = tuple(series["data"].shape[1:3]), tuple(int(one) for one in whole(series["dimension"], path).ravel()[:2])
    if stated not in (stored, stored[::-1]):
        raise ValueError(f"{path}: {series.name} has frames of {stored} pixels, but states a dimension of {stated}. One of both is wrong.")
    return stated != stored


def _grey_scale(file: Any, name: str, path: Path) -> tuple[float, float]:
    factor, summand = scale_of(file, name, path)
    return float(factor), summand
