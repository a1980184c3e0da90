"""Claims: a verdict compares with the best model that lacks what is asked about, and names tests that disagree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.evaluation.scoring import COLUMNS
from graphtwin.graph.runs import FROM_FUNCTION, GRAPH_MODEL, NO_FUNCTION
from graphtwin.pipeline.graph.findings import verdicts, wiring_verdict
from graphtwin.pipeline.graph.held_out_scores import PERMUTED, PERMUTED_IN_SCAN


def rows(task: str, split: str, metric: str, found: dict[str, float], half: float = 0.01) -> pd.DataFrame:
    cluster = "axon" if split == "axon" else "neuron"
    values = [(task, split, name, "all", metric, "1", one, one - half, one + half, 900, 90, cluster) for name, one in found.items()]
    return pd.DataFrame(values, columns=COLUMNS)


def nulls(task: str, model: str, null: str, metric: str, observed: float, permuted: np.ndarray) -> pd.DataFrame:
    columns = {"task": task, "model": model, "null": null, "replicate": range(len(permuted)), "metric": metric}
    return pd.DataFrame(columns | {"estimate": permuted, "observed": observed})


def connectivity(boosting: float, without: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Average precision of models, the graph model's being 0.30, and its differences to them."""
    others = {NO_FUNCTION: without, "boosting": boosting, "logistic": 0.1, "distance": 0.05}
    metrics = rows("connectivity", "axon", "average_precision", {GRAPH_MODEL: 0.30, **others})
    apart = {f"{GRAPH_MODEL} - {name}": 0.30 - value for name, value in others.items()}
    return metrics, rows("connectivity", "axon", "average_precision", apart)


def about_function(found):
    return next(verdict for verdict in found if verdict.first == GRAPH_MODEL and verdict.about == "function")


def test_function_is_compared_with_the_best_model_without_it():
    permuted = nulls("connectivity", GRAPH_MODEL, PERMUTED, "average_precision", 0.30, np.full(19, 0.2))
    over_its_twin = about_function(verdicts(*connectivity(boosting=0.2, without=0.25), permuted))
    assert (over_its_twin.finding, over_its_twin.second) == ("adds", NO_FUNCTION)
    under_boosting = about_function(verdicts(*connectivity(boosting=0.4, without=0.25), permuted))
    assert (under_boosting.finding, under_boosting.second) == ("harms", "boosting")
    assert "with function the prediction is worse than the best without it" in under_boosting.sentence


def test_too_few_permutations_leave_function_untested_however_far_above_the_majority_it_is():
    metric = "balanced_accuracy_within_scan"
    metrics = rows("layer", "neuron", metric, {FROM_FUNCTION: 0.6, "scan alone": 0.5, "majority": 0.5})
    differences = rows("layer", "neuron", metric, {f"{FROM_FUNCTION} - scan alone": 0.1, f"{FROM_FUNCTION} - majority": 0.1})
    few, enough = (nulls("layer", FROM_FUNCTION, PERMUTED_IN_SCAN, metric, 0.6, np.full(n, 0.5)) for n in (18, 19))
    (untested,), (adds,) = (verdicts(metrics, differences, permuted) for permuted in (few, enough))
    assert (untested.finding, adds.finding) == ("untested", "adds")
    assert untested.second == "scan alone"  # of equals that which knows more


def test_a_tuned_baseline_without_permutations_is_never_said_to_show_function():
    metrics = rows("connectivity", "axon", "average_precision", {"boosting + tuning": 0.3, "boosting": 0.2})
    differences = rows("connectivity", "axon", "average_precision", {"boosting + tuning - boosting": 0.1})
    (found,) = verdicts(metrics, differences, nulls("connectivity", GRAPH_MODEL, PERMUTED, "auc", 0.3, np.zeros(0)))
    assert found.finding == "untested"
    assert "no permutation was run for this model" in found.sentence


def slopes(*p: tuple[float, float]) -> pd.DataFrame:
    held = pd.DataFrame({"p": [one for one, _ in p], "p_null": [null for _, null in p], "model": "with geometry"})
    table = held.assign(similarity="signal_correlation", materialization=np.arange(len(p)) + 1)
    return pd.concat([table, table.assign(model="alone", p=1e-9, p_null=np.nan)])


def test_an_error_over_axons_and_a_permutation_that_disagree_are_both_named():
    (found,) = wiring_verdict(slopes((0.0024, 0.79), (0.4, 0.5)))
    assert found.finding == "unclear"
    assert "0 of 2 slopes" in found.sentence
    assert "they disagree for signal correlation at 1 (0.0024 and 0.79), where the permutation counts" in found.sentence


def test_like_to_like_needs_both_tests_and_says_what_could_not_be_permuted():
    assert wiring_verdict(slopes((0.001, 0.01)))[0].finding == "adds"
    assert "disagree" not in wiring_verdict(slopes((0.001, 0.01)))[0].sentence
    (untested,) = wiring_verdict(slopes((0.001, np.nan)))
    assert untested.finding == "untested"
    assert "1 could not be permuted" in untested.sentence
    assert wiring_verdict(pd.DataFrame()) == []
