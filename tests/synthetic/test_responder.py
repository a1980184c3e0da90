from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.synthetic.function import stimuli
from graphtwin.synthetic.function.behaviour import Behaviour, behave
from graphtwin.synthetic.function.preferences import TuningConfig, draw_tuning
from graphtwin.synthetic.function.visual_responder import VisualResponder, expected_rates, responder, shifted, still_rates, visual_rates
from tests.synthetic.planted_neurons import planted_neurons

N = 60
DIRECTIONS = np.arange(16) * 22.5


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    neurons = planted_neurons(N)
    neurons[["rf_x", "rf_y"]] *= 0.4  # away from the border, so that all of a field is on the screen
    return draw_tuning(neurons, TuningConfig(), seed=0, animal=1).table


@pytest.fixture(scope="module")
def of(table: pd.DataFrame) -> VisualResponder:
    return responder(table)


def _still(n_frames: int, running: float = 0.0, gaze: tuple[float, float] = (0.0, 0.0)) -> Behaviour:
    flat = np.zeros(n_frames, dtype=np.float32)
    turned = np.tile(np.array(gaze, dtype=np.float32), (n_frames, 1))
    return Behaviour(flat + np.float32(running), flat + 33, turned, turned)


def test_gratings_find_the_planted_orientation_and_direction(table: pd.DataFrame, of: VisualResponder):
    answers = np.stack([visual_rates(of, stimuli.grating_film(at, 0.045, 2.6, 60))[:, 20:].mean(1) for at in DIRECTIONS], axis=1)
    angle = np.deg2rad(DIRECTIONS)
    orientation = np.degrees(np.angle(answers @ np.exp(2j * angle))) / 2
    off = np.abs((orientation - table["orientation_deg"] + 90) % 180 - 90)
    assert np.median(off) < 2
    assert np.quantile(off, 0.9) < 6
    directed = table["dsi"].to_numpy() > 0.35
    direction = np.degrees(np.angle(answers @ np.exp(1j * angle)))
    wrong = np.abs((direction - table["direction_deg"] + 180) % 360 - 180)[directed]
    assert np.median(wrong) < 6
    assert (wrong > 45).mean() == 0


def test_preferred_over_null_drive_is_the_planted_selectivity(table: pd.DataFrame):
    for row in range(4):
        pure = table.iloc[[row]].assign(adaptation=1e-6, normalisation=1e-6, surround=1e-6, complexity=1.0, rate_hz=1.0)
        unit = responder(pure)
        setting = pure.iloc[0]
        rates = [
            visual_rates(unit, stimuli.grating_film(setting["direction_deg"] + turn, setting["sf_cpd"], setting["tf_hz"], 90, contrast=0.1))
            for turn in (0.0, 180.0)
        ]
        # R = D / (0.5 + D / 4) is undone; its scale cancels in the ratio of the two drives up to the saturation.
        saturated = [rate[:, 40:].mean() * unit.rate_scale[0] for rate in rates]
        preferred, null = (0.5 * value / (1 - value / 4) for value in saturated)
        assert (preferred - null) / (preferred + null) == pytest.approx(setting["dsi"], abs=0.03)


def test_complex_cells_do_not_care_for_phase_and_simple_ones_do(table: pd.DataFrame):
    modulation = {}
    for complexity in (1.0, 0.0):
        units = table.iloc[:20].assign(complexity=complexity, adaptation=1e-6)
        of = responder(units)
        shown = [
            visual_rates(of, stimuli.grating_film(row.direction_deg, row.sf_cpd, 3.0, 90))[at, 30:]
            for at, row in enumerate(units.itertuples())
        ]
        cycle = np.exp(-2j * np.pi * 3.0 * np.arange(60) / 30)
        modulation[complexity] = np.array([2 * abs(rate @ cycle) / rate.sum() for rate in shown])
    assert np.median(modulation[1.0]) < 0.12  # F1 / F0 of complex cells is 0
    assert np.median(modulation[0.0]) > 1.0  # and above 1 of simple ones


def test_an_eye_that_turns_by_whole_pixels_sees_a_shifted_picture(of: VisualResponder):
    wide = np.random.default_rng(0).uniform(0, 255, (20, stimuli.HEIGHT + 8, stimuli.WIDTH + 8)).astype(np.float32)
    straight, moved = wide[:, 4:-4, 4:-4], wide[:, 2:-6, 7:-1]  # the second looks 3 px to the right and 2 up
    seen = shifted(np.ascontiguousarray(straight), np.tile(np.float32([3, 2]), (20, 1)))
    np.testing.assert_allclose(seen[:, 2:, :-3], moved[:, 2:, :-3], rtol=1e-5)
    frames = np.ascontiguousarray(moved)
    turned = expected_rates(of, np.ascontiguousarray(straight), _still(20, gaze=(3, 2)))
    np.testing.assert_allclose(turned, expected_rates(of, frames, _still(20)), rtol=0.25, atol=0.05)


def test_half_a_pixel_is_the_mean_of_two():
    picture = np.arange(36 * 64, dtype=np.float32).reshape(1, 36, 64)
    seen = shifted(picture, np.float32([[0.5, 0.0]]))
    np.testing.assert_allclose(seen[0, :, :-1], picture[0, :, :-1] + 0.5)
    np.testing.assert_allclose(seen[0, :, -1], picture[0, :, -1])  # the border goes on


def test_fields_lie_where_they_are_planted(table: pd.DataFrame):
    """A small patch of the unit's grating drives it where its field is planted, and hardly elsewhere."""
    rows, columns = (1 - table["rf_y"]) / 2 * 36 - 0.5, (1 + table["rf_x"]) / 2 * 64 - 0.5
    pure = table.assign(normalisation=1e-6, surround=1e-6, complexity=1.0)
    of = responder(pure)
    y, x = np.mgrid[:36, :64]
    for unit in range(3):
        drifting = stimuli.grating_film(pure["direction_deg"][unit], pure["sf_cpd"][unit], 2.6, 40, contrast=0.2) - 127.5
        shown = []
        for right in (0, 5, -5, 12):
            window = np.exp(-((x - columns[unit] - right) ** 2 + (y - rows[unit]) ** 2) / 8)
            shown.append(visual_rates(of, (127.5 + window * drifting).astype(np.float32))[unit, 15:].mean())
        assert shown[0] > max(shown[1:3])
        assert shown[0] > 10 * shown[3]


def test_normalisation_makes_contrast_saturate_and_a_surround_makes_large_gratings_weaker(table: pd.DataFrame):
    units = table.iloc[:12].assign(complexity=1.0, normalisation=1.5, surround=2.0, adaptation=1e-6)
    of = responder(units)
    y, x = np.mgrid[:36, :64]
    rows, columns = (1 - units["rf_y"]) / 2 * 36 - 0.5, (1 + units["rf_x"]) / 2 * 64 - 0.5
    ratios, sizes = [], []
    for at, row in enumerate(units.itertuples()):
        drifting = [stimuli.grating_film(row.direction_deg, row.sf_cpd, row.tf_hz, 60, contrast=contrast) for contrast in (0.25, 0.5, 1.0)]
        low, middle, high = (visual_rates(of, frames)[at, 20:].mean() for frames in drifting)
        ratios.append((high - middle) / (middle - low))
        window = np.exp(-((x - columns[at]) ** 2 + (y - rows[at]) ** 2) / (2 * (row.rf_sigma_deg / 3.29 * 1.8) ** 2))
        small = visual_rates(of, (127.5 + window * (drifting[2] - 127.5)).astype(np.float32))[at, 20:].mean()
        sizes.append(high / small)
    assert np.median(ratios) < 2.0  # energy alone would give 4
    assert np.median(sizes) < 1.0


def test_answers_adapt_to_a_grating_that_goes_on(table: pd.DataFrame):
    units = table.iloc[:10].assign(complexity=1.0, adaptation=1.0)
    of = responder(units)
    for at, row in enumerate(units.itertuples()):
        rate = visual_rates(of, stimuli.grating_film(row.direction_deg, row.sf_cpd, row.tf_hz, 120))[at]
        assert rate[100:].mean() < 0.9 * rate[12:30].mean()


def test_running_and_pupil_multiply_rates_by_the_planted_weights(table: pd.DataFrame, of: VisualResponder):
    frames = stimuli.film("dead_leaves", 0, "clip", n_frames=60)
    rest, run = expected_rates(of, frames, _still(60)), expected_rates(of, frames, _still(60, running=15.0))
    ratio = run[:, 20:].sum(1) / rest[:, 20:].sum(1)
    np.testing.assert_allclose(ratio, np.exp(table["running_weight"] * 2 * np.tanh(1.0)), rtol=1e-4)


def test_mean_rates_over_other_movies_are_about_those_planted(table: pd.DataFrame, of: VisualResponder):
    shown = np.concatenate([visual_rates(of, stimuli.film("dead_leaves", 5, clip, n_frames=300)) for clip in range(4)], axis=1)
    ratio = shown.mean(1) / table["rate_hz"].to_numpy()
    assert 0.8 < np.median(ratio) < 1.25


def test_the_future_does_not_change_the_past(of: VisualResponder):
    frames = stimuli.film("dead_leaves", 0, "clip", n_frames=90)
    changed = frames.copy()
    changed[60:] = 0
    before, after = visual_rates(of, frames), visual_rates(of, changed)
    np.testing.assert_array_equal(before[:, :62], after[:, :62])  # 60 and the latency of two frames
    assert not np.array_equal(before[:, 62:], after[:, 62:])


def test_units_respond_alike_in_any_order_and_company(table: pd.DataFrame, of: VisualResponder):
    frames = stimuli.film("gabors", 0, "clip", n_frames=60)
    some = np.array([41, 3, 17])
    np.testing.assert_allclose(visual_rates(responder(table.iloc[some]), frames), visual_rates(of, frames)[some], rtol=2e-3, atol=1e-4)


def test_a_still_picture_answers_as_a_film_of_it(of: VisualResponder):
    picture = stimuli.film("natural_images", 0, "one", n_frames=1)
    film = visual_rates(of, np.repeat(picture, 17, axis=0))[:, 2:].mean(1)
    np.testing.assert_allclose(still_rates(of, picture, 15, np.zeros((1, 2), dtype=np.float32))[:, 0], film, rtol=1e-3, atol=1e-4)


def test_fields_beside_the_monitor_are_refused(table: pd.DataFrame):
    away = table.assign(rf_x=[1.2, *table["rf_x"][1:]])
    with pytest.raises(
        ValueError, match=r"1 of 60 receptive fields lie beside the monitor, whose edges are -1 and 1 \(first nucleus 200000\)"
    ):
        responder(away)


def test_behaviour_of_another_length_is_refused(of: VisualResponder):
    with pytest.raises(ValueError, match=r"30 frames were shown, but behaviour has 20\. Cut both to the same clip\."):
        expected_rates(of, stimuli.film("gabors", 0, n_frames=30), _still(20))


def test_behaviour_is_slow_tied_to_running_and_the_camera_sees_gaze_linearly():
    traces = behave(18_000, seed=0, animal=1, scan="1-1")
    running, pupil = traces.running > 2, traces.pupil_size
    assert 0.15 < running.mean() < 0.6
    assert pupil[running].mean() > pupil[~running].mean() + 1
    assert np.corrcoef(pupil[:-1], pupil[1:])[0, 1] > 0.99
    np.testing.assert_allclose(traces.gaze.std(0), [1.2, 0.6], rtol=0.2)
    design = np.column_stack([traces.gaze, np.ones(len(traces.gaze))])
    residual = traces.pupil_center - design @ np.linalg.lstsq(design, traces.pupil_center, rcond=None)[0]
    assert np.abs(residual).max() < 1e-3
