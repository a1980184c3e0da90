"""Senses with places in the visual field: a screen whose pixels are fine enough to tell neighbours apart, and the pixel of each sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.spatial

from graphtwin.coordinates import Monitor
from graphtwin.shapes import Float, Int

FINER = 2.0  # pixels from one sense to its neighbour
MOST = 512  # pixels of a side
DISTANCE_CM = 100.0  # distance of the screen, which is made up: degrees alone count


@dataclass(frozen=True)
class EyeMap:
    """A screen around the middle of the visual field, and where on it each sense looks.

    Attributes:
        size: Height and width, pixels.
        monitor: A monitor that has these pixels, of the degrees that they span.
        pixel: Pixel of each sense, row by row; -1 for one without a place, which stays at rest.
    """

    size: tuple[int, int]
    monitor: Monitor
    pixel: Int[np.ndarray, " inputs"]


def eye_of(places_deg: Float[np.ndarray, "inputs 2"], names: Sequence[str] = ()) -> EyeMap:
    """The screen of senses whose places are known: each sees the pixel that it lies in, half as wide as from one sense to the next.

    Args:
        places_deg: Degrees right of and above the middle of the visual field; NaN where unknown.
        names: Names of the senses, for errors.

    Raises:
        ValueError: Fewer than two different places, or a field that would need more than 512 pixels across.
    """
    known = np.isfinite(places_deg).all(axis=1)
    apart = np.unique(np.round(places_deg[known], 6), axis=0)
    if len(apart) < 2:
        raise ValueError(
            f"{len(apart)} different places in the visual field of {len(places_deg)} inputs ({int(known.sum())} with a place): pictures "
            "need two or more. Give the place of each, in degrees."
        )
    nearest, _ = scipy.spatial.cKDTree(apart).query(apart, k=2)
    pixel_deg = float(np.median(nearest[:, 1])) / FINER
    reach = np.abs(places_deg[known]).max(axis=0) + pixel_deg / 2
    width, height = (2 * int(np.ceil(side / pixel_deg)) + 1 for side in reach)
    if max(width, height) > MOST:
        farthest = int(np.flatnonzero(known)[np.abs(places_deg[known]).max(axis=1).argmax()])
        told = repr(names[farthest]) if len(names) else f"input {farthest}"
        raise ValueError(
            f"The visual field would have {height} x {width} pixels of {pixel_deg:.3g} degrees, {MOST} a side at most; farthest out is "
            f"{told} at {places_deg[farthest].round(2).tolist()}. Give degrees from the middle of the field."
        )
    side = np.deg2rad(pixel_deg) * DISTANCE_CM
    column = np.rint(places_deg[:, 0] / pixel_deg) + (width - 1) // 2
    row = (height - 1) // 2 - np.rint(places_deg[:, 1] / pixel_deg)
    pixel = np.where(known, np.nan_to_num(row) * width + np.nan_to_num(column), -1).astype(np.int64)
    return EyeMap((height, width), Monitor(width_cm=side * width, height_cm=side * height, distance_cm=DISTANCE_CM), pixel)
