"""Questions to a table of pairs, and the tables that answer them."""

from graphtwin.wiring.questions.all_similarities import GEOMETRY, together
from graphtwin.wiring.questions.analysis import analyse, fit_groups, measure_of
from graphtwin.wiring.questions.claims import FAMILIES, adjusted, agreed, claims, sentence
from graphtwin.wiring.questions.matched import axon_table, compare_with_matched, match_partners, permuted_differences, summarise
from graphtwin.wiring.questions.queried_pairs import ROBUST, WITH_GEOMETRY, Exposed, conditional_like_to_like
from graphtwin.wiring.questions.question import Answer, Question, Step
from graphtwin.wiring.questions.shared_input import common_input, compare

__all__ = [
    "Answer",
    "FAMILIES",
    "Exposed",
    "GEOMETRY",
    "Question",
    "ROBUST",
    "Step",
    "WITH_GEOMETRY",
    "adjusted",
    "agreed",
    "analyse",
    "axon_table",
    "claims",
    "common_input",
    "compare",
    "compare_with_matched",
    "conditional_like_to_like",
    "fit_groups",
    "match_partners",
    "measure_of",
    "permuted_differences",
    "sentence",
    "summarise",
    "together",
]
