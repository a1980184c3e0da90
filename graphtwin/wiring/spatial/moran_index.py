"""Moran's I by distance: are the function of near cells, and what a model leaves of the wiring of near targets, alike?

Of two targets of one axon, I in a bin of distance is the mean product of their values over the mean square. Values are the axons' maps
("function"), or Pearson residuals (observed - expected) / sqrt(expected) of candidates ("wiring residual"), whose variance is 1 at each
candidate where counts are Poisson. Where both are above what permutations give, neighbouring targets are no independent witnesses: errors
clustered by axon and permutations within axons are then too small. Source: Moran 1950, doi:10.2307/2332142; by distance, the correlogram of
Sokal and Oden 1978, doi:10.1111/j.1095-8312.1978.tb00013.x.

The null of function permutes targets, for all axons alike; that of residuals permutes each axon's candidates. Time and memory grow with
axons x targets^2; over `MOST_TARGETS`, a random sample of them is used.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.statistics import replicate, two_sided_p
from graphtwin.wiring.spatial.similarity_maps import SimilarityMaps, require_distinct

N_PERMUTATIONS = 199  # permutations of Moran's I
N_BINS = 8  # bins of distance
FARTHEST = 0.5  # share of the distances between targets that bins reach
MOST_TARGETS = 1000  # targets in use at most
FEWEST_PLACES = 8  # places of targets below which there are no distances to speak of
FEWEST_PAIRS = 30  # products of a bin below which it has no I
SIGNIFICANT = 0.05  # largest p, over all bins of a group, that counts as not flat
Deal = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def moran_index(maps: SimilarityMaps, seed: int, n_permutations: int = N_PERMUTATIONS, workers: int = 1) -> pd.DataFrame:
    """Moran's I of function and of what the model without the similarity leaves of the wiring, by distance between targets.

    Args:
        maps: The maps of the similarity and the test that they belong to.
        seed: The run's seed.
        n_permutations: Number of permutations.
        workers: Number of threads.

    Returns:
        group, what, low_um, high_um (bin of distance), moran_i, null_mean, null_sd, p (two-sided), n_pairs (products of two targets of one
        axon); NaN in bins with fewer than `FEWEST_PAIRS`.
    """
    require_distinct(maps.target_um, FEWEST_PLACES, "targets")
    rng = rng_for(seed, "targets of Moran's I")
    sample = np.sort(rng.permutation(len(maps.target_um))[:MOST_TARGETS])
    edges, bin = _bins(maps.target_um[sample])
    rows = []
    for g, group in enumerate(maps.test.choices.groups):
        pearson, candidate = _pearson(maps, g, sample)
        used = candidate.any(1)
        function, everywhere = maps.value[0][used][:, sample], np.ones((used.sum(), len(sample)), dtype=bool)
        of = {
            "function": (function, everywhere, _permuted_targets),
            "wiring residual": (pearson[used], candidate[used], _permuted_candidates),
        }
        for what, (value, known, deal) in of.items():
            found = _index(value, known, deal, bin, seed, (group, what), n_permutations, workers)
            rows.append(pd.DataFrame({"group": group, "what": what, "low_um": edges[:-1], "high_um": edges[1:]} | found))
    return pd.concat(rows, ignore_index=True)


def not_flat(table: pd.DataFrame) -> str | None:
    """What a reader must be told of Moran's I: where function and wiring residuals of near targets are both alike; None where they are not.

    A group and quantity are not flat where the least p over its bins, times their number, is at most `SIGNIFICANT`.

    Args:
        table: The table of `moran_index`.
    """
    told = []
    for group, rows in table.groupby("group", sort=True):
        steep = {str(what): part.loc[part["p"].idxmin()] for what, part in rows.groupby("what") if _least_p(part) <= SIGNIFICANT}
        if "wiring residual" in steep:
            row, both = steep["wiring residual"], "function" in steep
            bin = f"{row['low_um']:.0f} to {row['high_um']:.0f} um"
            told.append(f"{group} (I = {row['moran_i']:.3f} at {bin}{', and function varies in space too' if both else ''})")
    if not told:
        return None
    return (
        f"What the model leaves of the wiring is not the same everywhere in space: {', '.join(told)}. "
        "Where function varies in space too, only nulls that keep its autocorrelation are valid."
    )


def _least_p(part: pd.DataFrame) -> float:
    """The least p over bins, times their number (Bonferroni); 1 where no bin has one."""
    p = part["p"].dropna()
    return float(min(1.0, p.min() * len(p))) if len(p) else 1.0


def _bins(xyz: Float[np.ndarray, "sample axes"]) -> tuple[Float[np.ndarray, " edges"], Int[np.ndarray, "sample sample"]]:
    """Edges of the bins in um, with about as many pairs of targets in each, and each pair's bin; the number of bins stands for none."""
    distance = np.linalg.norm(xyz[:, None] - xyz[None], axis=2)
    upper = distance[np.triu_indices(len(xyz), 1)]
    edges = np.r_[0.0, np.quantile(upper, FARTHEST * np.arange(1, N_BINS + 1) / N_BINS)]
    bin = np.searchsorted(edges[1:], distance, side="left")
    np.fill_diagonal(bin, N_BINS)
    return edges, bin


def _pearson(maps: SimilarityMaps, group: int, sample: Int[np.ndarray, " sample"]) -> tuple[np.ndarray, np.ndarray]:
    """Pearson residuals of axons x sampled targets, 0 where a pair is no candidate, and which are."""
    residual, expected = (maps.of_pairs(value, group)[:, sample] for value in (maps.test.residual, maps.test.expected))
    return np.divide(residual, np.sqrt(expected), out=np.zeros_like(residual), where=expected > 0), expected > 0


def _index(
    value: np.ndarray,
    known: np.ndarray,
    deal: Deal,
    bin: np.ndarray,
    seed: int,
    names: tuple[str, str],
    n_permutations: int,
    workers: int,
) -> dict[str, np.ndarray]:
    """Moran's I in each bin, beside its permutations."""
    both = known.astype(float)
    n_pairs = np.bincount(bin.ravel(), (both.T @ both).ravel(), N_BINS + 1)[:-1] / 2
    value = np.where(known, value - (value.sum(1) / np.maximum(known.sum(1), 1))[:, None], 0.0)
    square = (value**2).sum() / max(known.sum(), 1)

    def index(value: np.ndarray) -> np.ndarray:
        product = np.bincount(bin.ravel(), (value.T @ value).ravel(), N_BINS + 1)[:-1] / 2
        return np.divide(product, n_pairs * square, out=np.full(N_BINS, np.nan), where=(n_pairs >= FEWEST_PAIRS) & (square > 0))

    def draw(number: int) -> np.ndarray:
        return index(deal(value, known, rng_for(seed, "Moran's I", *names, number)))

    observed, null = index(value), np.stack(replicate(draw, n_permutations, workers, f"Moran's I of {names[1]}"))
    found = {"moran_i": observed, "null_mean": null.mean(0), "null_sd": null.std(0)}
    return found | {"p": two_sided_p(observed, null), "n_pairs": n_pairs.astype(np.int64)}


def _permuted_targets(value: np.ndarray, known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The maps with targets in another order, for all axons the same."""
    return np.asarray(value[:, rng.permutation(value.shape[1])])


def _permuted_candidates(value: np.ndarray, known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The residuals with each axon's candidates in another order."""
    dealt = np.zeros_like(value)
    for axon in range(len(value)):
        at = np.flatnonzero(known[axon])
        dealt[axon, at] = value[axon, rng.permutation(at)]
    return dealt
