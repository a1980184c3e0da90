"""Recordings of planted units: linear-nonlinear, each with a field of known place, orientation and lag, answering smooth moving noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, shift

from graphtwin.sources.formats.recording import Recording, Trial

HZ = 30.0
LAG = 2  # frames from picture to answer


@dataclass(frozen=True)
class Planted:
    """A recording with the truth behind it.

    Attributes:
        recording: The recording as a loader returns it.
        centres: True field centres, x rightwards and y downwards, edges of the video at -1 and 1.
        rates: True rate of every frame, a trial each.
        trials: The arrays of each trial, which a test may spoil.
    """

    recording: Recording
    centres: np.ndarray
    rates: list[np.ndarray]
    trials: list[Trial]


def fields(rng: np.random.Generator, units: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Gabor fields (units, 2 phases, pixels) and their centres."""
    centres = rng.uniform(-0.7, 0.7, (units, 2))
    x = ((2 * np.arange(width) + 1) / width - 1) * width / 2
    y = ((2 * np.arange(height) + 1) / height - 1) * height / 2
    u = x[None, None, :] - centres[:, 0, None, None] * width / 2
    v = y[None, :, None] - centres[:, 1, None, None] * height / 2
    angle = rng.uniform(0, np.pi, units)[:, None, None]
    along = u * np.cos(angle) + v * np.sin(angle)
    envelope = np.exp(-(u**2 + v**2) / (2 * 1.5**2))
    phases = np.stack([np.cos(2 * np.pi * along / 5) * envelope, np.sin(2 * np.pi * along / 5) * envelope], axis=1)
    phases = phases.reshape(units, 2, -1)
    return phases / np.linalg.norm(phases, axis=2, keepdims=True), centres


def movie(rng: np.random.Generator, frames: int, height: int, width: int) -> np.ndarray:
    """Smooth noise that changes every few frames, grey levels around 128."""
    noise = gaussian_filter(rng.standard_normal((frames, height, width)), (1.5, 1.0, 1.0), mode="wrap")
    return (128 + 40 * noise / noise.std()).astype(np.float32)


def plant(
    units: int = 20,
    train: int = 12,
    test: int = 2,
    repeats: int = 4,
    frames: int = 120,
    height: int = 16,
    width: int = 24,
    seed: int = 0,
    rate: float = 0.4,
    name: str = "planted",
    gain: float = 0.3,
    gaze_px: float = 0.0,
) -> Planted:
    """An animal of complex cells: Poisson responses to training clips, and to test clips that are shown several times.

    Running of SD 1.2 changes the logarithm of all rates by `gain`, and an SD of horizontal eye position shifts what all see by `gaze_px`.
    """
    rng = np.random.default_rng(seed)
    gabors, centres = fields(rng, units, height, width)
    kept, rates, rows = [], [], []
    shown = [("train", 1)] * train + [("test", repeats)] * test
    for stimulus, (tier, times) in enumerate(shown):
        video = movie(rng, frames, height, width)
        for _ in range(times):
            look = gaussian_filter(rng.standard_normal(frames), 15, mode="wrap") * 7.3 if gaze_px else np.zeros(frames)  # of SD 1
            seen = np.stack([shift(frame, (0, -gaze_px * to), order=1, mode="nearest") for frame, to in zip(video, look, strict=True)])
            drive = ((seen.reshape(frames, -1) - 128) / 40 @ gabors.reshape(2 * units, -1).T).reshape(frames, units, 2)
            energy = np.roll((drive**2).sum(2), LAG, axis=0)
            energy[:LAG] = energy[LAG]
            running = gaussian_filter(rng.standard_normal(frames), 20, mode="wrap") * 10
            expected = rate * np.exp(gain * running)[:, None] * energy**1.5 / (energy**1.5).mean()
            behaviour = np.column_stack([rng.standard_normal(frames) * 0.1 + 5, running]).astype(np.float32)
            eye = np.column_stack([10.0 + look, np.full(frames, 20.0)]).astype(np.float32)
            kept.append(Trial(video, rng.poisson(expected).astype(np.float32), behaviour, eye))
            rates.append(expected)
            rows.append((len(rows), tier, f"clip {stimulus}", "movie", frames, True))
    trials = pd.DataFrame(rows, columns=["trial", "tier", "stimulus", "kind", "n_frames", "has_responses"])
    keys = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(units) + 1})
    place = pd.DataFrame({"x_um": centres[:, 0] * 500, "y_um": centres[:, 1] * 500, "z_um": 200.0})
    recording = Recording(name, HZ, keys.join(place), trials, ("pupil_size", "running"), lambda row: kept[row])
    return Planted(recording, centres, rates, kept)
