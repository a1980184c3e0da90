"""The graph holds what it was given and nothing else, and knows where absence is data."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from graphtwin import schema
from graphtwin.cortex.cortex import Cortex, build
from graphtwin.cortex.neighbours import Csr, k_nearest, nearest_relation
from graphtwin.graph.data.cortical_graph import CorticalGraph, build_graph
from graphtwin.sources.loaders import table_folder as tables


@pytest.fixture
def small(export) -> Cortex:
    """Nuclei 0-5; synapses 0>1, 0>4, 1>0; inputs of 0, 1, 2, 4 queried."""
    return build(tables.load_folder(export.write(".parquet")))


@pytest.fixture(scope="module")
def embeddings(cortex) -> pd.DataFrame:
    """Random embeddings of the bundle's units."""
    values = np.random.default_rng(5).normal(size=(len(cortex.units), 6)).astype(np.float32)
    names = [f"embedding_{i}" for i in range(6)]
    return cortex.units[[*schema.UNIT_KEY, "nucleus_id"]].join(pd.DataFrame(values, columns=names)).assign(reliability=0.5)


@pytest.fixture(scope="module")
def graph(cortex, embeddings) -> CorticalGraph:
    """The graph of the whole bundle."""
    return build_graph(cortex, embeddings, cortex.synapses)


def few(nuclei: list[int], values: list[list[float]]) -> pd.DataFrame:
    names = [f"embedding_{i}" for i in range(len(values[0]))]
    return pd.DataFrame({"nucleus_id": nuclei}).join(pd.DataFrame(values, columns=names, dtype=np.float32))


def pairs(graph: CorticalGraph, relation: str) -> dict[tuple[int, int], float]:
    csr, ids = graph.edges[relation], graph.nucleus_id
    return dict(zip(zip(ids[csr.rows].tolist(), ids[csr.indices].tolist(), strict=True), csr.weight.tolist(), strict=True))


def same(one: CorticalGraph, other: CorticalGraph) -> bool:
    np.testing.assert_equal({**vars(one), "edges": None}, {**vars(other), "edges": None})
    np.testing.assert_equal({k: vars(v) for k, v in one.edges.items()}, {k: vars(v) for k, v in other.edges.items()})
    return True


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
    assert relation.neighbours(4).tolist() == [2]
    assert relation.degree.tolist() == [0, 1, 1, 0, 1]
    np.testing.assert_allclose(relation.weight[-1], 1 - 9 / np.sqrt(82), rtol=1e-5)


def test_transposing_twice_gives_the_same_relation():
    rng = np.random.default_rng(0)
    csr = Csr.from_edges(rng.integers(0, 50, 300), rng.integers(0, 50, 300), rng.random(300), 50)
    back = csr.transpose()
    assert sorted(zip(back.indices, back.rows, back.weight, strict=True)) == sorted(zip(csr.rows, csr.indices, csr.weight, strict=True))
    np.testing.assert_equal(vars(back.transpose().transpose()), vars(back))


def test_a_small_graph_is_known_in_full(small):
    graph = build_graph(small, few([0, 1, 2, 3], [[1, 0], [1, 0.1], [0, 1], [0.1, 1]]), small.synapses, k_similar=1, k_near=1)
    assert list(pairs(graph, "similar")) == [(0, 1), (1, 0), (2, 3), (3, 2)]
    assert list(pairs(graph, "near")) == [(0, 1), (1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]  # on a line, equally spaced: the lower wins
    assert pairs(graph, "synapse_7") == {(0, 1): 10.0, (0, 4): 20.0, (1, 0): 30.0}
    assert graph.queried_post[7].tolist() == [True, True, True, False, True, False]
    assert graph.queried_pre[7].tolist() == [True] * 4 + [False] * 2
    assert (graph.axon_status == -1).all()


def test_every_neuron_has_k_near_and_k_similar_ones_where_it_has_a_place_and_a_function(graph, cortex):
    placed = np.isfinite(cortex.neurons["depth_um"].to_numpy())
    assert np.array_equal(graph.edges["near"].degree, np.where(placed, 10, 0))
    assert np.array_equal(graph.edges["similar"].degree, np.where(cortex.neurons["is_functional"], 10, 0))
    assert (graph.edges["near"].degree == 0).any()


def test_held_out_axons_leave_no_trace(cortex, embeddings, graph):
    axons = cortex.synapses["pre_nucleus_id"].unique()
    held_out = cortex.synapses["pre_nucleus_id"].isin(axons[::3])
    train = build_graph(cortex, embeddings, cortex.synapses[~held_out])
    for materialization in (661, 343):
        given = cortex.synapses[(cortex.synapses["materialization"] == materialization) & ~held_out]
        assert pairs(train, f"synapse_{materialization}").keys() == set(zip(given["pre_nucleus_id"], given["post_nucleus_id"], strict=True))
        asked = np.concatenate([np.unique(block.pre) for block in train.candidate_pairs(materialization)])
        assert not np.isin(train.nucleus_id[asked], axons[::3]).any()
    without = {**vars(train), "edges": {name: csr for name, csr in train.edges.items() if name in ("near", "similar")}}
    assert same(CorticalGraph(**without), build_graph(cortex, embeddings))


def test_the_order_of_rows_does_not_matter(small):
    similar = few([0, 1, 2, 3, 0], [[1, 0.2], [1, 0.1], [0, 1], [0.1, 1], [0.3, 0.1]])
    similar = similar.assign(session=[1, 1, 1, 1, 2], scan_idx=1, unit_id=1, reliability=[0.1, 0.2, 0.2, 0.2, 0.4])
    shuffled = replace(
        small,
        neurons=small.neurons.sample(frac=1, random_state=2),
        queried=small.queried.sample(frac=1, random_state=3),
    )
    one = build_graph(small, similar, small.synapses)
    other = build_graph(shuffled, similar.sample(frac=1, random_state=4), small.synapses.sample(frac=1, random_state=1))
    assert same(one, other)


def test_a_neuron_without_position_or_function_stays_alone_in_that_relation(small):
    neurons = small.neurons.copy()
    neurons.loc[neurons["nucleus_id"] == 2, schema.POSITION] = np.nan
    graph = build_graph(replace(small, neurons=neurons), few([0, 1, 2], [[1, 0], [1, 1], [0, 1]]), small.synapses)
    assert not any(2 in pair for pair in pairs(graph, "near"))
    assert not any({3, 4, 5} & set(pair) for pair in pairs(graph, "similar"))
    assert len(pairs(graph, "near")) == 5 * 4
    assert graph.n_neurons == 6


def test_non_partners_are_observed_axons_by_queried_targets_without_self_and_partners(small):
    graph = build_graph(small, synapses=small.synapses)
    (found,) = graph.non_partners(7)
    assert set(zip(*found.tolist(), strict=True)) == {(0, 2), (1, 2), (1, 4)}  # axons 0, 1; targets 0, 1, 2, 4
    (block,) = graph.candidate_pairs(7)
    assert dict(zip(zip(block.pre.tolist(), block.post.tolist(), strict=True), block.size.tolist(), strict=True)) == {
        (0, 1): 10.0,
        (0, 2): 0.0,
        (0, 4): 20.0,
        (1, 0): 30.0,
        (1, 2): 0.0,
        (1, 4): 0.0,
    }


def test_small_blocks_and_one_large_block_hold_the_same_pairs(graph):
    small_blocks = list(graph.candidate_pairs(343, pairs_a_block=10_000))
    assert max(len(block.pre) for block in small_blocks) <= 10_000
    (whole,) = graph.candidate_pairs(343, pairs_a_block=10**8)
    for name in ("pre", "post", "connected", "size"):
        np.testing.assert_array_equal(np.concatenate([getattr(block, name) for block in small_blocks]), getattr(whole, name))
    csr = graph.edges["synapse_343"]
    assert whole.connected.sum() == graph.queried_post[343][csr.indices].sum() == csr.n_edges


def test_synapses_without_their_queried_mask_are_refused(small):
    blind = replace(small, queried=small.queried[small.queried["side"] == "pre"])
    with pytest.raises(ValueError, match=r"synapses 7: no queried_post mask of materialization 7 \(masks: \[\]\).*`queried_post` table"):
        build_graph(blind, synapses=small.synapses)
    graph = replace(build_graph(small, synapses=small.synapses), queried_post={8: np.ones(6, dtype=bool)})
    with pytest.raises(ValueError, match=r"no queried_post mask of materialization 7 \(masks: \[8\]\)"):
        graph.non_partners(7)


def test_pairs_of_a_materialization_the_graph_lacks_are_refused(small):
    with pytest.raises(ValueError, match=r"no synapses of materialization 9; it holds those of \[7\]"):
        build_graph(small, synapses=small.synapses).candidate_pairs(9)


def test_unknown_nuclei_are_refused_and_counted(small):
    with pytest.raises(ValueError, match=r"embeddings of the graph: 2 of 3 nucleus ids are no neurons of this cortex, first \[77, 78\]"):
        build_graph(small, few([0, 77, 78], [[1, 0], [1, 0], [0, 1]]))
    with pytest.raises(ValueError, match=r"synapses 7 of the graph: 1 of 3 nucleus ids"):
        build_graph(small, synapses=small.synapses.replace({"post_nucleus_id": {4: 99}}))


def test_embeddings_that_are_not_finite_are_refused(small):
    with pytest.raises(ValueError, match=r"1 of 2 rows are not finite, first nuclei \[1\]"):
        build_graph(small, few([0, 1], [[1, 0], [np.nan, 0]]))


def test_a_table_without_embedding_columns_is_refused(small):
    with pytest.raises(ValueError, match="'embedding_0'"):
        build_graph(small, small.units[["nucleus_id"]])


def test_pyg_receives_every_edge_in_the_direction_of_messages(small):
    graph = build_graph(small, few([0, 1, 2], [[1, 0], [1, 0.1], [0.9, 0.8]]), small.synapses, k_similar=1)
    data = graph.to_hetero_data(np.eye(6, dtype=np.float32))
    assert data.validate()
    synapse, similar = data["neuron", "synapse_7", "neuron"], data["neuron", "similar", "neuron"]
    assert synapse.edge_index.tolist() == [[0, 0, 1], [1, 4, 0]]
    assert synapse.edge_attr.tolist() == [[10], [20], [30]]
    assert similar.edge_index.tolist() == [[1, 0, 1], [0, 1, 2]]  # each of 0, 1, 2 hears its nearest
    assert data["neuron"].queried_post_7.tolist() == graph.queried_post[7].tolist()
    assert data["neuron"].axon_status.tolist() == [-1] * 6
    assert data["neuron"].x.shape == (6, 6)
    assert "x" not in graph.to_hetero_data()["neuron"]


def test_networkx_receives_neurons_by_id_and_synapses_with_their_size(small):
    neurons = small.neurons.copy()
    neurons.loc[0, "axon_status"] = "extended"
    neurons.loc[5, schema.POSITION] = np.nan
    graph = build_graph(replace(small, neurons=neurons), synapses=small.synapses).to_networkx()
    assert isinstance(graph, nx.MultiDiGraph)
    assert graph.edges[0, 4, "synapse_7"] == {"size": 20.0, "materialization": 7}
    assert graph.nodes[0]["axon_status"] == "extended"
    assert graph.nodes[0]["queried_post_7"]
    assert graph.nodes[5]["x_um"] is None
    assert graph.nodes[5]["axon_status"] is None
    assert graph.degree(5) == 0
