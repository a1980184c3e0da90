"""A shared basis over stimulus direction with a readout a neuron, fitted to all neurons at once.

The mean response of a neuron to a direction is positive and scatters in proportion to its size, so it is modelled as Gamma with
a logarithmic link: log E[y] = log gain + weights . basis(direction). With two harmonics in the basis this is the generalised von
Mises curve (Gatto & Jammalamadaka 2007, doi:10.1016/j.stamet.2006.11.003); here the basis is learned instead. Weights carry a Gaussian
prior whose variances are learned from all neurons, the basis a circular smoothness penalty. The expected information of a Gamma
likelihood with log link doesn't depend on the mean, so that neurons that saw the same directions share one factorisation:
a step costs a matrix product, linear in the number of neurons.

Gauge: the basis is orthonormal over directions and orthogonal to the constant, the second moment of the weights is diagonal and
falling, and the largest entry of a component is positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field

LARGEST_LOG_STEP = 1.0  # a Fisher step moves no log response further than this
ITERATIONS = 60  # sweeps over weights, noise and basis, at most
TOLERANCE = 2e-3  # a fit stops when no log response moves by more than this in a sweep (root mean square)
LARGEST_RESIDUAL = 10.0  # (y - mean) / mean beyond this counts as this: an outlier bends the basis no further


class DirectionConfig(BaseModel):
    """How embeddings are learned from responses to directions: what is tried, and on which held-out directions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranks: tuple[int, ...] = Field((2, 4, 6, 8), description="Numbers of basis functions that are tried on held-out directions.")
    smoothness: tuple[float, ...] = Field(
        (0.0, 0.03, 0.1),
        description="Strengths of the circular smoothness penalty that are tried, as parts of the information in the data.",
    )
    folds: int = Field(4, ge=2, description="Parts of the directions; each neuron loses one part in a fold.")
    seed: int = Field(
        0, ge=0, description="Seed of the draw that decides which neuron loses which directions in which fold; in a run that of the run."
    )


@dataclass(frozen=True)
class DirectionBasis:
    """A fitted basis and the readout of every neuron.

    Attributes:
        basis: Orthonormal functions of direction.
        weights: Readout of each neuron, in units of log response.
        log_gain: Mean log response of each neuron's fitted curve.
        prior_variance: Second moment of the weights of each component.
        dispersion: Variance of a response over its squared mean (1 / Gamma shape).
        smoothness: Strength of the penalty that the basis was fitted with.
    """

    basis: Float[np.ndarray, "rank directions"]
    weights: Float[np.ndarray, "neurons rank"]
    log_gain: Float[np.ndarray, " neurons"]
    prior_variance: Float[np.ndarray, " rank"]
    dispersion: float
    smoothness: float

    def response(self) -> Float[np.ndarray, "neurons directions"]:
        """Fitted mean response, in the units of the data."""
        return np.exp(np.clip(self.log_gain[:, None] + self.weights @ self.basis, -30.0, 30.0))


def check_rates(responses: Float[np.ndarray, "neurons directions"], rank: int) -> Bool[np.ndarray, "neurons directions"]:
    """The finite entries; refuses negative ones, silent neurons and a rank the directions can't carry."""
    observed = np.isfinite(responses)
    negative = int((responses[observed] < 0).sum())
    if negative:
        raise ValueError(
            f"direction responses: {negative} of {observed.sum()} are negative. The Gamma model is for mean deconvolved activity; "
            "deconvolve, or shift the baseline, before the fit."
        )
    silent = ~(np.where(observed, responses, 0.0).sum(1) > 0)
    if silent.any():
        raise ValueError(
            f"direction responses: {silent.sum()} of {len(responses)} neurons have no positive finite response, "
            f"first row {np.flatnonzero(silent)[0]}. "
            "Leave them out: a curve without a spike has no tuning."
        )
    if not 1 <= rank < responses.shape[1]:
        raise ValueError(
            f"rank {rank} with {responses.shape[1]} directions: choose 1 to {responses.shape[1] - 1}; the constant is the gain's."
        )
    return observed


def circular_roughness(n_directions: int) -> Float[np.ndarray, "directions directions"]:
    """Quadratic form of squared second differences around the circle, scaled so that its largest eigenvalue is 1."""
    second = 2 * np.eye(n_directions) - np.roll(np.eye(n_directions), 1, 1) - np.roll(np.eye(n_directions), -1, 1)
    roughness = second @ second
    return roughness / np.linalg.eigvalsh(roughness)[-1]


def fit_basis(
    responses: Float[np.ndarray, "neurons directions"],
    rank: int,
    smoothness: float,
    observed: Bool[np.ndarray, "neurons directions"] | None = None,
) -> DirectionBasis:
    """Penalised maximum likelihood over all neurons: readout, noise and basis in turn until the curves stand still.

    Args:
        responses: Mean responses, non-negative; NaN is not seen.
        rank: Number of basis functions.
        smoothness: Strength of the circular penalty relative to the mean information about a basis value.
        observed: Whether an entry may be used; all finite ones by default.
    """
    finite = check_rates(responses, rank)
    seen = finite if observed is None else finite & observed
    mean = np.where(seen, responses, 0.0).sum(1) / np.maximum(seen.sum(1), 1)
    if not (mean > 0).all():
        raise ValueError(
            f"direction responses: {(~(mean > 0)).sum()} of {len(mean)} neurons have no positive response in the directions seen. "
            "Leave them out, or hide fewer directions."
        )
    relative = np.where(seen, responses, 0.0) / mean[:, None]
    state = _Sweep(relative, seen, rank, smoothness)
    for _ in range(ITERATIONS):
        before = state.log_curve()
        state.sweep()
        if np.sqrt(np.mean((state.log_curve() - before) ** 2)) < TOLERANCE:
            break
    state.readout(steps=8)
    basis, weights = _fix_signs(state.basis, state.weights)
    return DirectionBasis(basis, weights, state.offset + np.log(mean), state.prior, state.dispersion, smoothness)


class _Sweep:
    """State of the alternation: offset and weights given the basis, then noise, then the basis given the weights."""

    def __init__(self, relative: np.ndarray, seen: np.ndarray, rank: int, smoothness: float) -> None:
        self.relative, self.seen, self.rank = relative, seen.astype(float), rank
        patterns, pattern = np.unique(seen, axis=0, return_inverse=True)
        self.patterns, order = patterns.astype(float), np.argsort(pattern.reshape(-1), kind="stable")
        self.members = np.split(order, np.cumsum(np.bincount(pattern.reshape(-1)))[:-1])
        self.roughness = smoothness * circular_roughness(seen.shape[1])
        self.offset, self.weights = np.zeros(len(relative)), np.zeros((len(relative), rank))
        self.prior, self.dispersion = np.ones(rank), 0.3
        self.basis = _leading_directions(relative, self.seen, rank)

    def log_curve(self) -> np.ndarray:
        return np.clip(self.offset[:, None] + self.weights @ self.basis, -12.0, 12.0)

    def residual(self) -> np.ndarray:
        """(y - mean) / mean: the score of the linear predictor, 0 where a direction wasn't seen."""
        return self.seen * np.minimum(self.relative * np.exp(-self.log_curve()) - 1.0, LARGEST_RESIDUAL)

    def information(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Design, unpenalised information and inverse of the penalised one, a pattern of seen directions each."""
        design = np.column_stack([np.ones(self.basis.shape[1]), self.basis.T])
        penalty = np.diag(np.r_[1e-6, 1.0 / np.maximum(self.prior, 1e-6)])
        information = np.einsum("pd,dk,dl->pkl", self.patterns, design, design, optimize=True) / self.dispersion
        return design, information, np.linalg.inv(information + penalty)

    def readout(self, steps: int) -> None:
        """Fisher scoring for gain and weights of all neurons under the current basis, prior and noise."""
        design, _, inverse = self.information()
        penalty = np.r_[0.0, 1.0 / np.maximum(self.prior, 1e-6)]
        for _ in range(steps):
            current = np.column_stack([self.offset, self.weights])
            score = self.residual() @ design / self.dispersion - current * penalty
            step = np.empty_like(score)
            for members, solution in zip(self.members, inverse, strict=True):
                step[members] = score[members] @ solution
            reach = np.abs(step @ design.T).max(1, keepdims=True)
            current += step * np.minimum(1.0, LARGEST_LOG_STEP / np.maximum(reach, 1e-12))
            self.offset, self.weights = current[:, 0], current[:, 1:]

    def sweep(self) -> None:
        self.readout(steps=3)
        _, information, inverse = self.information()
        counts = np.array([len(members) for members in self.members])
        freedom = float(np.einsum("pkl,plk,p->", information, inverse, counts))
        residual = self.residual()
        self.dispersion = float(max((residual**2).sum() / max(self.seen.sum() - freedom, 1.0), 1e-4))
        self._basis(residual, inverse[:, 1:, 1:] * counts[:, None, None])

    def _basis(self, residual: np.ndarray, spread: np.ndarray) -> None:
        """Half a scoring step for the basis, the weights' posterior spread (summed over a pattern) included; then back to the gauge."""
        n_directions, rank = self.basis.shape[1], self.rank
        information = np.einsum("pd,pkl->dkl", self.patterns, spread)
        for direction in range(n_directions):
            information[direction] += (self.weights * self.seen[:, direction, None]).T @ self.weights
        scale = max(float(np.einsum("dkk->", information)) / (n_directions * rank), 1e-12)
        system = np.einsum("de,kl->dkel", scale * self.roughness, np.eye(rank))
        system[np.arange(n_directions), :, np.arange(n_directions), :] += information + 1e-9 * scale * np.eye(rank)
        target = (residual + self.seen * (self.weights @ self.basis)).T @ self.weights
        solved = np.linalg.solve(system.reshape(n_directions * rank, -1), target.reshape(-1)).reshape(n_directions, rank).T
        mixed = 0.5 * (self.basis + solved)
        second = (self.weights.T @ self.weights + spread.sum(0)) / len(self.weights)
        self._gauge(mixed - mixed.mean(1, keepdims=True), second)

    def _gauge(self, basis: np.ndarray, second: np.ndarray) -> None:
        orthonormal, triangle = np.linalg.qr(basis.T)
        variances, rotation = np.linalg.eigh(triangle @ second @ triangle.T)
        rotation = rotation[:, ::-1]
        self.basis, self.weights = (orthonormal @ rotation).T, self.weights @ triangle.T @ rotation
        self.prior = np.maximum(variances[::-1], 1e-6)


def _leading_directions(relative: np.ndarray, seen: np.ndarray, rank: int) -> np.ndarray:
    """Start of the basis: leading eigenvectors of the directions' covariance, pairwise over the neurons that saw both."""
    centred = seen * np.clip(relative - 1.0, -3.0, 3.0)
    covariance = centred.T @ centred / np.maximum(seen.T @ seen, 1.0)
    centring = np.eye(len(covariance)) - 1.0 / len(covariance)
    return np.linalg.eigh(centring @ covariance @ centring)[1][:, ::-1][:, :rank].T


def _fix_signs(basis: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    largest = np.take_along_axis(basis, np.abs(basis).argmax(1)[:, None], 1)[:, 0]
    signs = np.where(largest < 0, -1.0, 1.0)
    return basis * signs[:, None], weights * signs


def direction_folds(n_neurons: int, n_directions: int, folds: int, rng: np.random.Generator) -> Int[np.ndarray, "neurons directions"]:
    """Fold in which a neuron loses a direction: one scattered partition of the circle, turned by another step a neuron.

    Every neuron loses 1 / folds of its directions a fold, every direction is seen by most neurons in every fold, and only
    `n_directions` patterns occur, so that the fit stays linear in neurons.
    """
    if folds > n_directions:
        raise ValueError(f"{folds} folds of {n_directions} directions: choose at most {n_directions}.")
    partition = rng.permutation(np.arange(n_directions) % folds)
    turn = rng.permutation(np.arange(n_neurons) % n_directions)
    return partition[(np.arange(n_directions)[None, :] + turn[:, None]) % n_directions]
