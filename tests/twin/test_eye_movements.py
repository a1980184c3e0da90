"""Claims: saccades and blinks modulate answers, whatever falls on the retina, where gaze is declared, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.twin.fitting import AnimalResponder, FittedTwin
from graphtwin.twin.model import held
from graphtwin.twin.model.eye_movements import CHANNELS, SHORT_DEG, SLOW_DEG_S, eye_movements
from graphtwin.twin.scores.prediction import predict_trials
from tests.twin.planted_gaze import Planted, plant_gaze
from tests.twin.test_gaze_view import untrained


def test_a_step_is_told_by_its_speed_and_direction_and_a_blink_by_itself():
    gaze = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [6.0, -8.0], [torch.nan, torch.nan], [6.0, -8.0]]])
    speed, right, up, shut = eye_movements(gaze, held(gaze, {}, {}), 30.0, {})[0].T
    assert speed.numpy() == pytest.approx([0, 0, np.log1p(10 * 30 / SLOW_DEG_S), 0, 0])
    assert right.numpy() == pytest.approx([0, 0, 6 / (SHORT_DEG + 10), 0, 0])
    assert up.numpy() == pytest.approx([0, 0, -8 / (SHORT_DEG + 10), 0, 0])
    assert shut.tolist() == [0, 0, 0, 1, 0]


def test_a_clip_in_parts_has_the_movements_of_the_whole():
    gaze = torch.randn(2, 9, 2) * 5
    left = {}
    whole = eye_movements(gaze, held(gaze, {}, {}), 30.0, {})
    first = eye_movements(gaze[:, :4], held(gaze[:, :4], {}, left), 30.0, {})
    then = eye_movements(gaze[:, 4:], held(gaze[:, 4:], left, {}), 30.0, left)
    assert torch.equal(torch.cat([first, then], dim=1), whole)


@pytest.fixture(scope="module")
def small() -> Planted:
    return plant_gaze(units=6, train=3, test=1, frames=60)


def on_grey(small: Planted, saccades: bool) -> tuple[FittedTwin, np.ndarray]:
    """A twin with some gains, and its answers to a grey screen while the eye jumps once."""
    fitted = untrained(small, saccades=saccades)
    head = fitted.twin.animal("looking")
    with torch.no_grad():
        head.gain.copy_(torch.randn(head.gain.shape, generator=torch.Generator().manual_seed(0)))
    window = fitted.clips(small.recording, ("test",)).read(3)
    gaze = np.zeros_like(window.eye_position)
    gaze[0, 30:] = [8.0, 3.0]
    return fitted, predict_trials(fitted.twin, "looking", replace(window, video=0 * window.video, eye_position=gaze))[0]


def test_answers_change_about_a_saccade_on_a_grey_screen_and_come_back(small: Planted):
    fitted, answers = on_grey(small, saccades=True)
    assert fitted.twin.animal("looking").modulation.inputs.in_features == 7 * CHANNELS
    still = answers[25]
    assert (np.abs(answers[20:30] - still) / still).max() < 5e-3
    assert np.median(np.abs(answers[30] - still) / still) > 0.1
    assert np.abs(answers[59] - still).max() < 0.1 * np.abs(answers[30] - still).max()
    _, unmoved = on_grey(small, saccades=False)
    assert np.abs(unmoved[20:] - unmoved[25]).max() < 2e-3


def test_in_silico_the_eye_rests_and_a_film_in_parts_is_answered_as_the_whole(small: Planted, monkeypatch: pytest.MonkeyPatch):
    fitted, _ = on_grey(small, saccades=True)
    film = small.recording.open_trial(3).video
    whole = AnimalResponder(fitted, "looking").respond(film)
    monkeypatch.setattr("graphtwin.twin.fitting.animal_responder.CHUNK", 17)
    assert AnimalResponder(fitted, "looking").respond(film) == pytest.approx(whole, abs=1e-4)


def test_an_eye_of_a_camera_has_no_channels_of_movement(small: Planted):
    camera = replace(small, recording=replace(small.recording, gaze=None))
    fitted = untrained(camera)
    assert not hasattr(fitted.twin.animal("looking").modulation, "inputs")
