"""Variogram-matched surrogates: permuted maps that are smoothed until their variogram is that of the maps.

Each replicate permutes the targets' function, smooths it with a Gaussian kernel, adds white noise (another permutation), and weighs both
so that the semivariance at each distance is closest to that of the maps; of several widths of the kernel the closest is taken. Source:
Burt et al. 2020, doi:10.1016/j.neuroimage.2020.117038. Here all axons share the permutations, width and weights, which are fitted to the
semivariance summed over axons.

Kept: semivariance by distance summed over axons, about, and at all distances: matched at the shorter half alone, scores vary 1.2 times too
much. Covariance between axons, in proportion. Not kept: values (sums of many are near normal), anisotropy, and differences between axons
in how smooth their maps are. Valid where function is a stationary and isotropic field. Over `MOST_LAGS` targets the variogram is that of a
random sample of them, and always of the `LEADING` principal maps.

First all replicates are fitted, then those of one width after the other are scored. A fit takes targets x `MOST_LAGS` x `LEADING` x widths
multiplications, whatever the number of axons; a score axons x targets x groups; what is done once, axons x targets^2 for each width in use.
Memory grows with axons x targets x groups.
`separable` has the law that such surrogates are draws of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Float64, Int
from numba import njit

from graphtwin.execute import rng_for
from graphtwin.statistics import replicate
from graphtwin.wiring.nulls import NullDistribution
from graphtwin.wiring.spatial.dealt_scores import TOGETHER, GroupWeights, dealt_scores, group_weights, similarities_of
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
    kernel: Float32[np.ndarray, "widths sample targets"]  # half the time of 64 bits, and 1e-7 off in what is fitted

    def variogram(self, factors: Float[np.ndarray, "sample factors"]) -> Float[np.ndarray, " bins"]:
        """Semivariance in each bin, summed over factors."""
        return np.asarray(_half_squares(self.left, self.right, self.bin, factors) / np.bincount(self.bin))

    def smoothed(self, factors: Float[np.ndarray, "targets factors"]) -> Float64[np.ndarray, "widths sample factors"]:
        """Factors at the sample, smoothed by each kernel."""
        n_widths, n_sample, n_targets = self.kernel.shape
        product = self.kernel.reshape(-1, n_targets) @ factors.astype(np.float32, copy=False)
        return product.reshape(n_widths, n_sample, -1).astype(np.float64)


@dataclass(frozen=True)
class _Fitted:
    """Of each replicate the width's number, and the weights of the smoothed and of the white part."""

    width: Int[np.ndarray, " replicates"]
    smooth: Float[np.ndarray, " replicates"]
    white: Float[np.ndarray, " replicates"]


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
    factors = [_factors(one) for one in maps.value]
    wanted, white = [lags.variogram(one[sample]) for one in factors], [float(one.var(0).sum()) for one in factors]
    short = [one.astype(np.float32) for one in factors]
    numbers = _batches(np.arange(n_replicates))

    def fit(batch: int) -> list[tuple[int, float, float]]:
        at = [maps.of_draw(int(number)) for number in numbers[batch]]
        sources = _permutations(maps, seed, numbers[batch], 1)[0]
        permuted = [short[draw][source] for draw, source in zip(at, sources, strict=True)]
        parts = np.split(lags.smoothed(np.concatenate(permuted, 1)), len(at), 2)
        return [_nearest(lags, part, wanted[draw], white[draw]) for draw, part in zip(at, parts, strict=True)]

    label = f"{maps.test.similarity} variogram-matched, "
    rows = [row for batch in replicate(fit, len(numbers), workers, label + "fits") for row in batch]
    fitted = _Fitted(*(np.array(column) for column in zip(*rows, strict=True)))
    return maps.distribution("variogram-matched", _scores(maps, seed, fitted, widths, workers, label + "scores"))


def _batches(numbers: Int[np.ndarray, " numbers"]) -> list[Int[np.ndarray, " some"]]:
    """Replicates in batches that are worked on together; none of none."""
    return np.split(numbers, np.arange(TOGETHER, len(numbers), TOGETHER)) if len(numbers) else []


def _permutations(
    maps: SimilarityMaps, seed: int, numbers: Int[np.ndarray, " replicates"], n_each: int
) -> Int[np.ndarray, "{n_each} replicates targets"]:
    """Permutations of targets: first those that are smoothed, then those that stay white."""
    n_targets = len(maps.target_um)
    rngs = [rng_for(seed, "variogram surrogate", maps.test.similarity, int(number)) for number in numbers]
    return np.array([[rng.permutation(n_targets) for rng in rngs] for _ in range(n_each)])


def _scores(
    maps: SimilarityMaps, seed: int, fitted: _Fitted, widths: Float[np.ndarray, " widths"], workers: int, label: str
) -> Float[np.ndarray, "replicates groups"]:
    """Score of each replicate and group; one width after the other, so that the weights of one alone are held."""
    weights = group_weights(maps)
    similarities = similarities_of(maps, weights)
    draw = np.array([maps.of_draw(number) for number in range(len(fitted.width))])
    score = np.empty((len(draw), len(weights)))
    for width in np.unique(fitted.width):
        smoothed = _against_kernel(weights, maps.target_um, widths[width])
        batches = [batch for d in np.unique(draw) for batch in _batches(np.flatnonzero((fitted.width == width) & (draw == d)))]

        def of(number: int, smoothed: list[GroupWeights] = smoothed, batches: list[np.ndarray] = batches) -> np.ndarray:
            batch = batches[number]
            smooth, white = _permutations(maps, seed, batch, 2)
            value = similarities[draw[batch[0]]]
            parts = dealt_scores(smoothed, value, smooth), dealt_scores(weights, value, white)
            return np.asarray(fitted.smooth[batch, None] * parts[0] + fitted.white[batch, None] * parts[1])

        score[np.concatenate(batches)] = np.concatenate(replicate(of, len(batches), workers, label))
    return score


def _lags(xyz: Float[np.ndarray, "targets 3"]) -> tuple[Int[np.ndarray, " sample"], _Lags, Float[np.ndarray, " widths"]]:
    """The sampled targets, the variogram's pairs among them, and the widths of the kernels in um."""
    require_distinct(xyz, FEWEST_PLACES, "targets")
    sample = np.sort(rng_for(0, "targets of a variogram").permutation(len(xyz))[:MOST_LAGS])
    left, right = np.triu_indices(len(sample), 1)
    distance = np.linalg.norm(xyz[sample][left] - xyz[sample][right], axis=1)
    widths, edges = np.quantile(distance, WIDTHS), np.quantile(distance, np.arange(1, N_BINS) / N_BINS)
    bin = np.unique(np.searchsorted(edges, distance), return_inverse=True)[1]
    kernel = np.stack([_kernel(xyz, sample, width).astype(np.float32) for width in widths])
    return sample, _Lags(left, right, bin, kernel), widths


def _kernel(xyz: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """Weights of all targets at some of them; each row adds up to 1."""
    place = (xyz - xyz.mean(0)) / width
    half = 0.5 * (place**2).sum(1)
    weight = np.c_[place[at], -half[at], np.ones(len(at))] @ np.c_[place, np.ones(len(xyz)), -half].T  # minus half the squared distance
    np.minimum(weight, 0, out=weight)
    np.exp(weight, out=weight)
    weight /= weight.sum(1, keepdims=True)
    return weight


def _against_kernel(weights: list[GroupWeights], xyz: np.ndarray, width: float) -> list[GroupWeights]:
    """Weights times the kernel: the score of a smoothed map is that of the map with these."""
    out = [np.zeros((len(xyz), len(group.axon))) for group in weights]
    for begin in range(0, len(xyz), CHUNK):
        at = np.arange(begin, min(begin + CHUNK, len(xyz)))
        kernel = _kernel(xyz, at, width)
        for group, sums in zip(weights, out, strict=True):
            first, last = np.searchsorted(group.target, (begin, begin + CHUNK))
            sums += kernel[group.target[first:last] - begin].T @ group.weight[first:last]
    everywhere = np.arange(len(xyz))
    return [GroupWeights(group.axon, everywhere, sums) for group, sums in zip(weights, out, strict=True)]


def _factors(value: Float[np.ndarray, "axons targets"]) -> Float[np.ndarray, "targets factors"]:
    """Principal maps over targets: the squared differences of targets, summed over axons, are those of these."""
    size, vectors = np.linalg.eigh(value @ value.T)
    return np.ascontiguousarray(value.T @ vectors[:, np.argsort(-size)[:LEADING]])


def _matched(lags: _Lags, permuted: np.ndarray, wanted: np.ndarray, white: float) -> tuple[int, float, float]:
    """Width, and weights of the smoothed and of the white part, whose variogram is nearest to the wanted one."""
    return _nearest(lags, lags.smoothed(permuted), wanted, white)


def _nearest(lags: _Lags, smoothed: np.ndarray, wanted: np.ndarray, white: float) -> tuple[int, float, float]:
    """`_matched` of factors that are smoothed by each kernel: widths x sample x factors."""
    found: tuple[float, int, float, float] = (np.inf, 0, 0.0, 0.0)
    for width, factors in enumerate(smoothed):
        error, slope, nugget = _line(lags.variogram(np.ascontiguousarray(factors)), wanted)
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


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
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
