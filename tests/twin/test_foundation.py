from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.training import FitConfig
from graphtwin.twin.data.clips import Clips, clips_of, held_out_clips
from graphtwin.twin.fitting import foundation
from graphtwin.twin.fitting.foundation import FoundationConfig, Trained, steps_of, train_foundation
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.dense_lstm import DenseLstmConfig
from graphtwin.twin.model.network import TwinConfig
from graphtwin.twin.scores.prediction import sums_of
from graphtwin.twin.scores.unit_scores import score_units
from tests.twin.planted_recording import HZ, Planted, plant

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]


SMALL = ConvolutionalConfig(first=8, hidden=16, blocks=1, features=16)


def config(core: Any = SMALL, epochs: int = 2, steps: int = 4, learning_rate: float = 3e-3, **twin: Any) -> FoundationConfig:
    fit = FitConfig(epochs=epochs, patience=epochs, learning_rate=learning_rate, weight_decay=0.0)
    return FoundationConfig(twin=TwinConfig(core=core, **twin), fit=fit, steps=steps, windows=3, window_s=0.8, left_out_s=0.2)


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return dict(trained.twin.state_dict())


@pytest.fixture(scope="module")
def animal() -> Planted:
    return plant(units=20, train=24, test=6, frames=150)


@pytest.fixture(scope="module")
def brief() -> Planted:
    """An animal of few and short clips, whose ridge takes a second where the other's takes fifteen."""
    return plant(units=20, train=8, frames=60)


@pytest.fixture(scope="module")
def fitted(animal: Planted) -> Trained:
    return train_foundation([animal.recording], config(epochs=5, steps=50, bf16=False))


def test_a_small_twin_predicts_planted_responses_it_never_saw(animal: Planted, fitted: Trained):
    sums = sums_of(fitted.twin, held_out_clips(fitted.clips["planted"][0], ["test"]), left_out_s=20 / HZ)
    scored = score_units(sums, animal.recording.units, replicates=20)
    assert scored["cc_norm"].median() > 0.6
    assert (scored["cc_abs_low"] <= scored["cc_abs"]).all()
    assert fitted.state.history[-1]["validation"] < fitted.state.history[0]["validation"]


def test_readouts_look_where_the_planted_fields_are(animal: Planted, fitted: Trained):
    found = fitted.twin.animal("planted").readout.mean_positions().detach().numpy()
    assert np.median(np.abs(found - animal.centres) * [12, 8]) < 1.0  # pixels


def test_a_training_killed_within_an_epoch_and_resumed_ends_in_the_same_weights(
    brief: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = train_foundation([brief.recording], config())
    steps, real = [0], foundation.Objective.forward

    def dies(*arguments: Any) -> torch.Tensor:
        steps[0] += 1
        if steps[0] == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(foundation.Objective, "forward", dies)
    with pytest.raises(KeyboardInterrupt):
        train_foundation([brief.recording], config(), checkpoint=tmp_path / "fit.pt")
    monkeypatch.undo()
    again = train_foundation([brief.recording], config(), checkpoint=tmp_path / "fit.pt")
    assert again.state.history == whole.state.history
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(whole).items())


def test_the_checkpoint_of_another_architecture_is_refused(brief: Planted, tmp_path: Path):
    train_foundation([brief.recording], config(epochs=1, steps=1), checkpoint=tmp_path / "fit.pt")
    with pytest.raises(ValueError, match=r"the checkpoint of 'recurrent twin of planted, .*not of 'dense_lstm twin of planted.*Delete it"):
        train_foundation([brief.recording], config(DenseLstmConfig(growth=4, hidden=8, features=8), 1, 1), checkpoint=tmp_path / "fit.pt")
    wider = SMALL.model_copy(update={"features": 20})
    with pytest.raises(ValueError, match="does not fit this model"):
        train_foundation([brief.recording], config(wider, 1, 1), checkpoint=tmp_path / "fit.pt")


@pytest.mark.parametrize("family", ["gaussian", "zero_inflated_gamma", "negative_binomial"])
def test_every_family_learns(brief: Planted, family: str):
    learned, still = (
        train_foundation([brief.recording], config(epochs=2, steps=10, learning_rate=rate, family=family)).state.history[-1]
        for rate in (3e-3, 1e-9)  # without learning, norms alone follow the data
    )
    assert learned["validation"] < still["validation"]
    assert np.isfinite(learned["training"])


@pytest.mark.parametrize(
    "core", [ConvolutionalConfig(kind="feedforward", first=8, hidden=8, features=8), DenseLstmConfig(growth=4, hidden=8, features=8)]
)
def test_the_other_cores_train(brief: Planted, core: Any):
    assert len(train_foundation([brief.recording], config(core, epochs=1, steps=2)).state.history) == 1


def test_two_animals_share_one_core_and_nothing_else():
    animals = [plant(units=6 + n, train=4, frames=60, seed=n, name=f"mouse {n}") for n in range(2)]
    trained = train_foundation([one.recording for one in animals], config(steps=2, epochs=1))
    assert trained.twin.names == ["mouse 0", "mouse 1"]
    assert [len(part.gain) for part in trained.twin.animals] == [6, 7]


def test_a_core_that_is_kept_is_the_same_afterwards(fitted: Trained):
    other = plant(units=5, train=4, frames=60, seed=9, name="new mouse")
    new = train_foundation([other.recording], config(bf16=False), onto=fitted.twin)
    assert all(torch.equal(value, fitted.twin.core.state_dict()[name]) for name, value in new.twin.core.state_dict().items())
    assert new.twin.animal("new mouse").readout.weights.grad is not None


def test_two_folders_of_one_name_are_refused(brief: Planted):
    with pytest.raises(ValueError, match=r"2 recordings have 1 names: \['planted'\]"):
        train_foundation([brief.recording, brief.recording], config())


def test_few_pictures_take_few_steps_and_many_those_of_the_settings():
    recording = plant().recording
    training, validation = clips_of(recording)

    def clips_of_rows(count: int, frame_rate_hz: float, repeats: int = 1) -> tuple[Clips, Clips]:
        shown = pd.DataFrame({"stimulus": np.repeat(np.arange(count), repeats), "n_frames": 60})
        of_rows = replace(recording, frame_rate_hz=frame_rate_hz, trials=shown)
        return replace(training, recording=of_rows, rows=np.arange(len(shown))), validation

    few, many, movies = clips_of_rows(480, np.nan), clips_of_rows(9000, np.nan), clips_of_rows(5, HZ)
    settings = FoundationConfig()
    assert steps_of({"few": few}, settings) == 20  # 480 pictures are two steps of 240, ten times over
    assert steps_of({"few": few, "more": few}, settings) == 40
    assert steps_of({"few": clips_of_rows(480, np.nan, 5)}, settings) == 20  # single trials take as many as their means
    assert steps_of({"many": many}, settings) == steps_of({"movies": movies, "few": few}, settings) == settings.steps
