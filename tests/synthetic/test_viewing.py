"""Simulated animals that look around: eyes, retinal pictures, units in retinal coordinates, files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.sources import open_recording
from graphtwin.synthetic.function import GREY
from graphtwin.synthetic.viewing import (
    GazeConfig,
    ScreenConfig,
    ViewingConfig,
    answering,
    draw_area,
    look,
    places_on,
    preferred_orientations,
    retinal_pictures,
    tracked,
    turned,
    visual_answers,
    write_viewing,
)
from graphtwin.synthetic.viewing.gaze import SUBSAMPLES
from graphtwin.synthetic.viewing.retina import ACROSS, DEGREES, DOWN, retinal_rays

SCREEN = ScreenConfig()


@pytest.fixture(scope="module")
def gaze():
    return look(3000, GazeConfig(), 7, "test")


def test_fixations_last_as_long_and_spread_as_far_as_is_asked(gaze):
    lasts = np.diff(np.flatnonzero(np.diff(gaze.fixation))) / (SUBSAMPLES * 30.0)
    assert 0.30 <= lasts.mean() <= 0.45  # a third of a second, and the saccade before it
    places = np.stack([gaze.degrees[gaze.fixation == one][-1] for one in range(gaze.fixation.max())])
    assert np.allclose(places.std(0), [7.5, 4.0], rtol=0.2)


def test_the_measured_gaze_is_off_by_one_error_a_fixation_and_is_late():
    config = GazeConfig(error_deg=1.0, jitter_deg=0.0, delay_s=0.05, blinks_hz=0.0, drift_deg=0.0)
    eye = look(6000, config, 3, "test")
    seconds, measured = tracked(eye, config, 3, "test")
    was = np.rint((seconds - 0.05) * SUBSAMPLES * 30.0).astype(int).clip(0)
    off = measured - eye.degrees[was]
    first = np.unique(eye.fixation[was], return_index=True)[1]
    assert np.abs(off - off[first][eye.fixation[was]]).max() < 1e-9  # the same throughout a fixation
    assert np.allclose(off[first].std(0), 1.0, atol=0.12)


def test_blinks_leave_gaps(gaze):
    _, measured = tracked(gaze, GazeConfig(), 7, "test")
    assert np.isnan(measured).any(1).mean() == pytest.approx(gaze.closed.mean(), abs=2e-3)
    assert gaze.closed.any()


def test_a_fixated_place_is_looked_at_throughout():
    held = look(600, GazeConfig(blinks_hz=0.0), 1, "held", at=(5.0, -2.0))
    assert not len(held.onsets)
    assert np.abs(held.degrees - [5.0, -2.0]).max() < 3.0


def test_the_fovea_sees_where_the_eye_looks():
    eye = np.array([[6.0, 2.0], [-8.0, -3.0]])
    met = places_on(SCREEN, turned(np.array([[0.0, 0.0, 1.0]]), eye))[:, 0]
    pitch, yaw = np.deg2rad(eye[:, 1]), np.deg2rad(eye[:, 0])
    centimetres = 57.0 * np.stack([np.tan(yaw), -np.tan(pitch) / np.cos(yaw)], axis=1)
    assert np.allclose(met, centimetres / [25.4, 13.8], atol=1e-9)


@pytest.mark.parametrize("shape", ["flat", "cylinder", "sphere"])
def test_a_dot_on_any_screen_is_seen_in_its_direction(shape):
    screen = ScreenConfig(shape=shape, distance_cm=30.0, width_cm=60.0, height_cm=32.0)
    frames = np.full((1, 36, 64), 0.0)
    frames[0, 12:15, 40:43] = 255.0  # middle of pixel 41, 13
    x, y = (41.5 / 32 - 1) * 30.0, (1 - 13.5 / 18) * 16.0
    ray = {
        "flat": [x, y, 30.0],
        "cylinder": [np.sin(x / 30), y / 30, np.cos(x / 30)],
        "sphere": [np.cos(y / 30) * np.sin(x / 30), np.sin(y / 30), np.cos(y / 30) * np.cos(x / 30)],
    }[shape]
    azimuth, elevation = np.rad2deg(np.arctan2(ray[0], ray[2])), np.rad2deg(np.arctan2(ray[1], np.hypot(ray[0], ray[2])))
    seen = retinal_pictures(frames, np.array([[azimuth, elevation]]), screen).reshape(DOWN, ACROSS)
    weights = np.maximum(seen - 1, 0) * (seen != GREY)
    rows, columns = np.mgrid[:DOWN, :ACROSS]
    middle = [(weights * axis).sum() / weights.sum() for axis in (rows, columns)]
    assert np.allclose(middle, [(DOWN - 1) / 2, (ACROSS - 1) / 2], atol=0.35)


def test_a_turned_screen_is_nearer_on_one_side():
    rays = np.array([[np.sin(a), 0.0, np.cos(a)] for a in (-0.2, 0.2)])
    left, right = places_on(ScreenConfig(turned_deg=30.0), rays)[:, 0]
    assert abs(left) < abs(right)  # the right edge is further off: a degree there covers more of the screen


def test_beyond_the_screen_is_grey():
    seen = retinal_pictures(np.zeros((1, 36, 64)), np.array([[40.0, 0.0]]), SCREEN).reshape(DOWN, ACROSS)
    assert (seen[:, -10:] == GREY).all()
    assert (seen[DOWN // 2, :4] == 0).all()


@pytest.mark.parametrize("area", ["V1", "LM", "V4"])
def test_units_answer_to_what_is_in_their_field_alone(area):
    config = ViewingConfig(area=area, units=8, seed=4)
    units = draw_area(config, 1)
    of = answering(units, config)
    rng = np.random.default_rng(0)
    pictures = np.full((3, DOWN * ACROSS), GREY)
    pictures[1:] += 80 * rng.choice([-1.0, 1.0], DOWN * ACROSS)
    right = np.tile((np.arange(ACROSS) - (ACROSS - 1) / 2) * DEGREES, DOWN)
    up = np.repeat(((DOWN - 1) / 2 - np.arange(DOWN)) * DEGREES, ACROSS)
    at = units.table.iloc[0]
    far = np.hypot(right - at["right_deg"], up - at["up_deg"]) > 6 * at["size_deg"]
    pictures[2, far] = GREY + 80 * rng.choice([-1.0, 1.0], far.sum())
    answers = [visual_answers(of, np.repeat(one[None], 30, axis=0), np.zeros(30))[0, 12] for one in pictures]
    assert answers[1] == pytest.approx(answers[2], rel=0.02)
    assert answers[1] > 10 * answers[0]


def test_higher_areas_have_larger_fields():
    sizes = {area: draw_area(ViewingConfig(area=area, units=200), 1).table["size_deg"].median() for area in ("V1", "LM", "V4")}
    assert sizes["V1"] < sizes["LM"] < sizes["V4"]


def test_attention_moves_what_v4_prefers_towards_the_attended_orientation_and_not_what_v1_prefers():
    for area, moves in (("V1", False), ("V4", True)):
        config = ViewingConfig(area=area, units=24, seed=2)
        units = draw_area(config, 1)
        of = answering(units, config)
        low, high = (preferred_orientations(of, state) for state in (-0.7, 0.9))
        apart = [np.abs((one - units.attended_deg + 90) % 180 - 90) for one in (low, high)]
        if moves:
            assert np.median(apart[1]) < np.median(apart[0]) - 2
        else:
            assert np.allclose(*apart, atol=1e-3)


def test_without_attention_a_v4_unit_prefers_the_same_in_every_state():
    config = ViewingConfig(area="V4", units=6, seed=2, attention=0.0)
    of = answering(draw_area(config, 1), config)
    assert np.allclose(preferred_orientations(of, -0.7), preferred_orientations(of, 0.9), atol=1e-6)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("viewing")
    config = {"seed": 5, "units": 6, "minutes": 0.2, "clip_s": 4.0, "test_clips": 1, "fixation_clips": 1, "repeats": 2}
    write_viewing(ViewingConfig.model_validate(config), folder)
    return folder


def test_the_recording_opens_and_its_gaze_is_the_eyes(written):
    (folder,) = (written / "recordings").iterdir()
    recording = open_recording(folder)
    assert recording.trials["tier"].value_counts().to_dict() == {"train": 3, "validation": 2, "test": 2, "fixation": 2}
    assert recording.monitor.width_cm == 50.8
    trial = recording.open_trial(0)
    told = np.load(written / "truth" / folder.name / "gaze" / "0.npy")
    off = trial.eye_position - told
    assert np.nanmedian(np.abs(off)) < 0.2
    assert json.loads((folder / "config.json").read_text())["gaze"] == {"unit": "degrees", "error_deg": 0.0, "delay_s": 0.0}


def test_repeats_of_a_film_are_seen_with_other_eye_movements(written):
    (folder,) = (written / "recordings").iterdir()
    trials = open_recording(folder).trials
    first, second = trials.index[trials["tier"] == "test"]
    assert trials["stimulus"][first] == trials["stimulus"][second]
    gaze = [np.load(written / "truth" / folder.name / "gaze" / f"{row}.npy") for row in (first, second)]
    assert np.abs(gaze[0] - gaze[1]).mean() > 1


def test_what_is_expected_is_the_mean_of_the_responses(written):
    (folder,) = (written / "recordings").iterdir()
    paths = sorted((written / "truth" / folder.name / "expected").iterdir())
    expected = [np.load(path) for path in paths]
    counts = [np.load(folder / "data" / "responses" / path.name) for path in paths]
    total = np.concatenate(expected, axis=1).sum(1)
    assert np.all(np.abs(np.concatenate(counts, axis=1).sum(1) - total) < 5 * np.sqrt(total))


def test_the_nwb_file_has_the_gaze_at_its_own_rate(written):
    h5py = pytest.importorskip("h5py")
    (path,) = (written / "nwb").iterdir()
    with h5py.File(path) as file:
        eye = file["acquisition/EyeTracking/eye_position"]
        assert eye["data"].attrs["unit"] == "degrees"
        times = eye["timestamps"][:]
        assert np.median(np.diff(times)) == pytest.approx(1 / 250)
    recording = open_recording(path)
    assert len(recording.trials) == 3
    assert np.isfinite(recording.open_trial(0).eye_position).mean() > 0.8


def test_fields_are_told_in_degrees_about_the_gaze(written):
    units = pd.read_parquet(written / "truth" / "animal1" / "units.parquet")
    assert len(units) == 6
    assert (units["right_deg"].abs() <= 8.0).all()


def test_rays_of_the_retina_cover_what_is_said():
    rays = retinal_rays()
    assert np.rad2deg(np.arctan2(rays[-1, 0], rays[-1, 2])) == pytest.approx((ACROSS - 1) / 2 * DEGREES)
