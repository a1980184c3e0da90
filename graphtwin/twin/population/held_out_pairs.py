"""Noise correlations of pairs that were never fitted together: what one half of a population says of the pairs of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.training import fit
from graphtwin.twin.population.latent_fit import FreeLoadings, bounded, fit_population, split_trials
from graphtwin.twin.population.latent_model import BATCH, PopulationModel, TrialGroups, latent_posterior
from graphtwin.twin.population.latents import Loadings


def halves_of(n_units: int, seed: int) -> tuple[Int[np.ndarray, " one"], Int[np.ndarray, " other"]]:
    """A random half of the units, and the other."""
    order = rng_for(seed, "halves of the population").permutation(n_units)
    return np.sort(order[::2]), np.sort(order[1::2])


def halves_apart(
    model: PopulationModel,
    predicted: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"],
    seed: int,
    trials: Int[np.ndarray, " samples"] | None = None,
) -> Iterator[tuple[Int[np.ndarray, " half"], PopulationModel]]:
    """Each half of the units with loadings on latents of the other half: what it predicts of pairs was never fitted to pairs.

    Args:
        model: Model of all units, whose marginals are taken.
        predicted: Predicted means of training samples.
        responses: Responses of training samples; NaN where missing.
        seed: Seed of the halves and of the fits.
        trials: Trial of each sample; samples of one trial share their latents.
    """
    halves = halves_of(responses.shape[1], seed)
    for known, new in (halves, halves[::-1]):
        others = fit_population(predicted[:, known], responses[:, known], model.config, seed, trials)
        yield new, add_units(others, model.of_units(new), predicted, responses, known, new, seed, trials)


def add_units(
    model: PopulationModel,
    units: PopulationModel,
    predicted: Float[np.ndarray, "samples all"],
    responses: Float[np.ndarray, "samples all"],
    known: Int[np.ndarray, " known"],
    new: Int[np.ndarray, " new"],
    seed: int,
    trials: Int[np.ndarray, " samples"] | None = None,
) -> PopulationModel:
    """Units with loadings on another population's latents, each fitted on its own responses and that population's alone.

    The loadings C of a unit maximise its predictive likelihood sum log p(y | population, x), v ~ Normal(mu + C m, 1 - |C|^2 + C^T V C),
    m and V the posterior of the latents given the population alone.

    Args:
        model: Model of the known units.
        units: Model of the new units, whose marginals are taken; the loadings are fitted anew.
        predicted: Predicted means of training samples, of all units.
        responses: Responses of training samples, of all units; NaN where missing.
        known: Columns of the model's units.
        new: Columns of the new units.
        seed: Seed of the batches.
        trials: Trial of each sample; samples of one trial share their latents.
    """
    config = model.config
    groups = TrialGroups.of(trials, len(responses))
    if model.loadings.shared.shape[1] == 0:
        return replace(units, loadings=Loadings(units.loadings.shared[:, :0], torch.ones_like(units.loadings.private)))
    latents, covariance = latent_posterior(model, predicted[:, known], responses[:, known], trials)
    x, y = (torch.as_tensor(values[:, new], dtype=torch.float64, device=config.device) for values in (predicted, responses))
    free = FreeLoadings(_regressed(units, x, y, latents[groups.number]))

    def loss(samples: np.ndarray) -> torch.Tensor:
        loadings, of = free(), groups.number[samples]
        products = (loadings.shared[:, :, None] * loadings.shared[:, None, :]).flatten(1)
        sd = (loadings.private + covariance[of].flatten(1) @ products.T).sqrt()
        mean = units.marginals.mean(x[samples]) + latents[of] @ loadings.shared.T
        return -units.marginals.observe(y[samples]).log_density(mean, sd).sum() / torch.isfinite(y[samples]).sum().clamp(min=1)

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        for samples in np.array_split(rng.permutation(train), n_batches):
            yield partial(loss, samples)

    train, held_out = (np.flatnonzero(np.isin(groups.number, part)) for part in split_trials(groups, seed))
    n_batches = -(-len(train) // BATCH)
    fit(free, batches, n_batches, lambda: float(loss(held_out).detach()), config.latents, seed, "loadings of added units")
    with torch.no_grad():
        loadings = free()
    return replace(units, loadings=loadings)


@torch.no_grad()
def _regressed(units: PopulationModel, x: torch.Tensor, y: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """The scores' regression on the latents' posterior mean over their information: the loadings to first order."""
    one = torch.ones_like(units.loadings.private)
    scores, _ = units.marginals.observe(y).derivatives(units.marginals.mean(x), one)
    information = scores.square().mean(0).clamp(min=1e-6)
    gram = latents.T @ latents + 1e-6 * len(latents) * torch.eye(latents.shape[1], dtype=latents.dtype, device=latents.device)
    return bounded((torch.linalg.solve(gram, latents.T @ scores) / information).T)
