"""The functional twin on files: train, transfer, score, predict, embed, and what is measured of it in silico."""

from graphtwin.twin.runs.ablated import ablate_twin
from graphtwin.twin.runs.answering import Answering, answering
from graphtwin.twin.runs.campaigns import campaign_twin
from graphtwin.twin.runs.certificates import Certificate, agree_twins, twins_in, write_certificate
from graphtwin.twin.runs.controls import ControlMade, control_twin
from graphtwin.twin.runs.correlations import CorrelateConfig, correlate_twin
from graphtwin.twin.runs.held_out_trials import Scored, held_out_tiers, score_predictions, score_twin
from graphtwin.twin.runs.in_silico import embed_twin
from graphtwin.twin.runs.measured import fields_twin, tune_twin
from graphtwin.twin.runs.next_stimuli import NextStimuli, next_stimuli
from graphtwin.twin.runs.optimisations import SetMade, optimise_twin
from graphtwin.twin.runs.shared import score_population
from graphtwin.twin.runs.trainings import fit_twin, fit_twins, places_of_seeds, transfer_twin
from graphtwin.twin.runs.twin_folder import FILE_NAME, load_twin
from graphtwin.twin.runs.video import read_video, write_prediction

__all__ = [
    "Answering",
    "Certificate",
    "ControlMade",
    "CorrelateConfig",
    "FILE_NAME",
    "NextStimuli",
    "Scored",
    "SetMade",
    "ablate_twin",
    "agree_twins",
    "answering",
    "campaign_twin",
    "control_twin",
    "correlate_twin",
    "embed_twin",
    "fields_twin",
    "held_out_tiers",
    "load_twin",
    "next_stimuli",
    "optimise_twin",
    "read_video",
    "score_population",
    "score_predictions",
    "score_twin",
    "places_of_seeds",
    "fit_twin",
    "fit_twins",
    "transfer_twin",
    "tune_twin",
    "twins_in",
    "write_certificate",
    "write_prediction",
]
