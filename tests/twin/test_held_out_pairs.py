from dataclasses import dataclass

import numpy as np
import pytest

from graphtwin.twin.population.held_out_pairs import halves_apart
from graphtwin.twin.population.latent_fit import fit_population
from graphtwin.twin.population.latent_model import PopulationConfig, predict_means
from graphtwin.twin.population.noise_correlations import (
    Agreement,
    compare_noise_correlations,
    predicted_noise_correlations,
    repeat_residuals,
)
from tests.twin.planted_population import planted_population, quick_config

pytestmark = pytest.mark.slow


TEST = np.arange(1500) >= 1000


@dataclass(frozen=True)
class Found:
    """Agreement on test samples of all pairs, and of the pairs of each half, whose loadings were fitted to latents of the other half."""

    trials: Agreement
    pairs: list[Agreement]

    @property
    def held_out_r(self) -> float:
        return float(np.mean([half.r for half in self.pairs]))


def held_out(x: np.ndarray, y: np.ndarray, config: PopulationConfig, stimulus: np.ndarray | None = None) -> Found:
    """Fit on training samples; noise is measured off repeats of a stimulus, or where there are none off the prediction."""
    model = fit_population(x[~TEST], y[~TEST], config, 0)
    residuals = y[TEST] - predict_means(model, x[TEST]).response if stimulus is None else repeat_residuals(y[TEST], stimulus[TEST])
    pairs = [
        compare_noise_correlations(predicted_noise_correlations(apart, x[TEST][:, half]), residuals[:, half])
        for half, apart in halves_apart(model, x[~TEST], y[~TEST], 0)
    ]
    return Found(compare_noise_correlations(predicted_noise_correlations(model, x[TEST]), residuals), pairs)


@pytest.mark.parametrize("kind", ["zero_inflated", "counts"])
def test_noise_correlations_of_pairs_never_fitted_together_are_predicted_up_to_the_ceiling(kind):
    data = planted_population(1500, 40, 2, kind, seed=6)
    found = held_out(data.predicted, data.responses, quick_config(kind))
    assert found.held_out_r > 0.5
    for half in found.pairs:
        assert half.n_pairs == 20 * 19 // 2
        assert half.r > half.ceiling - 0.06
        assert half.slope == pytest.approx(1.0, abs=0.25)
    assert found.trials.r > found.trials.ceiling - 0.06


def test_a_shared_gain_of_poisson_neurons_is_predicted_though_it_is_no_latent_normal():
    rng, n_units = np.random.default_rng(7), 30
    rate = np.exp(rng.uniform(-0.5, 0.5, n_units) + 0.5 * np.repeat(rng.standard_normal((300, n_units)), 5, axis=0))
    log_gain = rng.standard_normal((1500, 1)) * (0.3 + 0.3 * rng.standard_normal(n_units))
    responses = rng.poisson(rate * np.exp(log_gain)).astype(float)
    found = held_out(rate, responses, quick_config("counts"), np.arange(1500) // 5)
    assert found.held_out_r > 0.5
    assert found.trials.r > found.trials.ceiling - 0.1
    assert 0.8 < found.trials.slope < 1.5


def test_independent_noise_claims_no_correlation():
    data = planted_population(1500, 30, 0, "zero_inflated", seed=8)
    found = held_out(data.predicted, data.responses, quick_config("zero_inflated"))
    assert np.isnan(found.trials.r)
    assert np.isnan(found.held_out_r)
