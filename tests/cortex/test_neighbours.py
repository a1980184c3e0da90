"""The k nearest, ties among them, and relations as compressed sparse rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from graphtwin.cortex.neighbours import k_nearest, nearest_relation


def by_comparing_all(points: np.ndarray, k: int) -> np.ndarray:
    distance = cdist(points, points)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("dimensions", [3, 20])
def test_the_nearest_are_those_found_by_comparing_all(dimensions):
    points = np.random.default_rng(1).normal(size=(200, dimensions))
    index, distance = k_nearest(points, 7)
    np.testing.assert_array_equal(index, by_comparing_all(points, 7))
    np.testing.assert_allclose(distance, np.take_along_axis(cdist(points, points), index, 1))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_of_equally_near_ones_the_lower_number_wins(points, k):
    grid = np.array(points, dtype=np.float64)
    np.testing.assert_array_equal(k_nearest(grid, k)[0], by_comparing_all(grid, min(k, len(grid) - 1)))


def test_nobody_is_their_own_neighbour_even_among_identical_points():
    index, distance = k_nearest(np.zeros((40, 3)), 5)
    assert not (index == np.arange(40)[:, None]).any()
    assert (distance == 0).all()
    assert index[7].tolist() == [0, 1, 2, 3, 4]


def test_cosine_ignores_the_length_and_leaves_the_origin_alone():
    points = np.array([[1.0, 0.0], [0.0, 3.0], [9.0, 1.0], [0.0, 0.0]])
    relation = nearest_relation(points, np.array([4, 1, 2, 3]), 5, 1, "cosine")
    assert relation.indices[relation.rows == 4].tolist() == [2]
    assert relation.degree.tolist() == [0, 1, 1, 0, 1]
    np.testing.assert_allclose(relation.weight[-1], 1 - 9 / np.sqrt(82), rtol=1e-5)
