"""What is asked of a fitted circuit: stimulated neurons, neurons never recorded, recruitment, lesions, and the edges that carry it."""

from graphtwin.motor.questions.ablation import Lesion, ablate, ablate_responses, changes, lesions_of
from graphtwin.motor.questions.edges import rank_edges
from graphtwin.motor.questions.recruitment import onsets, recruitment
from graphtwin.motor.questions.responses import ResponseConfig, noise_before, onsets_of, responses, stimulates
from graphtwin.motor.questions.stimulation import stimulate
from graphtwin.motor.questions.unrecorded import score_activity

__all__ = [
    "Lesion",
    "ResponseConfig",
    "ablate",
    "ablate_responses",
    "changes",
    "lesions_of",
    "noise_before",
    "onsets",
    "onsets_of",
    "rank_edges",
    "recruitment",
    "responses",
    "score_activity",
    "stimulate",
    "stimulates",
]
