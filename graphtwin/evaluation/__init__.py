"""Predictions against held-out anatomy: splits, metrics with intervals, baselines, verdicts in words."""

from graphtwin.evaluation.ceiling_shares import ceiling_shares, rank_models
from graphtwin.evaluation.headline import EVERY, WITHIN_EXPOSURE, headline_subset
from graphtwin.evaluation.metrics import confusion_counts, interval_coverage, median_absolute_error
from graphtwin.evaluation.neuron_baselines import (
    LabelModel,
    NeuronSide,
    PositionModel,
    fit_label_baseline,
    fit_position_baseline,
    predict_position,
)
from graphtwin.evaluation.neuron_stacking import LabelStack, PlaceStack, fit_label_stack, fit_place_stack
from graphtwin.evaluation.pair_baselines import (
    N_NEGATIVES,
    DrawnPairs,
    PairModel,
    baseline_features,
    boosting,
    draw_pairs,
    fit_pair_baseline,
    thinned_to_true,
)
from graphtwin.evaluation.ranking import order_among, rank_pairs, resampled_ranking
from graphtwin.evaluation.scoring import ScoreDesign, Scores, falling_orders, score_labels, score_pairs, score_positions
from graphtwin.evaluation.splits import folds_by_axon, folds_by_block, folds_by_neuron, folds_by_scan, tile_side_um, tiles
from graphtwin.evaluation.stacking import Stack, fit_stack
from graphtwin.evaluation.tree_ensemble import TreeEnsemble
from graphtwin.evaluation.verdicts import (
    FEWEST_PERMUTATIONS,
    LEVEL,
    LOWER_IS_BETTER,
    About,
    Finding,
    Verdict,
    comparison_of,
    judge,
    p_of_better,
)

__all__ = [
    "About",
    "DrawnPairs",
    "EVERY",
    "FEWEST_PERMUTATIONS",
    "Finding",
    "LEVEL",
    "LOWER_IS_BETTER",
    "LabelModel",
    "LabelStack",
    "N_NEGATIVES",
    "NeuronSide",
    "PairModel",
    "PlaceStack",
    "PositionModel",
    "ScoreDesign",
    "Scores",
    "Stack",
    "TreeEnsemble",
    "Verdict",
    "WITHIN_EXPOSURE",
    "baseline_features",
    "boosting",
    "ceiling_shares",
    "comparison_of",
    "confusion_counts",
    "draw_pairs",
    "falling_orders",
    "fit_label_baseline",
    "fit_label_stack",
    "fit_pair_baseline",
    "fit_place_stack",
    "fit_position_baseline",
    "fit_stack",
    "folds_by_axon",
    "folds_by_block",
    "folds_by_neuron",
    "folds_by_scan",
    "headline_subset",
    "interval_coverage",
    "judge",
    "median_absolute_error",
    "p_of_better",
    "predict_position",
    "rank_models",
    "order_among",
    "rank_pairs",
    "resampled_ranking",
    "score_labels",
    "score_pairs",
    "score_positions",
    "thinned_to_true",
    "tile_side_um",
    "tiles",
]
