"""Space and time filters of the simulated neurons: Gabor pairs, fast and slow temporal pairs, and the local contrast that divides them.

Both pairs are exact quadrature pairs of equal gain for a grating of the neuron's own spatial and temporal frequency.
"""

from __future__ import annotations

from math import factorial

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.synthetic.function.stimuli import DEGREES_A_PIXEL, FRAME_RATE_HZ, HEIGHT, WIDTH

NEGLIGIBLE = 5e-3  # share of the window's peak below which a receptive field ends
RATE_OF_FAST = 2.1  # k of the fast filter over the preferred angular frequency: both filters then peak there
N_TAPS = 24  # frames that a neuron looks back: 0.8 s
BLOCK = 4  # pixels a side of the blocks in which local contrast is measured
MEAN_SIGMA_PX = 4.0  # SD of the Gaussian mean around a pixel: its contrast is its difference from that mean
POOL_SIGMA = (1.5, 4.0)  # widths of the normalisation pool and of the surround, in sigmas of the receptive field


def pixel_places(table: pd.DataFrame) -> Float[np.ndarray, "units 2"]:
    """Row and column of receptive-field centres, from monitor coordinates in which edges are -1 and 1 and y points up."""
    return np.column_stack([(1 - table["rf_y"]) / 2 * HEIGHT - 0.5, (1 + table["rf_x"]) / 2 * WIDTH - 0.5])


def gabor_pairs(table: pd.DataFrame) -> Float[np.ndarray, "pair units pixels"]:
    """Even and odd Gabors, each with a response of amplitude 1 to a full-contrast grating of the unit's direction and frequency.

    The even one has no response to uniform light: its window, scaled, is taken off.
    """
    rows, columns = pixel_places(table).T
    pairs = np.empty((2, len(table), HEIGHT * WIDTH), dtype=np.float32)
    y, x = np.mgrid[:HEIGHT, :WIDTH].reshape(2, 1, -1)
    sigma = (table["rf_sigma_deg"] / DEGREES_A_PIXEL).to_numpy()[:, None]
    frequency = (table["sf_cpd"] * DEGREES_A_PIXEL).to_numpy()[:, None]
    angle, length = np.deg2rad(table["direction_deg"].to_numpy())[:, None], sigma * table["aspect"].to_numpy()[:, None]
    for start in range(0, len(table), 256):  # a few at a time: the grids below are pixels x units of float64
        part = slice(start, start + 256)
        right, up = x - columns[part, None], rows[part, None] - y
        along, across = (
            right * np.cos(angle[part]) + up * np.sin(angle[part]),
            up * np.cos(angle[part]) - right * np.sin(angle[part]),
        )
        window = np.exp(-(along**2) / (2 * sigma[part] ** 2) - across**2 / (2 * length[part] ** 2))
        window[window < NEGLIGIBLE] = 0
        cycle = 2 * np.pi * frequency[part] * along
        even = window * (np.cos(cycle) - (window * np.cos(cycle)).sum(1, keepdims=True) / window.sum(1, keepdims=True))
        odd = window * np.sin(cycle)
        pairs[0, part] = even / (even * np.cos(cycle)).sum(1, keepdims=True)
        pairs[1, part] = odd / (odd * np.sin(cycle)).sum(1, keepdims=True)
    return pairs


def temporal_pairs(table: pd.DataFrame) -> Float[np.ndarray, "pair units taps"]:
    """Fast and slow filters, newest frame first; for the unit's temporal frequency both have gain 1 and the slow one lags a quarter cycle.

    Filters are (k t)^n exp(-k t) (1 / n! - (k t)^2 / (n + 2)!), n = 3 and 5, integrated over each frame, which stays on for its whole
    time: Adelson & Bergen 1985, doi:10.1364/JOSAA.2.000284. The slow one is then the mixture of both that lags by exactly a quarter cycle.
    """
    frequency = table["tf_hz"].to_numpy()
    fine = 20
    time = (np.arange(N_TAPS * fine) + 0.5) / (fine * FRAME_RATE_HZ)
    kt = RATE_OF_FAST * 2 * np.pi * frequency[:, None] * time
    raw = [kt**n * np.exp(-kt) * (1 / factorial(n) - kt**2 / factorial(n + 2)) for n in (3, 5)]
    fast, slow = (filters.reshape(len(table), N_TAPS, fine).mean(2) for filters in raw)
    fast, slow = fast - fast.mean(1, keepdims=True), slow - slow.mean(1, keepdims=True)
    wave = np.exp(-2j * np.pi * frequency[:, None] * np.arange(N_TAPS) / FRAME_RATE_HZ)
    gain_fast, gain_slow = (fast * wave).sum(1), (slow * wave).sum(1)
    # Real numbers a, b with a gain_fast + b gain_slow = -i gain_fast.
    wanted = -1j * gain_fast
    system = np.stack([[gain_fast.real, gain_slow.real], [gain_fast.imag, gain_slow.imag]]).transpose(2, 0, 1)
    a, b = np.linalg.solve(system, np.stack([wanted.real, wanted.imag], axis=1)[..., None])[..., 0].T
    lagging = a[:, None] * fast + b[:, None] * slow
    return np.stack([fast, lagging]).astype(np.float32) / np.abs(gain_fast)[None, :, None].astype(np.float32)


def contrast_energy(frames: Float[np.ndarray, "frames height width"]) -> Float[np.ndarray, "frames blocks"]:
    """Squared difference of every pixel from the mean around it, averaged over blocks of 4 x 4 pixels."""
    down, across = _blur(HEIGHT, MEAN_SIGMA_PX), _blur(WIDTH, MEAN_SIGMA_PX)
    energy = (frames - down @ frames @ across.T) ** 2
    return energy.reshape(len(frames), HEIGHT // BLOCK, BLOCK, WIDTH // BLOCK, BLOCK).mean((2, 4)).reshape(len(frames), -1)


def pool_weights(table: pd.DataFrame) -> Float[np.ndarray, "pool blocks units"]:
    """Weights of the blocks in each unit's normalisation pool and in its surround, each adding up to 1."""
    rows, columns = pixel_places(table).T
    y, x = (np.mgrid[: HEIGHT // BLOCK, : WIDTH // BLOCK].reshape(2, -1, 1) + 0.5) * BLOCK - 0.5
    sigma = (table["rf_sigma_deg"] / DEGREES_A_PIXEL).to_numpy()
    squared = (x - columns) ** 2 + (y - rows) ** 2
    centre, wide = (np.exp(-squared / (2 * np.maximum(times * sigma, BLOCK / 2) ** 2)) for times in POOL_SIGMA)
    wide = wide * (1 - np.exp(-squared / (2 * (POOL_SIGMA[0] * sigma) ** 2)))  # the surround is a ring
    return np.stack([pool / pool.sum(0) for pool in (centre, wide)]).astype(np.float32)


def _blur(n: int, sigma: float) -> Float[np.ndarray, "n n"]:
    """Gaussian means along one side of the picture, as a matrix; at the border the weights inside count alone."""
    apart = np.arange(n)[:, None] - np.arange(n)
    weights = np.exp(-(apart**2) / (2 * sigma**2))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
