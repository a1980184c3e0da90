"""A population's response distribution given predicted means: a marginal a unit, and few latents that all units share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from graphtwin.twin.population.latents import LatentPosterior, Loadings, infer_latents, log_evidence
from graphtwin.twin.population.marginals import Marginals
from graphtwin.twin.population.observations import Observations
from graphtwin.twin.settings import PopulationConfig

BATCH = 512  # samples of a step


@dataclass(frozen=True)
class PopulationModel:
    """A fitted model: v = T(y) a unit, v | x ~ Normal(mu(x), C C^T + diag(psi)).

    In the spirit of Bashiri et al. 2021, doi:10.1101/2021.09.09.459570; zeros are intervals of v instead of points (see `Marginals`).

    Attributes:
        config: Settings that the model was fitted with.
        marginals: Marginals of each unit, T and mu.
        intercept: Marginals of the same family with a constant mean.
        loadings: Loadings C and psi; C has no columns where no latent was found.
    """

    config: PopulationConfig
    marginals: Marginals
    intercept: Marginals
    loadings: Loadings

    def of_units(self, units: Int[np.ndarray, " some"]) -> PopulationModel:
        """Model of some of the units: a normal distribution's marginal leaves the others out."""
        index = torch.as_tensor(units, device=self.loadings.private.device)
        loadings = Loadings(self.loadings.shared[index], self.loadings.private[index])
        return replace(self, marginals=self.marginals.of_units(index), intercept=self.intercept.of_units(index), loadings=loadings)


@dataclass(frozen=True)
class TrialGroups:
    """Trials, whose samples share their latents, numbered in order of their first sample."""

    number: Int[np.ndarray, " samples"]
    count: int

    @classmethod
    def of(cls, trials: Int[np.ndarray, " samples"] | None, n_samples: int) -> TrialGroups:
        """Groups from any numbers of trials; None makes every sample a trial."""
        if trials is None:
            return cls(np.arange(n_samples), n_samples)
        _, first, number = np.unique(trials, return_index=True, return_inverse=True)
        return cls(np.argsort(np.argsort(first))[number], len(first))

    def batches(self, trials: Int[np.ndarray, " some"], size: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Whole trials, about `size` samples at once: numbers of the trials, their samples, and each sample's place among the trials."""
        lengths = np.bincount(self.number, minlength=self.count)
        order, ends = np.argsort(self.number, kind="stable"), np.cumsum(lengths)
        part = np.cumsum(lengths[trials]) // (size + 1)
        for chosen in np.split(trials, np.flatnonzero(np.diff(part)) + 1):
            samples = np.concatenate([order[ends[trial] - lengths[trial] : ends[trial]] for trial in chosen])
            yield chosen, samples, np.repeat(np.arange(len(chosen)), lengths[chosen])


@dataclass(frozen=True)
class _Batch:
    samples: np.ndarray
    trials: np.ndarray
    trial: torch.Tensor
    mean: torch.Tensor
    observed: Observations
    posterior: LatentPosterior


def _evaluate(
    model: PopulationModel,
    predicted: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"],
    trials: Int[np.ndarray, " samples"] | None,
) -> Iterator[_Batch]:
    """The latents' posterior, batch by batch, in float64."""
    groups = TrialGroups.of(trials, len(responses))
    for numbers, samples, place in groups.batches(np.arange(groups.count), BATCH):
        x, y = (torch.as_tensor(values[samples], dtype=torch.float64, device=model.config.device) for values in (predicted, responses))
        mean, observed = model.marginals.mean(x), model.marginals.observe(y)
        trial = torch.as_tensor(place, device=model.config.device)
        posterior = infer_latents(observed, mean, model.loadings, trial, len(numbers))
        yield _Batch(samples, numbers, trial, mean, observed, posterior)


@torch.no_grad()
def latent_posterior(
    model: PopulationModel,
    predicted: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"],
    trials: Int[np.ndarray, " samples"] | None = None,
) -> tuple[Float[torch.Tensor, "trials latents"], Float[torch.Tensor, "trials latents latents"]]:
    """Mean and covariance of each trial's latents given its responses, trials in order of their first sample."""
    posteriors = [batch.posterior for batch in _evaluate(model, predicted, responses, trials)]
    means = torch.cat([posterior.mean for posterior in posteriors])
    return means, torch.cat([torch.cholesky_inverse(posterior.factor) for posterior in posteriors])


@torch.no_grad()
def log_likelihood(
    model: PopulationModel,
    predicted: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"],
    trials: Int[np.ndarray, " samples"] | None = None,
) -> Float[np.ndarray, " trials"]:
    """Log p(all units' responses) of each trial, nats: a sample is a trial of its own unless `trials` says otherwise.

    Exact for continuous responses, a close lower bound where zeros or counts are intervals (see `log_evidence`). A density of the
    response for points and spikes, a probability for counts. Missing responses are left out.
    """
    parts = []
    for batch in _evaluate(model, predicted, responses, trials):
        parts.append(log_evidence(batch.observed, batch.mean, model.loadings, batch.trial, batch.posterior).cpu().numpy())
    return np.concatenate(parts)


@torch.no_grad()
def marginal_log_likelihood(
    marginals: Marginals, predicted: Float[np.ndarray, "samples units"], responses: Float[np.ndarray, "samples units"], batch: int = 512
) -> Float[np.ndarray, "samples units"]:
    """Log p(response) of each unit alone, nats; NaN where the response is missing."""
    parts = []
    for start in range(0, len(responses), batch):
        x, y = (
            torch.as_tensor(v[start : start + batch], dtype=torch.float64, device=marginals.scale.device) for v in (predicted, responses)
        )
        density = marginals.observe(y).log_density(marginals.mean(x), torch.ones_like(marginals.scale))
        parts.append(torch.where(torch.isfinite(y), density, torch.nan).cpu().numpy())
    return np.concatenate(parts)


@dataclass(frozen=True)
class Conditional:
    """What is expected of responses once others are known: v ~ Normal(mean, sd^2).

    Attributes:
        mean, sd: Mean and standard deviation of the latent value v.
        response: Expected response, in the responses' units.
        log_density: Log p(response) under this distribution, nats; NaN where the response is missing.
    """

    mean: Float[np.ndarray, "samples units"]
    sd: Float[np.ndarray, "samples units"]
    response: Float[np.ndarray, "samples units"]
    log_density: Float[np.ndarray, "samples units"]


def predict_means(model: PopulationModel, predicted: Float[np.ndarray, "samples units"]) -> Conditional:
    """What is expected of every unit when no response is known."""
    return conditional(model, predicted, np.full(predicted.shape, np.nan))


@torch.no_grad()
def conditional(
    model: PopulationModel,
    predicted: Float[np.ndarray, "samples units"],
    known: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"] | None = None,
    trials: Int[np.ndarray, " samples"] | None = None,
) -> Conditional:
    """What is expected of every unit given the known responses: mean mu + C E[z | known], variance psi + C Cov(z | known) C^T.

    For continuous responses these are the block conditionals of the normal distribution, through the k x k posterior precision.

    Args:
        model: Fitted population model.
        predicted: Predicted means of all units.
        known: Responses that are known; NaN where one is not to be used.
        responses: Responses that `log_density` scores; those in `known` are scored given themselves, so look at the others.
        trials: Trial of each sample; samples of one trial share their latents. None gives each sample its own.
    """
    scored = known if responses is None else responses
    out = {name: np.full(predicted.shape, np.nan) for name in ("mean", "sd", "response", "log_density")}
    for batch in _evaluate(model, predicted, known, trials):
        part, variance = batch.posterior.part(model.loadings)
        mean, sd = batch.mean + part[batch.trial], (variance[batch.trial] + model.loadings.private).sqrt()
        y = torch.as_tensor(scored[batch.samples], dtype=torch.float64, device=mean.device)
        density = model.marginals.observe(y).log_density(mean, sd)
        response = model.marginals.hermite(mean, sd, order=0)[0][0]
        density = torch.where(torch.isfinite(y), density, torch.nan)
        for name, values in {"mean": mean, "sd": sd, "response": response, "log_density": density}.items():
            out[name][batch.samples] = values.cpu().numpy()
    return Conditional(**out)
