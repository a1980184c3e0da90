"""Claims: log-likelihoods are those of the distributions, and every derivative is that of the log-likelihood."""

import numpy as np
import pytest
from scipy import special, stats

from graphtwin.mixed.families.binomial import Binomial
from graphtwin.mixed.families.counts import FAMILIES, family_named
from graphtwin.mixed.families.family import Bounded
from graphtwin.mixed.families.links import LOGIT
from graphtwin.mixed.families.tweedie_series import tweedie_cumulative
from graphtwin.mixed.families.weighted import Weighted

INNER = {
    "poisson": np.zeros(0),
    "negative_binomial": np.array([-0.3]),
    "nb1": np.array([0.4]),
    "zero_inflated_poisson": np.array([-0.7]),
    "zero_inflated_negative_binomial": np.array([0.5, -0.7]),
    "tweedie": np.array([-1.2, -0.4]),
    "gamma": np.array([-0.9]),
    "gaussian": np.array([0.6]),
    "binomial": np.zeros(0),
}


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
        **dict.fromkeys(FAMILIES, counts),
        "gaussian": rng.normal(eta, 1.3),
        "binomial": (rng.random(200) < 0.4).astype(np.float64),
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


@pytest.mark.parametrize("log_phi", [-6.0, 0.3, 5.0, 14.0])
def test_logarithms_summed_one_by_one_are_the_special_functions_of_large_counts(log_phi):
    small, large = np.array([0.0, 1.0, 2.0, 2.0, 37.0, 9000.0]), np.array([20_000.0])
    normaliser = {name: FAMILIES["negative_binomial"].normaliser(y) for name, y in {"sums": small, "one": large}.items()}
    both = FAMILIES["negative_binomial"].normaliser(np.r_[small, large])(np.array([log_phi]))
    alone = [one(np.array([log_phi])) for one in normaliser.values()]
    assert both[0] == pytest.approx(alone[0][0] + alone[1][0], rel=1e-12)
    assert both[1] == pytest.approx(alone[0][1] + alone[1][1], rel=1e-9)


def test_nb1_counts_have_the_probabilities_of_scipy(responses):
    eta, y, phi = responses[0], responses[1]["nb1"], np.exp(INNER["nb1"][0])
    y = np.r_[y, 3.0, 40.0, 4000.0]  # beyond the counts that are summed one by one
    eta = np.r_[eta, -9.0, 1.0, 7.0]
    expected = stats.nbinom.logpmf(y, np.exp(eta) / phi, 1.0 / (1.0 + phi)).sum()
    assert log_likelihood("nb1", eta, y, INNER["nb1"]) == pytest.approx(expected, abs=1e-8)


def test_zero_inflated_counts_have_the_probabilities_of_mixtures(responses):
    eta, y = responses[0], responses[1]["poisson"]
    share, phi = special.expit(-0.7), np.exp(0.5)
    counted = {
        "zero_inflated_poisson": stats.poisson.pmf(y, np.exp(eta)),
        "zero_inflated_negative_binomial": stats.nbinom.pmf(y, phi, phi / (phi + np.exp(eta))),
    }
    for name, density in counted.items():
        expected = np.log(share * (y == 0) + (1.0 - share) * density).sum()
        assert log_likelihood(name, eta, y, INNER[name]) == pytest.approx(expected, abs=1e-9)


def test_gaussian_and_binomial_responses_have_the_probabilities_of_scipy(responses):
    eta, y = responses
    gaussian = stats.norm.logpdf(y["gaussian"], eta, np.exp(0.3)).sum()
    assert log_likelihood("gaussian", eta, y["gaussian"], INNER["gaussian"]) == pytest.approx(gaussian, abs=1e-9)
    bernoulli = stats.bernoulli.logpmf(y["binomial"], special.expit(eta)).sum()
    assert log_likelihood("binomial", eta, y["binomial"], INNER["binomial"]) == pytest.approx(bernoulli, abs=1e-9)


def test_successes_among_trials_have_the_probabilities_of_scipy(responses):
    eta, rng = responses[0], np.random.default_rng(2)
    trials = rng.integers(1, 9, len(eta)).astype(np.float64)
    successes = rng.binomial(trials.astype(int), 0.4).astype(np.float64)
    family = Binomial(trials)
    shares, zero = np.column_stack([successes / trials, trials]), np.zeros(0)
    ours = Weighted(family).log_likelihoods(eta, shares, zero).sum() + family.normaliser(successes)(zero)[0]
    assert ours == pytest.approx(stats.binom.logpmf(successes, trials, special.expit(eta)).sum(), abs=1e-9)
    below, at = family.cumulative(successes, trials * special.expit(eta), {})
    np.testing.assert_allclose(at - below, stats.binom.pmf(successes, trials, special.expit(eta)), atol=1e-12)
    np.testing.assert_allclose(family.variance(trials * special.expit(eta), {}), stats.binom.var(trials, special.expit(eta)))


def test_the_mean_over_normal_log_odds_is_the_integral():
    eta, variance = np.array([-4.0, -0.5, 2.0]), np.array([0.0, 1.0, 4.0])
    grid = np.linspace(-12.0, 12.0, 20001)
    by_hand = [np.trapezoid(special.expit(e + np.sqrt(v) * grid) * stats.norm.pdf(grid), grid) for e, v in zip(eta, variance, strict=True)]
    np.testing.assert_allclose(LOGIT.averaged(eta, variance), by_hand, rtol=1e-8)


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
    assert rows(0.0, inner)[0] == pytest.approx(family.log_likelihoods(eta, y, inner).sum(), abs=1e-10)
    by_eta, shapes = family.derivatives(eta, y, inner)
    np.testing.assert_allclose((weight_up - weight_down) / (2 * h), by_eta, rtol=1e-6, atol=1e-8)
    normaliser = family.normaliser(y)
    for s, derivative in enumerate(shapes):
        (up, score_up, weight_up), (down, score_down, weight_down) = (
            rows(0.0, inner + sign * h * np.eye(len(inner))[s]) for sign in (1, -1)
        )
        assert (up - down) / (2 * h) == pytest.approx(derivative.value, rel=1e-7)
        up, down = (family.log_likelihoods(eta, y, inner + sign * h * np.eye(len(inner))[s]) for sign in (1, -1))
        np.testing.assert_allclose((up - down) / (2 * h), derivative.each, rtol=1e-6, atol=1e-8)
        (score_up, weight_up), (score_down, weight_down) = (rows(0.0, inner + sign * h * np.eye(len(inner))[s])[1:] for sign in (1, -1))
        np.testing.assert_allclose((score_up - score_down) / (2 * h), derivative.score, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose((weight_up - weight_down) / (2 * h), derivative.weight, rtol=1e-6, atol=1e-8)
        up, down = (normaliser(inner + sign * h * np.eye(len(inner))[s])[0] for sign in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(normaliser(inner)[1][s], rel=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_weight_counts_a_row_as_often_as_it_says(responses, name):
    eta, y, inner, family = responses[0], responses[1][name], INNER[name], FAMILIES[name]
    times = np.random.default_rng(5).integers(1, 4, len(eta))
    weighted, again = Weighted(family), np.repeat(np.arange(len(eta)), times)
    both = np.column_stack([y, times.astype(np.float64)])
    score, weight, whole_score, whole_weight = np.empty_like(eta), np.empty_like(eta), np.empty(len(again)), np.empty(len(again))
    value = weighted.rows(eta, both, inner, score, weight)
    assert value == pytest.approx(family.rows(eta[again], y[again], inner, whole_score, whole_weight), rel=1e-12)
    for ours, theirs in ((score, whole_score), (weight, whole_weight)):
        np.testing.assert_allclose(ours, np.bincount(again, weights=theirs), rtol=1e-10, atol=1e-12)
    by_eta, shapes = weighted.derivatives(eta, both, inner)
    whole_by_eta, whole_shapes = family.derivatives(eta[again], y[again], inner)
    np.testing.assert_allclose(by_eta, np.bincount(again, weights=whole_by_eta), rtol=1e-10, atol=1e-12)
    assert [one.value for one in shapes] == pytest.approx([one.value for one in whole_shapes], rel=1e-10)
    ours, theirs = family.normaliser(y, times.astype(np.float64))(inner), family.normaliser(y[again])(inner)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-12)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_called_concave_is_and_what_is_not_has_a_bound_below_it(name):
    family, inner = FAMILIES[name], INNER[name]
    eta, y = (part.ravel() for part in np.meshgrid(np.linspace(-6.0, 4.0, 81), [0.0, 1.0] if name == "binomial" else [0.0, 1.0, 7.0, 30.0]))
    eta, y = (eta[y > 0], y[y > 0]) if family.positive else (eta, y)
    score, weight = np.empty_like(eta), np.empty_like(eta)
    family.rows(eta, y, inner, score, weight)
    assert family.concave == (weight > -1e-12).all()
    if family.concave:
        return
    assert isinstance(family, Bounded)
    assert (family.bound(eta, y, inner) >= np.maximum(weight, 0.0) - 1e-9).all()
    assert (family.bound(eta, y, inner) > 0).all()


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
    with pytest.raises(
        ValueError, match=r"family .beta. is unknown\. There are poisson, negative_binomial, nb1, zero_inflated_poisson, .* binomial"
    ):
        family_named("beta")


def test_a_tweedie_response_of_countless_jumps_is_refused():
    with pytest.raises(ValueError, match=r"sums of up to .* jumps"):
        FAMILIES["tweedie"].normaliser(np.array([1.0, 2.0]))(np.array([-18.0, 0.0]))
