"""The dynamics of a circuit: a network of neurons whose states go on step by step along its edges, and gradients back through time."""

from graphtwin.motor.model.dynamics import Dynamics
from graphtwin.motor.model.input_kernels import COUNTS, Inputs, cosine, inputs_of, kernels_of, number_kernels
from graphtwin.motor.model.network import CircuitNetwork, Scales
from graphtwin.motor.model.settings import MotorConfig, PriorConfig
from graphtwin.motor.model.simulate import answer, columns_of, stream, windows

__all__ = [
    "COUNTS",
    "CircuitNetwork",
    "Dynamics",
    "Inputs",
    "MotorConfig",
    "PriorConfig",
    "Scales",
    "answer",
    "columns_of",
    "cosine",
    "inputs_of",
    "kernels_of",
    "number_kernels",
    "stream",
    "windows",
]
