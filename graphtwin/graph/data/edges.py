"""Edges of the cortical graph as the encoder reads them: rows of `NodeInputs`, source above target."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int

from graphtwin.graph.data.cortical_graph import CorticalGraph

Edges = dict[str, Int[torch.Tensor, "2 edges"]]


def similar_edges(graph: CorticalGraph) -> Edges:
    """Edges from each of a neuron's nearest functional neighbours to the neuron, which hears them."""
    return {"similar": torch.as_tensor(np.stack([graph.similar.indices, graph.similar.rows]))}


def synapse_edges(graph: CorticalGraph) -> Edges:
    """Two relations a materialization: inputs_M tells the target of its axons, outputs_M the axon of its targets."""
    edges: Edges = {}
    for materialization, csr in graph.synapses.items():
        forward = torch.as_tensor(np.stack([csr.rows, csr.indices]))
        edges[f"inputs_{materialization}"], edges[f"outputs_{materialization}"] = forward, forward.flip(0)
    return edges
