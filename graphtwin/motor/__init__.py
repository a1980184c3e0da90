"""Circuits of senses and motion: from a wiring diagram to what neurons do next, what is lost with them, and what moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.motor.circuit import Circuit, Orders, Responses, Trials, circuit_of, orders_of, responses_of, trials_of
    from graphtwin.motor.fitting import FittedCircuit
    from graphtwin.motor.fitting import fit_circuit as fit
    from graphtwin.motor.fitting import load_circuit as load
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
    "fit",
    "lesions_of",
    "load",
    "orders_of",
    "rank_edges",
    "recruitment",
    "responses_of",
    "score_activity",
    "split_trials",
    "stimulate",
    "trials_of",
]

QUESTIONS = ("ablate", "lesions_of", "rank_edges", "recruitment", "score_activity", "stimulate")
CIRCUIT = ("Circuit", "Orders", "Responses", "Trials", "circuit_of", "orders_of", "responses_of", "trials_of")

__getattr__, __dir__ = public_names(
    __name__,
    {name: ("graphtwin.motor.circuit", name) for name in CIRCUIT}
    | {name: ("graphtwin.motor.questions", name) for name in QUESTIONS}
    | {
        "FittedCircuit": ("graphtwin.motor.fitting", "FittedCircuit"),
        "MotorConfig": ("graphtwin.motor.model", "MotorConfig"),
        "fit": ("graphtwin.motor.fitting", "fit_circuit"),
        "load": ("graphtwin.motor.fitting", "load_circuit"),
        "split_trials": ("graphtwin.motor.scores", "split_trials"),
    },
)
