"""Units of visual areas in retinal coordinates: where they look, and the parts that they are made of.

V1: one part, simple to complex, of half a cycle about. LM: larger, complex, at five places; answers where two orientations meet, 40 degrees
apart, as in textures. V4: still larger; three parts along an arc, each with the orientation that the arc has there (curvature: Pasupathy &
Connor 2001, doi:10.1152/jn.2001.86.5.2505; conjunctions of complex parts: Cadieu et al. 2007, doi:10.1152/jn.01265.2006), at five places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.execute import rng_for
from graphtwin.shapes import Float
from graphtwin.synthetic.viewing.settings import ViewingConfig

WAVELENGTH_DEG = {"V1": (4.5, 0.2), "LM": (6.0, 0.2), "V4": (4.5, 0.15)}  # median, and SD of the log
SHORTEST_DEG = 3.2  # wavelength that the film's pixels still carry, degrees
FIELDS_DEG = {"V1": (8.0, 4.5), "LM": (7.0, 4.0), "V4": (6.0, 3.5)}  # about the gaze within which fields lie, either way, across and along
MEETING_DEG = 40.0  # degrees between the two orientations of a unit of LM
CYCLES = 0.4  # SD of a part's window over its wavelength
POOLED = {"V1": 0.0, "LM": 0.4, "V4": 0.4}  # distance of the four places about the middle one, over the wavelength
ARC_DEG = (5.0, 12.0)  # radius of the arc of a V4 unit, from and to


@dataclass(frozen=True)
class Area:
    """Units of an area.

    Attributes:
        name: V1, LM or V4.
        table: One row a unit: right_deg, up_deg (middle of its field about the gaze), size_deg (SD of its field), wavelength_deg,
            orientation_deg (along which its gratings' stripes run, 0 horizontal, counterclockwise), complexity (0 simple, 1 complex),
            phase_deg, curvature (1 / degree; 0 in V1 and LM), normalisation, rate_hz, running_weight, pupil_weight, saccade_weight,
            corollary_weight, corollary_deg (direction of saccades that it likes).
        parts: Of each unit, place and part: middle, rightwards and upwards, degrees, and orientation, degrees.
        attended_deg: Orientation that is attended to.
    """

    name: str
    table: pd.DataFrame
    parts: Float[np.ndarray, "units places parts three"]
    attended_deg: float


def draw_area(config: ViewingConfig, animal: int) -> Area:
    """Units of one animal.

    Args:
        config: Area and number of units.
        animal: Number of the animal.
    """
    rng, n, name = rng_for(config.seed, "visual area", config.area, animal), config.units, config.area
    right, up = (rng.uniform(-most, most, n) for most in FIELDS_DEG[name])
    median, spread = WAVELENGTH_DEG[name]
    wavelength = np.maximum(median * np.exp(spread * rng.standard_normal(n)), SHORTEST_DEG)
    orientation = rng.uniform(0, 180, n)
    parts = _parts(name, right, up, wavelength, orientation, rng)
    middle = parts[..., :2].mean((1, 2))
    scatter = np.sqrt(((parts[..., :2] - middle[:, None, None]) ** 2).mean((1, 2, 3)) + (CYCLES * wavelength) ** 2)
    table = pd.DataFrame(
        {
            "right_deg": middle[:, 0],
            "up_deg": middle[:, 1],
            "size_deg": scatter,
            "wavelength_deg": wavelength,
            "orientation_deg": orientation,
            "complexity": 1 / (1 + np.exp(-1.5 * rng.standard_normal(n))) if name == "V1" else np.ones(n),
            "phase_deg": rng.uniform(0, 360, n),
            "curvature": _curvature(parts) if name == "V4" else np.zeros(n),
            "normalisation": 0.8 * np.exp(0.4 * rng.standard_normal(n)),
            "rate_hz": config.rate_hz * np.exp(0.5 * rng.standard_normal(n)),
            "running_weight": 0.3 + 0.2 * rng.standard_normal(n),
            "pupil_weight": 0.3 + 0.2 * rng.standard_normal(n),
            "saccade_weight": rng.uniform(0.3, 1.5, n),
            "corollary_weight": rng.uniform(0.0, 0.8, n),
            "corollary_deg": rng.uniform(0, 360, n),
        }
    )
    return Area(name, table, parts, float(rng.uniform(0, 180)))


def _parts(
    name: str,
    right: Float[np.ndarray, " units"],
    up: Float[np.ndarray, " units"],
    wavelength: Float[np.ndarray, " units"],
    orientation: Float[np.ndarray, " units"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "units places parts three"]:
    """Middles and orientations of the parts of every unit at its places."""
    n = len(right)
    if name == "V1":
        offsets, angles = np.zeros((n, 1, 2)), orientation[:, None]
    elif name == "LM":
        offsets, angles = np.zeros((n, 2, 2)), np.stack([orientation - MEETING_DEG / 2, orientation + MEETING_DEG / 2], axis=1)
    else:
        radius, facing = rng.uniform(*ARC_DEG, n), rng.uniform(0, 2 * np.pi, n)
        on_arc = facing[:, None] + 1.1 * wavelength[:, None] / radius[:, None] * np.array([-1.0, 0.0, 1.0])
        offsets = radius[:, None, None] * np.stack([np.cos(on_arc), np.sin(on_arc)], axis=-1)
        offsets = offsets - offsets.mean(1, keepdims=True)
        angles = np.rad2deg(on_arc) + 90.0
    shifts = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) if POOLED[name] else np.zeros((1, 2))
    pooled = POOLED[name] * wavelength[:, None, None] * shifts
    middles = np.stack([right, up], axis=1)[:, None, None] + pooled[:, :, None] + offsets[:, None]
    turned = np.broadcast_to((angles % 180)[:, None, :, None], (*middles.shape[:3], 1))
    return np.concatenate([middles, turned], axis=-1)


def _curvature(parts: Float[np.ndarray, "units places parts three"]) -> Float[np.ndarray, " units"]:
    """One over the radius of the circle through the three parts of each unit, 1 / degree."""
    a, b, c = np.moveaxis(parts[:, 0, :, :2], 1, 0)
    (ux, uy), (vx, vy), (wx, wy) = (b - a).T, (c - b).T, (c - a).T
    area = np.abs(ux * wy - uy * wx) / 2
    return 4 * area / (np.hypot(ux, uy) * np.hypot(vx, vy) * np.hypot(wx, wy))
