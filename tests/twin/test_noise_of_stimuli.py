"""Noise correlations given stimuli are those that were planted, and none where nothing is shared or a unit never fires."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.twin.population import expected_noise
from graphtwin.twin.population.noise_correlations import measured_noise_correlations, repeat_residuals
from graphtwin.twin.population.recorded import RecordedPopulation
from tests.twin.planted_population import planted_population, quick_config

pytestmark = pytest.mark.slow
UNITS = 24


def recorded(n_latents: int, seed: int = 1) -> RecordedPopulation:
    planted = planted_population(3000, UNITS, n_latents, "continuous", seed)
    number = np.arange(3000)
    return RecordedPopulation(planted.predicted, planted.responses, number // 20, number)


def test_planted_shared_noise_is_expected_of_stimuli_that_were_never_shown_and_silent_units_have_none():
    """The truth is measured: 500 stimuli of another draw, each shown 8 times to the planted population."""
    train = recorded(2)
    train.responses[:, 5] = 0.0
    shown = planted_population(4000, UNITS, 2, "continuous", seed=2, repeats=8)
    found = expected_noise(train, shown.predicted[::8], quick_config("continuous"))
    assert found.n_latents == 2
    assert np.isnan(found.correlations[5]).all()
    known = np.delete(np.arange(UNITS), 5)
    pairs = np.triu_indices(len(known), 1)
    truth = measured_noise_correlations(repeat_residuals(shown.responses, np.arange(4000) // 8))[np.ix_(known, known)][pairs]
    expected = found.correlations[np.ix_(known, known)][pairs]
    assert np.corrcoef(expected, truth)[0, 1] > 0.97
    assert (expected * truth).sum() / (expected**2).sum() == pytest.approx(1.0, abs=0.1)


def test_units_that_share_nothing_have_no_noise_correlation_rather_than_a_small_one():
    found = expected_noise(recorded(0), recorded(0, seed=2).predicted, quick_config("continuous"))
    assert found.n_latents == 0
    assert np.isnan(found.correlations[~np.eye(UNITS, dtype=bool)]).all()
    assert (np.diag(found.correlations) == 1).all()


def test_a_population_too_small_to_share_anything_is_refused():
    train = recorded(2).of_units(np.arange(3))
    with pytest.raises(ValueError, match="3 of 3 units fire in the training trials; noise that units share needs 4 at least"):
        expected_noise(train, train.predicted, quick_config("continuous"))
