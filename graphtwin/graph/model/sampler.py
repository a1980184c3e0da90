"""Neighbour sampling for PyG's loaders without compiled extras: a numba pass over the incoming edges of each relation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Int
from numba import njit
from torch_geometric.data import HeteroData
from torch_geometric.sampler import BaseSampler, EdgeSamplerInput, HeteroSamplerOutput, NegativeSampling, NodeSamplerInput

from graphtwin.config import nearest
from graphtwin.execute import seed_for

EdgeType = tuple[str, str, str]


@dataclass(frozen=True)
class Incoming:
    """The incoming edges of every node in one relation: those of node i at `indptr[i]:indptr[i + 1]`.

    Attributes:
        indptr: Where the edges of each node begin.
        source: The node a message comes from.
        edge: The edge's place in `edge_index` of the data.
    """

    indptr: Int[np.ndarray, " bounds"]
    source: Int[np.ndarray, " edges"]
    edge: Int[np.ndarray, " edges"]

    @classmethod
    def from_edge_index(cls, edge_index: Int[torch.Tensor, "two edges"], n: int) -> Incoming:
        """Sort the edges by target.

        Args:
            edge_index: Sources and targets, below n.
            n: Nodes.
        """
        source, target = edge_index.numpy()
        order = np.argsort(target, kind="stable")
        return cls(np.concatenate([[0], np.cumsum(np.bincount(target, minlength=n))]), source[order], order)


class NeighbourSampler(BaseSampler):
    """Draws, hop by hop, a bounded number of incoming edges of each node newly reached, without replacement.

    What is drawn depends on the seed and on the nodes or pairs of the batch, in their order; on nothing drawn before, and on no worker.
    No node occurs twice; the seeds come first, then the nodes of each hop. With L hops and a fan-out of -1, L layers of message passing
    give the seeds what they would get from the whole graph.
    """

    def __init__(
        self,
        data: HeteroData,
        fan_out: Sequence[int] | Mapping[EdgeType, Sequence[int]],
        seed: int = 0,
        hidden: Sequence[EdgeType] = (),
    ):
        """Sort the incoming edges of every relation once.

        Args:
            data: A graph with one node type.
            fan_out: Edges a node draws at each hop, for all relations or for each (absent: none are drawn); -1 takes all.
            seed: The run's seed, or one an epoch.
            hidden: Relations in which the pairs of a batch of links exchange no messages, in neither direction: a pair that is asked about
                must not be seen. Name every relation that knows the answer.
        """
        if len(data.node_types) != 1:
            raise ValueError(f"sampler: {len(data.node_types)} node types {data.node_types}. It samples graphs with one node type.")
        (self.node_type,) = data.node_types
        self.n_nodes = int(data[self.node_type].num_nodes)
        self.seed = seed
        self.incoming = {name: Incoming.from_edge_index(data[name].edge_index, self.n_nodes) for name in data.edge_types}
        self.fan_out = self._fan_outs(fan_out)
        self.n_hops = len(next(iter(self.fan_out.values()), ()))
        self.hidden = frozenset(self._known(name) for name in hidden)
        self.max_degree = max((int(np.diff(csr.indptr).max(initial=0)) for csr in self.incoming.values()), default=0)

    def sample_from_nodes(self, index: NodeSamplerInput, **kwargs: object) -> HeteroSamplerOutput:
        """The neighbourhood of some nodes.

        Args:
            index: The batch.
            kwargs: Not used; part of PyG's interface.
        """
        if index.time is not None:
            raise ValueError("sampler: the nodes of this batch have times. Edges have none here: leave `input_time` out.")
        seeds = index.node.numpy()
        repeated = len(seeds) - len(np.unique(seeds))
        if repeated:
            raise ValueError(f"sampler: {repeated} of {len(seeds)} seed nodes repeat another one. Give every node once a batch.")
        out = self._sample(seeds, self._key(seeds), np.empty(0, np.int64))
        out.metadata = (index.input_id, None)
        return out

    def sample_from_edges(self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None) -> HeteroSamplerOutput:
        """The neighbourhood of both ends of some pairs.

        Args:
            index: The batch of pairs, with their labels.
            neg_sampling: Must be None: negatives come labelled, from the pairs that were looked at.
        """
        if neg_sampling is not None:
            raise ValueError(
                "sampler: PyG's negative sampling takes any pair without an edge for a negative, also where nobody looked. "
                "Draw negatives with `CorticalGraph.non_partners` and pass all pairs as `edge_label_index` with their `edge_label`."
            )
        if index.time is not None:
            raise ValueError("sampler: the pairs of this batch have times. Edges have none here: leave `edge_label_time` out.")
        pre, post = index.row.numpy(), index.col.numpy()
        seeds, ends = np.unique(np.concatenate([pre, post]), return_inverse=True)
        asked = np.unique(np.concatenate([post * self.n_nodes + pre, pre * self.n_nodes + post]))
        out = self._sample(seeds, self._key(pre, post), asked)
        out.metadata = (index.input_id, torch.from_numpy(ends.reshape(2, -1)), index.label, None)
        return out

    def _sample(self, seeds: Int[np.ndarray, " seeds"], key: int, asked: Int[np.ndarray, " asked"]) -> HeteroSamplerOutput:
        """All hops from the seeds; `asked` holds target * n_nodes + source of the edges to hide, ascending."""
        number = np.full(self.n_nodes, -1, dtype=np.int32)
        number[seeds] = np.arange(len(seeds), dtype=np.int32)
        nodes, frontier, first = [seeds], seeds, 0
        drawn: dict[EdgeType, list[tuple[np.ndarray, ...]]] = {name: [] for name in self.incoming}
        state, scratch = np.array([key], dtype=np.uint64), np.empty(self.max_degree, np.int64)
        taken, nothing = np.zeros(self.max_degree, dtype=np.bool_), np.empty(0, np.int64)
        for hop in range(self.n_hops):
            reached = [nothing]
            n_numbered = first + len(frontier)
            for name, csr in self.incoming.items():
                avoid = asked if name in self.hidden else nothing
                at, target = _draw(csr.indptr, csr.source, frontier, self.fan_out[name][hop], avoid, state, scratch, taken)
                source = csr.source[at]
                reached.append(_enlist(source, number, n_numbered + sum(map(len, reached))))
                drawn[name].append((number[source].astype(np.int64), target + first, csr.edge[at]))
            first, frontier = n_numbered, np.concatenate(reached)
            nodes.append(frontier)
        return self._output(nodes, drawn)

    def _output(self, nodes: list[np.ndarray], drawn: dict[EdgeType, list[tuple[np.ndarray, ...]]]) -> HeteroSamplerOutput:
        """The hops put together."""
        nothing = np.empty(0, np.int64)
        row, col, edge = (
            {name: torch.from_numpy(np.concatenate([nothing, *(hop[part] for hop in hops)])) for name, hops in drawn.items()}
            for part in range(3)
        )
        return HeteroSamplerOutput(
            node={self.node_type: torch.from_numpy(np.concatenate(nodes))},
            row=row,
            col=col,
            edge=edge,
            num_sampled_nodes={self.node_type: [len(hop) for hop in nodes]},
            num_sampled_edges={name: [len(hop[0]) for hop in hops] for name, hops in drawn.items()},
        )

    def _fan_outs(self, fan_out: Sequence[int] | Mapping[EdgeType, Sequence[int]]) -> dict[EdgeType, list[int]]:
        """The fan-out of every relation at every hop."""
        if not isinstance(fan_out, Mapping):
            return {name: list(fan_out) for name in self.incoming}
        given = {self._known(name): list(hops) for name, hops in fan_out.items()}
        lengths = {len(hops) for hops in given.values()}
        if len(lengths) > 1:
            raise ValueError(
                f"sampler: the relations have fan-outs of {sorted(lengths)} hops. Give all the same number of hops, 0 for none."
            )
        return {name: given.get(name, [0] * max(lengths, default=0)) for name in self.incoming}

    def _known(self, name: EdgeType) -> EdgeType:
        """The name, if it is a relation of the graph."""
        if name not in self.incoming:
            relations = [known[1] for known in self.incoming]
            raise ValueError(f"sampler: no relation {name} (nearest here: {nearest(name[1], relations)!r}). The graph has {relations}.")
        return name

    def _key(self, *batch: Int[np.ndarray, " ids"]) -> int:
        """The start of the random numbers of a batch, from the seed and the batch's content."""
        content = hashlib.sha256(b"".join(np.ascontiguousarray(ids, dtype="<i8").tobytes() for ids in batch)).hexdigest()
        return int(seed_for(self.seed, "neighbours", len(batch), content).generate_state(1, np.uint64)[0])


@njit(cache=True, nogil=True)
@no_type_check
def _below(state, bound):
    """The next random integer below the bound (splitmix64). Source: Steele et al. 2014, doi:10.1145/2714064.2660195."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int(((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53 * bound)


@njit(cache=True, nogil=True)
@no_type_check
def _draw(indptr, source, frontier, fan, asked, state, scratch, taken):
    """Places of the edges drawn for each frontier node, and that node's place in the frontier; fan -1 takes all.

    Distinct edges by Floyd's algorithm, in time of the edges drawn. Source: Bentley & Floyd 1987, doi:10.1145/30401.315746.
    """
    n = len(indptr) - 1
    total = 0
    for v in frontier:
        degree = indptr[v + 1] - indptr[v]
        total += degree if fan < 0 else min(fan, degree)
    at, target = np.empty(total, np.int64), np.empty(total, np.int64)
    filled = 0
    for i in range(len(frontier)):
        v = frontier[i]
        begin, degree = indptr[v], indptr[v + 1] - indptr[v]
        free = np.searchsorted(asked, v * n) == np.searchsorted(asked, (v + 1) * n)
        if not free:
            allowed = 0
            for e in range(begin, begin + degree):
                wanted = v * n + source[e]
                place = np.searchsorted(asked, wanted)
                if place == len(asked) or asked[place] != wanted:
                    scratch[allowed] = e - begin
                    allowed += 1
            degree = allowed
        count = degree if fan < 0 else min(fan, degree)
        start = filled
        for j in range(degree - count, degree):
            choice = j if count == degree else _below(state, j + 1)
            if taken[choice]:
                choice = j
            taken[choice] = True
            at[filled] = choice
            target[filled] = i
            filled += 1
        for k in range(start, filled):
            taken[at[k]] = False
            at[k] = begin + (at[k] if free else scratch[at[k]])
    return at[:filled], target[:filled]


@njit(cache=True, nogil=True)
@no_type_check
def _enlist(source, number, n_numbered):
    """Give the sources without a number the next ones, in order of appearance, and return them."""
    new = np.empty(len(source), np.int64)
    count = 0
    for v in source:
        if number[v] < 0:
            number[v] = n_numbered + count
            new[count] = v
            count += 1
    return new[:count]
