"""Circuits as data: neurons, signed synapses and gap junctions; trials of what went in and came out; responses; orders of recruitment."""

from graphtwin.motor.circuit.circuit import Circuit
from graphtwin.motor.circuit.of_source import circuit_of, exposure_of, trials_of
from graphtwin.motor.circuit.orders import Orders, homologues, orders_of
from graphtwin.motor.circuit.responses import Responses, responses_of
from graphtwin.motor.circuit.single_responses import SingleResponses, single_responses_of
from graphtwin.motor.circuit.trials import Trials

__all__ = [
    "Circuit",
    "Orders",
    "Responses",
    "SingleResponses",
    "Trials",
    "circuit_of",
    "exposure_of",
    "homologues",
    "orders_of",
    "responses_of",
    "single_responses_of",
    "trials_of",
]
