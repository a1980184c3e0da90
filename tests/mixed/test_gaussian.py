"""Claims: a Gaussian model is the exact linear mixed model, by maximum and by restricted likelihood, in any units."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from graphtwin.mixed import NotConverged, anova, check_residuals, slopes
from graphtwin.mixed import fit as fit_mixed

SLOPES = "y ~ x + kind + (1 + x | group)"
CROSSED = "y ~ x + kind + (1 | group) + (1 | item)"


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    group, item, x = rng.integers(0, 30, 600), rng.integers(0, 12, 600), rng.normal(size=600)
    kind = np.array(["a", "b"])[rng.integers(0, 2, 600)]
    mean = 3.0 + 1.2 * x + (kind == "b") + rng.normal(0, 1.0, 30)[group] + rng.normal(0, 0.6, 30)[group] * x + rng.normal(0, 0.8, 12)[item]
    return pd.DataFrame({"y": rng.normal(mean, 0.7), "x": x, "kind": kind, "group": group, "item": item})


@pytest.mark.parametrize("reml", [False, True])
def test_random_slopes_are_those_of_statsmodels(table, reml):
    reference = smf.mixedlm("y ~ x + kind", table, groups="group", re_formula="~x").fit(reml=reml, method="lbfgs")
    fit = fit_mixed(SLOPES, table, "gaussian", reml=reml)
    assert fit.log_likelihood == pytest.approx(reference.llf, abs=1e-6)
    np.testing.assert_allclose(
        [fit.contrast({name: 1.0})["estimate"] for name in ("Intercept", "x", "kind[T.b]")],
        reference.fe_params[["Intercept", "x", "kind[T.b]"]],
        atol=1e-4,
    )
    sd = fit.groupings[0].sd
    np.testing.assert_allclose(np.outer(sd, sd) * fit.groupings[0].correlation, reference.cov_re, atol=1e-3)
    assert fit.shape["sigma"] ** 2 == pytest.approx(reference.scale, rel=1e-3)


@pytest.mark.parametrize("reml", [False, True])
def test_crossed_effects_have_the_likelihood_of_dense_matrices(table, reml):
    fit = fit_mixed(CROSSED, table, "gaussian", reml=reml)
    names = [fit.names.index(name) for name in ("Intercept", "x", "kind[T.b]")]
    columns = np.column_stack([np.ones(600), table["x"], table["kind"] == "b"])
    indicator = {name: pd.get_dummies(table[name]).to_numpy(np.float64) for name in ("group", "item")}

    def log_likelihood(sd_group, sd_item, sigma):
        covariance = sigma**2 * np.eye(600) + sum(
            sd**2 * one @ one.T for sd, one in ((sd_group, indicator["group"]), (sd_item, indicator["item"]))
        )
        solved = np.linalg.solve(covariance, columns)
        information = columns.T @ solved
        beta = np.linalg.solve(information, solved.T @ table["y"])
        left = table["y"] - columns @ beta
        value = -0.5 * (np.linalg.slogdet(covariance)[1] + left @ np.linalg.solve(covariance, left) + 600 * np.log(2 * np.pi))
        value -= 0.5 * (np.linalg.slogdet(information)[1] - 3 * np.log(2 * np.pi)) if reml else 0.0
        return value, beta

    at = [fit.grouping("group").sd[0], fit.grouping("item").sd[0], fit.shape["sigma"]]
    value, beta = log_likelihood(*at)
    assert fit.log_likelihood == pytest.approx(value, abs=1e-7)
    np.testing.assert_allclose(fit.estimate[names], beta, atol=1e-6)
    for j in range(3):
        for factor in (0.99, 1.01):
            assert log_likelihood(*(one * (factor if i == j else 1.0) for i, one in enumerate(at)))[0] < value


@pytest.mark.parametrize("reml", [False, True])
def test_without_random_effects_it_is_least_squares(table, reml):
    fit, reference = fit_mixed("y ~ x + kind", table, "gaussian", reml=reml), smf.ols("y ~ x + kind", table).fit()
    np.testing.assert_allclose(fit.estimate, reference.params[list(fit.names)], atol=1e-9)
    freedom = reference.df_resid if reml else 600
    assert fit.shape["sigma"] == pytest.approx(np.sqrt(reference.ssr / freedom), rel=1e-7)
    np.testing.assert_allclose(fit.se, reference.bse[list(fit.names)] * np.sqrt(reference.df_resid / freedom), rtol=1e-6)


@pytest.mark.parametrize(("unit", "origin"), [(1e-9, 0.0), (1e9, 0.0), (1.0, 1e6)])
def test_units_and_origin_of_the_response_change_nothing_else(table, unit, origin):
    one, other = (fit_mixed(CROSSED, frame, "gaussian", reml=True) for frame in (table, table.assign(y=origin + unit * table["y"])))
    assert other.log_likelihood + (600 - 3) * np.log(unit) == pytest.approx(one.log_likelihood, abs=1e-6)
    j = one.names.index("x")
    assert other.estimate[j] / unit == pytest.approx(one.estimate[j], rel=1e-6)
    assert other.se[j] / unit == pytest.approx(one.se[j], rel=1e-6)
    assert other.groupings[0].sd[0] / unit == pytest.approx(one.groupings[0].sd[0], rel=1e-5)


def test_an_offset_is_taken_from_the_response(table):
    shifted = table.assign(known=10.0 * table["x"] ** 2)
    one = fit_mixed(SLOPES, table, "gaussian")
    other = fit_mixed(SLOPES.replace("kind", "kind + offset(known)"), shifted.assign(y=table["y"] + shifted["known"]), "gaussian")
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(other.estimate, one.estimate, atol=1e-6)


def test_predictions_slopes_draws_and_checks_are_on_the_scale_of_the_response(table):
    fit = fit_mixed(SLOPES, table, "gaussian")
    assert slopes(fit, "x")["estimate"].iloc[0] == fit.estimate[fit.names.index("x")]
    one = {"Intercept": np.ones(600), "x": table["x"], "kind[T.b]": table["kind"] == "b"}
    np.testing.assert_allclose(
        fit.predict(table.assign(group=-1), unseen="average"), np.column_stack([one[name] for name in fit.names]) @ fit.estimate
    )
    drawn = fit.simulate(1, 0, table)[0]
    assert np.std(drawn - fit.predict(table)) == pytest.approx(fit.shape["sigma"], rel=0.1)
    checked = check_residuals(fit, table, 0, n_simulations=60).set_index("check")
    assert list(checked.index) == ["uniformity", "dispersion"]
    assert (checked["p"] > 0.01).all()
    assert "identity link" in fit.summary()
    assert "Fixed effects (mean)" in fit.summary()
    assert "restricted log-likelihood" in fit_mixed(SLOPES, table, "gaussian", reml=True).summary()


def test_what_has_no_variance_or_cannot_tell_two_apart_is_refused(table):
    with pytest.raises(ValueError, match="y: 2 in all 600 rows"):
        fit_mixed(SLOPES, table.assign(y=2.0), "gaussian")
    with pytest.raises(ValueError, match="y: 1 infinite values among 600 rows"):
        fit_mixed(SLOPES, table.assign(y=table["y"].where(table.index > 0, np.inf)), "gaussian")
    with pytest.raises(ValueError, match="in all 600 rows the fixed effects reproduce it"):
        fit_mixed(SLOPES, table.assign(y=2.0 * table["x"]), "gaussian")
    with pytest.raises(NotConverged, match="sigma runs to 0: the model reproduces every response"):
        fit_mixed(SLOPES, table.assign(y=table["group"] % 7), "gaussian")
    with pytest.raises(ValueError, match="600 coefficients for 600 rows, so that their variance can't be told from the residual one"):
        fit_mixed("y ~ x + (1 | row)", table.assign(row=np.arange(600)), "gaussian")
    with pytest.raises(ValueError, match="reml: the restricted likelihood is that of family gaussian, and the family is gamma"):
        fit_mixed(SLOPES, table, "gamma", reml=True)
    with pytest.raises(ValueError, match=r"bias the gaussian family .* Take a random effect, \(1 \| group\)"):
        fit_mixed("y ~ x", table, "gaussian", absorb="group")


def test_restricted_likelihoods_of_other_fixed_effects_are_not_compared(table):
    fit = fit_mixed(SLOPES, table, "gaussian", reml=True)
    with pytest.raises(ValueError, match="profile: restricted likelihoods of models with other fixed effects can't be compared"):
        fit.conf_int(method="profile")
    with pytest.raises(ValueError, match="anova: restricted likelihoods of models with other fixed effects can't be compared"):
        anova(fit_mixed("y ~ x + (1 + x | group)", table, "gaussian", reml=True), fit)
    found = anova(fit_mixed("y ~ x + kind + (1 | group)", table, "gaussian", reml=True), fit)  # of variances they are
    assert found["df"].iloc[1] == 2
    low, high = fit_mixed(SLOPES, table, "gaussian").conf_int(method="profile").loc["kind[T.b]"]
    assert low < fit.contrast({"kind[T.b]": 1.0})["estimate"] < high
