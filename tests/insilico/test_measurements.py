"""What is measured on units with planted latency, size, contrast, direction and state dependence is what was planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import curve_fit

from graphtwin.insilico.measurements import (
    NoiseConfig,
    PatchConfig,
    StateConfig,
    answer_series,
    compare_states,
    describe_kernels,
    fit_directions,
    fit_naka_rushton,
    measure_contrasts,
    measure_latencies,
    measure_noise_maps,
    measure_sizes,
    measure_state_dependence,
    screen_of,
    selectivity_tests,
)
from graphtwin.insilico.responders import TorchResponder
from graphtwin.insilico.stimuli import DriftingGrating, StaticGrating
from tests.insilico.known_responders import GREY, MONITOR, RATE, SIZE, gabor, linear_units, places, unit_table

FINE = (36, 64)
DEGREES = np.arange(16) * 22.5


def module_of(rates, units: int, size=SIZE, **told) -> TorchResponder:
    """Units whose rates are a function of contrast [clips frames pixels] (and of behaviour, where channels are given)."""

    def module(clips: torch.Tensor, *behaviour: torch.Tensor) -> torch.Tensor:
        return rates((clips - GREY[0]).flatten(2) / GREY[1], *behaviour)

    facts = {"units": unit_table(units), "frame_rate_hz": RATE, "size": size, "grey": GREY, "monitor": MONITOR}
    return TorchResponder(name="planted", module=module, **(facts | told))


def energies(degrees, size=SIZE, **patch):
    """Function from contrast to the energies of quadrature pairs at some orientations."""
    pairs = [
        torch.as_tensor(np.stack([gabor(0, 0, angle, phase=phase, size=size, **patch).ravel() for angle in degrees]), dtype=torch.float32)
        for phase in (0.0, np.pi / 2)
    ]
    return lambda contrast: sum((contrast @ pair.T) ** 2 for pair in pairs)


def test_a_series_is_answered_in_its_order_whatever_the_lengths():
    of = module_of(lambda contrast: torch.stack([contrast.abs().mean(2), 0 * contrast[..., 0] + 3, contrast[..., 0]], 2), 3)
    stimuli = [StaticGrating(contrast=c, duration_s=t) for c, t in ((1.0, 1.0), (0.25, 0.7), (0.5, 1.0))]
    answers = answer_series(of, stimuli, onset_s=0.2)
    assert answers.mean[:, 0] / answers.mean[0, 0] == pytest.approx([1, 0.25, 0.5], rel=1e-5)
    assert answers.mean[:, 1] == pytest.approx(3)
    assert answers.rest == pytest.approx([0, 3, 0], abs=1e-6)
    assert replace(answers, signed=True).driven[:, 1] == pytest.approx(0)
    with pytest.raises(ValueError, match=r"1 of 3 stimuli last no longer than the 21 frames that do not count"):
        answer_series(of, [stimuli[0], StaticGrating(duration_s=0.7), stimuli[2]], onset_s=0.7)
    assert screen_of(of, 1.5).amplitude == pytest.approx(60)


@pytest.mark.parametrize("frames", [0, 1, 4])
def test_latency_is_the_planted_delay(frames, caplog):
    of = linear_units(np.stack([gabor(0, 0, 0), gabor(10, 5, 45), gabor(-20, -10, 90)]))

    def module(clips: torch.Tensor) -> torch.Tensor:
        late = torch.cat([clips[:, :1]] * frames + [clips], 1)[:, : clips.shape[1]]
        return of.module(late) * torch.tensor([1.0, 1.0, 0.0])

    found = measure_latencies(replace(of, module=module))
    assert found["latency_s"][:2].to_numpy() == pytest.approx(frames / RATE, abs=1e-6)
    assert np.isnan(found["latency_s"][2])
    assert "1 of 3 units have no latency: 60 pictures of noise change nothing in their answers" in caplog.text
    with pytest.raises(ValueError, match="single pictures have no latency"):
        measure_latencies(replace(of, frame_rate_hz=np.nan))


def test_a_leaky_answer_is_late_by_the_time_to_half_of_its_plateau():
    """Three frames' mean of what is seen: half of the plateau is reached between the first and the second frame."""
    of = linear_units(np.stack([gabor(0, 0, 0)]))

    def module(clips: torch.Tensor) -> torch.Tensor:
        past = torch.cat([clips[:, :1]] * 2 + [clips], 1)
        return 5 + torch.stack([(past[:, at : at + clips.shape[1]] - 120).flatten(2) @ gabor_row for at in range(3)]).mean(0)[..., None]

    gabor_row = torch.as_tensor(gabor(0, 0, 0).ravel() / GREY[1], dtype=torch.float32)
    found = measure_latencies(replace(of, module=module, signed=True))
    assert found["latency_s"][0] == pytest.approx(
        1 / RATE, abs=1e-6
    )  # 1/3, 2/3, 1: half lies between frames 0 and 1, each half a frame wide
    assert found["time_to_peak_s"][0] == pytest.approx(2 / RATE)


def test_the_kernel_is_the_planted_course():
    planted = np.array([0.0, 0.5, 1.0, -0.4])
    row = torch.as_tensor(gabor(0, 0, 30).ravel(), dtype=torch.float32)

    def rates(contrast: torch.Tensor) -> torch.Tensor:
        past = torch.cat([0 * contrast[:, :3], contrast], 1) @ row
        return 5 + sum(weight * past[:, 3 - lag : past.shape[1] - lag] for lag, weight in enumerate(planted))[..., None]

    maps = measure_noise_maps(module_of(rates, 1, signed=True), "average", NoiseConfig(patterns=6000, patch_deg=3.0, held_s=1 / 30))
    found = describe_kernels(maps).iloc[0]
    assert found[["kernel_0", "kernel_1", "kernel_2", "kernel_3"]].to_numpy(float) == pytest.approx(
        planted / np.linalg.norm(planted), abs=0.06
    )
    assert (found["kernel_peak_s"], found["kernel_squared"]) == (pytest.approx(2 / RATE), False)
    assert found["kernel_biphasic"] == pytest.approx(0.4, abs=0.08)


def centre_surround(inhibition: float) -> TorchResponder:
    """Contrast energy in a Gaussian of 8 degrees less that in one of 20, at two places; a third unit is blind."""
    right, up = places(FINE)

    def weights(x: float, y: float, sd: float) -> np.ndarray:
        bell = np.exp(-((right - x) ** 2 + (up - y) ** 2) / (2 * sd**2))
        return (bell / bell.sum()).ravel()

    fields = [weights(x, y, 8.0) - inhibition * weights(x, y, 20.0) for x, y in ((0.0, 0.0), (24.0, -9.0))]
    rows = torch.as_tensor(np.stack([*fields, 0 * fields[0]]), dtype=torch.float32)
    return module_of(lambda contrast: 1 + contrast**2 @ rows.T, 3, FINE, signed=True)


PREFERRED = pd.DataFrame(
    {
        "field_x_deg": [0.0, 24.0, 0.0],
        "field_y_deg": [0.0, -9.0, 0.0],
        "direction_deg": [0.0, 91.0, 0.0],
        "orientation_deg": [0.0, 91.0, 0.0],
        "spatial_frequency_cpd": 0.05,
        "temporal_frequency_hz": 2.0,
    }
)


@pytest.mark.parametrize("inhibition", [0.6, 0.0])
def test_preferred_size_and_surround_suppression_are_the_planted_ones(inhibition, caplog):
    found = measure_sizes(centre_surround(inhibition), PREFERRED)
    diameters = np.geomspace(8, 90, 2000)
    inside = [1 - np.exp(-(diameters**2) / (8 * sd**2)) for sd in (8.0, 20.0)]
    curve = inside[0] - inhibition * inside[1]
    assert found["surround_suppression"][:2].to_numpy() == pytest.approx(1 - curve[-1] / curve.max(), abs=0.04)
    if inhibition:
        assert found["preferred_size_deg"][:2].to_numpy() == pytest.approx(diameters[curve.argmax()], rel=0.08)
    assert (found["size_r2"][:2] > 0.99).all()
    assert found[["preferred_size_deg", "surround_suppression"]].iloc[2].isna().all()
    assert "disc tuning: nothing is told of 1 of 3 units: 0 have no place or prefer nothing, 1 give the same answer to all" in caplog.text


def test_units_without_a_place_are_left_out_and_those_that_share_one_see_the_same_discs(caplog):
    preferred = PREFERRED.assign(field_x_deg=[0.0, np.nan, 1.0])
    shown = []
    of = centre_surround(0.5)
    counted = replace(of, module=lambda clips: (shown.append(len(clips)), of.module(clips))[1])
    found = measure_sizes(counted, preferred)
    assert sum(shown) == len(PatchConfig().diameters_deg)  # 0 and 1 degree lie in one cell of the grid
    assert found["preferred_size_deg"].isna().tolist() == [False, True, True]
    assert "2 of 3 units: 1 have no place" in caplog.text
    with pytest.raises(ValueError, match="preferences of 2 units, but 3 answer"):
        measure_sizes(of, PREFERRED[:2])


def test_the_contrast_curve_is_the_planted_one():
    energy = energies([0.0, 90.0])
    screen = screen_of(module_of(lambda contrast: energy(contrast), 2))
    full = torch.as_tensor(StaticGrating(cycles_per_degree=0.04).render(screen).flatten(1)[None] * 2)
    strongest = float(energy(full)[0, 0, 0])
    planted = {"c50": np.array([0.2, 0.45]), "contrast_exponent": np.array([2.5, 1.6])}

    def rates(contrast: torch.Tensor) -> torch.Tensor:
        seen = (energy(contrast) / strongest).clamp(min=1e-9).sqrt()
        half, power = (torch.as_tensor(values, dtype=torch.float32) for values in planted.values())
        return 2 + 10 / (1 + (half / seen) ** power)

    preferred = PREFERRED[:2].assign(field_x_deg=0.0, field_y_deg=0.0, direction_deg=[0.0, 90.0], spatial_frequency_cpd=0.04)
    found = measure_contrasts(module_of(rates, 2), preferred.assign(preferred_size_deg=90.0))
    for name, values in planted.items():
        assert found[name].to_numpy() == pytest.approx(values, rel=0.1), name
    assert found["contrast_rmax"].to_numpy() == pytest.approx(10, rel=0.1)
    assert (found["contrast_r2"] > 0.999).all()


def test_answers_that_do_not_saturate_have_no_half_and_are_counted(caplog):
    energy = energies([0.0, 90.0])
    preferred = PREFERRED[:2].assign(field_x_deg=0.0, field_y_deg=0.0, direction_deg=[0.0, 90.0], spatial_frequency_cpd=0.04)
    found = measure_contrasts(module_of(energy, 2), preferred.assign(preferred_size_deg=90.0))  # energies grow as contrast squared
    assert found[["c50", "contrast_rmax"]].isna().all(axis=None)
    assert found["contrast_exponent"].to_numpy() == pytest.approx(2.0, rel=0.05)
    assert "answers of 2 of 2 units do not saturate up to contrast 1" in caplog.text


def test_a_contrast_curve_is_that_of_least_squares_by_scipy():
    contrasts = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 1.0])
    rng = np.random.default_rng(0)

    def curve(c, height, half, power):
        return height * c**power / (c**power + half**power)

    wanted = np.stack([curve(contrasts, 1, half, 2.0) + 0.02 * rng.standard_normal(6) for half in (0.1, 0.3)])
    found, _ = fit_naka_rushton(wanted, contrasts)
    for one, values in zip(found, wanted, strict=True):
        best, _ = curve_fit(curve, contrasts, values, [1, 0.2, 2])
        assert [one[0], *np.exp(one[1:])] == pytest.approx(best, rel=1e-3)


def von_mises(mu: float, kappa: float, height: float, opposite: float, low: float) -> np.ndarray:
    away = np.cos(np.radians(DEGREES - mu))
    return low + height * np.exp(kappa * (away - 1)) + opposite * np.exp(kappa * (-away - 1))


def test_directions_and_orientations_are_the_planted_ones(caplog):
    curves = np.stack(
        [von_mises(mu, 3.0, 8.0, 8.0 * share, 1.0) for mu, share in ((13.0, 0.2), (100.0, 1.0), (290.0, 0.0))] + [np.full(16, 2.0)]
    )
    found = fit_directions(curves[:, None].repeat(3, 1), DEGREES)
    assert found["direction_deg"][[0, 2]].to_numpy() == pytest.approx([13, 290], abs=0.5)
    assert found["direction_index"][:3].to_numpy() == pytest.approx([0.8 / 1.2, 0, 1], abs=0.02)
    assert found["orientation_deg"][:3].to_numpy() == pytest.approx([13, 100, 110], abs=0.5)
    assert (found[["direction_r2", "orientation_r2"]][:3] > 0.99).all(axis=None)
    assert found.iloc[3].isna().all()


def test_the_width_of_an_orientation_peak_is_where_it_has_half_of_its_height():
    curve = 1 + 8 * np.exp(1.5 * (np.cos(2 * np.radians(DEGREES - 75.0)) - 1))
    found = fit_directions(curve[None, None], DEGREES).iloc[0]
    assert found["orientation_deg"] == pytest.approx(75, abs=0.01)
    assert 8 * np.exp(1.5 * (np.cos(2 * np.radians(found["orientation_width_deg"])) - 1)) == pytest.approx(4, rel=1e-3)
    assert found["orientation_index"] == pytest.approx(8 / 10, rel=1e-3)


def test_selectivity_of_units_that_have_none_is_found_at_the_nominal_rate():
    trials = np.random.default_rng(3).poisson(5.0, (1500, 4, 16)).astype(float)
    found = selectivity_tests(trials, DEGREES, shuffles=199)
    for name in ("orientation_p", "direction_p"):
        assert 0.033 <= (found[name] <= 0.05).mean() <= 0.068, name  # 5 % expected; binomial 99.8 % interval, n = 1,500
    assert (found["orientation_q"] < 0.05).sum() <= 2


def test_selectivity_that_is_there_is_found_in_trials_and_over_conditions_without_noise():
    curves = np.stack([von_mises(50.0, 2.0, 4.0, 4.0, 3.0), von_mises(50.0, 2.0, 4.0, 2.0, 3.0), np.full(16, 5.0)])
    conditions = curves[:, None] * np.array([1.0, 0.8, 0.5, 0.4, 0.2, 0.1])[:, None]
    conditions[2] = 5.0
    trials = np.random.default_rng(0).poisson(curves[:, None].repeat(20, 1)).astype(float)
    for found in (selectivity_tests(trials, DEGREES), selectivity_tests(conditions, DEGREES)):
        assert (found["orientation_p"][:2] < 0.01).all()
        assert found["direction_p"][1] < 0.01
        assert found["direction_p"][0] > 0.05
        assert np.isnan(found["orientation_p"][2]) or found["orientation_p"][2] > 0.05
    assert selectivity_tests(conditions, DEGREES).iloc[2].isna().all()


def running_units() -> TorchResponder:
    """Gain, shift, a turn by 30 degrees, nothing at all, and a unit that is blind: all as running goes from 0 to 1."""
    energy = energies([0.0, 30.0], sigma=12.0)

    def rates(contrast: torch.Tensor, behaviour: torch.Tensor) -> torch.Tensor:
        seen, running = energy(contrast) / 40, behaviour[..., :1]
        first, second = seen[..., :1], seen[..., 1:]
        return torch.cat([first * (1 + 0.6 * running), first + 2 * running, first + running * (second - first), second, 0 * first], 2)

    return module_of(rates, 5, state_names=("running", "pupil_size"), rest=(0.5, 30.0))


@pytest.mark.parametrize("pictures", [False, True])
def test_gain_shift_and_change_of_preference_are_the_planted_ones(pictures, caplog):
    of = replace(running_units(), frame_rate_hz=np.nan) if pictures else running_units()
    found = measure_state_dependence(of, {"running": 0.0}, {"running": 1.0}, StateConfig(cycles_per_degree=(0.03, 0.04)))
    assert found["gain"][[0, 1, 3]].to_numpy() == pytest.approx([1.6, 1, 1], rel=1e-3)
    assert found["shift"][[0, 1, 3]].to_numpy() == pytest.approx([0, 2, 0], abs=1e-3)
    assert found["orientation_change_deg"][:4].to_numpy() == pytest.approx([0, 0, 30, 0], abs=1.5)
    assert (found["state_r2"][[0, 1, 3]] > 0.999).all()
    assert found["state_r2"][2] < 0.95
    assert found[["gain", "shift", "orientation_change_deg"]].iloc[4].isna().all()
    assert "planted: nothing is told of 1 of 5 units in another state" in caplog.text


def test_a_responder_without_behaviour_has_no_states():
    with pytest.raises(ValueError, match="linear: knows no channel of behaviour"):
        measure_state_dependence(linear_units(np.stack([gabor(0, 0, 0)])), None, {"running": 1.0})


@pytest.mark.parametrize(
    "measure",
    [
        lambda of: measure_noise_maps(of, "average", NoiseConfig(patterns=100)),
        measure_latencies,
        lambda of: answer_series(of, [StaticGrating()]),
        lambda of: measure_sizes(of, PREFERRED),
        lambda of: measure_noise_maps(of, "gradient", NoiseConfig(patterns=100)),
    ],
)
def test_answers_that_are_no_numbers_are_refused_in_words_by_every_measurement(measure):
    of = module_of(lambda contrast: torch.where(torch.arange(3) == 1, torch.nan, contrast[..., :3]), 3)
    with pytest.raises(ValueError, match=r"planted: \d+ of \d+ answers are NaN or infinite, of 1 of 3 units .*unit_id 1-1-2\)"):
        measure(of)


def test_gain_and_shift_are_those_of_a_line_through_all_conditions():
    rng = np.random.default_rng(1)
    one = rng.gamma(2.0, 2.0, (5, 3, 16))
    two = 1.3 * one - 0.5 + 0.2 * rng.standard_normal(one.shape)
    found = compare_states(one, two, DEGREES)
    for unit in range(5):
        gain, shift = np.polyfit(one[unit].ravel(), two[unit].ravel(), 1)
        assert found[["gain", "shift"]].iloc[unit].to_numpy() == pytest.approx([gain, shift])


def test_a_drifting_grating_moves_a_direction_detector_its_way():
    """The curve through answers to drifting gratings peaks at the direction that a pair of frames in quadrature prefers."""
    even, odd = (torch.as_tensor(gabor(0, 0, 60, phase=phase, sigma=12).ravel(), dtype=torch.float32) for phase in (0.0, -np.pi / 2))

    def rates(contrast: torch.Tensor) -> torch.Tensor:
        past = torch.cat([contrast[:, :1], contrast[:, :-1]], 1)
        return (1 + ((past @ even) * (contrast @ odd) - (past @ odd) * (contrast @ even)))[..., None].clamp(min=0)

    stimuli = [DriftingGrating(direction_deg=angle, cycles_per_degree=0.04, duration_s=1.5) for angle in DEGREES]
    answers = answer_series(module_of(rates, 1), stimuli).mean
    found = fit_directions(answers.T[:, None], DEGREES)
    assert abs((found["direction_deg"][0] - 60 + 180) % 360 - 180) < 3 or abs((found["direction_deg"][0] - 240 + 180) % 360 - 180) < 3
    assert found["direction_index"][0] > 0.8
