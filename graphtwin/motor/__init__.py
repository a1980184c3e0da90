"""Circuits of senses and motion: from a wiring diagram to what neurons do next, what is lost with them, and what moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphtwin.public import public_names

if TYPE_CHECKING:
    from graphtwin.motor.circuit import Circuit, Trials, circuit_of, trials_of

__all__ = ["Circuit", "Trials", "circuit_of", "trials_of"]

__getattr__ = public_names(__name__, {name: ("graphtwin.motor.circuit", name) for name in __all__})
