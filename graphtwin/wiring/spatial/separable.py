"""What a score of similarity would be if function were another draw of the same smooth field: its variance, without a draw.

The score of a slope is a sum over pairs, residual of the synapses times similarity, and so linear in similarity. Let the similarity of axon
i to target j, less what geometry and the axon's mean say, be a field over the targets with covariance K(i, k) C(j, l): K says how alike the
maps of two axons are, C is their variogram. With the wiring as it is, the score then has the variance sum of K(i, k) r_i C r_k, of which
the terms i != k are what two axons share because both meet the same smooth tissue; no error that takes axons as independent holds these.
It is the law that variogram-matched surrogates would be draws of (Burt et al. 2020, doi:10.1016/j.neuroimage.2020.117038; for correlations
of two maps, Clifford, Richardson and Hemon 1989, doi:10.2307/2532039). Unlike surrogates it needs no complete maps: a pair that is not in
the table enters neither the variogram nor K nor the score.

Time grows with axons x targets x min(targets, LANDMARKS), memory with axons x targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import cholesky, solve_triangular

from graphtwin.execute import rng_for
from graphtwin.wiring.spatial.variogram import Variogram, fit_variogram

LANDMARKS = 1500  # targets of the variogram; where there are more, the covariance goes through these and is exact for each target alone
JITTER = 1e-8  # share of the variance that keeps a factorisation from failing on rounding


@dataclass(frozen=True)
class FieldCovariance:
    """Covariance of the maps of similarity, as estimated from them.

    Attributes:
        axons: Covariance of the maps of two axons, over their mean variance.
        variogram: Variogram of the maps over the targets.
        position_um: Positions of the targets in um.
        landmarks: Rows of the targets that the variogram was measured at.
    """

    axons: Float[np.ndarray, "axons axons"]
    variogram: Variogram
    position_um: Float[np.ndarray, "targets 3"]
    landmarks: np.ndarray

    def variance(self, residual: Float[np.ndarray, "axons targets"]) -> tuple[float, float]:
        """Variance of the sum of residual times map, and the part of it that is shared by two axons.

        Args:
            residual: Weight of each axon's map at each target; each row sums to 0, and is 0 where there is no pair.
        """
        shared = self.axons * self._between(residual)
        return float(shared.sum()), float(shared.sum() - np.trace(shared))

    @property
    def maps(self) -> float:
        """Number of independent maps that those of the axons are worth."""
        return float(np.trace(self.axons) ** 2 / np.sum(self.axons**2))

    @property
    def few_maps(self) -> float:
        """Factor of what axons share, for it is measured by few maps: m / (m - 2), the mean of 1 over a variance of m normal values."""
        return self.maps / max(self.maps - 2, 1.0)

    @property
    def degrees(self) -> float:
        """Number of independent values that the maps are worth: that of the axons' maps times that of the places, less 1; at least 1."""
        one = self.variogram.covariance(self.position_um[self.landmarks], self.position_um[self.landmarks])
        one += self.variogram.nugget * np.eye(len(one))
        alike = np.mean(one[~np.eye(len(one), dtype=bool)] ** 2) / self.variogram.sill**2
        n = len(self.position_um)
        return max(float(self.maps * n / (1 + (n - 1) * alike)) - 1, 1.0)

    def factors(self) -> tuple[Float[np.ndarray, "landmarks targets"], Float[np.ndarray, " targets"]]:
        """Loadings, and variances of what is each target's own: C is loadings.T @ loadings + diag(own)."""
        every = len(self.landmarks) == len(self.position_um)
        chosen = self.position_um[self.landmarks]
        square = self.variogram.covariance(chosen, chosen) + JITTER * self.variogram.sill * np.eye(len(chosen))
        root = cholesky(square, lower=True)
        loading = root.T if every else solve_triangular(root, self.variogram.covariance(chosen, self.position_um), lower=True)
        missed = np.zeros(len(self.position_um)) if every else np.maximum(self.variogram.smooth - (loading**2).sum(axis=0), 0.0)
        return loading, missed + self.variogram.nugget

    def _between(self, residual: np.ndarray) -> Float[np.ndarray, "axons axons"]:
        """r_i C r_k of every two axons."""
        if len(self.landmarks) == len(self.position_um):
            own = self.variogram.nugget * residual @ residual.T
            return own + residual @ self.variogram.covariance(self.position_um, self.position_um) @ residual.T
        loading, own = self.factors()
        through = residual @ loading.T
        return through @ through.T + (residual * own) @ residual.T


def field_covariance(
    maps: Float[np.ndarray, "axons targets"],
    known: Bool[np.ndarray, "axons targets"],
    position_um: Float[np.ndarray, "targets 3"],
    seed: int,
) -> FieldCovariance:
    """Estimate the covariance of maps of similarity.

    Args:
        maps: Similarity of each axon to each target, less geometry and the axon's mean; anything where it is not known.
        known: Where a pair is in the table.
        position_um: Positions of the targets in um.
        seed: Seed of the choice of landmarks, where there are more targets.

    Raises:
        ValueError: No map is known at two different places.
    """
    n = len(position_um)
    some = rng_for(seed, "landmarks").permutation(n)[:LANDMARKS]
    landmarks = np.arange(n) if n <= LANDMARKS else np.sort(some)
    value, seen = np.where(known, maps, 0.0), known.astype(np.float64)
    variogram = fit_variogram(value[:, landmarks], known[:, landmarks], position_um[landmarks])
    both = seen @ seen.T
    covariance = np.divide(value @ value.T, both, out=np.zeros_like(both), where=both > 0)
    size, direction = np.linalg.eigh(covariance)
    positive = (direction * np.maximum(size, 0.0)) @ direction.T  # gaps can make the estimate no covariance
    return FieldCovariance(positive / np.mean(np.diag(positive)), variogram, position_um, landmarks)
