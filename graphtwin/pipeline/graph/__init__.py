"""The main job: held-out fits of the graph model, baselines, nulls, scores, verdicts."""

from graphtwin.graph.runs import GRAPH_MODEL, is_graph_model
from graphtwin.pipeline.graph.area_jobs import area_jobs
from graphtwin.pipeline.graph.area_scores import area_table, area_verdicts
from graphtwin.pipeline.graph.areas import Areas, areas_of
from graphtwin.pipeline.graph.main_job import run

__all__ = [
    "Areas",
    "GRAPH_MODEL",
    "area_jobs",
    "area_table",
    "area_verdicts",
    "areas_of",
    "is_graph_model",
    "run",
]
