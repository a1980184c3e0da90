"""How well a circuit predicts what no fit has seen, beside every control, and what that says of its wiring."""

from graphtwin.motor.scores.differences import CIRCUIT, differences
from graphtwin.motor.scores.measured import Predicted, measured, measured_lesions, measured_responses, predicted_by
from graphtwin.motor.scores.score import tabulated
from graphtwin.motor.scores.split import Split, split_stimulated, split_trials
from graphtwin.motor.scores.verdict import verdict

__all__ = [
    "CIRCUIT",
    "Predicted",
    "Split",
    "differences",
    "measured",
    "measured_lesions",
    "measured_responses",
    "predicted_by",
    "split_stimulated",
    "split_trials",
    "tabulated",
    "verdict",
]
