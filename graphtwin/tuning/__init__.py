"""What responses say of a unit, without torch: tuning curves, direction embeddings, and similarities of pairs."""

from graphtwin.tuning.animals import rows_of_animal
from graphtwin.tuning.basis import fit_basis
from graphtwin.tuning.curves import TOLD_BY_GRATINGS, VonMises, describe_tuning, direction_degrees, fit_von_mises, tuning_features
from graphtwin.tuning.embeddings import check_embeddings, embedding_columns, no_embeddings, normalise, require_varied, scan_labels
from graphtwin.tuning.features import features_as_embeddings, node_features
from graphtwin.tuning.leakage import FOLDS, scan_leakage
from graphtwin.tuning.learned import learn_embeddings
from graphtwin.tuning.noise import Noise
from graphtwin.tuning.permutation import permute_embeddings
from graphtwin.tuning.selection import ANY_COLUMNS, BasisConfig, are_directions, choose
from graphtwin.tuning.similarity import (
    FEWEST_SHARED,
    SIMILARITIES,
    add_similarities,
    feature_similarity,
    function_correlation,
    orientation_difference,
    rf_distance,
    signal_correlation,
    stacked,
    unit_vectors,
)
from graphtwin.tuning.twin_stamps import require_one_twin
from graphtwin.tuning.units import speaking_units

__all__ = [
    "ANY_COLUMNS",
    "BasisConfig",
    "FEWEST_SHARED",
    "FOLDS",
    "Noise",
    "SIMILARITIES",
    "TOLD_BY_GRATINGS",
    "VonMises",
    "add_similarities",
    "are_directions",
    "check_embeddings",
    "choose",
    "describe_tuning",
    "direction_degrees",
    "embedding_columns",
    "feature_similarity",
    "features_as_embeddings",
    "fit_basis",
    "fit_von_mises",
    "function_correlation",
    "learn_embeddings",
    "no_embeddings",
    "node_features",
    "normalise",
    "orientation_difference",
    "permute_embeddings",
    "require_one_twin",
    "require_varied",
    "rf_distance",
    "rows_of_animal",
    "scan_labels",
    "scan_leakage",
    "signal_correlation",
    "speaking_units",
    "stacked",
    "tuning_features",
    "unit_vectors",
]
