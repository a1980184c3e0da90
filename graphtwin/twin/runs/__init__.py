"""The functional twin on files: train, transfer, score, predict, embed."""

from graphtwin.twin.runs.held_out_trials import Scored, held_out_tiers, score_predictions, score_twin
from graphtwin.twin.runs.in_silico import correlate_twin, embed_twin, tune_twin
from graphtwin.twin.runs.shared import score_population
from graphtwin.twin.runs.trainings import train_twin, transfer_twin
from graphtwin.twin.runs.twin_folder import load_twin
from graphtwin.twin.runs.video import predict_video, read_video

__all__ = [
    "Scored",
    "correlate_twin",
    "embed_twin",
    "held_out_tiers",
    "load_twin",
    "predict_video",
    "read_video",
    "score_population",
    "score_predictions",
    "score_twin",
    "train_twin",
    "transfer_twin",
    "tune_twin",
]
