"""Fits of circuits: what strengths do what was recorded, how far fits agree, and what becomes of it when parts are removed."""

from graphtwin.motor.fitting.fit import fit_circuit, fit_networks, held_out_trials
from graphtwin.motor.fitting.fits import PLAIN, Fits, Simulated, answers, of_plain, plain, spread_of
from graphtwin.motor.fitting.fitted import Fitted, FittedCircuit, edge_places, lesioned, load_circuit
from graphtwin.motor.fitting.held_out_orders import Condition, Told, pairs_of, predict_orders
from graphtwin.motor.fitting.placed_orders import Placed, place_orders

__all__ = [
    "Condition",
    "PLAIN",
    "Placed",
    "Fits",
    "Fitted",
    "FittedCircuit",
    "Simulated",
    "Told",
    "answers",
    "edge_places",
    "fit_circuit",
    "fit_networks",
    "held_out_trials",
    "lesioned",
    "load_circuit",
    "of_plain",
    "pairs_of",
    "place_orders",
    "plain",
    "predict_orders",
    "spread_of",
]
