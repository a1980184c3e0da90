"""Coordinates for the features of a core that two fits have in common: what a clip drives, turned towards a bank of filters.

The features F of a core are defined only up to an invertible map. On a reference clip they have a covariance S; Z = F S^(-1/2) is then
defined up to a rotation. That is fixed by a bank Y of Gabor filters and motion energies (Adelson & Bergen 1985,
doi:10.1364/JOSAA.2.000284), whitened and the same for all: the rotation R that brings Z R nearest to Y is the orthogonal factor of Z'Y
(Schoenemann 1966, doi:10.1007/BF02289451). It depends on the core and on no unit, so that all animals on one core, and all fits of one
animal, share axes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from graphtwin.coordinates import frames_of
from graphtwin.execute import rng_for

CLIP_HZ, CLIP_S = 30.0, 8.0  # frames a second and seconds of the reference clip, the same for twins of any frame rate
DISCS, SMALLEST, LARGEST = 400, 0.03, 0.6  # discs of the reference clip, and their smallest and largest radius in heights of the picture
LEFT_OUT_S = 2.0  # seconds at the start of the reference clip that do not count, while the core's memory builds up
CYCLES = (1.8, 3.2, 5.4)  # spatial frequencies of the bank's filters, cycles a height of the picture
ORIENTATIONS = 8  # orientations of the bank's filters, 22.5 degrees apart
DELAYS_S = (0.05, 0.1)  # time constants of the bank's two pairs of temporal filters, seconds: indicators answer late
WIDTH_CYCLES = 0.35  # standard deviation of a filter's window, in cycles of the filter


@lru_cache(maxsize=2)
def reference_clip(height: int, width: int, frames: int = frames_of(CLIP_S, CLIP_HZ)) -> Float[np.ndarray, "frames height width"]:
    """Discs that move and hide each other, standardised; the same whenever it is asked for, and drawn once: it is not to be changed.

    It has the edges, scales and motion of natural movies. On noise, features that agree on movies no longer do: two fits of the same
    units gave drives that correlate by .24 on 1/f noise and by .78 here.
    """
    rng = rng_for(0, "reference clip")
    margin = LARGEST * height
    field = np.array([height + 2 * margin, width + 2 * margin])
    low, high = SMALLEST * height, LARGEST * height
    radius = 1 / np.sqrt(1 / low**2 - rng.random(DISCS) * (1 / low**2 - 1 / high**2))
    near = np.sort(rng.random(DISCS))
    place, grey = rng.random((DISCS, 2)) * field, rng.standard_normal(DISCS)
    own, turning = rng.standard_normal((DISCS, 2)) * height / 300, _turning(rng, frames) * height
    clip = np.zeros((frames, height, width))
    for frame, turn in zip(clip, turning, strict=True):
        _paint(frame, place - margin, radius, grey)
        place = (place + own + turn * (0.3 + near[:, None])) % field
    return np.asarray((clip - clip.mean()) / clip.std(), dtype=np.float32)


def _turning(rng: np.random.Generator, frames: int) -> Float[np.ndarray, "frames 2"]:
    """Heights of the picture that all discs move a frame, changing over a third of a second."""
    from scipy.ndimage import gaussian_filter1d

    slow = gaussian_filter1d(rng.standard_normal((frames, 2)), 8, axis=0, mode="wrap")
    return np.asarray(slow / slow.std(0) * np.array([0.005, 0.01]))


def _paint(frame: np.ndarray, centre: Float[np.ndarray, "discs 2"], radius: np.ndarray, grey: np.ndarray) -> None:
    """Discs into one frame, each over those before it, its edge a pixel soft."""
    first = np.maximum((centre - radius[:, None] - 1).astype(int), 0)
    last = np.minimum((centre + radius[:, None] + 2).astype(int), frame.shape)
    seen = (first < last).all(axis=1)  # most discs lie beside the picture
    discs = zip(*(of[seen].tolist() for of in (first, last, centre, radius, grey)), strict=True)
    for (top, left), (bottom, right), (y, x), reach, level in discs:
        away = np.hypot((np.arange(top, bottom) - y)[:, None], np.arange(left, right) - x)
        part = frame[top:bottom, left:right]
        part += np.minimum(np.maximum(reach + 0.5 - away, 0), 1) * (level - part)


@torch.no_grad()
def features_on(core: nn.Module, modulators: int, clip: Float[np.ndarray, "frames height width"]) -> Float[np.ndarray, "late h w features"]:
    """Features of the clip about the mean of each place, for an animal at rest, the first frames left out."""
    features, _ = core(torch.from_numpy(clip)[None], torch.zeros(1, len(clip), modulators))
    late = features[min(frames_of(LEFT_OUT_S, CLIP_HZ), len(clip) // 4) :].double()
    return np.asarray((late - late.mean(0)).permute(0, 2, 3, 1).numpy())


def gauge(
    features: Float[np.ndarray, "frames h w features"], clip: Float[np.ndarray, "total height width"]
) -> Float[np.ndarray, "features features"]:
    """The map G of feature weights: lengths of w G are deviations of drives on the clip, and its axes those of the bank."""
    flat = features.reshape(-1, features.shape[3])
    variances, axes = np.linalg.eigh(flat.T @ flat / len(flat))
    deviations = np.sqrt(np.maximum(variances, 0.0))
    inverse = np.divide(1, deviations, out=np.zeros_like(deviations), where=deviations > 1e-4 * deviations.max())
    bank = filter_bank(clip, features.shape[1], features.shape[2])[-len(features) :]
    towards = (axes * inverse).T @ (flat.T @ whitened(bank.reshape(len(flat), -1), features.shape[3]))
    left, _, right = np.linalg.svd(towards, full_matrices=True)
    turn = left[:, : len(right)] @ right if len(right) == len(left) else left  # more features than filters: the rest as they come
    return np.asarray((axes * deviations) @ turn)


def whitened(values: Float[np.ndarray, "samples channels"], most: int) -> Float[np.ndarray, "samples kept"]:
    """The first principal components of standardised channels, at unit variance."""
    values = (values - values.mean(0)) / np.maximum(values.std(0), 1e-9)
    variances, axes = np.linalg.eigh(values.T @ values / len(values))
    kept = slice(len(variances) - 1, max(len(variances) - 1 - most, -1) if len(variances) > most else None, -1)
    signs = np.where(axes.sum(0) < 0, -1.0, 1.0)
    return np.asarray(values @ (axes * signs)[:, kept] / np.sqrt(np.maximum(variances[kept], 1e-9)))


def filter_bank(
    clip: Float[np.ndarray, "frames height width"], rows: int, columns: int
) -> Float[np.ndarray, "frames rows columns channels"]:
    """Quadrature pairs of Gabors at every place of a map, through pairs of temporal filters, and their motion energies."""
    from scipy.signal import lfilter

    frames, height, width = clip.shape
    channels = []
    for cycles in CYCLES:
        for orientation in range(ORIENTATIONS):
            gabors = _gabors(height, width, rows, columns, cycles / height, np.pi * orientation / ORIENTATIONS)
            pair = [clip.reshape(frames, -1) @ part.T for part in (gabors.real, gabors.imag)]
            for delay_s in DELAYS_S:
                (e1, e2), (o1, o2) = ([lfilter(kernel, 1.0, drive, axis=0) for kernel in _temporal(delay_s)] for drive in pair)
                channels += [e1, e2, o1, o2, np.hypot(e1 + o2, e2 - o1), np.hypot(e1 - o2, e2 + o1)]
    return np.stack(channels, axis=-1).reshape(frames, rows, columns, -1)


def _temporal(delay_s: float) -> tuple[np.ndarray, np.ndarray]:
    """A late low-pass filter and its rate of change."""
    t = np.arange(20.0)
    slow = t**2 * np.exp(-t / (delay_s * CLIP_HZ))
    fast = np.gradient(slow)
    return slow / np.linalg.norm(slow), fast / np.linalg.norm(fast)


def _gabors(height: int, width: int, rows: int, columns: int, frequency: float, angle: float) -> np.ndarray:
    """Complex filters without response to a flat picture, one a place of the map, (places, pixels)."""
    y, x = ((np.arange(points) + 0.5) * pixels / points - 0.5 for points, pixels in ((rows, height), (columns, width)))
    dy = np.arange(height)[None, :, None] - np.repeat(y, columns)[:, None, None]
    dx = np.arange(width)[None, None, :] - np.tile(x, rows)[:, None, None]
    window = np.exp(-0.5 * (dx**2 + dy**2) * (frequency / WIDTH_CYCLES) ** 2)
    wave = window * np.exp(2j * np.pi * frequency * (dx * np.cos(angle) - dy * np.sin(angle)))
    wave -= window * (wave.sum((1, 2)) / window.sum((1, 2)))[:, None, None]
    return np.asarray((wave / np.linalg.norm(window, axis=(1, 2))[:, None, None]).reshape(rows * columns, -1), dtype=np.complex64)
