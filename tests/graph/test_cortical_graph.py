"""The graph holds what it was given and nothing else, and knows where absence is data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from graphtwin import schema
from graphtwin.cortex.cortex import Cortex, build
from graphtwin.graph.data.cortical_graph import CorticalGraph, build_graph
from graphtwin.graph.data.edges import similar_edges, synapse_edges
from graphtwin.graph.data.inputs import NodeInputs, node_inputs
from graphtwin.graph.data.observed_pairs import pair_set
from graphtwin.sources.loaders import table_folder as tables


@pytest.fixture
def small(export) -> Cortex:
    """Nuclei 0-5; synapses 0>1, 0>4, 1>0; inputs of 0, 1, 2, 4 queried."""
    return build(tables.load_folder(export.write(".parquet")))


@pytest.fixture(scope="module")
def inputs(cortex: Cortex) -> NodeInputs:
    """All neurons of the bundle that take part, with random function."""
    units = cortex.units.drop_duplicates("nucleus_id").reset_index(drop=True)
    values = np.random.default_rng(5).normal(size=(len(units), 6)).astype(np.float32)
    features = units[[*schema.UNIT_KEY, "nucleus_id"]].assign(reliability=0.5, **{f"feature_{i}": values[:, i] for i in range(6)})
    return node_inputs(cortex, features)


@pytest.fixture(scope="module")
def graph(cortex: Cortex, inputs: NodeInputs) -> CorticalGraph:
    """The graph of the whole bundle."""
    return build_graph(inputs, cortex.synapses, cortex.queried, 10)


def few(cortex: Cortex, nuclei: list[int], values: list[list[float]]) -> NodeInputs:
    """The neurons of a small cortex, some with this function."""
    features = pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": nuclei, "nucleus_id": nuclei, "reliability": 0.5})
    columns = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(len(values[0]))], dtype=np.float32)
    return node_inputs(cortex, features.join(columns))


def same(one: CorticalGraph, other: CorticalGraph) -> bool:
    plain = [{**vars(g), "similar": vars(g.similar), "synapses": {m: vars(csr) for m, csr in g.synapses.items()}} for g in (one, other)]
    np.testing.assert_equal(*plain)
    return True


def test_a_small_graph_is_known_in_full(small):
    nodes = few(small, [0, 1, 2, 3], [[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    graph = build_graph(nodes, small.synapses, small.queried, 1)
    assert graph.nucleus_id.tolist() == [0, 1, 2, 3, 4]  # 5 has no function and was not queried
    assert list(zip(graph.similar.rows.tolist(), graph.similar.indices.tolist(), strict=True)) == [(0, 1), (1, 0), (2, 3), (3, 2)]
    np.testing.assert_allclose(graph.similar.weight, 1 - 1 / np.sqrt(1.01), rtol=1e-5)
    synapse = graph.synapses[7]
    assert list(zip(synapse.rows.tolist(), synapse.indices.tolist(), synapse.weight.tolist(), strict=True)) == [
        (0, 1, 10.0),
        (0, 4, 20.0),
        (1, 0, 30.0),
    ]
    assert graph.queried_post[7].tolist() == [True, True, True, False, True]
    assert graph.wired.tolist() == [True, True, False, False, True]


def test_the_relations_are_those_of_the_tables(cortex, inputs, graph):
    """Computed again from the tables, without the graph: what every fit reads, number by number."""
    function = inputs.function[inputs.has_function].astype(np.float64)
    at = np.flatnonzero(inputs.has_function)
    chosen = np.random.default_rng(0).choice(len(at), 50, replace=False)
    distance = cdist(function[chosen], function, "cosine")
    distance[np.arange(50), chosen] = np.inf
    nearest = np.sort(at[np.argsort(distance, axis=1)[:, :10]], axis=1)
    edges = similar_edges(graph)["similar"].numpy()
    np.testing.assert_array_equal([np.sort(edges[0, edges[1] == row]) for row in at[chosen]], nearest)
    for version in (343, 661):
        table = cortex.synapses[cortex.synapses["materialization"] == version]
        ends = [np.searchsorted(inputs.nucleus_id, table[name]) for name in schema.PAIR_KEY]
        np.testing.assert_array_equal(synapse_edges(graph)[f"inputs_{version}"].numpy(), ends)
        np.testing.assert_array_equal(synapse_edges(graph)[f"outputs_{version}"].numpy(), ends[::-1])
        pairs = pair_set(graph, version)
        rows = (cortex.queried["materialization"] == version) & (cortex.queried["side"] == "post")
        np.testing.assert_array_equal(inputs.nucleus_id[pairs.post], np.sort(cortex.queried.loc[rows, "nucleus_id"]))
        np.testing.assert_array_equal(inputs.nucleus_id[pairs.pre], np.unique(table["pre_nucleus_id"]))
        expected = table.pivot(index="pre_nucleus_id", columns="post_nucleus_id", values="size")
        expected = expected.reindex(columns=inputs.nucleus_id[pairs.post]).fillna(0.0)
        np.testing.assert_array_equal(pairs.size.toarray(), expected.to_numpy())


def test_every_neuron_has_k_similar_ones_where_it_has_a_function(graph, inputs):
    assert np.array_equal(graph.similar.degree, np.where(inputs.has_function, 10, 0))


def test_held_out_axons_leave_no_trace(cortex, inputs, graph):
    axons = cortex.synapses["pre_nucleus_id"].unique()
    held_out = cortex.synapses["pre_nucleus_id"].isin(axons[::3])
    train = build_graph(inputs, cortex.synapses[~held_out], cortex.queried, 10)
    for version in (661, 343):
        given = cortex.synapses[(cortex.synapses["materialization"] == version) & ~held_out]
        csr = train.synapses[version]
        found = set(zip(inputs.nucleus_id[csr.rows], inputs.nucleus_id[csr.indices], strict=True))
        assert found == set(zip(given["pre_nucleus_id"], given["post_nucleus_id"], strict=True))
        assert not np.isin(inputs.nucleus_id[pair_set(train, version).pre], axons[::3]).any()
    assert same(replace(train, synapses=graph.synapses), graph)


def test_the_order_of_rows_does_not_matter(small):
    nodes = few(small, [0, 1, 2, 3], [[1, 0.2], [1, 0.1], [0, 1], [0.1, 1]])
    one = build_graph(nodes, small.synapses, small.queried, 2)
    other = build_graph(nodes, small.synapses.sample(frac=1, random_state=1), small.queried.sample(frac=1, random_state=3), 2)
    assert same(one, other)


def test_a_neuron_without_function_stays_alone_in_that_relation(small):
    graph = build_graph(few(small, [0, 1, 2], [[1, 0], [1, 1], [0, 0]]), small.synapses, small.queried, 10)
    assert graph.similar.degree.tolist() == [1, 1, 0, 0, 0]  # of 2 every feature is 0: it resembles nobody
    assert graph.n_neurons == 5


def test_synapses_without_their_queried_cells_make_no_pairs(small):
    nodes = few(small, [0, 1], [[1, 0], [1, 1]])
    blind = build_graph(nodes, small.synapses, small.queried[small.queried["side"] == "pre"], 1)
    with pytest.raises(ValueError, match=r"7: 3 synaptic pairs but no queried postsynaptic cells \(queried at \[\]\).*queried_post table"):
        pair_set(blind, 7)


def test_synapses_of_cells_that_take_no_part_are_refused_and_counted(small):
    nodes = few(small, [0, 1], [[1, 0], [1, 1]])
    elsewhere = small.synapses.replace({"post_nucleus_id": {4: 99}})
    with pytest.raises(ValueError, match=r"synapses 7 of the graph: 1 of 3 pairs have an end that takes no part.*first \[\[0, 99\]\]"):
        build_graph(nodes, elsewhere, small.queried, 1)
