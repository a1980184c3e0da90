"""What pictures hold before anything is learned: luminance, Gabor energies, and energies of these energies, averaged over a grid of cells.

Energies are moduli of complex Gabor filters (Adelson & Bergen 1985, doi:10.1364/JOSAA.2.000284); filters of lower frequency over their
maps give energies of second order (scattering: Bruna & Mallat 2013, doi:10.1109/TPAMI.2012.230). These tell corners and textures from
gratings of the same power, as V2 and V4 do (Freeman et al. 2013, doi:10.1038/nn.3402; Okazawa et al. 2015, doi:10.1073/pnas.1415146112).
Maps have as few points as their frequencies need; energies of energies are of maps at half the resolution of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch.nn import functional

from graphtwin.twin.model.gabor_filters import SHARPNESS, Axis, GaborFilters, gabor_filters, mirrored, resampling, thinned

CELLS = 6  # cells along each side of a picture, over which energies are averaged
SCALES, ORIENTATIONS = 8, 8
LOWEST, HIGHEST = 1.44, 16.8  # centre frequencies of the filters, cycles a height of the picture, evenly spaced as logarithms between
FINEST = 0.35  # highest centre frequency, cycles a pixel
ROWS = 48  # rows that hold the highest frequency: pictures with twice as many are averaged down
COARSEST = 3  # scales from this one on are filtered again, at every second orientation, by scales lower by two or more
ALIASES = 3 * 2**0.5  # standard deviations of a filter's window by which energies that are filtered again hold more frequencies than needed
ROOT = 0.5  # power of energies: large ones are compressed
PICTURES_TOGETHER, FRAMES_TOGETHER = 8, 32  # pictures, and frames of a movie, whose maps are in memory at once
FINE_CELLS = (10, 16)  # cells down and across a frame of a movie, over which energies are averaged
FINE_CHANNELS = SCALES * ORIENTATIONS + 4  # energies, and luminance of the quarters of a cell
BLOCKS = (
    SCALES * ORIENTATIONS,
    sum(scale - 1 for scale in range(COARSEST, SCALES)) * ORIENTATIONS * ORIENTATIONS // 2,
    4,
)  # channels: energies, energies of energies, luminance of the quarters of a cell


@dataclass(frozen=True)
class Scattering:
    """Filters of pictures of one size.

    Attributes:
        low: Filters of the frequencies whose maps are averaged alone.
        high: Filters of those whose maps are filtered again, at points all over the picture with its margins.
        halved: What takes the maps of each of these to half the resolution, across and down.
        again: Filters over the maps at half the resolution, from the lowest frequency.
        larger: How many points of a picture there are to one at half the resolution.
    """

    low: list[GaborFilters]
    high: list[GaborFilters]
    halved: list[tuple[torch.Tensor, torch.Tensor]]
    again: list[GaborFilters]
    larger: float


def scattered(pictures: Float[torch.Tensor, "pictures height width"]) -> Float[torch.Tensor, "pictures channels cells"]:
    """Energies, energies of energies and luminance of standardised pictures, see `BLOCKS`; cells run row by row."""
    return torch.cat([_scattered(part) for part in _no_larger(pictures).split(PICTURES_TOGETHER)])


def energies_of_frames(frames: Float[torch.Tensor, "frames height width"]) -> Float[torch.Tensor, "frames channels cells"]:
    """Energies and luminance of standardised frames of a movie over the grid of `FINE_CELLS`, whose cells run row by row."""
    return torch.cat([_energies(part) for part in _no_larger(frames).split(FRAMES_TOGETHER)])


def _no_larger(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures averaged down to at most twice `ROWS` rows."""
    return functional.avg_pool2d(pictures[:, None].float(), max(1, pictures.shape[1] // ROWS))[:, 0]


def _energies(frames: torch.Tensor) -> torch.Tensor:
    columns = frames.permute(2, 0, 1).contiguous()
    energies = torch.cat([filters.means(filters.squares(columns)) for filters in _fine_filters(*frames.shape[1:])], dim=1)
    return torch.cat([energies.clamp(min=0).sqrt() ** ROOT, _luminance(frames, FINE_CELLS)], dim=1)


def _scattered(pictures: torch.Tensor) -> torch.Tensor:
    filters, columns = _filters(*pictures.shape[1:]), pictures.permute(2, 0, 1).contiguous()
    first, maps = [each.means(each.squares(columns)) for each in filters.low], []
    for each, (across, down) in zip(filters.high, filters.halved, strict=True):
        squares = each.squares(columns)
        first.append(each.means(squares))
        halved = across.to(columns.device) @ (squares.sqrt_() @ down.to(columns.device)).flatten(2)
        maps.append(halved.unflatten(2, (len(pictures), -1)).transpose(0, 1))
    again = _again(torch.stack(maps, 1), filters.again) * filters.larger
    energies = torch.cat([torch.cat(first, dim=1).clamp(min=0).sqrt(), again.clamp(min=0)], dim=1)
    return torch.cat([energies**ROOT, _luminance(pictures, (CELLS, CELLS))], dim=1)


def _again(
    maps: Float[torch.Tensor, "columns scales orientations pictures rows"], filters: list[GaborFilters]
) -> Float[torch.Tensor, "pictures channels cells"]:
    """Energies of maps, by their scale and orientation, then by scale and orientation of the filters."""
    columns, scales, orientations, pictures, rows = maps.shape
    found: list[list[torch.Tensor]] = [[] for _ in range(scales)]
    for number, each in enumerate(filters):
        first = max(0, number + 2 - COARSEST)
        means = each.means(each.squares(maps[:, first:].reshape(columns, -1, rows)).sqrt_())
        for of_scale, part in zip(found[first:], means.unflatten(0, (-1, orientations, pictures)), strict=True):
            of_scale.append(part)
    return torch.cat([torch.stack(of_scale, 2).permute(1, 0, 2, 3, 4).flatten(1, 3) for of_scale in found], dim=1)


def _axes(height: int, width: int) -> tuple[Axis, Axis]:
    """Axes of pictures down and across, which are continued beyond their edges, mirrored."""
    margin = 2 * (height // 8)
    return mirrored(height, margin), mirrored(width, min(margin, 2 * ((width - 1) // 2)))


def _luminance(pictures: torch.Tensor, cells: tuple[int, int]) -> torch.Tensor:
    """Mean grey levels of the quarters of every cell."""
    quarters = functional.adaptive_avg_pool2d(pictures[:, None], (2 * cells[0], 2 * cells[1]))[:, 0]
    return quarters.unflatten(1, (cells[0], 2)).unflatten(3, (cells[1], 2)).permute(0, 2, 4, 1, 3).flatten(1, 2).flatten(2)


def _frequencies(height: int) -> Float[np.ndarray, " scales"]:
    """Centre frequencies of the filters of pictures of a height, cycles a pixel."""
    return np.geomspace(LOWEST, min(HIGHEST, FINEST * height), SCALES) / height


@lru_cache(maxsize=4)
def _fine_filters(height: int, width: int) -> list[GaborFilters]:
    """Filters of frames of a size."""
    return [gabor_filters(frequency, ORIENTATIONS, _axes(height, width), FINE_CELLS) for frequency in _frequencies(height)]


@lru_cache(maxsize=4)
def _filters(height: int, width: int) -> Scattering:
    """Filters of pictures of a size."""
    axes, cells, frequencies = _axes(height, width), (CELLS, CELLS), _frequencies(height)
    half = _half(axes[0]), _half(axes[1])
    high, halved = [], []
    for frequency in frequencies[COARSEST:]:
        at = [_points_of_maps(axis, len(less.points), frequency) for axis, less in zip(axes, half, strict=True)]
        high.append(gabor_filters(frequency, ORIENTATIONS, axes, cells, (at[0].points, at[1].points)))
        down, across = (resampling(full, less.points) for full, less in zip(at, half, strict=True))
        halved.append((across, down.T.contiguous()))
    low = [gabor_filters(frequency, ORIENTATIONS, axes, cells) for frequency in frequencies[:COARSEST]]
    again = [gabor_filters(frequency, ORIENTATIONS // 2, half, cells) for frequency in frequencies[: SCALES - 2]]
    larger = np.prod([axis.length / len(less.points) for axis, less in zip(axes, half, strict=True)])
    return Scattering(low, high, halved, again, float(larger))


def _half(axis: Axis) -> Axis:
    """An axis at half the resolution."""
    margin, side = int(-axis.points[0]), len(axis.places)
    return thinned(axis, 2 * (len(axis.points) // 4), slice(margin // 2, (margin + side) // 2))


def _points_of_maps(axis: Axis, half: int, frequency: float) -> Axis:
    """The fewest points at which energies of a frequency hold what half the resolution does."""
    needed = int(np.ceil(half / 2 + ALIASES * frequency / SHARPNESS * axis.length))
    return thinned(axis, min(needed, len(axis.points)), slice(None))
