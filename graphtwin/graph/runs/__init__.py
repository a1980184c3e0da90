"""A run of the graph model on disk: what its fits read, and the models that are asked."""

from graphtwin.graph.runs.best_models import Best, best_models
from graphtwin.graph.runs.fitted_graph import NEURON_MODELS, FittedGraph, load_graph
from graphtwin.graph.runs.model_labels import FROM_EVERYTHING, FROM_FUNCTION, GRAPH_MODEL, NO_FUNCTION, draws_of, is_graph_model
from graphtwin.graph.runs.neuron_answers import predict_neurons
from graphtwin.graph.runs.next_neurons import next_neurons
from graphtwin.graph.runs.next_pairs import next_pairs
from graphtwin.graph.runs.pair_answers import predict_pairs
from graphtwin.graph.runs.rivals import BASELINES, LABEL_BASELINES, POSITION_BASELINES, TUNED, WITH_TUNING, fit_pair_rivals, pair_baselines
from graphtwin.graph.runs.study import Study, make_study, read_study, study_files, target_materialization

__all__ = [
    "BASELINES",
    "Best",
    "FROM_EVERYTHING",
    "FROM_FUNCTION",
    "FittedGraph",
    "GRAPH_MODEL",
    "LABEL_BASELINES",
    "NEURON_MODELS",
    "NO_FUNCTION",
    "POSITION_BASELINES",
    "Study",
    "TUNED",
    "WITH_TUNING",
    "best_models",
    "draws_of",
    "fit_pair_rivals",
    "is_graph_model",
    "load_graph",
    "make_study",
    "next_neurons",
    "next_pairs",
    "pair_baselines",
    "predict_neurons",
    "predict_pairs",
    "read_study",
    "study_files",
    "target_materialization",
]
