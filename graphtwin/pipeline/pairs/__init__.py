"""Pairs of neurons from files to tables and pages: proximities, the pair table, like-to-like."""

from graphtwin.pipeline.pairs.build import write_pairs
from graphtwin.pipeline.pairs.like_to_like import LikeToLikeConfig, run_like_to_like
from graphtwin.pipeline.pairs.neuron_function import with_function
from graphtwin.pipeline.pairs.power_analysis import run_power
from graphtwin.pipeline.pairs.proximities import write_proximities

__all__ = [
    "LikeToLikeConfig",
    "run_like_to_like",
    "run_power",
    "with_function",
    "write_pairs",
    "write_proximities",
]
