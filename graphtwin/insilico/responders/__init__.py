"""Whatever answers stimuli, behind one protocol: adapters for models of any kind, and what is looked at before their answers count."""

from graphtwin.insilico.responders.answers import require_answers
from graphtwin.insilico.responders.checked import Checked, checked
from graphtwin.insilico.responders.ensemble import Ensemble
from graphtwin.insilico.responders.responder import (
    Described,
    DifferentiableResponder,
    Responder,
    State,
    described,
    differentiable,
    inputs_of,
    levels_of,
    require_differentiable,
    require_pictures_seen,
    state_channels,
)
from graphtwin.insilico.responders.subprocess_responder import SubprocessResponder
from graphtwin.insilico.responders.torch_responder import TorchResponder
from graphtwin.insilico.responders.unit_tables import placed_units, units_in

__all__ = [
    "Checked",
    "Described",
    "DifferentiableResponder",
    "Ensemble",
    "Responder",
    "State",
    "SubprocessResponder",
    "TorchResponder",
    "checked",
    "described",
    "differentiable",
    "inputs_of",
    "levels_of",
    "placed_units",
    "require_answers",
    "require_differentiable",
    "require_pictures_seen",
    "state_channels",
    "units_in",
]
