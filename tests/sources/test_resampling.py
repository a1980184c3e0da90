"""Claims: a moment has the frame that began last, a gap stays a gap, and a sample is met exactly where it was taken."""

from __future__ import annotations

import numpy as np

from graphtwin.sources.formats.common_frames import brackets, interpolated, shown_at


def test_a_moment_has_the_frame_that_began_last_whatever_rounding_does():
    times = 4.0 + np.arange(1000) / 30
    assert shown_at(times, np.array([4.0, 4.03, 4.04])).tolist() == [0, 0, 1]
    for start in range(0, 900, 37):
        moments = (4.0 + start / 30) + np.arange(100) / 30
        assert (shown_at(times, moments) == start + np.arange(100)).all()


def test_gaps_are_not_bridged_and_nothing_is_said_beyond_the_samples():
    values = np.array([[0.0], [1.0], [np.nan], [3.0], [4.0]])
    found = interpolated(np.arange(5.0), values, np.array([-0.1, 0.5, 1.5, 2.5, 3.5, 4.1]))
    np.testing.assert_array_equal(found[:, 0], [np.nan, 0.5, np.nan, np.nan, 3.5, np.nan])
    assert interpolated(np.arange(5.0), np.empty((5, 0)), np.array([1.0])).shape == (1, 0)


def test_a_unit_measured_later_takes_its_value_from_earlier_frames():
    times, delays = np.arange(10.0), np.array([0.0, 0.25, 0.5])
    after, weight = brackets(times, np.array([2.0, 3.5]), delays)
    value = weight * times[after] + (1 - weight) * times[after - 1]
    np.testing.assert_allclose(value, np.array([2.0, 3.5])[:, None] - delays)
    assert weight[0, 0] == 1.0
    assert after[0, 0] == 2
