"""Types found, not given: modes of the density of embeddings, mixtures of normals, and their agreement with known types."""

from graphtwin.clusters.found_types import FoundTypes, TypesConfig, principal, types_in
from graphtwin.clusters.known_types import CLASSIFIER, FEWEST, K_MEANS, agreement_with_known

__all__ = ["CLASSIFIER", "FEWEST", "FoundTypes", "K_MEANS", "TypesConfig", "agreement_with_known", "types_in", "principal"]
