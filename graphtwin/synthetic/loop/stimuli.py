"""What goes into a simulated loop: steps and noise to its senses of the world, pulses to single neurons inside."""

from __future__ import annotations

import numpy as np

from graphtwin.execute import rng_for
from graphtwin.shapes import Float
from graphtwin.synthetic.loop.settings import LoopConfig
from graphtwin.synthetic.loop.wiring import OUTSIDE, STRETCH, TrueCircuit

KINDS = ("steps", "noise", "pulses")
STRENGTH = 1.0  # SD of what goes into a sense, where a neuron's potential at rest is about .5
NOISE_S = 0.1  # seconds over which noise is correlated
PULSE = 2.0  # input of a pulse
PULSE_S, BETWEEN_S = 0.3, 0.4  # length of a pulse, and of the pause behind it, seconds


def stimuli(
    circuit: TrueCircuit, config: LoopConfig, n_trials: int, what_for: str
) -> tuple[Float[np.ndarray, "trials steps neurons"], list[str]]:
    """Input of every neuron in every trial, and the name of each trial: its kind, its number and, of pulses, their neuron.

    Steps go to all neurons of a sense, each with a gain of its own; noise is each neuron's own; pulses go to one neuron inside a trial.

    Args:
        circuit: The neurons.
        config: Steps of a trial, seconds a step, seed.
        n_trials: Number of trials.
        what_for: What they are for: names their randomness, and begins their names where they are no plain trials.
    """
    rng = rng_for(config.seed, "stimuli of a loop", what_for)
    given = np.zeros((n_trials, config.steps, len(circuit.neurons)), np.float32)
    inside = rng.permutation(np.setdiff1d(np.arange(len(circuit.neurons)), circuit.of(*OUTSIDE, *STRETCH)))
    gain = rng.uniform(0.5, 1.5, len(circuit.neurons))
    names = []
    for trial in range(n_trials):
        kind = KINDS[trial % len(KINDS)]
        name = f"{what_for}-{kind}-{trial:03d}"
        if kind == "steps":
            for sense in OUTSIDE:
                rows = circuit.of(sense)
                given[trial][:, rows] = _steps(config.steps, rng)[:, None] * gain[rows]
        elif kind == "noise":
            rows = circuit.of(*OUTSIDE)
            given[trial][:, rows] = _noise(config.steps, len(rows), config.dt_s, rng)
        else:
            row = int(inside[trial // len(KINDS) % len(inside)])
            given[trial][:, row] = _pulses(config.steps, config.dt_s)
            name = f"{name}-{circuit.neurons['name'][row]}"
        names.append(name)
    return given, names


def _steps(n_steps: int, rng: np.random.Generator) -> Float[np.ndarray, " steps"]:
    """Levels that each last for a random part of the trial."""
    edges = np.sort(rng.integers(0, n_steps, 4))
    return (STRENGTH * rng.standard_normal(5))[np.searchsorted(edges, np.arange(n_steps), side="right")]


def _noise(n_steps: int, n: int, dt_s: float, rng: np.random.Generator) -> Float[np.ndarray, "steps columns"]:
    """Noise of an Ornstein-Uhlenbeck process."""
    kept = np.exp(-dt_s / NOISE_S)
    noise = np.empty((n_steps, n))
    now = rng.standard_normal(n)
    for step in range(n_steps):
        noise[step] = now
        now = kept * now + np.sqrt(1 - kept**2) * rng.standard_normal(n)
    return STRENGTH * noise


def _pulses(n_steps: int, dt_s: float) -> Float[np.ndarray, " steps"]:
    """Pulses with pauses between, beginning with a pause; the second one inhibits, and so on in turn."""
    time = np.arange(n_steps) * dt_s
    period = PULSE_S + BETWEEN_S
    on = time % period >= BETWEEN_S
    return np.where(on, np.where(np.floor(time / period) % 2, -PULSE, PULSE), 0.0)
