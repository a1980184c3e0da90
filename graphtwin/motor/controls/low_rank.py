"""No connectome: dynamics of the same neurons in which everyone may act on everyone, through few common signals."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.execute import rng_for
from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.motor.fitting import PLAIN, Simulated, answers, fit_networks, of_plain, plain
from graphtwin.motor.model import CircuitNetwork, MotorConfig, Scales
from graphtwin.shapes import Float, Int

WIRING = ("edge", "gain", "sender", "gap", "gap_gain")  # parameters of a circuit that its wiring has, in whose place others come
START = 0.5  # SD of the first draw of these: a quarter of the strength that the prior expects; at 0 no gradient would leave
Numbers = tuple[torch.Tensor, ...]

log = logging.getLogger("graphtwin")


class LowRankNetwork(torch.nn.Module):
    """Neurons as in `CircuitNetwork`, with W = U V' / sqrt(neurons x rank) in the place of edges and gap junctions, U and V free.

    The prior of every number of U and V is a standard normal one, with which each neuron gets as much as one of a random network whose
    weights have variance 1 / neurons.

    Args:
        circuit: Whose neurons these are; of its wiring nothing is read.
        config: What its neurons do.
        dt_s: Seconds a step of the data.
        scales: Units of activity and outputs.
        rank: Number of common signals.
    """

    def __init__(self, circuit: Circuit, config: MotorConfig, dt_s: float, scales: Scales, rank: int) -> None:
        super().__init__()
        self.neurons = CircuitNetwork(circuit, config, dt_s, scales)
        for name in WIRING:
            if name in dict(self.neurons.named_parameters()):
                self.neurons.get_parameter(name).requires_grad_(False)
        n = len(circuit.names)
        self.told = torch.nn.Parameter(torch.zeros(n, rank))  # U: what each neuron is told by the common signals
        self.read = torch.nn.Parameter(torch.zeros(n, rank))  # V: what each neuron adds to them
        self.scales, self.motor = scales, self.neurons.motor

    def present(self) -> np.ndarray:
        """Whether each neuron is there, not removed."""
        return self.neurons.present()

    def noises(self) -> list[torch.Tensor]:
        """Log SD of the noise of activity, and of outputs where there are some."""
        return self.neurons.noises()

    def begin(self, seed: int, number: int) -> dict[str, torch.Tensor]:
        """Set where a fit begins; returns where its priors are centred, as `CircuitNetwork.anchors`."""
        anchors = {name: anchor for name, anchor in self.neurons.anchors(seed, number).items() if name not in WIRING}
        rng = rng_for(seed, "common signals", number)
        with torch.no_grad():
            for name, parameter in (("told", self.told), ("read", self.read)):
                drawn = torch.from_numpy(rng.standard_normal(tuple(parameter.shape))).to(parameter)
                anchors[name] = drawn * (number > 0)
                parameter.copy_(START * drawn)
        return anchors

    def prior(self, anchors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Minus the log of the prior, but for a constant."""
        widths = self.neurons.widths()
        own = {"told": self.told, "read": self.read}
        terms = [
            (own[name] - anchor).square().sum()
            if name in own
            else ((self.neurons.get_parameter(name) - anchor) / widths[name]).square().sum()
            for name, anchor in anchors.items()
        ]
        return torch.stack(terms).sum() / 2

    def numbers(self) -> Numbers:
        """U over the root of neurons x rank, V', and by neuron constant input, step over time constant, threshold and gain of the input."""
        neurons, config = self.neurons, self.neurons.config
        of, unit = torch.from_numpy(neurons.neurons.of), self.scales.activity
        alpha = neurons.dt_s / config.substeps / neurons.time_constants()
        threshold = unit * neurons.threshold[of] if config.state == "graded" else torch.zeros_like(self.told[:, 0])
        read = (self.read * self.neurons.kept_neurons[:, None]).T
        common = self.told / float(np.sqrt(self.told.numel()))
        bias = unit * (config.priors.bias_mean + neurons.bias[of])
        return common, read, bias, alpha[:, None], threshold[:, None], torch.exp(neurons.input[of])

    def initial(self, batch: int) -> torch.Tensor:
        """States before the first step, neurons x columns."""
        return self.neurons.initial(batch)[torch.from_numpy(self.neurons.wiring.place)]

    def window(
        self, state: torch.Tensor, drive: torch.Tensor, stimulated: np.ndarray, rows: np.ndarray, numbers: Numbers | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `CircuitNetwork.window`, states in the order of the circuit.

        Raises:
            FloatingPointError: A state beyond the bound; it names the neuron.
        """
        common, read, bias, alpha, threshold, gain = self.numbers() if numbers is None else numbers
        config, at = self.neurons.config, torch.from_numpy(stimulated)
        respond = getattr(torch.nn.functional, config.response)
        base = bias[:, None].expand(len(drive), -1, drive.shape[2]).index_add(1, at, drive * gain[at][:, None])
        seen, asked = [], torch.from_numpy(rows)
        for given in base.unbind(0):
            for _ in range(config.substeps):
                if config.state == "rate":
                    state = torch.lerp(state, respond(torch.addmm(given, common, read @ state)), alpha)
                else:
                    state = torch.lerp(state, torch.addmm(given, common, read @ respond(state - threshold)), alpha)
            seen.append(state.index_select(0, asked))
        self._require_bounded(state)
        return torch.stack(seen), state

    def output(self, motor: torch.Tensor) -> torch.Tensor:
        """Motor output, steps x outputs x columns, of the states of the motor neurons, steps x motor x columns."""
        return self.neurons.output(motor)

    def _require_bounded(self, state: torch.Tensor) -> None:
        """Raise where a state has left its bound."""
        size = state.detach().abs().amax(dim=1)
        outside = ~(size <= self.neurons.config.bound * self.scales.activity)
        if outside.any():
            worst = int(outside.int().argmax())
            raise FloatingPointError(
                f"The state of {self.neurons.circuit.names[worst]!r} passed {self.neurons.config.bound:g} times the SD of recordings, "
                f"in dynamics without a connectome; {int(outside.sum())} of {len(size)} states have. Take a response that saturates (tanh, "
                "sigmoid) or a lower learning rate."
            )


@dataclass(frozen=True)
class FittedLowRank:
    """Fits of dynamics without a connectome, which answer as those of a circuit do.

    Attributes:
        circuit: Whose neurons these are.
        config: Settings.
        dt_s: Seconds a step.
        outputs: Names of the outputs.
        networks: One network a fit.
        held_out: Names of the trials that stopped the fits.
        histories: Training and validation loss of every epoch of every fit.
    """

    circuit: Circuit
    config: MotorConfig
    dt_s: float
    outputs: tuple[str, ...]
    networks: tuple[LowRankNetwork, ...]
    held_out: tuple[str, ...]
    histories: tuple[tuple[dict[str, float], ...], ...]

    @property
    def rank(self) -> int:
        """Number of common signals."""
        return int(self.networks[0].told.shape[1])

    def predict(
        self,
        stimulus: Float[np.ndarray, "trials steps stimulated"],
        stimulated: Int[np.ndarray, " stimulated"],
        rows: Int[np.ndarray, " rows"] | None = None,
    ) -> Simulated:
        """As `FittedCircuit.predict`."""
        return answers(self, stimulus, stimulated, rows)

    def without(self, neurons: Sequence[str] = (), edges: Sequence[tuple[str, str]] = ()) -> FittedLowRank:
        """The same without some neurons; there are no edges to remove."""
        if edges:
            raise ValueError(f"{len(edges)} edges to remove, of dynamics that have none. Remove neurons, or ask the circuit.")
        gone = torch.from_numpy(self.circuit.rows_of(tuple(neurons), "neurons to remove"))
        others = deepcopy(self.networks)
        for network in others:
            network.neurons.kept_neurons[gone] = 0
        return replace(self, networks=others)

    def save(self, path: Path) -> Path:
        """Write all fits to one file of tensors, numbers and words, without the circuit: whoever loads them has it."""
        return write_tensors({"rank": self.rank} | plain(self), path)

    @classmethod
    def load(cls, path: Path, circuit: Circuit) -> FittedLowRank:
        """What `save` wrote; no code in the file is run.

        Args:
            path: The file.
            circuit: The circuit whose neurons these are.
        """
        content = read_tensors(path, "Fit the circuit again.")
        if not isinstance(content, dict) or content.keys() != {"rank", *PLAIN}:
            raise ValueError(f"{path}: are no dynamics without a connectome. Name the file that a fit wrote.")
        return cls(circuit, **of_plain(content, partial(LowRankNetwork, circuit, rank=content["rank"]), path))


def rank_of(circuit: Circuit, config: MotorConfig) -> int:
    """The rank at which U and V have about as many numbers as the wiring of the circuit's model, at least 1."""
    network = CircuitNetwork(circuit, config, config.tau_s / 1e3, Scales(1.0, (), ()))
    parameters = dict(network.named_parameters())
    numbers = sum(parameters[name].numel() for name in WIRING if name in parameters)
    rank = max(round(numbers / (2 * len(circuit.names))), 1)
    log.info(
        "no connectome: rank %d, %d numbers in the place of the wiring's %d; all others are those of the circuit's model.",
        rank,
        2 * len(circuit.names) * rank,
        numbers,
    )
    return rank


def fit_low_rank(
    circuit: Circuit, trials: Trials, config: MotorConfig, seed: int = 0, checkpoints: Path | None = None, progress: bool = False
) -> FittedLowRank:
    """Fit dynamics without a connectome: same neurons, time constants, inputs and readout, as many numbers, loss, stop and held-out trials.

    What a circuit's wiring is to say, few common signals say instead, which are free: a neuron that is neither recorded nor stimulated is
    told by nothing.

    Args:
        circuit: Whose neurons these are: which are stimulated, and which drive the output; of edges only their number is read.
        trials: What went in and what was recorded.
        config: Settings.
        seed: Root of the random draws.
        checkpoints: Folder of checkpoints, one a fit; None keeps none.
        progress: Show a bar a fit.

    Raises:
        ValueError: Trials of another circuit, or fewer than two.
        FloatingPointError: A state or a weight that left all bounds.
    """
    rank = rank_of(circuit, config)

    def make(scales: Scales) -> LowRankNetwork:
        return LowRankNetwork(circuit, config, trials.dt_s, scales, rank)

    found = fit_networks(make, LowRankNetwork.begin, circuit, trials, config, seed, f"rank {rank}", checkpoints, progress)
    return FittedLowRank(circuit, config, trials.dt_s, trials.outputs, *found)
