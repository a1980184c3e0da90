"""Maps over the cortex and mosaics of fields: what was planted is found, and what is not known is said to be absent."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.report.figures.drawing import Absent, Drawn
from graphtwin.report.figures.place_figures import draw_cortex, draw_mosaic, fields_of_places, preferences, smoothness

DEGREES = np.arange(0.0, 360.0, 22.5)
RNG = np.random.default_rng(3)


def tuned(direction: np.ndarray) -> np.ndarray:
    """Answers of units to 16 directions, with a peak at one of them and half of it opposite."""
    apart = np.radians(DEGREES[:, None] - direction)
    return np.exp(3 * (np.cos(apart) - 1)) + 0.5 * np.exp(3 * (-np.cos(apart) - 1))


def test_planted_directions_and_their_orientations_are_preferred():
    direction = np.array([10.0, 95.0, 200.0, 359.0])
    orientation, found = preferences(DEGREES, tuned(direction))
    np.testing.assert_allclose(found.angle, direction, atol=0.5)
    np.testing.assert_allclose(orientation.angle, direction % 180, atol=0.5)
    assert (orientation.strength > found.strength).all()


def test_a_smooth_map_is_told_from_salt_and_pepper():
    place = np.c_[RNG.uniform(0, 1000, (400, 2)), np.full(400, np.nan)]
    units = pd.DataFrame(place, columns=["x_um", "y_um", "z_um"])
    smooth, pepper = (preferences(DEGREES, tuned(of))[1] for of in (place[:, 0] * 0.36, RNG.uniform(0, 360, 400)))
    near, far = smoothness(place, smooth)
    assert near < 10 < 70 < far < 110
    near, far = smoothness(place, pepper)
    assert abs(near - far) < 20
    drawn = draw_cortex(units, [smooth])
    assert isinstance(drawn, Drawn)
    assert drawn.sentence.startswith("Directions of a unit and its 5 nearest differ by")


def test_units_whose_recording_says_no_place_have_no_map():
    units = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": np.arange(40)})
    assert isinstance(draw_cortex(units, preferences(DEGREES, tuned(RNG.uniform(0, 360, 40)))), Absent)


def test_fields_told_from_places_are_where_they_were_planted_and_a_unit_that_answers_alike_has_none():
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-60, 61, 4.0), np.arange(-40, 41, 4.0)))
    centres, tilt = np.array([[-12.0, 8.0], [20.0, -6.0]]), np.radians(30)
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    along = (np.c_[x, y][:, None] - centres) @ turn / (12.0, 6.0)
    answers = np.c_[0.3 + np.exp(-0.5 * (along**2).sum(2)), np.full(len(x), 0.3)]
    found = fields_of_places(x, y, answers)
    np.testing.assert_allclose(found[["field_x_deg", "field_y_deg"]].to_numpy()[:2], centres, atol=0.2)
    np.testing.assert_allclose(found["field_angle_deg"][:2], 30, atol=2)
    assert (found["field_sd_major_deg"][:2] / found["field_sd_minor_deg"][:2]).between(1.7, 2.2).all()
    assert found.iloc[2].isna().all()


def test_a_mosaic_counts_the_units_that_have_a_field():
    fields = pd.DataFrame(
        RNG.uniform(5, 10, (30, 5)), columns=[f"field_{name}_deg" for name in ("x", "y", "sd_major", "sd_minor", "angle")]
    )
    drawn = draw_mosaic(fields.assign(field_x_deg=fields["field_x_deg"].where(fields.index >= 4)), "from noise")
    assert isinstance(drawn, Drawn)
    assert drawn.sentence.startswith("26 of 30 units have a field")
    few = draw_mosaic(fields[:9], "from noise")
    assert isinstance(few, Absent)
    assert few.reason == "9 units have a field."
