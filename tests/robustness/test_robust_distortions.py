"""Distortions with known sizes, the same for whoever is asked."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.robustness import DISTORTIONS, distorted


def some(n: int = 200, size: int = 16) -> np.ndarray:
    """Smooth pictures in the middle of the range."""
    rng, x = np.random.default_rng(0), np.arange(size) / size
    phase = rng.uniform(0, 2 * np.pi, (n, 2))
    waves = np.sin(2 * np.pi * x[None, :, None] + phase[:, :1, None]) + np.cos(4 * np.pi * x[None, None] + phase[:, 1:, None])
    return (0.5 + 0.1 * waves).astype(np.float32)


@pytest.mark.parametrize("kind", list(DISTORTIONS))
def test_pictures_change_more_at_every_strength_and_stay_between_black_and_white(kind):
    pictures, strengths = some(), DISTORTIONS[kind][1]
    found = [distorted(pictures, kind, strength, 0) for strength in strengths]
    sizes = [float(np.abs(one - pictures).mean()) for one in found]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 1.5 * sizes[0] > 0
    assert all(one.min() >= 0 and one.max() <= 1 for one in found)
    np.testing.assert_array_equal(found[0], distorted(pictures, kind, strengths[0], 0))


def test_sizes_are_those_that_are_stated():
    pictures = some()
    noise = distorted(pictures, "noise", 0.05, 0) - pictures
    assert np.isclose(noise.std(), 0.05, rtol=0.03)
    np.testing.assert_allclose(distorted(pictures, "contrast", 0.4, 0) - 0.5, 0.6 * (pictures - 0.5), atol=1e-6)
    change = (distorted(pictures, "brightness", 0.2, 0) - pictures).mean((1, 2))
    np.testing.assert_allclose(np.sort(change), np.repeat([-0.2, 0.2], 100), atol=1e-5)


def test_blur_keeps_the_mean_and_damps_a_wave_as_a_gaussian_does():
    x = np.arange(64) / 64
    wave = (0.5 + 0.2 * np.sin(2 * np.pi * 8 * x))[None, None].repeat(64, 1).astype(np.float32)
    blurred = distorted(wave, "blur", 0.03, 0)[0, 32, 16:48] - 0.5
    assert np.isclose(np.abs(blurred).max() / 0.2, np.exp(-0.5 * (2 * np.pi * 8 * 0.03) ** 2), atol=0.02)


def test_elastic_displacements_have_the_root_mean_square_that_is_stated():
    ramp = np.linspace(0.0, 1.0, 64, dtype=np.float32)[None, None].repeat(64, 1).repeat(20, 0)
    moved = (distorted(ramp, "elastic", 0.03, 0) - ramp)[:, :, 12:52] * 63 / 64
    assert np.isclose(np.sqrt(np.square(moved).mean()), 0.03, rtol=0.15)
