"""What classifiers are drawn to: similarities with known answers, and controls that keep all but what was seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphtwin.robustness import RobustConfig, teachers
from graphtwin.robustness.teachers import principal, similarity, standardised


def some(n: int = 40, units: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.gamma(2.0, size=(n, units)), rng.random((n, 8, 8)).astype(np.float32)


def test_similarity_is_the_correlation_over_units():
    responses, _ = some()
    rows = standardised(responses, "a population")
    np.testing.assert_allclose(similarity(torch.from_numpy(rows)).numpy(), np.corrcoef(rows), atol=1e-5)
    np.testing.assert_allclose(rows, (responses - responses.mean(0)) / responses.std(0), atol=1e-5)


def test_shuffled_responses_are_the_same_rows_of_other_pictures():
    responses, pictures = some()
    found = teachers(responses, None, pictures, RobustConfig())
    order = [int(np.argmin(np.abs(found["twin"] - row).sum(1))) for row in found["shuffled"]]
    assert sorted(order) == list(range(len(responses)))
    assert order != sorted(order)
    np.testing.assert_allclose(found["twin"][order], found["shuffled"], atol=1e-6)


def test_low_passed_pixels_lack_what_changes_fast():
    fast = np.indices((8, 8)).sum(0) % 2 - 0.5
    slow = np.linspace(-0.5, 0.5, 8)[:, None].repeat(8, 1)
    weight = np.random.default_rng(0).standard_normal((40, 2))
    pictures = (0.5 + 0.1 * (weight[:, :1, None] * fast + weight[:, 1:, None] * slow)).astype(np.float32)
    found = teachers(some()[0], None, pictures, RobustConfig())
    of = {name: np.abs(np.corrcoef(found[name].T, weight.T)[-2:, :-2]).mean(1) for name in ("pixels", "low-passed pixels")}
    assert of["pixels"][0] > 0.6  # checks
    assert of["low-passed pixels"][0] < 0.3
    assert of["low-passed pixels"][1] > 0.8  # slope


def test_an_untrained_twin_where_none_is_given_has_as_many_units_and_sees_the_pictures():
    responses, pictures = some()
    found = teachers(responses, None, pictures, RobustConfig())["untrained"]
    again = teachers(responses, None, pictures, RobustConfig())["untrained"]
    assert found.shape == responses.shape
    np.testing.assert_array_equal(found, again)
    other = teachers(responses, None, pictures[::-1].copy(), RobustConfig())["untrained"]
    np.testing.assert_allclose(other[::-1], found, atol=1e-4)


def test_units_that_answer_all_pictures_alike_are_left_out_and_too_few_are_refused(caplog):
    responses, pictures = some()
    responses[:, 3:] = 5.0
    caplog.set_level("INFO", logger="graphtwin")
    assert teachers(responses, None, pictures, RobustConfig())["twin"].shape[1] == 3
    assert "9 of 12 units answer all pictures alike" in caplog.text
    responses[:, 1:] = 5.0
    with pytest.raises(ValueError, match="1 of 12 units answer differently to different pictures, and two are needed"):
        teachers(responses, None, pictures, RobustConfig())
    responses[4, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 40 rows have NaN"):
        teachers(responses, None, pictures, RobustConfig())


def test_a_code_is_scaled_alike_whatever_it_is_of():
    responses, pictures = some()
    found = teachers(responses, None, pictures, RobustConfig())
    for rows in found.values():
        code = principal(rows, 5)
        assert code.shape == (40, 5)
        assert np.isclose(np.square(code).mean(), 1, atol=1e-4)
        gram = code.T @ code
        assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-3 * gram.max()
