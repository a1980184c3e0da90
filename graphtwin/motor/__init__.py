"""Circuits of senses and motion: from a wiring diagram to what neurons do next, what is lost with them, and what moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.motor.circuit import Circuit, Orders, Responses, Trials, circuit_of, orders_of, responses_of, trials_of
    from graphtwin.motor.fit import FittedCircuit, fit_circuit
    from graphtwin.motor.model import MotorConfig
    from graphtwin.motor.questions import ablate, lesions_of, rank_edges, recruitment, score_activity, stimulate  # type: ignore[no-redef]
    from graphtwin.motor.scores import split_trials

__all__ = [
    "Circuit",
    "FittedCircuit",
    "MotorConfig",
    "Orders",
    "Responses",
    "Trials",
    "ablate",
    "circuit_of",
    "fit_circuit",
    "lesions_of",
    "orders_of",
    "rank_edges",
    "recruitment",
    "responses_of",
    "score_activity",
    "split_trials",
    "stimulate",
    "trials_of",
]

ROOMS = {"FittedCircuit": "fit", "fit_circuit": "fit", "MotorConfig": "model", "split_trials": "scores"}
ROOMS |= dict.fromkeys(("ablate", "lesions_of", "rank_edges", "recruitment", "score_activity", "stimulate"), "questions")

__getattr__ = public_names(__name__, {name: (f"{__name__}.{ROOMS.get(name, 'circuit')}", name) for name in __all__})
