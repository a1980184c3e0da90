"""An animal that looks around: units with Gabor fields on the retina, films of noise on a screen, gaze that jumps three times a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, map_coordinates

from graphtwin.coordinates import Monitor
from graphtwin.sources.formats import Gaze, Recording, Trial

HZ = 30.0
LAG = 2  # frames from picture to answer
SCREEN = Monitor(width_cm=50.8, height_cm=27.4, distance_cm=57.0)
HEIGHT, WIDTH = 36, 64
FIXATION = 10  # frames
PLACES_DEG = 0.75  # degrees from one place of the planted retina to the next


@dataclass(frozen=True)
class Planted:
    """A recording with the truth behind it: middles of fields, degrees rightwards and upwards, and true gaze of each trial."""

    recording: Recording
    fields_deg: np.ndarray
    gaze: list[np.ndarray]
    rates: list[np.ndarray]


def pixels(right: np.ndarray, up: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """Rows and columns of the film at retinal angles (places,), for every gaze (frames, 2), degrees: (2, frames, places)."""
    yaw, pitch = np.deg2rad(gaze).T[:, :, None]
    x, y = np.tan(np.deg2rad(right)), np.tan(np.deg2rad(up))
    higher, ahead = y * np.cos(pitch) + np.sin(pitch), np.cos(pitch) - y * np.sin(pitch)
    across, forth = x * np.cos(yaw) + ahead * np.sin(yaw), ahead * np.cos(yaw) - x * np.sin(yaw)
    left, top = (57.0 * part / forth for part in (across, -higher))
    return np.stack([(top / 27.4 + 0.5) * HEIGHT - 0.5, (left / 50.8 + 0.5) * WIDTH - 0.5])


def plant_gaze(
    units: int = 12,
    train: int = 10,
    test: int = 2,
    frames: int = 240,
    seed: int = 0,
    error_deg: float = 0.0,
    jump_deg: tuple[float, float] = (7.0, 4.0),
) -> Planted:
    """Poisson counts of complex cells on the retina; measured gaze errs by `error_deg` for a fixation, and is missing at times."""
    rng = np.random.default_rng(seed)
    middles = np.column_stack([rng.uniform(-8, 8, units), rng.uniform(-6, 6, units)])
    right, up = (part.ravel() for part in np.meshgrid(np.arange(-12, 12.1, PLACES_DEG), np.arange(-10, 10.1, PLACES_DEG)))
    angle = rng.uniform(0, np.pi, (units, 1))
    u, v = right - middles[:, :1], up - middles[:, 1:]
    window, along = np.exp(-(u**2 + v**2) / (2 * 1.5**2)), 2 * np.pi * (u * np.cos(angle) + v * np.sin(angle)) / 5
    gabors = np.stack([window * np.cos(along), window * np.sin(along)])
    gabors /= np.linalg.norm(gabors, axis=2, keepdims=True)
    kept, gazes, rates, rows = [], [], [], []
    for at, tier in enumerate(["train"] * train + ["test"] * test):
        noise = gaussian_filter(rng.standard_normal((frames, HEIGHT, WIDTH)), (4, 1.2, 1.2), mode="wrap")
        film = (128 + 40 * noise / noise.std()).astype(np.float32)
        jumps = rng.standard_normal((frames // FIXATION + 1, 2)) * jump_deg
        gaze = np.repeat(jumps, FIXATION, axis=0)[:frames]
        where = pixels(right, up, gaze)
        seen = np.stack([map_coordinates(film[t], where[:, t], order=1, cval=128.0) for t in range(frames)])
        energy = (np.einsum("fp,kup->fku", (seen - 128) / 40, gabors) ** 2).sum(1)
        energy = np.concatenate([np.repeat(energy[:1], LAG, axis=0), energy[:-LAG]])
        rate = 0.6 * energy**1.5 / (energy**1.5).mean()
        errors = np.repeat(rng.standard_normal(jumps.shape) * error_deg, FIXATION, axis=0)[:frames]
        measured = (gaze + errors).astype(np.float32)
        measured[100:106] = np.nan
        kept.append(Trial(film, rng.poisson(rate).astype(np.float32), np.zeros((frames, 0), np.float32), measured))
        gazes.append(gaze)
        rates.append(rate)
        rows.append((at, tier, f"clip {at}", "movie", frames, True))
    trials = pd.DataFrame(rows, columns=["trial", "tier", "stimulus", "kind", "n_frames", "has_responses"])
    table = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(units) + 1, "x_um": 0.0, "y_um": 0.0, "z_um": 200.0})
    recording = Recording("looking", HZ, table, trials, (), lambda row: kept[row], SCREEN, Gaze(error_deg))
    return Planted(recording, middles, gazes, rates)
