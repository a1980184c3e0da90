import numpy as np
import pytest

from graphtwin.twin.population.latent_model import predict_means
from graphtwin.twin.population.noise_correlations import (
    compare_noise_correlations,
    measured_noise_correlations,
    predicted_noise_correlations,
    repeat_residuals,
)
from tests.twin.planted_population import planted_population, sample_responses

pytestmark = pytest.mark.slow


PAIRS = np.triu_indices(40, 1)


@pytest.mark.parametrize("kind", ["zero_inflated", "continuous", "counts"])
def test_predicted_noise_correlations_are_those_of_the_models_own_samples(fitted_populations, kind):
    model, data = fitted_populations[kind], planted_population(4000, 40, 2, kind, seed=1)
    residuals = sample_responses(model, data.predicted, seed=0) - predict_means(model, data.predicted).response
    expected, found = predicted_noise_correlations(model, data.predicted[:500]), measured_noise_correlations(residuals)
    off = (found - expected)[PAIRS]
    assert np.abs(off).mean() < 0.02  # 1 / sqrt(4000) is 0.016
    assert (found * expected)[PAIRS].sum() / (expected**2)[PAIRS].sum() == pytest.approx(1.0, abs=0.07)


def test_responses_correlate_less_than_their_latent_values(fitted_populations):
    model = fitted_populations["zero_inflated"]
    shared = model.loadings.shared.numpy()
    responses = predicted_noise_correlations(model, planted_population(200, 40, 2, "zero_inflated", seed=1).predicted)
    assert (np.abs(responses) <= np.abs(shared @ shared.T) + 1e-6)[PAIRS].all()


def test_repeats_give_the_planted_correlation_whatever_their_number():
    rng = np.random.default_rng(0)
    stimulus = np.repeat(np.arange(900), rng.integers(1, 5, 900))
    signal = 3 * rng.normal(size=(900, 1)) * np.ones((1, 3))
    noise = rng.multivariate_normal(np.zeros(3), [[1, 0.5, 0], [0.5, 1, -0.3], [0, -0.3, 1]], len(stimulus))
    residuals = repeat_residuals(signal[stimulus] + noise, stimulus)
    np.testing.assert_array_equal(np.isnan(residuals[:, 0]), np.bincount(stimulus)[stimulus] == 1)
    found = measured_noise_correlations(residuals)
    np.testing.assert_allclose(found[np.triu_indices(3, 1)], [0.5, 0.0, -0.3], atol=0.08)
    assert np.nanvar(residuals, axis=0) == pytest.approx(np.ones(3), abs=0.12)


def test_a_perfect_prediction_reaches_its_ceiling():
    rng = np.random.default_rng(1)
    loadings = rng.uniform(-0.6, 0.6, (60, 2))
    truth = loadings @ loadings.T + np.diag(1 - (loadings**2).sum(1))
    residuals = rng.multivariate_normal(np.zeros(60), truth, 400)
    agreement = compare_noise_correlations(truth, residuals)
    assert agreement.n_pairs == 60 * 59 // 2
    assert agreement.r == pytest.approx(agreement.ceiling, abs=0.04)
    assert agreement.slope == pytest.approx(1.0, abs=0.1)


def test_a_prediction_of_none_claims_no_agreement():
    agreement = compare_noise_correlations(np.eye(20), np.random.default_rng(2).normal(size=(300, 20)))
    assert np.isnan(agreement.r)
    assert np.isnan(agreement.slope)
