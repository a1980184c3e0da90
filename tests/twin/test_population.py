import numpy as np
import pytest
from scipy.signal import lfilter

from graphtwin.twin.population.latent_fit import fit_population
from graphtwin.twin.population.latent_model import (
    PopulationConfig,
    PopulationModel,
    conditional,
    log_likelihood,
    marginal_log_likelihood,
    predict_means,
)
from tests.twin.planted_population import planted_population, quick_config, sample_responses

pytestmark = pytest.mark.slow


QUICK = quick_config("zero_inflated")
KINDS = ["zero_inflated", "continuous", "counts"]


def likelihoods(model: PopulationModel, predicted: np.ndarray, responses: np.ndarray) -> tuple[float, float, float]:
    """Log-likelihood of a constant, of units alone given their prediction, and of the population together."""
    constant = marginal_log_likelihood(model.intercept, np.zeros_like(predicted), responses)
    alone = marginal_log_likelihood(model.marginals, predicted, responses)
    return float(constant.sum()), float(alone.sum()), float(log_likelihood(model, predicted, responses).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_add_bits_to_a_constant_and_latents_to_the_predictions(fitted_populations, kind):
    model, test = fitted_populations[kind], planted_population(600, 40, 2, kind, seed=1)
    constant, alone, together = likelihoods(model, test.predicted, test.responses)
    assert model.loadings.shared.shape[1] == 2
    assert constant < alone < together


def test_the_planted_latent_correlations_are_recovered(fitted_populations):
    for kind in KINDS:
        shared, true = fitted_populations[kind].loadings.shared.numpy(), planted_population(1, 40, 2, kind, seed=1).loadings
        pairs = np.triu_indices(40, 1)
        found, expected = (shared @ shared.T)[pairs], (true @ true.T)[pairs]
        assert np.corrcoef(found, expected)[0, 1] > 0.98, kind
        assert (found * expected).sum() / (expected**2).sum() == pytest.approx(1.0, abs=0.1), kind


def test_without_shared_noise_no_latent_is_found_and_nothing_is_gained():
    for seed in range(3):
        train = planted_population(600, 30, 0, "zero_inflated", seed)
        model = fit_population(train.predicted[:500], train.responses[:500], QUICK, seed)
        assert model.loadings.shared.shape[1] == 0
        predicted, responses = train.predicted[500:], train.responses[500:]
        given, alone = conditional(model, predicted, responses), predict_means(model, predicted)
        np.testing.assert_array_equal(given.response, alone.response)
        _, marginal, joint = likelihoods(model, predicted, responses)
        assert joint == pytest.approx(marginal)


def test_noise_that_lasts_but_is_not_shared_is_not_taken_for_a_latent():
    """Slow noise of independent units correlates by chance, and more than the number of samples suggests."""
    claimed = 0
    for seed in range(6):
        draws = np.random.default_rng(seed).standard_normal((2000, 20))
        noise = lfilter([np.sqrt(1 - 0.98**2)], [1, -0.98], draws, axis=0)[500:]
        claimed += fit_population(np.zeros_like(noise), noise, quick_config("continuous"), seed).loadings.shared.shape[1] > 0
    assert claimed <= 1  # 1 of 20 is expected at most; without copies shifted in time it is 3 of these 6


def test_the_order_of_units_changes_nothing():
    data, order = planted_population(500, 25, 1, "zero_inflated", seed=2), np.random.default_rng(0).permutation(25)
    straight = fit_population(data.predicted, data.responses, QUICK, seed=0)
    shuffled = fit_population(data.predicted[:, order], data.responses[:, order], QUICK, seed=0)
    a, b = (model.loadings.shared.numpy() for model in (straight, shuffled))
    np.testing.assert_allclose((a @ a.T)[np.ix_(order, order)], b @ b.T, atol=2e-3)
    np.testing.assert_allclose(
        log_likelihood(straight, data.predicted[:50], data.responses[:50]),
        log_likelihood(shuffled, data.predicted[:50, order], data.responses[:50, order]),
        rtol=1e-3,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_known_units_predict_the_others_better_than_nothing_does(fitted_populations, kind):
    model, test = fitted_populations[kind], planted_population(400, 40, 2, kind, seed=1)
    known = test.responses.copy()
    known[:, 20:] = np.nan
    given, alone = (conditional(model, test.predicted, part, test.responses) for part in (known, np.full(known.shape, np.nan)))
    y = test.responses[:, 20:]
    correlation = [[np.corrcoef(mean, seen)[0, 1] for mean, seen in zip(of.response[:, 20:].T, y.T, strict=True)] for of in (given, alone)]
    gains = np.subtract(*correlation)
    assert (gains > -0.03).all()
    assert gains.mean() > 0.08
    assert given.log_density[:, 20:].mean() > alone.log_density[:, 20:].mean() + 0.02
    np.testing.assert_allclose(alone.log_density, marginal_log_likelihood(model.marginals, test.predicted, test.responses), atol=1e-9)
    assert (given.sd < alone.sd).all()


def test_a_missing_response_counts_as_a_unit_that_is_not_there(fitted_populations):
    model, test = fitted_populations["zero_inflated"], planted_population(50, 40, 2, "zero_inflated", seed=1)
    holes = test.responses.copy()
    holes[:, 7] = np.nan
    rest = np.delete(np.arange(40), 7)
    np.testing.assert_allclose(
        log_likelihood(model, test.predicted, holes),
        log_likelihood(model.of_units(rest), test.predicted[:, rest], test.responses[:, rest]),
        rtol=1e-9,
    )


def test_a_fit_goes_round_holes_in_the_responses():
    data, rng = planted_population(800, 25, 1, "zero_inflated", seed=3), np.random.default_rng(0)
    holes = np.where(rng.random(data.responses.shape) < 0.2, np.nan, data.responses)
    shared = fit_population(data.predicted, holes, QUICK, seed=0).loadings.shared.numpy()
    pairs = np.triu_indices(25, 1)
    assert np.corrcoef((shared @ shared.T)[pairs], (data.loadings @ data.loadings.T)[pairs])[0, 1] > 0.95


def test_a_state_that_lasts_a_trial_is_worth_more_when_trials_are_known():
    trials, kind = np.repeat(np.arange(120), 10), "zero_inflated"
    data = planted_population(1200, 20, 1, kind, seed=4, trial_length=10)
    train = slice(0, 900)
    together = fit_population(data.predicted[train], data.responses[train], QUICK, 0, trials[train])
    test = slice(900, 1200)
    apart = log_likelihood(together, data.predicted[test], data.responses[test]).sum()
    joined = log_likelihood(together, data.predicted[test], data.responses[test], trials[test])
    assert joined.shape == (30,)
    assert joined.sum() - apart > 0.1 * 300  # nats
    shared = together.loadings.shared.numpy()
    pairs = np.triu_indices(20, 1)
    assert np.corrcoef((shared @ shared.T)[pairs], (data.loadings @ data.loadings.T)[pairs])[0, 1] > 0.95


def test_samples_have_the_spike_and_the_moments_of_the_model(fitted_populations):
    model, test = fitted_populations["zero_inflated"], planted_population(2000, 40, 2, "zero_inflated", seed=1)
    drawn = sample_responses(model, test.predicted, seed=0)
    in_spike = np.exp(marginal_log_likelihood(model.marginals, test.predicted, np.zeros(drawn.shape))) * 0.02
    error = np.sqrt((in_spike * (1 - in_spike)).mean(0) / 2000)
    np.testing.assert_allclose(((drawn <= 0.02).mean(0) - in_spike.mean(0)) / error, 0, atol=4)
    assert np.abs(in_spike.mean(0) - (1 - test.active).mean(0)).mean() < 0.02
    np.testing.assert_allclose(
        (drawn.mean(0) - predict_means(model, test.predicted).response.mean(0)) / drawn.std(0), 0, atol=4 / np.sqrt(2000)
    )
    assert np.array_equal(drawn, sample_responses(model, test.predicted, seed=0))


def broken(place: tuple[int, int], value: float) -> tuple[np.ndarray, np.ndarray]:
    data = planted_population(60, 5, 1, "counts", seed=5)
    responses = data.responses.copy()
    responses[place] = value
    return data.predicted, responses


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (
            "counts",
            np.inf,
            r"1 of 300 responses are infinite, in 1 of 5 units; .* sample 3, unit number 2 \(id 102\)\. Set them to NaN",
        ),
        ("counts", -1.0, r"1 of 300 responses are negative.*continuous"),
        ("counts", 0.5, r"1 of 300 responses are no whole numbers.*zero_inflated"),
    ],
)
def test_impossible_responses_are_refused_in_words(kind, value, words):
    predicted, responses = broken((3, 2), value)
    with pytest.raises(ValueError, match=words):
        fit_population(predicted, responses, PopulationConfig(kind=kind), 0, unit_ids=np.arange(100, 105))


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_that_never_fires_is_refused_with_its_number_and_id(kind):
    data = planted_population(60, 5, 1, kind, seed=5)
    responses = data.responses.copy()
    responses[:, 3] = 0.0
    with pytest.raises(ValueError, match=r"1 of 5 units never fire in 60 samples: number 3 \(id 103\)\. .*leave these units out"):
        fit_population(data.predicted, responses, PopulationConfig(kind=kind), 0, unit_ids=np.arange(100, 105))


def test_missing_predictions_and_too_few_trials_are_refused():
    data = planted_population(60, 5, 1, "counts", seed=5)
    predicted = data.predicted.copy()
    predicted[0, 1] = np.nan
    with pytest.raises(ValueError, match=r"1 of 300 predicted means are NaN or infinite.*unit number 1"):
        fit_population(predicted, data.responses, PopulationConfig(kind="counts"), 0)
    with pytest.raises(ValueError, match=r"1 trial.*at least 2"):
        fit_population(data.predicted, data.responses, PopulationConfig(kind="counts"), 0, trials=np.zeros(60, np.int64))


def test_a_unit_that_fires_once_is_fitted_whichever_trials_stop_the_fit():
    data = planted_population(400, 10, 1, "zero_inflated", seed=9)
    for sample_ in range(10, 400, 80):  # somewhere among those that are fitted, or those that stop the fit
        responses = data.responses.copy()
        responses[:, 4] = np.where(np.arange(400) == sample_, 1.0, 0.0)
        model = fit_population(data.predicted, responses, QUICK, seed=0)
        assert np.isfinite(marginal_log_likelihood(model.marginals, data.predicted, responses)).all()
        assert predict_means(model, data.predicted).response[:, 4].max() < 10.0
