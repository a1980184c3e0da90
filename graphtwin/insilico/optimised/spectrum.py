"""Patterns by their Fourier coefficients, none finer than a limit, which weigh less the finer they are.

A pattern is x = F^-1(a(f) c) with coefficients c and amplitudes a(f) = f^(-1/2) up to the limit, and 0 beyond. White coefficients give
noise with less power the finer it is, as natural pictures have (Field 1987, doi:10.1364/JOSAA.4.002379), and a step along the gradient of c
is one along that of x with its amplitudes divided by f: coarse structure is found first. What an optimum is depends on the limit alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.execute import rng_for

if TYPE_CHECKING:
    import torch


def amplitudes(shape: tuple[int, int, int], finest: tuple[float, float]) -> Float[np.ndarray, "frames height half_width"]:
    """Amplitude of each frequency: 1 for the mean and the coarsest, then falling, 0 beyond the limit.

    Args:
        shape: Frames, height and width of the pattern. A cycle across the longer side of the picture counts as one across all frames.
        finest: Highest frequencies, in cycles a pixel and in cycles a frame.
    """
    frames, height, width = shape
    side = max(height, width)
    in_time = np.abs(np.fft.fftfreq(frames))[:, None, None]
    in_space = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    cycles = np.hypot(in_time * frames, in_space * side)
    return np.maximum(cycles, 1.0) ** -0.5 * (in_time <= finest[1] + 1e-9) * (in_space <= finest[0] + 1e-9)


def patterns(
    coefficients: Float[torch.Tensor, "stimuli 2 frames height half_width"],
    shape: tuple[int, int, int],
    weights: Float[torch.Tensor, "frames height half_width"],
) -> Float[torch.Tensor, "stimuli frames height width"]:
    """Patterns of some coefficients, differentiable.

    Args:
        coefficients: Real and imaginary parts.
        shape: Frames, height and width of a pattern.
        weights: `amplitudes` of that shape.
    """
    import torch

    real, imaginary = (coefficients * weights).unbind(1)
    return torch.fft.irfftn(torch.complex(real, imaginary), s=shape, dim=(1, 2, 3), norm="ortho")


def noise(seed: int, count: int, shape: tuple[int, int, int]) -> Float[np.ndarray, "count 2 frames height half_width"]:
    """Coefficients of pink noise; those of one number are the same however many are drawn.

    Args:
        seed: Seed.
        count: Number of patterns.
        shape: Frames, height and width of a pattern.
    """
    size = (2, *shape[:2], shape[2] // 2 + 1)
    rngs = (rng_for(seed, "start of an optimised stimulus", number) for number in range(count))
    return np.stack([rng.standard_normal(size, dtype=np.float32) for rng in rngs])
