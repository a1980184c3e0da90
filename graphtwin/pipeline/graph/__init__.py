"""The main job: held-out fits of the graph model, baselines, nulls, scores, verdicts."""

from graphtwin.graph.runs import GRAPH_MODEL, is_graph_model
from graphtwin.pipeline.graph.main_job import run

__all__ = [
    "GRAPH_MODEL",
    "is_graph_model",
    "run",
]
