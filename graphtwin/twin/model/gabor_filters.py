"""Gabor filters of all orientations of one frequency, as matrices along the two axes of a picture.

A Gabor filter whose window is as wide as high is a product of a filter down and one across, and a filter of the mirrored orientation has
the same two but for a conjugate. So all orientations of a frequency are real products of matrices, which hold the mirrored margins of a
picture too. They are taken at few points only: a squared modulus holds no finer detail than the window of its filter, so that its mean over
a cell is a weighted sum of samples further apart than pixels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch.nn import functional

SHARPNESS = 2.5  # centre frequency of a filter over the standard deviation of its window in frequency
ERROR = 3e-3  # largest error of a mean over a cell that few points may make along an axis, over the root mean square of such means
JITTER = 1e-9  # variance of a sample's error: keeps weights of neighbouring samples small


@dataclass(frozen=True)
class Axis:
    """One axis of maps that are periodic.

    Attributes:
        points: Where the maps are known, pixels from the first of the picture.
        length: Pixels after which they repeat.
        places: Those of the points, evenly spaced, over which means are taken.
        known: The values at all points from those that are given: the identity, or what mirrors the margins of a picture.
    """

    points: Float[np.ndarray, " points"]
    length: float
    places: Float[np.ndarray, " places"]
    known: Float[np.ndarray, "points given"]


def mirrored(side: int, margin: int) -> Axis:
    """An axis of pictures that are continued beyond both edges, mirrored."""
    known = np.pad(np.eye(side), ((margin, margin), (0, 0)), mode="reflect")
    return Axis(np.arange(len(known)) - float(margin), float(len(known)), np.arange(float(side)), known)


def thinned(axis: Axis, points: int, places: slice) -> Axis:
    """The axis of fewer points over the same length, the first of them the same; means are over a slice of these."""
    at = axis.points[0] + np.arange(points) * axis.length / points
    return Axis(at, axis.length, at[places], np.eye(points))


def resampling(axis: Axis, points: Float[np.ndarray, " resampled"]) -> Float[torch.Tensor, "resampled points"]:
    """Values at other evenly spaced points over the whole length, of the frequencies that both can hold."""
    return _single(_transfer(axis, points, np.ones_like, min(len(axis.points), len(points))).real)


@dataclass(frozen=True)
class GaborFilters:
    """The filters of one frequency, for maps whose columns come first: orientations run from 0 to less than 180 degrees, evenly spaced.

    Attributes:
        across: Real parts of the filters across, of orientations up to 90 degrees; then imaginary parts, without that of 90, which is 0.
        down: Real parts of the filters down, of the same; and imaginary parts, without that of 0 degrees, which is 0.
        cells_across, cells_down: Weights of the points in the mean over every cell.
    """

    across: Float[torch.Tensor, "parts right columns"]
    down: tuple[Float[torch.Tensor, "waves rows low"], Float[torch.Tensor, "less rows low"]]
    cells_across: Float[torch.Tensor, "cells_across right"]
    cells_down: Float[torch.Tensor, "low cells_down"]

    def squares(self, maps: Float[torch.Tensor, "columns maps rows"]) -> Float[torch.Tensor, "orientations right maps low"]:
        """Squared moduli at the points of the filters."""
        (parts, right, columns), (_, count, rows) = self.across.shape, maps.shape
        half = (self.across.to(maps.device).flatten(0, 1) @ maps.reshape(columns, -1)).view(parts, -1, rows)
        real, imaginary = half.split([parts // 2 + 1, parts // 2])
        down_real, down_imaginary = (part.to(maps.device) for part in self.down)
        a, b = real @ down_real, imaginary @ down_real[:-1]
        c, d = real[1:] @ down_imaginary, imaginary[1:] @ down_imaginary[:-1]
        upright, level = _squared(a[:1], b[:1]), _squared(a[-1:], c[-1:])
        one, mirrored = _squared(a[1:-1] - d, b[1:] + c[:-1]), _squared(d.add_(a[1:-1]), b[1:] - c[:-1])
        return torch.cat([upright, one, level, mirrored.flip(0)]).view(-1, right, count, a.shape[2])

    def means(self, values: Float[torch.Tensor, "orientations right maps low"]) -> Float[torch.Tensor, "maps orientations cells"]:
        """Means over the cells, which run row by row, of values at the points of the filters."""
        some = values @ self.cells_down.to(values.device)
        return torch.einsum("xr,ormy->moyx", self.cells_across.to(values.device), some).flatten(2)


def _squared(real: torch.Tensor, imaginary: torch.Tensor) -> torch.Tensor:
    return torch.addcmul(real * real, imaginary, imaginary)


def gabor_filters(
    frequency: float,
    orientations: int,
    axes: tuple[Axis, Axis],
    cells: tuple[int, int],
    at: tuple[Float[np.ndarray, " low"], Float[np.ndarray, " right"]] | None = None,
) -> GaborFilters:
    """Filters of a frequency.

    Args:
        frequency: Centre frequency, cycles a pixel.
        orientations: Number of orientations, even.
        axes: Axes of the maps that are filtered, down and across.
        cells: Cells down and across that means are taken over.
        at: Points down and across; where absent, the fewest that give the means.
    """
    width = frequency / SHARPNESS
    low, right = at or [fewest_points(axis.places, of, width) for axis, of in zip(axes, cells, strict=True)]
    angles = np.arange(orientations // 2 + 1) * np.pi / orientations
    across = _filters(axes[1], right, frequency * np.cos(angles), width)
    down = _filters(axes[0], low, frequency * np.sin(angles), width).swapaxes(1, 2)
    pools = [_single(cell_means(axis.places, points, of, width)) for axis, points, of in zip(axes, (low, right), cells, strict=True)]
    parts = _single(np.concatenate([across.real, across[:-1].imag])), (_single(down.real), _single(down[1:].imag))
    return GaborFilters(*parts, pools[1], pools[0].T.contiguous())


def fewest_points(places: Float[np.ndarray, " places"], cells: int, width: float) -> Float[np.ndarray, " points"]:
    """The fewest evenly spaced points that give means over cells to `ERROR`; all places where no fewer do.

    Args:
        places: Places that means are over, evenly spaced.
        cells: Cells that the places are shared out to.
        width: Standard deviation of the filter's window in frequency, cycles a pixel.
    """
    apart = places[1] - places[0] if len(places) > 1 else 1.0

    def points(number: int) -> np.ndarray:
        return np.asarray(places[0] - apart / 2 + (np.arange(number) + 0.5) * apart * len(places) / number)

    numbers = range(1, len(places))
    found = bisect_left(numbers, True, key=lambda number: _error(places, points(number), cells, width) <= ERROR)
    return points(numbers[found]) if found < len(numbers) else places


def cell_means(
    places: Float[np.ndarray, " places"], at: Float[np.ndarray, " points"], cells: int, width: float
) -> Float[np.ndarray, "cells points"]:
    """Weights of samples of a squared modulus in its mean over the places of each cell: those of the least expected squared error.

    The filtered picture is taken for a Gaussian process of the filter's spectrum; products of its squared moduli at two points are expected
    at 1 + r^2, r its correlation there (Isserlis 1918, doi:10.1093/biomet/12.1-2.134).
    """
    of_places = _shares(len(places), cells)
    if np.array_equal(at, places):
        return of_places
    return np.asarray(np.linalg.solve(_products(at, at, width) + JITTER * np.eye(len(at)), _products(at, places, width) @ of_places.T).T)


def _error(places: np.ndarray, at: np.ndarray, cells: int, width: float) -> float:
    """Largest error, over cells, of the means from samples, over their root mean square."""
    of_places, weights = _shares(len(places), cells), cell_means(places, at, cells, width)
    power = np.einsum("cp,pq,cq->c", of_places, _products(places, places, width), of_places)
    across = np.einsum("cn,np,cp->c", weights, _products(at, places, width), of_places)
    own = np.einsum("cn,nm,cm->c", weights, _products(at, at, width), weights)
    return float(np.sqrt(np.maximum((power - 2 * across + own) / power, 0)).max())


def _products(one: np.ndarray, other: np.ndarray, width: float) -> np.ndarray:
    return 1 + np.exp(-2 * (np.pi * width * (one[:, None] - other)) ** 2)


def _shares(places: int, cells: int) -> Float[np.ndarray, "cells places"]:
    """Share of every place in the mean over every cell."""
    return np.asarray(functional.adaptive_avg_pool1d(torch.eye(places, dtype=torch.float64), cells).T.numpy())


def _filters(axis: Axis, at: np.ndarray, centres: np.ndarray, width: float) -> Complex[np.ndarray, "centres at given"]:
    """Values at some places of filters along an axis, a centre frequency each."""
    gains = [partial(_gain, centre=centre, width=width) for centre in centres]
    return np.stack([_transfer(axis, at, gain, len(axis.points)) @ axis.known for gain in gains])


def _gain(cycles: np.ndarray, centre: float, width: float) -> np.ndarray:
    return np.asarray(np.exp(-(((cycles - centre) / width) ** 2) / 2))


def _transfer(axis: Axis, at: np.ndarray, gain: Callable[[np.ndarray], np.ndarray], size: int) -> Complex[np.ndarray, "at points"]:
    """Values at some places from those at the points, each frequency times a gain.

    Args:
        axis: Axis of the points.
        at: Places, pixels.
        gain: Function of frequencies in cycles a pixel.
        size: How many frequencies there are; the highest of an even number is half a positive, half a negative one.
    """
    number = np.arange(-(size // 2), size // 2 + 1)
    cycles = number / axis.length
    share = np.where(2 * np.abs(number) == size, 0.5, 1.0) * gain(cycles)
    back = np.exp(-2j * np.pi * cycles[:, None] * axis.points) / len(axis.points)
    return np.asarray((np.exp(2j * np.pi * at[:, None] * cycles) * share) @ back)


def _single(matrix: np.ndarray) -> torch.Tensor:
    return torch.tensor(matrix, dtype=torch.float32)
