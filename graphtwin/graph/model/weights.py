"""Weights of fitted twins, apart from the data they were fitted on: plain tensors that load without running anybody's code."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphtwin.graph.data.edges import Edges
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.pair_set import PairSet
from graphtwin.graph.model.neuron_fit import Evidence, FittedNeurons, NeuronConfig, NeuronTwin, neuron_world
from graphtwin.graph.model.pair_fit import FittedPairs, PairConfig, PairTwin, make_world
from graphtwin.training import FitState

Weights = list[dict[str, Any]]


def weights_of_neurons(fitted: FittedNeurons) -> Weights:
    """State of every member."""
    return [twin.state_dict() for twin in fitted.twins]


def restore_neurons(
    weights: Weights, inputs: NodeInputs, edges: Edges, evidence: tuple[Evidence, ...], config: NeuronConfig, device: str = "cpu"
) -> FittedNeurons:
    """The neuron twins again, in the world they were fitted in.

    Args:
        weights: From `neuron_weights`.
        inputs: The same neurons.
        edges: The same edges.
        evidence: The same evidence.
        config: The same settings.
        device: Of torch.
    """
    everyone = np.ones(len(inputs.nucleus_id), dtype=bool)
    world = neuron_world(inputs, edges, evidence, everyone, device)
    relations = tuple(sorted(name for name in world.edges if name != "similar"))
    twins = [NeuronTwin(config, evidence, inputs, relations, everyone & inputs.has_function) for _ in weights]
    for twin, state in zip(twins, weights, strict=True):
        _load(twin, state, device)
    return FittedNeurons(tuple(twins), world, tuple(FitState() for _ in twins))


def weights_of_pairs(fitted: FittedPairs) -> Weights:
    """State of the connectivity twin."""
    return [fitted.twin.state_dict()]


def restore_pairs(
    weights: Weights, inputs: NodeInputs, edges: Edges, training: PairSet, config: PairConfig, device: str = "cpu"
) -> FittedPairs:
    """The connectivity twin again, with the training pairs it reads in-degrees and local rates from.

    Args:
        weights: From `pair_weights`.
        inputs: The same neurons.
        edges: The same edges.
        training: The same pairs.
        config: The same settings.
        device: Of torch.
    """
    twin = PairTwin(config, inputs.function.shape[1], inputs.context.shape[1], training.prevalence)
    _load(twin, weights[0], device)
    return FittedPairs(twin, make_world(inputs, edges, training, device), inputs, training, FitState())


def _load(twin: torch.nn.Module, state: dict[str, Any], device: str) -> None:
    """Weights into a model; an error in words when they were made for other data or settings."""
    try:
        twin.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"twin.pt does not fit the run's tables and settings ({error}). Run again: files of two runs were mixed."
        ) from error
    twin.to(device).eval()
