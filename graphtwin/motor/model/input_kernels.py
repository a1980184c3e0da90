"""How alike the inputs of two motor neurons are, in several readings of the wiring: kernels of which each is a prior on when they fire.

A premotor neuron p is active at an unknown time t_p, and a motor neuron at the mean of these times over its inputs, y = W t with synapses
W: where t has the prior covariance C, y has W C W'. Without links between premotor neurons C is the identity: that is shared input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from graphtwin.motor.circuit import Circuit
from graphtwin.shapes import Float, Int

SHARED, SIGNED, STEPS, SEQUENCE = "shared input", "input by sign", "two steps", "sequence"
COUNTS = "number of inputs"
SMOOTH = (1.0, 4.0)  # how much more links between premotor neurons tell of their times than a neuron by itself: two guesses
WIDTHS = (0.5, 1.0, 2.0)  # widths of the kernel of numbers of inputs, in their SD


@dataclass(frozen=True)
class Inputs:
    """What motor neurons get, and what those that send to them get of each other.

    Attributes:
        counts: Synapses of each motor neuron (rows) from each premotor neuron.
        among: Synapses of each premotor neuron (rows) from each other.
        sign: What each premotor neuron does; an unknown sign counts as 1.
    """

    counts: Float[np.ndarray, "motor premotor"]
    among: Float[np.ndarray, "premotor premotor"]
    sign: Float[np.ndarray, " premotor"]


def inputs_of(circuit: Circuit, rows: Int[np.ndarray, " motor"]) -> Inputs:
    """The chemical inputs of some motor neurons, from every neuron that sends to one of them.

    Args:
        circuit: The circuit.
        rows: Rows of the motor neurons.
    """
    n, others = len(circuit.names), circuit.pre != circuit.post
    matrix = scipy.sparse.csr_matrix((circuit.count[others], (circuit.post[others], circuit.pre[others])), shape=(n, n))
    senders = np.unique(matrix[rows].indices)
    counts, among = (matrix[some][:, senders].toarray() for some in (rows, senders))
    return Inputs(counts, among, np.where(circuit.sign[senders] < 0, -1.0, 1.0))


def cosine(features: Float[np.ndarray, "motor features"]) -> Float[np.ndarray, "motor motor"]:
    """Cosine of the angle between the rows; 0 with a row that is empty."""
    size = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.divide(features, size, out=np.zeros_like(features), where=size > 0)
    return unit @ unit.T


def kernels_of(inputs: Inputs) -> dict[str, Float[np.ndarray, "kernels motor motor"]]:
    """Kernels of the motor neurons by reading of the wiring, the diagonal 1 (0 of a neuron without such inputs).

    - shared input: cosine of the synapses, and of their roots
    - input by sign: cosine of inputs that excite, alone, and beside that of inputs that inhibit
    - two steps: cosine of the inputs of inputs, with and without signs, each beside the direct one
    - sequence: times of premotor neurons that are alike where one sends to the other: W C W', C = (1 + s L)^-1 with the Laplacian L of the
      links among them; of all, and of those alone that excite

    Args:
        inputs: What the motor neurons get.
    """
    counts, sign = inputs.counts, inputs.sign
    direct = cosine(counts)
    excites, inhibits = cosine(counts * (sign > 0)), cosine(counts * (sign < 0))
    step, signed = _normal(counts) @ _normal(inputs.among), (_normal(counts) * sign) @ (_normal(inputs.among) * sign)
    every, exciting = (counts, inputs.among), (counts * (sign > 0), inputs.among * (sign > 0))
    sequences = [_covariance(_normal(some), _alike(links, smooth)) for smooth in SMOOTH for some, links in (every, exciting)]
    return {
        SHARED: np.stack([direct, cosine(np.sqrt(counts))]),
        SIGNED: np.stack([excites, (excites + inhibits) / 2]),
        STEPS: np.stack([(direct + cosine(step)) / 2, (direct + cosine(signed)) / 2]),
        SEQUENCE: np.stack(sequences),
    }


def number_kernels(inputs: Inputs) -> Float[np.ndarray, "kernels motor motor"]:
    """Kernels of how many synapses and partners a motor neuron has, whoever they are: squared exponentials of their logarithms.

    Args:
        inputs: What the motor neurons get.
    """
    values = np.log1p(np.stack([inputs.counts.sum(axis=1), (inputs.counts > 0).sum(axis=1)], axis=1))
    spread = values.std(axis=0)
    values = values / np.where(spread > 0, spread, 1.0)
    squared = np.square(values[:, None] - values[None]).sum(axis=2)
    return np.stack([np.exp(-squared / (2 * width**2)) for width in WIDTHS])


def _normal(counts: np.ndarray) -> np.ndarray:
    """Rows that sum to 1, or are empty."""
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)


def _alike(links: Float[np.ndarray, "premotor premotor"], smooth: float) -> Float[np.ndarray, "premotor premotor"]:
    """Covariance of the times of premotor neurons that links make alike."""
    both = _normal(links) + _normal(links).T
    laplacian = np.diag(both.sum(axis=1)) - both
    return np.linalg.inv(np.eye(len(links)) + smooth * laplacian)


def _covariance(weights: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Covariance of what has these weights on times, scaled to correlations."""
    found = weights @ times @ weights.T
    size = np.sqrt(np.maximum(np.diag(found), 0))
    size = np.where(size > 0, size, 1.0)
    return found / np.outer(size, size)
