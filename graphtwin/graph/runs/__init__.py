"""A run of the graph model on disk: what its fits read, and the models that are asked."""

from graphtwin.graph.runs.best_models import Best, best_models
from graphtwin.graph.runs.fitted_graph import FittedGraph, load_graph
from graphtwin.graph.runs.model_labels import (
    FROM_FUNCTION,
    FUNCTION_NETWORK,
    GRAPH_MODEL,
    MESSAGE_PASSING,
    NETWORK,
    NO_FUNCTION,
    WITHOUT_MESSAGES,
    draws_of,
    is_graph_model,
    label_of,
    network_of,
)
from graphtwin.graph.runs.neuron_answers import predict_neurons
from graphtwin.graph.runs.next_neurons import next_neurons
from graphtwin.graph.runs.next_pairs import next_pairs
from graphtwin.graph.runs.pair_answers import predict_pairs
from graphtwin.graph.runs.rivals import (
    BASELINES,
    BOOSTED_MESSAGES,
    TUNED,
    drawn_pairs,
    fit_pair_rivals,
    label_baselines,
    neuron_side,
    pair_baselines,
    pair_rivals,
    position_baselines,
)
from graphtwin.graph.runs.stacked import FEW_NEGATIVES, HELD_OUT, Rivals, inner_rivals, inner_sides, predicting_sides, stacked, stacks
from graphtwin.graph.runs.stacked_neurons import fit_neuron_stacks, position_labels, with_stacks
from graphtwin.graph.runs.study import LATERAL, Study, make_study, read_study, study_files, target_materialization

__all__ = [
    "FEW_NEGATIVES",
    "BASELINES",
    "BOOSTED_MESSAGES",
    "Best",
    "FROM_FUNCTION",
    "FUNCTION_NETWORK",
    "FittedGraph",
    "GRAPH_MODEL",
    "HELD_OUT",
    "LATERAL",
    "MESSAGE_PASSING",
    "NETWORK",
    "NO_FUNCTION",
    "Rivals",
    "Study",
    "TUNED",
    "WITHOUT_MESSAGES",
    "best_models",
    "drawn_pairs",
    "draws_of",
    "fit_neuron_stacks",
    "fit_pair_rivals",
    "inner_rivals",
    "inner_sides",
    "is_graph_model",
    "label_baselines",
    "label_of",
    "load_graph",
    "make_study",
    "network_of",
    "neuron_side",
    "next_neurons",
    "next_pairs",
    "pair_baselines",
    "pair_rivals",
    "position_baselines",
    "position_labels",
    "predict_neurons",
    "predict_pairs",
    "predicting_sides",
    "read_study",
    "stacked",
    "stacks",
    "study_files",
    "target_materialization",
    "with_stacks",
]
