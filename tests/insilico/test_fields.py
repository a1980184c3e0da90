"""Fields are found where they were planted, by every method, and units that answer nothing have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.insilico.measurements import NoiseConfig, NoiseMaps, fit_fields, measure_noise_maps
from graphtwin.insilico.responders import TorchResponder
from tests.insilico.known_responders import SIZE, gabor, linear_units

PLANTED = np.array([[0.0, 0.0], [31.0, -17.0], [-42.0, 20.0], [12.5, 9.5], [60.0, 3.0], [-7.0, -25.0]])
QUICK = NoiseConfig(patterns=1500, patch_deg=3.0, held_s=1 / 30, lags=4)


def delayed(of: TorchResponder, frames: int) -> TorchResponder:
    """The same units, so many frames later; before a clip they saw its first frame."""
    return replace(of, module=lambda clips: of.module(torch.cat([clips[:, :1]] * frames + [clips], 1)[:, : clips.shape[1]]))


def simple_units(frames: int = 2) -> TorchResponder:
    phases = np.linspace(0, np.pi, len(PLANTED))
    return delayed(linear_units(np.stack([gabor(x, y, 40 * at, phase=phases[at]) for at, (x, y) in enumerate(PLANTED)])), frames)


def energy_units(frames: int = 2) -> TorchResponder:
    """Sums of two squares in quadrature, which do not care for polarity."""
    pairs = [linear_units(np.stack([gabor(x, y, 40 * at, phase=phase) for at, (x, y) in enumerate(PLANTED)])) for phase in (0.0, np.pi / 2)]
    return delayed(replace(pairs[0], module=lambda clips: sum((pair.module(clips) - 5) ** 2 for pair in pairs)), frames)


@pytest.mark.parametrize("method", ["average", "ridge", "gradient"])
@pytest.mark.parametrize("units", [simple_units, energy_units])
def test_centres_are_found_within_two_degrees(units, method):
    """Half of the height of a field is 9 degrees; a pixel is 6.6."""
    config = QUICK.model_copy(update={"patterns": {"average": 6000, "ridge": 1500, "gradient": 400}[method]})
    found = fit_fields(measure_noise_maps(units(), method, config))
    apart = np.hypot(*(found[["field_x_deg", "field_y_deg"]].to_numpy() - PLANTED).T)
    assert apart.max() < 2.0, found
    assert found["field_sd_major_deg"].between(6.5, 10.5).all()  # planted: 8
    if method != "gradient":
        assert (found["field_squared"] == (units is energy_units)).all()


def test_patches_larger_than_a_pixel_begin_elsewhere_in_each_clip_and_leave_centres_where_they_are():
    maps = measure_noise_maps(energy_units(), "average", QUICK.model_copy(update={"patterns": 6000, "patch_deg": 13.0}))
    assert maps.linear.shape == (6, 4, *SIZE)  # told by pixels, of which a patch has four
    found = fit_fields(maps)
    assert np.hypot(*(found[["field_x_deg", "field_y_deg"]].to_numpy() - PLANTED).T).max() < 2.0, found
    assert found["field_sd_major_deg"].between(6.5, 10.5).all()  # planted: 8; what patches blur is taken off


@pytest.mark.parametrize("method", ["average", "ridge", "gradient"])
def test_maps_peak_at_the_planted_delay(method):
    maps = measure_noise_maps(simple_units(frames=2), method, QUICK if method != "gradient" else NoiseConfig(patterns=100, held_s=1 / 30))
    power = (maps.linear**2).sum((2, 3))
    assert power.argmax(1).tolist() == [2] * len(PLANTED)
    assert maps.lag_s[2] == pytest.approx(2 / 30)


def test_the_linear_map_of_a_linear_unit_is_its_filter():
    filters = np.stack([gabor(x, y, 40.0 * at) for at, (x, y) in enumerate(PLANTED)])
    maps = measure_noise_maps(linear_units(filters), "ridge", NoiseConfig(patterns=3000, patch_deg=3.0, lags=1, held_s=1 / 30))
    assert [float(np.corrcoef(maps.linear[at, 0].ravel(), filters[at].ravel())[0, 1]) for at in range(6)] == pytest.approx(
        [1] * 6, abs=0.01
    )
    assert np.abs(maps.linear).max() == pytest.approx(np.abs(filters).max(), rel=0.05)


def test_single_pictures_have_one_lag():
    pictures = replace(simple_units(frames=0), frame_rate_hz=np.nan)
    maps = measure_noise_maps(pictures, "average", QUICK)
    assert maps.linear.shape == (6, 1, *SIZE)
    apart = np.hypot(*(fit_fields(maps)[["field_x_deg", "field_y_deg"]].to_numpy() - PLANTED).T)
    assert apart.max() < 2.0


@pytest.mark.parametrize("method", ["average", "gradient"])
def test_units_that_answer_nothing_have_no_field_and_are_counted(method, caplog):
    of = simple_units()
    dead = replace(of, module=lambda clips: of.module(clips) * torch.tensor([1.0, 0, 1, 1, 0, 1]))
    found = fit_fields(measure_noise_maps(dead, method, QUICK.model_copy(update={"patterns": 600})), "planted")
    assert found["field_x_deg"].isna().tolist() == [False, True, False, False, True, False]
    assert "planted: 2 of 6 units have no field: 2 answered nothing to noise" in caplog.text


def test_units_that_answer_by_chance_have_no_field():
    rng = np.random.default_rng(0)
    linear, squared = rng.standard_normal((2, 1000, 3, 18, 32))
    edges = np.linspace(-105, 105, 33), np.linspace(59, -59, 19)
    found = fit_fields(NoiseMaps(linear, squared, np.arange(3) / 30, edges, "average"))
    assert found["field_x_deg"].notna().mean() <= 0.02


def test_a_map_that_slopes_over_the_whole_screen_is_no_field_of_a_million_degrees(caplog):
    """Squares grow towards one edge and are alike along the other: the Gaussian that explains them has no end."""
    edges = np.linspace(-105, 105, 33), np.linspace(59, -59, 19)
    rows = np.exp(-0.5 * ((np.arange(18) - 12) / 2.0) ** 2)[:, None] * np.ones(32)
    noise = 0.01 * np.random.default_rng(0).standard_normal((2, 3, 18, 32))
    squared = noise + rows * np.array([0.1, 1.0, 0.1])[:, None, None]
    found = fit_fields(NoiseMaps(noise[::-1], squared, np.arange(3) / 30, edges, "average"))
    assert (found["field_r2"] > 0.9).all()
    assert found[["field_x_deg", "field_sd_major_deg"]].isna().all(axis=None)
    assert "2 of 2 units have no field" in caplog.text


def test_fields_of_chosen_units_alone_are_those_of_all():
    alone = measure_noise_maps(simple_units(), "gradient", NoiseConfig(patterns=100), units=[4, 1])
    everything = measure_noise_maps(simple_units(), "gradient", NoiseConfig(patterns=100))
    np.testing.assert_allclose(alone.squared, everything.squared[[4, 1]], rtol=1e-5)
