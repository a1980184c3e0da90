"""Arrays of one trial, frames first: which of their axes are frames, rows, colour channels, and where the padding begins."""

from __future__ import annotations

import numpy as np

MOST_CHANNELS = 4  # colour channels of a picture, at most: a longer axis is one of space or time


def picture(stored: np.ndarray, channel: int | None, where: str) -> np.ndarray:
    """(1, height, width) of one picture, stored as (channels, height, width), (height, width, channels) or (height, width).

    Args:
        stored: The picture as it is stored.
        channel: Colour channel that is read; None where the recording names none.
        where: Path of the array, for errors.
    """
    if stored.ndim == 2:
        return _one(stored[None], 0, channel, where)[None]
    if stored.ndim != 3 or min(stored.shape[0], stored.shape[2]) > MOST_CHANNELS:
        raise ValueError(f"{where}: shape {stored.shape} is that of no picture. One is stored as (channels, height, width).")
    return _one(stored, 0 if stored.shape[0] <= MOST_CHANNELS else 2, channel, where)[None]


def clip(stored: np.ndarray, lengths: tuple[int, ...], channel: int | None, where: str) -> np.ndarray:
    """(height, width, frames) of one clip, whose frames are its last axis, as the releases have them, or its first.

    Args:
        stored: The clip as it is stored; with a fourth axis where it has colour channels.
        lengths: Frames of the trial's other files, with their padding and without: the axis of the clip that has as many is that of frames.
        channel: Colour channel that is read; None where the recording names none.
        where: Path of the array, for errors.
    """
    if stored.ndim == 4:
        of_colours = min((0, 2, 1, 3), key=lambda axis: stored.shape[axis])  # of axes as short as each other, the likeliest
        if stored.shape[of_colours] > MOST_CHANNELS:
            raise ValueError(f"{where}: shape {stored.shape}, of which no axis is one of colours. A clip is (height, width, frames).")
        stored = _one(stored, of_colours, channel, where)
    elif stored.ndim == 3:
        stored = _one(stored[None], 0, channel, where)
    else:
        raise ValueError(f"{where}: shape {stored.shape} is that of no clip. One is stored as (height, width, frames).")
    frames_first = stored.shape[-1] not in lengths and stored.shape[0] in lengths
    return np.moveaxis(stored, 0, -1) if frames_first else stored


def _one(stored: np.ndarray, axis: int, channel: int | None, where: str) -> np.ndarray:
    """The channel that is read; an error where there are several and none was named, or where that one is not there."""
    n = stored.shape[axis]
    if not stored.size:
        raise ValueError(f"{where}: shape {stored.shape}, which holds no pixel. Copy the recording again.")
    if channel is None and n != 1:
        raise ValueError(
            f"{where}: {n} colour channels (shape {stored.shape}), of which a twin sees one. Name it in the recording's config.json, as "
            '{"channel": 0} for the first, or save pictures of one channel.'
        )
    if channel is not None and channel >= n:
        raise ValueError(f"{where}: {n} colour channels (shape {stored.shape}), but config.json names channel {channel}, counted from 0.")
    return stored[(slice(None),) * axis + (channel or 0,)]


def rows_as_frames(stored: np.ndarray, n_rows: int, where: str) -> np.ndarray:
    """(frames, rows) of an array stored as (rows, frames), as (frames, rows), or as (rows,) for one picture."""
    if stored.ndim == 1 and len(stored) == n_rows:
        return stored[None]
    if stored.ndim == 2 and n_rows in stored.shape:
        return stored.T if stored.shape[0] == n_rows else stored
    raise ValueError(f"{where}: shape {stored.shape}, but {n_rows} rows are expected. The file belongs to another recording.")


def as_floats(values: np.ndarray) -> np.ndarray:
    """The values as floats that hold them; floats as they are."""
    return values if values.dtype.kind == "f" else values.astype(np.result_type(values.dtype, np.float32))


def finite_run(frames: np.ndarray, where: str) -> int:
    """Number of frames before the padding of NaN; an error where a value before it is not finite.

    Args:
        frames: Values, (frames, values).
        where: Path of the array, for errors.
    """
    if frames.dtype.kind != "f" and len(frames):
        return len(frames)
    known = np.isfinite(frames)
    finite, some = known.all(axis=1), known.any(axis=1)
    n_frames = int(np.flatnonzero(some)[-1]) + 1 if some.any() else 0
    if not finite[:n_frames].all() or n_frames == 0:
        wrong = np.flatnonzero(~finite[:n_frames])
        raise ValueError(
            f"{where}: {len(wrong)} of {n_frames} frames have NaN or infinite values, first frame {wrong[:1].tolist()}. "
            "Only padding at the end may be NaN: leave the trial out, or fill the gap before."
        )
    return n_frames
