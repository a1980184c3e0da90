"""Few latent variables shared by a population: their posterior given responses, the likelihood, and both without one unit, by Woodbury."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from graphtwin.twin.population.observations import Observations

MAX_STEPS = 50  # steps of an inference at most; 4 to 8 are usual
TOLERANCE = 1e-4  # an inference stops when no latent moves by more than this; their prior has variance 1
SMALLEST_VARIANCE = 1e-10  # smallest variance that is taken: roots and quotients stay finite in float64
EVALUATION_NODES = 9  # nodes of Gauss-Hermite quadrature in scores and predictions; a choice


@dataclass(frozen=True)
class Loadings:
    """Loadings C and psi of v_n = mu_n + sum_k C_nk z_k + sqrt(psi_n) e_n, z and e ~ Normal(0, 1): v | x ~ Normal(mu, C C^T + diag(psi)).

    Source: the low-rank covariance of Bashiri et al. 2021, doi:10.1101/2021.09.09.459570. Here psi_n = 1 - |C_n|^2: C C^T is the latent
    noise correlation, and no marginal depends on C.

    Attributes:
        shared: C, the loadings of each unit on the shared latents.
        private: psi, the latent variance that each unit has for itself.
    """

    shared: Float[torch.Tensor, "units latents"]
    private: Float[torch.Tensor, " units"]


@dataclass(frozen=True)
class LatentPosterior:
    """Normal posterior of each trial's latents: exact where responses are points, the best normal approximation where they are intervals.

    The posterior precision is A = I + C^T diag(w) C, k x k, and the mean A^-1 C^T b: each response acts as a Gaussian observation of C_n z
    with precision w (1 / psi_n for a point) and natural parameter b. Nothing of size units x units is made (Woodbury). w and the gradient
    are expectations under the posterior itself, which makes it the normal distribution nearest to the true posterior (in
    Kullback-Leibler divergence). Source: Opper & Archambeau 2009, doi:10.1162/neco.2008.08-07-592.

    Attributes:
        mean: Posterior mean of the latents.
        factor: Lower Cholesky factor of A.
    """

    mean: Float[torch.Tensor, "trials latents"]
    factor: Float[torch.Tensor, "trials latents latents"]

    def part(self, loadings: Loadings) -> tuple[Float[torch.Tensor, "trials units"], Float[torch.Tensor, "trials units"]]:
        """Posterior mean and variance of each unit's shared part C_n z."""
        return self.mean @ loadings.shared.T, _variance(self.factor, loadings)


def infer_latents(
    observed: Observations,
    mean: Float[torch.Tensor, "samples units"],
    loadings: Loadings,
    trial: Int[torch.Tensor, " samples"],
    n_trials: int,
    nodes: int = EVALUATION_NODES,
    start: LatentPosterior | None = None,
) -> LatentPosterior:
    """The posterior, by fixed-point steps that are Newton's for the mean; one step where all responses are points.

    Args:
        observed: What the responses of every sample say of latent values.
        mean: Latent mean mu of every sample and unit.
        loadings: Loadings C and psi.
        trial: Trial of each sample, from 0 to trials - 1; samples of one trial share their latents.
        n_trials: Number of trials.
        nodes: Number of nodes of Gauss-Hermite's rule for expectations under the posterior.
        start: Posterior to begin with, under loadings not far from these; None begins with the prior.
    """
    shared, n_latents = loadings.shared, loadings.shared.shape[1]
    latents = start.mean if start is not None else mean.new_zeros(n_trials, n_latents)
    factor = start.factor if start is not None else torch.eye(n_latents, dtype=mean.dtype, device=mean.device).expand(n_trials, -1, -1)
    for _ in range(MAX_STEPS):
        part, variance = latents @ shared.T, _variance(factor, loadings)
        first, weights = torch.zeros_like(mean), torch.zeros_like(mean)
        for share, at in _nodes(part, variance, nodes):
            slope, bend = observed.derivatives(mean + at[trial], loadings.private.sqrt())
            first, weights = first + share * slope, weights + share * bend
        first, weights = _sum_over_trials(first, trial, n_trials), _sum_over_trials(weights, trial, n_trials)
        natural = first + weights * part
        factor = torch.linalg.cholesky(_precision(weights, shared))
        before, latents = latents, torch.cholesky_solve((natural @ shared)[:, :, None], factor)[:, :, 0]
        if n_latents == 0 or observed.all_points() or float((latents - before).abs().max()) < TOLERANCE:
            break
    return LatentPosterior(latents, factor)


def log_evidence(
    observed: Observations,
    mean: Float[torch.Tensor, "samples units"],
    loadings: Loadings,
    trial: Int[torch.Tensor, " samples"],
    posterior: LatentPosterior,
    nodes: int = EVALUATION_NODES,
) -> Float[torch.Tensor, " trials"]:
    """E_q[log p(y | z)] - KL(q, prior): the log-likelihood of each trial's population response, or a lower bound of it.

    q is the posterior. For points this equals the dense multivariate normal with covariance C C^T + diag(psi) times |dT/dy|; for intervals
    it is never above the true value, so that neither a fit nor a comparison profits from the approximation. q is held fixed in
    derivatives by C, which are exact all the same, since q is at an optimum.
    """
    part, variance = posterior.part(loadings)
    fit = torch.zeros_like(part[:, 0])
    for share, at in _nodes(part, variance, nodes):
        density = observed.log_density(mean + at[trial], loadings.private.sqrt())
        fit = fit + share * _sum_over_trials(density.sum(1, keepdim=True), trial, len(part))[:, 0]
    inverse = torch.cholesky_inverse(posterior.factor)
    log_det = 2 * posterior.factor.diagonal(dim1=1, dim2=2).log().sum(1)
    trace = inverse.diagonal(dim1=1, dim2=2).sum(1)
    return fit - 0.5 * (posterior.mean.square().sum(1) + trace - posterior.mean.shape[1] + log_det)


def _nodes(part: torch.Tensor, variance: torch.Tensor, n: int) -> Iterator[tuple[float, torch.Tensor]]:
    """Weights and places of Gauss-Hermite's rule for a normal distribution; n nodes are exact for polynomials of degree 2 n - 1."""
    places, weights = np.polynomial.hermite_e.hermegauss(n)
    sd = variance.clamp(min=SMALLEST_VARIANCE).sqrt()
    for place, weight in zip(places, weights / weights.sum(), strict=True):
        yield float(weight), part + float(place) * sd


def _variance(factor: torch.Tensor, loadings: Loadings) -> torch.Tensor:
    """Posterior variance C_n^T A^-1 C_n of each unit's shared part."""
    inverse = torch.cholesky_inverse(factor).flatten(1)
    return inverse @ _products(loadings.shared).T


def _precision(weights: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    n_latents = shared.shape[1]
    precision = (weights @ _products(shared)).unflatten(1, (n_latents, n_latents))
    return precision + torch.eye(n_latents, dtype=weights.dtype, device=weights.device)


def _products(shared: torch.Tensor) -> torch.Tensor:
    """Products C_nk C_nl of the loadings of each unit, a row a unit."""
    return (shared[:, :, None] * shared[:, None, :]).flatten(1)


def _sum_over_trials(values: torch.Tensor, trial: torch.Tensor, n_trials: int) -> torch.Tensor:
    if len(values) == n_trials:  # every sample is a trial of its own
        return values
    return values.new_zeros(n_trials, values.shape[1]).index_add_(0, trial, values)
