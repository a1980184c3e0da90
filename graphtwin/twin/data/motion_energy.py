"""What a video holds at each place of a grid: motion energy of several orientations and wavelengths over local contrast, and its light.

Energies are amplitudes of Gabor filters in space and time, one for each direction of drift: Adelson & Bergen 1985,
doi:10.1364/JOSAA.2.000284. The contrast that divides them is their own mean around the place: Heeger 1992, doi:10.1017/S0952523800009640.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Int

N_ORIENTATIONS = 4  # orientations of the filters, 45 degrees apart; a choice
SD_IN_WAVELENGTHS = 0.32  # SD of the filters' windows in space, in wavelengths
LIGHT = float(np.exp(-((2 * np.pi * SD_IN_WAVELENGTHS) ** 2) / 2))  # answer of a filter to uniform light, over that of its window
DRIFT_HZ, DRIFT_SD_S = 2.6, 0.117  # temporal frequency that the filters prefer, and SD of their windows in time
SEMI_SATURATION = 0.03  # contrast at which half is divided away, in SD of the grey levels


@dataclass(frozen=True)
class EnergyBank:
    """Filters for videos of one size.

    Attributes:
        across, down: Complex Gabors along rows and columns of the video, whose product is a filter.
        taps: Complex filter in time, centred; a single 1 where single pictures are shown.
        spots_across, spots_down: Gaussian windows along rows and columns, one size a wavelength.
        pool_across, pool_down: Weights that average contrast around each place of the grid.
    """

    across: Complex[np.ndarray, "filters columns width"]
    down: Complex[np.ndarray, "filters rows height"]
    taps: Complex[np.ndarray, " frames"]
    spots_across: Float[np.ndarray, "sizes columns width"]
    spots_down: Float[np.ndarray, "sizes rows height"]
    pool_across: Float[np.ndarray, "columns columns"]
    pool_down: Float[np.ndarray, "rows rows"]

    def energies(
        self, video: Float[np.ndarray, "frames height width"], at: Int[np.ndarray, " shown"]
    ) -> Float[np.ndarray, "shown channels rows columns"]:
        """Energies at frames `at`: every filter and direction over local contrast, and the root of that contrast as the last channel."""
        seen = self._in_time(video, at, [self.taps.real, self.taps.imag] if len(self.taps) > 1 else None)
        found = []
        for across, down in zip(self.across, self.down, strict=True):
            halves = (seen @ np.concatenate([across.real, across.imag]).T).reshape(*seen.shape[:3], 2, -1)
            waves = down @ (halves[..., 0, :] + 1j * halves[..., 1, :]) - LIGHT * (np.abs(down) @ seen @ np.abs(across).T)
            found += [np.abs(waves[0])] if len(waves) == 1 else [np.abs(waves[0] + 1j * waves[1]), np.abs(waves[0] - 1j * waves[1])]
        amplitudes = np.stack(found, axis=1)
        contrast = np.sqrt(self.pool_down @ (amplitudes**2).mean(1, keepdims=True) @ self.pool_across.T)
        return np.concatenate([amplitudes / (contrast + SEMI_SATURATION), np.sqrt(contrast)], axis=1)

    def light(
        self, video: Float[np.ndarray, "frames height width"], at: Int[np.ndarray, " shown"]
    ) -> Float[np.ndarray, "shown channels rows columns"]:
        """Grey levels in spots of each size around each place at frames `at`: their mean over the time of the filters, and their change.

        Signed, unlike energies: they tell of cells that are linear in the light. Of pictures there is no change.
        """
        seen = self._in_time(video, at, [np.abs(self.taps), self.taps.real, self.taps.imag] if len(self.taps) > 1 else None)
        found = [down @ (seen @ across.T) for across, down in zip(self.spots_across, self.spots_down, strict=True)]
        return np.concatenate(found).transpose(1, 0, 2, 3)

    def _in_time(
        self, video: np.ndarray, at: np.ndarray, filters: list[np.ndarray] | None
    ) -> Float[np.ndarray, "phases shown height width"]:
        if filters is None:
            return np.ascontiguousarray(video[at])[None]
        half, pixels = len(self.taps) // 2, video[0].size
        around = video.reshape(-1, pixels)[np.clip(at[:, None] + np.arange(-half, half + 1), 0, len(video) - 1)]
        return np.ascontiguousarray((np.stack(filters) @ around).transpose(1, 0, 2)).reshape(len(filters), len(at), *video.shape[1:])


def energy_bank(
    height: int, width: int, rows: int, columns: int, wavelengths_px: tuple[float, ...], frame_rate_hz: float = np.nan
) -> EnergyBank:
    """Filters over a grid of places.

    Args:
        height: Height of the video, pixels.
        width: Width of the video, pixels.
        rows: Number of rows of the grid.
        columns: Number of columns of the grid.
        wavelengths_px: Wavelengths of the filters, in pixels of the video; each comes in four orientations.
        frame_rate_hz: Frames a second of the video; NaN for single pictures, whose filters are of space alone.
    """
    filters = [(wave, angle) for wave in wavelengths_px for angle in np.arange(N_ORIENTATIONS) * np.pi / N_ORIENTATIONS]
    across = np.stack([_gabors(width, columns, wave, np.cos(angle)) for wave, angle in filters])
    down = np.stack([_gabors(height, rows, wave, np.sin(angle)) for wave, angle in filters])
    pool = max(2.0, height / 18)
    spots_across = np.stack([np.abs(_gabors(width, columns, wave, 0.0)) for wave in wavelengths_px])
    spots_down = np.stack([np.abs(_gabors(height, rows, wave, 0.0)) for wave in wavelengths_px])
    pools = _pool(width, columns, pool), _pool(height, rows, pool)
    return EnergyBank(across, down, _taps(frame_rate_hz), spots_across, spots_down, *pools)


def _gabors(pixels: int, points: int, wavelength: float, cycles: float) -> np.ndarray:
    """Gabors along one side of the video, `cycles` a wavelength, around each point; the window adds up to 1."""
    apart = np.arange(pixels) - ((np.arange(points)[:, None] + 0.5) * pixels / points - 0.5)
    sd = SD_IN_WAVELENGTHS * wavelength
    window = np.exp(-(apart**2) / (2 * sd**2)) / (sd * np.sqrt(2 * np.pi))
    return np.asarray(window * np.exp(2j * np.pi * cycles * apart / wavelength), dtype=np.complex64)


def drifting_wave(frame_rate_hz: float) -> Complex[np.ndarray, " frames"]:
    """Filter in time, centred, for what drifts: a complex wave of `DRIFT_HZ` in a Gaussian window that adds up to 1.

    Args:
        frame_rate_hz: Frames a second of the video; NaN for single pictures, whose filter is a single 1.
    """
    if not np.isfinite(frame_rate_hz):
        return np.ones(1, dtype=np.complex64)
    half = max(int(np.ceil(2.5 * DRIFT_SD_S * frame_rate_hz)), 1)
    seconds = np.arange(-half, half + 1) / frame_rate_hz
    window = np.exp(-(seconds**2) / (2 * DRIFT_SD_S**2))
    return np.asarray(window / window.sum() * np.exp(2j * np.pi * DRIFT_HZ * seconds), dtype=np.complex64)


def _taps(frame_rate_hz: float) -> Complex[np.ndarray, " frames"]:
    """The wave without its answer to what does not change."""
    wave = drifting_wave(frame_rate_hz)
    return wave if len(wave) == 1 else wave - np.abs(wave) * wave.sum()


def _pool(pixels: int, points: int, deviation: float) -> np.ndarray:
    """Weights of Gaussian means over the points of the grid, their SD in pixels."""
    apart = (np.arange(points) - np.arange(points)[:, None]) * pixels / points
    weights = np.exp(-(apart**2) / (2 * deviation**2))
    return np.asarray(weights / weights.sum(1, keepdims=True), dtype=np.float32)
