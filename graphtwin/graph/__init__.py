"""The graph model: from function and synapses of neurons to their cell type, position and partners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.graph.model import score_all
    from graphtwin.graph.runs import FittedGraph
    from graphtwin.graph.runs import load_graph as load

__all__ = ["FittedGraph", "load", "score_all"]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "load": ("graphtwin.graph.runs.fitted_graph", "load_graph"),
        "FittedGraph": ("graphtwin.graph.runs.fitted_graph", "FittedGraph"),
        "score_all": ("graphtwin.graph.model.pair_fit", "score_all"),
    },
)
