"""Neurons predicted by features: known correlations, and features that carry the answer."""

from __future__ import annotations

import numpy as np

from graphtwin.robustness import features_of, median_correlation, predicted_responses


def test_the_median_is_over_units_that_change_and_a_constant_prediction_has_0():
    rng = np.random.default_rng(0)
    measured = rng.standard_normal((300, 3))
    predicted = np.stack([measured[:, 0], -measured[:, 1], measured[:, 2] + rng.standard_normal(300)], axis=1)
    assert np.isclose(median_correlation(measured, predicted), np.corrcoef(measured[:, 2], predicted[:, 2])[0, 1])
    still = np.c_[measured, np.full((300, 4), 2.0)]
    assert np.isclose(median_correlation(still, np.c_[predicted, np.zeros((300, 4))]), median_correlation(measured, predicted))
    assert median_correlation(measured, np.ones((300, 3))) == 0
    assert np.isnan(median_correlation(np.ones((300, 3)), predicted))


def test_responses_linear_in_pixels_are_predicted_from_pixels_also_where_pictures_change():
    rng = np.random.default_rng(0)
    pictures = rng.random((260, 8, 8)).astype(np.float32)
    pictures[:, 0] = 0.5  # pixels that never change
    weights = rng.standard_normal((64, 5))
    responses = features_of(None, pictures) @ weights
    brighter = pictures[200:] + 0.2
    found = predicted_responses(
        features_of(None, pictures[:200]), responses[:200], features_of(None, pictures[200:]), features_of(None, brighter)
    )
    assert median_correlation(responses[200:], found[0]) > 0.99
    assert median_correlation(features_of(None, brighter) @ weights, found[1]) > 0.99
