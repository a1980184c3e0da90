"""Similarities that a pair table lacks, drawn from a low-rank model of the axons x targets matrix.

Surrogates of a map need its value at every target. Tables often leave pairs out: those far apart, or of cells without a response. Here
targets are points in a space of few dimensions, s_ij = mean_i + w_i . z_j + noise, fitted by expectation maximisation to the entries that
are known (probabilistic principal components with gaps; Tipping and Bish 1999, doi:10.1111/1467-9868.00196; Ilin and Raiko 2010, Journal
of Machine Learning Research 11, 1957). Missing entries are drawn with their posterior noise: their mean would be too smooth and too small.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from graphtwin.execute import rng_for

RANKS = (1, 2, 3, 5, 8, 12, 16)  # numbers of dimensions that are tried
HELD_OUT = 0.1  # share of known entries by which the number of dimensions is chosen
MAX_STEPS = 60  # steps of expectation maximisation
CONVERGED = 1e-4  # relative change of the noise variance at which the steps end
LEAST_NOISE = 1e-6  # least noise variance over the variance of all known entries
LEAST_KNOWN = 3  # known entries that each axon needs


def complete_maps(value: Float[np.ndarray, "axons targets"], n_draws: int, seed: int) -> Float[np.ndarray, "draws axons targets"]:
    """The matrix with its NaN entries drawn anew in each draw; known entries are the same in all.

    Args:
        value: Similarity of axons with targets, NaN where unknown.
        n_draws: Number of matrices.
        seed: The run's seed.
    """
    rng = rng_for(seed, "completed maps")
    unit = np.nanstd(value)
    known = np.isfinite(value)
    fitted = _fit(value / unit, known, _rank(value / unit, known, rng))
    return np.stack([_drawn(value, fitted, unit, rng) for _ in range(n_draws)])


def axon_covariance(value: Float[np.ndarray, "axons targets"], seed: int) -> Float[np.ndarray, "axons axons"]:
    """How alike the maps of two axons are, over their mean variance, as the model says; also of axons that have no target in common.

    Args:
        value: Maps of the axons, NaN where unknown.
        seed: The run's seed.
    """
    known, unit = np.isfinite(value), np.nanstd(value)
    loadings, _, _, noise = _fit(value / unit, known, _rank(value / unit, known, rng_for(seed, "completed maps")))
    alike = loadings[:, :-1] @ loadings[:, :-1].T + noise * np.eye(len(value))
    return np.asarray(alike / np.mean(np.diag(alike)))


Fitted = tuple[np.ndarray, np.ndarray, np.ndarray, float]  # loadings with the mean last, posterior means and covariances of targets, noise


def _rank(value: np.ndarray, known: np.ndarray, rng: np.random.Generator) -> int:
    """Number of dimensions that predicts entries held out best; each axon keeps what it needs."""
    held = known & (rng.random(known.shape) < HELD_OUT)
    held &= ((known & ~held).sum(1) >= LEAST_KNOWN)[:, None]
    errors = []
    for rank in (rank for rank in RANKS if rank < len(value)):
        loadings, mean, _, _ = _fit(value, known & ~held, rank)
        predicted = loadings[:, :-1] @ mean.T + loadings[:, -1:]
        errors.append(float(((value - predicted)[held] ** 2).mean()))
        if errors[-1] > 1.05 * min(errors):
            break
    return RANKS[int(np.argmin(errors))]


def _fit(value: np.ndarray, known: np.ndarray, rank: int) -> Fitted:
    """Expectation maximisation from the principal components of the matrix with its gaps at the axons' means."""
    m = known.astype(float)
    filled = np.where(known, value, 0.0)
    centre = filled.sum(1) / m.sum(1)
    left, size, _ = np.linalg.svd(np.where(known, value - centre[:, None], 0.0), full_matrices=False)
    loadings = np.c_[left[:, :rank] * size[:rank] / np.sqrt(value.shape[1]), centre]
    noise, variance = 0.5, float(filled[known].var())
    for _ in range(MAX_STEPS):
        mean, covariance = _targets(filled, m, loadings, noise)
        loadings, new = _loadings(filled, m, mean, covariance)
        new = max(new, LEAST_NOISE * variance)
        noise, done = new, abs(new - noise) <= CONVERGED * noise
        if done:
            break
    return loadings, *_targets(filled, m, loadings, noise), noise


def _targets(filled: np.ndarray, m: np.ndarray, loadings: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and covariance of each target's place: targets x rank, targets x rank x rank."""
    w, rank = loadings[:, :-1], loadings.shape[1] - 1
    outer = (w[:, :, None] * w[:, None, :]).reshape(len(w), -1)
    precision = (m.T @ outer).reshape(-1, rank, rank) / noise + np.eye(rank)
    covariance = np.linalg.inv(precision)
    pull = (filled - m * loadings[:, -1:]).T @ w / noise
    return np.einsum("jkl,jl->jk", covariance, pull), covariance


def _loadings(filled: np.ndarray, m: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, float]:
    """Each axon's loadings and mean given the targets' places, and the noise variance."""
    one = np.c_[mean, np.ones(len(mean))]
    second = one[:, :, None] * one[:, None, :]
    second[:, :-1, :-1] += covariance
    q = one.shape[1]
    gram = (m @ second.reshape(len(one), -1)).reshape(-1, q, q) + 1e-9 * np.eye(q)
    cross = filled @ one
    loadings = np.linalg.solve(gram, cross[:, :, None])[:, :, 0]
    square = np.einsum("ij,ij->", filled, filled) - 2 * np.einsum("ik,ik->", loadings, cross)
    square += np.einsum("ik,ikl,il->", loadings, gram, loadings)
    return loadings, float(square / m.sum())


def _drawn(value: np.ndarray, fitted: Fitted, unit: float, rng: np.random.Generator) -> np.ndarray:
    """The matrix with one draw of its missing entries."""
    loadings, mean, covariance, noise = fitted
    root = np.linalg.cholesky(covariance)
    place = mean + np.einsum("jkl,jl->jk", root, rng.normal(size=mean.shape))
    drawn = loadings[:, :-1] @ place.T + loadings[:, -1:] + np.sqrt(noise) * rng.normal(size=value.shape)
    return np.where(np.isfinite(value), value, drawn * unit)
