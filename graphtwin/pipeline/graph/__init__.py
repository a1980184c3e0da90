"""The main job: held-out fits of the graph model, baselines, nulls, scores, verdicts."""

from graphtwin.pipeline.graph.main_job import run
from graphtwin.pipeline.graph.model_labels import GRAPH_MODEL, is_graph_model

__all__ = [
    "GRAPH_MODEL",
    "is_graph_model",
    "run",
]
