"""The strongest plane wave of a picture, and the picture a quarter of its cycle later."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

FINE = 2  # times the longer side of a picture that its transform has, so that waves between whole cycles are told
COARSEST = 0.5  # cycles across the longer side below which a wave is no wave but a slope of the light


def strongest_wave(pictures: Float[np.ndarray, "some height width"]) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """Cycles a pixel down and across of the wave with the largest amplitude in each picture; a wave is no slower than half a cycle.

    Args:
        pictures: Pictures without their mean.
    """
    side = max(pictures.shape[1:])
    size = np.abs(np.fft.rfft2(pictures, s=(FINE * side, FINE * side)))
    down, across = np.fft.fftfreq(FINE * side), np.fft.rfftfreq(FINE * side)
    size = np.where(np.hypot(down[:, None], across) >= COARSEST / side, size, -1.0)
    rows, columns = np.unravel_index(size.reshape(len(size), -1).argmax(1), size.shape[1:])
    return down[rows], across[columns]


def quarter_later(pictures: Float[np.ndarray, "some frames height width"]) -> Float[np.ndarray, "some frames height width"]:
    """Pictures or videos all of whose waves are a quarter of a cycle later, along the strongest one (a Hilbert transform).

    Args:
        pictures: Pictures or videos without their mean; that of the middle frame says which wave is the strongest.
    """
    down, across = strongest_wave(pictures[:, pictures.shape[1] // 2])
    frames, height, width = pictures.shape[1:]
    sides = height + max(height, width), width + max(height, width)  # larger, so that left and right are no neighbours
    waves = np.fft.fftfreq(sides[0])[:, None], np.fft.fftfreq(sides[1])[None, :]
    sign = np.sign(down[:, None, None] * waves[0] + across[:, None, None] * waves[1])
    turned = np.fft.ifft2(-1j * sign[:, None] * np.fft.fft2(pictures, s=sides)).real
    return np.ascontiguousarray(turned[:, :frames, :height, :width])
