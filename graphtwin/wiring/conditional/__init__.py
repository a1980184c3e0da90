"""Which candidates of an axon got its synapses: conditional fits, their errors, and rules made of them."""

from graphtwin.wiring.conditional.axon_bootstrap import (
    Bootstrap,
    bootstrap_axons,
    bootstrap_axons_and_targets,
    leave_one_axon_out,
    two_way_errors,
)
from graphtwin.wiring.conditional.conditional_fit import (
    ConditionalFit,
    block_sums,
    clustered_errors,
    fit_conditional,
    require_fitted,
    solve,
)
from graphtwin.wiring.conditional.held_out_axons import DISTANCE_ALONE, L_D_ALONE, Hypothesis, compare_held_out, held_out_scores
from graphtwin.wiring.conditional.rao_score import ScoreTest, expected_synapses, score_parts, score_test
from graphtwin.wiring.conditional.wiring_rule import Term, WiringRule, draw_synapse_counts, fit_rule, load_rule
from graphtwin.wiring.conditional.within_axon import rank_within_axons, summarise_ranking

__all__ = [
    "Bootstrap",
    "ConditionalFit",
    "DISTANCE_ALONE",
    "Hypothesis",
    "L_D_ALONE",
    "ScoreTest",
    "Term",
    "WiringRule",
    "block_sums",
    "bootstrap_axons",
    "bootstrap_axons_and_targets",
    "clustered_errors",
    "compare_held_out",
    "draw_synapse_counts",
    "expected_synapses",
    "fit_conditional",
    "fit_rule",
    "held_out_scores",
    "leave_one_axon_out",
    "load_rule",
    "rank_within_axons",
    "require_fitted",
    "score_parts",
    "score_test",
    "solve",
    "summarise_ranking",
    "two_way_errors",
]
