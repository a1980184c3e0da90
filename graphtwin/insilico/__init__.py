"""In silico experiments: stimuli shown to a responder, and what its answers say of units."""

from graphtwin.insilico.gratings import TUNING, GratingConfig, GratingResponses, describe_gratings, measure_tuning
from graphtwin.insilico.responders import (
    Described,
    DifferentiableResponder,
    Ensemble,
    Responder,
    State,
    SubprocessResponder,
    TorchResponder,
    checked,
    described,
    differentiable,
    require_differentiable,
    state_channels,
)
from graphtwin.insilico.signal_correlation import binned, clip_responses, correlation_blocks

__all__ = [
    "Ensemble",
    "SubprocessResponder",
    "TorchResponder",
    "checked",
    "Described",
    "DifferentiableResponder",
    "GratingConfig",
    "GratingResponses",
    "Responder",
    "State",
    "TUNING",
    "binned",
    "clip_responses",
    "correlation_blocks",
    "describe_gratings",
    "described",
    "differentiable",
    "measure_tuning",
    "require_differentiable",
    "state_channels",
]
