"""Responses of a population with known latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtr
from scipy.stats import gamma, poisson

from graphtwin.execute import rng_for
from graphtwin.twin.model.response_families import SPIKE
from graphtwin.twin.population.latent_model import PopulationConfig, PopulationModel
from graphtwin.twin.population.marginals import Kind

SHAPE = 1.5  # shape of the Gamma above the spike


def quick_config(kind: Kind) -> PopulationConfig:
    """Half the epochs of the default."""
    default = PopulationConfig(kind=kind)
    fits = {"marginals": default.marginals.model_copy(update={"epochs": 10}), "latents": default.latents.model_copy(update={"epochs": 6})}
    return default.model_copy(update=fits)


@dataclass(frozen=True)
class PlantedPopulation:
    """A Gaussian copula with low-rank correlation; `loadings` is C with v given x of variance 1."""

    predicted: np.ndarray
    responses: np.ndarray
    loadings: np.ndarray
    active: np.ndarray  # chance of a response above the spike (zero_inflated)
    theta: np.ndarray  # scale of a response above the spike


def planted_population(
    n_samples: int, n_units: int, n_latents: int, kind: Kind, seed: int, trial_length: int = 1, repeats: int = 1
) -> PlantedPopulation:
    """Marginals are exactly Poisson or zero-inflated Gamma with the predicted mean, or a cubic of a normal variable ("continuous").

    The units depend on their number alone, so that seeds give further samples of the same population.
    """
    structure, rng = rng_for(0, "planted population", n_units), rng_for(seed, "planted population")
    loadings = structure.standard_normal((n_units, n_latents)) * 0.6 / np.sqrt(max(n_latents, 1))
    loadings /= np.maximum(1.0, np.sqrt((loadings**2).sum(1, keepdims=True)) / 0.9)
    drive = np.repeat(rng.standard_normal((n_samples // repeats, 4)), repeats, axis=0) @ structure.standard_normal((4, n_units)) / 2
    log_rate = structure.uniform(-1.0, 0.3, n_units) + structure.uniform(0.2, 0.6, n_units) * drive
    latents = np.repeat(rng.standard_normal((n_samples // trial_length, n_latents)), trial_length, axis=0)
    noise = latents @ loadings.T + np.sqrt(1 - (loadings**2).sum(1)) * rng.standard_normal((n_samples, n_units))
    rate, active = np.exp(log_rate), ndtr(log_rate - 0.2)
    theta = rate / SHAPE
    if kind == "counts":
        return PlantedPopulation(rate, poisson.ppf(ndtr(noise), rate), loadings, active, theta)
    if kind == "continuous":
        v = log_rate + noise
        return PlantedPopulation(log_rate, v + 0.1 * v**3, loadings, active, theta)
    u = ndtr(noise)
    above = SPIKE + gamma.ppf(np.clip((u - 1 + active) / active, 1e-12, 1 - 1e-12), SHAPE, scale=theta)
    predicted = (1 - active) * SPIKE / 2 + active * (SHAPE * theta + SPIKE)
    return PlantedPopulation(predicted, np.where(u > 1 - active, above, SPIKE * u / (1 - active)), loadings, active, theta)


def sample_responses(model: PopulationModel, predicted: np.ndarray, seed: int) -> np.ndarray:
    """One population response a sample, drawn from the model itself, samples x units."""
    rng = rng_for(seed, "population responses")
    shared, private = (values.numpy() for values in (model.loadings.shared, model.loadings.private))
    noise = rng.standard_normal((len(predicted), shared.shape[1])) @ shared.T + np.sqrt(private) * rng.standard_normal(predicted.shape)
    within = torch.as_tensor(rng.random(predicted.shape))
    with torch.no_grad():
        return model.marginals.respond(model.marginals.mean(torch.as_tensor(predicted)) + torch.as_tensor(noise), within).numpy()
