"""What fits of circuits and those of other dynamics have in common: how they answer, and how they are written.

One rule holds wherever several fits answer: the first, which is centred on the prior's mean and begins there, says every number; the
others, each from a draw of the prior, say how far it may be off (`spread_of`). A mean over all would move what data do not tell from what
the prior expects to what happened to be drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model import MotorConfig, Scales, answer
from graphtwin.shapes import Float, Int

PLAIN = ("config", "dt_s", "outputs", "held_out", "histories", "scales", "networks")  # keys of what `plain` makes


@dataclass(frozen=True)
class Simulated:
    """What every fit answers to a stimulus: the first says what is predicted, the others how far that may be off (`spread_of`).

    Attributes:
        activity: Activity of the rows asked for; NaN of neurons that were removed.
        output: Motor output.
    """

    activity: Float[np.ndarray, "fits trials steps rows"]
    output: Float[np.ndarray, "fits trials steps outputs"]


@runtime_checkable
class Fits(Protocol):
    """What fits of circuits and those of other dynamics have in common."""

    @property
    def circuit(self) -> Circuit:
        """Whose neurons these are."""

    @property
    def config(self) -> MotorConfig:
        """Settings."""

    @property
    def dt_s(self) -> float:
        """Seconds a step."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""

    @property
    def networks(self) -> tuple[Any, ...]:
        """One network a fit."""

    @property
    def held_out(self) -> tuple[str, ...]:
        """Names of the trials that stopped the fits."""

    @property
    def histories(self) -> tuple[tuple[dict[str, float], ...], ...]:
        """Training and validation loss of every epoch of every fit."""


def spread_of(values: Float[np.ndarray, " fits *shape"]) -> Float[np.ndarray, "*shape"]:
    """How far numbers of the first fit may be off: root mean square distance of the other fits from it; NaN with one fit.

    Where data say nothing, that is the width of the prior: the first fit stays at its mean, every other at its own draw. It is the error
    of the first fit where draws fitted to the same data are as likely to be true (`CircuitNetwork.anchors`).

    Args:
        values: What each fit says, in the unit of the spread.
    """
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan, dtype=values.dtype)
    return np.asarray(np.sqrt(np.square(values[1:] - values[0]).mean(axis=0)))


def answers(
    fits: Fits,
    stimulus: Float[np.ndarray, "trials steps stimulated"],
    stimulated: Int[np.ndarray, " stimulated"],
    rows: Int[np.ndarray, " rows"] | None,
) -> Simulated:
    """What every fit answers to a stimulus; arguments as those of `FittedCircuit.predict`."""
    asked = np.arange(len(fits.circuit.names)) if rows is None else np.asarray(rows)
    if stimulus.shape[2] != len(stimulated):
        raise ValueError(f"A stimulus of {stimulus.shape[2]} columns for {len(stimulated)} neurons. Give one column a neuron.")
    told = np.asarray(stimulated), asked, fits.config.window, fits.config.batch
    each = [answer(network, stimulus, *told) for network in fits.networks]
    return Simulated(np.stack([activity for activity, _ in each]), np.stack([output for _, output in each]))


def plain(fits: Fits) -> dict[str, Any]:
    """Fits as tensors, numbers and words (`PLAIN`), without their circuit."""
    return {
        "config": fits.config.model_dump_json(),
        "dt_s": fits.dt_s,
        "outputs": list(fits.outputs),
        "held_out": list(fits.held_out),
        "histories": [[{sys.intern(name): loss for name, loss in epoch.items()} for epoch in history] for history in fits.histories],
        "scales": asdict(fits.networks[0].scales),
        "networks": [network.state_dict() for network in fits.networks],
    }


def of_plain(content: dict[str, Any], make: Callable[[MotorConfig, float, Scales], torch.nn.Module], path: Path) -> dict[str, Any]:
    """What `plain` made, as arguments of fits by name, but for their circuit.

    Args:
        content: Tensors, numbers and words.
        make: Makes a network of settings, seconds a step and units.
        path: File that they were read from, for errors.
    """
    config, networks = MotorConfig.model_validate_json(content["config"]), []
    for state in content["networks"]:
        network = make(config, content["dt_s"], Scales(**content["scales"]))
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            told = str(error).splitlines()[-1].strip()
            raise ValueError(f"{path}: its fits have other numbers than those of this version ({told}). Fit the circuit again.") from error
        networks.append(network.eval())
    return {
        "config": config,
        "dt_s": content["dt_s"],
        "outputs": tuple(content["outputs"]),
        "networks": tuple(networks),
        "held_out": tuple(content["held_out"]),
        "histories": tuple(map(tuple, content["histories"])),
    }
