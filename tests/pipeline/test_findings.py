"""Claims: a verdict compares with the best model that lacks what is asked about, and a rule needs three tests that agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.evaluation.scoring import COLUMNS
from graphtwin.graph.runs import FROM_FUNCTION, FUNCTION_NETWORK, GRAPH_MODEL, NO_FUNCTION, WITHOUT_MESSAGES
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
    assert (under_boosting.finding, under_boosting.second) == ("unclear", "boosting")
    assert "no evidence that function adds anything" in under_boosting.sentence
    under_both = about_function(verdicts(*connectivity(boosting=0.4, without=0.35), permuted))
    assert (under_both.finding, under_both.second) == ("harms", "boosting")
    assert "with function the prediction is worse than the best without it" in under_both.sentence


def test_where_the_stack_is_distance_alone_in_new_tissue_the_verdict_says_so():
    nothing = nulls("connectivity", GRAPH_MODEL, PERMUTED, "average_precision", 0.30, np.zeros(0))
    metrics = rows("connectivity", "block", "average_precision", {GRAPH_MODEL: 0.2, WITHOUT_MESSAGES: 0.2})
    apart = rows("connectivity", "block", "average_precision", {f"{GRAPH_MODEL} - {WITHOUT_MESSAGES}": 0.0}, half=0.0)
    (verdict,) = verdicts(metrics, apart, nothing)
    assert (verdict.finding, verdict.split) == ("untested", "block")
    assert "the graph model is distance alone there" in verdict.sentence


def test_the_graph_model_is_held_against_the_best_of_its_baselines_whichever_that_is():
    permuted = nulls("connectivity", GRAPH_MODEL, PERMUTED, "average_precision", 0.30, np.full(19, 0.2))
    metrics, differences = connectivity(boosting=0.2, without=0.25)
    exposure = rows("connectivity", "axon", "average_precision", {"exposure": 0.4})
    under = rows("connectivity", "axon", "average_precision", {f"{GRAPH_MODEL} - exposure": -0.1})
    found = verdicts(pd.concat([metrics, exposure]), pd.concat([differences, under]), permuted)
    assert [(verdict.second, verdict.finding) for verdict in found if verdict.about == "structure"] == [("exposure", "harms")]
    (over,) = [verdict for verdict in verdicts(metrics, differences, permuted) if verdict.about == "structure"]
    assert (over.second, over.finding) == ("boosting", "adds")


def test_too_few_permutations_leave_function_untested_however_far_above_the_majority_it_is():
    metric = "balanced_accuracy_within_scan"
    metrics = rows("layer", "neuron", metric, {FROM_FUNCTION: 0.6, "scan alone": 0.5, "majority": 0.5})
    differences = rows("layer", "neuron", metric, {f"{FROM_FUNCTION} - scan alone": 0.1, f"{FROM_FUNCTION} - majority": 0.1})
    few, enough = (nulls("layer", FUNCTION_NETWORK, PERMUTED_IN_SCAN, metric, 0.6, np.full(n, 0.5)) for n in (18, 19))
    (untested,), (adds,) = (verdicts(metrics, differences, permuted) for permuted in (few, enough))
    assert (untested.finding, adds.finding) == ("untested", "adds")
    assert untested.second == "scan alone"  # of equals that which knows more
    assert "with function permuted that of network alone, function is 0.5 on average against 0.6" in adds.sentence


def test_a_tuned_baseline_without_permutations_is_never_said_to_show_function():
    metrics = rows("connectivity", "axon", "average_precision", {"boosting + tuning": 0.3, "boosting": 0.2})
    differences = rows("connectivity", "axon", "average_precision", {"boosting + tuning - boosting": 0.1})
    (found,) = verdicts(metrics, differences, nulls("connectivity", GRAPH_MODEL, PERMUTED, "auc", 0.3, np.zeros(0)))
    assert found.finding == "untested"
    assert "no permutation was run for this model" in found.sentence


def slopes(*p: tuple[float, float, float]) -> pd.DataFrame:
    """Robust slopes with p, p_spatial and p_adj, beside those with geometry, whose permutation had p .3."""
    robust = pd.DataFrame(p, columns=["p", "p_spatial", "p_adj"]).assign(model="robust", geometry="distance", note="", p_null=np.nan)
    robust = robust.assign(estimate=0.4, low=np.where(robust["p"] <= 0.05, 0.1, -0.1), high=0.8)
    robust = robust.assign(rate_ratio=1.2, rate_ratio_low=1.05, rate_ratio_high=1.4)
    table = pd.concat([robust, robust.assign(model="with geometry", p_spatial=np.nan, p_adj=np.nan, p_null=0.3)])
    return table.assign(similarity="signal_correlation", within="", materialization=[*range(1, len(p) + 1)] * 2).reset_index(drop=True)


def test_like_to_like_is_claimed_where_interval_spatial_null_and_correction_agree():
    (found,) = wiring_verdict(slopes((0.001, 0.01, 0.02), (0.001, 0.3, 0.6)))
    assert found.finding == "adds"
    assert "multiplies the rate of connection by 1.20 [1.05, 1.40] in 1" in found.sentence
    assert "in 2: equally smooth function would do as much (spatial null, p = 0.3)" in found.sentence
    assert "within scan and layer, p: signal_correlation at 1 0.3, signal_correlation at 2 0.3" in found.sentence


def test_like_to_like_says_within_which_exposure_it_is():
    table = slopes((0.001, 0.01, 0.02), (0.001, 0.3, 0.6))
    assert wiring_verdict(table)[0].sentence.startswith("like-to-like: With")
    table["within"] = "contact area"
    assert wiring_verdict(table)[0].sentence.startswith("like-to-like within exposure (contact area): With")
    table.loc[table["materialization"] == 2, "within"] = ""
    assert wiring_verdict(table)[0].sentence.startswith("like-to-like within exposure (contact area), and over all pairs at 2: With")


@pytest.mark.parametrize("p", [(0.2, 0.01, 0.3), (0.01, 0.2, 0.3), (0.03, 0.03, 0.06)])
def test_no_rule_is_claimed_where_one_of_three_does_not_agree(p):
    assert wiring_verdict(slopes(p))[0].finding == "unclear"


def test_a_rule_without_a_spatial_null_is_untested_and_a_missing_slope_has_its_reason():
    assert wiring_verdict(slopes((0.001, np.nan, 0.01)))[0].finding == "untested"
    missing = slopes((0.001, 0.01, 0.02), (0.001, 0.01, 0.02))
    second = (missing["model"] == "robust") & (missing["materialization"] == 2)
    missing.loc[second, ["estimate", "low", "high", "p", "p_spatial", "p_adj"]] = np.nan
    missing.loc[second, "note"] = "the axons share no target."
    assert "in 2: the axons share no target" in wiring_verdict(missing)[0].sentence
    assert wiring_verdict(pd.DataFrame()) == []


def test_what_could_not_be_permuted_is_counted():
    assert "1 could not be permuted" in wiring_verdict(slopes((0.001, 0.01, 0.02)).assign(p_null=np.nan))[0].sentence
