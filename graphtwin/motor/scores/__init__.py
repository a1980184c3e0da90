"""How well a circuit predicts what no fit has seen, beside every control, and what that says of its wiring."""

from graphtwin.motor.scores.differences import CIRCUIT, differences
from graphtwin.motor.scores.halves import CEILING, halves_of_responses
from graphtwin.motor.scores.measured import Predicted, measured, measured_lesions, measured_responses, predicted_by
from graphtwin.motor.scores.order_scores import QUESTION, Scores, conditions_of, draws_of, order_differences, scores_of, tabulated_orders
from graphtwin.motor.scores.order_verdict import SURE, fewest_permutations, order_verdict
from graphtwin.motor.scores.score import tabulated
from graphtwin.motor.scores.split import Split, split_stimulated, split_trials
from graphtwin.motor.scores.verdict import verdict

__all__ = [
    "CEILING",
    "CIRCUIT",
    "Predicted",
    "QUESTION",
    "SURE",
    "Scores",
    "Split",
    "conditions_of",
    "differences",
    "draws_of",
    "fewest_permutations",
    "halves_of_responses",
    "measured",
    "measured_lesions",
    "measured_responses",
    "order_differences",
    "order_verdict",
    "predicted_by",
    "scores_of",
    "split_stimulated",
    "split_trials",
    "tabulated",
    "tabulated_orders",
    "verdict",
]
