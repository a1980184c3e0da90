"""A fit of a circuit as a responder of in silico experiments: numbers go into its senses, its neurons and outputs answer.

A frame is what goes into the senses in one step, in the units of the trials. Where senses have no places the pixels are the senses
themselves, one row of them under their names; where they have places in the visual field, each sees the pixel at its place, and stimuli
in degrees can be shown. A clip begins where trials begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from graphtwin.coordinates import Monitor
from graphtwin.insilico import State, state_channels
from graphtwin.insilico.stimuli import Level
from graphtwin.motor.circuit import Circuit
from graphtwin.motor.fitting import Fits
from graphtwin.motor.model import Dynamics, columns_of, stream
from graphtwin.motor.responders.senses import Senses, Strength, require_senses
from graphtwin.motor.responders.visual_field import EyeMap
from graphtwin.schema import IMAGED_AT, NEURON
from graphtwin.shapes import Float, Int
from graphtwin.told import told_by_fields

ANSWERS = 1  # session of all units of a circuit, which has none
OF_NEURONS, OF_OUTPUTS = 1, 2  # scan_idx of neurons and of outputs
TOGETHER = 16  # clips that are run side by side, as many as the widest block of the time loop has columns


@told_by_fields
@dataclass(frozen=True, kw_only=True, eq=False)
class CircuitResponder:
    """One fit of a circuit; see `insilico.DifferentiableResponder`.

    Attributes:
        name: Name of the fit.
        circuit: The circuit.
        network: The fitted network.
        dt_s: Seconds a step.
        outputs: Names of the outputs.
        window: Steps of a long stimulus that are run at once.
        senses: What goes in where.
        eye: Where in the visual field the senses look; None where they have no places.
        neurons: Rows of the neurons that answer; None takes all that were not removed.
    """

    name: str
    circuit: Circuit = field(repr=False)
    network: Dynamics = field(repr=False)
    dt_s: float
    outputs: tuple[str, ...]
    window: int
    senses: Senses = field(repr=False)
    eye: EyeMap | None = field(default=None, repr=False)
    neurons: Int[np.ndarray, " answering"] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse senses of another circuit, and senses of several ranges that see the same pictures."""
        require_senses(self.senses, self.circuit)
        if self.eye is not None and isinstance(self.senses.rest, np.ndarray):
            raise ValueError(
                f"{self.name}: its {len(self.senses.rows)} senses have a range each, but see the same pictures, which have one. Take "
                "senses of one range (senses_of, together=True)."
            )

    @cached_property
    def rows(self) -> Int[np.ndarray, " answering"]:
        """Rows of the neurons that answer; one that was removed does not."""
        there = self.network.present()
        asked = np.arange(len(self.circuit.names)) if self.neurons is None else np.asarray(self.neurons)
        return asked[there[asked]]

    @cached_property
    def units(self) -> pd.DataFrame:
        """Neurons in the order of the circuit, then outputs: session 1, scan_idx 1 and 2, unit_id from 1, their name as `neuron`."""
        n, n_outputs = len(self.rows), len(self.outputs)
        names = [*(self.circuit.names[row] for row in self.rows), *self.outputs]
        at = np.concatenate([self.circuit.position[self.rows], np.full((n_outputs, 3), np.nan)])
        keys = {
            "session": ANSWERS,
            "scan_idx": np.repeat([OF_NEURONS, OF_OUTPUTS], [n, n_outputs]),
            "unit_id": np.r_[self.rows + 1, np.arange(n_outputs) + 1],
        }
        return pd.DataFrame(keys | {NEURON: names} | dict(zip(IMAGED_AT, at.T, strict=True)))

    @property
    def frame_rate_hz(self) -> float:
        """Steps a second."""
        return 1 / self.dt_s

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the senses where these are the pixels; empty where pixels are places."""
        return () if self.eye is not None else tuple(self.circuit.names[row] for row in self.senses.rows)

    @property
    def size(self) -> tuple[int, int]:
        """One row of senses, or height and width of the visual field."""
        return self.eye.size if self.eye is not None else (1, len(self.senses.rows))

    @property
    def grey(self) -> tuple[Level, Level]:
        """What goes in at rest, and how far input is from it in trials (root mean square); one number, or one a sense."""
        return _in_a_row(self.senses.rest), _in_a_row(self.senses.deviation)

    @property
    def levels(self) -> tuple[Level, Level]:
        """Lowest and highest input of the trials; one number, or one a sense."""
        low, high = self.senses.levels
        return _in_a_row(low), _in_a_row(high)

    @property
    def signed(self) -> bool:
        """Yes: a potential or an output at 0 is not silent."""
        return True

    @property
    def monitor(self) -> Monitor:
        """A screen of the degrees of the visual field; without places it says nothing."""
        return self.eye.monitor if self.eye is not None else Monitor()

    @property
    def state_names(self) -> tuple[str, ...]:
        """None: what a body does is input of its senses."""
        return ()

    @property
    def device(self) -> torch.device:
        """The processor: the time loop runs there alone."""
        return torch.device("cpu")

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """Answers to a stimulus of any length, a window of steps at a time: the loop's memory is that of one window.

        Args:
            video: Input.
            progress: Show a progress bar.
            state: None: a circuit has no channels of behaviour.
        """
        from graphtwin.progress import tqdm

        state_channels(self, state, len(video))
        found = np.empty((len(video), len(self.rows) + len(self.outputs)), dtype=np.float32)
        begin, n = 0, -(-len(video) // self.window)
        parts = stream(self.network, self._windows(video), self.senses.rows, self.rows)
        for activity, output in tqdm(parts, total=n, desc="stimulus", unit="window", disable=not progress, leave=False):
            seen = np.concatenate([activity[0], output[0]], axis=1)
            found[begin : begin + len(seen)] = seen
            begin += len(seen)
        return found

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """Answers to equally long clips, each from where trials begin.

        Args:
            clips: Input.
            state: None: a circuit has no channels of behaviour.
        """
        with torch.no_grad():
            return np.asarray(self.drive(torch.from_numpy(np.require(clips, np.float32, ["C", "W"])), state).numpy())

    def drive(
        self, clips: Float[torch.Tensor, "clips frames height width"], state: State | None = None
    ) -> Float[torch.Tensor, "clips frames units"]:
        """The answers of `respond_clips`, differentiable in the clips: gradients go back through every step.

        Args:
            clips: Input.
            state: None: a circuit has no channels of behaviour.
        """
        state_channels(self, state, clips.shape[1])
        given = self._given(clips.flatten(2))
        return torch.cat([self._answers(given[first : first + TOGETHER]) for first in range(0, len(given), TOGETHER)])

    def _answers(self, given: Float[torch.Tensor, "clips frames inputs"]) -> Float[torch.Tensor, "clips frames units"]:
        """Answers to some clips that are run together."""
        n, motor = len(given), self.network.motor if self.outputs else np.zeros(0, dtype=np.int64)
        with torch.no_grad():  # constants here, so that gradients are of the input alone
            numbers, begin = self.network.numbers(), self.network.initial(n)
        filled = columns_of(np.zeros(given.shape)).shape[2] - n  # columns that fill up a block
        columns = torch.nn.functional.pad(given.permute(1, 2, 0), (0, filled))
        seen, _ = self.network.window(begin, columns, self.senses.rows, np.r_[self.rows, motor], numbers)
        seen, answering = seen[..., :n], len(self.rows)
        parts = [seen[:, :answering], self.network.output(seen[:, answering:])] if self.outputs else [seen]
        return torch.cat(parts, dim=1).permute(2, 0, 1)

    def _given(self, pixels: Float[torch.Tensor, "clips frames pixels"]) -> Float[torch.Tensor, "clips frames inputs"]:
        """What goes into each sense: its own pixel, or that at its place; rest where it has none."""
        if self.eye is None:
            return pixels
        at = torch.from_numpy(self.eye.pixel)
        return torch.where(at >= 0, pixels[..., at.clamp(min=0)], float(self.senses.rest))

    def _windows(self, video: np.ndarray) -> Iterator[Float[np.ndarray, "one window inputs"]]:
        """A stimulus, in memory or on disk, as windows of input."""
        for begin in range(0, len(video), self.window):
            part = np.require(video[begin : begin + self.window], np.float32, ["C", "W"])  # one on the disk cannot be written: it is copied
            yield self._given(torch.from_numpy(part.reshape(1, len(part), -1))).numpy()


def _in_a_row(strength: Strength) -> Level:
    """A number of each sense as one of each pixel."""
    return strength[None] if isinstance(strength, np.ndarray) else strength


def responders_of(
    fits: Fits, senses: Senses, name: str = "circuit", eye: EyeMap | None = None, neurons: tuple[str, ...] = ()
) -> tuple[CircuitResponder, ...]:
    """A responder a fit, of a circuit or of dynamics without one; `insilico.Ensemble` lets them answer together, the first for all.

    Args:
        fits: Fitted circuit, with or without lesions, or any other fits of its neurons.
        senses: What goes in where; see `senses_of`.
        name: Name of the circuit; each fit's has its number after it.
        eye: Where in the visual field the senses look; None where they have no places.
        neurons: Names of the neurons that answer; none takes all.
    """
    told: dict[str, Any] = {"circuit": fits.circuit, "dt_s": fits.dt_s, "outputs": fits.outputs, "window": fits.config.window}
    told |= {"senses": senses, "eye": eye, "neurons": fits.circuit.rows_of(neurons, "neurons that answer") if neurons else None}
    return tuple(CircuitResponder(name=f"{name}, fit {at}", network=one, **told) for at, one in enumerate(fits.networks, 1))
