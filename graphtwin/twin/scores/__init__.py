"""How well a twin predicts held-out responses."""

from graphtwin.twin.scores.generalisation import draws, median_of, score_kinds, stimuli_of
from graphtwin.twin.scores.prediction import predict_trials, stimuli_together, sums_of
from graphtwin.twin.scores.unit_scores import LEFT_OUT_S, StimulusSums, all_scores, score_units

__all__ = [
    "LEFT_OUT_S",
    "StimulusSums",
    "all_scores",
    "draws",
    "median_of",
    "predict_trials",
    "score_kinds",
    "score_units",
    "stimuli_of",
    "stimuli_together",
    "sums_of",
]
