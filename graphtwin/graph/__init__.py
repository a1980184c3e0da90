"""The graph model: from function and synapses of neurons to their cell type, position and partners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.graph.model import score_all
    from graphtwin.graph.runs import load_graph as load
    from graphtwin.graph.runs import predict_neurons, predict_pairs

__all__ = ["load", "predict_neurons", "predict_pairs", "score_all"]

__getattr__ = public_names(
    __name__,
    {
        "load": ("graphtwin.graph.runs.fitted_graph", "load_graph"),
        "predict_pairs": ("graphtwin.graph.runs.pair_answers", "predict_pairs"),
        "predict_neurons": ("graphtwin.graph.runs.neuron_answers", "predict_neurons"),
        "score_all": ("graphtwin.graph.model.pair_fit", "score_all"),
    },
)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
