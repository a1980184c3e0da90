"""Claims: where 0 lies and what the unit is does not matter; a covariate far from 0 gives the fit of the centred one."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design import orthogonal, parse_formula, prepare
from graphtwin.mixed.design.moments import column_products
from graphtwin.mixed.families import family_named


def counts(seed=3, n=2000):
    rng = np.random.default_rng(seed)
    group, x, kind = rng.integers(0, 40, n), rng.normal(size=n), rng.choice(list("abc"), n)
    effect = rng.normal(0, 0.4, (40, 2)) @ np.array([[1.0, 0.4], [0.0, 0.5]])
    rate = 0.6 * np.exp(0.3 * x + effect[group, 0] + effect[group, 1] * x + 0.2 * (kind == "b"))
    return pd.DataFrame({"y": rng.poisson(rate), "x": x, "g": group, "k": kind, "h": np.arange(n) % 11})


FAR = [(2010.0, 5.0), (1.5e9, 1e7), (1.5e9, 1e3), (1.5e18, 1e12)]  # a year; seconds since 1970 in months and in an hour; nanoseconds


@pytest.mark.parametrize(("zero", "unit"), FAR)
@pytest.mark.parametrize(
    "formula", ["y ~ {} + (1 | g)", "y ~ {} * k + (1 | g)", "y ~ {0} + (1 + {0} | g)", "y ~ {0} + (1 + {0} | g) + (1 | h)"]
)
def test_a_covariate_far_from_zero_gives_the_centred_fit(formula, zero, unit):
    table = counts()
    table["t"] = zero + unit * table["x"]
    table["centred"] = (table["t"] - zero) / unit  # what rounding leaves of x
    far, near = fit_mixed(formula.format("t"), table), fit_mixed(formula.format("centred"), table)
    slopes = ["t" in name.split("[")[0].split(":") for name in far.names]
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(far.estimate[slopes] * unit, near.estimate[slopes], atol=1e-6)
    np.testing.assert_allclose(far.se[slopes] * unit, near.se[slopes], rtol=1e-6)
    np.testing.assert_allclose(far.predict(), near.predict(), rtol=1e-5)
    for one, other in zip(far.groupings, near.groupings, strict=True):
        scale = np.where(np.array(one.effects) == "t", unit, 1.0)
        np.testing.assert_allclose((one.covariance * np.outer(scale, scale))[-1, -1], other.covariance[-1, -1], rtol=1e-4)


def test_the_width_of_an_intercept_far_away_is_no_separation():
    """The calendar year of the handed case: the rate at year 0 could be anything, which says nothing of the slope."""
    rng = np.random.default_rng(3)
    n = 400
    group, year = rng.integers(0, 25, n), 2000 + rng.integers(0, 20, n)
    rate = 0.4 * np.exp(0.03 * (year - 2010) + rng.normal(0, 0.4, 25)[group])
    fit = fit_mixed("y ~ year + (1 | g)", pd.DataFrame({"y": rng.poisson(rate), "year": year, "g": group}))
    assert fit.se[0] > 10
    assert fit.se[1] == pytest.approx(0.01299, abs=1e-5)


def test_a_model_without_random_effects_is_that_of_statsmodels_at_any_zero():
    sm = pytest.importorskip("statsmodels.api")
    table = counts().assign(year=lambda t: 2010 + 5 * t["x"])
    fit = fit_mixed("y ~ year + k", table)
    columns = np.column_stack([np.ones(len(table)), table["k"] == "b", table["k"] == "c", table["year"] - 2010]).astype(float)
    reference = sm.GLM(table["y"].to_numpy(), columns, family=sm.families.Poisson()).fit(tol=1e-12)
    assert fit.log_likelihood == pytest.approx(reference.llf, abs=1e-8)
    by_name = fit.params, fit.bse
    np.testing.assert_allclose([one["year"] for one in by_name], [reference.params[3], reference.bse[3]], rtol=1e-6)
    np.testing.assert_allclose([one["k[T.c]"] for one in by_name], [reference.params[2], reference.bse[2]], rtol=1e-6)


def test_the_basis_that_is_fitted_has_orthogonal_columns_and_leads_back():
    table = counts().assign(t=lambda t: 1.5e9 + 1e3 * t["x"])
    ready = prepare(parse_formula("y ~ t * k + (1 + t | g)"), table, family_named("poisson"), None)
    basis = orthogonal(ready.design)
    products = column_products(basis.design, basis.design.fixed.weight) / len(table)
    np.testing.assert_allclose(products, np.eye(len(products)), atol=1e-8)
    within = column_products(basis.design, basis.design.inner.weight) / len(table)
    np.testing.assert_allclose(within, np.eye(2), atol=1e-8)
    np.testing.assert_allclose(ready.design.fixed.weight @ basis.fixed, basis.design.fixed.weight, rtol=1e-12)


def test_a_number_that_is_constant_but_for_rounding_is_still_refused():
    table = counts().assign(t=lambda t: 0.1 + 0.2 + 1e-17 * t["x"], u=1.5e9)
    for name in ("t", "u"):
        with pytest.raises(ValueError, match=f"{name} follows from Intercept. A number that is constant"):
            fit_mixed(f"y ~ {name} + (1 | g)", table)


def test_variances_of_uncorrelated_terms_are_those_at_the_zero_of_the_table():
    """(1 + t || g) is another model at another zero, as in lme4: the intercept's variance is that where t is 0."""
    table = counts().assign(t=lambda t: 5.0 + t["x"])
    shifted, centred = fit_mixed("y ~ t + (1 + t || g)", table), fit_mixed("y ~ x + (1 + x || g)", table)
    assert abs(shifted.log_likelihood - centred.log_likelihood) > 0.1
