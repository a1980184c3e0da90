"""What the graph model and its variants are called in tables of results, in figures and in verdicts."""

from __future__ import annotations

from collections.abc import Sequence

GRAPH_MODEL = "graph model"  # of pairs: message passing stacked with the baselines, as `stacked.py` does
MESSAGE_PASSING = "message passing alone"
WITHOUT_MESSAGES = f"{GRAPH_MODEL} without message passing"
NO_FUNCTION = f"{GRAPH_MODEL}, no function"
FROM_FUNCTION = f"{GRAPH_MODEL}, function"
NETWORK = "network alone"  # of neurons: what the graph model stacks with the baselines, as `stacked_neurons.py` does
FUNCTION_NETWORK = f"{NETWORK}, function"


def label_of(evidence: Sequence[str]) -> str:
    """The graph model of neurons by what it may rest on, as in "graph model, function + scan + synapses".

    Args:
        evidence: Words for the evidence: function, scan and synapses, those that the source has.
    """
    return f"{GRAPH_MODEL}, {' + '.join(evidence)}"


def network_of(model: str) -> str:
    """The network alone of a graph model of neurons, by its label, as in "network alone, function"."""
    return model.replace(GRAPH_MODEL, NETWORK, 1)


def draws_of(model: str) -> str:
    """The name of a model's random draws: it was called a twin when the numbers of the README were drawn, and another name draws others.

    Args:
        model: A label that begins with `GRAPH_MODEL`.
    """
    return model.replace(GRAPH_MODEL, "graph twin", 1)


def is_graph_model(model: str) -> bool:
    """Whether a model is the graph model, a variant of it, its message passing or its network, by its label."""
    return model.startswith((GRAPH_MODEL, NETWORK)) or model == MESSAGE_PASSING
