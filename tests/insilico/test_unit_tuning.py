"""One table of tuning holds what each measurement finds, and beside each number how far the members of an ensemble differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.insilico import Ensemble
from graphtwin.insilico.measurements import (
    GratingConfig,
    measure_directions,
    measure_orientations,
    tune_units,
    with_members,
    with_spread,
)
from tests.insilico.known_responders import unit_table
from tests.insilico.test_measurements import energies, module_of

PLANTED = [10.0, 55.0, 100.0, 145.0]
FEW = GratingConfig(directions=8, cycles_per_degree=(0.03, 0.045), cycles_per_second=(2.0,), counted_s=0.5)


def oriented(degrees=PLANTED):
    """Energy units of some orientations, and one that always gives the same answer."""
    of = energies(degrees)
    return module_of(lambda contrast: torch.cat([of(contrast), torch.ones_like(contrast[..., :1])], 2), len(degrees) + 1)


def test_orientations_are_those_planted_by_moving_and_by_still_gratings_and_units_are_selective():
    moving = measure_directions(oriented())
    still = measure_orientations(replace(oriented(), frame_rate_hz=float("nan")))
    for table in (moving, still):
        apart = (table["orientation_deg"][:4] - PLANTED + 90) % 180 - 90
        assert np.abs(apart).max() < 2.0
        assert (table["orientation_q"][:4] < 0.01).all()
        assert table.loc[4, ["orientation_deg", "orientation_r2", "orientation_p"]].isna().all()
    assert (moving["direction_q"][:4] > 0.05).all()  # an energy unit answers alike to both directions
    assert np.allclose(moving["orientation_index"][:4], still["orientation_index"][:4], atol=0.01)
    assert "temporal_frequency_hz" in moving
    assert not {"direction_deg", "temporal_frequency_hz", "gdsi"} & set(still)


def test_each_part_that_is_asked_for_gives_its_columns_and_no_other():
    of = oriented()
    assert list(tune_units(of, ("latency",), gratings=FEW)) == ["latency_s", "time_to_peak_s"]
    contrast = tune_units(of, ("contrast",), gratings=FEW)
    assert {"c50", "field_x_deg", "direction_deg"} <= set(contrast)
    assert not {"preferred_size_deg", "latency_s", "gain"} & set(contrast)
    assert np.abs(contrast["contrast_exponent"][:4] - 2).max() < 0.2  # an energy grows with the square of contrast
    with pytest.raises(ValueError, match=r"what: 'sizes' is not measured. Give some of direction, size, contrast, latency"):
        tune_units(of, ("sizes",))
    with pytest.raises(ValueError, match=r"single pictures have no latency. Leave latency out"):
        tune_units(replace(of, frame_rate_hz=float("nan")), ("direction", "latency"))
    with pytest.raises(ValueError, match="planted: state names 'running'; the responder knows no channel"):
        tune_units(of, state={"running": 20.0})


@pytest.mark.parametrize("rate", [30.0, float("nan")])
def test_a_unit_that_never_responds_prefers_nothing_and_is_counted(rate, caplog):
    found = tune_units(replace(oriented(), frame_rate_hz=rate), gratings=FEW)
    assert found["orientation_deg"].isna().tolist() == [False] * 4 + [True]
    assert "planted: nothing is told of 1 of 5 units: they give the same answer to all gratings" in caplog.text


def test_the_gain_of_a_state_is_told_beside_the_tuning():
    of = energies([0.0, 60.0])
    moved = module_of(lambda contrast, behaviour: of(contrast) * (1 + 0.05 * behaviour), 2, state_names=("running",), rest=(0.0,))
    found = tune_units(moved, state={"running": 20.0}, gratings=FEW)
    assert np.allclose(found["gain"], 2.0, atol=1e-3)
    assert np.allclose(found["shift"], 0.0, atol=1e-3)


def test_the_spread_of_numbers_is_their_standard_deviation_and_of_angles_that_around_the_circle():
    rng = np.random.default_rng(0)
    numbers, turns = rng.normal(5, 2, (6, 4)), rng.normal(0, 8, (6, 4))
    turns -= turns.mean(1, keepdims=True)
    centre = np.array([0.0, 1.0, 90.0, 179.0, 179.9, 45.0])[:, None]
    members = [
        unit_table(6).assign(gosi=numbers[:, at], orientation_deg=(centre[:, 0] + turns[:, at]) % 180, field_squared=True, name="a")
        for at in range(4)
    ]
    found = with_spread(members[0], members)
    assert list(found) == [*unit_table(6), "gosi", "gosi_spread", "orientation_deg", "orientation_deg_spread", "field_squared", "name"]
    assert np.allclose(found["gosi_spread"], numbers.std(1, ddof=1))
    assert np.allclose(found["orientation_deg_spread"], turns.std(1, ddof=1), rtol=0.02)  # the mean vector is near the mean angle
    assert np.allclose(with_spread(members[0], [members[0]] * 3)[["gosi_spread", "orientation_deg_spread"]], 0.0, atol=1e-9)


def test_a_number_that_fewer_than_two_members_know_has_no_spread():
    members = [pd.DataFrame({"gosi": column}) for column in ([np.nan, 1.0, 1.0], [np.nan, np.nan, 3.0], [np.nan, np.nan, np.nan])]
    assert np.allclose(with_spread(members[0], members)["gosi_spread"], [np.nan, np.nan, np.sqrt(2)], equal_nan=True)


def test_the_spread_about_a_member_that_speaks_is_the_distance_of_the_others_from_it():
    table = pd.DataFrame({"gosi": [1.0, 1.0, np.nan], "orientation_deg": [175.0, 10.0, 10.0]})
    others = [pd.DataFrame({"gosi": [3.0, np.nan, 1.0], "orientation_deg": [5.0, angle, 10.0]}) for angle in (10.0, 20.0)]
    found = with_spread(table, others, about_table=True)
    assert np.allclose(found["gosi_spread"], [2.0, np.nan, np.nan], equal_nan=True)
    assert np.allclose(found["orientation_deg_spread"], [10.0, np.sqrt(50.0), 0.0])
    units = oriented([20.0, 60.0]), oriented([20.0, 80.0])
    spoken = with_members(Ensemble(units, "both", first_speaks=True), lambda each: measure_directions(each, FEW))
    first, other = (measure_directions(one, FEW)["orientation_deg"] for one in units)
    assert spoken["orientation_deg"].equals(first)
    np.testing.assert_allclose(spoken["orientation_deg_spread"], (other - first).abs(), atol=1e-6)


def test_an_ensemble_answers_with_its_mean_and_members_that_are_one_do_not_differ():
    one, other = oriented([20.0, 60.0]), oriented([20.0, 80.0])
    found = with_members(Ensemble((one, other), "both"), lambda each: measure_directions(each, FEW))
    assert found["orientation_deg_spread"][0] == pytest.approx(0, abs=1e-6)
    assert found["orientation_deg_spread"][1] == pytest.approx(20 / np.sqrt(2), abs=2.0)
    assert 62 < found["orientation_deg"][1] < 78
    alone = with_members(one, lambda each: measure_directions(each, FEW))
    assert not [name for name in alone if name.endswith("_spread")]
