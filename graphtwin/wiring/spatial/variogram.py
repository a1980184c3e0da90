"""How alike a map is at two places, by their distance: a variogram, which gaps do not bend and which needs no mean.

Half the mean squared difference of a map between two places rises from the nugget (what differs between neighbours) to the sill. It is
measured in bins of distance and fitted by gaussian or exponential curves, least squares weighted by the number of differences.
Source: Cressie 1993, Statistics for Spatial Data, doi:10.1002/9781119115151, chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import nnls
from scipy.spatial.distance import cdist

N_BINS = 20  # bins of distance, each with as many pairs of places
# Lengths of the map along the axes that are tried, over the longest: round, and four times as long along one axis or two.
STRETCHES = ((1, 1, 1), (4, 1, 1), (1, 4, 1), (1, 1, 4), (4, 4, 1), (4, 1, 4), (1, 4, 4))
N_RANGES = 25  # ranges that are tried for each kernel, on a logarithmic scale
LEAST_RANGE, MOST_RANGE = 0.02, 1.0  # ranges that are tried, over the largest distance of two places
Kernel = Literal["gaussian", "exponential"]


@dataclass(frozen=True)
class Variogram:
    """Semivariance of a map over distance, as fitted.

    Attributes:
        nugget: Semivariance of neighbours, in the squared unit of the map.
        smooth: What the semivariance rises by above it; the sill is their sum.
        range_um: Length of the kernel along its longest axis: exp(-h^2 / (2 range^2)) or exp(-h / range), with h the distance after each
            axis is multiplied by `stretch`.
        stretch: How much shorter the map's length is along each axis than along its longest: 1 or 4.
    """

    nugget: float
    smooth: float
    range_um: float
    kernel: Kernel
    stretch: tuple[int, int, int] = (1, 1, 1)

    def covariance(self, one_um: Float[np.ndarray, "ones 3"], other_um: Float[np.ndarray, "others 3"]) -> Float[np.ndarray, "ones others"]:
        """Covariance of the smooth part between places; the nugget comes on top where both are one."""
        stretch = np.array(self.stretch)
        return self.smooth * _kernel(self.kernel, cdist(one_um * stretch, other_um * stretch), self.range_um)

    @property
    def sill(self) -> float:
        """Variance of the map."""
        return self.nugget + self.smooth


def fit_variogram(
    maps: Float[np.ndarray, "maps places"], known: Bool[np.ndarray, "maps places"], position_um: Float[np.ndarray, "places 3"]
) -> Variogram:
    """Fit the variogram that several maps over the same places share.

    Args:
        maps: Value of each map at each place; what stands where it is not known does not matter.
        known: Where each map is known.
        position_um: The places in um.

    Raises:
        ValueError: No map is known at two different places.
    """
    value, seen = np.where(known, maps, 0.0), known.astype(np.float64)
    squares = (value**2).T @ seen
    differences = 0.5 * (squares + squares.T) - value.T @ value
    first, second = np.triu_indices(len(position_um), 1)
    half, count = differences[first, second], (seen.T @ seen)[first, second]
    offset = position_um[first] - position_um[second]
    used = (count > 0) & offset.any(axis=1)
    if not used.any():
        raise ValueError(f"variogram: none of {len(maps)} maps is known at two different places of {len(position_um)}.")
    half, count, offset = half[used], count[used], offset[used]
    best: tuple[float, Variogram] | None = None
    for stretch in STRETCHES:
        h = np.linalg.norm(offset * stretch, axis=1)
        found = _fitted(h, half, count, stretch)
        off = float(np.sum(count * (half / count - found.sill + found.smooth * _kernel(found.kernel, h, found.range_um)) ** 2))
        if best is None or off < best[0]:
            best = off, found
    assert best is not None
    return best[1]


def _fitted(h: np.ndarray, half: np.ndarray, count: np.ndarray, stretch: tuple[int, int, int]) -> Variogram:
    """The best curve of all kernels and ranges, for one shape of the map."""
    edges = np.unique(np.quantile(h, np.linspace(0, 1, N_BINS + 1)))
    at = np.clip(np.searchsorted(edges, h, side="right") - 1, 0, max(len(edges) - 2, 0))
    weight = np.bincount(at, count)
    some = weight > 0
    lag = (np.bincount(at, h) / np.maximum(np.bincount(at), 1))[some]
    gamma, root = (np.bincount(at, half)[some] / weight[some]), np.sqrt(weight[some])
    best: tuple[float, Variogram] | None = None
    kernels: tuple[Kernel, ...] = ("gaussian", "exponential")
    for kernel in kernels:
        for reach in np.geomspace(LEAST_RANGE, MOST_RANGE, N_RANGES) * h.max():
            basis = np.stack([np.ones_like(lag), 1 - _kernel(kernel, lag, reach)], axis=1)
            (nugget, smooth), off = nnls(basis * root[:, None], gamma * root)
            if best is None or off < best[0]:
                best = off, Variogram(float(nugget), float(smooth), float(reach), kernel, stretch)
    assert best is not None
    return best[1]


def _kernel(kernel: Kernel, distance_um: np.ndarray, range_um: float) -> np.ndarray:
    scaled = distance_um / range_um
    return np.exp(-0.5 * scaled**2) if kernel == "gaussian" else np.exp(-scaled)
