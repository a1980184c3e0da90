"""The cortical graph: neurons, and who is near, similar or presynaptic to whom, with what was looked for and what was proofread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int8, Int64

from graphtwin import schema
from graphtwin.cortex.cortex import Cortex
from graphtwin.cortex.neighbours import Csr, nearest_relation
from graphtwin.tuning.units import speaking_units

if TYPE_CHECKING:
    import networkx as nx
    from torch_geometric.data import HeteroData

PAIRS_A_BLOCK = 2**20


@dataclass(frozen=True)
class PairBlock:
    """All candidate pairs of a few axons; neurons by their number in `CorticalGraph.nucleus_id`.

    Attributes:
        pre: The axon's neuron.
        post: The target, whose inputs were looked for.
        connected: Whether the graph holds a synapse between them.
        size: Its summed cleft voxels, 0 where not connected.
    """

    pre: Int64[np.ndarray, " pairs"]
    post: Int64[np.ndarray, " pairs"]
    connected: Bool[np.ndarray, " pairs"]
    size: Float32[np.ndarray, " pairs"]


@dataclass(frozen=True)
class CorticalGraph:
    """Neurons and the relations between them, each a `Csr` over all neurons.

    Attributes:
        nucleus_id: Ascending; a neuron's number in every other member is its place here.
        position_um: x, depth, z in the pia frame, NaN where unknown.
        axon_status: Index into `schema.PROOFREADING`, -1 where unknown.
        dendrite_status: The same for the dendrite.
        edges: `near` and `similar`: from a neuron to its k nearest (weight: distance); `synapse_M`: from axon to target at
            materialization M (weight: summed cleft voxels).
        queried_post: For each materialization, whose inputs were looked for. Absence of a synapse is data for these targets only.
        queried_pre: For each materialization, whose outputs were looked for.
    """

    nucleus_id: Int64[np.ndarray, " neurons"]
    position_um: Float[np.ndarray, "neurons 3"]
    axon_status: Int8[np.ndarray, " neurons"]
    dendrite_status: Int8[np.ndarray, " neurons"]
    edges: dict[str, Csr]
    queried_post: dict[int, Bool[np.ndarray, " neurons"]]
    queried_pre: dict[int, Bool[np.ndarray, " neurons"]]

    @property
    def n_neurons(self) -> int:
        """Neurons, with or without edges."""
        return len(self.nucleus_id)

    @property
    def materializations(self) -> list[int]:
        """Those of which the graph holds synapses."""
        return sorted(int(name.removeprefix("synapse_")) for name in self.edges if name.startswith("synapse_"))

    def candidate_pairs(self, materialization: int, pairs_a_block: int = PAIRS_A_BLOCK) -> Iterator[PairBlock]:
        """Every pair that a synapse was looked for in: observed axons x queried targets, without self pairs, a few axons at a time.

        An observed axon is one with a synapse in this graph: an axon without any may never have been looked at. An axon given only in part
        would have its other partners among the unconnected: hold out whole axons.

        Args:
            materialization: Of the synapses and of the queried cells.
            pairs_a_block: Bound on the pairs held in memory at once; at least one axon is.
        """
        synapse = self._synapse(materialization)
        targets = np.flatnonzero(self._queried_post(materialization))
        axons = np.flatnonzero(synapse.degree)
        step = max(1, pairs_a_block // max(1, len(targets)))
        return (_block(synapse, axons[start : start + step], targets) for start in range(0, len(axons), step))

    def non_partners(self, materialization: int, pairs_a_block: int = PAIRS_A_BLOCK) -> Iterator[Int64[np.ndarray, "two pairs"]]:
        """The candidate pairs without a synapse: rows pre and post, numbers of neurons.

        Args:
            materialization: Of the synapses and of the queried cells.
            pairs_a_block: Bound on the pairs held in memory at once.
        """
        blocks = self.candidate_pairs(materialization, pairs_a_block)
        return (np.stack([block.pre, block.post])[:, ~block.connected] for block in blocks)

    def to_hetero_data(self, x: Float[Any, "neurons features"] | None = None) -> HeteroData:
        """The graph for PyG: node type `neuron`, edge types (neuron, relation, neuron), edges in the direction messages take.

        A neuron hears its nearest ones: `near` and `similar` run from the neighbour to the neuron. A target hears its axons: `synapse_M`
        runs from axon to target. `edge_attr` (edges, 1) is the weight; positions are `pos` (um, NaN where unknown).

        Args:
            x: Features of each neuron (array or tensor); None leaves `x` out.
        """
        import torch
        from torch_geometric.data import HeteroData

        data = HeteroData()
        node = data["neuron"]
        node.num_nodes = self.n_neurons
        if x is not None:
            node.x = torch.as_tensor(x)
        node.pos = torch.from_numpy(self.position_um.astype(np.float32))
        for name, values in {**self._columns(), **self._masks()}.items():
            node[name] = torch.from_numpy(values.copy())
        for name, csr in self.edges.items():
            ends = [csr.rows, csr.indices] if name.startswith("synapse_") else [csr.indices, csr.rows]
            data["neuron", name, "neuron"].edge_index = torch.from_numpy(np.stack(ends))
            data["neuron", name, "neuron"].edge_attr = torch.from_numpy(csr.weight[:, None].copy())
        return data

    def to_networkx(self) -> nx.MultiDiGraph:
        """The graph for networkx: nodes by nucleus id, edges keyed by relation, from a neuron to its nearest and from axon to target.

        Nodes carry x_um, depth_um, z_um (None where unknown), axon_status, dendrite_status (words, None where unknown) and the masks
        queried_post_M and queried_pre_M; near and similar edges carry `distance`, synapses `size` and `materialization`.
        """
        import networkx as nx

        statuses = np.array([*schema.PROOFREADING, None], dtype=object)
        columns: dict[str, list[Any]] = {name: values.tolist() for name, values in self._masks().items()}
        for i, name in enumerate(schema.POSITION):
            columns[name] = [value if value == value else None for value in self.position_um[:, i].tolist()]
        columns |= {"axon_status": statuses[self.axon_status].tolist(), "dendrite_status": statuses[self.dendrite_status].tolist()}
        graph = nx.MultiDiGraph()
        rows = zip(*columns.values(), strict=True)
        graph.add_nodes_from((i, dict(zip(columns, row, strict=True))) for i, row in zip(self.nucleus_id.tolist(), rows, strict=True))
        for name, csr in self.edges.items():
            ends = zip(self.nucleus_id[csr.rows].tolist(), self.nucleus_id[csr.indices].tolist(), csr.weight.tolist(), strict=True)
            if name.startswith("synapse_"):
                materialization = int(name.removeprefix("synapse_"))
                graph.add_edges_from((i, j, name, {"size": size, "materialization": materialization}) for i, j, size in ends)
            else:
                graph.add_edges_from((i, j, name, {"distance": distance}) for i, j, distance in ends)
        return graph

    def _columns(self) -> dict[str, np.ndarray]:
        """What every neuron carries besides its position."""
        return {"nucleus_id": self.nucleus_id, "axon_status": self.axon_status, "dendrite_status": self.dendrite_status}

    def _masks(self) -> dict[str, np.ndarray]:
        """The queried masks by name, as queried_post_661."""
        sides = {"post": self.queried_post, "pre": self.queried_pre}
        return {f"queried_{side}_{version}": mask for side, masks in sides.items() for version, mask in masks.items()}

    def _synapse(self, materialization: int) -> Csr:
        """The synapses of a materialization."""
        if f"synapse_{materialization}" not in self.edges:
            raise ValueError(
                f"graph: no synapses of materialization {materialization}; it holds those of {self.materializations}. "
                "Name one of these, or build the graph with its synapses."
            )
        return self.edges[f"synapse_{materialization}"]

    def _queried_post(self, materialization: int) -> Bool[np.ndarray, " neurons"]:
        """Whose inputs were looked for at a materialization."""
        if materialization not in self.queried_post:
            raise ValueError(_no_mask(materialization, sorted(self.queried_post)))
        return self.queried_post[materialization]


def build_graph(
    cortex: Cortex,
    embeddings: pd.DataFrame | None = None,
    synapses: pd.DataFrame | None = None,
    k_similar: int = 10,
    k_near: int = 10,
    metric: Literal["euclidean", "cosine"] = "cosine",
) -> CorticalGraph:
    """The graph of all neurons of a cortex; of its synapses only those given, so that what is held out cannot be seen.

    Args:
        cortex: Neurons, positions, proofreading and queried cells. Its own synapses are not read.
        embeddings: nucleus_id and embedding_*; of several units of a nucleus the one that speaks for it counts, for which session,
            scan_idx, unit_id and reliability are needed. None leaves the relation `similar` out.
        synapses: materialization, pre_nucleus_id, post_nucleus_id, size: the training synapses. None leaves synapses out.
        k_similar: Nearest neurons in embedding space, of each neuron that has an embedding.
        k_near: Nearest somata in um, of each neuron that has a position.
        metric: Of the embedding space.
    """
    neurons = cortex.neurons.sort_values("nucleus_id")
    nucleus_id = neurons["nucleus_id"].to_numpy()
    position = neurons[schema.POSITION].to_numpy(dtype=np.float64)
    known = np.flatnonzero(np.isfinite(position).all(axis=1))
    edges = {"near": nearest_relation(position[known], known, len(nucleus_id), k_near, "euclidean")}
    if embeddings is not None:
        at, points = _functional_points(embeddings, nucleus_id)
        edges["similar"] = nearest_relation(points, at, len(nucleus_id), k_similar, metric)
    masks = {side: _queried(cortex.queried, side, nucleus_id) for side in ("post", "pre")}
    if synapses is not None:
        edges |= _synapse_relations(synapses, nucleus_id, masks["post"])
    status = {name: pd.Categorical(neurons[name], schema.PROOFREADING).codes.astype(np.int8) for name in ("axon_status", "dendrite_status")}
    return CorticalGraph(nucleus_id, position, **status, edges=edges, queried_post=masks["post"], queried_pre=masks["pre"])


def _functional_points(
    embeddings: pd.DataFrame, nucleus_id: Int64[np.ndarray, " neurons"]
) -> tuple[Int64[np.ndarray, " functional"], Float[np.ndarray, "functional dimensions"]]:
    """Numbers of the neurons that have an embedding, and the embedding of the unit that speaks for each."""
    names = [name for name in embeddings if str(name).startswith("embedding_")]
    schema.require_columns(embeddings, ["nucleus_id", *(names or ["embedding_0"])], "embeddings of the graph")
    wrong = ~np.isfinite(embeddings[names].to_numpy(dtype=np.float64)).all(axis=1)
    if wrong.any():
        first = embeddings.loc[wrong, "nucleus_id"].head(3).tolist()
        raise ValueError(
            f"embeddings of the graph: {int(wrong.sum())} of {len(embeddings)} rows are not finite, first nuclei {first}. "
            "Leave these units out: a neuron without an embedding has no similar neurons, and stays in the graph."
        )
    known = speaking_units(embeddings, origin="embeddings of the graph")
    numbers = _numbers(known["nucleus_id"].to_numpy(np.int64), nucleus_id, "embeddings of the graph")
    return numbers, known[names].to_numpy(np.float64)


def _synapse_relations(
    synapses: pd.DataFrame, nucleus_id: Int64[np.ndarray, " neurons"], queried_post: dict[int, np.ndarray]
) -> dict[str, Csr]:
    """One relation a materialization, each with its mask of queried targets."""
    schema.check(synapses, schema.WALLS["synapses"], "synapses of the graph")
    relations = {}
    for materialization, pairs in synapses.groupby("materialization", sort=True):
        if materialization not in queried_post:
            raise ValueError(_no_mask(int(materialization), sorted(queried_post)))
        pre, post = (_numbers(pairs[end].to_numpy(), nucleus_id, f"synapses {materialization} of the graph") for end in schema.PAIR_KEY)
        relations[f"synapse_{materialization}"] = Csr.from_edges(pre, post, pairs["size"].to_numpy(dtype=np.float64), len(nucleus_id))
    return relations


def _no_mask(materialization: int, masks: list[int]) -> str:
    """What to say when synapses come without the cells that were queried."""
    return (
        f"synapses {materialization}: no queried_post mask of materialization {materialization} (masks: {masks}), so that no pair without "
        "a synapse can be told from a pair nobody looked at. Give the source its `queried_post` table."
    )


def _numbers(ids: Int64[np.ndarray, " ids"], nucleus_id: Int64[np.ndarray, " neurons"], origin: str) -> Int64[np.ndarray, " ids"]:
    """The number of each nucleus in the graph."""
    number = np.searchsorted(nucleus_id, ids)
    unknown = nucleus_id[np.minimum(number, len(nucleus_id) - 1)] != ids if len(nucleus_id) else np.ones(len(ids), dtype=bool)
    if unknown.any():
        raise ValueError(
            f"{origin}: {int(unknown.sum())} of {len(ids)} nucleus ids are no neurons of this cortex, first {ids[unknown][:3].tolist()}. "
            "Build the cortex from the source they belong to, or leave them out."
        )
    return number


def _queried(queried: pd.DataFrame, side: str, nucleus_id: Int64[np.ndarray, " neurons"]) -> dict[int, np.ndarray]:
    """For each materialization, the mask of neurons that were queried on this side."""
    rows = queried[queried["side"] == side]
    return {
        int(materialization): np.isin(nucleus_id, cells["nucleus_id"].to_numpy())
        for materialization, cells in rows.groupby("materialization", sort=True)
    }


def _block(synapse: Csr, axons: Int64[np.ndarray, " axons"], targets: Int64[np.ndarray, " targets"]) -> PairBlock:
    """The candidate pairs of these axons, axon by axon, targets ascending."""
    of_target = np.full(synapse.n_rows, -1)
    of_target[targets] = np.arange(len(targets))
    size = np.zeros((len(axons), len(targets)), dtype=np.float32)
    for i, axon in enumerate(axons):
        edges = slice(synapse.indptr[axon], synapse.indptr[axon + 1])
        column = of_target[synapse.indices[edges]]
        size[i, column[column >= 0]] = synapse.weight[edges][column >= 0]
    pre, post = np.repeat(axons, len(targets)), np.tile(targets, len(axons))
    kept, flat = pre != post, size.ravel()
    return PairBlock(pre[kept], post[kept], flat[kept] > 0, flat[kept])
