"""A sampled neighbourhood is a part of the graph, the right part, and the same one for the same batch and seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.sampler import EdgeSamplerInput, HeteroSamplerOutput, NegativeSampling, NodeSamplerInput
from torch_geometric.utils import k_hop_subgraph

from graphtwin.graph.model.sampler import NeighbourSampler

SIMILAR, SYNAPSE = ("neuron", "similar", "neuron"), ("neuron", "synapse_7", "neuron")
N = 300


@pytest.fixture(scope="module")
def data() -> HeteroData:
    """300 neurons, 5 similar each, 1,200 synapses with a few hubs; the edges' order is shuffled."""
    rng = np.random.default_rng(3)
    graph = HeteroData()
    graph["neuron"].x = torch.arange(N, dtype=torch.float32)[:, None]
    pairs = rng.integers(0, N, (6 * 5 * N, 2))
    hubs = np.stack([rng.integers(0, N, 2000), rng.integers(0, N, 2000) ** 2 // N], axis=1)
    for name, edges, count in ((SIMILAR, pairs, 5 * N), (SYNAPSE, hubs, 1200)):
        distinct = rng.permutation(np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0))[:count].T
        graph[name].edge_index = torch.from_numpy(distinct.copy())
        graph[name].edge_attr = torch.rand(distinct.shape[1], 1, generator=torch.Generator().manual_seed(1))
    return graph


def from_nodes(sampler: NeighbourSampler, nodes: list[int]) -> HeteroSamplerOutput:
    return sampler.sample_from_nodes(NodeSamplerInput(torch.arange(len(nodes)), torch.tensor(nodes), None, "neuron"))


def from_pairs(sampler: NeighbourSampler, pairs: torch.Tensor) -> HeteroSamplerOutput:
    label = torch.ones(pairs.shape[1])
    return sampler.sample_from_edges(EdgeSamplerInput(torch.arange(pairs.shape[1]), pairs[0], pairs[1], label, None, SYNAPSE))


def edge_set(index: torch.Tensor) -> set[tuple[int, ...]]:
    return set(map(tuple, index.T.tolist()))


def sampled_edges(out: HeteroSamplerOutput, name: tuple[str, str, str]) -> torch.Tensor:
    return torch.stack([out.global_row[name], out.global_col[name]])


def identical(one: HeteroSamplerOutput, other: HeteroSamplerOutput) -> bool:
    return all(torch.equal(one.edge[name], other.edge[name]) for name in one.edge) and torch.equal(one.node["neuron"], other.node["neuron"])


def test_every_sampled_edge_is_the_edge_of_the_graph_it_says(data):
    out = from_nodes(NeighbourSampler(data, [4, 3], seed=1), [5, 200, 17])
    for name in (SIMILAR, SYNAPSE):
        assert len(out.edge[name]) > 0
        assert torch.equal(sampled_edges(out, name), data[name].edge_index[:, out.edge[name]])
        assert len(out.edge[name].unique()) == len(out.edge[name])


def test_seeds_come_first_and_no_node_twice(data):
    nodes = [5, 200, 17, 0]
    node = from_nodes(NeighbourSampler(data, [4, 3, 2], seed=1), nodes).node["neuron"]
    assert node[:4].tolist() == nodes
    assert len(node.unique()) == len(node)


def test_no_node_draws_more_than_its_fan_out_and_none_less_than_it_can(data):
    fan_out = {SIMILAR: [2, 1], SYNAPSE: [3, 0]}
    out = from_nodes(NeighbourSampler(data, fan_out, seed=2), list(range(40)))
    bounds = np.cumsum([0, *out.num_sampled_nodes["neuron"]])
    for name, fans in fan_out.items():
        degree = torch.bincount(data[name].edge_index[1], minlength=N)
        drawn = torch.bincount(out.col[name], minlength=len(out.node["neuron"]))
        for hop, fan in enumerate(fans):
            here = slice(bounds[hop], bounds[hop + 1])
            assert torch.equal(drawn[here], degree[out.node["neuron"][here]].clamp(max=fan))
        assert out.num_sampled_edges[name][0] == int((out.col[name] < 40).sum())


def test_the_hops_add_up(data):
    out = from_nodes(NeighbourSampler(data, [3, 3], seed=2), [9, 1])
    assert sum(out.num_sampled_nodes["neuron"]) == len(out.node["neuron"])
    assert {name: sum(hops) for name, hops in out.num_sampled_edges.items()} == {name: len(edge) for name, edge in out.edge.items()}


@pytest.mark.parametrize("fan", [-1, N])
def test_a_fan_out_above_every_degree_is_the_k_hop_subgraph(data, fan):
    seeds = [5, 200, 17]
    union = torch.cat([data[name].edge_index for name in data.edge_types], dim=1)
    out = from_nodes(NeighbourSampler(data, [fan, fan], seed=1), seeds)
    within, edges, _, _ = k_hop_subgraph(seeds, 2, union, num_nodes=N)
    inner, *_ = k_hop_subgraph(seeds, 1, union, num_nodes=N)
    assert sorted(out.node["neuron"].tolist()) == within.tolist()
    sampled = edge_set(torch.cat([sampled_edges(out, name) for name in data.edge_types], dim=1))
    assert sampled == edge_set(edges[:, torch.isin(edges[1], inner)])  # PyG keeps edges into the last hop too; no seed hears through them


def test_two_layers_on_the_sample_tell_a_seed_what_the_whole_graph_would(data):
    def two_layers(x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        for _ in range(2):
            x = x + torch.zeros_like(x).index_add(0, edges[1], x[edges[0]]).tanh()
        return x

    out = from_nodes(NeighbourSampler(data, [-1, -1]), [5, 200, 17])
    x = torch.randn(N, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = two_layers(x, data[SYNAPSE].edge_index)[[5, 200, 17]]
    sample = two_layers(x[out.node["neuron"]], torch.stack([out.row[SYNAPSE], out.col[SYNAPSE]]))[:3]
    torch.testing.assert_close(sample, whole)


def test_the_same_batch_and_seed_draw_the_same_whatever_was_drawn_before(data):
    sampler, other = NeighbourSampler(data, [3, 3], seed=4), NeighbourSampler(data, [3, 3], seed=4)
    first = from_nodes(sampler, [1, 2, 3])
    from_nodes(sampler, [7, 8])
    assert identical(first, from_nodes(sampler, [1, 2, 3]))
    assert identical(first, from_nodes(other, [1, 2, 3]))
    assert not identical(first, from_nodes(NeighbourSampler(data, [3, 3], seed=5), [1, 2, 3]))


def test_every_incoming_edge_is_drawn_equally_often():
    graph = HeteroData()
    graph["neuron"].num_nodes = 2010
    source, target = torch.arange(2000, 2010).repeat(2000), torch.arange(2000).repeat_interleave(10)
    graph[SIMILAR].edge_index = torch.stack([source, target])
    out = from_nodes(NeighbourSampler(graph, [3], seed=6), list(range(2000)))
    counts = torch.bincount(source[out.edge[SIMILAR]] - 2000, minlength=10).numpy()
    # 600 expected of each; one count has variance 2000 * 0.3 * 0.7, and together they are a chi-squared with 9 degrees of freedom.
    assert ((counts - 600) ** 2).sum() / (2000 * 0.3 * 0.7 * 10 / 9) < 27.9  # 99.9 %


def test_pairs_asked_about_exchange_no_messages_where_hidden(data):
    pairs = data[SYNAPSE].edge_index[:, :20]
    asked = edge_set(pairs) | edge_set(pairs.flip(0))
    seen = edge_set(sampled_edges(from_pairs(NeighbourSampler(data, [-1, -1]), pairs), SYNAPSE))
    out = from_pairs(NeighbourSampler(data, [-1, -1], hidden=[SYNAPSE]), pairs)
    assert asked & seen
    assert edge_set(sampled_edges(out, SYNAPSE)).isdisjoint(asked)
    inside = torch.isin(data[SYNAPSE].edge_index[1], pairs.flatten())
    expected = edge_set(data[SYNAPSE].edge_index[:, inside]) - asked
    assert expected <= edge_set(sampled_edges(out, SYNAPSE))


def test_a_hidden_pair_does_not_cost_its_target_a_neighbour(data):
    degree = torch.bincount(data[SYNAPSE].edge_index[1], minlength=N)
    hub = int(degree.argmax())
    pair = data[SYNAPSE].edge_index[:, data[SYNAPSE].edge_index[1] == hub][:, :1]
    out = from_pairs(NeighbourSampler(data, [5], hidden=[SYNAPSE]), pair)
    assert int((out.global_col[SYNAPSE] == hub).sum()) == 5
    assert int(pair[0]) not in out.global_row[SYNAPSE][out.global_col[SYNAPSE] == hub]


def batches(data: HeteroData, n_workers: int) -> list[HeteroData]:
    sampler = NeighbourSampler(data, [4, 2], seed=3)
    return list(NodeLoader(data, sampler, input_nodes=("neuron", torch.arange(0, N, 3)), batch_size=32, num_workers=n_workers))


def test_node_loader_slices_features_and_edges(data):
    for batch in batches(data, 0):
        ids = batch["neuron"].n_id
        assert torch.equal(batch["neuron"].x[:, 0], ids.float())
        assert torch.equal(ids[: batch["neuron"].batch_size], torch.arange(0, N, 3)[batch["neuron"].input_id])
        for name in (SIMILAR, SYNAPSE):
            assert torch.equal(ids[batch[name].edge_index], data[name].edge_index[:, batch[name].e_id])
            assert torch.equal(batch[name].edge_attr, data[name].edge_attr[batch[name].e_id])


def test_two_workers_draw_what_none_draws(data):
    for alone, shared in zip(batches(data, 0), batches(data, 2), strict=True):
        assert torch.equal(alone["neuron"].n_id, shared["neuron"].n_id)
        assert torch.equal(alone[SYNAPSE].e_id, shared[SYNAPSE].e_id)


def test_link_loader_keeps_pairs_and_labels(data):
    pairs = torch.cat([data[SYNAPSE].edge_index[:, :50], torch.randint(0, N, (2, 50), generator=torch.Generator().manual_seed(0))], dim=1)
    label = torch.cat([torch.ones(50), torch.zeros(50)])
    sampler = NeighbourSampler(data, [4, 2], hidden=[SYNAPSE])
    loader = LinkLoader(data, sampler, edge_label_index=(SYNAPSE, pairs), edge_label=label, batch_size=32, shuffle=True)
    seen = 0
    for batch in loader:
        asked = batch["neuron"].n_id[batch[SYNAPSE].edge_label_index]
        assert torch.equal(asked, pairs[:, batch[SYNAPSE].input_id])
        assert torch.equal(batch[SYNAPSE].edge_label, label[batch[SYNAPSE].input_id])
        assert edge_set(batch["neuron"].n_id[batch[SYNAPSE].edge_index]).isdisjoint(edge_set(asked))
        seen += asked.shape[1]
    assert seen == 100


def test_a_node_without_edges_is_sampled_alone(data):
    graph = HeteroData()
    graph["neuron"].num_nodes = 3
    graph[SIMILAR].edge_index = torch.empty(2, 0, dtype=torch.int64)
    out = from_nodes(NeighbourSampler(graph, [2, 2]), [1])
    assert out.node["neuron"].tolist() == [1]
    assert out.num_sampled_nodes == {"neuron": [1, 0, 0]}


def test_negatives_that_nobody_looked_at_are_refused(data):
    batch = EdgeSamplerInput(None, torch.tensor([0]), torch.tensor([1]), None, None, SYNAPSE)
    with pytest.raises(ValueError, match=r"also where nobody looked.*non_partners"):
        NeighbourSampler(data, [2]).sample_from_edges(batch, NegativeSampling("binary"))


def test_repeated_seeds_are_refused(data):
    with pytest.raises(ValueError, match="1 of 3 seed nodes repeat"):
        from_nodes(NeighbourSampler(data, [2]), [4, 4, 5])


def test_unknown_relations_and_uneven_hops_are_refused(data):
    with pytest.raises(ValueError, match=r"no relation .* \(nearest here: 'synapse_7'\)"):
        NeighbourSampler(data, [2], hidden=[("neuron", "synapse", "neuron")])
    with pytest.raises(ValueError, match=r"fan-outs of \[1, 2\] hops"):
        NeighbourSampler(data, {SIMILAR: [2], SYNAPSE: [2, 2]})
