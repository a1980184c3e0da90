"""What falls on the retina: each of its places looks along a ray, which is turned with the eye and meets the screen somewhere.

The picture is warped backwards, from retina to screen, so that every place of the retina has a grey level, whatever shape the screen has.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from graphtwin.shapes import Float
from graphtwin.synthetic.function import GREY
from graphtwin.synthetic.viewing.settings import ScreenConfig

DEGREES = 0.75  # degrees between places of the retina that are simulated, in its middle
ACROSS, DOWN = 52, 36  # places of the retina that are simulated: 39 x 27 degrees about the gaze


def retinal_rays() -> Float[np.ndarray, "places 3"]:
    """Unit rays of the places of the retina, row by row from the upper left: rightwards, upwards, straight ahead."""
    right = (np.arange(ACROSS) - (ACROSS - 1) / 2) * DEGREES
    up = ((DOWN - 1) / 2 - np.arange(DOWN)) * DEGREES
    across, along = np.meshgrid(np.tan(np.deg2rad(right)), np.tan(np.deg2rad(up)))
    rays = np.stack([across.ravel(), along.ravel(), np.ones(across.size)], axis=1)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def turned(rays: Float[np.ndarray, "places 3"], gaze_deg: Float[np.ndarray, "frames 2"]) -> Float[np.ndarray, "frames places 3"]:
    """Rays of an eye that turned upwards and then, about the vertical, rightwards (Fick's order, without torsion).

    Args:
        rays: Unit rays of an eye that looks straight ahead.
        gaze_deg: Where the eye looks, degrees rightwards and upwards.
    """
    yaw, pitch = np.deg2rad(gaze_deg).T[:, :, None]
    right, up, ahead = rays.T
    higher, ahead = up * np.cos(pitch) + ahead * np.sin(pitch), ahead * np.cos(pitch) - up * np.sin(pitch)
    return np.stack([right * np.cos(yaw) + ahead * np.sin(yaw), higher, ahead * np.cos(yaw) - right * np.sin(yaw)], axis=-1)


def places_on(screen: ScreenConfig, rays: Float[np.ndarray, "*frames places 3"]) -> Float[np.ndarray, "*frames places 2"]:
    """Where rays meet the screen, rightwards and downwards, its edges at -1 and 1; infinite where they do not.

    Args:
        screen: The screen.
        rays: Unit rays from the eye: rightwards, upwards, straight ahead.
    """
    right, up, ahead = np.moveaxis(rays, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if screen.shape == "flat":
            angle = np.deg2rad(screen.turned_deg)
            normal = ahead * np.cos(angle) - right * np.sin(angle)  # of the ray, along the normal of the plane
            far = screen.distance_cm * np.cos(angle) / normal  # its middle is straight ahead at `distance_cm`
            x = far * (right * np.cos(angle) + ahead * np.sin(angle)) - screen.distance_cm * np.sin(angle)
            y, behind = far * up, normal <= 0
        elif screen.shape == "cylinder":
            x, y = screen.distance_cm * np.arctan2(right, ahead), screen.distance_cm * up / np.hypot(right, ahead)
            behind = np.zeros(x.shape, dtype=bool)
        else:
            x, y = screen.distance_cm * np.arctan2(right, ahead), screen.distance_cm * np.arcsin(np.clip(up, -1, 1))
            behind = np.zeros(x.shape, dtype=bool)
    found = np.stack([2 * x / screen.width_cm, -2 * y / screen.height_cm], axis=-1)
    found[behind | ~np.isfinite(found).all(-1)] = np.inf
    return np.asarray(found)


def retinal_pictures(
    frames: Float[np.ndarray, "frames height width"], gaze_deg: Float[np.ndarray, "frames 2"], screen: ScreenConfig
) -> Float[np.ndarray, "frames places"]:
    """Grey level of every place of the retina, between pixels bilinear, grey beyond the screen.

    Args:
        frames: Frames of film, each filling the screen.
        gaze_deg: Where the eye looks in each, degrees rightwards and upwards.
        screen: The screen.
    """
    seen = np.empty((len(frames), ACROSS * DOWN), dtype=np.float32)
    rays = retinal_rays()
    for start in range(0, len(frames), 300):
        some = slice(start, start + 300)
        seen[some] = _sampled(frames[some].astype(np.float32), places_on(screen, turned(rays, gaze_deg[some])).astype(np.float32))
    return seen


@njit(cache=True, nogil=True)
@no_type_check
def _sampled(frames, places):
    """Grey levels at places of each frame whose edges are at -1 and 1; `GREY` beyond them."""
    n_frames, height, width = frames.shape
    seen = np.full(places.shape[:2], np.float32(GREY))
    for t in range(n_frames):
        for at in range(places.shape[1]):
            across, along = places[t, at, 0], places[t, at, 1]
            if abs(across) <= 1 and abs(along) <= 1:
                x = min(max((across + 1) / 2 * width - 0.5, 0.0), width - 1.0)
                y = min(max((along + 1) / 2 * height - 0.5, 0.0), height - 1.0)
                left, top = min(int(x), width - 2), min(int(y), height - 2)
                by, down = np.float32(x - left), np.float32(y - top)
                upper = frames[t, top, left] + by * (frames[t, top, left + 1] - frames[t, top, left])
                lower = frames[t, top + 1, left] + by * (frames[t, top + 1, left + 1] - frames[t, top + 1, left])
                seen[t, at] = upper + down * (lower - upper)
    return seen
