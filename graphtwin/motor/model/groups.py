"""Which parameters are shared: edges by pairs of types, neurons by type; a neuron of unknown type shares nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphtwin.motor.circuit import Circuit
from graphtwin.motor.model.settings import MotorConfig
from graphtwin.shapes import Int


@dataclass(frozen=True)
class Groups:
    """Parameters that share a number.

    Attributes:
        names: Name of each parameter.
        of: The parameter of each edge (or gap junction, or neuron).
    """

    names: tuple[str, ...]
    of: Int[np.ndarray, " members"]


def neuron_groups(circuit: Circuit, config: MotorConfig) -> Groups:
    """Parameters of neurons."""
    return _grouped(_labels(circuit, config.neurons == "types"))


def edge_groups(circuit: Circuit, config: MotorConfig) -> Groups:
    """Parameters of chemical edges; types whose neurons have several signs have one a sign."""
    labels = _labels(circuit, config.weights == "types")
    of_sign = np.array(["?", "+", "-"], dtype=object)[circuit.edge_sign]
    return _grouped(_pairs(labels[circuit.pre] + (of_sign if config.weights == "types" else ""), labels[circuit.post], " -> "))


def gap_groups(circuit: Circuit, config: MotorConfig) -> Groups:
    """Parameters of gap junctions."""
    labels = _labels(circuit, config.weights == "types")
    a, b = labels[circuit.gap_a], labels[circuit.gap_b]
    return _grouped(_pairs(np.where(a < b, a, b), np.where(a < b, b, a), " -- "))


def _labels(circuit: Circuit, by_type: bool) -> np.ndarray:
    """Type of each neuron where it is known and asked for, else its name."""
    return np.array([(kind if by_type and kind else name) for name, kind in zip(circuit.names, circuit.types, strict=True)], dtype=object)


def _pairs(a: np.ndarray, b: np.ndarray, between: str) -> np.ndarray:
    """Names of pairs."""
    return a + between + b


def _grouped(labels: np.ndarray) -> Groups:
    """Parameters in the order in which they come."""
    of, names = pd.factorize(labels)
    return Groups(tuple(names), of.astype(np.int64))
