"""Claims: log-likelihoods are those of the distributions, and every derivative is that of the log-likelihood."""

import numpy as np
import pytest
from scipy import stats

from graphtwin.mixed.families.counts import FAMILIES, family_named
from graphtwin.mixed.families.tweedie_series import tweedie_cumulative

INNER = {"poisson": np.zeros(0), "negative_binomial": np.array([-0.3]), "tweedie": np.array([-1.2, -0.4]), "gamma": np.array([-0.9])}


def log_likelihood(name, eta, y, inner):
    family = FAMILIES[name]
    score, weight = np.empty_like(eta), np.empty_like(eta)
    return family.rows(eta, y, inner, score, weight) + family.normaliser(y)(inner)[0]


@pytest.fixture
def responses():
    rng = np.random.default_rng(1)
    eta = rng.normal(-0.5, 1.0, 200)
    counts = rng.poisson(np.exp(eta)).astype(np.float64)
    return eta, {
        "poisson": counts,
        "negative_binomial": counts,
        "tweedie": counts * rng.gamma(2.0, 0.3, 200),
        "gamma": rng.gamma(2.0, 0.3, 200),
    }


def test_counts_have_the_probabilities_of_scipy(responses):
    eta, y = responses
    phi = np.exp(INNER["negative_binomial"][0])
    expected = {
        "poisson": stats.poisson.logpmf(y["poisson"], np.exp(eta)).sum(),
        "negative_binomial": stats.nbinom.logpmf(y["negative_binomial"], phi, phi / (phi + np.exp(eta))).sum(),
    }
    for name, value in expected.items():
        assert log_likelihood(name, eta, y[name], INNER[name]) == pytest.approx(value, abs=1e-9)


def test_gamma_sizes_have_the_density_of_scipy(responses):
    eta, y = responses[0], responses[1]["gamma"]
    k = np.exp(-INNER["gamma"][0])
    expected = stats.gamma.logpdf(y, k, scale=np.exp(eta) / k).sum()
    assert log_likelihood("gamma", eta, y, INNER["gamma"]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("power", [1.1, 1.5, 1.9])
@pytest.mark.parametrize("phi", [0.2, 2.0])
def test_the_tweedie_density_is_one(power, phi):
    inner, eta = np.array([np.log(phi), np.log((power - 1) / (2 - power))]), np.array([0.3])

    def density(y):
        return np.exp(log_likelihood("tweedie", eta, np.array([y]), inner))

    log_y = np.linspace(-60.0, 5.5, 1500)  # in log y the density is smooth, and its tails fall off as an exponential
    positive = np.trapezoid([density(np.exp(t)) * np.exp(t) for t in log_y], log_y)
    assert density(0.0) + positive == pytest.approx(1.0, abs=1e-4)


def test_the_tweedie_density_is_the_sum_of_its_gammas():
    phi, power, mean = 0.4, 1.35, 1.7
    y = np.array([0.01, 0.3, 1.0, 4.0, 12.0])
    rate, shape, scale = mean ** (2 - power) / (phi * (2 - power)), (2 - power) / (power - 1), phi * (power - 1) * mean ** (power - 1)
    number = np.arange(1, 200)
    direct = (stats.poisson.pmf(number, rate) * stats.gamma.pdf(y[:, None], number * shape, scale=scale)).sum(axis=1)
    ours = [
        np.exp(log_likelihood("tweedie", np.log([mean]), y[i : i + 1], np.array([np.log(phi), np.log((power - 1) / (2 - power))])))
        for i in range(5)
    ]
    np.testing.assert_allclose(ours, direct, rtol=1e-9)
    cumulative = stats.poisson.pmf(0, rate) + (
        stats.poisson.pmf(number, rate) * stats.gamma.cdf(y[:, None], number * shape, scale=scale)
    ).sum(axis=1)
    np.testing.assert_allclose(tweedie_cumulative(y, np.full(5, mean), phi, power), cumulative, rtol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_derivative_is_that_of_the_log_likelihood(responses, name):
    eta, y, inner, family, h = responses[0], responses[1][name], INNER[name], FAMILIES[name], 1e-5

    def rows(shift, shapes):
        score, weight = np.empty_like(eta), np.empty_like(eta)
        return family.rows(eta + shift, y, shapes, score, weight), score, weight

    (up, score_up, weight_up), (down, score_down, weight_down), (_, score, weight) = rows(h, inner), rows(-h, inner), rows(0.0, inner)
    assert (up - down) / (2 * h) == pytest.approx(score.sum(), rel=1e-7)
    np.testing.assert_allclose((score_down - score_up) / (2 * h), weight, rtol=1e-6, atol=1e-8)
    by_eta, shapes = family.derivatives(eta, y, inner)
    np.testing.assert_allclose((weight_up - weight_down) / (2 * h), by_eta, rtol=1e-6, atol=1e-8)
    normaliser = family.normaliser(y)
    for s, derivative in enumerate(shapes):
        (up, score_up, weight_up), (down, score_down, weight_down) = (
            rows(0.0, inner + sign * h * np.eye(len(inner))[s]) for sign in (1, -1)
        )
        assert (up - down) / (2 * h) == pytest.approx(derivative.value, rel=1e-7)
        np.testing.assert_allclose((score_up - score_down) / (2 * h), derivative.score, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose((weight_up - weight_down) / (2 * h), derivative.weight, rtol=1e-6, atol=1e-8)
        up, down = (normaliser(inner + sign * h * np.eye(len(inner))[s])[0] for sign in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(normaliser(inner)[1][s], rel=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_draws_have_the_mean_the_variance_and_the_distribution(name):
    family, rng, n = FAMILIES[name], np.random.default_rng(3), 100_000
    shape, mean = family.shape(INNER[name]), np.full(n, 0.6)
    drawn = family.sample(mean, shape, rng)
    variance = float(family.variance(mean, shape)[0])
    assert drawn.mean() == pytest.approx(0.6, abs=5 * np.sqrt(variance / n))
    assert drawn.var() == pytest.approx(variance, rel=0.05)
    below, at = family.cumulative(drawn, mean, shape)
    uniform = below + rng.random(n) * (at - below)
    assert stats.kstest(uniform, "uniform").statistic < 1.95 / np.sqrt(n)  # 0.1 % point


def test_an_unknown_family_names_those_there_are():
    with pytest.raises(ValueError, match=r"family .beta. is unknown\. There are poisson, negative_binomial, tweedie, gamma"):
        family_named("beta")


def test_a_tweedie_response_of_countless_jumps_is_refused():
    with pytest.raises(ValueError, match=r"sums of up to .* jumps"):
        FAMILIES["tweedie"].normaliser(np.array([1.0, 2.0]))(np.array([-18.0, 0.0]))
