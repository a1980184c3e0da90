"""What units square is found with its plane of phases, what suppresses them too, and nothing in units that answer by sign or chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphtwin.insilico.measurements import CovarianceConfig, NoiseConfig, Subspaces, describe_subspaces, measure_subspaces
from graphtwin.insilico.responders import TorchResponder
from tests.insilico.known_responders import GREY, RATE, SIZE, gabor, linear_units, unit_table
from tests.insilico.test_fields import PLANTED, delayed, energy_units, simple_units

QUICK = CovarianceConfig(noise=NoiseConfig(patterns=9000, patch_deg=3.0, held_s=1 / 30, lags=3))
LAG = 2  # frames by which planted units are late


def planted(found: Subspaces, unit: int, phase: float) -> np.ndarray:
    """The Gabor of a unit as a pattern of its window: at its lag, and nowhere else."""
    x, y = PLANTED[unit]
    row, column = found.corner[unit]
    window = np.zeros(found.linear.shape[1:])
    rows, columns = window.shape[1:]
    window[LAG] = gabor(x, y, 40 * unit, phase=phase)[row : row + rows, column : column + columns]
    return window.ravel()


def test_an_energy_unit_squares_two_patterns_that_span_its_plane_of_phases():
    found = measure_subspaces(energy_units(LAG), QUICK)
    assert found.counts.tolist() == [[2, 0]] * len(PLANTED)
    np.testing.assert_allclose(found.eigenvalues[:, :2], 1.0, atol=0.25)  # planted: (w . s)^2 has 1
    for unit in range(len(PLANTED)):
        axes = found.axes[unit, :2].reshape(2, -1)
        plane = np.linalg.qr(np.stack([planted(found, unit, phase) for phase in (0.0, np.pi / 2)], 1))[0]
        assert np.linalg.svd(axes @ plane)[1].min() > 0.93  # cosine of the larger angle between both planes
    table = describe_subspaces(found)
    assert np.hypot(*(table[["field_x_deg", "field_y_deg"]].to_numpy() - PLANTED).T).max() < 2.0, table
    assert table["field_sd_major_deg"].between(6.5, 10.5).all()  # planted: 8
    assert table["field_squared"].all()


def test_a_simple_cell_has_no_dimension_and_its_field_is_that_of_the_average():
    """Rectified at its mean, it answers the variance along its own filter as well, which is not another pattern."""
    of = simple_units(LAG)
    rectified = replace(of, module=lambda clips: torch.relu(of.module(clips) - 5))
    found = measure_subspaces(rectified, QUICK)
    assert found.counts.tolist() == [[0, 0]] * len(PLANTED)
    assert (found.linear_z > 10).all()
    table = describe_subspaces(found)
    assert table["eigenvalue_1"].isna().all()
    assert not table["field_squared"].any()
    assert np.hypot(*(table[["field_x_deg", "field_y_deg"]].to_numpy() - PLANTED).T).max() < 2.0, table


def test_what_suppresses_is_told_from_what_excites_by_its_sign():
    pair = np.stack([gabor(0, 0, 0), gabor(0, 0, 90)])
    of = linear_units(pair)
    units = delayed(replace(of, units=unit_table(1), module=lambda clips: _difference(of, clips)), LAG)
    found = measure_subspaces(units, QUICK)
    assert found.counts.tolist() == [[1, 1]]
    by_sign = dict(zip(np.sign(found.eigenvalues[0, :2]), found.axes[0, :2, LAG], strict=True))
    row, column = found.corner[0]
    for sign, filter_ in ((1.0, pair[0]), (-1.0, pair[1])):
        axis = by_sign[sign]
        window = filter_[row : row + axis.shape[0], column : column + axis.shape[1]]
        assert abs(np.vdot(axis, window)) > 0.93
    assert describe_subspaces(found)[["eigenvalue_1", "eigenvalue_2"]].abs().to_numpy() == pytest.approx(1.0, abs=0.25)


def _difference(of: TorchResponder, clips: torch.Tensor) -> torch.Tensor:
    first, second = ((of.module(clips) - 5) ** 2).unbind(2)
    return (20 + first - second)[..., None]


def test_answers_by_chance_have_no_dimensions_more_often_than_one_unit_in_fifty():
    drawn = torch.Generator().manual_seed(0)
    units = TorchResponder(
        name="chance", units=unit_table(120), frame_rate_hz=RATE, size=SIZE, grey=GREY,
        module=lambda clips: -torch.rand(*clips.shape[:2], 120, generator=drawn).log(),
    )  # fmt: skip
    config = CovarianceConfig(noise=NoiseConfig(patterns=1500, patch_deg=3.0, held_s=1 / 30, lags=1))
    found = measure_subspaces(units, config)
    assert (found.counts.sum(1) > 0).mean() <= 0.02
    assert describe_subspaces(found)["field_x_deg"].notna().mean() <= 0.03


def test_a_window_wider_than_the_screen_is_the_screen_and_chosen_units_are_those_of_all():
    small = QUICK.model_copy(update={"noise": QUICK.noise.model_copy(update={"patterns": 400, "lags": 1}), "shifts": 5, "window_deg": 30.0})
    everything, two = measure_subspaces(energy_units(0), small), measure_subspaces(energy_units(0), small, units=[4, 1])
    np.testing.assert_allclose(two.linear, everything.linear[[4, 1]], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(two.corner, everything.corner[[4, 1]])
    wide = measure_subspaces(energy_units(0), small.model_copy(update={"window_deg": 500.0}), units=[0])
    assert wide.linear.shape == (1, 1, *SIZE)
