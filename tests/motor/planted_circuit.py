"""A planted circuit, simulated by code of its own: full matrices in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphtwin.motor.circuit import Circuit, Trials

DT, TAU = 0.02, 0.1


@dataclass(frozen=True)
class Planted:
    """A circuit as it is told, and what it is.

    Attributes:
        circuit: Names, counts and signs; the signs of some neurons are not told.
        matrix: True strengths, to x from.
        tau: True time constants, seconds.
        bias: True constant inputs.
        readout: True weights of motor neurons, outputs x neurons.
        stimulated: Rows of the stimulated neurons.
    """

    circuit: Circuit
    matrix: np.ndarray
    tau: np.ndarray
    bias: np.ndarray
    readout: np.ndarray
    stimulated: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """True strength of each edge."""
        return self.matrix[self.circuit.post, self.circuit.pre]

    def run(self, stimulus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States and outputs, trials x steps x columns."""
        trials, steps, _ = stimulus.shape
        state, states = np.zeros((trials, len(self.tau))), []
        for step in range(steps):
            drive = np.zeros_like(state)
            drive[:, self.stimulated] = stimulus[:, step]
            state = state + DT / self.tau * (-state + self.bias + np.maximum(state, 0) @ self.matrix.T + drive)
            states.append(state)
        found = np.stack(states, axis=1)
        return found, np.maximum(found, 0) @ self.readout.T

    def without(self, neuron: int) -> Planted:
        """The truth without a neuron."""
        matrix, readout = self.matrix.copy(), self.readout.copy()
        matrix[neuron], matrix[:, neuron], readout[:, neuron] = 0, 0, 0
        return replace(self, matrix=matrix, readout=readout)

    def trials(self, n: int, steps: int, seed: int, recorded: np.ndarray, noise: float = 0.05) -> Trials:
        """Trials of slow random input; noise in the SD of each neuron."""
        rng = np.random.default_rng(seed)
        stimulus = slow_input(rng, n, steps, len(self.stimulated))
        states, output = self.run(stimulus)
        seen = states[:, :, recorded]
        seen = seen + noise * seen.std((0, 1)) * rng.standard_normal(seen.shape)
        output = output + noise * output.std((0, 1)) * rng.standard_normal(output.shape)
        names = tuple(f"trial {i}" for i in range(n))
        return Trials(DT, stimulus, self.stimulated, seen, recorded, output, ("force",), names)


def slow_input(rng: np.random.Generator, n: int, steps: int, columns: int) -> np.ndarray:
    """Steps of random height that last for 10 steps each."""
    heights = rng.standard_normal((n, -(-steps // 10), columns)) * 1.5
    return np.repeat(heights, 10, axis=1)[:, :steps]


def planted_circuit(n: int = 24, seed: int = 0, degree: int = 5, told: float = 0.7) -> Planted:
    """Neurons of which a third is stimulated and the last sixth drives the output; each sends and gets about `degree` edges."""
    rng = np.random.default_rng(seed)
    pairs = np.argwhere((rng.random((n, n)) < degree / (n - 1)) & ~np.eye(n, dtype=bool))
    pre, post = pairs.T
    count = rng.geometric(0.2, len(pre)).astype(np.float64)
    sign = rng.choice([1, -1], n, p=[0.6, 0.4])
    total = np.median(np.bincount(post, count, n))
    matrix = np.zeros((n, n))
    matrix[post, pre] = sign[pre] * 0.9 * count / total * np.exp(0.4 * rng.standard_normal(len(pre)))
    motor = np.arange(n) >= n - n // 6
    readout = np.where(motor, rng.standard_normal((1, n)), 0)
    known = np.where(rng.random(n) < told, sign, 0)
    sensory = np.arange(n) < n // 3
    nothing = np.zeros(0, dtype=np.int64)
    names, nowhere = tuple(f"n{i}" for i in range(n)), np.full((n, 3), np.nan)
    circuit = Circuit(names, ("",) * n, known, sensory, motor, nowhere, pre, post, count, nothing, nothing, np.zeros(0))
    tau, bias = TAU * np.exp(0.2 * rng.standard_normal(n)), 0.3 + 0.3 * rng.standard_normal(n)
    return Planted(circuit, matrix, tau, bias, readout, np.flatnonzero(sensory))
