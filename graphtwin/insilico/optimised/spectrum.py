"""Patterns by their Fourier coefficients, none finer than a limit, which weigh less the finer they are.

A pattern is x = F^-1(a(f) c) with coefficients c and amplitudes a(f) = f^(-1/2) (1 + cos(pi f / limit)) / 2, 0 at the limit.
White coefficients give noise with less power the finer it is, as natural pictures have (Field 1987, doi:10.1364/JOSAA.4.002379), and a step
along the gradient of c is one along that of x with its amplitudes divided by f and more: coarse structure is found first. The transform is
larger than the pattern, which is cut out of it, so that left and right of the screen are no neighbours, nor are the first and last frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from graphtwin.execute import rng_for

if TYPE_CHECKING:
    import torch

BEYOND = 4  # of the longer side of the picture, and of the frames, a share of one in this many is added to the transform
FAINT = 0.1  # noise in pixels that are not chosen, where pixels have no neighbours, of that in those that are: 0 has no gradient
WINDOWS = (0.05, 0.5)  # standard deviations of Gaussians over noise, smallest and largest, of the longer side of the picture


def transformed(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Frames, height and width of the transform that a pattern is cut out of."""
    frames, height, width = shape
    beyond = max(height, width) // BEYOND
    return (frames + -(-frames // BEYOND) if frames > 1 else 1), height + beyond, width + beyond


def amplitudes(shape: tuple[int, int, int], finest: tuple[float, float]) -> Float[np.ndarray, "waves down across"]:
    """Amplitude of each frequency: highest for the mean and the coarsest, then falling to 0 at the limit.

    Args:
        shape: Frames, height and width of the pattern. A cycle across the longer side of the picture counts as one across all frames.
        finest: Highest frequencies, in cycles a pixel and in cycles a frame. Infinitely many a pixel: pixels are no neighbours, and none is
            more like the next one than like any other.
    """
    frames, height, width = transformed(shape)
    side = max(height, width)
    in_time = np.abs(np.fft.fftfreq(frames))[:, None, None]
    in_space = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]) * np.isfinite(finest[0])
    cycles = np.hypot(in_time * frames, in_space * side)
    fallen = [(1 + np.cos(np.pi * np.minimum(of / limit, 1))) / 2 for of, limit in zip((in_space, in_time), finest, strict=True)]
    return np.maximum(cycles, 1.0) ** -0.5 * fallen[0] * fallen[1]


def patterns(
    coefficients: Float[torch.Tensor, "stimuli 2 waves down across"],
    shape: tuple[int, int, int],
    weights: Float[torch.Tensor, "waves down across"],
) -> Float[torch.Tensor, "stimuli shown rows columns"]:
    """Patterns of some coefficients, differentiable.

    Args:
        coefficients: Real and imaginary parts.
        shape: Frames, height and width of a pattern.
        weights: `amplitudes` of that shape.
    """
    import torch

    real, imaginary = (coefficients * weights).unbind(1)
    found = torch.fft.irfftn(torch.complex(real, imaginary), s=transformed(shape), dim=(1, 2, 3), norm="ortho")
    return found[:, : shape[0], : shape[1], : shape[2]]


def noise(
    seed: int, count: int, shape: tuple[int, int, int], weights: Float[np.ndarray, "waves down across"], neighbours: bool = True
) -> Float[np.ndarray, "count 2 waves down across"]:
    """Coefficients of noise under round Gaussians of any place and size; those of one number are the same however many are drawn.

    Units see a small part of the screen: noise that lies there drives them, where noise of the same contrast all over the screen may not.

    Args:
        seed: Seed.
        count: Number of patterns.
        shape: Frames, height and width of a pattern.
        weights: `amplitudes` of that shape.
        neighbours: Whether pixels have neighbours; if not, noise is in some of them drawn at random, and often of one sign.
    """
    rngs = (rng_for(seed, "start of an optimised stimulus", number) for number in range(count))
    return np.stack([(_windowed if neighbours else _in_some)(rng, shape, weights) for rng in rngs])


def coefficients_of(
    drawn: Float[np.ndarray, "some frames height width"], shape: tuple[int, int, int], weights: Float[np.ndarray, "waves down across"]
) -> Float[np.ndarray, "some 2 waves down across"]:
    """Coefficients of some patterns, as nearly as the limit allows; beyond its end a pattern is taken to be 0.

    Args:
        drawn: Patterns, of the size that is seen or of that of the transform.
        shape: Frames, height and width that are seen.
        weights: `amplitudes` of that shape.
    """
    waves = np.fft.rfftn(drawn, s=transformed(shape), axes=(1, 2, 3), norm="ortho")
    found = np.divide(waves, weights, out=np.zeros(waves.shape, dtype=complex), where=weights > 1e-3)
    return np.stack([found.real, found.imag], 1).astype(np.float32)


def _windowed(rng: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> Float[np.ndarray, "2 waves down across"]:
    size = transformed(shape)
    height, width = size[1:]
    middle, sd = rng.uniform(0, shape[1:]), max(height, width) * np.exp(rng.uniform(*np.log(WINDOWS)))
    away = (np.arange(height)[:, None] + 0.5 - middle[0]) ** 2 + (np.arange(width)[None, :] + 0.5 - middle[1]) ** 2
    drawn = rng.standard_normal((2, *weights.shape))
    pattern = np.fft.irfftn((drawn[0] + 1j * drawn[1]) * weights, s=size, axes=(0, 1, 2), norm="ortho") * np.exp(-away / (2 * sd**2))
    return coefficients_of(pattern[None], shape, weights)[0]


def _in_some(rng: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> Float[np.ndarray, "2 waves down across"]:
    size, pixels = transformed(shape), shape[1] * shape[2]
    chosen, ways = np.full(pixels, FAINT), rng.integers(3)
    chosen[rng.permutation(pixels)[: round(np.exp(rng.uniform(0, np.log(pixels))))]] = 1
    drawn = rng.standard_normal((2, *weights.shape))
    pattern = np.fft.irfftn((drawn[0] + 1j * drawn[1]) * weights, s=size, axes=(0, 1, 2), norm="ortho")[: shape[0], : shape[1], : shape[2]]
    if ways < 2:  # all up, or all down: what is silent below its threshold has no gradient there
        pattern = np.abs(pattern) * (1 - 2 * ways)
    return coefficients_of((pattern * chosen.reshape(shape[1:]))[None], shape, weights)[0]
