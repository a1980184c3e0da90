"""A run of the graph model on disk: its settings, what its fits read, and the fitted model that is asked."""

from graphtwin.graph.runs.answers import predict_neurons, predict_pairs
from graphtwin.graph.runs.fitted_graph import NEURON_MODELS, load_graph
from graphtwin.graph.runs.settings import Settings, load_settings
from graphtwin.graph.runs.study import Study, make_study, read_study, study_files, target_materialization

__all__ = [
    "NEURON_MODELS",
    "Settings",
    "Study",
    "load_graph",
    "load_settings",
    "make_study",
    "predict_neurons",
    "predict_pairs",
    "read_study",
    "study_files",
    "target_materialization",
]
