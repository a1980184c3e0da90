import numpy as np
import pytest
import torch
from scipy.stats import gamma, poisson

from graphtwin.twin.model.response_families import SPIKE
from graphtwin.twin.population.latent_model import marginal_log_likelihood
from graphtwin.twin.population.marginals import Marginals
from tests.twin.planted_population import SHAPE, planted_population

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["zero_inflated", "continuous", "counts"])
def test_densities_integrate_to_one_at_any_mean(fitted_populations, kind):
    marginals = fitted_populations[kind].marginals.of_units(torch.arange(12))
    if kind == "counts":
        y, widths = torch.arange(300.0, dtype=torch.float64), torch.ones(300, dtype=torch.float64)
    else:
        edges = torch.sinh(torch.linspace(0.0 if kind == "zero_inflated" else -15.0, 15.0, 8_000, dtype=torch.float64)) * 1e-2
        edges = torch.cat([torch.tensor([0.0]), edges + SPIKE]) if kind == "zero_inflated" else edges
        y, widths = (edges[1:] + edges[:-1]) / 2, edges.diff()
    observed, one = marginals.observe(y[:, None].expand(-1, 12)), torch.ones(12, dtype=torch.float64)
    for mean in (-3.0, -1.0, 0.0, 1.0, 3.0):
        density = observed.log_density(torch.full_like(observed.upper, mean), one).exp()
        np.testing.assert_allclose((widths[:, None] * density).sum(0), 1.0, atol=2e-3)


def test_fitted_marginals_come_near_the_true_zero_inflated_gamma(fitted_populations):
    test = planted_population(1000, 40, 2, "zero_inflated", seed=1)
    q, y = test.active, test.responses
    above = np.log(q) + gamma.logpdf(np.maximum(y - SPIKE, 1e-9), SHAPE, scale=test.theta)
    truth = np.where(y > SPIKE, above, np.log1p(-q) - np.log(SPIKE))
    found = marginal_log_likelihood(fitted_populations["zero_inflated"].marginals, test.predicted, y)
    assert -0.005 < (truth - found).mean() < 0.02  # nats a response


def test_fitted_marginals_come_near_the_true_poisson(fitted_populations):
    test = planted_population(1000, 40, 2, "counts", seed=1)
    truth = poisson.logpmf(test.responses, test.predicted)
    found = marginal_log_likelihood(fitted_populations["counts"].marginals, test.predicted, test.responses)
    assert -0.005 < (truth - found).mean() < 0.01


@pytest.mark.parametrize("kind", ["zero_inflated", "continuous", "counts"])
def test_hermite_coefficients_give_the_moments_and_covariances_of_samples(fitted_populations, kind):
    marginals: Marginals = fitted_populations[kind].marginals
    rng, rho, n_units = np.random.default_rng(0), 0.6, len(marginals.scale)
    mean = marginals.mean(torch.as_tensor(planted_population(1, n_units, 2, kind, seed=1).predicted))
    coefficients, second = marginals.hermite(mean, torch.ones(n_units, dtype=torch.float64), 8)
    shared, n = rng.normal(size=(20_000, 1)), 20_000
    draws = mean + torch.as_tensor(np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=(n, n_units)))
    y = marginals.respond(draws, torch.full((n_units,), 0.5)).numpy()
    middle, sd = coefficients[0, 0].numpy(), (second - coefficients[0] ** 2)[0].sqrt().numpy()
    np.testing.assert_allclose((y.mean(0) - middle) / sd, 0, atol=4 / np.sqrt(n))
    powers = rho ** np.arange(1, 9)
    covariance = np.einsum("j,jn,jm->nm", powers, coefficients[1:, 0].numpy(), coefficients[1:, 0].numpy())
    pairs = np.triu_indices(n_units, 1)
    off = (np.cov(y.T)[pairs] - covariance[pairs]) / np.outer(sd, sd)[pairs]
    assert np.abs(off).mean() < 0.02
    assert np.abs(off).max() < 0.06


def test_a_response_in_the_spike_has_the_spikes_uniform_density(fitted_populations):
    marginals = fitted_populations["zero_inflated"].marginals
    mean = torch.zeros(2, len(marginals.scale), dtype=torch.float64)
    y = torch.zeros_like(mean)
    y[1] = SPIKE * 0.9
    density = marginals.observe(y).log_density(mean, torch.ones(len(marginals.scale)))
    np.testing.assert_allclose(density[0], density[1])
    upper = marginals.transformation()(torch.full_like(y, SPIKE))
    np.testing.assert_allclose(density, torch.special.log_ndtr(upper) - np.log(SPIKE))
