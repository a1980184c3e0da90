from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from graphtwin.graph.data.cortical_graph import build_graph
from graphtwin.graph.data.observed_pairs import BANDWIDTHS_UM, PRIOR_AXONS, PairSet, inputs_found, local_rates, pair_set
from tests.graph.planted_pairs import MATERIALIZATION, neurons, planted


@pytest.fixture
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Synapses and queried cells of six neurons with ids 1000, 1003, ...; 1015 was never queried."""
    synapses = pd.DataFrame(
        {"pre_nucleus_id": [1000, 1003, 1000, 1000], "post_nucleus_id": [1009, 1012, 1012, 1015], "size": [5.0, 7.0, 9.0, 1.0]}
    )
    queried = pd.DataFrame({"nucleus_id": [1009, 1012, 77, 1000], "side": ["post", "post", "post", "pre"]})
    return synapses.assign(materialization=MATERIALIZATION), queried.assign(materialization=MATERIALIZATION)


@pytest.fixture
def six():
    return neurons(6, np.random.default_rng(0))


def pairs_of(inputs, tables, materialization: int = MATERIALIZATION) -> PairSet:
    """The pairs of the graph of these tables."""
    return pair_set(build_graph(inputs, *tables, 2), materialization)


def test_pairs_are_observed_axons_by_queried_cells(six, tables):
    with pytest.raises(ValueError, match="materialization 343: 0 synaptic pairs but no queried postsynaptic cells"):
        pairs_of(six, tables, 343)
    pairs = pairs_of(six, tables)
    np.testing.assert_array_equal(pairs.pre, [0, 1])  # 1006 made no synapse: it may have been lost, so it is no negative
    np.testing.assert_array_equal(pairs.post, [3, 4])  # 77 is queried but unknown to the graph model
    np.testing.assert_array_equal(pairs.size.toarray(), [[5, 9], [0, 7]])


def test_the_order_of_synapse_rows_changes_nothing(six, tables):
    one = pairs_of(six, tables)
    other = pairs_of(six, (tables[0].iloc[::-1], tables[1].iloc[::-1]))
    np.testing.assert_array_equal(one.size.toarray(), other.size.toarray())
    np.testing.assert_array_equal(one.size.indices, other.size.indices)
    np.testing.assert_array_equal(local_rates(six, one, one.pre), local_rates(six, other, other.pre))


def test_pairs_listed_twice_are_one_connection_of_summed_size(six, tables):
    twice = pd.concat([tables[0], tables[0]])
    pairs = pairs_of(six, (twice, tables[1]))
    assert pairs.size.nnz == 3
    assert pairs.size.sum() == 2 * (5 + 7 + 9)


def test_prevalence_counts_all_pairs():
    size = sparse.csr_array(np.array([[1.0, 0, 0, 0], [0, 2.0, 0, 0]]))
    assert PairSet(MATERIALIZATION, np.array([0, 1]), np.arange(2, 6), size).prevalence == 2 / 8


def test_inputs_found_are_those_of_training_axons_and_skips_unknown_somata():
    world = planted()
    position = world.inputs.position.copy()
    position[world.pairs.pre[::2]] = np.nan
    inputs = replace(world.inputs, position=position)
    training = world.pairs.of_axons(np.arange(len(world.pairs.pre)) < 100)
    connected, fold = training.size.toarray() > 0, np.arange(100) // 2 % 2
    found = inputs_found(inputs, training, fold, 2)
    for row, heard in enumerate([fold != 0, fold != 1, fold >= 0]):
        placed = connected[1::2] * heard[1::2, None]
        np.testing.assert_allclose(found.in_degree[row], connected[heard].sum(0) * 100 / heard.sum(), rtol=1e-6)
        np.testing.assert_array_equal(found.placed[row], placed.sum(0))
        np.testing.assert_allclose(found.position_sum[row], placed.T.astype(float) @ position[training.pre[1::2]], rtol=1e-4)


def test_local_rates_are_kernel_averages_over_the_axons_that_are_heard():
    world = planted(n_axons=60, n_cells=10)
    heard, place = np.arange(len(world.pairs.pre)) >= 10, world.inputs.position
    pairs, asked = world.pairs.of_axons(heard), world.pairs.pre[~heard]
    rates = local_rates(world.inputs, pairs, asked)
    connected, overall = pairs.size.toarray() > 0, pairs.prevalence
    distance = np.linalg.norm(place[asked][:, None] - place[pairs.pre], axis=2)
    for index, bandwidth in enumerate(BANDWIDTHS_UM):
        weight = np.exp(-0.5 * (distance / bandwidth) ** 2) * (distance <= 3 * max(BANDWIDTHS_UM))
        rate = (weight @ connected + overall * PRIOR_AXONS) / (weight.sum(1, keepdims=True) + PRIOR_AXONS)
        np.testing.assert_allclose(rates[:, :, index], np.log(rate / overall + 0.1), atol=1e-3)


def test_an_axon_of_unknown_position_hears_all_axons_alike():
    world = planted(n_axons=60, n_cells=10)
    heard, position = np.arange(len(world.pairs.pre)) >= 10, world.inputs.position.copy()
    position[world.pairs.pre[3]] = np.nan
    pairs = world.pairs.of_axons(heard)
    rates = local_rates(replace(world.inputs, position=position), pairs, world.pairs.pre[~heard])
    found, n, overall = (pairs.size.toarray() > 0).sum(0), len(pairs.pre), pairs.prevalence
    expected = np.log((found + overall * PRIOR_AXONS) / ((n + PRIOR_AXONS) * overall) + 0.1)
    np.testing.assert_allclose(rates[3], np.tile(expected[:, None], len(BANDWIDTHS_UM)), atol=1e-5)
    assert np.isfinite(rates).all()
