"""Circuits of senses and motion, from a source to fits, scores, predictions and lesions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.pipeline.motor.ablation import ablate_run
    from graphtwin.pipeline.motor.held_out_scores import score_motor
    from graphtwin.pipeline.motor.in_silico import answering_circuit, load_responders
    from graphtwin.pipeline.motor.motor_job import run_motor
    from graphtwin.pipeline.motor.order_prediction import places_of, write_places
    from graphtwin.pipeline.motor.prediction import write_predicted
    from graphtwin.pipeline.motor.run_folder import asks_orders, load_fitted, require_first_predicts
    from graphtwin.pipeline.motor.settings import MotorRunConfig

__all__ = [
    "MotorRunConfig",
    "ablate_run",
    "answering_circuit",
    "asks_orders",
    "run_motor",
    "load_fitted",
    "load_responders",
    "places_of",
    "require_first_predicts",
    "score_motor",
    "write_places",
    "write_predicted",
]

__getattr__, __dir__ = public_names(
    __name__,
    {
        "MotorRunConfig": ("graphtwin.pipeline.motor.settings", "MotorRunConfig"),
        "ablate_run": ("graphtwin.pipeline.motor.ablation", "ablate_run"),
        "answering_circuit": ("graphtwin.pipeline.motor.in_silico", "answering_circuit"),
        "asks_orders": ("graphtwin.pipeline.motor.run_folder", "asks_orders"),
        "load_responders": ("graphtwin.pipeline.motor.in_silico", "load_responders"),
        "run_motor": ("graphtwin.pipeline.motor.motor_job", "run_motor"),
        "load_fitted": ("graphtwin.pipeline.motor.run_folder", "load_fitted"),
        "require_first_predicts": ("graphtwin.pipeline.motor.run_folder", "require_first_predicts"),
        "places_of": ("graphtwin.pipeline.motor.order_prediction", "places_of"),
        "write_places": ("graphtwin.pipeline.motor.order_prediction", "write_places"),
        "score_motor": ("graphtwin.pipeline.motor.held_out_scores", "score_motor"),
        "write_predicted": ("graphtwin.pipeline.motor.prediction", "write_predicted"),
    },
)
