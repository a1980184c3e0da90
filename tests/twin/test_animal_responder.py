"""An animal of a twin answers clips together as it does one by one, in the state that is asked for, and with gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.coordinates import Monitor
from graphtwin.execute import torch_seeded
from graphtwin.insilico import DifferentiableResponder, checked, placed_units
from graphtwin.schema import IMAGED_AT, UNIT_KEY
from graphtwin.twin.data import Scales, Window
from graphtwin.twin.fitting.animal_responder import AnimalResponder
from graphtwin.twin.fitting.fitted_twin import FittedTwin, KnownAnimal, read_twin, write_twin
from graphtwin.twin.fitting.foundation import FoundationConfig
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.network import AnimalStart, Twin, TwinConfig
from graphtwin.twin.scores.prediction import predict_trials

SIZE, UNITS = (24, 40), 6


def random_twin(rate: float = 30.0, family: str = "poisson", ridge: bool = True) -> AnimalResponder:
    """A twin of random weights, whose units behaviour moves, and whose ridge has a share of a third."""
    config = TwinConfig(core=ConvolutionalConfig(first=4, hidden=8, blocks=1, features=4), bf16=False, family=family)
    rng = np.random.default_rng(0)
    with torch_seeded(0):
        start = AnimalStart(rng.uniform(-0.5, 0.5, (UNITS, 2)), np.ones(UNITS), 2, frame_rate_hz=rate)
        twin = Twin(config, {"random": start}).eval()
        head = twin.animal("random")
        with torch.no_grad():
            for weights in (head.readout.weights, head.gain):
                weights.copy_(torch.randn(weights.shape))
            if ridge:
                head.ridge.share.fill_(1 / 3)
                head.ridge.bias.fill_(1.0)
                head.ridge.patterns.copy_(0.1 * torch.randn(head.ridge.patterns.shape))
                head.ridge.weights.copy_(0.3 * torch.randn(head.ridge.weights.shape))
    keys = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(UNITS) + 1})
    origin = np.full(UNITS, -3.0 if family == "gaussian" else 0.0)
    behaviour = np.array([[30.0, 5.0], [6.0, 4.0]])
    scales = Scales((120.0, 50.0), rng.uniform(1, 9, UNITS), origin, behaviour, np.ones((2, 2)), (0.0, 0.0), (0, 0, 0))
    known = KnownAnimal(keys, scales, ("pupil_size", "running"), rate, SIZE, Monitor(), frozenset())
    return AnimalResponder(FittedTwin(twin, FoundationConfig(twin=config), {"random": known}), "random")


def noise(clips: int = 3, frames: int = 12) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (clips, frames, *SIZE)).astype(np.float32)


@pytest.mark.parametrize("rate", [30.0, np.nan])
@pytest.mark.parametrize("family", ["poisson", "gaussian"])
def test_clips_are_answered_together_as_one_by_one_each_from_a_rest_of_its_own(rate, family, caplog):
    animal = random_twin(rate, family)
    clips = noise()
    state = {"running": np.linspace(0, 20, 12), "pupil_size": 40.0}
    together = animal.respond_clips(clips, state)
    np.testing.assert_allclose(together, [animal.respond(clip, state=state) for clip in clips], rtol=1e-4, atol=1e-4)
    assert together.std((0, 1)).min() > 0.01
    assert isinstance(animal, DifferentiableResponder)
    checked(animal)
    assert caplog.text == ""


@pytest.mark.parametrize("rate", [30.0, np.nan])
def test_answers_are_what_the_twin_predicts_of_trials_in_that_state(rate):
    """The state is standardised by the animal's scales, and the ridge has its share, as in training."""
    animal = random_twin(rate)
    scales = animal.fitted.animals["random"].scales
    clips = noise(4, 1 if np.isnan(rate) else 12)
    frames = clips.shape[1]
    told = np.array([(42.0 - 30) / 6, (9.0 - 5) / 4], dtype=np.float32)
    video = ((clips - 120) / 50).astype(np.float32)
    behaviour, eye = np.broadcast_to(told, (4, frames, 2)).copy(), np.zeros((4, frames, 2), dtype=np.float32)
    nothing = np.zeros((4, frames, UNITS), dtype=np.float32)
    window = Window(video, behaviour, eye, nothing, np.ones((4, frames), dtype=bool), np.ones(4, dtype=np.float32))
    predicted = predict_trials(animal.fitted.twin, "random", window) * scales.responses
    found = animal.respond_clips(clips, {"running": 9.0, "pupil_size": 42.0})
    np.testing.assert_allclose(found, predicted, rtol=1e-4)
    assert np.abs(found / animal.respond_clips(clips) - 1).max() > 0.05
    assert np.abs(found / random_twin(rate, ridge=False).respond_clips(clips) - 1).max() > 0.05


@pytest.mark.parametrize("rate", [30.0, np.nan])
def test_the_gradient_is_the_slope_of_the_answers(rate):
    animal = random_twin(rate)
    clips, along = noise(2, 4), np.random.default_rng(2).standard_normal((2, 4, *SIZE)).astype(np.float32)
    shown = torch.as_tensor(clips).requires_grad_()
    (slope,) = torch.autograd.grad(animal.drive(shown, {"running": 11.0}).sum(), shown)
    up, down = (animal.respond_clips(clips + step * along, {"running": 11.0}).sum(dtype=np.float64) for step in (0.05, -0.05))
    assert float((slope.numpy() * along).sum()) == pytest.approx((up - down) / 0.1, rel=0.03)


def test_a_twin_keeps_where_its_units_lie_and_says_it_of_no_animal_whose_recording_does_not(tmp_path):
    animal = random_twin()
    assert list(placed_units(read_back(animal, tmp_path / "unplaced.pt"))) == UNIT_KEY
    known = animal.fitted.animals["random"]
    place = np.random.default_rng(2).uniform(0, 500, (UNITS, 3))
    known.units[IMAGED_AT] = place
    found = placed_units(read_back(animal, tmp_path / "placed.pt"))
    np.testing.assert_array_equal(found[IMAGED_AT], place)
    np.testing.assert_array_equal(found[UNIT_KEY], known.units[UNIT_KEY])


def read_back(animal: AnimalResponder, path: Path) -> AnimalResponder:
    write_twin(animal.fitted, path)
    return AnimalResponder(read_twin(path), "random")
