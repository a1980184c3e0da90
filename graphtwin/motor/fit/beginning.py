"""Constant inputs with which every neuron is active where a fit begins: one that begins silent tells the fit nothing, and stays silent."""

from __future__ import annotations

import numpy as np
import torch

from graphtwin.motor.fit.objective import Objective
from graphtwin.motor.model import CircuitNetwork
from graphtwin.shapes import Int

ROUNDS = 8  # times that all constant inputs are moved
SHARE = 0.7  # of the way that is missing, each time: what others do moves with it


def begin_active(network: CircuitNetwork, objective: Objective, chosen: Int[np.ndarray, " trials"]) -> None:
    """Move constant inputs and first states until neurons are, on average over some trials, where they are expected to be.

    That is the mean of what was recorded of neurons that share their constant input, or `bias_mean` where none was recorded.

    Args:
        network: The network; its strengths and time constants stay.
        objective: The recording.
        chosen: Trials, by their places.
    """
    expected, target = _expected(network, objective), objective.target(chosen)
    groups, everyone = torch.from_numpy(network.neurons.of), np.arange(len(network.circuit.names))
    members = torch.bincount(groups)
    with torch.no_grad():
        network.start.copy_(expected - network.config.priors.bias_mean)
        for _ in range(ROUNDS):
            states, _ = network.window(network.initial(target.trials), target.drive, objective.trials.stimulated, everyone)
            mean = states[..., : target.trials].mean(dim=(0, 2)) / network.scales.activity
            found = torch.zeros_like(network.bias).index_add(0, groups, mean) / members
            network.bias += SHARE * (expected - found)


def _expected(network: CircuitNetwork, objective: Objective) -> torch.Tensor:
    """Mean state of neurons that share their constant input, in units of activity."""
    told = np.isfinite(objective.trials.activity).any(axis=(0, 1))  # not those that are held out as if nobody had recorded them
    recorded = objective.trials.recorded[told]
    seen = torch.from_numpy(np.nanmean(objective.trials.activity[:, :, told], axis=(0, 1)) / network.scales.activity).to(network.bias)
    groups = torch.from_numpy(network.neurons.of[recorded])
    total = torch.zeros_like(network.bias).index_add(0, groups, seen)
    count = torch.zeros_like(network.bias).index_add(0, groups, torch.ones_like(seen))
    return torch.where(count > 0, total / count.clamp(min=1), torch.full_like(total, network.config.priors.bias_mean))
