"""Fits of circuits: what strengths do what was recorded, how far fits agree, and what becomes of it when parts are removed."""

from graphtwin.motor.fit.fit import fit_circuit, fit_networks, held_out_trials
from graphtwin.motor.fit.fits import PLAIN, Fits, Simulated, answers, of_plain, plain, spread_of
from graphtwin.motor.fit.fitted import Fitted, FittedCircuit, edge_places, lesioned
from graphtwin.motor.fit.held_out_orders import Condition, Told, pairs_of, predict_orders
from graphtwin.motor.fit.placed_orders import Placed, place_orders

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
    "of_plain",
    "pairs_of",
    "place_orders",
    "plain",
    "predict_orders",
    "spread_of",
]
