"""The simulated loop in motion: neurons, muscles, bends and what is felt of them, all trials side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from graphtwin.shapes import Bool, Float
from graphtwin.synthetic.loop.body import Body
from graphtwin.synthetic.loop.wiring import TrueCircuit

SUBSTEPS = 4  # Euler steps in each step that is written
REST_S = 1.0  # seconds without a stimulus before the first step


@dataclass(frozen=True)
class Motion:
    """What happened, at every step.

    Attributes:
        activity: Potential of every neuron.
        tension: Tension of every muscle.
        bend: Bend of every segment, positive to the dorsal side.
        felt: Input of every neuron from the body.
    """

    activity: Float[np.ndarray, "trials steps neurons"]
    tension: Float[np.ndarray, "trials steps muscles"]
    bend: Float[np.ndarray, "trials steps segments"]
    felt: Float[np.ndarray, "trials steps neurons"]


def move(
    circuit: TrueCircuit,
    body: Body,
    stimulus: Float[np.ndarray, "trials steps neurons"],
    dt_s: float,
    removed: Bool[np.ndarray, " neurons"] | None = None,
    felt: Float[np.ndarray, "trials steps neurons"] | None = None,
) -> Motion:
    """Run the loop: tau dv/dt = -v + b + W max(v, 0) + G (v_j - v_i) + stimulus + what is felt, and the body by `Body.change`.

    What a step shows is the state at its end, after four steps of Euler under the input of that step.

    Args:
        circuit: Neurons and weights.
        body: Muscles and receptors.
        stimulus: Input from outside.
        dt_s: Seconds a step.
        removed: Neurons that are gone: they neither release nor conduct, and move no muscle.
        felt: Input from the body as it was elsewhere, which opens the loop; None is what is felt now.
    """
    n_trials, n_steps, n = stimulus.shape
    present = np.ones(n) if removed is None else (~removed).astype(float)
    weights, gaps = _matrices(circuit, present)
    tau, bias = circuit.neurons["tau_s"].to_numpy()[:, None], circuit.neurons["bias"].to_numpy()[:, None]
    v, bend = np.repeat(circuit.neurons["rest"].to_numpy()[:, None], n_trials, axis=1), np.zeros((body.feeling.shape[1], n_trials))
    out = Motion(
        np.empty(stimulus.shape, np.float32),
        np.empty((n_trials, n_steps, len(body.muscles)), np.float32),
        np.empty((n_trials, n_steps, len(bend)), np.float32),
        np.empty(stimulus.shape, np.float32),
    )
    h = dt_s / SUBSTEPS
    for step in range(-round(REST_S / dt_s), n_steps):
        given = stimulus[:, step].T if step >= 0 else 0.0
        feels = body.felt(bend) if felt is None else felt[:, max(step, 0)].T
        for _ in range(SUBSTEPS):
            rate = np.maximum(v, 0) * present[:, None]
            bend = bend + h * body.change(bend, body.tension(rate))
            v = v + h / tau * (-v + bias + weights @ rate + gaps @ v + given + feels)
        if step >= 0:
            out.activity[:, step], out.felt[:, step], out.bend[:, step] = v.T, feels.T, bend.T
            out.tension[:, step] = body.tension(np.maximum(v, 0) * present[:, None]).T
    return out


def _matrices(circuit: TrueCircuit, present: np.ndarray) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Weights by target, and gap junctions with minus their sum on the diagonal, without those of neurons that are gone."""
    n = len(present)
    edges, gaps = circuit.edges, circuit.gaps
    weights = sparse.csr_matrix((edges["weight"].to_numpy(), (edges["post"].to_numpy(), edges["pre"].to_numpy())), shape=(n, n))
    a, b = gaps["a"].to_numpy(), gaps["b"].to_numpy()
    conductance = gaps["conductance"].to_numpy() * present[a] * present[b]
    joined = sparse.csr_matrix((np.r_[conductance, conductance], (np.r_[a, b], np.r_[b, a])), shape=(n, n))
    return weights, joined - sparse.diags(np.asarray(joined.sum(axis=1)).ravel())
