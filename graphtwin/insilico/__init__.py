"""In silico experiments: stimuli shown to a responder, and what its answers say of units."""

from graphtwin.insilico.gratings import TUNING, GratingConfig, GratingResponses, describe_gratings, measure_tuning
from graphtwin.insilico.responder import Responder, clip_responses
from graphtwin.insilico.signal_correlation import binned, correlation_blocks

__all__ = [
    "GratingConfig",
    "GratingResponses",
    "Responder",
    "TUNING",
    "binned",
    "clip_responses",
    "correlation_blocks",
    "describe_gratings",
    "measure_tuning",
]
