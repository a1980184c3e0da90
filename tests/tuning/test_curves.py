import numpy as np
import pandas as pd
import pytest

from graphtwin.tuning.curves import VonMises, describe_tuning, direction_degrees, fit_von_mises, tuning_features
from tests.tuning.planted import DEGREES, planted_responses


def test_a_cosine_of_orientation_has_its_amplitude_as_gosi():
    responses = (1.0 + 0.6 * np.cos(2 * np.radians(DEGREES - 45.0)))[None, :]
    tuning = describe_tuning(responses, DEGREES).iloc[0]
    assert tuning["gosi"] == pytest.approx(0.3)
    assert tuning["gdsi"] == pytest.approx(0.0, abs=1e-12)
    assert tuning["osi"] == pytest.approx(0.6)
    assert tuning["preferred_orientation"] == pytest.approx(45.0)


def test_a_response_to_one_direction_is_fully_selective_and_sparse():
    tuning = describe_tuning(np.eye(16)[[4]], DEGREES).iloc[0]
    assert tuning[["osi", "dsi", "gosi", "gdsi", "sparseness"]].to_numpy(float) == pytest.approx(np.ones(5))
    assert tuning["preferred_direction"] == pytest.approx(90.0)
    assert tuning["entropy"] == pytest.approx(0.0, abs=1e-9)


def test_rotating_the_stimuli_moves_the_preferred_angles_alone():
    responses, _ = planted_responses(50, seed=21)
    straight, rotated = describe_tuning(responses, DEGREES), describe_tuning(np.roll(responses, 2, axis=1), DEGREES)
    shape = [name for name in straight if not name.startswith("preferred")]
    np.testing.assert_allclose(rotated[shape], straight[shape], rtol=1e-9)
    moved = (rotated["preferred_orientation"] - straight["preferred_orientation"]) % 180.0
    np.testing.assert_allclose(moved, 45.0, atol=1e-6)


def test_planted_von_mises_curves_are_recovered():
    rng = np.random.default_rng(22)
    heights = rng.uniform(2, 5, 200)
    truth = VonMises(
        rng.uniform(0.1, 1, 200), heights, heights * rng.uniform(0, 0.8, 200), rng.uniform(0, 360, 200), rng.uniform(0.8, 5, 200)
    )
    fit = fit_von_mises(truth.response(DEGREES), DEGREES)
    off = np.abs((fit.mu - truth.mu + 180) % 360 - 180)
    assert np.quantile(off, 0.95) < 0.5  # degrees
    error = np.abs(fit.response(DEGREES) - truth.response(DEGREES)).max(1)
    assert np.quantile(error, 0.95) < 0.05  # heights stop at the tallest response seen, so a peak between directions can be cut


def test_a_von_mises_curve_never_looks_at_a_hidden_direction():
    responses, _ = planted_responses(60, seed=23)
    seen = np.random.default_rng(0).random(responses.shape) > 0.25
    spoiled = np.where(seen, responses, 1e6)
    np.testing.assert_array_equal(
        fit_von_mises(responses, DEGREES, seen).response(DEGREES), fit_von_mises(spoiled, DEGREES, seen).response(DEGREES)
    )


def test_directions_that_leave_a_gap_are_refused():
    with pytest.raises(ValueError, match=r"3 directions.*evenly spaced"):
        direction_degrees(["direction_000_0", "direction_022_5", "direction_045_0"])


def test_tuning_is_alike_where_direction_frequency_and_kind_of_cell_are_and_no_unit_of_measure_matters():
    tuning = pd.DataFrame(
        {
            "gdsi": [0.5, 0.5, 0.1, 0.5],
            "preferred_direction": [359.0, 1.0, 180.0, 90.0],
            "gosi": [0.6, 0.6, 0.3, 0.6],
            "preferred_orientation": [179.0, 1.0, 90.0, 90.0],
            "spatial_frequency_cpd": [0.04, 0.041, 0.06, 0.03],
            "temporal_frequency_hz": [2.0, 2.1, 3.0, 1.5],
            "f1_f0": [0.3, 0.35, 1.5, 0.9],
        }
    )
    vectors = tuning_features(tuning)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    assert cosines[0, 1] > 0.9
    assert cosines[0, 2:].max() < 0.2
    lacking = tuning.assign(f1_f0=[*tuning["f1_f0"][:3], np.nan])
    assert np.isnan(tuning_features(lacking)).all(axis=1).tolist() == [False, False, False, True]
    other = tuning.assign(f1_f0=7 * tuning["f1_f0"], spatial_frequency_cpd=9 * tuning["spatial_frequency_cpd"])
    np.testing.assert_allclose(tuning_features(other), vectors, atol=1e-9)
