"""Claims: the filtered block ends in the eigenvectors that a dense solver finds, wherever the cells lie, also where many are the same."""

import numpy as np
import pytest

from graphtwin.wiring.spatial import moran_surrogates
from graphtwin.wiring.spatial.leading_eigenvectors import MOST_PASSES, leading_eigenvectors


def box(n, *sides):
    return np.random.default_rng(0).uniform(0, 1, (n, 3)) * np.array(sides)


PLACES = {
    "slab": box(700, 500, 200, 500),
    "flat sheet": box(700, 500, 0, 500),
    "line": box(700, 5000, 5, 5),
    "two clouds": np.concatenate([box(350, 100, 100, 100), box(350, 100, 100, 100) + 4000]),
    "an empty corner": box(900, 500, 200, 500)[~(box(900, 1, 1, 1)[:, [0, 2]] > 0.4).all(1)],
    "heavy tails": np.random.default_rng(0).standard_t(2, (700, 3)) * 100,
    "ten cells at each place": np.repeat(box(70, 500, 500, 500), 10, 0),
}


@pytest.mark.parametrize("where", PLACES)
def test_leading_eigenvectors_are_those_of_a_dense_solver(where):
    position, n = PLACES[where], 50
    weights = moran_surrogates._joined(position)
    found = leading_eigenvectors(weights, position, n, 1e-7)
    centre = np.eye(len(position)) - 1 / len(position)
    centred = centre @ weights.toarray() @ centre
    wanted = np.linalg.eigvalsh(centred)[::-1][:n]
    np.testing.assert_allclose(found.T @ found, np.eye(n), atol=1e-12)
    np.testing.assert_allclose(found.sum(0), 0, atol=1e-8)
    np.testing.assert_allclose(np.einsum("ik,ij,jk->k", found, centred, found, optimize=True), wanted, atol=1e-8)
    assert np.linalg.norm(centred @ found - found * wanted, axis=0).max() < 2e-6


def test_patterns_are_orthonormal_where_the_passes_end_first(monkeypatch):
    assert MOST_PASSES > 1
    monkeypatch.setattr("graphtwin.wiring.spatial.leading_eigenvectors.MOST_PASSES", 1)
    position = PLACES["slab"]
    found = leading_eigenvectors(moran_surrogates._joined(position), position, 50, 1e-12)
    np.testing.assert_allclose(found.T @ found, np.eye(50), atol=1e-12)
