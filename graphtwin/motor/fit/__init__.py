"""Fits of circuits: what strengths do what was recorded, how far fits agree, and what becomes of it when parts are removed."""

from graphtwin.motor.fit.fit import fit_circuit, fit_networks, held_out_trials
from graphtwin.motor.fit.fits import PLAIN, Fits, Simulated, answers, of_plain, plain
from graphtwin.motor.fit.fitted import Fitted, FittedCircuit, edge_places, lesioned

__all__ = [
    "PLAIN",
    "Fits",
    "Fitted",
    "FittedCircuit",
    "Simulated",
    "answers",
    "edge_places",
    "fit_circuit",
    "fit_networks",
    "held_out_trials",
    "lesioned",
    "of_plain",
    "plain",
]
