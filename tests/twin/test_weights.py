from __future__ import annotations

import copy
import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graphtwin.coordinates import MINNIE65_MONITOR, MONITOR_COLUMNS, Monitor
from graphtwin.sources.formats.recording import Recording, Trial
from graphtwin.training import FitConfig
from graphtwin.twin.data.clips import ClipConfig, held_out_clips
from graphtwin.twin.data.views import View, doubt_of_core, require_view, view_of
from graphtwin.twin.fitting.animal_responder import responders
from graphtwin.twin.fitting.fitted_twin import FittedTwin, fitted_of, read_twin, write_twin
from graphtwin.twin.fitting.foundation import FoundationConfig, Trained, monitor_of, train_foundation
from graphtwin.twin.fitting.gauge import features_on, reference_clip
from graphtwin.twin.fitting.readout_embeddings import embed_units
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.model.network import MODULATORS, TwinConfig
from graphtwin.twin.model.response_families import FAMILIES
from graphtwin.twin.scores.likelihood import baseline_of, intercept
from graphtwin.twin.scores.prediction import shown, sums_of
from graphtwin.twin.scores.unit_scores import gather_sums, score_units
from tests.test_training import Payload
from tests.twin.planted_recording import HZ, Planted, plant

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge")]


@pytest.fixture(scope="module")
def animal() -> Planted:
    return plant(units=12, train=16, frames=120)


@pytest.fixture(scope="module")
def trained(animal: Planted) -> Trained:
    fit = FitConfig(epochs=3, patience=3, learning_rate=3e-3, weight_decay=0.0)
    core = ConvolutionalConfig(first=8, hidden=16, blocks=1, features=16)
    twin = TwinConfig(core=core, bf16=False)
    return train_foundation([animal.recording], FoundationConfig(twin=twin, fit=fit, steps=30, windows=3, window_s=0.8, left_out_s=0.2))


@pytest.fixture
def fitted(trained: Trained) -> FittedTwin:
    return fitted_of(trained)


def test_a_twin_read_back_predicts_the_same(animal: Planted, fitted: FittedTwin, tmp_path: Path):
    read = read_twin(write_twin(fitted, tmp_path / "twin.pt"))
    inputs = torch.randn(1, 9, 16, 24), torch.randn(1, 9, 2), torch.randn(1, 9, 2)
    with torch.no_grad():
        assert torch.equal(read.twin("planted", *inputs)[0], fitted.twin("planted", *inputs)[0])
    assert read.animals["planted"].units.equals(fitted.animals["planted"].units)
    assert len(read.clips(animal.recording, ("test",)).rows) == 8


def test_a_twin_keeps_the_monitor_and_the_delay_of_every_animal(animal: Planted, tmp_path: Path):
    lab, other = Monitor(width_cm=60.0, height_cm=34.0, distance_cm=25.0), Monitor(distance_cm=20.0)
    recordings = [replace(animal.recording, monitor=lab), replace(animal.recording, name="second")]
    fit = FitConfig(epochs=1, patience=1)
    core = ConvolutionalConfig(first=4, hidden=8, blocks=1, features=8)
    config = FoundationConfig(twin=TwinConfig(core=core, bf16=False), fit=fit, steps=2, window_s=0.8, left_out_s=0.2, expected_delay_s=0.0)
    trained = train_foundation(recordings, config)
    read = read_twin(write_twin(fitted_of(trained), tmp_path / "twin.pt"))
    assert [one.monitor for one in responders(read)] == [lab, MINNIE65_MONITOR]
    assert [head.perspective.monitor for head in read.twin.animals] == [lab, MINNIE65_MONITOR]
    for head, again in zip(trained.twin.animals, read.twin.animals, strict=True):
        assert float(head.delay_s) > 0
        assert (float(again.delay_s), again.frame_rate_hz) == (float(head.delay_s), HZ)
    table = embed_units(read).set_index("animal")
    assert table.loc["planted", list(MONITOR_COLUMNS)].drop_duplicates().to_numpy().tolist() == [[60.0, 34.0, 25.0]]
    assert table.loc["second", list(MONITOR_COLUMNS)].drop_duplicates().to_numpy().tolist() == [[55.2, 31.0, 15.0]]
    stated = config.model_copy(update={"monitor": other})
    assert {monitor_of(recording, stated) for recording in recordings} == {other}


@pytest.mark.parametrize(("rate", "left_out"), [(30.0, 50), (15.0, 25)])
def test_five_thirds_of_a_second_do_not_count_at_any_frame_rate(trained: Trained, rate: float, left_out: int):
    training = replace(trained.clips["planted"][0], config=ClipConfig(frame_rate_hz=rate))
    test = held_out_clips(training, ["test"])
    sums = sums_of(trained.twin, test)
    assert sums.frames.ravel().tolist() == [120 * rate / 30 - left_out] * 2
    given = gather_sums(shown([trained.twin], test), left_out)
    np.testing.assert_array_equal(sums.yp, given.yp)


def test_twins_that_answer_together_are_scored_by_their_mean_and_by_the_mixture_of_their_distributions(trained: Trained):
    training, _ = trained.clips["planted"]
    test, baseline = held_out_clips(training, ["test"]), baseline_of(trained.twin.family, training)
    other = copy.deepcopy(trained.twin)
    with torch.no_grad():
        other.animal("planted").readout.weights.mul_(0.5)
    one, two, both = (next(shown(twins, test, baseline)) for twins in ([trained.twin], [other], [trained.twin, other]))
    assert np.abs(one.predictions - two.predictions).max() > 0.1
    np.testing.assert_allclose(both.predictions, (one.predictions + two.predictions) / 2, rtol=1e-6)
    for name in ("log_likelihood", "log_probability"):
        mixture = np.log((np.exp(getattr(one, name).astype(np.float64)) + np.exp(getattr(two, name).astype(np.float64))) / 2)
        np.testing.assert_allclose(getattr(both, name), mixture, atol=1e-5)
    sums = sums_of(trained.twin, test, left_out_s=20 / HZ, train=training, others=[other])
    np.testing.assert_array_equal(sums.yp, gather_sums(shown([trained.twin, other], test), 20).yp)


def test_files_that_are_no_twin_are_refused_in_words(fitted: FittedTwin, tmp_path: Path):
    path = tmp_path / "twin.pt"
    with pytest.raises(FileNotFoundError, match=r"twin\.pt: no such file"):
        read_twin(path)
    path.write_bytes(b"no twin")
    with pytest.raises(
        ValueError, match=r"twin\.pt: holds more than tensors.*nothing in it was run\. It is no twin, or damaged: train again"
    ):
        read_twin(path)
    torch.save({"weights": {}}, path)
    with pytest.raises(ValueError, match="not a functional twin of this version"):
        read_twin(path)
    write_twin(fitted, path)
    content = torch.load(path, weights_only=True)
    content["config"]["twin"]["core"]["features"] = 20
    torch.save(content, path)
    with pytest.raises(ValueError, match="weights of another architecture than its settings say"):
        read_twin(path)


def test_a_twin_of_before_location_is_read_unless_a_function_of_cortex_said_where_its_units_look(fitted: FittedTwin, tmp_path: Path):
    path = write_twin(fitted, tmp_path / "twin.pt")
    content = torch.load(path, weights_only=True)
    del content["config"]["location"]
    content["config"]["twin"]["position_from_cortex"] = False
    torch.save(content, path)
    read = read_twin(path)
    assert not read.config.location
    assert torch.equal(read.twin.animal("planted").readout.mean_positions(), fitted.twin.animal("planted").readout.mean_positions())
    content["config"]["twin"]["position_from_cortex"] = True
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"twin\.pt: twin\.position_from_cortex is true: .* Train again: `location`.*; or use the version"):
        read_twin(path)


def test_a_twin_that_holds_a_program_is_refused_and_nothing_in_it_runs(tmp_path: Path):
    mark = tmp_path / "it ran"
    torch.save({"format": "graphtwin functional twin 7", "weights": Payload(mark)}, tmp_path / "twin.pt")
    with pytest.raises(ValueError, match=r"twin\.pt: holds more than tensors, numbers and words.*nothing in it was run"):
        read_twin(tmp_path / "twin.pt")
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_twin_that_is_cut_short_is_told_without_advice_to_trust_it(fitted: FittedTwin, tmp_path: Path, share: float):
    path = write_twin(fitted, tmp_path / "twin.pt")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"twin\.pt: .*damaged.*train again\.$") as told:
        read_twin(path)
    assert "weights_only" not in str(told.value)


def test_a_disk_that_is_full_leaves_the_twin_that_was_there(fitted: FittedTwin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_twin(fitted, tmp_path / "twin.pt")
    before = path.read_bytes()

    def full(temporary: Path, content: object) -> None:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"twin\.pt: cannot be written: No space left on device\. Make room"):
        write_twin(fitted, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_other_units_and_stimuli_that_were_trained_on_are_refused(animal: Planted, fitted: FittedTwin):
    fewer = replace(animal.recording, units=animal.recording.units.iloc[1:])
    with pytest.raises(ValueError, match="11 units, not the 12 in the same order"):
        fitted.clips(fewer, ("test",))
    with pytest.raises(ValueError, match=r"stimuli are both trained on and held out .*leakage"):
        fitted.clips(animal.recording, ("train",))
    with pytest.raises(ValueError, match=r"rat: not an animal of this twin \(planted\)"):
        fitted.clips(replace(animal.recording, name="rat"), ("test",))


def scaled_up(recording: Recording) -> Recording:
    """The recording with pictures of twice as many pixels."""

    def open_trial(row: int) -> Trial:
        trial = recording.open_trial(row)
        return replace(trial, video=trial.video.repeat(2, axis=1).repeat(2, axis=2))

    return replace(recording, open_trial=open_trial)


def test_pictures_of_another_size_rate_or_screen_than_the_twin_was_trained_on_are_refused(animal: Planted, fitted: FittedTwin):
    known = "but the twin was trained on 30 frames a second of 16 x 24 pixels"
    with pytest.raises(ValueError, match=rf"planted: 30 frames a second of 32 x 48 pixels, {known}\. A core's pixels"):
        fitted.clips(scaled_up(animal.recording), ("test",))
    for rate, words in ((60.0, "60 frames a second"), (6.3, r"6\.3 frames a second"), (float("nan"), "single pictures")):
        with pytest.raises(ValueError, match=rf"planted: {words} of 16 x 24 pixels, {known}"):
            fitted.clips(replace(animal.recording, frame_rate_hz=rate), ("test",))
    with pytest.raises(ValueError, match=r"names a monitor of 55\.2 x 31 cm at 20 cm, but the twin was trained on one of .* at 15 cm"):
        fitted.clips(replace(animal.recording, monitor=Monitor(distance_cm=20.0)), ("test",))
    with pytest.raises(ValueError, match="its behaviour is running, pupil_size, but the twin was trained on pupil_size, running"):
        fitted.clips(replace(animal.recording, behaviour=("running", "pupil_size")), ("test",))
    renamed = animal.recording.trials.assign(stimulus=lambda trials: "other " + trials["stimulus"])
    with pytest.raises(ValueError, match="shows none of the 16 stimuli that the twin was trained on"):
        fitted.clips(replace(animal.recording, trials=renamed), ("test",))
    assert len(fitted.clips(replace(animal.recording, frame_rate_hz=30.1), ("test",)).rows) == 8  # rates of a microscope differ by little


def test_one_core_sees_pictures_of_one_size_and_videos_of_one_rate(animal: Planted):
    views = {"planted": View((16, 24), 30.0)}
    require_view("new", view_of(animal.recording), views)
    require_view("held", View((16, 24), float("nan")), views)
    require_view("resampled", view_of(replace(animal.recording, frame_rate_hz=60.0), 30.0), views)
    for view in (view_of(scaled_up(animal.recording)), View((16, 24), 15.0), View((24, 16), 30.0), View((32, 48), float("nan"))):
        with pytest.raises(ValueError, match="but planted has 30 frames a second of 16 x 24 pixels"):
            require_view("new", view, views)


def test_a_core_of_pictures_takes_no_movies_and_a_core_of_movies_takes_pictures_with_a_word():
    movie, picture = View((16, 24), 30.0), View((16, 24), float("nan"))
    cores = {"movies": {"a": movie}, "pictures": {"b": picture}, "both": {"a": movie, "b": picture}}
    with pytest.raises(ValueError, match=r"new: 30 frames a second .*trained on single pictures of 16 x 24 pixels alone \(b\).*of time"):
        doubt_of_core("new", movie, cores["pictures"])
    said = doubt_of_core("new", picture, cores["movies"])
    assert said.startswith(
        "new: single pictures of 16 x 24 pixels, and the core was trained on 30 frames a second of 16 x 24 pixels alone (a)"
    )
    rest = [("movies", movie), ("pictures", picture), ("both", movie), ("both", picture)]
    assert [doubt_of_core("new", view, cores[name]) for name, view in rest] == [""] * 4


def test_no_invertible_map_of_the_core_changes_the_cosines_of_embeddings(fitted: FittedTwin):
    before = embed_units(fitted)
    twin, rng = fitted.twin, torch.Generator().manual_seed(0)
    weights, kernels, bias = twin.animal("planted").readout.weights, twin.core.mix.kernels, twin.core.mix.bias
    norm, mean = twin.core.norm, twin.prior_mean
    a = torch.randn(16, 16, generator=rng, dtype=torch.float64) + 3 * torch.eye(16)
    parts = (weights, mean, kernels, bias, norm.running_mean, norm.running_var)
    kept = [part.clone() for part in parts]
    scale = (norm.running_var + norm.eps).sqrt().double()
    with torch.no_grad():  # features become A F: the norm is folded into the 1 x 1 before it
        bias.copy_((a @ ((bias - norm.running_mean).double() / scale)).float())
        kernels.copy_((a @ (kernels.double() / scale[:, None])).float())
        weights.copy_((weights[:, 0].double() @ torch.linalg.inv(a))[:, None].float())
        mean[..., :-1] = (mean[..., :-1].double() @ torch.linalg.inv(a)).float()
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
    after = embed_units(fitted)
    with torch.no_grad():
        for part, value in zip(parts, kept, strict=True):
            part.copy_(value)
    vectors = [table[[name for name in table if name.startswith("embedding_")]].to_numpy() for table in (before, after)]
    assert vectors[1] @ vectors[1].T == pytest.approx(vectors[0] @ vectors[0].T, abs=2e-3)
    assert after["gain"].to_numpy() == pytest.approx(before["gain"].to_numpy(), rel=2e-3)
    assert np.abs(vectors[0] - vectors[1]).max() < 0.02  # the axes agree as well


def test_what_all_units_of_a_core_have_in_common_is_no_likeness(fitted: FittedTwin):
    weights, mean = fitted.twin.animal("planted").readout.weights, fitted.twin.prior_mean
    kept = weights.clone(), mean.clone()
    before = embed_units(fitted)
    with torch.no_grad():
        weights += 0.3
        mean[..., :-1] += 0.3
    after = embed_units(fitted)
    with torch.no_grad():
        weights.copy_(kept[0])
        mean.copy_(kept[1])
    names = [name for name in before if name.startswith("embedding_")]
    assert fitted.twin.common_readout()[0, :-1].abs().max() > 0
    assert after[names].to_numpy() == pytest.approx(before[names].to_numpy(), abs=1e-4)
    assert not np.allclose(after["gain"], before["gain"], rtol=1e-2)


def test_the_gain_is_the_deviation_of_a_units_drive_on_the_reference_clip(fitted: FittedTwin):
    features = features_on(fitted.twin.core, MODULATORS, reference_clip(16, 24))
    drive = features @ fitted.twin.animal("planted").readout.weights[:, 0].detach().double().numpy().T
    assert embed_units(fitted)["gain"].to_numpy() == pytest.approx(drive.std((0, 1, 2)), rel=1e-4)


def test_a_trained_twin_holds_held_out_responses_for_likelier_than_an_intercept(trained: Trained):
    training, _ = trained.clips["planted"]
    sums = sums_of(trained.twin, held_out_clips(training, ["test"]), left_out_s=20 / HZ, train=training)
    scored = score_units(sums, training.recording.units)
    assert scored["bits_per_response"].median() > 0.05
    assert np.isfinite(scored["binned_bits_per_response"]).all()
    assert len(scored) == 12


@pytest.mark.parametrize("family", FAMILIES)
def test_the_intercept_of_constant_statistics_is_the_maximum(family: str):
    rng = np.random.default_rng(0)
    responses = torch.as_tensor(rng.gamma(1.0, 0.7, (800, 3)) * (rng.random((800, 3)) < 0.6), dtype=torch.float32)
    constant = intercept(FAMILIES[family], responses)
    numbers, shape = constant.numbers, constant.shape
    likelihood = FAMILIES[family].log_likelihood
    best = likelihood(numbers.expand(800, -1, -1), shape, responses).mean(0)
    for factor in (0.85, 1.18):
        other = numbers.clone()
        other[:, 0] *= factor
        assert (likelihood(other.expand(800, -1, -1), shape, responses).mean(0) < best + 1e-4).all()
