"""Fits of a circuit to trials: gradients back through windows of time, several fits by seed, stopped by trials that were held out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from graphtwin.execute import rng_for
from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.motor.fitting.beginning import begin_active, wake
from graphtwin.motor.fitting.fitted import FittedCircuit
from graphtwin.motor.fitting.objective import Objective
from graphtwin.motor.fitting.whole import fit_whole
from graphtwin.motor.model import CircuitNetwork, Dynamics, MotorConfig, Scales
from graphtwin.shapes import Int
from graphtwin.training import fit

Net = TypeVar("Net", bound=Dynamics)
BELOW, OFTEN = -0.5, 0.01  # SDs below 0, and share of values, with which an output is no tension or release, whose noise lies around 0
QUIET = -0.7  # log gain at which fits begin: half of typical strength, where excitation alone does not run away

log = logging.getLogger("graphtwin")


def fit_circuit(
    circuit: Circuit,
    trials: Trials,
    config: MotorConfig | None = None,
    seed: int = 0,
    checkpoints: Path | None = None,
    progress: bool = False,
) -> FittedCircuit:
    """Find strengths, time constants and constant inputs with which a circuit does what was recorded.

    Gradients go back through a window of steps; the state is carried on from one to the next. A fit that was stopped goes on from its
    checkpoint and ends in the same numbers.

    Args:
        circuit: The circuit.
        trials: What went in and what was recorded.
        config: Settings; the usual by default.
        seed: Root of the random draws: held-out trials, the order of batches, draws from priors.
        checkpoints: Folder of checkpoints, one a fit; None keeps none.
        progress: Show a bar a fit.

    Raises:
        ValueError: Trials of another circuit, or fewer than two.
        FloatingPointError: A state or a weight that left all bounds.

    Examples:
        >>> config = graphtwin.motor.MotorConfig(fits=1, window=20, fit={"epochs": 1})
        >>> graphtwin.motor.fit(circuit, trials, config)
        FittedCircuit: 24 neurons, 128 chemical edges, 0 gap junctions
          fits: 1, leaky neurons, steps of 0.02 s
          outputs: force
          trials that stopped the fits: 4
    """
    config = config or MotorConfig()
    if config.silent_output == "zero":
        _warn_of_negative(trials)
    found = fit_networks(
        lambda scales: CircuitNetwork(circuit, config, trials.dt_s, scales),
        _begin,
        circuit,
        trials,
        config,
        seed,
        "circuit",
        checkpoints,
        progress,
    )
    return FittedCircuit(circuit, config, trials.dt_s, trials.outputs, *found)


def fit_networks(
    make: Callable[[Scales], Net],
    begin: Callable[[Net, int, int], dict[str, torch.Tensor]],
    circuit: Circuit,
    trials: Trials,
    config: MotorConfig,
    seed: int,
    what: str,
    checkpoints: Path | None = None,
    progress: bool = False,
) -> tuple[tuple[Net, ...], tuple[str, ...], tuple[tuple[dict[str, float], ...], ...]]:
    """Fit networks of any kind to trials, as `fit_circuit` fits circuits, with the same loss, held-out trials and stop.

    Args:
        make: Makes a network of the units of what was recorded.
        begin: Sets where a fit begins, by network, seed and number of the fit; returns where its priors are centred.
        circuit: The circuit of the trials.
        trials: What went in and what was recorded.
        config: Settings.
        seed: Root of the random draws.
        what: What is fitted, for checkpoints and bars.
        checkpoints: Folder of checkpoints, one a fit; None keeps none.
        progress: Show a bar a fit.

    Returns:
        The networks, the names of the trials that stopped the fits, and the losses of every epoch of every fit.
    """
    trials.require_of(circuit)
    held_out = held_out_trials(len(trials.names), config.held_out, seed)
    training = np.setdiff1d(np.arange(len(trials.names)), held_out)
    objective, known = Objective.of(trials), _fingerprint(circuit, trials, config)
    networks, histories = [], []
    for number in range(config.fits):
        network = make(objective.scales)
        name, place = f"{what} {known}, fit {number}", None if checkpoints is None else checkpoints / f"fit{number}.pt"
        anchors = begin(network, seed, number)
        histories.append(_fit_one(network, anchors, objective, training, held_out, config, seed, name, place, progress))
        networks.append(network)
    return tuple(networks), tuple(trials.names[row] for row in held_out), tuple(histories)


def _warn_of_negative(trials: Trials) -> None:
    """Say so where outputs are below 0, which is where silent motor neurons are to leave them."""
    scale = np.nanstd(trials.output, axis=(0, 1)) if trials.output.size else np.zeros(0)
    share = np.array([np.mean(trials.output[..., at] < BELOW * scale[at]) for at in range(len(scale))])
    negative = np.flatnonzero(share > OFTEN)
    if len(negative):
        log.warning(
            "%d of %d outputs lie below 0 by more than half of their SD, first %r in %.0f %% of its values, but are fitted as 0 while all "
            "motor neurons are silent (silent_output = zero), as tensions are. Set silent_output = free for angles, positions or what was "
            "centred.",
            len(negative),
            len(scale),
            trials.outputs[negative[0]],
            100 * share[negative[0]],
        )


def _begin(network: CircuitNetwork, seed: int, number: int) -> dict[str, torch.Tensor]:
    """Begin where the fit's prior is centred, at its mean or at a draw: what data do not tell stays there."""
    anchors = network.anchors(seed, number)
    with torch.no_grad():
        for key, anchor in anchors.items():
            network.get_parameter(key).copy_(anchor)
        network.gain.fill_(QUIET)
    return anchors


def held_out_trials(n_trials: int, share: float, seed: int) -> Int[np.ndarray, " held_out"]:
    """Places of the trials that stop the fits, in order: a share of all, at least one."""
    if n_trials < 2:
        raise ValueError(f"{n_trials} trial: none is left to stop the fit by. Record another, or cut the trial in two.")
    n = min(max(1, round(share * n_trials)), n_trials - 1)
    return np.sort(rng_for(seed, "held-out trials of a circuit").permutation(n_trials)[:n])


def _fit_one(
    network: Dynamics,
    anchors: dict[str, torch.Tensor],
    objective: Objective,
    training: np.ndarray,
    held_out: np.ndarray,
    config: MotorConfig,
    seed: int,
    name: str,
    checkpoint: Path | None,
    progress: bool,
) -> tuple[dict[str, float], ...]:
    """One fit, drawn to its own draw of the prior; returns the losses of its epochs."""
    assert isinstance(network, torch.nn.Module)  # no protocol can say so
    waking: Callable[[], object] | None = None
    if config.beginning == "active":
        first = training[: config.batch]
        waking = tuple  # dynamics without a circuit have nothing to wake, but as many steps
        if isinstance(network, CircuitNetwork):
            begin_active(network, objective, first)
            waking = partial(wake, network, objective, first)
    if config.descent == "whole":
        return fit_whole(network, objective, training, held_out, config, anchors, seed, name, checkpoint, progress, waking)
    count = objective.count(training)

    def prior() -> torch.Tensor:
        return network.prior(anchors) / count

    def batches(rng: np.random.Generator) -> Iterator[Callable[[], torch.Tensor]]:
        return objective.steps(network, rng.permutation(training), config.window, config.batch, prior)

    def validation_loss() -> float:
        return objective.mean_loss(network, held_out, config.window, config.batch)

    n_batches = -(-len(training) // config.batch) * -(-objective.trials.n_steps // config.window)
    state = fit(network, batches, n_batches, validation_loss, config.fit, seed, name, checkpoint, progress)
    return tuple(state.history)


def _fingerprint(circuit: Circuit, trials: Trials, config: MotorConfig) -> str:
    """Eight letters that tell data and settings apart, so that no fit goes on from the checkpoint of another."""
    told = hashlib.sha256(config.model_dump_json(exclude={"fits"}).encode())
    for value in [*vars(circuit).values(), *vars(trials).values()]:
        told.update(np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return told.hexdigest()[:8]
