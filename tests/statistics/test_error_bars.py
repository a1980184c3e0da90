"""Claims: a conformal width holds a new error as often as it says, also with few rows, and promises nothing with too few."""

import numpy as np
import pytest

from graphtwin.statistics import conformal_quantile


@pytest.mark.parametrize("n", [19, 20, 30, 99])
def test_a_new_error_lies_within_the_width_at_the_nominal_rate_and_within_the_plain_quantile_less_often(n):
    error = np.random.default_rng(n).exponential(size=(n, 40_000))
    new = np.random.default_rng(1).exponential(size=40_000)
    covered = np.mean(new <= conformal_quantile(error))
    rank = np.ceil((n + 1) * 0.95 - 1e-9)
    assert covered == pytest.approx(rank / (n + 1), abs=0.005)  # exact for any continuous error: .950 to .968 here
    assert covered >= 0.945
    assert np.mean(new <= np.quantile(error, 0.95, axis=0)) < covered


def test_the_width_is_the_error_of_the_rank_that_counts_the_new_one():
    error = np.arange(1.0, 101.0)[:, None]
    assert conformal_quantile(error[:19])[0] == 19  # (19 + 1) x .95 = 19: the largest
    assert conformal_quantile(error[:39])[0] == 38
    assert conformal_quantile(error[:99])[0] == 95
    assert conformal_quantile(error)[0] == 96


@pytest.mark.parametrize("n", [0, 1, 18])
def test_too_few_errors_give_no_width(n):
    assert np.isnan(conformal_quantile(np.ones((n, 2)))).all()
