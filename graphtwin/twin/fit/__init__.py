"""Training, what readouts have in common, and a fitted twin apart from its data."""

from graphtwin.twin.fit.ablations import PARTS
from graphtwin.twin.fit.animal_responder import AnimalResponder, responders
from graphtwin.twin.fit.fingerprint import stamps
from graphtwin.twin.fit.fitted_twin import FittedTwin, KnownAnimal, fitted_of, read_twin, untrained, write_twin
from graphtwin.twin.fit.foundation import Objective, Trained, optimisers, train_foundation
from graphtwin.twin.fit.gauge import reference_clip
from graphtwin.twin.fit.readout_embeddings import embed_units
from graphtwin.twin.fit.readout_information import expected_information, posterior_precision
from graphtwin.twin.fit.readout_prior import ReadoutEvidence, ReadoutPrior, evidence, posterior_means
from graphtwin.twin.fit.seen_clips import seen_as_declared, seen_by
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
    "responders",
    "seen_as_declared",
    "seen_by",
    "stamps",
    "train_foundation",
    "untrained",
    "write_twin",
]
