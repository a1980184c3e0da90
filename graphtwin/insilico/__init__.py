"""In silico experiments: stimuli shown to a responder, and what its answers say of units."""

from graphtwin.insilico.measurements import (
    TUNING,
    GratingConfig,
    GratingResponses,
    binned,
    clip_responses,
    correlation_blocks,
    describe_gratings,
    measure_tuning,
)
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

__all__ = [
    "Described",
    "DifferentiableResponder",
    "Ensemble",
    "GratingConfig",
    "GratingResponses",
    "Responder",
    "State",
    "SubprocessResponder",
    "TUNING",
    "TorchResponder",
    "binned",
    "checked",
    "clip_responses",
    "correlation_blocks",
    "describe_gratings",
    "described",
    "differentiable",
    "measure_tuning",
    "require_differentiable",
    "state_channels",
]
