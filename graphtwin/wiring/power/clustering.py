"""How the synapses of a table cluster beyond L_d and similarity: in a pair, on a target, and in hot spots of tissue.

The number of synapses of a pair is Poisson about its expectation times a factor with mean 1. The covariance of two factors is read from
the pair correlation of synapses: how many couples of synapses lie on two targets at a distance, over how many would if every synapse chose
its target by the expectation alone. Couples of one axon show the hot spots that it has, alone or with others; couples of two axons show
what all axons share. An axon's expectation is given its total, so the curve is compared with its own level far away and not with 1.
Source: Moller & Waagepetersen 2007, doi:10.1111/j.1467-9469.2007.00569.x, section 4 (pair correlation of a Cox process).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize

from graphtwin.execute import rng_for
from graphtwin.wiring.pairs import CandidateSet

N_COUPLES = 100_000  # couples of synapses that are looked at: bins of distance are then exact to 1 %
EDGES = (0.0, 0.01, 0.03, 0.06, 0.1, 0.16, 0.25, 0.4, 0.6, 0.8, 1.0)  # quantiles of distance at which bins end: narrow where hot spots show
N_RANGES = 16  # ranges that are tried
LEAST_RANGE_UM = 20.0  # shortest range of a hot spot: less than that is one cell
N_PARTS = 10  # parts of the axons that are left out in turn, for the error of what is found
LEAST_LEVEL = 0.1  # least level far away, over the mean: where all synapses of an axon lie together there is none
CLEAR = 1.0  # errors that a variance must exceed to be planted; a choice: leaving out what is there flatters power


@dataclass(frozen=True)
class Clustering:
    """Variances of the factors (mean 1) that multiply expected synapses.

    Attributes:
        pair: Variance of the factor that each pair has of its own: over-dispersion.
        target: Variance of the factor that a target has for all axons: popularity.
        own: Variance of the hot spots that each axon has of its own.
        own_range_um: Range of these, in um: their covariance falls as exp(-distance / range).
        shared: Variance of the hot spots that all axons share.
        shared_range_um: Range of these, in um.
    """

    pair: float = 0.0
    target: float = 0.0
    own: float = 0.0
    own_range_um: float = 50.0
    shared: float = 0.0
    shared_range_um: float = 50.0


@dataclass(frozen=True)
class _Couples:
    """Couples of synapses: the positions of their axons and targets, each in its list."""

    axon: Int[np.ndarray, "couples two"]
    target: Int[np.ndarray, "couples two"]


def clustering_of(
    choices: CandidateSet, expected: Float[np.ndarray, " pairs"], position_um: Float[np.ndarray, "targets 3"] | None, seed: int
) -> Clustering:
    """Estimate the clustering of a table's synapses.

    Args:
        choices: The candidates, in one group.
        expected: Expected synapses of each pair given its axon's total.
        position_um: Positions of the targets in um; None where they are not known: hot spots are then left out.
        seed: Seed of the choice of couples.

    Returns:
        Variances that exceed their error (leaving out a tenth of the axons in turn); 0 for the others.
    """
    made = choices.sum_blocks(choices.n_synapses)
    within = _found(_couples(choices, expected, made * (made - 1), True, rng_for(seed, "couples", "own")), position_um, len(made))
    if np.count_nonzero(made) < 2:
        return Clustering(pair=within[1], own=within[0], own_range_um=within[2])
    between = _found(_couples(choices, expected, made, False, rng_for(seed, "couples", "shared")), position_um, len(made))
    return Clustering(
        pair=max(within[1] - between[1], 0.0),
        target=between[1],
        own=max(within[0] - between[0], 0.0),
        own_range_um=within[2],
        shared=between[0],
        shared_range_um=between[2],
    )


def _couples(
    choices: CandidateSet, expected: np.ndarray, weight: np.ndarray, one_axon: bool, rng: np.random.Generator
) -> tuple[_Couples, _Couples]:
    """Couples of two synapses of one axon, or of two axons: observed ones, and ones that chose their targets by the expectation."""
    made = choices.sum_blocks(choices.n_synapses).astype(np.int64)
    if not weight.sum() > 0:
        none = np.zeros((0, 2), dtype=np.int64)
        return _Couples(none, none), _Couples(none, none)
    axon = rng.choice(len(made), (N_COUPLES, 2), p=weight / weight.sum())
    axon = np.repeat(axon[:, :1], 2, axis=1) if one_axon else axon[axon[:, 0] != axon[:, 1]]
    pair = np.repeat(np.arange(len(choices.target)), choices.n_synapses.astype(np.int64))
    first = np.cumsum(made) - made
    which = (rng.random(axon.shape) * (made[axon] - np.array([0, int(one_axon)]))).astype(np.int64)
    which[:, 1] += one_axon & (which[:, 1] >= which[:, 0])
    observed = _Couples(axon, choices.target[pair[first[axon] + which]])
    total = np.cumsum(expected)
    begin, end = choices.start[:-1], choices.start[1:]
    before = total[begin] - expected[begin]
    at = np.searchsorted(total, before[axon] + rng.random(axon.shape) * (total[end - 1] - before)[axon], side="right")
    return observed, _Couples(axon, choices.target[np.clip(at, begin[axon], end[axon] - 1)])


def _found(couples: tuple[_Couples, _Couples], position_um: np.ndarray | None, n_axons: int) -> tuple[float, float, float]:
    """Variance that is smooth in space, variance on one target beyond it, and the range of the first in um."""
    if len(couples[0].axon) == 0:
        return 0.0, 0.0, Clustering.own_range_um
    edges, lag = _bins(couples[1], position_um)
    parts = min(N_PARTS, n_axons)
    counts = np.stack([_histograms(side, position_um, edges, parts) for side in couples], axis=1)
    ranges = np.geomspace(LEAST_RANGE_UM, max(lag[-1] / 2, 2 * LEAST_RANGE_UM), N_RANGES) if len(lag) > 1 else np.ones(1)
    off = [_fitted(counts[0], lag, reach)[1] for reach in ranges]
    reach = float(ranges[int(np.argmin(off))])
    value, *without = (_fitted(count, lag, reach)[0] for count in counts)
    error = np.sqrt((parts - 1) / parts * ((np.stack(without) - np.mean(without, axis=0)) ** 2).sum(axis=0))
    smooth, same = np.where(value > CLEAR * error, value, 0.0)
    return float(smooth), float(same), reach


def _bins(couples: _Couples, position_um: np.ndarray | None) -> tuple[np.ndarray, Float[np.ndarray, " bins"]]:
    """Edges of the bins of distance, and the mean distance in each; one bin where positions are not known."""
    distance = _distance(couples, position_um)[couples.target[:, 0] != couples.target[:, 1]]
    if len(distance) == 0 or not np.ptp(distance) > 0:
        return np.array([-np.inf, np.inf]), np.zeros(1)
    edges = np.unique(np.quantile(distance, EDGES))
    edges[0], edges[-1] = -np.inf, np.inf
    at = np.searchsorted(edges, distance, side="right") - 1
    return edges, np.bincount(at, distance, len(edges) - 1) / np.maximum(np.bincount(at, minlength=len(edges) - 1), 1)


def _distance(couples: _Couples, position_um: np.ndarray | None) -> Float[np.ndarray, " couples"]:
    if position_um is None:
        return np.zeros(len(couples.target))
    return np.linalg.norm(position_um[couples.target[:, 0]] - position_um[couples.target[:, 1]], axis=1)


def _histograms(
    couples: _Couples, position_um: np.ndarray | None, edges: Float[np.ndarray, " bins"], parts: int
) -> Float[np.ndarray, "all_and_without_each bins"]:
    """Number of couples on one target, then in each bin of distance: of all axons, then without each part of them."""
    same = couples.target[:, 0] == couples.target[:, 1]
    at = np.where(same, 0, np.searchsorted(edges, _distance(couples, position_um), side="right"))
    every = np.bincount(at, minlength=len(edges))
    first, last = couples.axon[:, 0] % parts, couples.axon[:, -1] % parts
    n, both = parts * len(edges), first == last
    gone = np.bincount(first * len(edges) + at, minlength=n) + np.bincount((last * len(edges) + at)[~both], minlength=n)
    return np.concatenate([every[None], every - gone.reshape(parts, -1)]).astype(np.float64)


def _fitted(count: Float[np.ndarray, "2 bins"], lag: np.ndarray, reach: float) -> tuple[Float[np.ndarray, 2], float]:
    """Smooth variance and that on one target beyond it, both over the level far away, and the squares that the curve leaves."""
    observed, expected = count
    some = expected > 0
    distance, same = np.concatenate([[0.0], lag]), np.arange(len(expected)) == 0
    smooth = np.exp(-distance / reach) if len(lag) > 1 else np.zeros(len(distance))
    weight = np.sqrt(expected[some])
    shape = np.stack([np.ones(len(distance)), smooth, same], axis=1)[some]
    coefficient, off = optimize.nnls(shape * weight[:, None], observed[some] / expected[some] * weight)
    return coefficient[1:] / max(coefficient[0], LEAST_LEVEL), float(off)
