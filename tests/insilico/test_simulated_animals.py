"""Measurements on the simulated truth, which knows nothing of them, give what was planted there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from graphtwin.insilico.measurements import (
    NoiseConfig,
    fit_directions,
    fit_fields,
    measure_adaptation,
    measure_noise_maps,
    measure_state_dependence,
    measure_tuning,
)
from graphtwin.insilico.measurements.gratings import GratingConfig
from graphtwin.synthetic.function import SimulatedTruth, TuningConfig, draw_tuning, simulated_truth
from tests.synthetic.planted_neurons import planted_neurons, planted_units

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def truth() -> SimulatedTruth:
    neurons = planted_neurons(100)
    neurons[["rf_x", "rf_y"]] *= 0.7  # away from the border, so that all of a field is on the screen
    return simulated_truth("animal-0", planted_units(neurons), draw_tuning(neurons, TuningConfig(), seed=0, animal=1).table)


def test_nine_of_ten_fields_lie_within_two_degrees_of_where_they_were_planted(truth: SimulatedTruth):
    found = fit_fields(measure_noise_maps(truth, "average", NoiseConfig()))
    down, across = truth.monitor.degrees_a_pixel(*truth.size)
    x, y = truth.planted["rf_x"] * truth.size[1] / 2 * across, truth.planted["rf_y"] * truth.size[0] / 2 * down
    apart = np.hypot(found["field_x_deg"] - x, found["field_y_deg"] - y)
    assert (apart < 2).mean() >= 0.9, apart.round(2).to_list()


def test_orientations_are_within_five_degrees_and_directions_too_where_one_is_preferred(truth: SimulatedTruth):
    tuned = measure_tuning([truth], GratingConfig(cycles_per_degree=(0.045,), cycles_per_second=(2.0,)))
    curves = tuned[[column for column in tuned if column.startswith("direction_")]].to_numpy()
    found = fit_directions(curves[:, None], np.arange(16) * 22.5)
    away = (found["orientation_deg"] - truth.planted["direction_deg"] + 90) % 180 - 90
    assert (away.abs() < 5).mean() >= 0.9
    selective = truth.planted["dsi"] > 0.25
    opposite = (found["direction_deg"] - truth.planted["direction_deg"] + 180) % 360 - 180
    assert (opposite.abs() < 5)[selective].mean() >= 0.9
    assert selective.sum() > 50


def test_answers_decay_the_more_and_the_faster_the_stronger_planted_adaptation_is(truth: SimulatedTruth):
    """Adaptation divides by 1 + a L, L the leaky mean of the answer over 1 s: divided answers come to rest sooner than L."""
    found = measure_adaptation(truth)
    known = found["adaptation_tau_s"].notna()
    assert known.mean() > 0.8
    assert found["adaptation_tau_s"][known].between(0.3, 1.0).all()
    assert spearmanr(found["adaptation_index"], truth.planted["adaptation"])[0] > 0.7
    assert spearmanr(found["adaptation_tau_s"][known], truth.planted["adaptation"][known])[0] < -0.7


def test_the_planted_gain_of_running_is_found_in_every_unit(truth: SimulatedTruth):
    found = measure_state_dependence(truth, {"running": 0.0}, {"running": 15.0})
    planted = np.exp(truth.planted["running_weight"] * 2 * np.tanh(1.0))
    np.testing.assert_allclose(found["gain"], planted, rtol=1e-3)
    assert found["orientation_change_deg"].abs().max() < 0.1
