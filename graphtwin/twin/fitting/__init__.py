"""Training, what readouts have in common, and a fitted twin apart from its data."""

from graphtwin.twin.fitting.ablations import PARTS
from graphtwin.twin.fitting.animal_responder import AnimalResponder, responders
from graphtwin.twin.fitting.fingerprint import stamps
from graphtwin.twin.fitting.fitted_twin import FittedTwin, KnownAnimal, fitted_of, read_twin, require_video, untrained, write_twin
from graphtwin.twin.fitting.foundation import Objective, Trained, optimisers, train_foundation
from graphtwin.twin.fitting.gauge import reference_clip
from graphtwin.twin.fitting.readout_embeddings import embed_units
from graphtwin.twin.fitting.readout_information import expected_information, posterior_precision
from graphtwin.twin.fitting.readout_prior import ReadoutEvidence, ReadoutPrior, evidence, posterior_means
from graphtwin.twin.fitting.seen_clips import seen_as_declared, seen_by
from graphtwin.twin.settings import FoundationConfig

__all__ = [
    "PARTS",
    "AnimalResponder",
    "FittedTwin",
    "FoundationConfig",
    "KnownAnimal",
    "Objective",
    "ReadoutEvidence",
    "ReadoutPrior",
    "Trained",
    "embed_units",
    "evidence",
    "expected_information",
    "fitted_of",
    "optimisers",
    "posterior_means",
    "posterior_precision",
    "read_twin",
    "reference_clip",
    "require_video",
    "responders",
    "seen_as_declared",
    "seen_by",
    "stamps",
    "train_foundation",
    "untrained",
    "write_twin",
]
