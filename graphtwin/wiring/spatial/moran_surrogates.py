"""Moran spectral randomisation: maps of other function with the same autocorrelation, by random signs of their spatial spectrum.

A graph joins each cell with its nearest neighbours. The eigenvectors of its centred weights are orthogonal patterns over the cells, from
the coarsest to the finest. Each map is a sum of them; a surrogate gives every coefficient a random sign, the same for the maps of all
axons. Source: Wagner and Dray 2015, doi:10.1111/2041-210X.12407 (the singleton procedure).

Kept exactly: each map's mean, variance and spectrum (so also Moran's I on this graph, and autocorrelation that is not the same in all
directions), and the covariance of the maps of any two axons. Over `MOST_EXACT` cells, this holds for the leading `LEADING` patterns; what
they leave is given a random sign cell by cell, which keeps its size at each cell and its covariance between axons, and no autocorrelation
at lengths below that of the finest leading pattern (about (volume / LEADING)^(1/3)).

Valid where function is a stationary field: coefficients of different patterns are then about uncorrelated. Wiring may have any field.
As U is linear in the map, a replicate is one sum over patterns: time grows with cells x replicates, after eigenvectors that take
cells^3 (exact) or cells x LEADING^2, as `leading_eigenvectors` says.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.spatial import cKDTree

from graphtwin.execute import rng_for
from graphtwin.statistics import replicate
from graphtwin.wiring.nulls import NullDistribution
from graphtwin.wiring.spatial.leading_eigenvectors import leading_eigenvectors
from graphtwin.wiring.spatial.similarity_maps import SimilarityMaps, require_distinct

N_REPLICATES = 1000  # replicates of a null: the least p is then 1 / 1001
MOST_EXACT = 1500  # cells up to which all eigenvectors are computed
LEADING = 300  # eigenvectors of larger graphs
TOLERANCE = 1e-4  # error of eigenvalues of larger graphs, over the largest; patterns are orthonormal whatever it is
NEIGHBOURS = 6  # nearest neighbours that a cell is joined with
FEWEST_PLACES = 8  # distinct places: 7 signs give 64 two-sided values, so that p can be below 0.05


def moran_eigenvectors(position_um: Float[np.ndarray, "cells 3"], what: str = "cells") -> Float[np.ndarray, "cells patterns"]:
    """Orthonormal patterns over cells, each with mean 0, by falling Moran's I: all of them, or the leading `LEADING`.

    The graph has weight 1 between two cells of which one is among the other's nearest: `NEIGHBOURS` of them, or a fifth of fewer cells.

    Args:
        position_um: Positions of the cells.
        what: The cells in the words of errors: "targets" or "axons".

    Raises:
        ValueError: The cells lie at fewer than `FEWEST_PLACES` places.
    """
    require_distinct(position_um, FEWEST_PLACES, what)
    n, weights = len(position_um), _joined(position_um)
    if n <= MOST_EXACT:
        return _all_patterns(weights.toarray())
    return leading_eigenvectors(weights, position_um, LEADING, TOLERANCE)


def _joined(position_um: np.ndarray) -> sparse.csr_array:
    """The symmetric graph of nearest neighbours."""
    n = len(position_um)
    k = int(np.clip(n // 5, 2, NEIGHBOURS))
    near = cKDTree(position_um).query(position_um, k + 1)[1]
    row = np.repeat(np.arange(n), k + 1)
    apart = near.ravel() != row
    one = sparse.csr_array((np.ones(apart.sum()), (row[apart], near.ravel()[apart])), shape=(n, n))
    return one.maximum(one.T).tocsr()


def _all_patterns(weights: np.ndarray) -> np.ndarray:
    """All n - 1 eigenvectors of the centred weights that are orthogonal to the constant."""
    n = len(weights)
    contrast = np.linalg.qr(np.c_[np.ones(n), np.eye(n)[:, 1:]])[0][:, 1:]  # orthonormal, each with mean 0
    size, vectors = np.linalg.eigh(contrast.T @ weights @ contrast)
    return contrast @ vectors[:, np.argsort(-size)]


def randomise_targets(maps: SimilarityMaps, seed: int, n_replicates: int = N_REPLICATES, workers: int = 1) -> NullDistribution:
    """Give targets other functions with the same autocorrelation over targets; who connects, and the axons' function, stay.

    Args:
        maps: The maps of the similarity.
        seed: The run's seed.
        n_replicates: Number of surrogates.
        workers: Number of threads.
    """
    patterns = moran_eigenvectors(maps.target_um, "targets")
    residuals = [maps.residual(g) for g in range(len(maps.test.choices.groups))]
    terms = np.stack([_terms(one, residuals, patterns) for one in maps.value])
    return _flipped(maps, "moran, targets", terms, np.zeros((len(maps.value), len(residuals))), seed, n_replicates, workers)


def randomise_axons(maps: SimilarityMaps, seed: int, n_replicates: int = N_REPLICATES, workers: int = 1) -> NullDistribution:
    """Give axons other functions with the same autocorrelation over axons; who connects, and the targets' function, stay.

    The mean over axons of each target's similarity stays too, so that null slopes lie around the slope that it alone would give.

    Args:
        maps: The maps of the similarity.
        seed: The run's seed.
        n_replicates: Number of surrogates.
        workers: Number of threads.
    """
    patterns = moran_eigenvectors(maps.axon_um, "axons")
    residuals = [maps.residual(g).T for g in range(len(maps.test.choices.groups))]
    terms = np.stack([_terms(one.T, residuals, patterns) for one in maps.value])
    stays = np.stack([[float(one.mean(0) @ residual.sum(1)) for residual in residuals] for one in maps.value])
    return _flipped(maps, "moran, axons", terms, stays, seed, n_replicates, workers)


def _terms(
    value: Float[np.ndarray, "maps cells"], residuals: list[Float[np.ndarray, "maps cells"]], patterns: Float[np.ndarray, "cells patterns"]
) -> Float[np.ndarray, "terms groups"]:
    """Parts of each group's score that get one sign each: one a pattern, then one a cell where the patterns are not all."""
    value = value - value.mean(1, keepdims=True)
    coefficients = value @ patterns
    parts = np.stack([np.einsum("mk,mk->k", coefficients, residual @ patterns) for residual in residuals], 1)
    if patterns.shape[1] == len(patterns) - 1:
        return parts
    rest = value - coefficients @ patterns.T
    return np.concatenate([parts, np.stack([np.einsum("mc,mc->c", rest, residual) for residual in residuals], 1)])


def _flipped(
    maps: SimilarityMaps, name: str, terms: np.ndarray, stays: np.ndarray, seed: int, n_replicates: int, workers: int
) -> NullDistribution:
    """The null of random signs; terms: draws x terms x groups; stays: draws x groups, the part of the score without a sign."""

    def draw(number: int) -> np.ndarray:
        sign = rng_for(seed, name, maps.test.similarity, number).integers(0, 2, terms.shape[1]) * 2.0 - 1.0
        at = maps.of_draw(number)
        return np.asarray(stays[at] + sign @ terms[at])

    return maps.distribution(name, np.stack(replicate(draw, n_replicates, workers, f"{maps.test.similarity} {name}")))
