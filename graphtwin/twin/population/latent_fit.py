"""Fitting the latent population model: marginals unit by unit, then loadings given them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.utils.extmath import randomized_svd
from torch import nn

from graphtwin.execute import rng_for, seed_for
from graphtwin.training import fit
from graphtwin.twin.population.latent_model import BATCH, PopulationConfig, PopulationModel, TrialGroups
from graphtwin.twin.population.latents import LatentPosterior, Loadings, infer_latents, log_evidence
from graphtwin.twin.population.marginals import Marginals, start_marginals

TRACY_WIDOM_99 = 2.02  # 99 % quantile of the largest eigenvalue of noise, centred and scaled
N_COPIES = 19  # shifted copies of the scores: without sharing, one of 20 is the largest by chance
N_BLOCKS = 20  # stretches of the recording, fitted or held out as a whole
VALIDATION = 0.15  # share of the stretches that stop the fits and decide whether latents are kept
KNOTS = 8  # knots of each unit's transformation and of its latent mean; a choice
SMOOTHNESS = 1e-2  # weight of the squared second differences of log slopes at the knots; a choice
FIT_NODES = 3  # nodes of expectations under a posterior during a fit
MAX_SHARED = 0.9  # largest share of a unit's latent variance that is shared where the fit starts
Samples = tuple[np.ndarray, np.ndarray, np.ndarray]  # numbers of trials, their samples, and each sample's place among the trials
Closures = Iterator[Callable[[], torch.Tensor]]


def fit_population(
    predicted: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"],
    config: PopulationConfig,
    seed: int,
    trials: Int[np.ndarray, " samples"] | None = None,
    unit_ids: Int[np.ndarray, " units"] | None = None,
    progress: bool = False,
) -> PopulationModel:
    """Fit a model in two steps, since no marginal depends on the loadings.

    Source: inference functions for margins, Joe 2005, doi:10.1016/j.jmva.2004.06.003.

    Args:
        predicted: Mean responses as any twin predicts them, from stimulus and behaviour.
        responses: Responses of single trials, training data alone, in order of recording (what lasts is told from what is shared);
            NaN where missing.
        config: Settings of the population model.
        seed: Seed of batches and of the validation trials.
        trials: Trial of each sample; samples of one trial share their latents (a state of the whole trial). None gives each sample its own.
        unit_ids: Ids by which errors name units; positions by default.
        progress: Show progress bars.
    """
    check_responses(predicted, responses, config, unit_ids)
    groups = TrialGroups.of(trials, len(responses))
    train, held_out = split_trials(groups, seed)
    x, y = (torch.as_tensor(values, dtype=torch.float32) for values in (predicted, responses))
    rows = [np.flatnonzero(np.isin(groups.number, part)) for part in (train, held_out)]
    marginals = _fit_marginals(x, y, rows, config, seed, "marginals", progress)
    intercept = _fit_marginals(torch.zeros_like(x), y, rows, config, seed, "intercepts", progress)
    loadings = fit_loadings(marginals, x, y, groups, train, held_out, config, seed, progress)
    for fitted in (marginals, intercept):
        fitted.double().requires_grad_(False)
    return PopulationModel(config, marginals, intercept, loadings)


def split_trials(groups: TrialGroups, seed: int) -> tuple[Int[np.ndarray, " training"], Int[np.ndarray, " validation"]]:
    """Numbers of the trials that are fitted, and of those that stop the fits: whole stretches, since neighbours in time are alike."""
    if groups.count < 2:
        raise ValueError(f"{groups.count} trial: a fit needs at least 2, one to fit and one to stop at. Record more.")
    blocks = np.array_split(np.arange(groups.count), min(N_BLOCKS, groups.count))
    n_held_out = min(max(1, round(VALIDATION * len(blocks))), len(blocks) - 1)
    order = rng_for(seed, "population validation blocks").permutation(len(blocks))
    train, held_out = (np.sort(np.concatenate([blocks[block] for block in some])) for some in (order[n_held_out:], order[:n_held_out]))
    return train, held_out


def check_responses(
    predicted: Float[np.ndarray, "samples units"],
    responses: Float[np.ndarray, "samples units"],
    config: PopulationConfig,
    unit_ids: Int[np.ndarray, " units"] | None,
) -> None:
    """Refuse predictions and responses that no distribution of this kind can have made."""
    ids = np.arange(responses.shape[1]) if unit_ids is None else unit_ids
    if predicted.shape != responses.shape:
        raise ValueError(f"predicted means are {predicted.shape}, responses {responses.shape}: give one each, [samples, units].")
    if not np.isfinite(predicted).all():
        _refuse("predicted means are NaN or infinite", ~np.isfinite(predicted), ids, "Predict every sample, or leave it out.")
    if np.isinf(responses).any():
        _refuse("responses are infinite", np.isinf(responses), ids, "Set them to NaN to leave them out.")
    if config.kind != "continuous" and (responses < 0).any():
        _refuse("responses are negative", responses < 0, ids, 'Use kind = "continuous" for responses that can be negative.')
    broken = (responses != np.round(responses)) & np.isfinite(responses)
    if config.kind == "counts" and broken.any():
        _refuse("responses are no whole numbers", broken, ids, 'Use kind = "zero_inflated" for deconvolved responses.')
    floor = {"zero_inflated": config.spike_width, "counts": 0.0, "continuous": np.nan}[config.kind]
    fires = np.nanmax(responses, 0, initial=-np.inf) > floor if config.kind != "continuous" else _varies(responses)
    if not fires.all():
        silent = np.flatnonzero(~fires)
        named = ", ".join(f"number {unit} (id {ids[unit]})" for unit in silent[:5])
        raise ValueError(
            f"{len(silent)} of {len(ids)} units never fire in {len(responses)} samples: {named}{', ...' if len(silent) > 5 else ''}. "
            "Their responses have no distribution to fit: leave these units out."
        )


def _varies(responses: np.ndarray) -> np.ndarray:
    return np.nanmax(responses, 0, initial=-np.inf) > np.nanmin(responses, 0, initial=np.inf)


def _refuse(what: str, where: np.ndarray, ids: np.ndarray, advice: str) -> None:
    sample, unit = np.argwhere(where)[0]
    raise ValueError(
        f"{where.sum()} of {where.size} {what}, in {where.any(0).sum()} of {where.shape[1]} units; "
        f"the first in sample {sample}, unit number {unit} (id {ids[unit]}). {advice}"
    )


def _fit_marginals(
    x: torch.Tensor, y: torch.Tensor, rows: list[np.ndarray], config: PopulationConfig, seed: int, name: str, progress: bool
) -> Marginals:
    """T and mu of every unit by maximum likelihood; units share nothing but steps."""
    train, held_out = rows
    marginals = Marginals(y.shape[1], config.kind, config.spike_width, KNOTS)
    start_marginals(marginals, x[train], y[train])
    marginals.to(config.device)

    def loss(samples: np.ndarray) -> torch.Tensor:
        seen = y[samples].to(config.device)
        density = marginals.observe(seen).log_density(marginals.mean(x[samples].to(config.device)), torch.ones_like(marginals.scale))
        return -density.sum() / torch.isfinite(seen).sum().clamp(min=1)

    def smooth_loss(samples: np.ndarray) -> torch.Tensor:
        return loss(samples) + SMOOTHNESS * marginals.roughness()

    def batches(rng: np.random.Generator) -> Closures:
        for samples in np.array_split(rng.permutation(train), n_batches):
            yield partial(smooth_loss, samples)

    @torch.no_grad()
    def validation_loss() -> float:
        parts = np.array_split(held_out, -(-len(held_out) // BATCH))
        return sum(float(loss(part)) * len(part) for part in parts) / len(held_out)

    n_batches = -(-len(train) // BATCH)
    fit(marginals, batches, n_batches, validation_loss, config.marginals, seed, name, progress=progress)
    return marginals


class FreeLoadings(nn.Module):
    """Free numbers a, with C_n = a_n / sqrt(1 + |a_n|^2) and psi_n = 1 / (1 + |a_n|^2)."""

    def __init__(self, shared: Float[torch.Tensor, "units latents"]) -> None:
        super().__init__()
        self.free = nn.Parameter(shared / (1 - shared.square().sum(1, keepdim=True)).sqrt())

    def forward(self) -> Loadings:
        """C and psi."""
        private = 1 / (1 + self.free.square().sum(1))
        return Loadings(self.free * private.sqrt()[:, None], private)


def fit_loadings(
    marginals: Marginals,
    x: Float[torch.Tensor, "samples units"],
    y: Float[torch.Tensor, "samples units"],
    groups: TrialGroups,
    train: Int[np.ndarray, " training"],
    held_out: Int[np.ndarray, " validation"],
    config: PopulationConfig,
    seed: int,
    progress: bool = False,
) -> Loadings:
    """C and psi by maximum likelihood (see `log_evidence`), from a spectral start; no columns unless validation trials gain.

    Args:
        marginals: Marginals of the units, held fixed.
        x: Predicted means.
        y: Responses.
        groups: Trials, whose samples share their latents.
        train: Trials that are fitted.
        held_out: Trials that stop the fit.
        config: Settings of the population model.
        seed: Seed of the batches.
        progress: Show a progress bar.
    """
    shared = _spectral_start(marginals, x, y, groups, train, config, seed).to(config.device)
    nothing = Loadings(shared[:, :0], torch.ones(len(shared), device=config.device))
    model, posteriors = FreeLoadings(shared).to(config.device), _Posteriors(groups.count, shared.shape[1], config.device)

    def log_likelihood(batch: Samples, loadings: Loadings, kept: _Posteriors) -> torch.Tensor:
        numbers, samples, place = batch
        seen, trial = y[samples].to(config.device), torch.as_tensor(place, device=config.device)
        with torch.no_grad():
            mean, observed = marginals.mean(x[samples].to(config.device)), marginals.observe(seen)
            fixed = Loadings(loadings.shared.detach(), loadings.private.detach())
            posterior = infer_latents(observed, mean, fixed, trial, len(numbers), FIT_NODES, kept.of(numbers))
            kept.keep(numbers, posterior)
        return log_evidence(observed, mean, loadings, trial, posterior, FIT_NODES).sum() / torch.isfinite(seen).sum().clamp(min=1)

    def training_loss(batch: Samples) -> torch.Tensor:
        return -log_likelihood(batch, model(), posteriors)

    def batches(rng: np.random.Generator) -> Closures:
        for part in np.array_split(rng.permutation(train), n_batches):
            batch = next(groups.batches(part, len(groups.number)))
            yield partial(training_loss, batch)

    @torch.no_grad()
    def held_out_loss(loadings: Loadings, kept: _Posteriors) -> float:
        parts = [(float(log_likelihood(batch, loadings, kept)), len(batch[1])) for batch in groups.batches(held_out, BATCH)]
        return -float(np.average([value for value, _ in parts], weights=[count for _, count in parts]))

    found = nothing
    if shared.shape[1]:
        n_batches = min(len(train), -(-int(np.isin(groups.number, train).sum()) // BATCH))
        state = fit(
            model, batches, n_batches, lambda: held_out_loss(model(), posteriors), config.latents, seed, "loadings", progress=progress
        )
        if state.best_loss < held_out_loss(nothing, _Posteriors(groups.count, 0, config.device)):
            found = model.double()()
    return Loadings(found.shared.detach().double(), found.private.detach().double())


class _Posteriors:
    """The last posterior of every trial, where the next one starts."""

    def __init__(self, n_trials: int, n_latents: int, device: str) -> None:
        self.mean = torch.zeros(n_trials, n_latents, device=device)
        self.factor = torch.eye(n_latents, device=device).repeat(n_trials, 1, 1)

    def of(self, trials: np.ndarray) -> LatentPosterior:
        return LatentPosterior(self.mean[trials], self.factor[trials])

    def keep(self, trials: np.ndarray, posterior: LatentPosterior) -> None:
        self.mean[trials], self.factor[trials] = posterior.mean, posterior.factor


@torch.no_grad()
def _spectral_start(
    marginals: Marginals, x: torch.Tensor, y: torch.Tensor, groups: TrialGroups, train: np.ndarray, config: PopulationConfig, seed: int
) -> torch.Tensor:
    """Loadings from the largest singular values of the scores d log p(y) / d mu, as many as rise above those of noise.

    To first order in the latent correlation rho of two units, the covariance of their scores is I_n I_m rho with I the scores' variance
    (for points, the score is v - mu and I is 1). Scores over sqrt(I) that nobody shares have a largest singular value whose square is
    (sqrt(S - 1) + sqrt(U))^2 plus fluctuations: Johnstone 2001, doi:10.1214/aos/1009210544. Noise that lasts over samples has larger ones,
    so that values must also exceed those of `_largest_of_unshared`.
    """
    scores = np.zeros((len(train), y.shape[1]), np.float32)
    lengths = np.zeros(len(train))
    square, seen = np.zeros(y.shape[1]), np.zeros(y.shape[1])
    row = 0
    for numbers, samples, place in groups.batches(train, BATCH):
        responses = y[samples].to(config.device)
        mean, one = marginals.mean(x[samples].to(config.device)), torch.ones_like(marginals.scale)
        first = marginals.observe(responses).derivatives(mean, one)[0].cpu().numpy()
        np.add.at(scores, row + place, first)
        lengths[row : row + len(numbers)] = np.bincount(place)
        square += (first.astype(float) ** 2).sum(0)
        seen += torch.isfinite(responses).sum(0).cpu().numpy()
        row += len(numbers)
    information = np.maximum(square / np.maximum(seen, 1), 1e-6)
    scores /= np.sqrt(lengths)[:, None]
    scores -= scores.mean(0)
    scores /= np.maximum(scores.std(0), 1e-6)
    n, units = scores.shape
    n_latents = min(config.n_latents, min(n, units) - 1)
    if n_latents < 1:
        return torch.zeros(units, 0)
    random_state = int(seed_for(seed, "loadings", "start").generate_state(1)[0])
    _, values, vectors = randomized_svd(scores, n_latents, n_iter=7, random_state=random_state)
    edge = np.sqrt(n - 1) + np.sqrt(units)
    edge = edge**2 + TRACY_WIDOM_99 * edge * (1 / np.sqrt(n - 1) + 1 / np.sqrt(units)) ** (1 / 3)
    kept = values**2 > max(edge, _largest_of_unshared(scores, seed))
    excess = np.maximum(values[kept] ** 2 / n - 1, 0) / lengths.mean()
    shared = vectors[kept].T * np.sqrt(excess) / np.sqrt(information)[:, None]
    return bounded(torch.as_tensor(shared, dtype=torch.float32))


def _largest_of_unshared(scores: np.ndarray, seed: int) -> float:
    """Largest squared singular value among copies where each unit's scores are shifted in time by a lag of its own, round the end.

    A copy has every unit's autocorrelation and nothing that units share: parallel analysis, Horn 1965, doi:10.1007/BF02289447.
    """
    largest = 0.0
    for copy in range(N_COPIES):
        lags = rng_for(seed, "loadings", "lags", copy).integers(len(scores), size=scores.shape[1])
        rows = (np.arange(len(scores))[:, None] + lags) % len(scores)
        shifted = np.take_along_axis(scores, rows, axis=0)
        largest = max(largest, float(randomized_svd(shifted, 1, n_iter=4, random_state=copy)[1][0]) ** 2)
    return largest


def bounded(shared: Float[torch.Tensor, "units latents"]) -> Float[torch.Tensor, "units latents"]:
    """Loadings that share at most 0.9 of each unit's latent variance."""
    return shared / (shared.square().sum(1, keepdim=True) / MAX_SHARED).clamp(min=1.0).sqrt()
