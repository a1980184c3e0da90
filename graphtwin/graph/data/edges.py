"""Edges of the cortical graph as the encoder reads them: rows of `NodeInputs`, source above target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int

from graphtwin.cortex.neighbours import nearest_relation
from graphtwin.graph.data.inputs import NodeInputs

Edges = dict[str, Int[torch.Tensor, "2 edges"]]


def similar_edges(inputs: NodeInputs, k: int) -> Edges:
    """From each of a neuron's k nearest functional neighbours to the neuron; cosine distance of the functional features."""
    at = np.flatnonzero(inputs.has_function & (np.abs(inputs.function).sum(1) > 0))
    csr = nearest_relation(inputs.function[at], at, len(inputs.nucleus_id), k, "cosine")
    return {"similar": torch.as_tensor(np.stack([csr.indices, csr.rows]))}


def synapse_edges(inputs: NodeInputs, synapses: pd.DataFrame) -> Edges:
    """Two relations a materialization: inputs_M tells the target of its axons, outputs_M the axon of its targets.

    Args:
        inputs: Neurons of the graph model.
        synapses: The training synapses, and no others.
    """
    edges: Edges = {}
    for materialization, pairs in synapses.groupby("materialization", sort=True):
        pre, post = (inputs.rows(pairs[name].to_numpy(np.int64)) for name in ("pre_nucleus_id", "post_nucleus_id"))
        known = (pre >= 0) & (post >= 0)
        forward = torch.as_tensor(np.stack([pre[known], post[known]]))
        edges[f"inputs_{materialization}"], edges[f"outputs_{materialization}"] = forward, forward.flip(0)
    return edges
