"""Whatever answers stimuli, behind one protocol: adapters for models of any kind, and what is looked at before their answers count."""

from graphtwin.insilico.responders.responder import (
    Described,
    DifferentiableResponder,
    Responder,
    State,
    described,
    differentiable,
    require_differentiable,
    state_channels,
)

__all__ = [
    "Described",
    "DifferentiableResponder",
    "Responder",
    "State",
    "described",
    "differentiable",
    "require_differentiable",
    "state_channels",
]
