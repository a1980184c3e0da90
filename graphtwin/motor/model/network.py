"""A circuit in motion: strengths, time constants and inputs as parameters with priors, and states that go on a window at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphtwin.execute import rng_for
from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model.block_loop import block_width
from graphtwin.motor.model.groups import edge_groups, gap_groups, neuron_groups
from graphtwin.motor.model.settings import MotorConfig
from graphtwin.motor.model.window import Exploded, Laid, Rule, Window
from graphtwin.motor.model.wiring import wiring_of


@dataclass(frozen=True)
class Scales:
    """Units of what was recorded, so that priors mean the same in any.

    Attributes:
        activity: SD of a typical neuron's activity, over trials and steps.
        output: SD of each output.
        output_mean: Mean of each output.
    """

    activity: float
    output: tuple[float, ...]
    output_mean: tuple[float, ...]


@dataclass(frozen=True)
class Numbers:
    """All numbers of an Euler step.

    Attributes:
        weights: Strength of each chemical edge, in the circuit's order.
        laid: The same in the orders in which loops read them.
        gaps: Conductance of each gap junction.
        bias: Constant input of each place.
        alpha: Step over the time constant of each place.
        threshold: Potential above which the synapses of each place act.
        gain: What each neuron's input is multiplied by.
    """

    weights: torch.Tensor
    laid: Laid
    gaps: torch.Tensor
    bias: torch.Tensor
    alpha: torch.Tensor
    threshold: torch.Tensor
    gain: torch.Tensor


class CircuitNetwork(torch.nn.Module):
    """Neurons with states, joined by the chemical synapses and gap junctions of a circuit.

    Parameters are zero where a number is what the prior expects, and its distance in log units or in `Scales` elsewhere:

        w_ij = sign_j exp(gain + edge) count_ij / typical       (from j; where its sign is unknown, it is tanh(sender_j), the same for all
                                                                 its edges, or with `dale` off `edge` takes the place of sign exp(edge))
        g_ij = exp(gap_gain + gap) count_ij / typical,  tau_i = tau_s exp(tau),  input gain exp(input)

    where `typical` makes the inputs of the median neuron sum to 1. A time constant below a step, what leaves through gap junctions
    counted, counts as the step. Motor neurons that share their parameters share what they do to outputs: `readout` times their mean.

    Args:
        circuit: The circuit.
        config: What its neurons do.
        dt_s: Seconds a step of the data.
        scales: Units of activity and outputs.
        dtype: Precision of all numbers.

    Raises:
        ValueError: A step longer than the smallest time constant that is expected, gap junctions counted.
    """

    edge: torch.Tensor
    gain: torch.Tensor
    sender: torch.Tensor
    gap: torch.Tensor
    gap_gain: torch.Tensor
    tau: torch.Tensor
    bias: torch.Tensor
    threshold: torch.Tensor
    start: torch.Tensor
    own_start: torch.Tensor
    input: torch.Tensor
    readout: torch.Tensor
    readout_bias: torch.Tensor
    activity_noise: torch.Tensor
    output_noise: torch.Tensor
    kept_edges: torch.Tensor
    kept_gaps: torch.Tensor
    kept_neurons: torch.Tensor

    def __init__(self, circuit: Circuit, config: MotorConfig, dt_s: float, scales: Scales, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.circuit, self.config, self.dt_s, self.scales = circuit, config, dt_s, scales
        self.wiring = wiring_of(circuit)
        kind, bound = config.state, config.bound * scales.activity
        self.rule = Rule(self.wiring, config.response, kind == "rate", kind == "graded", config.substeps, bound)
        self.edges, self.gaps, self.neurons = edge_groups(circuit, config), gap_groups(circuit, config), neuron_groups(circuit, config)
        self.one_an_edge = np.array_equal(self.edges.of, np.arange(len(circuit.pre)))
        self.motor = np.flatnonzero(circuit.motor)
        self.read, self.sharing = np.unique(self.neurons.of[self.motor], return_inverse=True)  # groups that outputs are read from
        unknown = np.unique(circuit.pre[circuit.edge_sign == 0])
        self.unknown_neurons = torch.from_numpy(unknown) if config.dale and circuit.receptor_sign is None and len(unknown) else None
        self.signs_known = self._signs_known()
        n = len(circuit.names)
        for name, shape in self._shapes().items():
            self.register_parameter(name, torch.nn.Parameter(torch.zeros(shape, dtype=dtype)))
        for name, length in (("kept_edges", len(circuit.pre)), ("kept_gaps", len(circuit.gap_a)), ("kept_neurons", n)):
            self.register_buffer(name, torch.ones(length, dtype=dtype))
        ends = np.r_[circuit.gap_a, circuit.gap_b]
        self._fixed = {
            "unit": torch.from_numpy(_typical(circuit.post, circuit.count, n)).to(dtype),
            "gap_unit": torch.from_numpy(_typical(ends, np.tile(circuit.gap_count, 2), n)[: len(circuit.gap_a)]).to(dtype),
            "neuron_sign": torch.from_numpy(circuit.sign.astype(np.float64)).to(dtype),
            "sign": torch.from_numpy(circuit.edge_sign.astype(np.float64)).to(dtype),
            "output": torch.tensor(scales.output, dtype=dtype),
            "output_mean": torch.tensor(scales.output_mean, dtype=dtype),
        }
        self._require_small_step()

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter."""
        n, n_outputs = len(self.neurons.names), len(self.scales.output)
        shapes: dict[str, tuple[int, ...]] = {"edge": (len(self.edges.names),), "gain": (1,)}
        if self.unknown_neurons is not None:
            shapes["sender"] = (len(self.unknown_neurons),)
        if len(self.circuit.gap_a):
            shapes |= {"gap": (len(self.gaps.names),), "gap_gain": (1,)}
        shapes |= {"tau": (n,), "bias": (n,), "start": (n,), "input": (n,)}
        if n < len(self.circuit.names):
            shapes["own_start"] = (len(self.circuit.names),)
        if self.config.state == "graded":
            shapes["threshold"] = (n,)
        if n_outputs:
            shapes |= {"readout": (n_outputs, len(self.read)), "output_noise": (1,)}
            if self.config.silent_output == "free":
                shapes["readout_bias"] = (n_outputs,)
        return shapes | {"activity_noise": (1,)}

    def _signs_known(self) -> np.ndarray:
        """Whether the parameter of each edge is a log strength, to which a neuron gives the sign."""
        known = np.ones(len(self.edges.names), dtype=bool)
        if self.unknown_neurons is None:
            known[self.edges.of] = self.circuit.edge_sign != 0
        return known

    def widths(self) -> dict[str, torch.Tensor]:
        """SD of the prior of every parameter that has one, in its own unit."""
        priors = self.config.priors
        of_edges = np.where(self.signs_known, priors.log_weight, priors.weight)
        plain = {
            "gain": priors.log_gain, "sender": priors.sender, "gap": priors.log_gap, "gap_gain": priors.log_gain, "tau": priors.log_tau,
            "bias": priors.bias, "start": priors.bias, "own_start": priors.own_start, "threshold": priors.bias, "input": priors.log_input,
            "readout": priors.readout, "readout_bias": priors.readout,
        }  # fmt: skip
        widths = {name: torch.full_like(value, plain[name]) for name, value in self.named_parameters() if name in plain}
        return {"edge": torch.from_numpy(of_edges).to(self.edge), **widths}

    def anchors(self, seed: int, fit: int) -> dict[str, torch.Tensor]:
        """Where a fit's priors are centred: the mean for the first, a draw from the prior for any other.

        Where data say nothing, a fit stays where its prior is centred: the first at what is expected, others as far from it as draws of the
        prior are; where they say much, fits meet.
        Source: Pearce et al. 2020, Uncertainty in neural networks: approximately Bayesian ensembling.
        """
        rng = rng_for(seed, "priors of a circuit", fit)
        drawn = {name: torch.from_numpy(rng.standard_normal(tuple(width.shape))) for name, width in self.widths().items()}
        return {name: width * drawn[name].to(width) * (fit > 0) for name, width in self.widths().items()}

    def prior(self, anchors: dict[str, torch.Tensor]) -> torch.Tensor:
        """Minus the log of the prior, but for a constant."""
        parameters = dict(self.named_parameters())
        terms = [((parameters[name] - anchors[name]) / width).square().sum() for name, width in self.widths().items()]
        return torch.stack(terms).sum() / 2

    def weights(self) -> torch.Tensor:
        """Strength of every chemical edge, in the circuit's order."""
        by_edge = self.edge if self.one_an_edge else torch.index_select(self.edge, 0, torch.from_numpy(self.edges.of))
        sign, unit = self._fixed["sign"], self._fixed["unit"] * self.kept_edges
        if self.unknown_neurons is not None:
            of_neuron = self._fixed["neuron_sign"].index_copy(0, self.unknown_neurons, torch.tanh(self.sender))
            sign = torch.index_select(of_neuron, 0, torch.from_numpy(self.circuit.pre))
        elif not self.signs_known.all():
            known = sign.abs()  # the exponential is taken of 0 elsewhere, so that a large parameter there cannot overflow
            return (sign * torch.exp(by_edge * known) + by_edge * (1 - known)) * (torch.exp(self.gain) * unit)
        return torch.exp(by_edge + self.gain) * (sign * unit)

    def conductances(self) -> torch.Tensor:
        """Conductance of every gap junction, over that of the leak."""
        if not len(self.circuit.gap_a):
            return self._fixed["gap_unit"]
        by_gap = self.gap[torch.from_numpy(self.gaps.of)]
        return torch.exp(by_gap + self.gap_gain) * self._fixed["gap_unit"] * self.kept_gaps

    def time_constants(self) -> torch.Tensor:
        """Time constant of every neuron, seconds."""
        tau = self.config.tau_s * torch.exp(self.tau[torch.from_numpy(self.neurons.of)])
        return torch.clamp(tau, min=self.dt_s / self.config.substeps)

    def numbers(self, weights: torch.Tensor | None = None) -> Numbers:
        """All numbers of a step, once for as many windows as go by without a change of parameters.

        Args:
            weights: Strengths of the chemical edges, in the circuit's order; None is those of the parameters.
        """
        order = torch.from_numpy(self.wiring.order)
        gaps = self.conductances()
        leak = torch.ones_like(self.kept_neurons)
        for end in (self.circuit.gap_a, self.circuit.gap_b):
            leak = leak.index_add(0, torch.from_numpy(end), gaps)
        # No more than all of the way to where input and neighbours pull: beyond it, Euler's steps would swing.
        alpha = torch.minimum(self.dt_s / self.config.substeps / self.time_constants(), 1 / leak)
        each = self._biases(), alpha, self._thresholds()
        strengths = self.weights() if weights is None else weights
        bias, alpha, threshold = (value[order] for value in each)
        gain = torch.exp(self.input[torch.from_numpy(self.neurons.of)])
        return Numbers(strengths, Laid(strengths), gaps, bias, alpha, threshold, gain)

    def initial(self, batch: int) -> torch.Tensor:
        """States before the first step, places x columns."""
        start = self.config.priors.bias_mean + self.start[torch.from_numpy(self.neurons.of)]
        if len(self.start) < len(start):
            start = start + self.own_start
        start = self.scales.activity * start[torch.from_numpy(self.wiring.order)]
        return start[:, None].expand(-1, block_width(batch)[1])

    def window(
        self, state: torch.Tensor, drive: torch.Tensor, stimulated: np.ndarray, rows: np.ndarray, numbers: Numbers | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What some neurons do in a window of time, and how all stand at its end.

        Args:
            state: States before it, places x columns (`initial`, or the last of the window before).
            drive: Input, steps x stimulated x columns, columns filled up as those of `state` are.
            stimulated: Rows of the stimulated neurons.
            rows: Rows of the neurons whose states are asked for.
            numbers: `numbers()`, where it is known; gradients go to what it was made of.

        Returns:
            States of these neurons, steps x rows x columns, and the last states of all, places x columns.

        Raises:
            FloatingPointError: A state beyond the bound; it names the neuron and what drives it most.
        """
        known, place = self.numbers() if numbers is None else numbers, self.wiring.place
        gained = drive * known.gain[torch.from_numpy(stimulated)][None, :, None]
        given = known.weights, known.gaps, known.bias, known.alpha, known.threshold, state, gained, place[stimulated], place[rows]
        try:
            seen, last = Window.apply(self.rule, torch.is_grad_enabled(), known.laid, *given)  # type: ignore[no-untyped-call]
        except Exploded as error:
            raise FloatingPointError(self._told(error, known.weights.detach().numpy())) from error
        return seen, last

    def output(self, motor: torch.Tensor) -> torch.Tensor:
        """Motor output, steps x outputs x columns, of the states of the motor neurons, steps x motor x columns."""
        sent = motor / self.scales.activity
        if self.config.state != "rate":
            sent = _response(self.config.response, sent - (self._thresholds()[self.motor] / self.scales.activity)[:, None])
        sent = sent * self.kept_neurons[self.motor][:, None]
        of = torch.from_numpy(self.sharing)
        read = torch.einsum("om,tmk->tok", (self.readout / torch.bincount(of))[:, of], sent)
        if self.config.silent_output == "zero":
            return self._fixed["output"][:, None] * read
        return self._fixed["output_mean"][:, None] + self._fixed["output"][:, None] * (read + self.readout_bias[:, None])

    def present(self) -> np.ndarray:
        """Whether each neuron is there, not removed."""
        return np.asarray(self.kept_neurons.numpy() != 0)

    def noises(self) -> list[torch.Tensor]:
        """Log SD of the noise of activity, and of outputs where there are some, in their own unit."""
        return [self.activity_noise, self.output_noise] if self.scales.output else [self.activity_noise]

    def _biases(self) -> torch.Tensor:
        """Constant input of every neuron."""
        return self.scales.activity * (self.config.priors.bias_mean + self.bias[torch.from_numpy(self.neurons.of)])

    def _thresholds(self) -> torch.Tensor:
        """Potential above which each neuron's synapses act."""
        if self.config.state != "graded":
            return torch.zeros_like(self.kept_neurons)
        return self.scales.activity * self.threshold[torch.from_numpy(self.neurons.of)]

    def _require_small_step(self) -> None:
        """Raise where a step is longer than a time constant that is expected."""
        leak = np.ones(len(self.circuit.names))
        for end in (self.circuit.gap_a, self.circuit.gap_b):
            np.add.at(leak, end, self.conductances().detach().numpy())
        shortest, step = self.config.tau_s / leak, self.dt_s / self.config.substeps
        worst = int(np.argmin(shortest))
        if step > shortest[worst]:
            through = f" (of {self.config.tau_s:g} s, with what leaves through its gap junctions)" if leak[worst] > 1 else ""
            more = int(np.ceil(2 * self.dt_s / shortest[worst]))
            raise ValueError(
                f"{self.dt_s:g} s a step, in {self.config.substeps} of Euler: longer than the smallest time constant, "
                f"{shortest[worst]:.3g} s{through} of {self.circuit.names[worst]!r}; states would swing without end. Set substeps = "
                f"{more}, or expect a longer time constant (tau_s)."
            )

    def _arriving(self, neuron: int, state: np.ndarray, sent: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """What flows into a neuron along each chemical edge and through each gap junction, and what each is, in words."""
        circuit, conductance = self.circuit, self.conductances().detach().numpy()
        edges = np.flatnonzero(circuit.post == neuron)
        gaps = np.flatnonzero((circuit.gap_a == neuron) | (circuit.gap_b == neuron))
        other = np.where(circuit.gap_a == neuron, circuit.gap_b, circuit.gap_a)[gaps]
        drive = np.r_[weights[edges] * sent[circuit.pre[edges]], conductance[gaps] * (state[other] - state[neuron])]
        named = [f"{circuit.names[circuit.pre[e]]!r}, by an edge of weight {weights[e]:.3g} (count {circuit.count[e]:g})" for e in edges]
        through = "{!r}, through a gap junction of conductance {:.3g} (count {:g})"
        named += [through.format(circuit.names[o], conductance[g], circuit.gap_count[g]) for o, g in zip(other, gaps, strict=True)]
        return drive, named

    def _told(self, error: Exploded, weights: np.ndarray) -> str:
        """Words on a state that left its bound: where, when, and the edge or gap junction that drives it most."""
        neuron = int(self.wiring.order[error.place])
        before = torch.from_numpy(error.before[:, error.column])[torch.from_numpy(self.wiring.place)]
        sent = before if self.rule.is_rate else _response(self.config.response, before - self._thresholds().detach())
        words = "nothing reaches it but its own input"
        drive, named = self._arriving(neuron, before.numpy(), sent.numpy(), weights)
        if len(drive):
            strongest = int(np.argmax(np.abs(drive)))
            words = f"most comes from {named[strongest]}, {drive[strongest]:.3g} of {drive.sum():.3g} that arrive"
        step, seconds = error.step // self.config.substeps + 1, (error.step + 1) * self.dt_s / self.config.substeps
        return (
            f"The state of {self.circuit.names[neuron]!r} passed {self.rule.bound:.3g} at step {step} of the window ({seconds:.3g} s): "
            f"{words}. The circuit excites itself without end: take a response that saturates (tanh, sigmoid), a lower learning rate or "
            "narrower priors of strengths, or look at the signs."
        )


def _typical(post: np.ndarray, count: np.ndarray, n: int) -> np.ndarray:
    """Counts over the median neuron's total, of those that get any."""
    if not len(post):
        return np.zeros(0)
    total = np.bincount(post, weights=count, minlength=n)
    return np.asarray(count / np.median(total[total > 0]))


def _response(name: str, x: Any) -> Any:
    """R of a tensor."""
    return {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": torch.nn.functional.softplus}[name](x)
