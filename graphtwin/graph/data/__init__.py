"""What the graph model reads: the cortical graph, one row a neuron, edges, and the pairs somebody looked at."""

from graphtwin.graph.data.cortical_graph import CorticalGraph, build_graph
from graphtwin.graph.data.edges import Edges, similar_edges, synapse_edges
from graphtwin.graph.data.inner_sides import InnerSide, inner_axons, inner_blocks, inner_neurons
from graphtwin.graph.data.inputs import MIN_MEMBERS, NodeInputs, node_inputs
from graphtwin.graph.data.messages import HEARD, MESSAGES, N_SHOWN, UNHEARD, Messages, Told
from graphtwin.graph.data.observed_pairs import (
    BANDWIDTHS_UM,
    EXPOSURE_TERMS,
    PairSet,
    inputs_found,
    local_rates,
    pair_set,
    popularity,
)
from graphtwin.graph.data.pair_exposure import PairExposure, pair_exposures, within_reach

__all__ = [
    "BANDWIDTHS_UM",
    "CorticalGraph",
    "EXPOSURE_TERMS",
    "Edges",
    "HEARD",
    "InnerSide",
    "MESSAGES",
    "MIN_MEMBERS",
    "Messages",
    "N_SHOWN",
    "NodeInputs",
    "PairExposure",
    "PairSet",
    "Told",
    "UNHEARD",
    "build_graph",
    "inner_axons",
    "inner_blocks",
    "inner_neurons",
    "inputs_found",
    "local_rates",
    "node_inputs",
    "pair_exposures",
    "pair_set",
    "popularity",
    "similar_edges",
    "synapse_edges",
    "within_reach",
]
