"""Mixtures of normals of any shape, whose covariances are drawn towards what they have in common, so that small clusters can have one.

Source: expectation maximisation under a conjugate prior, Fraley & Raftery 2007, doi:10.1007/s00357-007-0004-5.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from sklearn.cluster import KMeans

POOLED = 5.0  # neurons of the pooled covariance that stand in each component beside its own; of 5, 20 and 60 the best in held-out neurons
MOST_STEPS = 100  # steps of expectation maximisation
SMALL_STEP = 1e-3  # nats a neuron; a step that gains less is the last


class ShrunkMixture:
    """A mixture of normals; its covariances are means of a component's own and the pooled one."""

    means: np.ndarray
    roots: np.ndarray
    log_shares: np.ndarray

    def __init__(self, n_components: int, floor: float, starts: int, seed: int) -> None:
        """A mixture that is not fitted yet.

        Args:
            n_components: Number of components.
            floor: Variance that is added along every axis.
            starts: Number of starts by k-means, of which the best one counts.
            seed: Seed of the starts.
        """
        self.n_components, self.floor, self.starts, self.seed = n_components, floor, starts, seed
        self.means, self.roots, self.log_shares = (np.empty(0) for _ in range(3))

    def fit(self, points: Float[np.ndarray, "neurons features"]) -> ShrunkMixture:
        """Fit to the rows of a cloud; returns itself."""
        best, kept = -np.inf, (self.means, self.roots, self.log_shares)
        for start in range(self.starts):
            label = KMeans(self.n_components, n_init=1, random_state=self.seed + start).fit_predict(points)
            gained = self._climb(points, np.eye(self.n_components)[label])
            if gained > best:
                best, kept = gained, (self.means, self.roots, self.log_shares)
        self.means, self.roots, self.log_shares = kept
        return self

    def _climb(self, points: np.ndarray, chances: np.ndarray) -> float:
        """Steps from the chances of each component on; the mean log-likelihood that is reached."""
        before = -np.inf
        for _ in range(MOST_STEPS):
            self._set(points, chances)
            joint = self._joint(points)
            each = logsumexp(joint, axis=1)
            chances = np.exp(joint - each[:, None])
            if each.mean() - before < SMALL_STEP:
                break
            before = float(each.mean())
        return float(each.mean())

    def _set(self, points: np.ndarray, chances: np.ndarray) -> None:
        """Components that are likeliest given the chances of neurons."""
        members = chances.sum(0) + 1e-9
        self.means, self.log_shares = (chances.T @ points) / members[:, None], np.log(members / len(points))
        apart = (points - mean for mean in self.means)
        scatter = np.stack([(chances[:, [at]] * off).T @ off for at, off in enumerate(apart)])
        pooled, floor = scatter.sum(0) / len(points), self.floor * np.eye(points.shape[1])
        self.roots = np.linalg.cholesky((scatter + POOLED * pooled) / (members + POOLED)[:, None, None] + floor)

    def _joint(self, points: np.ndarray) -> np.ndarray:
        """Log density of each neuron and component together, nats."""
        found = np.empty((len(points), self.n_components))
        for at, (mean, root, share) in enumerate(zip(self.means, self.roots, self.log_shares, strict=True)):
            standard = solve_triangular(root, (points - mean).T, lower=True)
            volume = np.log(np.diag(root)).sum() + len(root) / 2 * np.log(2 * np.pi)
            found[:, at] = share - (standard**2).sum(0) / 2 - volume
        return found

    def score_samples(self, points: Float[np.ndarray, "neurons features"]) -> Float[np.ndarray, " neurons"]:
        """Log-likelihood of each neuron, nats."""
        return np.asarray(logsumexp(self._joint(points), axis=1))

    def predict_proba(self, points: Float[np.ndarray, "neurons features"]) -> Float[np.ndarray, "neurons components"]:
        """Probability of each component."""
        joint = self._joint(points)
        return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))

    def predict(self, points: Float[np.ndarray, "neurons features"]) -> Int[np.ndarray, " neurons"]:
        """Likeliest component of each neuron."""
        return self._joint(points).argmax(1)
