"""A simulated crawling circuit: premotor neurons fire one after another, motor neurons when their input has risen half-way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import scipy.stats

WAVE_S, BURST_S, LEAK_S, DT_S = 1.0, 0.08, 0.05, 0.004  # length of a wave, of a neuron's activity in it, of a motor neuron's memory
OPPOSITE = 0.35  # what inhibits is active so long before or behind, as a share of the wave


@dataclass(frozen=True)
class Crawling:
    """A circuit and the order in which its motor neurons are recruited.

    Attributes:
        counts: Synapses of each motor neuron (rows) from each premotor neuron.
        among: Synapses of each premotor neuron (rows) from each other.
        sign: 1 of a premotor neuron that excites, -1 of one that inhibits.
        order: Place of each motor neuron, forward and backward; 1 fires first.
    """

    counts: np.ndarray
    among: np.ndarray
    sign: np.ndarray
    order: np.ndarray


def crawling(
    seed: int, motor: int = 25, premotor: int = 178, told: float = 0.7, partners: int = 14, linked: bool = True, excites: float = 0.6
) -> Crawling:
    """Wiring that a sequence shapes, and the order that follows from the two.

    Args:
        seed: Root of the draws.
        motor: Number of motor neurons.
        premotor: Number of premotor neurons.
        told: Share of the synapses that go to where the sequence has them: excitation to motor neurons of its time, inhibition a third of
            a wave off.
        partners: Usual number of premotor partners of a motor neuron.
        linked: Whether premotor neurons of neighbouring times are linked; else their links are random.
        excites: Share of the premotor neurons that excite.
    """
    rng = np.random.default_rng(seed)
    times = rng.random(premotor)
    sign = np.where(rng.random(premotor) < excites, 1, -1)
    counts, among = np.zeros((motor, premotor)), np.zeros((premotor, premotor))
    for row, time in enumerate(rng.random(motor)):
        chosen = _drawn(times - time, sign, told, 0.12, max(3, round(partners * np.exp(0.3 * rng.standard_normal()))), rng)
        counts[row, chosen] = 1 + rng.geometric(0.12, len(chosen))
    for row, time in enumerate(times):
        share = np.delete(np.arange(premotor), row)
        chosen = share[_drawn((times - time)[share], sign[share], 0.9 if linked else 0.0, 0.06, 1 + rng.poisson(9), rng)]
        among[row, chosen] = 1 + rng.geometric(0.3, len(chosen))
    order = np.stack([scipy.stats.rankdata(_onsets(counts * sign, active)) for active in (times, 1 - times)])
    return Crawling(counts, among, sign, order)


def _drawn(lag: np.ndarray, sign: np.ndarray, told: float, width: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Senders, most of them of the right time."""
    off = np.where(sign > 0, lag, np.abs(lag) - OPPOSITE)
    share = np.exp(-np.square(off) / (2 * width**2))
    share = told * share / share.sum() + (1 - told) / len(lag)
    return rng.choice(len(lag), n, replace=False, p=share / share.sum())


def _onsets(weight: np.ndarray, times: np.ndarray) -> np.ndarray:
    """When each motor neuron, a leaky sum of its input, has risen half-way."""
    steps = np.arange(-0.3, WAVE_S + 0.3, DT_S)
    drive = weight @ np.exp(-np.square(steps - times[:, None]) / (2 * BURST_S**2))
    state, states = np.zeros(len(weight)), []
    for now in drive.T:
        state = state + DT_S / LEAK_S * (np.maximum(now, 0) - state)
        states.append(state)
    risen = np.array(states).T
    return steps[(risen >= 0.5 * risen.max(axis=1, keepdims=True)).argmax(axis=1)]


def write_larva(path: Path, one: Crawling, segments: int = 2, order: np.ndarray | None = None) -> Path:
    """Write the published layout: motor neurons of two segments, the second of them a copy of the first in its order.

    Args:
        path: File to write.
        one: The circuit.
        segments: Number of segments.
        order: Places in the place of the circuit's own; 0 unknown.
    """
    motor, premotor = one.counts.shape
    words = np.where(one.sign > 0, "exc", "inh")
    names = {"p": [f"A{n:02d}_l" for n in range(premotor)], "m": [f"MN{n}_a{at + 1}" for at in range(segments) for n in range(motor)]}
    with h5py.File(path, "w") as file:
        file["Jpm"], file["Jpp"] = np.tile(one.counts, (segments, 1)), one.among
        file["mnorder"] = np.tile(one.order if order is None else order, segments)
        for name, text in (names | {"nt": words.tolist()}).items():
            file[name] = np.array(text, dtype=h5py.string_dtype())
    return path
