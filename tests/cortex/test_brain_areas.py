"""A neuron without a unit lies in the area of those beside it, and how often that is right is measured on those with a unit."""

from __future__ import annotations

import numpy as np

from graphtwin.cortex import areas_by_neighbours

rng = np.random.default_rng(0)
PLACE = rng.uniform(0, 1000, (800, 2))
TRUE = (PLACE[:, 0] > 500).astype(np.int64)  # a border at 500 um


def test_neighbours_tell_the_area_on_both_sides_of_a_border():
    known = np.where(np.arange(800) < 600, TRUE, -1)
    found = areas_by_neighbours(known, PLACE)
    right = found.code[600:] == TRUE[600:]
    assert right.mean() > 0.95
    assert np.abs(PLACE[600:][~right, 0] - 500).max() < 60
    assert abs(found.agreement - right.mean()) < 0.03


def test_what_a_unit_tells_is_never_overruled():
    known = TRUE.copy()
    known[7] = 1 - known[7]
    found = areas_by_neighbours(known, PLACE)
    np.testing.assert_array_equal(found.code, known)
    assert found.agreement < 1


def test_nobody_tells_the_area_of_a_neuron_far_off_or_of_unknown_place():
    place = np.concatenate([PLACE, [[5000.0, 0.0], [np.nan, 3.0]]])
    found = areas_by_neighbours(np.append(TRUE, [-1, -1]), place)
    np.testing.assert_array_equal(found.code[-2:], [-1, -1])
    assert np.isnan(areas_by_neighbours(np.full(800, -1), PLACE).agreement)
