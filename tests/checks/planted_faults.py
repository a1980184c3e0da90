"""A small recording without fault, in memory, and copies of it with one fault each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from graphtwin.sources.formats import Recording, Trial

HZ, FRAMES, HEIGHT, WIDTH, UNITS = 15.0, 90, 18, 32, 60
LAG = 3  # frames from picture to answer: 0.2 s
TRAIN, CLIPS, REPEATS = 16, 4, 6


@cache
def trials_and_table() -> tuple[tuple[Trial, ...], pd.DataFrame]:
    """Units that answer to local contrast energy, more when the animal runs; a pupil that changes slowly, eyes that drift."""
    rng = np.random.default_rng(7)
    shown = [("train", f"train {n}") for n in range(TRAIN)] + [("oracle", f"oracle {n}") for n in range(CLIPS)] * REPEATS
    shown = [shown[at] for at in rng.permutation(len(shown))]
    films = {name: film(rng) for _, name in shown}
    row, column = rng.integers(2, HEIGHT - 2, UNITS), rng.integers(2, WIDTH - 2, UNITS)
    size, amplitude = rng.lognormal(0.0, 0.7, UNITS), rng.lognormal(0.0, 0.7, UNITS)
    gain = rng.uniform(0.2, 0.5, UNITS)
    frames = len(shown) * (FRAMES + 8)
    state, eye = walk(rng, frames, 60.0), np.stack([walk(rng, frames, 60.0), walk(rng, frames, 60.0)], axis=1)
    trials = []
    for at, (_, name) in enumerate(shown):
        video, now = films[name], slice(at * (FRAMES + 8), at * (FRAMES + 8) + FRAMES)
        across = np.abs(np.gradient(video, axis=2))
        drive = gaussian_filter(across, (1.0, 1.5, 1.5))[:, row, column]
        late = drive[np.clip(np.arange(FRAMES) - LAG, 0, None)]
        rate = size * (late / drive.mean(0)) ** 3 * np.exp(gain * state[now, None])
        events = rng.poisson(0.8 * rate)
        responses = amplitude * np.where(events > 0, rng.gamma(np.maximum(events, 1) * 4.0, 0.25), 0.0)
        behaviour = np.stack([30 + 4 * state[now], np.maximum(0, 5 * state[now])], axis=1) + 0.01 * rng.random((FRAMES, 2))
        trials.append(Trial(video, responses.astype(np.float32), behaviour, 50 + 2 * eye[now]))
    tiers, names = zip(*shown, strict=True)
    table = pd.DataFrame({"trial": np.arange(len(shown)), "tier": tiers, "stimulus": names, "kind": "clip", "n_frames": FRAMES})
    return tuple(trials), table.assign(has_responses=True)


def film(rng: np.random.Generator) -> np.ndarray:
    """Smooth noise that moves, grey levels around 128."""
    noise = gaussian_filter(rng.standard_normal((FRAMES, HEIGHT, WIDTH)), (2.0, 1.2, 1.2), mode="wrap")
    return (128 + 40 * noise / noise.std()).astype(np.float32)


def walk(rng: np.random.Generator, frames: int, constant: float) -> np.ndarray:
    """A slow process of unit variance."""
    keep = np.exp(-1 / constant)
    steps, out = np.sqrt(1 - keep**2) * rng.standard_normal(frames), np.empty(frames)
    value = rng.standard_normal()
    for at in range(frames):
        value = keep * value + steps[at]
        out[at] = value
    return out


def recording(change: Callable[[int, Trial], Trial] | None = None, table: pd.DataFrame | None = None) -> Recording:
    """The recording, each trial changed by a function of its number and content."""
    trials, own = trials_and_table()
    changed = [trial if change is None else change(at, trial) for at, trial in enumerate(trials)]
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS)})
    rng = np.random.default_rng(1)
    units = units.assign(x_um=rng.uniform(0, 600, UNITS), y_um=rng.uniform(0, 600, UNITS), z_um=rng.uniform(100, 400, UNITS))
    return Recording("planted", HZ, units, own if table is None else table, ("pupil_size", "running"), lambda row: changed[row])


def of_tier(tier: str) -> list[int]:
    """Rows of the trials of a tier."""
    return np.flatnonzero(trials_and_table()[1]["tier"] == tier).tolist()


def of_clip(name: str) -> list[int]:
    """Rows of the trials of a stimulus."""
    return np.flatnonzero(trials_and_table()[1]["stimulus"] == name).tolist()


def with_responses(trial: Trial, responses: np.ndarray) -> Trial:
    """The trial with other responses."""
    return replace(trial, responses=np.ascontiguousarray(responses, dtype=np.float32))
