from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.twin.model import gabor_filters, scattering
from graphtwin.twin.model.gabor_filters import ERROR, SHARPNESS, cell_means, fewest_points
from graphtwin.twin.model.scattering import (
    BLOCKS,
    CELLS,
    COARSEST,
    FINE_CELLS,
    ORIENTATIONS,
    ROOT,
    SCALES,
    energies_of_frames,
    scattered,
)


def pictures(count: int, size: tuple[int, int]) -> np.ndarray:
    """Pictures whose amplitudes fall with frequency, as those of natural scenes."""
    rng = np.random.default_rng(0)
    rows, columns = (2 * side for side in size)
    apart = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns))
    waves = np.fft.fft2(rng.standard_normal((count, rows, columns))) / np.maximum(apart, apart[0, 1])
    found = np.fft.ifft2(waves).real[:, : size[0], : size[1]]
    return (found / found.std()).astype(np.float32)


def gains(axis: int, length: int, centre: float, width: float) -> np.ndarray:
    """A filter along an axis of a spectrum; the highest frequency of an even length is half a positive, half a negative one."""
    cycles = np.fft.fftfreq(length)
    gain = np.exp(-(((cycles - centre) / width) ** 2) / 2)
    gain = np.where(cycles == -0.5, (gain + np.exp(-(((0.5 - centre) / width) ** 2) / 2)) / 2, gain)
    return np.asarray(np.expand_dims(gain, 1 - axis))


def filtered(maps: np.ndarray, frequency: float, angle: float) -> np.ndarray:
    """Maps through a Gabor filter, as products of whole spectra."""
    parts = (frequency * np.sin(angle), frequency * np.cos(angle))
    down, across = (gains(axis, maps.shape[axis - 2], part, frequency / SHARPNESS) for axis, part in enumerate(parts))
    return np.asarray(np.abs(np.fft.ifft2(np.fft.fft2(maps) * down * across)))


def halved(maps: np.ndarray) -> np.ndarray:
    """Periodic maps at every second point along both axes, without the frequencies that these cannot hold."""
    spectrum = np.fft.fft2(maps)
    for axis in (-2, -1):
        cycles = np.fft.fftfreq(maps.shape[axis])
        keep = np.where(np.abs(cycles) < 0.25, 1.0, np.where(np.abs(cycles) == 0.25, 0.5, 0.0))
        spectrum = spectrum * np.expand_dims(keep, -1 if axis == -2 else -2)
    return np.asarray(np.fft.ifft2(spectrum).real[..., ::2, ::2])


def averaged(maps: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """Means over cells of whole pixels, row by row."""
    return torch.nn.functional.adaptive_avg_pool2d(torch.tensor(maps), cells).flatten(-2).numpy()


def directly(picture: np.ndarray, margin: int) -> np.ndarray:
    """What `scattered` gives of a picture, without luminance, by whole spectra of the mirrored picture."""
    padded = np.pad(picture.astype(float), margin, mode="reflect")
    frequencies = np.geomspace(scattering.LOWEST, scattering.HIGHEST, SCALES) / len(picture)
    angles = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
    inside, half = slice(margin, margin + len(picture)), slice(margin // 2, (margin + len(picture)) // 2)
    maps = np.stack([[filtered(padded, frequency, angle) for angle in angles] for frequency in frequencies])
    first = np.sqrt(averaged(maps[..., inside, inside] ** 2, (CELLS, CELLS))).reshape(-1, CELLS**2)
    second = []
    for scale in range(COARSEST, SCALES):
        for less in halved(maps[scale]):
            for frequency in frequencies[: scale - 1]:
                again = np.stack([filtered(less, 2 * frequency, angle) for angle in angles[::2]])
                second.append(4 * averaged(again[..., half, half], (CELLS, CELLS)))
    return np.concatenate([first, *second]) ** ROOT


@pytest.fixture
def at_every_point(monkeypatch: pytest.MonkeyPatch):
    """Filters that sample all pixels."""
    monkeypatch.setattr(gabor_filters, "ERROR", 0.0)
    monkeypatch.setattr(scattering, "ALIASES", 1e3)
    scattering._filters.cache_clear(), scattering._fine_filters.cache_clear()
    yield
    scattering._filters.cache_clear(), scattering._fine_filters.cache_clear()


def test_energies_sampled_at_every_point_are_those_of_whole_spectra(at_every_point: None):
    picture = pictures(1, (48, 48))
    found = scattered(torch.from_numpy(picture))[0, : sum(BLOCKS[:2])].numpy()
    np.testing.assert_allclose(found, directly(picture[0], 12), rtol=2e-3, atol=2e-4)


def test_energies_sampled_at_few_points_are_nearly_those_of_whole_spectra():
    shown = pictures(12, (48, 48))
    found = scattered(torch.from_numpy(shown))[:, : sum(BLOCKS[:2])].numpy()
    expected = np.stack([directly(picture, 12) for picture in shown])
    error = np.sqrt(np.square(found - expected).mean((0, 2)) / expected.var((0, 2)))
    assert error[: BLOCKS[0]].max() < 0.03  # of a channel's deviation
    assert error[BLOCKS[0] :].mean() < 0.08
    assert error[BLOCKS[0] :].max() < 0.3
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("size", [(36, 64), (31, 45)])
def test_energies_of_frames_sampled_at_few_points_are_nearly_those_at_every_pixel(size: tuple[int, int]):
    frames = pictures(6, size)
    found = energies_of_frames(torch.from_numpy(frames))[:, : SCALES * ORIENTATIONS].numpy()
    margin = 2 * (size[0] // 8)
    padded = np.pad(frames.astype(float), ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    expected = []
    for frequency in np.geomspace(scattering.LOWEST, scattering.FINEST * size[0], SCALES) / size[0]:
        for angle in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
            inside = filtered(padded, frequency, angle)[:, margin : margin + size[0], margin : margin + size[1]]
            expected.append(averaged(inside**2, FINE_CELLS) ** (ROOT / 2))
    direct = np.stack(expected, axis=1)
    error = np.sqrt(np.square(found - direct).mean((0, 2)) / direct.var((0, 2)))
    assert error.max() < 0.04  # of a channel's deviation


def test_a_mirrored_picture_has_the_energies_of_the_mirrored_orientations():
    picture = torch.from_numpy(pictures(1, (48, 48)))
    shape = (SCALES, ORIENTATIONS, CELLS, CELLS)
    seen, mirrored = (scattered(one)[0, : BLOCKS[0]].reshape(shape) for one in (picture, picture.flip(2)))
    opposite = -torch.arange(ORIENTATIONS) % ORIENTATIONS
    torch.testing.assert_close(mirrored[:, opposite].flip(3), seen, rtol=0.02, atol=2e-3)


def test_few_points_give_means_over_cells_to_the_error_that_is_promised():
    places, width = np.arange(48.0), 4 / 48 / SHARPNESS
    at = fewest_points(places, 6, width)
    assert 6 <= len(at) < 24
    cycles = np.arange(-400, 401) / 4800
    rng = np.random.default_rng(0)
    amplitudes = (rng.standard_normal((2000, 801, 2)) @ [1, 1j]) * np.exp(-((cycles / width) ** 2) / 2)
    powers = [np.abs(amplitudes @ np.exp(2j * np.pi * cycles[:, None] * points)) ** 2 for points in (places, at)]
    exact, sampled = powers[0] @ cell_means(places, places, 6, width).T, powers[1] @ cell_means(places, at, 6, width).T
    error = np.sqrt(np.square(sampled - exact).mean(0) / np.square(exact).mean(0))
    assert error.max() < 1.5 * ERROR
    assert np.sqrt(np.square(powers[1][:, :: len(at) // 6][:, :6] - exact).mean(0) / np.square(exact).mean(0)).min() > 10 * ERROR


def test_means_over_places_that_are_sampled_are_plain_means():
    weights = cell_means(np.arange(7.0), np.arange(7.0), 3, 0.1)
    np.testing.assert_allclose(weights * 3, [[1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1]])
