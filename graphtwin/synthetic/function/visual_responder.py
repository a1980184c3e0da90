"""Ground truth of function: from films, behaviour and gaze to events a second of every neuron.

With the picture s as contrast, shifted by gaze, even and odd Gabors e, o of each unit and its fast and slow filters f, g:

    preferred pair   P1 = o f + e g,  P2 = e f - o g         null pair   N1 = o f - e g,  N2 = e f + o g
    energy           E = (P1^2 + P2^2 + r (N1^2 + N2^2)) / 4, r = (1 - dsi) / (1 + dsi)
    simple part      S = max(0, cos(phase) (P1 + q N1) + sin(phase) (P2 + q N2))^2 / 2, q = sqrt(r)
    drive            D = complexity E + (1 - complexity) S, divided by its mean over a reference film
    normalisation    R = D / (0.5 + D / 4 + normalisation C + surround W), C and W leaky means of contrast energy near by and around
    adaptation       A = R / (1 + adaptation L), L the leaky mean of R over 1 s
    rate             rate_hz (A / mean of A over the reference film) exp(running_weight running + pupil_weight pupil)

E is the opponent-free motion energy of Adelson & Bergen 1985, doi:10.1364/JOSAA.2.000284; R is divisive normalisation by a pool without
orientation that holds the unit itself: Heeger 1992, doi:10.1017/S0952523800009640. A clip begins after a grey screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import pandas as pd
from jaxtyping import Float
from numba import njit

from graphtwin.synthetic.function import filters
from graphtwin.synthetic.function.behaviour import Behaviour, arousal
from graphtwin.synthetic.function.stimuli import FRAME_RATE_HZ, GREY, HEIGHT, WIDTH, film

LATENCY_FRAMES = 2  # frames from screen to cortex: 67 ms
POOL_S = 0.1  # time constant of the normalisation pool, seconds
ADAPTATION_S = 1.0  # time constant of adaptation, seconds
SEMI_SATURATION, OWN_POOL = 0.5, 0.25  # parts of the divisor: a constant, and the weight of the unit's own drive; a choice
REFERENCE_CLIPS = 3  # clips of 10 s of dead leaves, the same for every animal, that set the scales of drive and rate
UNITS_TOGETHER = 128  # units of a block of filters: bounds memory


@dataclass(frozen=True)
class VisualResponder:
    """Units ready to respond; rows of all arrays are those of `table`.

    Attributes:
        table: Rows of `Tuning.table`, one a unit.
        patches: Blocks of units near one another: rows of the units, pixels that they see, and even and odd Gabors over these pixels.
        temporal: Fast and slow filter of each unit, newest frame first.
        pools: Weights of contrast blocks in each unit's pool and surround.
        drive_scale, pool_scale, rate_scale: Means of drive, contrast energy and adapted response over the reference film.
    """

    table: pd.DataFrame
    patches: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    temporal: Float[np.ndarray, "pair units taps"]
    pools: Float[np.ndarray, "pool blocks units"]
    drive_scale: Float[np.ndarray, " units"]
    pool_scale: float
    rate_scale: Float[np.ndarray, " units"]


def responder(table: pd.DataFrame) -> VisualResponder:
    """Filters of the units, scaled on the reference film.

    Args:
        table: Rows of `Tuning.table`, in the order in which responses are wanted.

    Raises:
        ValueError: When a receptive field lies beside the monitor.
    """
    table = table.reset_index(drop=True)
    away = (table[["rf_x", "rf_y"]].abs() > 1).any(axis=1)
    if away.any():
        raise ValueError(
            f"{int(away.sum())} of {len(table)} receptive fields lie beside the monitor, whose edges are -1 and 1 (first nucleus "
            f"{table['nucleus_id'][away].iloc[0]}). Leave these neurons out of the scan."
        )
    ones = np.ones(len(table), dtype=np.float32)
    unscaled = VisualResponder(table, _patches(table), filters.temporal_pairs(table), filters.pool_weights(table), ones, 1.0, ones)
    clips = [_contrast(film("dead_leaves", 0, "reference", clip, n_frames=300)) for clip in range(REFERENCE_CLIPS)]
    energy = [filters.contrast_energy(clip) for clip in clips]
    pool_scale = float(np.mean(energy))
    spatial = [_spatial(unscaled, clip) for clip in clips]
    pooled = [_pooled(unscaled, clip) / pool_scale for clip in energy]
    weights = _weights(table)
    unit = ones.copy()
    drive = np.mean([_drive(*seen, unscaled.temporal, weights, unit).mean(1) for seen in spatial], axis=0)
    rates = [_adapted(_drive(*seen, unscaled.temporal, weights, drive), pool, weights) for seen, pool in zip(spatial, pooled, strict=True)]
    rate_scale = np.mean([rate.mean(1) for rate in rates], axis=0)
    return VisualResponder(table, unscaled.patches, unscaled.temporal, unscaled.pools, drive, pool_scale, rate_scale.astype(np.float32))


def visual_rates(of: VisualResponder, frames: Float[np.ndarray, "frames height width"]) -> Float[np.ndarray, "units frames"]:
    """Events a second without behaviour and eye movements.

    Args:
        of: The units, ready to respond.
        frames: Frames of the film at 30 Hz, grey levels 0 to 255, shown after a grey screen.
    """
    contrast = _contrast(frames)
    pool = _pooled(of, filters.contrast_energy(contrast)) / of.pool_scale
    weights = _weights(of.table)
    rate = _adapted(_drive(*_spatial(of, contrast), of.temporal, weights, of.drive_scale), pool, weights)
    rate *= (of.table["rate_hz"].to_numpy(np.float32) / of.rate_scale)[:, None]
    return rate


def expected_rates(
    of: VisualResponder, frames: Float[np.ndarray, "frames height width"], behaviour: Behaviour
) -> Float[np.ndarray, "units frames"]:
    """Noise-free events a second of an animal that behaves.

    Args:
        of: The units, ready to respond.
        frames: Frames of the film at 30 Hz, grey levels 0 to 255.
        behaviour: Behaviour during these frames.
    """
    if len(behaviour.gaze) != len(frames):
        raise ValueError(f"{len(frames)} frames were shown, but behaviour has {len(behaviour.gaze)}. Cut both to the same clip.")
    return visual_rates(of, shifted(frames, behaviour.gaze)) * behaviour_gain(of, behaviour)


def still_rates(
    of: VisualResponder, pictures: Float[np.ndarray, "pictures height width"], n_frames: int, gaze: Float[np.ndarray, "pictures 2"]
) -> Float[np.ndarray, "units pictures"]:
    """Mean events a second while each picture is shown after a grey screen, without behaviour.

    Args:
        of: The units, ready to respond.
        pictures: Pictures, grey levels 0 to 255.
        n_frames: Number of frames that each picture is shown for; the latency of the cortex is added to it.
        gaze: Gaze during each picture, right and up, pixels.
    """
    contrast = _contrast(shifted(pictures, gaze))
    even, odd = _spatial(of, contrast)
    pool = _pooled(of, filters.contrast_energy(contrast)) / of.pool_scale
    weights = _weights(of.table)
    mean = np.empty(even.shape, dtype=np.float32)
    for at in range(len(pictures)):
        held = [np.repeat(seen[..., at : at + 1], n_frames + LATENCY_FRAMES, axis=-1) for seen in (even, odd, pool)]
        rate = _adapted(_drive(held[0], held[1], of.temporal, weights, of.drive_scale), held[2], weights)
        mean[:, at] = rate[:, LATENCY_FRAMES:].mean(1)
    return mean * (of.table["rate_hz"].to_numpy(np.float32) / of.rate_scale)[:, None]


def behaviour_gain(of: VisualResponder, behaviour: Behaviour) -> Float[np.ndarray, "units frames"]:
    """Factor by which running and pupil size multiply the rate of each unit in each frame."""
    weights = of.table[["running_weight", "pupil_weight"]].to_numpy(np.float32)
    return np.exp(weights @ np.stack(arousal(behaviour)).astype(np.float32))


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def shifted(frames, gaze):
    """The retinal picture [frames, height, width] of an eye that turned by `gaze` [frames, 2] (right, up; pixels), between pixels bilinear.

    A field sees what lies `gaze` further to the right and up than while the eye looks straight. Beyond the screen, its border goes on.
    """
    n_frames, height, width = frames.shape
    seen = np.empty_like(frames)
    for t in range(n_frames):
        for row in range(height):
            y = min(max(row - gaze[t, 1], 0.0), height - 1.0)
            top = min(int(y), height - 2)
            down = np.float32(y - top)
            for column in range(width):
                x = min(max(column + gaze[t, 0], 0.0), width - 1.0)
                left = min(int(x), width - 2)
                across = np.float32(x - left)
                upper = frames[t, top, left] + across * (frames[t, top, left + 1] - frames[t, top, left])
                lower = frames[t, top + 1, left] + across * (frames[t, top + 1, left + 1] - frames[t, top + 1, left])
                seen[t, row, column] = upper + down * (lower - upper)
    return seen


def _contrast(frames: Float[np.ndarray, "frames height width"]) -> Float[np.ndarray, "frames height width"]:
    return ((frames - GREY) / GREY).astype(np.float32)


def _patches(table: pd.DataFrame) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]:
    """Units sorted into blocks by the column of their field, and the smallest rectangle of pixels that all of a block see."""
    places = filters.pixel_places(table)
    order = np.argsort(places[:, 1] // 6 * 1000 + places[:, 0], kind="stable")
    patches = []
    for start in range(0, len(table), UNITS_TOGETHER):
        rows = order[start : start + UNITS_TOGETHER]
        pairs = filters.gabor_pairs(table.iloc[rows])
        seen = (pairs != 0).any((0, 1)).reshape(HEIGHT, WIDTH)
        down, across = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        pixels = (np.arange(down[0], down[-1] + 1)[:, None] * WIDTH + np.arange(across[0], across[-1] + 1)).ravel()
        patches.append((rows, pixels, np.ascontiguousarray(pairs[:, :, pixels].reshape(2 * len(rows), -1))))
    return tuple(patches)


def _spatial(of: VisualResponder, contrast: Float[np.ndarray, "frames height width"]) -> tuple[np.ndarray, np.ndarray]:
    """Even and odd responses [units, frames] to every frame alone."""
    flat = np.ascontiguousarray(contrast.reshape(len(contrast), -1).T)
    even, odd = np.empty((2, len(of.table), len(contrast)), dtype=np.float32)
    for rows, pixels, pairs in of.patches:
        seen = pairs @ flat[pixels]
        even[rows], odd[rows] = seen[: len(rows)], seen[len(rows) :]
    return even, odd


def _pooled(of: VisualResponder, energy: Float[np.ndarray, "frames blocks"]) -> Float[np.ndarray, "pool units frames"]:
    """Contrast energy of pool and surround of each unit, frame by frame."""
    return np.stack([pool.T @ energy.T.astype(np.float32) for pool in of.pools])


def _weights(table: pd.DataFrame) -> Float[np.ndarray, "units weights"]:
    """Columns that `_drive` and `_adapted` read: null gain, phase (cosine, sine), complexity, normalisation, surround, adaptation."""
    null = (1 - table["dsi"]) / (1 + table["dsi"])
    phase = np.deg2rad(table["phase_deg"])
    columns = [null, np.cos(phase), np.sin(phase), table["complexity"], table["normalisation"], table["surround"], table["adaptation"]]
    return np.column_stack(columns).astype(np.float32)


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _drive(even, odd, temporal, weights, scale):
    """D of the equations: [units, frames], each unit divided by its scale; before the clip was a grey screen."""
    n_units, n_frames = even.shape
    n_taps = temporal.shape[2]
    drive = np.zeros((n_units, n_frames), dtype=np.float32)
    filtered = np.zeros((4, n_frames), dtype=np.float32)
    for unit in range(n_units):
        filtered[:] = 0
        for tap in range(n_taps):
            first = tap + LATENCY_FRAMES
            fast, slow = temporal[0, unit, tap], temporal[1, unit, tap]
            for t in range(first, n_frames):
                filtered[0, t] += fast * even[unit, t - first]
                filtered[1, t] += slow * even[unit, t - first]
                filtered[2, t] += fast * odd[unit, t - first]
                filtered[3, t] += slow * odd[unit, t - first]
        null, cosine, sine, complexity = weights[unit, 0], weights[unit, 1], weights[unit, 2], weights[unit, 3]
        weaker = np.sqrt(null)
        for t in range(n_frames):
            preferred_1, preferred_2 = filtered[2, t] + filtered[1, t], filtered[0, t] - filtered[3, t]
            null_1, null_2 = filtered[2, t] - filtered[1, t], filtered[0, t] + filtered[3, t]
            energy = (preferred_1**2 + preferred_2**2 + null * (null_1**2 + null_2**2)) / 4
            linear = cosine * (preferred_1 + weaker * null_1) + sine * (preferred_2 + weaker * null_2)
            simple = max(linear, np.float32(0)) ** 2 / 2
            drive[unit, t] = (complexity * energy + (1 - complexity) * simple) / scale[unit]
    return drive


@njit(cache=True, nogil=True, fastmath=True)
@no_type_check
def _adapted(drive, pool, weights):
    """A of the equations: [units, frames] from drive and the contrast energies [pool, units, frames] of now."""
    n_units, n_frames = drive.shape
    rate = np.empty((n_units, n_frames), dtype=np.float32)
    leak_pool, leak = np.float32(1 / (POOL_S * FRAME_RATE_HZ)), np.float32(1 / (ADAPTATION_S * FRAME_RATE_HZ))
    for unit in range(n_units):
        near, around, adapted = np.float32(0), np.float32(0), np.float32(0)
        normalisation, surround, adaptation = weights[unit, 4], weights[unit, 5], weights[unit, 6]
        for t in range(n_frames):
            if t >= LATENCY_FRAMES:
                near += leak_pool * (pool[0, unit, t - LATENCY_FRAMES] - near)
                around += leak_pool * (pool[1, unit, t - LATENCY_FRAMES] - around)
            divisor = SEMI_SATURATION + OWN_POOL * drive[unit, t] + normalisation * near + surround * around
            response = drive[unit, t] / divisor
            rate[unit, t] = response / (1 + adaptation * adapted)
            adapted += leak * (response - adapted)
    return rate
