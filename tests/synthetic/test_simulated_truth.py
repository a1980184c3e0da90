"""The truth of a simulated animal answers as the simulation does, in every state, with nothing of a twin in it."""

from __future__ import annotations

import numpy as np
import pytest

from graphtwin.insilico import Responder, checked
from graphtwin.synthetic.function import stimuli
from graphtwin.synthetic.function.behaviour import Behaviour
from graphtwin.synthetic.function.preferences import TuningConfig, draw_tuning
from graphtwin.synthetic.function.simulated_truth import SimulatedTruth, simulated_truth
from graphtwin.synthetic.function.visual_responder import expected_rates, visual_rates
from tests.synthetic.planted_neurons import planted_neurons, planted_units


@pytest.fixture(scope="module")
def truth() -> SimulatedTruth:
    neurons = planted_neurons(12)
    return simulated_truth("animal-0", planted_units(neurons), draw_tuning(neurons, TuningConfig(), seed=0, animal=1).table)


def test_at_rest_rates_are_those_of_the_eye_alone(truth: SimulatedTruth, caplog):
    film = stimuli.film("dead_leaves", 0, "clip", n_frames=60)
    rates = visual_rates(truth.visual, film).T
    np.testing.assert_allclose(checked(truth).respond(film), rates, rtol=1e-5)
    np.testing.assert_allclose(truth.respond_clips(np.stack([film, film]))[1], rates, rtol=1e-5)
    rest = {"running": 15 * np.arctanh(0.25), "pupil_size": 33.0}
    np.testing.assert_allclose(truth.respond(film, state=rest), rates, rtol=1e-4)
    assert isinstance(truth, Responder)
    assert caplog.text == ""


def test_running_and_pupil_do_what_the_simulation_plants(truth: SimulatedTruth):
    film = stimuli.film("dead_leaves", 0, "clip", n_frames=60)
    running, pupil = np.linspace(0, 30, 60, dtype=np.float32), np.full(60, 41.0, dtype=np.float32)
    still = np.zeros((60, 2), dtype=np.float32)
    wanted = expected_rates(truth.visual, film, Behaviour(running, pupil, still, still)).T
    np.testing.assert_allclose(truth.respond(film, state={"pupil_size": 41.0, "running": running}), wanted, rtol=1e-4)
    gain = np.exp(truth.planted["pupil_weight"] * (41 - 33) / 7)
    alone = truth.respond(film, state={"pupil_size": 41.0}).sum(0) / truth.respond(film).sum(0)
    np.testing.assert_allclose(alone, gain, rtol=1e-4)
