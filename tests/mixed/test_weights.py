"""Claims: a weight is how often a row counts, in every family; a row of weight 0 is not there."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import NotConverged
from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.families.counts import FAMILIES


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    group, item, x = rng.integers(0, 25, 900), rng.integers(0, 10, 900), rng.normal(size=900)
    rate = np.exp(0.6 + 0.5 * x + rng.normal(0, 0.5, 25)[group])
    counts = rng.poisson(rate * rng.gamma(2.0, 0.5, 900)) * (rng.random(900) < 0.75)
    return pd.DataFrame(
        {
            **dict.fromkeys(FAMILIES, counts),
            "tweedie": counts * rng.gamma(2.0, 0.4, 900),
            "gamma": rate * rng.gamma(2.0, 0.5, 900),
            "gaussian": rng.normal(np.log(rate), 0.8),
            "binomial": (rng.random(900) < rate / (1.0 + rate)).astype(int),
            "x": x,
            "group": group,
            "item": item,
            "times": rng.integers(0, 4, 900),
        }
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_of_weight_two_is_two_rows(table, family):
    again = table.loc[np.repeat(table.index, table["times"])]
    formula = f"{family} ~ x + (1 | group)"
    one, other = fit_mixed(formula, table, family, weights="times"), fit_mixed(formula, again, family)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(one.estimate, other.estimate, atol=1e-5)
    np.testing.assert_allclose(one.se, other.se, rtol=1e-4)
    assert list(one.shape.values()) == pytest.approx(list(other.shape.values()), rel=1e-4)
    assert one.notes[0] == f"{(table['times'] == 0).sum()} of 900 rows have weight 0 and are left out."


def test_weights_count_in_crossed_models_restricted_likelihoods_and_quadrature_too(table):
    again = table.loc[np.repeat(table.index, table["times"])]
    for formula, family, options in (
        ("poisson ~ x + (1 | group) + (1 | item)", "poisson", {}),
        ("gaussian ~ x + (1 | group) + (1 | item)", "gaussian", {"reml": True}),
        ("binomial ~ x + (1 | group)", "binomial", {"quadrature": 9}),
    ):
        one, other = fit_mixed(formula, table, family, weights="times", **options), fit_mixed(formula, again, family, **options)
        assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)
        np.testing.assert_allclose(one.estimate, other.estimate, atol=1e-5)


def test_rows_of_weight_zero_are_not_there(table):
    """Not even their response, their category or their group matters."""
    some = table["times"] > 0
    wild = table.assign(poisson=table["poisson"].where(some, -7), group=table["group"].where(some, 999))
    one, other = (fit_mixed("poisson ~ x + (1 | group)", frame, weights="times") for frame in (wild, table[some]))
    assert one.log_likelihood == other.log_likelihood
    np.testing.assert_array_equal(one.estimate, other.estimate)
    assert one.n_rows == some.sum()


def test_what_weights_of_zero_leave_is_judged_as_if_the_others_were_not_there(table):
    some = table["times"] > 0
    gaps = fit_mixed("poisson ~ x + (1 | group)", table.assign(x=table["x"].where(some)), weights="times")
    assert gaps.notes[0] == f"{(~some).sum()} of 900 rows have weight 0 and are left out."
    assert gaps.log_likelihood == fit_mixed("poisson ~ x + (1 | group)", table[some], weights="times").log_likelihood
    for kept, words in (
        (table["group"] == 3, "random effect of group: there is 1 group, and a variance between groups needs 2"),
        (table["poisson"] == 0, r"poisson: 0 in all \d+ rows. There is no rate to fit"),
    ):
        with pytest.raises(ValueError, match=words):
            fit_mixed("poisson ~ x + (1 | group)", table.assign(kept=kept.astype(float)), weights="kept")


def test_weights_so_small_that_no_row_counts_are_refused_in_a_short_number(table):
    with pytest.raises(NotConverged, match=r"the likelihood is flat by the intercept \(standard error \d\.\d+e\+\d+, in log rate"):
        fit_mixed("poisson ~ x + (1 | group)", table.assign(times=1e-300), weights="times")


def test_weights_of_one_change_nothing(table):
    one, other = fit_mixed("poisson ~ x + (1 | group)", table.assign(one=1.0), weights="one"), fit_mixed("poisson ~ x + (1 | group)", table)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(one.estimate, other.estimate, atol=1e-8)


def test_weights_that_say_nothing_are_refused(table):
    for values, words in (
        (-1.0 * table["times"], r"weights times: \d+ of 900 rows are below 0 or infinite"),
        (table["times"].astype(float).where(table.index > 3, np.inf), "weights times: 4 of 900 rows are below 0 or infinite"),
        (0 * table["times"], "weights times: 0 in all 900 rows. No row counts"),
        (table["times"].astype(float).where(table.index > 3), "column times: 4 of 900 rows have no value"),
    ):
        with pytest.raises(ValueError, match=words):
            fit_mixed("poisson ~ x + (1 | group)", table.assign(times=values), weights="times")
    with pytest.raises(ValueError, match=r"no column 'time'\. Did you mean 'times'"):
        fit_mixed("poisson ~ x + (1 | group)", table, weights="time")
