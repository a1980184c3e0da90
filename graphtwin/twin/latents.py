"""Few latent variables shared by a population: their posterior given responses, the likelihood, and what is left out of both, by Woodbury."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int

from graphtwin.twin.observations import Observations

MAX_STEPS = 30  # of Newton's method; 4 to 8 are usual
TOLERANCE = 1e-5  # of the latents, whose prior has variance 1


@dataclass(frozen=True)
class Loadings:
    """v_n = mu_n + sum_k C_nk z_k + sqrt(psi_n) e_n with z and e ~ Normal(0, 1), so that v | x ~ Normal(mu, C C^T + diag(psi)).

    Source: the low-rank covariance of Bashiri et al. 2021, doi:10.1101/2021.09.09.459570. Here psi_n = 1 - |C_n|^2: C C^T is the latent
    noise correlation, and no marginal depends on C.

    Attributes:
        shared: C.
        private: psi.
    """

    shared: Float[torch.Tensor, "units latents"]
    private: Float[torch.Tensor, " units"]


@dataclass(frozen=True)
class LatentPosterior:
    """Normal posterior of each trial's latents: exact where responses are points, Laplace's approximation where they are intervals.

    At its mode each response acts as a Gaussian observation of C_n z with precision w (1 / psi_n for a point) and natural parameter b:
    the posterior precision is A = I + C^T diag(w) C, k x k, and the mean A^-1 C^T b. Nothing of size units x units is made (Woodbury).
    Source: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, chapter 3.4.

    Attributes:
        mean: Of the latents.
        factor: Lower Cholesky factor of A.
        weights: w, summed over a trial's samples.
        natural: b, likewise.
    """

    mean: Float[torch.Tensor, "trials latents"]
    factor: Float[torch.Tensor, "trials latents latents"]
    weights: Float[torch.Tensor, "trials units"]
    natural: Float[torch.Tensor, "trials units"]

    def variance(self, loadings: Loadings) -> Float[torch.Tensor, "trials units"]:
        """C_n^T A^-1 C_n, the posterior variance of each unit's shared part."""
        solved = torch.linalg.solve_triangular(self.factor, loadings.shared.T.expand(len(self.mean), -1, -1), upper=False)
        return solved.square().sum(1)


def infer_latents(
    observed: Observations,
    mean: Float[torch.Tensor, "samples units"],
    loadings: Loadings,
    trial: Int[torch.Tensor, " samples"],
    start: Float[torch.Tensor, "trials latents"],
) -> LatentPosterior:
    """The posterior, by Newton's method on a concave log posterior; one step where all responses are points.

    Args:
        observed: Of every sample.
        mean: mu.
        loadings: C and psi.
        trial: Samples with the same number, from 0 to trials - 1, share their latents.
        start: Where Newton's method starts.
    """
    latents, sd, shared = start, loadings.private.sqrt(), loadings.shared
    n_latents = shared.shape[1]
    products = (shared[:, :, None] * shared[:, None, :]).flatten(1)
    for _ in range(MAX_STEPS):
        part = latents @ shared.T
        first, weights = observed.derivatives(mean + part[trial], sd)
        natural = _sum_over_trials(first, trial, len(start)) + _sum_over_trials(weights, trial, len(start)) * part
        weights = _sum_over_trials(weights, trial, len(start))
        precision = torch.eye(n_latents, dtype=mean.dtype, device=mean.device) + (weights @ products).unflatten(1, (n_latents, n_latents))
        factor = torch.linalg.cholesky(precision)
        before, latents = latents, torch.cholesky_solve((natural @ shared)[:, :, None], factor)[:, :, 0]
        if n_latents == 0 or float((latents - before).abs().max()) < TOLERANCE:
            break
    return LatentPosterior(latents, factor, weights, natural)


def log_marginal(
    observed: Observations,
    mean: Float[torch.Tensor, "samples units"],
    loadings: Loadings,
    trial: Int[torch.Tensor, " samples"],
    latents: Float[torch.Tensor, "trials latents"],
) -> Float[torch.Tensor, " trials"]:
    """log p(y | z) - |z|^2 / 2 - log det(A) / 2 at the posterior mode: the log-likelihood of each trial's population response.

    For points it equals the dense multivariate normal with covariance C C^T + diag(psi) times |dT/dy|. The mode is held fixed in
    derivatives by C: its own dependence on C drops out of the first two terms and is left out of the third, where it is 0 for points.
    """
    shared, sd = loadings.shared, loadings.private.sqrt()
    at_mode = mean + (latents @ shared.T)[trial]
    _, weights = observed.derivatives(at_mode, sd)
    products = (shared[:, :, None] * shared[:, None, :]).flatten(1)
    n_latents = shared.shape[1]
    precision = (_sum_over_trials(weights, trial, len(latents)) @ products).unflatten(1, (n_latents, n_latents))
    precision = precision + torch.eye(n_latents, dtype=mean.dtype, device=mean.device)
    fit = _sum_over_trials(observed.log_density(at_mode, sd).sum(1, keepdim=True), trial, len(latents))[:, 0]
    return fit - 0.5 * latents.square().sum(1) - 0.5 * torch.logdet(precision)


def leave_one_out(
    posterior: LatentPosterior, loadings: Loadings
) -> tuple[Float[torch.Tensor, "trials units"], Float[torch.Tensor, "trials units"]]:
    """Mean and variance of each unit's shared part C_n z given the responses of all other units, from one posterior.

    With s = C_n^T A^-1 C_n and m the posterior mean of C_n z: mean (m - s b) / (1 - s w), variance s / (1 - s w). For points, mu_n + mean
    is mu_n - (1 / L_nn) sum_{m != n} L_nm (v_m - mu_m) and psi_n + variance is 1 / L_nn with L = (C C^T + diag(psi))^-1.
    """
    spread = posterior.variance(loadings)
    left = 1.0 - spread * posterior.weights
    return (posterior.mean @ loadings.shared.T - spread * posterior.natural) / left, spread / left


def _sum_over_trials(values: torch.Tensor, trial: torch.Tensor, n_trials: int) -> torch.Tensor:
    if len(values) == n_trials:  # every sample is a trial of its own
        return values
    return values.new_zeros(n_trials, values.shape[1]).index_add_(0, trial, values)
