"""Claims: the likelihood ratio of nested models is that of statsmodels and glm, and models that can't be compared are refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphtwin.mixed import anova
from graphtwin.mixed import fit as fit_mixed


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    n = 600
    found = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n), "k": rng.choice(list("abc"), n), "g": rng.integers(0, 25, n)})
    return found.assign(y=rng.poisson(np.exp(0.2 * found["x"] + rng.normal(0, 0.4, 25)[found["g"]])), one=1.0)


def test_the_ratio_is_twice_the_difference_of_the_log_likelihoods(table):
    smaller, larger = fit_mixed("y ~ x + (1 | g)", table), fit_mixed("y ~ x * k + (1 | g)", table)
    found = anova(smaller, larger)
    chi2 = 2 * (larger.log_likelihood - smaller.log_likelihood)
    assert found["chi2"][1] == pytest.approx(chi2)
    assert (found["n_parameters"].tolist(), found["df"][1]) == ([3, 7], 4)
    assert found["p"][1] == pytest.approx(stats.chi2.sf(chi2, 4))
    assert found["aic"].tolist() == [smaller.aic, larger.aic]


def test_without_random_effects_it_is_the_difference_of_deviances(table):
    sm = pytest.importorskip("statsmodels.api")
    smf = pytest.importorskip("statsmodels.formula.api")
    poisson = sm.families.Poisson()
    deviance = [smf.glm(formula, table, family=poisson).fit(tol=1e-12).deviance for formula in ("y ~ x", "y ~ x + C(k)")]
    found = anova(fit_mixed("y ~ x", table), fit_mixed("y ~ x + k", table))
    assert found["chi2"][1] == pytest.approx(deviance[0] - deviance[1], abs=1e-8)


@pytest.mark.parametrize(
    ("smaller", "larger", "df"),
    [
        ("y ~ x", "y ~ x + (1 | g)", 1),
        ("y ~ x + (1 | g)", "y ~ x + (1 + x || g)", 1),
        ("y ~ x + (1 + x || g)", "y ~ x + (1 + x | g)", 1),
        ("y ~ x + (0 + x | g)", "y ~ x + (1 + x | g)", 2),
        ("y ~ 0 + k + (1 | g)", "y ~ x * k + (1 | g)", 3),
        ("y ~ k + (1 | g)", "y ~ 0 + k:z + k + (1 | g)", 3),
        ("y ~ x + (1 | g)", "y ~ x + (1 | g) + (1 | k)", 1),
    ],
)
def test_models_are_nested_whatever_their_contrasts(table, smaller, larger, df):
    assert anova(fit_mixed(smaller, table), fit_mixed(larger, table))["df"][1] == df


@pytest.mark.parametrize(
    ("smaller", "larger", "words"),
    [
        ("y ~ x + z + (1 | g)", "y ~ x * k + (1 | g)", "aren't nested: z of the first is no part of the second"),
        ("y ~ k + (1 | g)", "y ~ x * z + (1 | g)", "aren't nested: k of the first"),
        ("y ~ x:k + (1 | g)", "y ~ x + k + (1 | g)", r"aren't nested: x:k\[a\], x:k\[b\], x:k\[c\] of the first"),
        ("y ~ (1 | g)", "y ~ x + k", r"aren't nested: \(Intercept \| g\) of the first"),
        ("y ~ x + (1 + x | g)", "y ~ x + k + (1 + x || g)", r"aren't nested: \(x \| g\) of the first"),
        ("y ~ x + (1 | g)", "y ~ x + (1 | g)", "the second has 0 parameters more"),
        ("y ~ x + (1 | g)", "y ~ (1 | g)", "aren't nested: x of the first"),
        ("y ~ x + (1 | g)", "y ~ x + k + offset(one) + (1 | g)", r"have other offsets \(none, one\)"),
        ("x2 ~ x + (1 | g)", "y ~ x + k + (1 | g)", r"are of other rows \(600 of x2, 600 of y\)"),
    ],
)
def test_models_that_are_not_nested_are_refused_by_what_is_missing(table, smaller, larger, words):
    data = table.assign(x2=table["y"])
    with pytest.raises(ValueError, match=words):
        anova(fit_mixed(smaller, data), fit_mixed(larger, data))


def test_other_rows_and_families_are_refused(table):
    smaller, larger = "y ~ x + (1 | g)", "y ~ x + k + (1 | g)"
    with pytest.raises(ValueError, match=r"are of other rows \(599 of y, 600 of y\)"):
        anova(fit_mixed(smaller, table.iloc[1:]), fit_mixed(larger, table))
    with pytest.raises(ValueError, match=r"are of other rows \(600 of y, 600 of y\)"):
        anova(fit_mixed(smaller, table.iloc[::-1]), fit_mixed(larger, table))
    wide = table.assign(y=table["y"] * (1 + table["y"] % 4))
    with pytest.raises(ValueError, match=r"have other families \(poisson, negative_binomial\). Compare them by their AIC"):
        anova(fit_mixed(smaller, wide), fit_mixed(larger, wide, "negative_binomial"))
    with pytest.raises(ValueError, match=r"have other absorbed groups \(none, g\)"):
        anova(fit_mixed("y ~ x", table), fit_mixed("y ~ x + z", table, absorb="g"))


def test_no_effect_is_found_at_the_nominal_rate():
    """Sixty tables in which z does nothing, at 5 %: binomial 99.9 % interval."""
    rng, found = np.random.default_rng(5), []
    for _ in range(60):
        data = pd.DataFrame({"z": rng.normal(size=200), "g": np.arange(200) % 20})
        data["y"] = rng.poisson(np.exp(rng.normal(0, 0.5, 20)[data["g"]]))
        found.append(anova(fit_mixed("y ~ (1 | g)", data), fit_mixed("y ~ z + (1 | g)", data))["p"][1])
    low, high = stats.binom.interval(0.999, 60, 0.05)
    assert low <= np.sum(np.array(found) < 0.05) <= high
    assert stats.kstest(found, "uniform").pvalue > 1e-3
