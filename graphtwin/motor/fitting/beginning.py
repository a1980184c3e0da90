"""Constant inputs with which every neuron is active where a fit begins: one that begins silent tells the fit nothing, and stays silent."""

from __future__ import annotations

import logging

import numpy as np
import torch

from graphtwin.motor.fitting.objective import Objective
from graphtwin.motor.model import CircuitNetwork
from graphtwin.shapes import Int

ROUNDS = 8  # times that all constant inputs are moved
SHARE = 0.7  # of the way that is missing, each time: what others do moves with it
SELDOM = 0.01  # share of the time, over neurons that share their constant input, up to which they count as silent

log = logging.getLogger("graphtwin")


def begin_active(network: CircuitNetwork, objective: Objective, chosen: Int[np.ndarray, " trials"]) -> None:
    """Move constant inputs and first states until neurons are, on average over some trials, where they are expected to be.

    That is the mean of what was recorded of neurons that share their constant input, or `bias_mean` where none was recorded.

    Args:
        network: The network; its strengths and time constants stay.
        objective: The recording.
        chosen: Trials, by their places.
    """
    with torch.no_grad():
        network.start.copy_(_expected(network, objective) - network.config.priors.bias_mean)
    _move(network, objective, chosen, torch.ones_like(network.bias, dtype=torch.bool))


def wake(network: CircuitNetwork, objective: Objective, chosen: Int[np.ndarray, " trials"]) -> tuple[str, ...]:
    """Move constant inputs of neurons that fell silent, in the same way: those that share one and hardly ever release in some trials.

    Those that are expected to be silent, as they were recorded, stay. Where states run away, before or after, all stay: a fit that stands
    is not given up for neurons that are silent in it.

    Args:
        network: The network; all else stays.
        objective: The recording.
        chosen: Trials, by their places.

    Returns:
        Names of the constant inputs that were moved.
    """
    before = network.bias.detach().clone()
    try:
        releases = (_states(network, objective, chosen) > 0).to(torch.float64).mean(dim=(0, 2)).numpy()
        silent = np.bincount(network.neurons.of, releases) <= SELDOM * np.bincount(network.neurons.of)
        silent &= _expected(network, objective).numpy() > 0
        if silent.any():
            _move(network, objective, chosen, torch.from_numpy(silent))
            _states(network, objective, chosen)
    except FloatingPointError as error:
        log.info("Silent neurons stay silent, for states ran away: %s", error)
        with torch.no_grad():
            network.bias.copy_(before)
        return ()
    return tuple(np.array(network.neurons.names, dtype=object)[silent].tolist())


def _move(network: CircuitNetwork, objective: Objective, chosen: Int[np.ndarray, " trials"], which: torch.Tensor) -> None:
    """Move some constant inputs until their neurons are on average where they are expected."""
    expected, groups = _expected(network, objective), torch.from_numpy(network.neurons.of)
    members = torch.bincount(groups)
    with torch.no_grad():
        for _ in range(ROUNDS):
            mean = _states(network, objective, chosen).mean(dim=(0, 2))
            found = torch.zeros_like(network.bias).index_add(0, groups, mean) / members
            network.bias += SHARE * torch.where(which, expected - found, 0)


def _states(network: CircuitNetwork, objective: Objective, chosen: Int[np.ndarray, " trials"]) -> torch.Tensor:
    """States of all neurons in some trials, in units of activity: steps x neurons x trials."""
    target, everyone = objective.target(chosen), np.arange(len(network.circuit.names))
    with torch.no_grad():
        states, _ = network.window(network.initial(target.trials), target.drive, objective.trials.stimulated, everyone)
    return states[..., : target.trials] / network.scales.activity


def _expected(network: CircuitNetwork, objective: Objective) -> torch.Tensor:
    """Mean state of neurons that share their constant input, in units of activity."""
    told = np.isfinite(objective.trials.activity).any(axis=(0, 1))  # not those that are held out as if nobody had recorded them
    recorded = objective.trials.recorded[told]
    seen = torch.from_numpy(np.nanmean(objective.trials.activity[:, :, told], axis=(0, 1)) / network.scales.activity).to(network.bias)
    groups = torch.from_numpy(network.neurons.of[recorded])
    total = torch.zeros_like(network.bias).index_add(0, groups, seen)
    count = torch.zeros_like(network.bias).index_add(0, groups, torch.ones_like(seen))
    return torch.where(count > 0, total / count.clamp(min=1), torch.full_like(total, network.config.priors.bias_mean))
