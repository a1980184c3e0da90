"""Claims: replicates come back in order, whoever made them, nobody asks for none, and their p counts what it says."""

import numpy as np
import pytest

from graphtwin.statistics import holm, one_sided_p, replicate, two_sided_p


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_replicates_come_back_in_order(workers):
    assert replicate(lambda number: number**2, 203, workers, "squares") == [number**2 for number in range(203)]


def test_no_replicates_and_no_workers_are_refused():
    with pytest.raises(ValueError, match="squares: 0 replicates on 1 workers"):
        replicate(lambda number: number, 0, 1, "squares")


def test_p_counts_the_replicates_as_far_from_the_middle_on_either_side():
    null = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, -3.0])[:, None]
    assert two_sided_p(np.array([3.0]), null)[0] == 2 / 7
    assert two_sided_p(np.array([3.0]), 5 + null)[0] < 1
    assert two_sided_p(np.array([30.0]), null)[0] == 1 / 7


def test_a_replicate_that_differs_by_rounding_is_as_far():
    observed = np.array([1.234567890123, 0.0])
    null = np.vstack([np.tile(observed * (1 + 4e-16), (98, 1)), [[0.0, 1.0]]])
    assert two_sided_p(observed, null)[0] == 1
    assert two_sided_p(observed, null)[1] == 1


def test_a_null_that_never_changes_the_statistic_tests_nothing():
    observed = np.array([1.234567890123, 0.0])
    same = np.tile(observed * (1 + 4e-16), (99, 1))
    for p in (one_sided_p, two_sided_p):
        assert np.isnan(p(observed, same)).all()
        assert np.isfinite(p(observed, np.vstack([same, observed + 1]))).all()
        assert p(observed + 1, same)[1] == 0.01  # a null without spread still tells another value from its own


def test_a_replicate_without_a_statistic_is_no_evidence():
    null = np.array([-1.0, 1.0, np.nan, np.nan])[:, None]
    assert two_sided_p(np.array([30.0]), null)[0] == 3 / 5
    assert two_sided_p(np.array([30.0]), np.full((4, 1), np.nan))[0] == 1
    assert np.isnan(two_sided_p(np.array([np.nan]), null)[0])


def test_one_sided_p_counts_one_side_and_the_observed_one():
    null = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, -3.0])
    assert one_sided_p(1.0, null) == 3 / 7
    assert one_sided_p(1.0, null, "less") == 6 / 7
    assert one_sided_p(30.0, null) == 1 / 7
    assert one_sided_p(-30.0, null, "less") == 1 / 7


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_one_sided_p_takes_rounding_and_the_unknown_for_no_evidence(alternative):
    away = -9.0 if alternative == "greater" else 9.0
    assert one_sided_p(1.234567890123, np.r_[away, np.full(8, 1.234567890123 * (1 + 4e-16))], alternative) == 0.9
    assert one_sided_p(1.234567890123, np.r_[away, np.full(8, 1.234567890123 * (1 - 4e-16))], alternative) == 0.9
    assert one_sided_p(0.0, np.full(4, np.nan), alternative) == 1
    assert np.isnan(one_sided_p(np.nan, np.zeros(4), alternative))


def test_p_values_are_uniform_without_an_effect_and_never_zero():
    draws = np.random.default_rng(0).normal(size=(20, 4000))
    for p in (one_sided_p(draws[0], draws[1:]), one_sided_p(draws[0], draws[1:], "less"), two_sided_p(draws[0], draws[1:])):
        assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.012)
        assert p.min() == 0.05


def test_groups_are_tested_each_on_its_own():
    rng = np.random.default_rng(1)
    observed, null = rng.normal(size=5), rng.normal(size=(30, 5))
    for p in (one_sided_p, two_sided_p):
        np.testing.assert_array_equal(p(observed, null), [p(observed[g], null[:, g]) for g in range(5)])


def test_holm_multiplies_the_smallest_p_by_all_tests_and_leaves_what_was_not_tested():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    with_gap = holm(np.array([0.01, np.nan, 0.04, 0.03, 0.9]))
    assert with_gap[[0, 2, 3, 4]] == pytest.approx([0.04, 0.09, 0.09, 0.9])
    assert np.isnan(with_gap[1])
