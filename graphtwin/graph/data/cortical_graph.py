"""The cortical graph: the neurons of a study, who resembles whom, who is presynaptic to whom, and whose inputs were looked for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from graphtwin import schema
from graphtwin.cortex import Csr, nearest_relation
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.pair_exposure import PairExposure


@dataclass(frozen=True)
class CorticalGraph:
    """Neurons and the relations between them, each a `Csr` over all neurons.

    Attributes:
        nucleus_id: Nucleus ids, ascending; a neuron's number in every other member is its place here, and its row in `NodeInputs`.
        similar: Edges from each neuron to its nearest ones by function (weight: cosine distance).
        synapses: Edges from axon to target (weight: summed size), for each materialization.
        queried_post: Whether the inputs of each neuron were looked for, for each materialization. Absence of a synapse is data for these
            targets only.
        exposures: How much each axon could have met each cell, for each materialization that the source has this of.
    """

    nucleus_id: Int[np.ndarray, " neurons"]
    similar: Csr
    synapses: dict[int, Csr]
    queried_post: dict[int, Bool[np.ndarray, " neurons"]]
    exposures: dict[int, PairExposure] = field(default_factory=dict)

    @property
    def n_neurons(self) -> int:
        """Number of neurons, with or without edges."""
        return len(self.nucleus_id)

    @property
    def wired(self) -> Bool[np.ndarray, " neurons"]:
        """Which neurons have a synapse, as axon or as target, in any materialization."""
        found = np.zeros(self.n_neurons, dtype=bool)
        for csr in self.synapses.values():
            found[csr.indices] = True
            found |= csr.degree > 0
        return found

    def queried_targets(self, materialization: int) -> Bool[np.ndarray, " neurons"]:
        """Which neurons had their inputs looked for at a materialization; an error where none had."""
        if materialization not in self.queried_post:
            csr = self.synapses.get(materialization)
            raise ValueError(
                f"materialization {materialization}: {csr.n_edges if csr else 0} synaptic pairs but no queried postsynaptic cells "
                f"(queried at {sorted(self.queried_post)}). "
                "Without them no pair is a known non-connection: add the queried_post table to the source."
            )
        return self.queried_post[materialization]

    def synapses_between(self, materialization: int, target: Bool[np.ndarray, " neurons"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers of axon and target, and size, of the synaptic pairs onto some targets; none where the materialization has none.

        Args:
            materialization: The version of the segmentation that the synapses were found in.
            target: Mask of the neurons whose inputs are wanted.
        """
        csr = self.synapses.get(materialization, _no_edges(self.n_neurons))
        onto = target[csr.indices]
        return csr.rows[onto], csr.indices[onto], csr.weight[onto]


def build_graph(
    inputs: NodeInputs, synapses: pd.DataFrame, queried: pd.DataFrame, k_similar: int, exposures: dict[int, PairExposure] | None = None
) -> CorticalGraph:
    """The graph of the neurons of a study; of its synapses only those given, so that what is held out cannot be seen.

    Args:
        inputs: The neurons, with their function.
        synapses: Synapses of the cortex, or the training part of them: materialization, pre_nucleus_id, post_nucleus_id, size.
        queried: Queried cells of the cortex: materialization, nucleus_id, side.
        k_similar: Number of nearest neurons by function, for each neuron that has one.
        exposures: How much each axon could have met each cell, by materialization; None without.
    """
    at = np.flatnonzero(inputs.has_function & (np.abs(inputs.function).sum(1) > 0))
    similar = nearest_relation(inputs.function[at], at, len(inputs.nucleus_id), k_similar, "cosine")
    looked_for = queried[queried["side"] == "post"].groupby("materialization")["nucleus_id"]
    return CorticalGraph(
        nucleus_id=inputs.nucleus_id,
        similar=similar,
        synapses={
            int(version): _relation(inputs, pairs, int(version)) for version, pairs in synapses.groupby("materialization", sort=True)
        },
        queried_post={int(version): np.isin(inputs.nucleus_id, cells.to_numpy(np.int64)) for version, cells in looked_for},
        exposures=exposures or {},
    )


def _relation(inputs: NodeInputs, pairs: pd.DataFrame, materialization: int) -> Csr:
    """The synapses of one materialization; both ends must take part."""
    pre, post = (inputs.rows(pairs[end].to_numpy(np.int64)) for end in schema.PAIR_KEY)
    unknown = (pre < 0) | (post < 0)
    if unknown.any():
        first = pairs.loc[unknown, schema.PAIR_KEY].head(3).to_numpy().tolist()
        raise ValueError(
            f"synapses {materialization} of the graph: {int(unknown.sum())} of {len(pairs)} pairs have an end that takes no part in the "
            f"study, first {first}. Only queried cells and cells with a function take part: list both ends among the queried cells, "
            "or leave these pairs out."
        )
    return Csr.from_edges(pre, post, pairs["size"].to_numpy(np.float64), len(inputs.nucleus_id))


def _no_edges(n_neurons: int) -> Csr:
    """A relation without an edge."""
    nothing = np.empty(0, np.int64)
    return Csr.from_edges(nothing, nothing, np.empty(0), n_neurons)
