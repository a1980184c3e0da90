"""What pictures hold before anything is learned: luminance, Gabor energies, and energies of these energies, averaged over a grid of cells.

Energies are moduli of complex Gabor filters (Adelson & Bergen 1985, doi:10.1364/JOSAA.2.000284); filters of lower frequency over their
maps give energies of second order (scattering: Bruna & Mallat 2013, doi:10.1109/TPAMI.2012.230). These tell corners and textures from
gratings of the same power, as V2 and V4 do (Freeman et al. 2013, doi:10.1038/nn.3402; Okazawa et al. 2015, doi:10.1073/pnas.1415146112).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch.nn import functional

CELLS = 6  # cells along each side of a picture, over which energies are averaged
SCALES, ORIENTATIONS = 8, 8
LOWEST, HIGHEST = 1.44, 16.8  # centre frequencies of the filters, cycles a height of the picture, evenly spaced as logarithms between
FINEST = 0.35  # highest centre frequency, cycles a pixel
ROWS = 48  # rows that hold the highest frequency: pictures with twice as many are averaged down
SHARPNESS = 2.5  # centre frequency of a filter over the standard deviation of its window in frequency
COARSEST = 3  # scales from this one on are filtered again, at every second orientation, by scales lower by two or more
ROOT = 0.5  # power of energies: large ones are compressed
PICTURES_TOGETHER = 8  # pictures whose maps are in memory at once
FINE_CELLS = (10, 16)  # cells down and across a frame of a movie, over which energies are averaged
FINE_CHANNELS = SCALES * ORIENTATIONS + 4  # energies, and luminance of the quarters of a cell
BLOCKS = (
    SCALES * ORIENTATIONS,
    sum(scale - 1 for scale in range(COARSEST, SCALES)) * ORIENTATIONS * ORIENTATIONS // 2,
    4,
)  # channels: energies, energies of energies, luminance of the quarters of a cell


@dataclass(frozen=True)
class Filters:
    """Gabor filters over the frequencies of a padded picture, and the same over the lower half of its frequencies."""

    fine: Float[torch.Tensor, "scales orientations rows columns"]
    coarse: Float[torch.Tensor, "scales orientations half_rows half_columns"]


def scattered(pictures: Float[torch.Tensor, "pictures height width"]) -> Float[torch.Tensor, "pictures channels cells"]:
    """Energies, energies of energies and luminance of standardised pictures, see `BLOCKS`; cells run row by row."""
    return torch.cat([_scattered(part) for part in _no_larger(pictures).split(PICTURES_TOGETHER)])


def energies_of_frames(frames: Float[torch.Tensor, "frames height width"]) -> Float[torch.Tensor, "frames channels cells"]:
    """Energies and luminance of standardised frames of a movie over the grid of `FINE_CELLS`, whose cells run row by row."""
    found = []
    for part in _no_larger(frames).split(PICTURES_TOGETHER):
        (height, width), (margin, margins) = part.shape[1:], _margins(*part.shape[1:])
        inside = _squares(part)[..., margin : margin + height, margins : margins + width]
        energies = _averaged(inside, FINE_CELLS).sqrt().flatten(1, 2).flatten(2)
        found.append(torch.cat([energies**ROOT, _luminance(part, FINE_CELLS)], dim=1))
    return torch.cat(found)


def _no_larger(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures averaged down to at most twice `ROWS` rows."""
    return functional.avg_pool2d(pictures[:, None].float(), max(1, pictures.shape[1] // ROWS))[:, 0]


def _scattered(pictures: torch.Tensor) -> torch.Tensor:
    height, width = pictures.shape[1:]
    margin, margins = _margins(height, width)
    squares = _squares(pictures)
    coarse, second = _filters(height, *squares.shape[-2:]).coarse.to(pictures.device), []
    first = _averaged(squares[..., margin : margin + height, margins : margins + width], (CELLS, CELLS)).sqrt()
    maps = squares[:, COARSEST:].sqrt_()
    for scale in range(COARSEST, SCALES):
        spectrum = _lower_half(torch.fft.fft2(maps[:, scale - COARSEST]))[:, :, None, None]
        again = torch.fft.ifft2(spectrum * coarse[: scale - 1, ::2])
        inside = again[..., margin // 2 : (margin + height) // 2, margins // 2 : (margins + width) // 2]
        second.append(_averaged(_squared(inside).sqrt_(), (CELLS, CELLS)))
    energies = torch.cat([part.flatten(1, -3).flatten(2) for part in (first, *second)], dim=1)
    return torch.cat([energies**ROOT, _luminance(pictures, (CELLS, CELLS))], dim=1)


def _squares(pictures: torch.Tensor) -> torch.Tensor:
    """Squared moduli of every scale and orientation, over pictures with their margins."""
    margin, margins = _margins(*pictures.shape[1:])
    padded = functional.pad(pictures[:, None], (margins, margins, margin, margin), mode="reflect")[:, 0]
    fine = _filters(pictures.shape[1], *padded.shape[1:]).fine.to(pictures.device)
    return _squared(torch.fft.ifft2(torch.fft.fft2(padded)[:, None, None] * fine))


def _margins(height: int, width: int) -> tuple[int, int]:
    """Pixels by which a picture is continued beyond its upper and its left edge, mirrored."""
    margin = 2 * (height // 8)
    return margin, min(margin, 2 * ((width - 1) // 2))


def _luminance(pictures: torch.Tensor, cells: tuple[int, int]) -> torch.Tensor:
    """Mean grey levels of the quarters of every cell."""
    quarters = functional.adaptive_avg_pool2d(pictures[:, None], (2 * cells[0], 2 * cells[1]))[:, 0]
    return quarters.unflatten(1, (cells[0], 2)).unflatten(3, (cells[1], 2)).permute(0, 2, 4, 1, 3).flatten(1, 2).flatten(2)


@lru_cache(maxsize=4)
def _filters(height: int, rows: int, columns: int) -> Filters:
    """Filters for pictures of `height` pixels that were padded to `rows` x `columns`."""
    down, right = np.meshgrid(np.fft.fftfreq(rows), np.fft.fftfreq(columns), indexing="ij")
    made = []
    for frequency in np.geomspace(LOWEST, min(HIGHEST, FINEST * height), SCALES) / height:
        for angle in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
            apart = (right - frequency * np.cos(angle)) ** 2 + (down - frequency * np.sin(angle)) ** 2
            made.append(np.exp(-apart * (SHARPNESS / frequency) ** 2 / 2))
    fine = torch.tensor(np.stack(made), dtype=torch.float32).unflatten(0, (SCALES, ORIENTATIONS))
    return Filters(fine, _lower_half(fine))


def _lower_half(spectrum: torch.Tensor) -> torch.Tensor:
    """The frequencies below half of the highest, along both axes: maps at half the resolution, times 4."""
    for axis in (-2, -1):
        quarter = spectrum.shape[axis] // 4
        spectrum = torch.cat([spectrum.narrow(axis, 0, quarter), spectrum.narrow(axis, spectrum.shape[axis] - quarter, quarter)], axis)
    return spectrum


def _squared(waves: torch.Tensor) -> torch.Tensor:
    """Squared moduli; torch's own moduli of complex numbers take three times as long."""
    real, imaginary = torch.view_as_real(waves).unbind(-1)
    return torch.addcmul(real * real, imaginary, imaginary)


def _averaged(maps: torch.Tensor, cells: tuple[int, int]) -> torch.Tensor:
    """Means over the cells of a grid, of maps of any number of leading axes."""
    down, across = (
        functional.adaptive_avg_pool1d(torch.eye(side, device=maps.device), of) for side, of in zip(maps.shape[-2:], cells, strict=True)
    )
    return down.T @ (maps @ across)
