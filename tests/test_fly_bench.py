"""Pieces of `analyses/fly` on networks of three types: dynamics, what moving edges tell, and scores of planted and of dealt embeddings."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.sources.loaders.fly import lattice_of
from graphtwin.synthetic.fly import edges, eyes

FOLDER = Path(__file__).parents[1] / "analyses" / "fly"
ARRAYS = {  # R1 makes synapses onto L1 in its own column and L1 onto T4a one column on along u: the rest of the table is silence
    "type": ("R1", "L1", "T4a"),
    "pair_source": np.array([0, 1]),
    "pair_target": np.array([1, 2]),
    "pair_sign": np.array([-1, 1]),
    "group_pair": np.array([0, 1]),
    "group_du": np.array([0, 1]),
    "group_dv": np.array([0, 0]),
    "group_n_syn": np.array([4.0, 2.0]),
    "bias": np.array([[0.1, 1.5, 0.2]]),
    "time_const_s": np.array([[0.01, 0.02, 0.03]]),
    "strength": np.array([[0.5, 0.25]]),
}


@pytest.fixture
def bench(monkeypatch):
    """The modules of the bench by name, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import told

    monkeypatch.setattr(eyes.fly, "read_arrays", lambda: ARRAYS)
    yield {"edges": edges, "eye": eyes, "told": told}
    del sys.modules["told"]


def cells_of(lattice, seed=0):
    """Neurons with embeddings that tell their type, and readouts that look at their column."""
    rng = np.random.default_rng(seed)
    types = np.array(lattice.types, dtype=object)[lattice.neuron_type]
    x, y = np.sqrt(3) / 2 * lattice.v, -(lattice.u + lattice.v / 2)
    vectors = np.eye(3)[lattice.neuron_type] + 0.1 * rng.standard_normal((len(x), 3))
    columns = {"unit_id": np.arange(len(x)) + 1, "cell_type": types, "u": lattice.u, "v": lattice.v, "x": x, "y": y, "gain": 1.0}
    seen = {"rf_x": 0.1 * x + 0.01 * rng.standard_normal(len(x)), "rf_y": 0.2 * y + 0.02 * rng.standard_normal(len(x))}
    return pd.DataFrame(columns | seen).join(pd.DataFrame(vectors, columns=[f"embedding_{k}" for k in range(3)]))


def test_potentials_at_rest_solve_the_equations_of_the_network(bench):
    of = bench["eye"].eye(0, 2)
    rest, types = of.at_rest(), of.types
    receptor = 0.1 + bench["eye"].GREY
    lamina = 1.5 - 4.0 * 0.5 * receptor
    np.testing.assert_allclose(rest[types == "R1"], receptor, rtol=1e-5)
    np.testing.assert_allclose(rest[types == "L1"], lamina, rtol=1e-5)
    told = rest[types == "T4a"]
    without = of.lattice.u[types == "T4a"] == -2 - np.minimum(of.lattice.v[types == "T4a"], 0)  # no column before them along u
    np.testing.assert_allclose(told[~without], 0.2 + 2.0 * 0.25 * lamina, rtol=1e-5)
    np.testing.assert_allclose(told[without], 0.2, rtol=1e-5)


def test_a_photoreceptor_follows_the_light_of_its_own_column(bench):
    eye = bench["eye"]
    of = eye.eye(0, 2)
    film = np.full((1, 30, eye.HEIGHT, eye.WIDTH), 127.5, np.float32)
    film[:, 15:, :, eye.WIDTH // 2 :] = 255
    receptors = np.flatnonzero(of.types == "R1")
    seen = of.watch(film, receptors)[0]
    change, x = seen[:, -1] - seen[:, 10], np.sqrt(3) / 2 * of.lattice.v[receptors]
    np.testing.assert_allclose(change[x > 1.5], 0.5, atol=0.02)
    np.testing.assert_allclose(change[x < -1.5], 0.0, atol=0.02)


def test_cells_that_answer_to_one_edge_are_told_with_its_polarity_and_direction(bench):
    edges = bench["edges"]
    types = np.array(["T4a", "T5c", "T4b", "L1"], dtype=object)
    peaks = np.zeros((2, len(edges.ANGLES), 4))
    peaks[0, edges.ANGLES == 180, 0] = 1  # T4a: brighter edges to the left, as known
    peaks[1, edges.ANGLES == 90, 1] = 2  # T5c: darker edges upwards, as known
    peaks[0, :, 2], peaks[0, edges.ANGLES == 90, 2] = 1, 3  # T4b: upwards, which is not its direction
    table = edges.selectivity(peaks.reshape(-1, 4), types)
    assert table["cell_type"].tolist() == ["T4a", "T5c", "T4b"]
    assert table["prefers_brighter"].tolist() == [True, False, True]
    assert table["as_known"].tolist() == [True, True, False]
    np.testing.assert_allclose(table["dsi"], [1.0, 1.0, 2 / 14])
    assert edges.of_edges(table)["known direction"] == pytest.approx(2 / 3)
    assert table["direction_deg"].tolist() == pytest.approx([180, 90, 90])
    turned = table.assign(direction_deg=[170.0, 180.0, 0.0], prefers_brighter=[True, True, True], dsi=0.0)
    of_both = {"same polarity": pytest.approx(2 / 3), "same direction": pytest.approx(1 / 3), "have a direction": 1.0}
    assert edges.of_both(table, turned) == of_both
    assert edges.of_both(table.assign(dsi=[0.5, 0.05, 0.05]), turned)["same direction"] == 1.0


def test_an_edge_crosses_the_screen_in_its_direction_and_leaves_it_bright(bench):
    film = bench["edges"].moving_edge(90.0, brighter=True)
    assert (np.diff(film, axis=0) >= 0).all()
    assert film[-1].min() == 255
    half = np.abs(film - 191.25).argmin(0)  # when each pixel turns
    assert (half[0] > half[-1]).all()  # upwards: the lowest row first


def test_planted_types_and_places_are_found_and_dealt_ones_are_not(bench, monkeypatch):
    told, lattice = bench["told"], lattice_of(3, ARRAYS)
    cells = cells_of(lattice)
    found = told.scores(cells, lattice)
    assert found["types"] == 1.0
    assert found["columns found"] > 0.9
    assert found["AUC within offset"] > 0.99
    assert found["AUC, offsets alone"] > 0.6  # connections lie at two of 19 offsets
    assert found["AP, types and places"] > 0.9
    within, among = (told.scores(told.permuted(cells, by), lattice) for by in ("cell_type", None))
    assert within["types"] == 1.0
    assert within["columns found"] < 0.2
    assert within["AP, types and places"] < 0.5 * found["AP, types and places"]
    assert among["types"] < 0.6
    assert abs(among["AUC within offset"] - 0.5) < 0.2


def test_all_cells_of_a_column_are_held_out_together(bench):
    cells = cells_of(lattice_of(3, ARRAYS))
    fold = bench["told"].folds_of(cells)
    assert pd.Series(fold).groupby([cells["u"], cells["v"]]).nunique().max() == 1
    assert set(fold) == set(range(bench["told"].FOLDS))
