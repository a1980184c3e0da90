"""Latent population model: how a fit grows with units, and the likelihood by Woodbury against a dense normal distribution of all units."""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import torch

from graphtwin.twin.population import PopulationConfig, conditional, fit_population, log_likelihood, predicted_noise_correlations

SAMPLES, LATENTS = 2_000, 4
COMPARED = 200  # samples that the likelihoods are compared on


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def planted(n_units: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Predicted means and responses, six of ten in the spike."""
    loadings = rng.normal(size=(n_units, LATENTS)) * 0.2
    mean = rng.uniform(-0.8, 0.2, n_units) + 0.4 * rng.normal(size=(SAMPLES, 5)) @ rng.normal(size=(5, n_units)) / np.sqrt(5)
    latent = mean + rng.normal(size=(SAMPLES, LATENTS)) @ loadings.T + 0.9 * rng.normal(size=mean.shape)
    responses = np.where(latent > 0, 0.02 + np.expm1(np.maximum(latent, 0)), 0.01)
    return np.exp(mean).astype(np.float32), responses.astype(np.float32)


def seconds(work) -> tuple[float, object]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def dense_log_likelihood(model, predicted: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """The reference: a Cholesky factor of the units x units covariance."""
    with torch.no_grad():
        x, y = torch.as_tensor(predicted, dtype=torch.float64), torch.as_tensor(responses, dtype=torch.float64)
        observed, shared = model.marginals.observe(y), model.loadings.shared
        covariance = shared @ shared.T + torch.diag(model.loadings.private)
        normal = torch.distributions.MultivariateNormal(torch.zeros(len(shared), dtype=torch.float64), covariance)
        return (normal.log_prob(observed.upper - model.marginals.mean(x)) + observed.log_measure.sum(1)).numpy()


def main() -> None:
    torch.set_num_threads(1)
    for n_units in [int(size) for size in sys.argv[1:]] or [250, 1_000, 4_000]:
        predicted, responses = planted(n_units, np.random.default_rng(0))
        before = peak_mb()
        fitting, model = seconds(lambda x=predicted, y=responses: fit_population(x, y, PopulationConfig(), seed=0))
        print(
            f"{n_units:,} units x {SAMPLES:,} samples: fit {fitting:.1f} CPU s ({fitting / n_units * 1e3:.1f} ms a unit), "
            f"{model.loadings.shared.shape[1]} of {LATENTS} latents, {peak_mb() - before:+.0f} MB"
        )
        few = predicted[:COMPARED], responses[:COMPARED]
        scoring, _ = seconds(lambda m=model, f=few: log_likelihood(m, *f))
        others, _ = seconds(lambda m=model, f=few: conditional(m, *f))
        pairs, _ = seconds(lambda m=model, f=few: predicted_noise_correlations(m, f[0]))
        print(f"  {COMPARED} samples: likelihood {scoring:.2f} s, units given responses {others:.2f} s, all pairs {pairs:.2f} s")
    config = PopulationConfig(kind="continuous")
    model = fit_population(predicted[:500, :2_000], responses[:500, :2_000], config, seed=0)
    few = predicted[:50, :2_000], responses[:50, :2_000]
    ours, found = seconds(lambda: log_likelihood(model, *few))
    dense, expected = seconds(lambda: dense_log_likelihood(model, *few))
    off = np.abs(found - expected).max()
    print(
        f"likelihood of points, {few[0].shape[1]:,} units: {ours * 1e3:.0f} ms, {dense / ours:.0f} x a dense normal, difference {off:.1e}"
    )


if __name__ == "__main__":
    main()
