"""A shared basis over columns of responses with a readout a neuron, fitted to all neurons at once.

Columns may be directions, frames of a movie, stimulated neurons: curve = offset + mean curve + weights . basis(column), of the log mean
response where noise is Gamma, of the response in the neuron's own units where it is Gaussian (`tuning.noise`). For directions with two
harmonics in the basis this is the generalised von Mises curve (Gatto & Jammalamadaka 2007, doi:10.1016/j.stamet.2006.11.003); here the
basis is learned instead. Weights carry a Gaussian prior whose variances are learned from all neurons (probabilistic principal components
with gaps: Tipping & Bishop 1999, doi:10.1111/1467-9868.00196), the basis a smoothness penalty where the columns lie on an axis. The
expected information doesn't depend on the mean, so that neurons that saw the same columns share one factorisation, and a step costs a
matrix product: linear in the number of neurons, also where each saw columns of its own.

Gauge: the basis is orthonormal over columns and orthogonal to the constant, the second moment of the weights is diagonal and
falling, and the largest entry of a component is positive. The mean curve is that of the mean neuron where noise is Gaussian, and 0 where
it is Gamma.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from graphtwin.execute import rng_for
from graphtwin.tuning.noise import Noise, own_scale, residual_of
from graphtwin.tuning.roughness import axis_roughness

LARGEST_LOG_STEP = 1.0  # a Fisher step moves no log response further than this
ITERATIONS = 60  # sweeps over weights, noise and basis, at most
TOLERANCE = 2e-3  # a fit stops when no curve moves by more than this in a sweep (root mean square)
STEPS = {"gamma": 3, "gaussian": 1}  # scoring steps of the readout in a sweep: one is exact where the link is the identity
LARGEST_FIT = 20_000_000  # entries of the table from which on the basis is learned from neurons that are drawn, and the others are read out
CHUNK = 4_000_000  # entries that are read out at once
DENSE = 1024  # unknowns of a smooth basis up to which its system is solved as a dense one
PSEUDO = 5.0  # entries of mean variance that stand beside those of a column or a neuron, whose variance is known from few


@dataclass(frozen=True)
class Basis:
    """A fitted basis and the readout of every neuron.

    Attributes:
        basis: Orthonormal functions of the columns.
        mean_curve: Curve that all neurons share, of mean 0, on the scale of the weights; 0 where noise is Gamma.
        weights: Readout of each neuron: units of log response (Gamma), or of the neuron's own standard deviation (Gaussian).
        offset: Mean of each neuron's fitted curve: of the log response (Gamma), of the response (Gaussian).
        scale: Response a unit of the weights, of each neuron; 1 where noise is Gamma.
        prior_variance: Second moment of the weights of each component.
        dispersion: Variance of a response over its squared mean (Gamma, 1 / shape), or over the neuron's variance (Gaussian).
        column_variance, neuron_variance: Factors of the dispersion for a column and for a neuron; about 1 in the mean.
        uncertainty: Posterior covariance of offset and weights, on the scale of the weights, a pattern of columns seen each.
        pattern: Pattern of each neuron.
        noise: Family of the noise.
        smoothness: Strength of the penalty that the basis was fitted with.
    """

    basis: Float[np.ndarray, "rank columns"]
    mean_curve: Float[np.ndarray, " columns"]
    weights: Float[np.ndarray, "neurons rank"]
    offset: Float[np.ndarray, " neurons"]
    scale: Float[np.ndarray, " neurons"]
    prior_variance: Float[np.ndarray, " rank"]
    dispersion: float
    column_variance: Float[np.ndarray, " columns"]
    neuron_variance: Float[np.ndarray, " neurons"]
    uncertainty: Float[np.ndarray, "patterns entries entries"]
    pattern: Int[np.ndarray, " neurons"]
    noise: Noise
    smoothness: float

    def response(self, rows: slice = slice(None)) -> Float[np.ndarray, "neurons columns"]:
        """Fitted mean response, in the units of the data, of all neurons or of a slice of them."""
        curve = self.scale[rows, None] * (self.mean_curve + self.weights[rows] @ self.basis) + self.offset[rows, None]
        return np.exp(np.clip(curve, -30.0, 30.0)) if self.noise.family == "gamma" else curve

    def variance(self) -> Float[np.ndarray, "neurons columns"]:
        """Variance of a new response about the curve, in squared units of the data: Gaussian noise, and what is unknown of readouts."""
        noise = self.dispersion * self.neuron_variance[:, None] * self.column_variance
        design = np.column_stack([np.ones(self.basis.shape[1]), self.basis.T])
        products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
        unknown = self.uncertainty.reshape(len(self.uncertainty), -1) @ products.T
        return self.scale[:, None] ** 2 * (noise + unknown[self.pattern])


def check_responses(responses: Float[np.ndarray, "neurons columns"], rank: int, noise: Noise) -> Bool[np.ndarray, "neurons columns"]:
    """The finite entries; refuses what the noise can't carry (negative or silent neurons, for Gamma) and a rank the columns can't."""
    observed = np.isfinite(responses)
    if noise.family == "gamma":
        _require_rates(responses, observed)
    if not 1 <= rank < responses.shape[1]:
        raise ValueError(
            f"rank {rank} with {responses.shape[1]} columns: choose 1 to {responses.shape[1] - 1}; the constant is the offset's."
        )
    return observed


def _require_rates(responses: np.ndarray, observed: np.ndarray) -> None:
    negative = int((responses[observed] < 0).sum())
    if negative:
        raise ValueError(
            f"responses: {negative} of {observed.sum()} are negative. The Gamma model is for mean deconvolved activity; "
            "deconvolve, or give them as a table of function, whose noise may be Gaussian."
        )
    silent = ~(np.where(observed, responses, 0.0).sum(1) > 0)
    if silent.any():
        raise ValueError(
            f"responses: {silent.sum()} of {len(responses)} neurons have no positive finite response, "
            f"first row {np.flatnonzero(silent)[0]}. Leave them out: a curve without a spike has no tuning."
        )


def fit_basis(
    responses: Float[np.ndarray, "neurons columns"],
    rank: int,
    smoothness: float,
    observed: Bool[np.ndarray, "neurons columns"] | None = None,
    noise: Noise | None = None,
    roughness: Float[np.ndarray, "columns columns"] | None = None,
) -> Basis:
    """Penalised maximum likelihood over all neurons: readout, noise and basis in turn until the curves stand still.

    Args:
        responses: Responses, NaN where nothing was measured; non-negative where noise is Gamma.
        rank: Number of basis functions.
        smoothness: Strength of the penalty on roughness relative to the mean information about a basis value.
        observed: Whether an entry may be used; all finite ones by default.
        noise: Family of the noise; Gamma by default.
        roughness: Quadratic form of the penalty; by default that of columns evenly spaced on a circle.
    """
    noise = noise or Noise()
    finite = check_responses(responses, rank, noise)
    seen = finite if observed is None else finite & observed
    centre, scale = own_scale(responses, seen, noise.family)
    if noise.family == "gamma" and not (scale > 0).all():
        raise ValueError(
            f"responses: {(~(scale > 0)).sum()} of {len(scale)} neurons have no positive response in the columns seen. "
            "Leave them out, or hide fewer columns."
        )
    if roughness is None:
        roughness = axis_roughness(np.arange(responses.shape[1], dtype=np.float64), float(responses.shape[1]))
    rows = _learned_from(*responses.shape)
    drawn = [part[rows] for part in (responses, seen, centre, scale)]
    state = _Sweep(_scaled(*drawn), drawn[1], _Shared(rank, responses.shape[1], noise, smoothness * roughness))
    state.converge()
    if len(rows) == len(responses):
        state.readout(steps=8)
        read = [state]
    else:
        read = [
            _Sweep(_scaled(responses[part], seen[part], centre[part], scale[part]), seen[part], state.shared).settle()
            for part in slices(*responses.shape)
        ]
    return _finished(state.shared, read, centre, scale, smoothness)


def slices(n_neurons: int, n_columns: int) -> list[slice]:
    """Rows of a table that are worked on at once."""
    size = max(1, CHUNK // n_columns)
    return [slice(start, start + size) for start in range(0, n_neurons, size)]


def _learned_from(n_neurons: int, n_columns: int) -> Int[np.ndarray, " rows"]:
    """The rows from which a basis is learned: all of them, or some that are drawn where the table is very large."""
    most = LARGEST_FIT // n_columns
    rows = np.arange(n_neurons) if n_neurons <= most else rng_for(0, "neurons of the basis").permutation(n_neurons)[:most]
    return np.sort(rows)


def _scaled(responses: np.ndarray, seen: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.where(seen, responses - centre[:, None], 0.0) / scale[:, None]


def _finished(shared: _Shared, read: list[_Sweep], centre: np.ndarray, scale: np.ndarray, smoothness: float) -> Basis:
    """Basis and readouts in the units of the data, with fixed signs."""
    basis, weights = _fix_signs(shared.basis, np.concatenate([state.weights for state in read]))
    offset = np.concatenate([state.offset for state in read])
    begins = np.cumsum([0, *(len(state.patterns) for state in read[:-1])])
    is_gamma = shared.noise.family == "gamma"
    return Basis(
        basis,
        shared.mean_curve,
        weights,
        offset + np.log(scale) if is_gamma else centre + scale * offset,
        np.ones(len(scale)) if is_gamma else scale,
        shared.prior,
        shared.dispersion,
        shared.column_variance,
        np.concatenate([state.neuron_variance for state in read]),
        np.concatenate([state.information()[2] for state in read]),
        np.concatenate([state.pattern + first for state, first in zip(read, begins, strict=True)]),
        shared.noise,
        smoothness,
    )


class _Shared:
    """What all neurons share: basis, mean curve, prior and noise."""

    def __init__(self, rank: int, n_columns: int, noise: Noise, roughness: np.ndarray) -> None:
        self.rank, self.noise, self.roughness = rank, noise, roughness
        self.basis = np.empty((0, n_columns))
        self.mean_curve, self.column_variance = np.zeros(n_columns), np.ones(n_columns)
        self.prior, self.dispersion = np.ones(rank), 0.3


class _Sweep:
    """State of the alternation: offset and weights given what is shared, then noise, then the basis given the weights."""

    def __init__(self, scaled: np.ndarray, seen: np.ndarray, shared: _Shared) -> None:
        self.scaled, self.seen, self.shared = scaled, seen.astype(float), shared
        packed, first, pattern = np.unique(np.packbits(seen, axis=1), axis=0, return_index=True, return_inverse=True)
        own = len(packed) > len(seen) // 2 or shared.noise.variance == "neuron"  # a pattern of its own for every neuron, or nearly
        self.patterns, self.pattern = (self.seen, np.arange(len(seen))) if own else (self.seen[first], pattern.reshape(-1))
        self.offset, self.weights = np.zeros(len(scaled)), np.zeros((len(scaled), shared.rank))
        self.neuron_variance = np.ones(len(scaled))
        if not len(shared.basis):
            shared.basis = _leading_columns(scaled, self.seen, shared.rank, shared.noise)

    def converge(self) -> None:
        """Sweeps until the curves stand still."""
        for _ in range(ITERATIONS):
            before = self.curve()
            self.sweep()
            if np.sqrt(np.mean((self.curve() - before) ** 2)) < TOLERANCE:
                break

    def settle(self) -> _Sweep:
        """The readout of these neurons under what was learned from others."""
        for _ in range(3 if self.shared.noise.variance == "neuron" else 1):
            self.readout(steps=8)
            if self.shared.noise.variance == "neuron":
                self._neuron_variances(self.residual(), self.information()[1:])
        return self

    def curve(self) -> np.ndarray:
        curve = self.offset[:, None] + self.shared.mean_curve + self.weights @ self.shared.basis
        return np.clip(curve, -12.0, 12.0) if self.shared.noise.family == "gamma" else curve

    def residual(self) -> np.ndarray:
        """The score of the linear predictor, 0 where a column wasn't seen."""
        deviation = np.sqrt(self.shared.dispersion * self.neuron_variance[:, None] * self.shared.column_variance)
        return residual_of(self.scaled, self.curve(), self.seen, self.shared.noise.family, deviation)

    def information(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Design, unpenalised information and inverse of the penalised one, a pattern of seen columns each."""
        shared = self.shared
        design = np.column_stack([np.ones(shared.basis.shape[1]), shared.basis.T])
        penalty = np.diag(np.r_[1e-6, 1.0 / np.maximum(shared.prior, 1e-6)])
        products = (design[:, :, None] * design[:, None, :] / shared.column_variance[:, None, None]).reshape(len(design), -1)
        information = (self.patterns @ products).reshape(-1, design.shape[1], design.shape[1]) / shared.dispersion
        if shared.noise.variance == "neuron":
            information /= self.neuron_variance[:, None, None]
        return design, information, np.linalg.inv(information + penalty)

    def readout(self, steps: int) -> None:
        """Fisher scoring for offset and weights of all neurons under the current basis, prior and noise."""
        design, _, inverse = self.information()
        shared, is_gamma = self.shared, self.shared.noise.family == "gamma"
        penalty = np.r_[0.0, 1.0 / np.maximum(shared.prior, 1e-6)]
        weighted = design / (shared.dispersion * shared.column_variance[:, None])
        for _ in range(steps):
            current = np.column_stack([self.offset, self.weights])
            score = self.residual() @ weighted / self.neuron_variance[:, None] - current * penalty
            step = np.einsum("nk,nkl->nl", score, inverse[self.pattern])
            if is_gamma:
                reach = np.abs(step @ design.T).max(1, keepdims=True)
                step *= np.minimum(1.0, LARGEST_LOG_STEP / np.maximum(reach, 1e-12))
            current += step
            self.offset, self.weights = current[:, 0], current[:, 1:]

    def sweep(self) -> None:
        self.readout(steps=STEPS[self.shared.noise.family])
        _, information, inverse = self.information()
        residual = self.residual()
        self._variances(residual, information, inverse)
        self._basis(residual, inverse[:, 1:, 1:])

    def _variances(self, residual: np.ndarray, information: np.ndarray, inverse: np.ndarray) -> None:
        """Dispersion, and its factors for neurons or columns where noise has them; freedom that the readouts took is given back."""
        shared, counts = self.shared, np.bincount(self.pattern, minlength=len(self.patterns))
        freedom = float(np.einsum("pkl,plk,p->", information, inverse, counts))
        is_gamma, entries = shared.noise.family == "gamma", self.seen.sum()
        taken = 0.0 if is_gamma else shared.rank + 1.0  # entries of each column that basis and mean curve took
        freedom += taken * self.seen.shape[1]
        squares = residual**2 / self.neuron_variance[:, None] / shared.column_variance
        shared.dispersion = float(max(squares.sum() / max(entries - freedom, 1.0), 1e-4))
        if shared.noise.variance == "neuron":
            self._neuron_variances(residual, (information, inverse))
        if shared.noise.variance == "column":
            design = np.column_stack([np.ones(shared.basis.shape[1]), shared.basis.T])
            spread = (self.patterns.T @ (inverse * counts[:, None, None]).reshape(len(inverse), -1)).reshape(-1, *inverse.shape[1:])
            unknown = np.einsum("dkl,dk,dl->d", spread, design, design)
            squares = ((residual**2).sum(0) + unknown) / shared.dispersion
            shared.column_variance = (squares + PSEUDO) / (np.maximum(self.seen.sum(0) - taken, 0.0) + PSEUDO)

    def _neuron_variances(self, residual: np.ndarray, informed: tuple[np.ndarray, ...]) -> None:
        """Noise of each neuron over the mean one, from what its readout leaves."""
        freedom = np.einsum("pkl,plk->p", *informed)
        freedom += self.seen.sum(1) * (self.shared.rank + 1.0) / len(self.seen)
        left = np.maximum(self.seen.sum(1) - freedom, 0.0)
        squares = (residual**2 / self.shared.column_variance).sum(1) / self.shared.dispersion
        self.neuron_variance = (squares + PSEUDO) / (left + PSEUDO)

    def _basis(self, residual: np.ndarray, covariance: np.ndarray) -> None:
        """Half a scoring step for the basis, the weights' posterior covariance included; then back to the gauge."""
        shared = self.shared
        n_columns, rank = shared.basis.shape[1], shared.rank
        precision = 1.0 / self.neuron_variance
        spread = covariance * np.bincount(self.pattern, precision, len(self.patterns))[:, None, None]
        outer = (self.weights[:, :, None] * (precision[:, None] * self.weights)[:, None, :]).reshape(len(self.weights), -1)
        information = self.seen.T @ outer + self.patterns.T @ spread.reshape(len(spread), -1)
        information = information.reshape(n_columns, rank, rank) / shared.column_variance[:, None, None]
        target = (residual + self.seen * (self.weights @ shared.basis)).T @ (precision[:, None] * self.weights)
        solved = _solve_basis(information, target / shared.column_variance[:, None], shared.roughness)
        mixed = 0.5 * (shared.basis + solved)
        if shared.noise.family == "gaussian":
            self._mean_curve(residual, precision, mixed)
        counts = np.bincount(self.pattern, minlength=len(self.patterns))
        second = (self.weights.T @ self.weights + np.einsum("pkl,p->kl", covariance, counts)) / len(self.weights)
        self._gauge(mixed - mixed.mean(1, keepdims=True), second)

    def _mean_curve(self, residual: np.ndarray, precision: np.ndarray, basis: np.ndarray) -> None:
        """The curve of the mean neuron, to which the mean of the weights is given."""
        step = precision @ residual / np.maximum(precision @ self.seen, 1e-12)
        mean = self.weights.mean(0)
        curve = self.shared.mean_curve + step + mean @ basis
        self.shared.mean_curve, self.weights = curve - curve.mean(), self.weights - mean

    def _gauge(self, basis: np.ndarray, second: np.ndarray) -> None:
        orthonormal, triangle = np.linalg.qr(basis.T)
        variances, rotation = np.linalg.eigh(triangle @ second @ triangle.T)
        rotation = rotation[:, ::-1]
        self.shared.basis, self.weights = (orthonormal @ rotation).T, self.weights @ triangle.T @ rotation
        self.shared.prior = np.maximum(variances[::-1], 1e-6)


def _solve_basis(information: np.ndarray, target: np.ndarray, roughness: np.ndarray) -> np.ndarray:
    """The basis (rank, columns) of largest penalised likelihood given the weights; columns are coupled where there is roughness alone."""
    n_columns, rank = target.shape
    scale = max(float(np.einsum("dkk->", information)) / (n_columns * rank), 1e-12)
    blocks = information + 1e-9 * scale * np.eye(rank)
    if not roughness.any():
        return np.linalg.solve(blocks, target[:, :, None])[:, :, 0].T
    if n_columns * rank > DENSE:
        from scipy import sparse

        coupled = sparse.kron(sparse.csc_array(scale * roughness), sparse.eye_array(rank)) + sparse.block_diag(list(blocks))
        return np.asarray(sparse.linalg.spsolve(sparse.csc_matrix(coupled), target.reshape(-1))).reshape(n_columns, rank).T
    system = np.einsum("de,kl->dkel", scale * roughness, np.eye(rank))
    system[np.arange(n_columns), :, np.arange(n_columns), :] += blocks
    return np.linalg.solve(system.reshape(n_columns * rank, -1), target.reshape(-1)).reshape(n_columns, rank).T


def _leading_columns(scaled: np.ndarray, seen: np.ndarray, rank: int, noise: Noise) -> np.ndarray:
    """Start of the basis: leading eigenvectors of the columns' covariance, pairwise over the neurons that saw both."""
    mean = 1.0 if noise.family == "gamma" else (seen * scaled).sum(0) / np.maximum(seen.sum(0), 1.0)
    centred = seen * np.clip(scaled - mean, -3.0, 3.0)
    covariance = centred.T @ centred / np.maximum(seen.T @ seen, 1.0)
    covariance -= covariance.mean(0)
    covariance -= covariance.mean(1, keepdims=True)
    return np.linalg.eigh((covariance + covariance.T) / 2)[1][:, ::-1][:, :rank].T


def _fix_signs(basis: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    largest = np.take_along_axis(basis, np.abs(basis).argmax(1)[:, None], 1)[:, 0]
    signs = np.where(largest < 0, -1.0, 1.0)
    return basis * signs[:, None], weights * signs
