"""Claims: log odds are those of logistic regression and of trials taken one by one; what separates successes has no result."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import special

from graphtwin.mixed import NotConverged, check_residuals, slopes
from graphtwin.mixed import fit as fit_mixed


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    group, x = rng.integers(0, 40, 1500), rng.normal(size=1500)
    kind = np.array(["a", "b"])[rng.integers(0, 2, 1500)]
    odds = special.expit(-0.6 + 0.8 * x - 0.5 * (kind == "b") * x + rng.normal(0, 0.8, 40)[group])
    n = rng.integers(1, 7, 1500)
    hit, hits = (rng.random(1500) < odds).astype(int), rng.binomial(n, odds)
    return pd.DataFrame({"hit": hit, "hits": hits, "n": n, "x": x, "kind": kind, "group": group})


def test_without_random_effects_it_is_logistic_regression(table):
    fit, reference = fit_mixed("hit ~ x + kind", table, "binomial"), smf.logit("hit ~ x + kind", table).fit(disp=False)
    assert fit.log_likelihood == pytest.approx(reference.llf, abs=1e-8)
    np.testing.assert_allclose(fit.estimate, reference.params[list(fit.names)], atol=1e-7)
    np.testing.assert_allclose(fit.se, reference.bse[list(fit.names)], rtol=1e-5)


def test_successes_among_trials_are_those_of_a_generalised_linear_model(table):
    columns = sm.add_constant(table["x"])
    reference = sm.GLM(np.column_stack([table["hits"], table["n"] - table["hits"]]), columns, sm.families.Binomial()).fit(tol=1e-12)
    fit = fit_mixed("hits ~ x", table, "binomial", trials="n")
    assert fit.log_likelihood == pytest.approx(reference.llf, abs=1e-7)
    np.testing.assert_allclose(fit.estimate, reference.params, atol=1e-7)


@pytest.mark.parametrize("random", ["(1 + x | group)", "(1 | group) + (1 | kind)"])
def test_trials_taken_one_by_one_give_the_same_model(table, random):
    """The likelihoods differ by the binomial coefficients alone."""
    rows = np.repeat(np.arange(len(table)), table["n"])
    place = np.concatenate([np.arange(n) for n in table["n"]])
    single = table.iloc[rows].assign(hit=(place < table["hits"].to_numpy()[rows]).astype(int))
    together = fit_mixed(f"hits ~ x + {random}", table, "binomial", trials="n")
    apart = fit_mixed(f"hit ~ x + {random}", single, "binomial")
    ways = np.log(special.comb(table["n"], table["hits"])).sum()
    assert together.log_likelihood - ways == pytest.approx(apart.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(together.estimate, apart.estimate, atol=1e-5)
    np.testing.assert_allclose(together.se, apart.se, rtol=1e-4)


def test_expected_successes_are_trials_times_odds_and_new_groups_are_averaged_over(table):
    fit = fit_mixed("hits ~ x * kind + (1 | group)", table, "binomial", trials="n")
    strangers = table.assign(group=-1)
    eta = np.column_stack([np.ones(1500), table["kind"] == "b", table["x"], (table["kind"] == "b") * table["x"]])
    order = [fit.names.index(name) for name in ("Intercept", "kind[T.b]", "x", "x:kind[T.b]")]
    nodes = np.linspace(-8.0, 8.0, 4001)
    weights = np.exp(-0.5 * nodes**2) / np.exp(-0.5 * nodes**2).sum()
    odds = special.expit((eta @ fit.estimate[order])[:, None] + fit.groupings[0].sd[0] * nodes) @ weights
    np.testing.assert_allclose(fit.predict(strangers, unseen="average"), table["n"] * odds, rtol=1e-7)
    found = slopes(fit, "x", "kind").set_index("group")["estimate"]
    assert found["b"] - found["a"] == pytest.approx(fit.contrast({"x:kind[T.b]": 1.0})["estimate"])
    drawn = fit.simulate(1, 0, table, new_groups=True)[0]
    assert ((drawn >= 0) & (drawn <= table["n"])).all()
    checked = check_residuals(fit, table, 0, n_simulations=60).set_index("check")
    assert (checked["p"] > 0.01).all()
    assert "Fixed effects (log odds)" in fit.summary()


def test_a_response_that_is_no_success_is_refused(table):
    with pytest.raises(ValueError, match=r"hits: \d+ of 1500 rows have other values\. .* needs 0 or 1; name the column of trials"):
        fit_mixed("hits ~ x + (1 | group)", table, "binomial")
    with pytest.raises(ValueError, match=r"hits: \d+ of 1500 rows have other values\. .* needs whole numbers from 0 to n"):
        fit_mixed("hits ~ x + (1 | group)", table.assign(hits=table["hits"] + 1), "binomial", trials="n")
    with pytest.raises(ValueError, match=r"trials n: \d+ of 1500 rows have no whole number of 1 or more"):
        fit_mixed("hits ~ x + (1 | group)", table.assign(n=table["n"] - 1), "binomial", trials="n")
    with pytest.raises(ValueError, match="trials n: the poisson family has none"):
        fit_mixed("hits ~ x + (1 | group)", table, trials="n")
    with pytest.raises(ValueError, match="hit: all trials succeed in all 1500 rows"):
        fit_mixed("hit ~ x + (1 | group)", table.assign(hit=1), "binomial")
    with pytest.raises(ValueError, match=r"bias the binomial family .* Take a random effect"):
        fit_mixed("hit ~ x", table, "binomial", absorb="group")


@pytest.mark.parametrize(("alike", "words"), [(0, "^hit: 0 in all rows of kind b"), (1, "trials without success in hit: 0 in all rows of")])
def test_a_category_whose_responses_are_all_alike_is_separation(table, alike, words):
    with pytest.raises(ValueError, match=words):
        fit_mixed("hit ~ x + kind + (1 | group)", table.assign(hit=table["hit"].where(table["kind"] == "a", alike)), "binomial")


def test_a_number_or_groups_that_tell_successes_apart_have_no_maximum(table):
    z = np.where(table["hit"] == 1, 1.0 + np.arange(1500) % 7, 0.0)
    with pytest.raises(NotConverged, match=r"by z .* lie at one end of it \(separation\)"):
        fit_mixed("hit ~ x + z + (1 | group)", table.assign(z=z), "binomial")
    with pytest.raises(NotConverged, match=r"the log odds by x.* grow without end"):  # in one kind alone
        fit_mixed(
            "hit ~ x * kind + (1 | group)", table.assign(hit=np.where(table["kind"] == "a", table["hit"], table["x"] > 0)), "binomial"
        )
    with pytest.raises(NotConverged, match="the log odds differ between groups of group without end"):
        fit_mixed("hit ~ x + (1 | group)", table.assign(hit=table["group"] % 2), "binomial")
