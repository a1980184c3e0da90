"""Claims: a Gaussian model's fixed effects have Satterthwaite's degrees of freedom, those of lmerTest, and Student's t."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from graphtwin.mixed import compare_mundlak, load, slopes
from graphtwin.mixed import fit as fit_mixed

REFERENCE = json.loads((Path(__file__).parent / "fixtures" / "degrees_lmerTest.json").read_text())


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(REFERENCE["table"])


@pytest.mark.parametrize("case", REFERENCE["fits"], ids=lambda case: f"{case['formula']} {'reml' if case['reml'] else 'ml'}")
def test_degrees_are_those_of_lmertest(table, case):
    found = fit_mixed(case["formula"], table, "gaussian", reml=case["reml"]).to_frame()
    np.testing.assert_allclose(found["estimate"], case["estimate"], rtol=2e-4)
    np.testing.assert_allclose(found["df"], case["df"], rtol=2e-4)
    # lmerTest's errors take the variances as known; ours are from the information about all parameters, as glmmTMB's are
    np.testing.assert_allclose(found["se"], case["se"], rtol=0.03)
    assert (found["se"] > 0.9999 * np.array(case["se"])).all()


def test_t_df_p_and_interval_belong_together(table):
    found = fit_mixed("y ~ x + z + (1 | g)", table, "gaussian", reml=True).to_frame(level=0.9)
    assert list(found) == ["effect", "estimate", "se", "t", "df", "p", "low", "high", "per_sd"]
    np.testing.assert_allclose(found["t"], found["estimate"] / found["se"])
    np.testing.assert_allclose(found["p"], 2 * stats.t.sf(np.abs(found["t"]), found["df"]))
    np.testing.assert_allclose(found["high"] - found["estimate"], stats.t.ppf(0.95, found["df"]) * found["se"])


@pytest.mark.parametrize("reml", [False, True])
def test_without_random_effects_it_is_the_t_test_of_least_squares(table, reml):
    fit, reference = fit_mixed("y ~ x + z", table, "gaussian", reml=reml).to_frame(), smf.ols("y ~ x + z", table).fit()
    np.testing.assert_allclose(fit["df"], reference.df_resid if reml else len(table), rtol=1e-5)
    if reml:
        np.testing.assert_allclose(fit["p"], reference.pvalues, rtol=1e-3)
        np.testing.assert_allclose(fit[["low", "high"]], reference.conf_int(), rtol=1e-4)


def test_a_balanced_effect_between_groups_has_groups_less_two_degrees():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(12), 10)
    balanced = pd.DataFrame({"group": group, "treated": group % 2, "y": rng.normal(size=12)[group] + rng.normal(size=120)})
    fit = fit_mixed("y ~ treated + (1 | group)", balanced, "gaussian", reml=True).to_frame().set_index("effect")
    means = balanced.groupby("group").mean()
    classical = stats.ttest_ind(means["y"][means["treated"] == 1], means["y"][means["treated"] == 0])
    assert fit.loc["treated", "df"] == pytest.approx(10, rel=1e-4)
    assert fit.loc["treated", "t"] == pytest.approx(classical.statistic, rel=1e-4)
    assert fit.loc["treated", "p"] == pytest.approx(classical.pvalue, rel=1e-3)


def test_degrees_do_not_depend_on_units_or_on_the_basis_of_a_category(table):
    one, other = (fit_mixed("y ~ x + z + (1 | g)", frame, "gaussian", reml=True) for frame in (table, table.assign(y=1e9 * table["y"])))
    np.testing.assert_allclose(other.to_frame()["df"], one.to_frame()["df"], rtol=1e-4)
    moved = fit_mixed("y ~ x + z + (1 | g)", table.assign(x=table["x"] + 5.0), "gaussian", reml=True)
    assert moved.contrast({"Intercept": 1.0, "x": 5.0})["df"] == pytest.approx(one.contrast({"Intercept": 1.0})["df"], rel=1e-4)


def test_other_families_keep_z_and_fields_too(table):
    counts = table.assign(y=np.random.default_rng(0).poisson(2.0, len(table)))
    assert list(fit_mixed("y ~ x + (1 | g)", counts).to_frame())[3] == "z"
    smooth = fit_mixed("y ~ x + field(z)", table.assign(z=np.linspace(0, 1, len(table))), "gaussian")
    assert list(smooth.to_frame())[3] == "z"


def test_a_stored_model_keeps_its_degrees_and_slopes_and_groups_have_them(table, tmp_path):
    fit = fit_mixed("y ~ x * h + z + (1 | g)", table, "gaussian", reml=True)
    read = load(fit.save(tmp_path / "fit.json"))
    pd.testing.assert_frame_equal(read.to_frame(), fit.to_frame())
    assert {"t", "df"} < set(slopes(fit, "x", "h"))
    assert "df" in fit.summary()
    compared = compare_mundlak("y ~ x + (1 | g)", table, "x", family="gaussian").table
    assert compared["df"].iloc[0] == table["g"].nunique() - 2
