"""A fitted circuit: a fit that says what is predicted, others that say how far it may be off; lesions of it; what of it the data told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch

from graphtwin.artifacts import read_tensors, write_tensors
from graphtwin.folders import require_as_written
from graphtwin.kinds import MOTOR, require_kind
from graphtwin.motor.circuit import Circuit
from graphtwin.motor.fitting.fits import PLAIN, Simulated, answers, of_plain, plain, spread_of
from graphtwin.motor.model import CircuitNetwork, MotorConfig
from graphtwin.shapes import Float, Int
from graphtwin.told import told_as_table

TOLD = 0.5  # share of the prior's width below which a spread over fits says that the data told: half of it is one bit
SHOWN = 4  # names that an error shows
OF_RUN = "fits/circuit.pt"  # file of the fit of the circuit itself, in the folder of a run


@runtime_checkable
class Fitted(Protocol):
    """Whatever answers a stimulus, and goes on when neurons are removed: a fitted circuit, or what was fitted without one."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""

    def predict(
        self,
        stimulus: Float[np.ndarray, "trials steps stimulated"],
        stimulated: Int[np.ndarray, " stimulated"],
        rows: Int[np.ndarray, " rows"] | None = None,
    ) -> Simulated:
        """Activity and motor output of every fit."""

    def without(self, neurons: Sequence[str] = (), edges: Sequence[tuple[str, str]] = ()) -> Fitted:
        """The same with some neurons and edges removed."""


@told_as_table
@dataclass(frozen=True)
class FittedCircuit:
    """Fits of one circuit to the same trials: the first at the prior's mean, each other from its own draw of the prior.

    The first says every number of what is predicted; the others say how far it may be off (`fits.spread_of`).

    Attributes:
        circuit: The circuit.
        config: Settings.
        dt_s: Seconds a step.
        outputs: Names of the outputs.
        networks: One network a fit.
        held_out: Names of the trials that stopped the fits.
        histories: Training and validation loss of every epoch of every fit.

    Examples:
        >>> fitted
        FittedCircuit: 24 neurons, 128 chemical edges, 0 gap junctions
          fits: 2, leaky neurons, steps of 0.02 s
          outputs: force
          trials that stopped the fits: 4
        >>> fitted.predict(trials.stimulus, trials.stimulated).output.shape  # fits x trials x steps x outputs
        (2, 22, 40, 1)
        >>> fitted.without(["n3"]).weights.shape == fitted.weights.shape
        True
        >>> graphtwin.motor.load(fitted.save("circuit.pt")).outputs
        ('force',)
    """

    circuit: Circuit
    config: MotorConfig
    dt_s: float
    outputs: tuple[str, ...]
    networks: tuple[CircuitNetwork, ...]
    held_out: tuple[str, ...]
    histories: tuple[tuple[dict[str, float], ...], ...]

    def __repr__(self) -> str:
        """The circuit, how often it was fitted, and what it tells."""
        of, shown = self.circuit, ", ".join(self.outputs[:SHOWN]) + (" ..." if len(self.outputs) > SHOWN else "")
        first = f"FittedCircuit: {len(of.names):,} neurons, {len(of.pre):,} chemical edges, {len(of.gap_a):,} gap junctions"
        fits = f"{len(self.networks)}, {self.config.state} neurons, steps of {self.dt_s:g} s"
        return f"{first}\n  fits: {fits}\n  outputs: {shown or 'none'}\n  trials that stopped the fits: {len(self.held_out):,}"

    @property
    def weights(self) -> Float[np.ndarray, "fits edges"]:
        """Strength of every chemical edge in every fit, in the order of the circuit's edges; 0 where it was removed."""
        with torch.no_grad():
            return np.stack([network.weights().numpy() for network in self.networks])

    def predict(
        self,
        stimulus: Float[np.ndarray, "trials steps stimulated"],
        stimulated: Int[np.ndarray, " stimulated"],
        rows: Int[np.ndarray, " rows"] | None = None,
    ) -> Simulated:
        """Activity and motor output under a stimulus, a window and a batch of trials at a time.

        Args:
            stimulus: Input, in memory or on disk (`numpy.memmap`): only a window of it is read at once.
            stimulated: Rows of the stimulated neurons.
            rows: Rows of the neurons whose activity is asked for; None is all.
        """
        return answers(self, stimulus, stimulated, rows)

    def without(self, neurons: Sequence[str] = (), edges: Sequence[tuple[str, str]] = ()) -> FittedCircuit:
        """The circuit with some neurons and chemical edges removed, all else as it was fitted.

        Args:
            neurons: Names of neurons: with them go their edges, gap junctions and part in the output.
            edges: Edges, as names (pre, post).
        """
        gone = self.circuit.rows_of(tuple(neurons), "neurons to remove")
        cut = edge_places(self.circuit, edges)
        return replace(self, networks=tuple(lesioned(network, gone, cut) for network in self.networks))

    def identified(self) -> pd.DataFrame:
        """Each parameter's value, its spread over fits, and whether data told it.

        Every fit but the first is drawn to its own draw of the prior: where data say nothing, these lie as far from the first as the prior
        is wide.

        Returns:
            Columns parameter, of (edge, neuron, type or output), value (of the first fit, in the prior's unit), spread (of the other fits
            about it, `spread_of`), prior_width, told (spread below half of the width: one bit); spread NaN and told false with fewer than
            three fits.
        """
        first = self.networks[0]
        rows = []
        for name, width in first.widths().items():
            values = np.stack([network.get_parameter(name).detach().numpy().ravel() for network in self.networks])
            spread = spread_of(values) if len(values) > 2 else np.full(values.shape[1], np.nan)
            known = {"parameter": name, "of": self._names(name, values.shape[1]), "value": values[0], "spread": spread}
            rows.append(pd.DataFrame(known | {"prior_width": width.numpy().ravel()}))
        table = pd.concat(rows, ignore_index=True)
        return table.assign(told=table["spread"] < TOLD * table["prior_width"])

    def _names(self, parameter: str, n: int) -> list[str]:
        """What each number of a parameter is of."""
        first = self.networks[0]
        motor = [first.neurons.names[group] for group in first.read]
        known = {"edge": first.edges.names, "gap": first.gaps.names, "own_start": self.circuit.names}
        known |= dict.fromkeys(("tau", "bias", "threshold", "start", "input"), first.neurons.names)
        unknown = first.unknown_neurons
        known["sender"] = () if unknown is None else tuple(self.circuit.names[row] for row in unknown.tolist())
        known |= {"readout": tuple(f"{neuron} -> {output}" for output in self.outputs for neuron in motor), "readout_bias": self.outputs}
        return list(known.get(parameter, ("all",) * n))

    def save(self, path: str | Path) -> Path:
        """Write all fits to one file of tensors, numbers and words.

        Args:
            path: Path of the file to make.
        """
        circuit = {name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in vars(self.circuit).items()}
        return write_tensors({"circuit": circuit} | plain(self), Path(path))


def load_circuit(path: str | Path) -> FittedCircuit:
    """The fitted circuit of a file that `FittedCircuit.save` wrote, or of a finished run; no code in the file is run.

    Args:
        path: The file, or the folder that `graphtwin motor fit` wrote, of which the fit of the circuit itself is taken.

    Examples:
        >>> graphtwin.motor.load(fitted.save("circuit.pt")).outputs
        ('force',)
    """
    path = Path(path)
    if path.is_dir():
        require_kind(path, MOTOR)
        if not (path / OF_RUN).is_file():
            raise ValueError(
                f"{path}: asked when motor neurons are recruited, for which no dynamics were fitted. Give the folder of trials."
            )
        require_as_written(path, OF_RUN)
        path = path / OF_RUN
    content = read_tensors(path, "Fit the circuit again.")
    if not isinstance(content, dict) or content.keys() != {"circuit", *PLAIN}:
        raise ValueError(f"{path}: is no fitted circuit. Name the file that a fit wrote.")
    columns: dict[str, Any] = {
        name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in content["circuit"].items()
    }
    circuit = Circuit(**columns)
    return FittedCircuit(circuit, **of_plain(content, partial(CircuitNetwork, circuit), path))


def edge_places(circuit: Circuit, edges: Sequence[tuple[str, str]]) -> Int[np.ndarray, " edges"]:
    """Places of chemical edges among the circuit's, by the names of their neurons; one that is not there is an error."""
    place = {(circuit.names[a], circuit.names[b]): at for at, (a, b) in enumerate(zip(circuit.pre, circuit.post, strict=True))}
    unknown = [edge for edge in edges if (edge[0], edge[1]) not in place]
    if unknown:
        said = [f"{a} -> {b}" for a, b in unknown[:SHOWN]]
        raise ValueError(
            f"{len(unknown)} of {len(edges)} edges to remove are not among the {len(place)} chemical edges of the circuit, first {said}. "
            "Name edges as (sender, receiver)."
        )
    return np.array([place[edge[0], edge[1]] for edge in edges], dtype=np.int64)


def lesioned(network: CircuitNetwork, neurons: Int[np.ndarray, " gone"], edges: Int[np.ndarray, " cut"]) -> CircuitNetwork:
    """A network without some neurons (by row) and chemical edges (by place)."""
    circuit = network.circuit
    other = CircuitNetwork(circuit, network.config, network.dt_s, network.scales)
    state: dict[str, Any] = {name: value.clone() for name, value in network.state_dict().items()}
    gone = torch.from_numpy(np.asarray(neurons))
    state["kept_neurons"][gone] = 0
    kept = state["kept_neurons"]
    state["kept_edges"][torch.from_numpy(np.asarray(edges))] = 0
    state["kept_edges"] *= kept[torch.from_numpy(circuit.pre)] * kept[torch.from_numpy(circuit.post)]
    state["kept_gaps"] *= kept[torch.from_numpy(circuit.gap_a)] * kept[torch.from_numpy(circuit.gap_b)]
    other.load_state_dict(state)
    return other.eval()
