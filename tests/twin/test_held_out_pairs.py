import numpy as np
import pytest

from graphtwin.twin.held_out_pairs import held_out_noise_correlations
from graphtwin.twin.population import PopulationConfig
from tests.twin.planted_population import planted_population

TEST = np.arange(1500) >= 1000


@pytest.mark.parametrize("kind", ["zero_inflated", "counts"])
def test_noise_correlations_of_pairs_never_fitted_together_are_predicted_up_to_the_ceiling(kind):
    data = planted_population(1500, 40, 2, kind, seed=6)
    found = held_out_noise_correlations(data.predicted, data.responses, TEST, PopulationConfig(kind=kind), seed=0)
    assert found.held_out_noise_correlation_r > 0.5
    for half in found.pairs:
        assert half.n_pairs == 20 * 19 // 2
        assert half.r > half.ceiling - 0.06
        assert half.slope == pytest.approx(1.0, abs=0.25)
    assert found.trials.r > found.trials.ceiling - 0.06


def test_repeats_measure_the_same_correlations():
    data = planted_population(1500, 30, 2, "counts", seed=7, repeats=5)
    stimulus = np.arange(1500) // 5
    config = PopulationConfig(kind="counts")
    found = held_out_noise_correlations(data.predicted, data.responses, TEST, config, seed=0, stimulus=stimulus)
    assert found.trials.r > found.trials.ceiling - 0.06
    assert found.trials.slope == pytest.approx(1.0, abs=0.2)


def test_independent_noise_claims_no_correlation():
    data = planted_population(1500, 30, 0, "zero_inflated", seed=8)
    found = held_out_noise_correlations(data.predicted, data.responses, TEST, PopulationConfig(), seed=0)
    assert np.isnan(found.trials.r)
    assert np.isnan(found.held_out_noise_correlation_r)
