"""Claims: behaviour gives the channels of the core gains of their own, so that what a unit prefers may change with the animal's state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.config import validate
from graphtwin.execute import torch_seeded
from graphtwin.twin.fitting import FoundationConfig, fitted_of, read_twin, train_foundation, write_twin
from graphtwin.twin.fitting.fingerprint import core_fingerprint, fingerprint
from graphtwin.twin.model import AnimalStart, ConvolutionalConfig, DenseLstmConfig, Twin
from graphtwin.twin.settings import TwinConfig, as_told_today
from tests.twin.planted_recording import plant

CORE = ConvolutionalConfig(first=4, hidden=8, features=6, normalised=False)


def twin(core: ConvolutionalConfig | DenseLstmConfig = CORE, behaviour: int = 2) -> Twin:
    start = AnimalStart(np.zeros((5, 2)), np.ones(5), behaviour=behaviour, frame_rate_hz=30.0)
    with torch_seeded(0):
        made = Twin(TwinConfig(core=core, bf16=False), {"one": start})
    return made.eval()


def seen(of: Twin, behaviour: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    video = torch.randn(1, 12, 36, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features, modulation, _ = of.see("one", video, behaviour, torch.zeros(1, 12, 2))
    return features, modulation


@pytest.mark.parametrize("level", [-2.0, 0.5, 2.0])
def test_in_a_state_that_lasts_a_gain_is_a_scale_of_the_kernels_of_its_channel(level: float):
    one, other, state = twin(), twin(), torch.full((1, 12, 2), level)
    _, modulation = seen(one, state)
    with torch.no_grad():
        one.animal("one").feature_gain[3] = 0.7
        scale = torch.exp(0.7 * modulation[0, 0].sum())
        assert abs(scale - 1) > 0.05
        other.core.second.kernels[3] *= scale
        other.core.second.bias[3] *= scale
    assert torch.allclose(seen(one, state)[0], seen(other, state)[0], atol=1e-5)


def test_gains_change_with_the_state_from_frame_to_frame_and_other_channels_keep_theirs():
    of, moving = twin(), torch.linspace(-2, 2, 12)[None, :, None].expand(1, 12, 2)
    with torch.no_grad():
        of.animal("one").feature_gain[2] = 0.5
        _, modulation = seen(of, moving)
        gains = of.animal("one").feature_gains(modulation)["gains"]
    assert torch.allclose(gains[:, 2], torch.exp(0.5 * modulation[0].sum(1)))
    assert gains[:, 2].std() > 0.01
    assert (gains[:, [0, 1, 3, 4, 5, 6, 7]] == 1).all()


@pytest.mark.parametrize("normalised", [False, True])
def test_gains_come_after_channels_are_divided_by_what_others_do(normalised: bool):
    of, state, entered = twin(CORE.model_copy(update={"normalised": normalised})), torch.full((1, 12, 2), 2.0), []
    of.core.blocks[0].register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0]))
    _, modulation = seen(of, state)
    with torch.no_grad():
        of.animal("one").feature_gain[3] = 0.7
    seen(of, state)
    before, after = entered
    assert torch.allclose(after[:, 3], before[:, 3] * torch.exp(0.7 * modulation[0, 0].sum()), atol=1e-5)
    assert torch.equal(after[:, [0, 1, 2, 4, 5, 6, 7]], before[:, [0, 1, 2, 4, 5, 6, 7]])


def test_an_animal_without_behaviour_has_features_of_the_film_alone():
    of = twin(behaviour=0)
    before, _ = seen(of, torch.zeros(1, 12, 0))
    with torch.no_grad():
        of.animal("one").feature_gain[:] = 1.0
    assert torch.equal(seen(of, torch.zeros(1, 12, 0))[0], before)


def test_cores_without_gains_have_none_and_answer():
    plain, lstm = twin(CORE.model_copy(update={"feature_gains": False})), twin(DenseLstmConfig(hidden=4, features=4))
    for of in (plain, lstm):
        assert of.animal("one").feature_gain is None
        assert seen(of, torch.ones(1, 12, 2))[0].shape[0] == 12
    assert torch.equal(seen(plain, torch.ones(1, 12, 2))[0], seen(twin(), torch.ones(1, 12, 2))[0])  # gains begin at 1


def test_a_twin_from_before_there_were_gains_is_read_as_one_without(tmp_path: Path):
    config = FoundationConfig.model_validate(
        {"twin": {"core": CORE.model_copy(update={"feature_gains": False}).model_dump()}, "steps": 2, "fit": {"epochs": 1}}
    )
    write_twin(fitted_of(train_foundation([plant(units=4, train=4, name="old").recording], config)), tmp_path / "new.pt")
    content = read_tensors(tmp_path / "new.pt", "no twin")
    del content["config"]["twin"]["core"]["feature_gains"]
    write_tensors(content, tmp_path / "old.pt")
    old = read_twin(tmp_path / "old.pt")
    assert old.config == read_twin(tmp_path / "new.pt").config
    assert old.twin.animal("old").feature_gain is None
    before = replace(old, config=_without_the_setting(old.config))
    assert (fingerprint(old), core_fingerprint(old)) == (fingerprint(before), core_fingerprint(before))  # its names of before


def _without_the_setting(config: FoundationConfig) -> FoundationConfig:
    """Settings of which none says that gains are off, as before there were any: they are dumped without it, as a default is."""
    return config.model_copy(update={"twin": config.twin.model_copy(update={"core": CORE})})


@pytest.mark.parametrize(
    "told", [{"twin": 3}, {"twin": {"core": 3}}, {"twin": {"core": {"kind": "other"}}}, {"twin": {"position_from_cortex": "no"}}]
)
def test_damaged_settings_of_an_earlier_version_are_refused_in_words(told: dict[str, Any]):
    with pytest.raises(ValueError, match=r"config\.toml"):
        validate(FoundationConfig, as_told_today(told, "config.toml"), "config.toml")
