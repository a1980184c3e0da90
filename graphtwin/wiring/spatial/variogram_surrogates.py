"""Variogram-matched surrogates: permuted maps that are smoothed until their variogram is that of the maps.

Each replicate permutes the targets' function, smooths it with a Gaussian kernel, adds white noise (another permutation), and weighs both
so that the semivariance at each distance is closest to that of the maps; of several widths of the kernel the closest is taken. Source:
Burt et al. 2020, doi:10.1016/j.neuroimage.2020.117038. Here all axons share the permutations, width and weights, which are fitted to the
semivariance summed over axons.

Kept: semivariance by distance summed over axons, about, and at all distances: matched at the shorter half alone, scores vary 1.2 times too
much. Covariance between axons, in proportion. Not kept: values (sums of many are near normal), anisotropy, and differences between axons
in how smooth their maps are. Valid where function is a stationary and isotropic field. Time grows with axons x targets x replicates, and
once with axons x targets^2; memory with axons x targets x widths. Over `MOST_LAGS` targets the variogram is that of a random sample of
them, and always of the `LEADING` principal maps.
`separable` has the law that such surrogates are draws of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.statistics import replicate
from graphtwin.wiring.nulls import NullDistribution
from graphtwin.wiring.spatial.moran_surrogates import N_REPLICATES
from graphtwin.wiring.spatial.similarity_maps import SimilarityMaps, require_distinct

FEWEST_PLACES = 20  # places of targets below which bins of distance hold too few pairs
WIDTHS = (0.01, 0.03, 0.08, 0.16, 0.3)  # quantiles of the distances that are tried as SD of the kernel
N_BINS = 25  # bins of distance, each with as many pairs
MOST_LAGS = 300  # targets of which the variogram is made
LEADING = 16  # principal maps of which the variogram is made
CHUNK = 500  # targets whose kernel is made at once


@dataclass(frozen=True)
class _Lags:
    """What the variogram is made of: pairs of sampled targets, their bin of distance, and rows of each kernel at the sample."""

    left: Int[np.ndarray, " pairs"]
    right: Int[np.ndarray, " pairs"]
    bin: Int[np.ndarray, " pairs"]
    kernel: Float[np.ndarray, "widths sample targets"]

    def variogram(self, factors: Float[np.ndarray, "sample factors"]) -> Float[np.ndarray, " bins"]:
        """Semivariance in each bin, summed over factors."""
        return np.asarray(_half_squares(self.left, self.right, self.bin, factors) / np.bincount(self.bin))


def match_variogram(maps: SimilarityMaps, seed: int, n_replicates: int = N_REPLICATES, workers: int = 1) -> NullDistribution:
    """Give targets other functions with the same variogram over targets; who connects, and the axons' function, stay.

    Args:
        maps: The maps of the similarity.
        seed: The run's seed.
        n_replicates: Number of surrogates.
        workers: Number of threads.

    Raises:
        ValueError: The targets lie at fewer than `FEWEST_PLACES` places.
    """
    sample, lags, widths = _lags(maps.target_um)
    residual = np.stack([maps.residual(g) for g in range(len(maps.test.choices.groups))])
    smoothed = [_against_kernel(residual, maps.target_um, width) for width in widths]
    factors = [_factors(one) for one in maps.value]
    wanted = [lags.variogram(one[sample]) for one in factors]

    def draw(number: int) -> np.ndarray:
        rng = rng_for(seed, "variogram surrogate", maps.test.similarity, number)
        smooth, rough = rng.permutation(maps.value.shape[2]), rng.permutation(maps.value.shape[2])
        at = maps.of_draw(number)
        width, weight, noise = _matched(lags, factors[at][smooth], wanted[at], factors[at].var(0).sum())
        value = maps.value[at]
        return weight * _dealt_score(smoothed[width], value, smooth) + noise * _dealt_score(residual, value, rough)

    name = "variogram-matched"
    return maps.distribution(name, np.stack(replicate(draw, n_replicates, workers, f"{maps.test.similarity} {name}")))


def _lags(xyz: Float[np.ndarray, "targets 3"]) -> tuple[Int[np.ndarray, " sample"], _Lags, Float[np.ndarray, " widths"]]:
    """The sampled targets, the variogram's pairs among them, and the widths of the kernels in um."""
    require_distinct(xyz, FEWEST_PLACES, "targets")
    sample = np.sort(rng_for(0, "targets of a variogram").permutation(len(xyz))[:MOST_LAGS])
    left, right = np.triu_indices(len(sample), 1)
    distance = np.linalg.norm(xyz[sample][left] - xyz[sample][right], axis=1)
    widths, edges = np.quantile(distance, WIDTHS), np.quantile(distance, np.arange(1, N_BINS) / N_BINS)
    bin = np.unique(np.searchsorted(edges, distance), return_inverse=True)[1]
    kernel = np.stack([_kernel(xyz, sample, width) for width in widths])
    return sample, _Lags(left, right, bin, kernel), widths


def _kernel(xyz: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """Weights of all targets at some of them; each row adds up to 1."""
    square = (xyz[at] ** 2).sum(1)[:, None] + (xyz**2).sum(1) - 2 * xyz[at] @ xyz.T
    weight = np.exp(-np.maximum(square, 0) / (2 * width**2))
    return weight / weight.sum(1, keepdims=True)


def _against_kernel(residual: Float[np.ndarray, "groups axons targets"], xyz: np.ndarray, width: float) -> np.ndarray:
    """Residuals times the kernel: the score of a smoothed map is that of the map with these."""
    out = np.zeros_like(residual)
    for begin in range(0, len(xyz), CHUNK):
        at = np.arange(begin, min(begin + CHUNK, len(xyz)))
        out += residual[:, :, at] @ _kernel(xyz, at, width)
    return out


def _factors(value: Float[np.ndarray, "axons targets"]) -> Float[np.ndarray, "targets factors"]:
    """Principal maps over targets: the squared differences of targets, summed over axons, are those of these."""
    size, vectors = np.linalg.eigh(value @ value.T)
    return np.ascontiguousarray(value.T @ vectors[:, np.argsort(-size)[:LEADING]])


def _matched(lags: _Lags, permuted: np.ndarray, wanted: np.ndarray, white: float) -> tuple[int, float, float]:
    """Width, and weights of the smoothed and of the white part, whose variogram is nearest to the wanted one."""
    found: tuple[float, int, float, float] = (np.inf, 0, 0.0, 0.0)
    for width, kernel in enumerate(lags.kernel):
        error, slope, nugget = _line(lags.variogram(kernel @ permuted), wanted)
        if error < found[0]:
            found = error, width, slope, nugget
    return found[1], float(np.sqrt(found[2])), float(np.sqrt(found[3] / white))


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Squared error, slope and intercept of least squares with both at least 0."""
    dx = x - x.mean()
    slope = max(float(dx @ y / max(dx @ dx, 1e-300)), 0.0)
    intercept = float(y.mean() - slope * x.mean())
    if intercept < 0:
        slope, intercept = float(x @ y / (x @ x)), 0.0
    return float(((y - slope * x - intercept) ** 2).sum()), slope, intercept


@njit(cache=True, nogil=True)
@no_type_check
def _half_squares(left, right, bin, factors):
    """Half the squared differences of pairs, added up in each bin. Releases the GIL."""
    out = np.zeros(bin.max() + 1)
    for i in range(len(left)):
        total = 0.0
        for k in range(factors.shape[1]):
            difference = factors[left[i], k] - factors[right[i], k]
            total += difference * difference
        out[bin[i]] += 0.5 * total
    return out


@njit(cache=True, nogil=True)
@no_type_check
def _dealt_score(residual, value, source):
    """Score of each group when each target has the function of its source. Releases the GIL."""
    score = np.zeros(len(residual))
    for g in range(len(residual)):
        for a in range(value.shape[0]):
            total = 0.0
            for j in range(value.shape[1]):
                total += residual[g, a, j] * value[a, source[j]]
            score[g] += total
    return score
