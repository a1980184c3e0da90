from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from graphtwin.twin.model.response_families import FAMILIES, SPIKE

UNITS = 4
RATE = torch.tensor([0.2, 0.7, 1.5, 4.0])


def case(name: str, n: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers [n, units, outputs] and shapes of some units."""
    family = FAMILIES[name]
    numbers = RATE[:, None].expand(n, -1, family.outputs)
    shape = torch.tensor([[-0.5, 0.3, 1.0], [0.0, -0.5, 0.7], [0.4, 0.1, 1.2], [0.2, 0.2, 0.0]])[:, : len(family.shapes)]
    return numbers, shape


@pytest.mark.parametrize("name", FAMILIES)
def test_samples_have_the_mean_and_the_variance_stated(name: str):
    numbers, shape = case(name, 60_000)
    family = FAMILIES[name]
    drawn = family.sample(numbers, shape, np.random.default_rng(0)).numpy()
    mean, variance = (of(numbers, shape).numpy()[0] for of in (family.mean, family.variance))
    assert np.abs(drawn.mean(0) - mean).max() < 5 * np.sqrt(variance / 60_000).max()
    assert drawn.var(0) == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_other_parameters_make_samples_more_likely_than_the_true_ones(name: str):
    numbers, shape = case(name, 20_000)
    family = FAMILIES[name]
    drawn = family.sample(numbers, shape, np.random.default_rng(1))
    at_truth = family.log_likelihood(numbers, shape, drawn).mean(0)
    for factor in (0.8, 1.25):
        other = numbers.clone()
        other[..., 0] *= factor
        assert (family.log_likelihood(other, shape, drawn).mean(0) < at_truth).all()


def test_likelihoods_are_those_of_scipy():
    y = torch.tensor([[0.0, 1.0, 3.0, 2.0]])
    for name, exact in {
        "poisson": lambda r, s: stats.poisson.logpmf(y.numpy(), r),
        "negative_binomial": lambda r, s: stats.nbinom.logpmf(y.numpy(), np.exp(-s[:, 0]), 1 / (1 + r * np.exp(s[:, 0]))),
        "gaussian": lambda r, s: stats.norm.logpdf(y.numpy(), r, np.exp(s[:, 0] / 2)),
    }.items():
        numbers, shape = case(name)
        found = FAMILIES[name].log_likelihood(numbers, shape, y).numpy()
        assert found == pytest.approx(exact(RATE.numpy(), shape.numpy()), abs=1e-4)


def test_the_zero_inflated_gamma_is_a_density_that_integrates_to_one():
    numbers, shape = case("zero_inflated_gamma")
    y = torch.cat([torch.linspace(0, SPIKE, 200), SPIKE + torch.logspace(-4, 2.2, 200_000)])
    density = FAMILIES["zero_inflated_gamma"].log_likelihood(numbers.expand(len(y), -1, -1), shape, y[:, None].expand(-1, UNITS)).exp()
    assert torch.trapezoid(density, y, dim=0).numpy() == pytest.approx(np.ones(UNITS), abs=0.03)


def test_the_gamma_above_the_spike_is_that_of_scipy():
    numbers, shape = case("zero_inflated_gamma")
    y = torch.full((1, UNITS), 0.8)
    rate, (log_k, a, b) = RATE.numpy(), shape.numpy().T
    q = 1 / (1 + np.exp(-a) * rate**-b)
    exact = np.log(q) + stats.gamma.logpdf(0.8 - SPIKE, np.exp(log_k), scale=rate / (q * np.exp(log_k)))
    assert FAMILIES["zero_inflated_gamma"].log_likelihood(numbers, shape, y).numpy()[0] == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_extreme_responses_and_rates_have_finite_likelihoods_and_gradients(name: str):
    numbers, shape = (values.clone().requires_grad_() for values in case(name, 3))
    with torch.no_grad():
        numbers[1, :, 0], numbers[2, :, 0] = 0.0, 1e4
    y = torch.tensor([0.0, SPIKE, 100.0])[:, None].expand(-1, UNITS)
    likelihood = FAMILIES[name].log_likelihood(numbers, shape, y)
    likelihood.sum().backward()
    assert torch.isfinite(likelihood).all()
    assert torch.isfinite(numbers.grad).all()


@pytest.mark.parametrize("name", ["gaussian", "zero_inflated_gamma"])
def test_a_distribution_is_the_integral_of_its_density(name: str):
    grid = torch.cat([torch.linspace(-9, 0, 2000), torch.linspace(1e-9, SPIKE, 200), SPIKE + torch.logspace(-5, 1.3, 40_000)]).double()
    if name == "zero_inflated_gamma":
        grid = grid[2000:]
    y = grid[:, None].expand(-1, UNITS)
    numbers, shape = case(name, len(grid))
    density = FAMILIES[name].log_likelihood(numbers.double(), shape.double(), y).exp()
    found = FAMILIES[name].distribution(numbers, shape, y)
    assert (torch.cumulative_trapezoid(density, grid, dim=0) - found[1:]).abs().max() < 0.02  # the density has a pole above the spike
    assert (found[-1] > 0.95).all()


def test_distributions_of_counts_are_those_of_scipy_at_whole_numbers_and_rise_between():
    n = torch.arange(12.0)
    for name, exact in {
        "poisson": lambda r, s: stats.poisson.cdf(n.numpy()[:, None], r),
        "negative_binomial": lambda r, s: stats.nbinom.cdf(n.numpy()[:, None], np.exp(-s[:, 0]), 1 / (1 + r * np.exp(s[:, 0]))),
    }.items():
        numbers, shape = case(name, 300)
        distribution = FAMILIES[name].distribution
        found = distribution(numbers[: len(n)], shape, (n + 0.5)[:, None].expand(-1, UNITS)).numpy()
        assert found == pytest.approx(exact(RATE.numpy(), shape.numpy()), abs=1e-6)
        steps = distribution(numbers, shape, torch.linspace(0, 12, 300)[:, None].expand(-1, UNITS)).diff(dim=0)
        assert (steps >= 0).all()
        assert (distribution(numbers[:1], shape, torch.full((1, UNITS), -1e-6)) == 0).all()
