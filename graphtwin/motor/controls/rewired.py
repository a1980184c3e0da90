"""Rewired circuits: as many partners for every neuron, and other ones."""

from __future__ import annotations

from typing import Literal

import numpy as np

from graphtwin.motor.circuit import Circuit

Keep = Literal["degrees", "types", "distance"]


def rewired(circuit: Circuit, rng: np.random.Generator, keep: Keep = "degrees") -> Circuit:
    """The circuit with its edges exchanged."""
    raise NotImplementedError
