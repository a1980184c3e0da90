"""Circuits as data: neurons, signed synapses and gap junctions, and trials of what went in, what neurons did and what came out."""

from graphtwin.motor.circuit.circuit import Circuit
from graphtwin.motor.circuit.of_source import circuit_of, exposure_of, trials_of
from graphtwin.motor.circuit.trials import Trials

__all__ = ["Circuit", "Trials", "circuit_of", "exposure_of", "trials_of"]
