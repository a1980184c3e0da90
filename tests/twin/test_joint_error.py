"""Claims: the answers of a fixation have one error of gaze in common, which their joint likelihood tells and their product does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.sources.formats import Gaze
from graphtwin.twin.fitting.foundation import Objective
from graphtwin.twin.fitting.joint_error import LATENCY_S, fixations, joint_loss
from graphtwin.twin.model import tensors
from tests.twin.planted_gaze import HZ, plant_gaze
from tests.twin.test_gaze_view import untrained


@pytest.fixture(scope="module")
def animal():
    planted = plant_gaze(units=8, train=3, test=1, frames=60)
    return replace(planted, recording=replace(planted.recording, gaze=Gaze(error_deg=1.5)))


def test_a_fixation_lasts_from_jump_to_jump_and_its_answers_come_later():
    gaze = torch.tensor([[[0.0, 0.0], [0.1, 0.0], [5.0, 0.0], [5.0, 0.2], [1.0, 1.0], [1.0, 1.0]]])
    assert fixations(gaze, 0).tolist() == [[0, 0, 1, 1, 2, 2]]
    assert fixations(gaze, 1).tolist() == [[0, 0, 0, 1, 1, 2]]


def test_the_loss_is_the_mean_over_errors_of_the_product_over_a_fixation(animal):
    fitted = untrained(animal, window_deg=(40.0, 26.0))
    window = fitted.clips(animal.recording, ("test",)).read(3)
    window.counted[:, :5] = False
    responses = window.responses.copy()
    responses[0, 30] = 0.0
    window = replace(window, responses=responses)
    with torch.no_grad():
        found = float(joint_loss(fitted.twin, "looking", window))
        numbers, weights = fitted.twin.at_errors("looking", *tensors(window, torch.device("cpu")))
        rates = numbers[0, ..., 0].double().clamp(min=1e-6)
    y = torch.from_numpy(window.responses[0]).double()[:, None]
    likelihood = (y * rates.log() - rates - torch.lgamma(y + 1)).sum(-1).numpy()
    late, total = round(LATENCY_S * HZ), 0.0
    of_frame = np.maximum(np.arange(60) - late, 0) // 10
    for one in range(6):
        rows = (of_frame == one) & window.counted[0]
        total += np.log((weights.numpy() * np.exp(likelihood[rows].sum(0) - 0.0)).sum()) if rows.any() else 0.0
    assert found == pytest.approx(-total / (window.counted.sum() * 8), rel=1e-4)


def test_a_training_asks_for_the_joint_likelihood_and_all_else_for_that_of_each_answer(animal):
    fitted = untrained(animal, window_deg=(40.0, 26.0))
    window, objective = fitted.clips(animal.recording, ("test",)).read(3), Objective(fitted.twin)
    with torch.no_grad():
        apart = float(objective("looking", window))
        fitted.twin.train()
        fitted.twin.animal("looking").readout.log_spread.fill_(-20.0)
        together, wanted = float(objective("looking", window)), float(joint_loss(fitted.twin, "looking", window))
        fitted.twin.eval()
    assert together == pytest.approx(wanted, rel=1e-5)
    assert abs(wanted - apart) > 1e-4
