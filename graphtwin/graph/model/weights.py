"""Weights of fitted graph models, apart from the data they were fitted on: plain tensors that load without running anybody's code."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphtwin.graph.data import Edges, Messages, NodeInputs, PairSet
from graphtwin.graph.model.neuron_fit import Evidence, FittedNeurons, NeuronConfig, NeuronNetwork, neuron_world
from graphtwin.graph.model.pair_fit import FittedPairs, PairConfig, PairNetwork, make_world
from graphtwin.training import FitState

Weights = list[dict[str, Any]]


def weights_of_neurons(fitted: FittedNeurons) -> Weights:
    """State of every member's network."""
    return [network.state_dict() for network in fitted.networks]


def restore_neurons(
    weights: Weights, inputs: NodeInputs, edges: Edges, evidence: tuple[Evidence, ...], config: NeuronConfig, device: str = "cpu"
) -> FittedNeurons:
    """The neuron networks again, in the world they were fitted in.

    Args:
        weights: States of the members, as `weights_of_neurons` returns them.
        inputs: The neurons that the fit read.
        edges: The edges that the fit read.
        evidence: The evidence that the fit could rest on.
        config: The settings of the fit.
        device: Device of torch that the networks go to.
    """
    everyone = np.ones(len(inputs.nucleus_id), dtype=bool)
    world = neuron_world(inputs, edges, evidence, everyone, device)
    relations = tuple(sorted(name for name in world.edges if name != "similar"))
    networks = [NeuronNetwork(config, evidence, inputs, relations, everyone & inputs.subjects) for _ in weights]
    for network, state in zip(networks, weights, strict=True):
        _load(network, state, device)
    return FittedNeurons(tuple(networks), world, tuple(FitState() for _ in networks))


def weights_of_pairs(fitted: FittedPairs) -> Weights:
    """State of every member's connectivity network."""
    return [network.state_dict() for network in fitted.networks]


def restore_pairs(
    weights: Weights, inputs: NodeInputs, edges: Edges, training: PairSet, config: PairConfig, device: str = "cpu"
) -> FittedPairs:
    """The connectivity networks again, with the training pairs they read in-degrees and messages from.

    Args:
        weights: States of the networks, as `weights_of_pairs` returns it.
        inputs: The neurons that the fit read.
        edges: The edges that the fit read.
        training: The training pairs that the fit read.
        config: The settings of the fit.
        device: Device of torch that the networks go to.
    """
    networks = [PairNetwork(config, inputs.function.shape[1], inputs.context.shape[1], training.prevalence) for _ in weights]
    for network, state in zip(networks, weights, strict=True):
        _load(network, state, device)
    messages = Messages.of(inputs, edges, training)
    world = make_world(messages, edges, device)
    return FittedPairs(tuple(networks), world, messages, tuple(FitState() for _ in networks), ())


def _load(network: torch.nn.Module, state: dict[str, Any], device: str) -> None:
    """Weights into a model; an error in words when they were made for other data or settings."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"graph.pt does not fit the run's tables and settings ({error}). Run again: files of two runs were mixed."
        ) from error
    network.to(device).eval()
