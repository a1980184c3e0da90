import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from graphtwin.twin.population.latents import Loadings, infer_latents, log_evidence
from graphtwin.twin.population.observations import FAR, Observations


def planted_loadings(n_units: int, n_latents: int, seed: int) -> Loadings:
    shared = torch.as_tensor(np.random.default_rng(seed).normal(size=(n_units, n_latents)) * 0.4)
    return Loadings(shared, 1.2 - 0.5 * torch.rand(n_units, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))


def points(values: np.ndarray) -> Observations:
    v = torch.as_tensor(values)
    seen = torch.isfinite(v)
    v = torch.nan_to_num(v)
    return Observations(v, v, torch.ones_like(seen), seen, torch.full_like(v, 0.3), open_below=True)


def dense(loadings: Loadings) -> np.ndarray:
    return (loadings.shared @ loadings.shared.T + torch.diag(loadings.private)).numpy()


def test_the_likelihood_equals_scipys_dense_normal():
    loadings, rng = planted_loadings(7, 2, seed=1), np.random.default_rng(1)
    v, mean, trial = rng.normal(size=(5, 7)), torch.as_tensor(rng.normal(size=(5, 7))), torch.arange(5)
    posterior = infer_latents(points(v), mean, loadings, trial, 5)
    found = log_evidence(points(v), mean, loadings, trial, posterior)
    expected = [multivariate_normal(m, dense(loadings)).logpdf(one) + 7 * 0.3 for one, m in zip(v, mean.numpy(), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_missing_response_is_integrated_out():
    loadings, rng = planted_loadings(6, 2, seed=2), np.random.default_rng(2)
    v, mean, trial = rng.normal(size=(3, 6)), torch.as_tensor(rng.normal(size=(3, 6))), torch.arange(3)
    v[:, 4] = np.nan
    rest = [0, 1, 2, 3, 5]
    found = log_evidence(points(v), mean, loadings, trial, infer_latents(points(v), mean, loadings, trial, 3))
    smaller = multivariate_normal(np.zeros(5), dense(loadings)[np.ix_(rest, rest)])
    np.testing.assert_allclose(found, smaller.logpdf((v - mean.numpy())[:, rest]) + 5 * 0.3, rtol=1e-10)


def test_samples_of_one_trial_share_their_latents():
    loadings, rng = planted_loadings(4, 2, seed=3), np.random.default_rng(3)
    v, mean, trial = rng.normal(size=(3, 4)), torch.zeros(3, 4, dtype=torch.float64), torch.tensor([0, 1, 0])
    found = log_evidence(points(v), mean, loadings, trial, infer_latents(points(v), mean, loadings, trial, 2))
    twice = np.kron(np.ones((2, 2)), (loadings.shared @ loadings.shared.T).numpy()) + np.diag(np.tile(loadings.private.numpy(), 2))
    assert float(found[0]) == pytest.approx(multivariate_normal(np.zeros(8), twice).logpdf(np.r_[v[0], v[2]]) + 8 * 0.3)


def test_the_evidence_of_intervals_is_a_close_lower_bound():
    rng, z = np.random.default_rng(5), np.linspace(-8, 8, 4001)
    shared = rng.uniform(0.2, 0.8, (10, 1)) * rng.choice([-1, 1], (10, 1))
    loadings = Loadings(torch.as_tensor(shared), torch.as_tensor(1 - shared[:, 0] ** 2))
    v = shared[:, 0] * rng.normal(size=(40, 1)) + np.sqrt(1 - shared[:, 0] ** 2) * rng.normal(size=(40, 10))
    silent = v < 0.3
    upper = torch.as_tensor(np.where(silent, 0.3, v))
    observed = Observations(
        torch.where(torch.as_tensor(silent), -FAR, upper), upper, torch.as_tensor(~silent), upper > -9, 0 * upper, open_below=True
    )
    zero, trial = torch.zeros_like(upper), torch.arange(40)
    found = log_evidence(observed, zero, loadings, trial, infer_latents(observed, zero, loadings, trial, 40)).numpy()
    sd = np.sqrt(1 - shared[:, 0] ** 2)
    at = (upper.numpy()[:, :, None] - shared * z) / sd[:, None]
    log_joint = np.where(silent[:, :, None], norm.logcdf(at), norm.logpdf(at) - np.log(sd)[:, None]).sum(1) + norm.logpdf(z)
    exact = np.log(np.exp(log_joint).sum(1) * (z[1] - z[0]))
    assert (found < exact + 1e-6).all()
    assert (exact - found).max() < 0.02  # nats of a population of ten


def test_derivatives_of_the_density_are_those_of_autograd():
    rng = np.random.default_rng(6)
    lower = torch.as_tensor(rng.normal(size=(50, 4)) * 3)
    lower[:10] = -FAR
    upper = torch.where(lower > -FAR, lower, torch.as_tensor(rng.normal(size=(50, 4)))) + torch.as_tensor(rng.uniform(0.3, 2, (50, 4)))
    observed = Observations(lower, upper, lower < -FAR, lower >= -FAR, 0 * upper, open_below=False)
    mean, sd = torch.as_tensor(rng.normal(size=(50, 4))).requires_grad_(True), torch.tensor([0.5, 0.8, 1.0, 1.5], dtype=torch.float64)
    (slope,) = torch.autograd.grad(observed.log_density(mean, sd).sum(), mean, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), mean)
    first, second = observed.derivatives(mean.detach(), sd)
    np.testing.assert_allclose(first, slope.detach(), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(second, -bend, rtol=1e-5, atol=1e-5)
