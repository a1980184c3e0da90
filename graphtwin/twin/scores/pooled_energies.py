"""Energies of a video on coarse grids: what a ridge regression is given of pictures and movies.

An energy is the amplitude of a complex Gabor filter, of space alone for pictures, of space and time for movies, where each orientation has
two directions of drift and what is still (Adelson & Bergen 1985, doi:10.1364/JOSAA.2.000284). Its mean around each point of a grid is
taken to the power 1/2, which brings the few strong edges of natural scenes nearer to the rest. A filter that passes few frequencies is
applied to these alone: they are cut out of the spectrum of the picture and brought to 0, which leaves amplitudes as they are and makes the
inverse transform as small as the filter's band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Int
from scipy import fft

from graphtwin.twin.data import drifting_wave

CYCLES = (2.2, 3.1, 4.4, 6.2, 8.8, 12.5, 17.7)  # frequencies of filters of pictures, cycles a height: half an octave apart
CYCLES_OF_MOVIES = (2.2, 4.4, 8.8)  # those of movies, whose filters are three times as many for what moves and what is still
ORIENTATIONS, ORIENTATIONS_OF_MOVIES = 8, 4  # orientations of the filters, 22.5 or 45 degrees apart
BAND = 4.0  # frequency of a filter over the SD of its band: .85 octaves at half height
HIGHEST = 0.4  # cycles a pixel above which a filter would see the pixels
POINTS_A_CYCLE, FEWEST = 1.15, 4  # points of a grid a height of the picture: so many a cycle, and no fewer
MOST, MOST_OF_MOVIES = 6, 10  # points at most: pictures are few, and bear fewer features than movies do
GREY_POINTS = 8  # points a height of the grid of mean grey levels
MARGIN = 0.25  # heights by which a picture is continued beyond its edges, mirrored


@dataclass(frozen=True)
class Filter:
    """The band of one Gabor filter, and how its amplitudes are averaged.

    Attributes:
        rows, columns: Frequencies of the band, as indices into the spectrum.
        gain: What the filter does to them.
        pool_down, pool_across: Weights of Gaussian means over the amplitudes, around each row and column of the grid.
    """

    rows: Int[np.ndarray, " down"]
    columns: Int[np.ndarray, " across"]
    gain: Float[np.ndarray, "down across"]
    pool_down: Float[np.ndarray, "points_down down"]
    pool_across: Float[np.ndarray, "points_across across"]


@dataclass(frozen=True)
class PooledEnergies:
    """Filters for videos of one size and rate.

    Attributes:
        filters: Filters by frequency, the orientations of each after one another.
        taps: Complex filter in time, its window of unit sum; a single 1 for pictures.
        margin: Pixels by which a picture is continued beyond its edges.
        grey_down, grey_across: Weights of the mean grey levels.
        block: Number of the filters' frequency that each feature belongs to, and one more for grey levels.
        place: Place of each feature, x rightwards and y downwards, edges of the video at -1 and 1.
    """

    filters: tuple[Filter, ...]
    taps: Complex[np.ndarray, " frames"]
    margin: int
    grey_down: Float[np.ndarray, "points_down height"]
    grey_across: Float[np.ndarray, "points_across width"]
    block: Int[np.ndarray, " features"]
    place: Float[np.ndarray, "features 2"]

    def of(self, video: Float[np.ndarray, "frames height width"], at: Int[np.ndarray, " shown"]) -> Float[np.ndarray, "shown features"]:
        """Features of the frames `at`; before and after a video its first and last frame are held."""
        padded = np.pad(video, ((0, 0), (self.margin, self.margin), (self.margin, self.margin)), mode="reflect")
        spectrum = fft.fft2(padded.astype(np.float32))
        parts = []
        for one in self.filters:
            band = spectrum[:, one.rows[:, None], one.columns] * one.gain
            for wave in self._in_time(band, at):
                amplitude = np.abs(fft.ifft2(wave, norm="forward")) / padded[0].size
                parts.append(np.sqrt(one.pool_down @ amplitude @ one.pool_across.T).reshape(len(at), -1))
        parts.append((self.grey_down @ video[at] @ self.grey_across.T).reshape(len(at), -1))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _in_time(self, band: np.ndarray, at: np.ndarray) -> list[np.ndarray]:
        """A band as it is for pictures; of a movie what drifts one way, what drifts the other, and what is still."""
        half = len(self.taps) // 2
        if half == 0:
            return [band[at]]
        frames = np.clip(at[:, None] + np.arange(-half, half + 1), 0, len(band) - 1)
        taps = np.stack([self.taps, self.taps.conj(), np.abs(self.taps)]).astype(np.complex64)
        seen = band.reshape(len(band), -1)
        found = np.stack([taps @ seen[window] for window in frames], axis=1)
        return list(found.reshape(3, len(at), *band.shape[1:]))


def pooled_energies(height: int, width: int, frame_rate_hz: float = np.nan) -> PooledEnergies:
    """Filters for videos of a size and rate.

    Args:
        height: Height of the video, pixels.
        width: Width of the video, pixels.
        frame_rate_hz: Frames a second; NaN for single pictures, whose filters are of space alone.
    """
    margin = min(round(MARGIN * height), height - 1, width - 1)
    taps = drifting_wave(frame_rate_hz)
    still = len(taps) == 1
    cycles = [each for each in (CYCLES if still else CYCLES_OF_MOVIES) if each / height <= HIGHEST] or [CYCLES[0]]
    orientations = ORIENTATIONS if still else ORIENTATIONS_OF_MOVIES
    filters, blocks, places = [], [], []
    for number, each in enumerate(cycles):
        down = int(np.clip(round(POINTS_A_CYCLE * each), FEWEST, MOST if still else MOST_OF_MOVIES))
        points = (down, max(2, round(down * width / height)))
        for turn in np.arange(orientations) * np.pi / orientations:
            filters.append(_filter(each / height, turn, (height, width), margin, points))
            blocks += [number] * (points[0] * points[1] * (1 if still else 3))
            places += [_places(points)] * (1 if still else 3)
    grey = (min(GREY_POINTS, height), min(max(2, round(GREY_POINTS * width / height)), width))
    grey_down, grey_across = _means(np.arange(height), height, grey[0]), _means(np.arange(width), width, grey[1])
    blocks += [len(cycles)] * (grey[0] * grey[1])
    place = np.concatenate([*places, _places(grey)])
    return PooledEnergies(tuple(filters), taps, margin, grey_down, grey_across, np.array(blocks), place)


def _filter(frequency: float, turn: float, size: tuple[int, int], margin: int, points: tuple[int, int]) -> Filter:
    """A Gabor filter of a frequency in cycles a pixel; its band reaches three SD to each side."""
    sides = [side + 2 * margin for side in size]
    centres = [frequency * np.sin(turn), frequency * np.cos(turn)]
    bands, gains, pools = [], [], []
    for pixels, side, centre, n in zip(size, sides, centres, points, strict=True):
        reach = min(int(np.ceil(3 * frequency / BAND * side)), (side - 1) // 2)
        band = round(centre * side) + np.arange(-reach, reach + 1)
        gains.append(np.exp(-((band / side - centre) ** 2) / (2 * (frequency / BAND) ** 2)))
        bands.append(np.roll(band, -reach) % side)  # the middle of the band comes first: frequency 0
        gains[-1] = np.roll(gains[-1], -reach)
        samples = np.arange(len(band)) * side / len(band) - margin  # places of the amplitudes, pixels
        pools.append(_means(samples, pixels, n))
    return Filter(bands[0], bands[1], np.outer(*gains).astype(np.float32), pools[0], pools[1])


def _means(samples: np.ndarray, pixels: int, points: int) -> Float[np.ndarray, "points samples"]:
    """Weights of Gaussian means of samples at places in pixels, around the middles of equal parts of a side; SD 0.6 parts."""
    part = pixels / points
    middle = (np.arange(points)[:, None] + 0.5) * part - 0.5
    weights = np.exp(-((samples - middle) ** 2) / (2 * (0.6 * part) ** 2))
    return np.asarray(weights / weights.sum(1, keepdims=True), dtype=np.float32)


def _places(points: tuple[int, int]) -> Float[np.ndarray, "points 2"]:
    y, x = ((2 * np.arange(n) + 1) / n - 1 for n in points)
    return np.stack([np.tile(x, len(y)), np.repeat(y, len(x))], axis=1)
