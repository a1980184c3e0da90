"""Claims: words follow the numbers, and too few permutations or an interval over 0 are never sold as a finding."""

import numpy as np
import pytest

from graphtwin.evaluation.verdicts import Comparison, comparison_of, judge, p_of_better


def compared(low, high, metric="auc", unit="1"):
    return Comparison("connectivity", "axon", metric, "graph model", "boosting", (low + high) / 2, low, high, 240, "axon", unit)


ENOUGH = {"observed": 0.9, "null": np.full(19, 0.88)}  # permutations that can reach p = 0.05, none as good


def test_an_interval_above_zero_that_permutations_confirm_is_a_gain_with_its_size():
    verdict = judge(compared(0.01, 0.02), **ENOUGH)
    assert verdict.p_value == 0.05
    assert verdict.finding == "adds"
    assert "connectivity: function adds to the prediction: AUC of graph model minus boosting is +0.015" in verdict.sentence
    assert "95 % interval +0.01 to +0.02, 240 axons" in verdict.sentence


def test_an_interval_over_zero_is_no_evidence_and_says_what_is_ruled_out():
    verdict = judge(compared(-0.01, 0.02))
    assert verdict.finding == "unclear"
    assert "no evidence that function adds anything" in verdict.sentence
    assert "a gain above 0.02 is unlikely" in verdict.sentence


def test_an_interval_below_zero_is_a_loss_except_where_lower_is_better():
    assert judge(compared(-0.02, -0.01)).finding == "harms"
    better = judge(compared(-9.0, -4.0, "median_absolute_error", "um"), observed=50.0, null=np.full(19, 60.0))
    assert better.finding == "adds"
    assert "-6.5 um" in better.sentence


def test_a_gain_that_permuted_function_also_has_is_unclear():
    verdict = judge(compared(0.01, 0.02), observed=0.90, null=np.full(20, 0.91))
    assert verdict.finding == "unclear"
    assert verdict.p_value == 1.0
    assert "permuting it does as well" in verdict.sentence


@pytest.mark.parametrize("n", [1, 5, 18])
def test_permutations_that_cannot_reach_the_level_test_nothing(n):
    verdict = judge(compared(0.01, 0.02), observed=0.9, null=np.full(n, 0.88))
    assert verdict.finding == "untested"
    assert verdict.p_value == pytest.approx(1 / (1 + n))
    assert f"{n} permutation{'s' if n > 1 else ''} cannot reach p = 0.05, at least 19 are needed" in verdict.sentence
    assert "adds to the prediction" not in verdict.sentence


def test_an_interval_without_permutations_is_no_finding_about_function_but_one_about_structure():
    verdict = judge(compared(0.01, 0.02))
    assert (verdict.finding, verdict.p_value) == ("untested", None)
    assert "cannot be tested, since no permutation was run for this model" in verdict.sentence
    assert judge(compared(0.01, 0.02), "structure").finding == "adds"


def test_permutations_that_change_nothing_test_nothing():
    verdict = judge(compared(0.01, 0.02), observed=0.9, null=np.full(50, 0.9))
    assert (verdict.finding, verdict.p_value) == ("untested", None)
    assert "permuting function never changes the prediction" in verdict.sentence


def test_few_permutations_veto_when_one_of_them_is_as_good():
    verdict = judge(compared(0.01, 0.02), observed=0.9, null=np.array([0.85, 0.86, 0.87, 0.88, 0.91]))
    assert verdict.finding == "unclear"
    assert judge(compared(0.01, 0.02), observed=0.083, null=np.full(5, 0.09)).finding == "unclear"


def test_an_undefined_interval_says_nothing_either_way():
    verdict = judge(compared(np.nan, np.nan))
    assert verdict.finding == "unclear"
    assert "cannot be said" in verdict.sentence


def test_the_better_side_is_the_lower_one_for_errors():
    assert p_of_better("auc", 9.0, np.zeros(19)) == 0.05
    assert p_of_better("log_loss", 1.0, np.full(19, 2.0)) == 0.05
    assert p_of_better("log_loss", 2.0, np.full(19, 1.0)) == 1.0


def test_an_unknown_value_on_the_real_data_is_never_a_finding():
    verdict = judge(compared(0.01, 0.02), observed=np.nan, null=np.full(20, 0.5))
    assert verdict.finding == "untested"
    assert "the prediction has no value where it was permuted" in verdict.sentence


def test_a_row_of_the_difference_table_becomes_a_comparison_and_another_row_does_not():
    row = {
        "task": "depth",
        "split": "neuron",
        "metric": "r2",
        "estimate": 0.1,
        "low": 0.0,
        "high": 0.2,
        "n_clusters": 9,
        "cluster": "neuron",
        "unit": "1",
    }
    found = comparison_of(row | {"model": "graph model - scan"}, "graph model", "scan")
    assert (found.first, found.second, found.difference) == ("graph model", "scan", 0.1)
    for other in ("ridge", "graph model - majority"):
        with pytest.raises(ValueError, match=f"'{other}' is no difference of 'graph model' and 'scan'"):
            comparison_of(row | {"model": other}, "graph model", "scan")


def test_a_verdict_carries_what_it_is_about_whatever_its_sentence_says():
    verdict = judge(compared(0.01, 0.02), "structure", what="what is called function elsewhere", **ENOUGH)
    assert (verdict.about, verdict.task, verdict.split, verdict.metric) == ("structure", "connectivity", "axon", "auc")
    assert (verdict.first, verdict.second) == ("graph model", "boosting")
