"""Claims: where gaze is declared the view is what falls on the retina, wherever the eye looks, and fields are found in its coordinates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.cli.ablate import Part
from graphtwin.coordinates import MINNIE65_MONITOR, Monitor
from graphtwin.sources.formats import Gaze
from graphtwin.training import FitState
from graphtwin.twin.data.clips import BLIND_S, clips_of
from graphtwin.twin.fitting import PARTS, FittedTwin, embed_units, fitted_of, read_twin, seen_by, write_twin
from graphtwin.twin.fitting.foundation import FoundationConfig, Trained, fields_of
from graphtwin.twin.model import AnimalStart, GazeView, Twin, held, tensors
from graphtwin.twin.model.core import ConvolutionalConfig
from graphtwin.twin.runs.ablated import parts_of
from graphtwin.twin.scores import predict_trials, tell_free_repeats
from graphtwin.twin.settings import PerspectiveConfig, TwinConfig
from tests.twin.planted_gaze import HEIGHT, HZ, SCREEN, WIDTH, Planted, pixels, plant_gaze

VIEWS = [{}, {"window_deg": (30.0, 20.0)}, {"fovea_deg": 6.0}, {"window_deg": (40.0, 24.0), "fovea_deg": 4.0}]


def view_of(monitor: Monitor = SCREEN, **settings) -> GazeView:
    return GazeView(PerspectiveConfig(**settings), monitor)


@pytest.fixture(scope="module")
def animal() -> Planted:
    return plant_gaze()


def test_an_eye_that_looks_straight_ahead_sees_the_film_itself():
    film = torch.randn(2, 3, 36, 64)
    assert torch.allclose(view_of()(film, torch.zeros(2, 3, 2)), film, atol=1e-4)


@pytest.mark.parametrize("settings", VIEWS)
def test_every_place_of_the_retina_looks_where_geometry_says(settings: dict):
    view, rng = view_of(**settings), np.random.default_rng(0)
    gaze = rng.normal(0, 8, (5, 2))
    places = torch.tensor(rng.uniform(-1, 1, (40, 2)), dtype=torch.float32)
    right, up = view.degrees(places).numpy().T
    rows, columns = pixels(right, up, gaze)
    expected = np.stack([(columns + 0.5) / WIDTH * 2 - 1, (rows + 0.5) / HEIGHT * 2 - 1], axis=-1)
    assert view.met(torch.tensor(gaze, dtype=torch.float32), places).detach().numpy() == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("settings", VIEWS)
def test_places_and_degrees_are_told_from_each_other_without_loss(settings: dict):
    view, places = view_of(**settings), torch.rand(50, 2) * 2 - 1
    assert torch.allclose(view.positions(view.degrees(places)), places, atol=1e-5)


def test_the_scale_has_halved_at_the_eccentricity_that_says_so_and_is_that_of_the_film_in_the_middle():
    view = view_of(fovea_deg=6.0)
    step = 1e-3
    at = torch.tensor([[0.0, 0.0], [step, 0.0], [6.0, 0.0], [6.0 + step, 0.0]])
    places = view.positions(at)[:, 0]
    assert float((places[3] - places[2]) / (places[1] - places[0])) == pytest.approx(0.5, rel=2e-3)
    rows, columns = view.size(HEIGHT, WIDTH)
    a_pixel = float(view.degrees(torch.tensor([[1e-3, 0.0]]))[0, 0]) / 1e-3 / (columns / 2)
    assert a_pixel == pytest.approx(SCREEN.degrees_a_pixel(HEIGHT, WIDTH)[1], rel=0.03)
    assert rows < HEIGHT and columns < WIDTH  # noqa: PT018


def test_beyond_the_screen_all_is_grey_and_not_the_edge():
    seen = view_of()(torch.ones(1, 1, 36, 64), torch.tensor([[[20.0, 0.0]]])).detach()[0, 0]
    assert (seen[:, 40:] == 0).all()
    assert torch.allclose(seen[6:-6, :24], torch.tensor(1.0))


def test_the_eye_is_taken_to_look_where_it_last_did_across_calls():
    gaze = torch.full((2, 6, 2), torch.nan)
    gaze[0, 1], gaze[0, 4], gaze[1, 0] = torch.tensor([3.0, 4.0]), torch.tensor([5.0, 6.0]), torch.tensor([1.0, 2.0])
    whole, left = held(gaze, {}, {}), {}
    assert whole[0, :, 0].tolist() == [3, 3, 3, 3, 5, 5]
    assert whole[1, :, 1].tolist() == [2] * 6
    parts = [held(gaze[:, :3], {}, left)]
    parts.append(held(gaze[:, 3:], left, {}))
    assert torch.equal(torch.cat(parts, dim=1), whole)
    assert (held(torch.full((1, 3, 2), torch.nan), {}, {}) == 0).all()


def test_answers_count_neither_while_gaze_is_missing_nor_just_after(animal: Planted):
    training, _ = clips_of(animal.recording)
    window = training.read(int(training.rows[0]))
    assert np.flatnonzero(~window.counted[0]).tolist() == list(range(100, 106 + round(BLIND_S * HZ)))
    assert np.isnan(window.eye_position[0, 100:106]).all()
    camera, _ = clips_of(replace(animal.recording, gaze=None))
    assert camera.read(int(camera.rows[0])).counted.all()


def test_gaze_that_is_missing_throughout_is_none_and_all_answers_count(small: Planted):
    lost = {row: replace(small.recording.open_trial(row), eye_position=np.full((120, 2), np.nan, np.float32)) for row in range(5)}
    recording = replace(small.recording, open_trial=lambda row: lost[row])
    fitted = untrained(replace(small, recording=recording))
    window = fitted.clips(recording, ("test",)).read(4)
    assert window.counted.all()
    assert fitted.twin.animal("looking").gaze is None
    assert np.isfinite(predict_trials(fitted.twin, "looking", window)).all()


@pytest.mark.parametrize("settings", [{}, {"window_deg": (36.0, 26.0), "fovea_deg": 10.0}])
def test_fields_are_found_on_the_retina_while_the_eye_jumps(animal: Planted, settings: dict):
    config = FoundationConfig(twin=TwinConfig(perspective=PerspectiveConfig(**settings)))
    training, _ = clips_of(animal.recording)
    fields = fields_of(training, config, SCREEN)
    found = view_of(**settings).degrees(torch.tensor(fields.centres, dtype=torch.float32)).numpy()
    assert (np.hypot(*(found - animal.fields_deg).T) < 2).mean() >= 0.85


def test_fields_of_an_eye_that_jumps_are_not_found_on_the_screen(animal: Planted):
    training, _ = clips_of(animal.recording)
    ignored = fields_of(training, FoundationConfig(twin=TwinConfig(perspective=PerspectiveConfig(learn=False))), SCREEN)
    on_screen = view_of().degrees(torch.tensor(ignored.centres, dtype=torch.float32)).numpy()
    assert (np.hypot(*(on_screen - animal.fields_deg).T) < 2).mean() < 0.5


def untrained(planted: Planted, **perspective) -> FittedTwin:
    """A twin that looks where chance put its units."""
    core = ConvolutionalConfig(first=8, hidden=16, blocks=0, features=12)
    config = FoundationConfig(twin=TwinConfig(core=core, perspective=PerspectiveConfig(**perspective), bf16=False, family="poisson"))
    clips, rng = clips_of(planted.recording), np.random.default_rng(0)
    places = rng.uniform(-0.8, 0.8, planted.fields_deg.shape)
    mean = np.full(len(places), 0.5)
    eye = clips[0].scales.eye_recorded
    start = AnimalStart(places, mean, 0, frame_rate_hz=HZ, monitor=SCREEN, eye=eye, gaze=planted.recording.gaze)
    torch.manual_seed(0)
    twin = Twin(config.twin, {"looking": start}).eval()
    return fitted_of(Trained(twin, config, {"looking": clips}, FitState(), {}, {}))


@pytest.fixture(scope="module")
def small() -> Planted:
    return plant_gaze(units=8, train=4, test=1, frames=120)


@pytest.fixture(scope="module")
def fitted(small: Planted) -> FittedTwin:
    return untrained(small, window_deg=(36.0, 24.0), fovea_deg=8.0)


def test_a_twin_keeps_what_was_declared_and_tells_fields_in_degrees_of_the_retina(small: Planted, fitted: FittedTwin, tmp_path):
    read = read_twin(write_twin(fitted, tmp_path / "twin.pt"))
    assert read.animals["looking"].gaze == small.recording.gaze
    window = read.clips(small.recording, ("test",)).read(4)
    same = [predict_trials(one.twin, "looking", window) for one in (fitted, read)]
    np.testing.assert_array_equal(*same)
    table, head = embed_units(read), read.twin.animal("looking")
    with torch.no_grad():
        of_view = head.perspective.degrees(head.readout.mean_positions()) + head.perspective.offset
    assert table[["rf_x_deg", "rf_y_deg"]].to_numpy() == pytest.approx(of_view.numpy(), abs=1e-5)
    at_rest = np.tan(np.radians(table["rf_x_deg"])) * SCREEN.distance_cm / (SCREEN.width_cm / 2)
    assert table["rf_x"].to_numpy() == pytest.approx(at_rest, abs=5e-3)
    with pytest.raises(
        ValueError,
        match=r"no direction \(eye positions in pixels\), but the twin was trained on degrees with an error of 0 and a delay",
    ):
        read.training(replace(small.recording, gaze=None))


def test_what_is_predicted_depends_on_where_the_eye_looks(small: Planted, fitted: FittedTwin):
    window = fitted.clips(small.recording, ("test",)).read(4)
    moved = replace(window, eye_position=window.eye_position + np.float32(5))
    one, other = (predict_trials(fitted.twin, "looking", each) for each in (window, moved))
    assert np.abs(one - other).max() > 1e-3


def test_what_is_seen_through_the_eye_is_the_view_that_the_core_sees(small: Planted, fitted: FittedTwin):
    test, head = fitted.clips(small.recording, ("test",)), fitted.twin.animal("looking")
    through = seen_by(test, head).read(4)
    plain = test.read(4)
    assert through.video.shape[2:] == head.view_size(HEIGHT, WIDTH)
    gaze = held(torch.from_numpy(plain.eye_position), {}, {})
    with torch.no_grad():
        assert np.array_equal(through.video, head.perspective(torch.from_numpy(plain.video), gaze).numpy())
    assert len(seen_by(test, head).scenes()) == len(test.rows)


def test_an_eye_that_is_taken_to_rest_sees_the_whole_screen(small: Planted):
    fitted = untrained(small, learn=False, window_deg=(20.0, 20.0))
    window = fitted.clips(small.recording, ("test",)).read(4)
    assert fitted.twin.animal("looking").view_size(HEIGHT, WIDTH) == (HEIGHT, WIDTH)
    moved = replace(window, eye_position=window.eye_position + np.float32(5))
    np.testing.assert_array_equal(*(predict_trials(fitted.twin, "looking", each) for each in (window, moved)))
    assert fitted.twin.animal("looking").retinal_degrees() is None


def test_repeats_that_were_seen_with_other_eye_movements_are_told(small: Planted, caplog: pytest.LogCaptureFixture):
    repeated = replace(small.recording, trials=small.recording.trials.assign(stimulus=["a", "b", "c", "d", "d"], tier="test"))
    clips, _ = clips_of(replace(repeated, trials=repeated.trials.assign(tier="train")))
    every = replace(clips, rows=np.arange(5))
    found = tell_free_repeats(every)
    assert found == pytest.approx(8.0, rel=0.4)  # of two draws, of SD 7 and 4
    assert f"gaze differs by {found:.1f} degrees between repeats of 1 stimuli" in caplog.text
    caplog.clear()
    traces = {row: small.recording.open_trial(3).eye_position for row in (3, 4)}
    fixed = replace(every.recording, open_trial=lambda row: replace(small.recording.open_trial(row), eye_position=traces[row]))
    assert tell_free_repeats(replace(every, recording=fixed)) == 0
    assert tell_free_repeats(replace(every, recording=replace(fixed, gaze=None))) is None
    assert not caplog.text


def test_a_view_takes_any_monitor():
    view = view_of(MINNIE65_MONITOR, window_deg=(140.0, 100.0), fovea_deg=10.0)
    assert torch.isfinite(view(torch.randn(1, 2, 36, 64), torch.tensor([[[60.0, -40.0], [-90.0, 30.0]]]))).all()


def test_an_error_of_gaze_is_a_shift_of_where_units_look(small: Planted):
    fitted = untrained(small, window_deg=(40.0, 26.0))
    window, head = fitted.clips(small.recording, ("test",)).read(4), fitted.twin.animal("looking")
    cell = 4 * SCREEN.degrees_a_pixel(HEIGHT, WIDTH)[1]  # of the core's map: in between its features are interpolated
    error = torch.tensor([cell, 0.0])
    plain = predict_trials(fitted.twin, "looking", window)
    moved = predict_trials(fitted.twin, "looking", replace(window, eye_position=window.eye_position + error.numpy()))
    with torch.no_grad():
        places = head.readout.mean_positions()
        head.readout.residual.copy_(head.perspective.positions(head.perspective.degrees(places) + error))
    shifted = predict_trials(fitted.twin, "looking", window)
    assert np.median((shifted - moved)[0, 20:].std(0) / (plain - moved)[0, 20:].std(0)) < 0.35


def test_answers_are_averaged_over_the_error_that_is_declared_or_set_and_not_where_gaze_is_known(small: Planted):
    declared = replace(small, recording=replace(small.recording, gaze=Gaze(error_deg=1.5)))
    settings = {"window_deg": (40.0, 26.0), "fovea_deg": 12.0}
    by_file, by_setting = untrained(declared, **settings), untrained(small, error_deg=1.5, **settings)
    none = untrained(declared, error_deg=0.0, **settings)
    window = by_file.clips(declared.recording, ("test",)).read(4)
    averaged, sharp = (predict_trials(one.twin, "looking", window) for one in (by_file, none))
    np.testing.assert_array_equal(averaged, predict_trials(by_setting.twin, "looking", window))
    with torch.no_grad():
        known = by_file.twin("looking", *tensors(window, torch.device("cpu")), gaze_is_known=True)[0][..., 0]
    assert known.numpy() == pytest.approx(sharp, abs=1e-6)
    head, wanted = none.twin.animal("looking"), np.zeros_like(sharp)
    places, (nodes, weights) = head.readout.mean_positions().detach(), np.polynomial.hermite_e.hermegauss(5)
    for x, of_x in zip(nodes, weights / weights.sum(), strict=True):
        for y, of_y in zip(nodes, weights / weights.sum(), strict=True):
            error = torch.tensor([1.5 * x, 1.5 * y], dtype=torch.float32)
            with torch.no_grad():
                head.readout.residual.copy_(head.perspective.positions(head.perspective.degrees(places) + error))
            wanted += of_x * of_y * predict_trials(none.twin, "looking", window)
    assert np.abs(averaged - wanted).mean() < 0.35 * np.abs(sharp - wanted).mean()


def test_parts_that_declared_gaze_gives_can_be_left_out_and_frames_that_count_stay_the_same(small: Planted):
    erring = replace(small.recording, gaze=Gaze(error_deg=1.0))
    fitted = untrained(replace(small, recording=erring), window_deg=(40.0, 26.0))
    assert [str(part) for part in Part] == list(PARTS)  # what the command takes
    assert {"gaze", "gaze_error", "saccades"} <= set(parts_of(fitted, False, None, "run"))
    unmoved = replace(
        fitted,
        animals={
            name: replace(seen, scales=replace(seen.scales, behaviour=np.array([[0.0], [1.0]]))) for name, seen in fitted.animals.items()
        },
    )
    parts = parts_of(unmoved, False, None, "run")  # eye movements move gains of channels where behaviour does not
    assert "behaviour" not in parts
    assert "feature_gains" in parts
    perspective = {name: PARTS[name].config(fitted.config).twin.perspective for name in ("gaze", "gaze_error", "saccades")}
    assert (perspective["gaze"].learn, perspective["gaze_error"].error_deg, perspective["saccades"].saccades) == (False, 0.0, False)
    windows = [clips_of(PARTS[name].recording(erring))[0].read(0) for name in ("gaze", "recurrence")]
    np.testing.assert_array_equal(*(window.counted for window in windows))
    for gaze, settings, why in (
        (Gaze(0.0), {}, "its gaze has no error, neither declared nor set"),
        (Gaze(1.0), {"error_deg": 0.0}, "its gaze has no error, neither declared nor set"),
        (Gaze(1.0), {"learn": False}, "its view does not follow the eye"),
    ):
        lacking = untrained(replace(small, recording=replace(small.recording, gaze=gaze)), **settings)
        with pytest.raises(ValueError, match=f"gaze_error: {why}"):
            parts_of(lacking, False, ["gaze_error"], "run")
