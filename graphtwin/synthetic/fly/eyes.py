"""A trained network of the fly's motion pathway in front of a screen: what every neuron does while a film is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from graphtwin.execute import rng_for
from graphtwin.shapes import Bool, Float, Int
from graphtwin.sources.loaders import fly
from graphtwin.synthetic.function import FRAME_RATE_HZ, HEIGHT, WIDTH

COLUMN_PX = 2.5  # pixels between neighbouring columns: a screen of 36 x 64 pixels holds the 127 columns of extent 6
ACCEPTANCE = 8.23 / 5.8 / 2.355  # standard deviation of an ommatidium's acceptance, in columns (8.23 degrees of full width, columns of 5.8)
STEPS = 7  # steps of the dynamics a frame of 1/30 s: 4.8 ms
GREY = 0.5  # intensity before a film
REST_S = 2.0  # seconds of grey before a film
NUMBERS = ("bias", "time_const_s", "strength")  # what training changes: of types, of types, of pairs of types
RECEPTORS = tuple(f"R{number}" for number in range(1, 9))
TOGETHER = 16  # films that are shown at once


@dataclass(frozen=True)
class Eye:
    """One network, ready to see.

    Attributes:
        lattice: Its neurons and connections.
        matrix: Input of each neuron (row) from each neuron's release.
        bias: Resting potential of each neuron.
        rate: Inverse time constant of each neuron, steps long at least, a second.
        receptor: Photoreceptors.
        pixels: Share of each pixel in what each photoreceptor sees.
    """

    lattice: fly.Lattice
    matrix: csr_array
    bias: np.ndarray
    rate: np.ndarray
    receptor: np.ndarray
    pixels: np.ndarray

    @property
    def types(self) -> np.ndarray:
        """Name of each neuron's type."""
        return np.array(self.lattice.types, dtype=object)[self.lattice.neuron_type]

    def inside(self, extent: int) -> np.ndarray:
        """Neurons of columns at most `extent` columns from the central one."""
        u, v = self.lattice.u, self.lattice.v
        return np.flatnonzero(np.maximum.reduce([np.abs(u), np.abs(v), np.abs(u + v)]) <= extent)

    def table(self, neurons: np.ndarray) -> pd.DataFrame:
        """unit_id, name, cell_type, u, v, x, y of neurons; places in distances between columns."""
        u, v = self.lattice.u[neurons], self.lattice.v[neurons]
        x, y = fly.on_eye(u, v)
        names = np.array(fly.names_of(self.lattice), dtype=object)[neurons]
        return pd.DataFrame({"unit_id": neurons + 1, "name": names, "cell_type": self.types[neurons], "u": u, "v": v, "x": x, "y": y})

    def watch(self, films: np.ndarray, neurons: np.ndarray) -> np.ndarray:
        """Potentials [films, neurons, frames] at the end of each frame; films [films, frames, height, width] of 0 to 255.

        tau dV/dt = -V + bias + sum of weight x max(V, 0) + light, by Euler steps. Source: Lappalainen et al. 2024,
        doi:10.1038/s41586-024-07939-3. Light changes linearly from frame to frame.
        """
        parts = [self._watch(films[at : at + TOGETHER], neurons) for at in range(0, len(films), TOGETHER)]
        return np.concatenate(parts)

    def light(self, films: Float[np.ndarray, "films frames height width"], dt_s: float) -> Float[np.ndarray, "films steps receptors"]:
        """Intensity that each photoreceptor sees, 0 to 1, at the end of every step from grey on; it changes linearly from frame to frame.

        Args:
            films: Films of 0 to 255 at 30 Hz.
            dt_s: Seconds a step.
        """
        seen = films.reshape(*films.shape[:2], -1) @ self.pixels.T / 255
        seen = np.concatenate([np.full_like(seen[:, :1], GREY), seen], axis=1)
        at = np.arange(1, int(films.shape[1] / FRAME_RATE_HZ / dt_s + 1e-9) + 1) * dt_s * FRAME_RATE_HZ
        before = np.minimum(at.astype(np.int64), films.shape[1] - 1)
        share = (at - before)[:, None]
        return np.asarray((1 - share) * seen[:, before] + share * seen[:, before + 1], dtype=np.float32)

    def follow(
        self,
        light: Float[np.ndarray, "films steps receptors"],
        dt_s: float,
        neurons: Int[np.ndarray, " neurons"],
        start: Float[np.ndarray, " all"],
        current: Float[np.ndarray, "films steps all"] | None = None,
    ) -> Float[np.ndarray, "films steps neurons"]:
        """Potentials at the end of each step under light that is constant in a step.

        Args:
            light: Intensity that each photoreceptor sees.
            dt_s: Seconds a step, of Euler steps no longer than those of `watch`.
            neurons: Numbers of the neurons that are looked at.
            start: Potential of every neuron before the first step, such as `at_rest`.
            current: What is put into every neuron beside light, constant in a step too; None is nothing.
        """
        inner = int(np.ceil(dt_s * FRAME_RATE_HZ * STEPS - 1e-9))
        state = np.repeat(start[:, None], len(light), axis=1)
        out = np.empty((*light.shape[:2], len(neurons)), dtype=np.float32)
        for step in range(light.shape[1]):
            put = 0.0 if current is None else current[:, step].T
            for _ in range(inner):
                state = self._step(state, light[:, step].T, inner / dt_s, put)
            out[:, step] = state[neurons].T
        return out

    def without(self, gone: Bool[np.ndarray, " neurons"]) -> Eye:
        """The network in which some neurons tell others nothing.

        Args:
            gone: Which neurons are silenced.
        """
        return replace(self, matrix=csr_array(self.matrix.multiply(np.where(gone, 0, 1).astype(np.float32)[None, :])))

    def at_rest(self) -> np.ndarray:
        """Potential of each neuron after two seconds of grey."""
        return self._rest(1)[:, 0]

    def _rest(self, n_films: int) -> np.ndarray:
        state = np.repeat(self.bias[:, None], n_films, axis=1).astype(np.float32)
        grey = np.full((len(self.receptor), n_films), GREY, dtype=np.float32)
        for _ in range(round(REST_S * FRAME_RATE_HZ) * STEPS):
            state = self._step(state, grey)
        return state

    def _watch(self, films: np.ndarray, neurons: np.ndarray) -> np.ndarray:
        light = films.reshape(*films.shape[:2], -1) @ self.pixels.T / 255  # films, frames, photoreceptors
        state, before = self._rest(len(films)), np.full((len(self.receptor), len(films)), GREY, dtype=np.float32)
        out = np.empty((len(films), len(neurons), films.shape[1]), dtype=np.float32)
        for frame in range(films.shape[1]):
            after = light[:, frame].T.astype(np.float32)
            for step in range(1, STEPS + 1):
                state = self._step(state, before + (after - before) * (step / STEPS))
            before = after
            out[:, :, frame] = state[neurons].T
        return out

    def _step(
        self, state: np.ndarray, light: np.ndarray, rate_hz: float = FRAME_RATE_HZ * STEPS, current: np.ndarray | float = 0.0
    ) -> np.ndarray:
        change = self.matrix @ np.maximum(state, 0) - state + self.bias[:, None] + current
        change[self.receptor] += light
        return state + change * (self.rate[:, None] / np.float32(rate_hz))


def eye(network: int | None, extent: int) -> Eye:
    """One of the fifty trained networks, or the network that they were before training.

    Args:
        network: Its number, 0 to 49; None is untrained.
        extent: Columns from the central one to the edge.
    """
    arrays = fly.read_arrays()
    lattice = fly.lattice_of(extent, arrays)
    of = untrained(arrays) if network is None else {name: arrays[name][network].astype(np.float64) for name in NUMBERS}
    weight = (arrays["pair_sign"] * of["strength"])[lattice.pair] * lattice.n_synapses
    n = len(lattice.u)
    matrix = csr_array((weight.astype(np.float32), (lattice.target, lattice.source)), shape=(n, n))
    types = np.array(lattice.types, dtype=object)[lattice.neuron_type]
    receptor = np.flatnonzero(np.isin(types, RECEPTORS))
    bias, time_constant = of["bias"][lattice.neuron_type], of["time_const_s"][lattice.neuron_type]
    rate = 1 / np.maximum(time_constant, 1 / (FRAME_RATE_HZ * STEPS))
    return Eye(lattice, matrix, bias.astype(np.float32), rate.astype(np.float32), receptor, _pixels(lattice, receptor))


def untrained(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    """Numbers with which training begins: resting potentials .5 +- .05, 50 ms, strengths of .01 over a pair's mean number of synapses.

    Source: the settings of flyvis 1.2.0.
    """
    n_types, pairs = len(arrays["type"]), arrays["group_pair"]
    synapses = np.bincount(pairs, arrays["group_n_syn"]) / np.bincount(pairs)
    bias = rng_for(0, "resting potentials").normal(0.5, 0.05, n_types)
    return {"bias": bias, "time_const_s": np.full(n_types, 0.05), "strength": 0.01 / synapses}


def _pixels(lattice: fly.Lattice, receptor: np.ndarray) -> np.ndarray:
    """Gaussian acceptance of each photoreceptor over the pixels of the screen, which sums to 1; the central column sees the middle."""
    x, y = fly.on_eye(lattice.u[receptor], lattice.v[receptor])
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].reshape(2, -1)
    right, up = (columns - (WIDTH - 1) / 2) / COLUMN_PX, ((HEIGHT - 1) / 2 - rows) / COLUMN_PX
    distance = (right - x[:, None]) ** 2 + (up - y[:, None]) ** 2
    seen = np.exp(-distance / (2 * ACCEPTANCE**2))
    return (seen / seen.sum(1, keepdims=True)).astype(np.float32)
