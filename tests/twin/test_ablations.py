"""Claims: a part is worth what was planted and nothing else, parts that a twin lacks are refused, and a stopped command goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.artifacts import provenance
from graphtwin.folders import written
from graphtwin.kinds import ABLATION, TWIN, is_finished
from graphtwin.sources.formats import Recording
from graphtwin.training import FitConfig
from graphtwin.twin.fitting.ablations import PARTS
from graphtwin.twin.fitting.fitted_twin import FittedTwin, fitted_of, read_twin, write_twin
from graphtwin.twin.fitting.foundation import FoundationConfig, train_foundation
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.dense_lstm import DenseLstmConfig
from graphtwin.twin.model.network import TwinConfig
from graphtwin.twin.runs import ablated
from graphtwin.twin.runs.ablated import ablate_twin, parts_of
from graphtwin.twin.runs.twin_folder import FILE_NAME, core_of, identity_of, write_begun
from tests.twin.planted_recording import plant

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]

CORE = ConvolutionalConfig(first=8, hidden=16, blocks=1, features=16)


def settings(epochs: int = 1, steps: int = 2, core: Any = CORE, **more: Any) -> FoundationConfig:
    fit = FitConfig(epochs=epochs, patience=epochs, learning_rate=1e-2, weight_decay=0.0)
    twin = TwinConfig(core=core, bf16=False)
    return FoundationConfig(twin=twin, fit=fit, steps=steps, windows=3, window_s=0.8, left_out_s=0.2, **more)


def run_of(recordings: list[Recording], config: FoundationConfig, out: Path, onto: Path | None = None) -> Path:
    """A twin's folder, as `graphtwin twin train` or `transfer` writes it."""
    core = read_twin(onto / FILE_NAME).twin if onto else None
    with written(out, TWIN) as begin:
        begin()
        inputs = {one.name: identity_of(one) for one in recordings} | core_of(onto)
        write_begun(config, provenance(0, inputs) | {"minutes": None, "images": None, "threads": 1, "device": "cpu"}, {}, out)
        write_twin(fitted_of(train_foundation(recordings, config, onto=core)), out / FILE_NAME)
    return out


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recording]:
    """Recordings that are opened by their names."""
    recordings: dict[str, Recording] = {}
    monkeypatch.setattr(ablated, "open_recording", lambda name: recordings[str(name)])
    return recordings


def difference(table: pd.DataFrame, without: str) -> pd.Series:
    chosen = table[(table["without"] == without) & (table["kind"] == "all") & (table["score"] == "single_trial_correlation")]
    return chosen.iloc[0]


def test_behaviour_is_worth_what_it_was_planted_to_do(opened: dict[str, Recording], tmp_path: Path):
    for name, gain in (("moved", 0.8), ("unmoved", 0.0)):
        opened[name] = plant(units=10, train=12, test=6, repeats=3, name=name, gain=gain).recording
        run = run_of([opened[name]], settings(epochs=3, steps=30), tmp_path / name)
        table = ablate_twin(run, [name], tmp_path / f"{name}_ablated", ["behaviour"], threads=1, device="cpu")
        found = difference(table, "behaviour")
        assert found["n_units"] == 10
        if gain:
            assert found["units_low"] > 0.05
            assert found["stimuli_low"] > 0.05
            assert found["verdict"] == "the whole twin wins"
        else:
            assert found["units_low"] < 0.01
            assert abs(found["difference"]) < 0.03


def test_gaze_is_worth_what_it_was_planted_to_do(opened: dict[str, Recording], tmp_path: Path):
    for name, gaze_px in (("looking", 2.0), ("staring", 0.0)):
        planted = plant(units=16, train=48, test=6, repeats=3, name=name, gain=0.0, gaze_px=gaze_px, rate=2.0).recording
        looks = np.random.default_rng(0).standard_normal((len(planted.trials), 120, 2)).astype(np.float32)

        def looking(row: int, planted: Recording = planted, looks: np.ndarray = looks) -> Any:
            return replace(planted.open_trial(row), eye_position=looks[row])

        opened[name] = planted if gaze_px else replace(planted, open_trial=looking)  # an eye that moves, and nothing follows it
        run = run_of([opened[name]], settings(epochs=3, steps=30), tmp_path / name)
        found = difference(ablate_twin(run, [name], tmp_path / f"{name}_ablated", ["gaze"], threads=1, device="cpu"), "gaze")
        if gaze_px:
            assert found["units_low"] > 0  # the ridge, which does not follow the eye, has a part: of fewer clips, all of the prediction
            assert found["verdict"] == "the whole twin wins"
        else:
            assert found["units_low"] < 0 < found["units_high"]
            assert abs(found["difference"]) < 0.05


@pytest.fixture(scope="module")
def pair() -> tuple[Recording, Recording]:
    return plant(units=5, train=4, name="first").recording, plant(units=6, train=4, name="second", seed=1).recording


def fitted_with(config: FoundationConfig, recording: Recording) -> FittedTwin:
    return fitted_of(train_foundation([recording], config))


def test_parts_that_a_twin_lacks_are_refused_in_words_and_left_out_of_the_default(pair: tuple[Recording, Recording], caplog: Any):
    fitted = fitted_with(
        settings(
            core=CORE.model_copy(update={"kind": "feedforward", "normalised": False, "feature_gains": False}), settle=False, location=False
        ),
        pair[0],
    )
    assert parts_of(fitted, False, None, "run") == ["behaviour"]
    for part, why in {
        "gaze": "no eye position was recorded that ever changes",
        "gaze_error": "no recording declares its gaze, and what is not declared has no error that is known",
        "saccades": "no recording declares its gaze, so that nobody knows a saccade",
        "feature_gains": r"behaviour gives the channels of its core no gains \(twin.core.feature_gains\)",
        "recurrence": "its core is feedforward",
        "normalisation": "its core divides no channel by what others do",
        "prior": r"its readouts were not settled \(settle\)",
        "location": r"neighbours in cortex told nothing \(location\)",
        "pretraining": "this twin was not pretrained: its core was trained on these recordings",
    }.items():
        with pytest.raises(ValueError, match=rf"run: 1 of 1 parts cannot be left out: {part}: {why}"):
            parts_of(fitted, False, [part], "run")
    with pytest.raises(ValueError, match=r"'core' is no part of a twin\. Leave out one of gaze, gaze_error, saccades, behaviour"):
        parts_of(fitted, False, ["core"], "run")
    nowhere = replace(pair[0], units=pair[0].units.assign(x_um=np.nan))
    with pytest.raises(ValueError, match="location: where units lie in cortex is not known"):
        parts_of(fitted_with(settings(), nowhere), False, ["location"], "run")
    lstm = DenseLstmConfig(hidden=4, features=4)
    with pytest.raises(ValueError, match="a dense_lstm core is nothing but its recurrence"):
        parts_of(fitted_with(settings(core=lstm), pair[0]), False, ["recurrence"], "run")


def test_a_kept_core_loses_no_part_of_its_own_and_pretraining_alone_drops_it(
    pair: tuple[Recording, Recording], opened: dict[str, Recording], tmp_path: Path
):
    opened |= {one.name: one for one in pair}
    run = run_of([pair[0]], settings(), tmp_path / "core")
    onto = run_of([pair[1]], settings(), tmp_path / "new", run)
    with pytest.raises(ValueError, match="normalisation: its core was trained on other animals and kept as it is"):
        ablate_twin(onto, ["second"], tmp_path / "out", ["normalisation"], threads=1, device="cpu")
    table = ablate_twin(onto, ["second"], tmp_path / "out", ["pretraining", "prior"], threads=1, device="cpu")
    assert list(dict.fromkeys(table["without"])) == ["pretraining", "prior"]
    whole, without_prior, from_scratch = (
        read_twin(path).twin.core.state_dict()["first.kernels"]
        for path in (onto / FILE_NAME, tmp_path / "out/without_prior.pt", tmp_path / "out/without_pretraining.pt")
    )
    assert torch.equal(whole, without_prior)
    assert not torch.equal(whole, from_scratch)


def test_refits_differ_by_the_part_alone(pair: tuple[Recording, Recording]):
    config = settings()
    assert PARTS["recurrence"].config(config).twin.core.kind == "feedforward"
    assert not PARTS["normalisation"].config(config).twin.core.normalised  # type: ignore[union-attr]
    assert not PARTS["feature_gains"].config(config).twin.core.feature_gains  # type: ignore[union-attr]
    assert PARTS["recurrence"].config(config).model_copy(update={"twin": config.twin}) == config
    trial, without = (one.open_trial(1) for one in (pair[0], PARTS["behaviour"].recording(pair[0])))
    assert np.isnan(without.behaviour).all()
    assert without.behaviour.shape == trial.behaviour.shape
    for name in ("video", "responses", "eye_position"):
        np.testing.assert_array_equal(getattr(without, name), getattr(trial, name))


def test_an_ablation_that_was_stopped_goes_on_with_what_was_fitted(
    pair: tuple[Recording, Recording], opened: dict[str, Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened["first"] = pair[0]
    run, out = run_of([pair[0]], settings(), tmp_path / "run"), tmp_path / "out"
    parts, compared = ["behaviour", "prior"], ablated._compared

    def stopped(name: str, *given: Any) -> pd.DataFrame:
        if name == "prior":
            raise KeyboardInterrupt
        return compared(name, *given)

    monkeypatch.setattr(ablated, "_compared", stopped)
    with pytest.raises(KeyboardInterrupt):
        ablate_twin(run, ["first"], out, parts, threads=1, device="cpu")
    before = (out / "without_behaviour.pt").read_bytes()
    monkeypatch.setattr(ablated, "_compared", compared)
    with pytest.raises(ValueError, match="cannot go on with other arguments: without was"):
        ablate_twin(run, ["first"], out, ["prior"], resume=True, threads=1, device="cpu")
    table = ablate_twin(run, ["first"], out, parts, resume=True, threads=1, device="cpu")
    assert (out / "without_behaviour.pt").read_bytes() == before
    assert is_finished(out)
    pd.testing.assert_frame_equal(table, ablate_twin(run, ["first"], tmp_path / "again", parts, threads=1, device="cpu"))
    assert ABLATION.resumes


def test_refits_need_the_recordings_of_the_twin(pair: tuple[Recording, Recording], opened: dict[str, Recording], tmp_path: Path):
    opened |= {one.name: one for one in pair}
    run = run_of([pair[0]], settings(), tmp_path / "run")
    with pytest.raises(ValueError, match="fitted on 1 recordings, and 1 are given; first is not given; second is none of them"):
        ablate_twin(run, ["second"], tmp_path / "out", threads=1, device="cpu")
    assert not (tmp_path / "out").exists()
