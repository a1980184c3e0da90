"""Responses below 0, such as z-scores: one family for them, found in the data, and the same twin in whatever unit they are."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.sources.formats.recording import Recording
from graphtwin.training import FitConfig
from graphtwin.twin.data.clips import clips_of, held_out_clips
from graphtwin.twin.fitting.fitted_twin import fitted_of
from graphtwin.twin.fitting.foundation import FoundationConfig, Trained, train_foundation
from graphtwin.twin.model.network import AnimalHead, AnimalStart, TwinConfig
from graphtwin.twin.scores.likelihood import intercept
from graphtwin.twin.scores.prediction import predict_trials, sums_of
from graphtwin.twin.scores.unit_scores import all_scores
from tests.twin.planted_recording import plant
from tests.twin.test_picture_ridge import CONFIG, planted_pictures, recorded

UNITS, NOISE = 6, 0.5
CONFIG = CONFIG.model_copy(update={"family": None})


def answering(recording: Recording, change) -> Recording:
    """The recording with responses that are a function of row and responses."""

    def opened(row: int):
        trial = recording.open_trial(row)
        return replace(trial, responses=change(row, trial.responses).astype(np.float32))

    return replace(recording, open_trial=opened)


@pytest.fixture(scope="module")
def truth() -> tuple[np.ndarray, np.ndarray]:
    """Pictures, and true responses of variance about 1 and mean about 0 of linear units."""
    shown, rates = planted_pictures(320, UNITS)
    return shown, 2 * (rates - 1)


@pytest.fixture(scope="module")
def signed(truth: tuple[np.ndarray, np.ndarray]) -> Recording:
    shown, mean = truth
    noise = NOISE * np.random.default_rng(5).standard_normal(mean.shape)
    return answering(recorded(shown, mean.clip(0)), lambda row, _: (mean + noise)[row : row + 1])


def trained_on(recording: Recording, family: str | None = None) -> Trained:
    config = FoundationConfig(
        twin=CONFIG.model_copy(update={"family": family}),
        fit=FitConfig(epochs=1, patience=1, learning_rate=3e-3, weight_decay=0.0),
        steps=4,
    )
    return train_foundation([recording], config)


def predicted(trained: Trained, rows: slice = slice(None)) -> np.ndarray:
    """What the twin expects of test pictures, in the units of the recording."""
    clips = held_out_clips(trained.clips["still"][0], ["test"])
    found = np.concatenate([predict_trials(trained.twin, "still", window)[:, 0] for window in clips.whole()])
    return found * clips.scales.responses + clips.scales.origin


@pytest.fixture(scope="module")
def fitted(signed: Recording) -> Trained:
    return trained_on(signed)


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(one[:, unit], other[:, unit])[0, 1] for unit in range(one.shape[1])])


def test_a_linear_unit_is_found_by_the_signed_head_and_not_by_one_of_rates(truth, signed: Recording, fitted: Trained):
    held = truth[1][-40:]
    assert fitted.config.twin.family == "gaussian"
    by_head = predicted(fitted)
    assert np.median(correlation(by_head, held)) > 0.9
    rectified = trained_on(answering(signed, lambda _, y: np.maximum(y, 0)), "poisson")
    by_rate = predicted(rectified)
    assert np.median(((by_head - held) ** 2).mean(0)) < 0.5 * np.median(((by_rate - held) ** 2).mean(0))


def test_the_variance_learned_is_that_of_the_noise(truth, fitted: Trained):
    scales = fitted.clips["still"][0].scales
    missed = ((predicted(fitted) - truth[1][-40:]) ** 2).mean(0)  # what is not predicted of the signal is no better known than noise
    learned = fitted.twin.animal("still").shape[:, 0].exp().detach().numpy() * scales.responses**2
    assert learned.mean() == pytest.approx(NOISE**2 + missed.mean(), rel=0.25)


def test_the_unit_of_responses_and_a_constant_on_them_change_nothing_but_themselves(signed: Recording, fitted: Trained):
    size = 10.0 ** np.linspace(-9, 9, UNITS)
    other = trained_on(answering(signed, lambda _, y: size * (y - 3.0)))
    np.testing.assert_allclose(predicted(other) / size + 3.0, predicted(fitted), atol=2e-3)
    scores = []
    for trained in (fitted, other):
        training, _ = trained.clips["still"]
        sums = sums_of(trained.twin, held_out_clips(training, ["test"]), 0.0, training)
        scores.append(all_scores(sums, np.ones(len(sums.n))))
    for name in ("cc_abs", "bits_per_response", "binned_bits_per_response"):
        np.testing.assert_allclose(scores[0][name], scores[1][name], atol=5e-3)


def test_the_unit_of_counts_changes_nothing_but_itself():
    shown, rates = planted_pictures(120, UNITS)
    size = 10.0 ** np.linspace(-9, 9, UNITS)
    one = trained_on(recorded(shown, rates))
    other = trained_on(answering(recorded(shown, rates), lambda _, y: size * y))
    assert one.config.twin.family == "poisson"
    np.testing.assert_allclose(predicted(other) / size, predicted(one), rtol=2e-3)


def test_negative_responses_are_found_said_and_refused_under_a_family_of_counts(signed: Recording, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "graphtwin"):
        clips_of(signed)
    with pytest.raises(
        ValueError,
        match=r"still: \d+ of 1440 training responses of 6 units are negative\. The family of responses is poisson, which has none",
    ):
        trained_on(signed, "poisson")
    a_trace = clips_of(answering(signed, lambda _, y: np.maximum(y, -1e-5)))[0].scales
    assert a_trace.negative == (0, 0, 0)
    assert not a_trace.origin.any()


def test_the_family_that_the_data_chose_is_in_the_log_and_in_the_twin(signed: Recording, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "graphtwin"):
        fitted = fitted_of(trained_on(signed))
    assert "the family of responses is gaussian (still: " in caplog.text
    assert fitted.config.twin.family == "gaussian"


def test_behaviour_turns_up_what_the_stimulus_adds_and_moves_all_but_a_constant_stays():
    start = AnimalStart(np.zeros((2, 2)), np.array([0.5, -1.0]), 2, frame_rate_hz=30.0)
    animal = AnimalHead(TwinConfig(core=CONFIG.core, family="gaussian"), start)
    with torch.no_grad():
        animal.gain[:, 0], animal.shift[:, 1] = float(np.log(2)), 3.0
    modulation = torch.zeros(1, animal.gain.shape[1])
    modulation[0, 0] = 1.0
    drives = torch.tensor([[[0.7], [-1.4]]])
    torch.testing.assert_close(animal.answer(drives, modulation)[0, :, 0], torch.tensor([0.9, -1.8]))
    modulation[0, 1] = 1.0
    torch.testing.assert_close(animal.answer(drives, modulation)[0, :, 0], torch.tensor([3.9, 1.2]))


def test_the_signed_intercept_is_mean_and_variance_and_a_mean_of_showings_counts_as_often():
    rng = np.random.default_rng(0)
    single = torch.tensor(rng.normal(-2.0, 3.0, (600, 4, 2)), dtype=torch.float32)
    from graphtwin.twin.model.response_families import FAMILIES

    found = intercept(FAMILIES["gaussian"], single.mean(1), torch.full((600,), 4.0))
    torch.testing.assert_close(found.numbers[:, 0], single.flatten(0, 1).mean(0))
    assert found.shape.exp().numpy() == pytest.approx(9.0, rel=0.15)


@pytest.mark.slow
def test_movies_of_negative_responses_are_learned():
    planted = plant(units=8, train=6, test=1, repeats=2, frames=80)
    z = answering(planted.recording, lambda _, y: (y - 0.4) / 0.7)
    config = FoundationConfig(twin=CONFIG, fit=FitConfig(epochs=2, patience=2, learning_rate=3e-3, weight_decay=0.0), steps=8, windows=2)
    trained = train_foundation([z], config)
    assert trained.config.twin.family == "gaussian"
    assert trained.state.history[-1]["validation"] < trained.state.history[0]["validation"] + 0.02
    assert torch.isfinite(trained.twin.animal("planted").shape).all()
