"""Claims: quadrature is the integral over the random effect, one point of it is Laplace's, and its gradient is exact."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design.design import build_design
from graphtwin.mixed.design.formula import parse_formula
from graphtwin.mixed.families.counts import FAMILIES
from graphtwin.mixed.likelihood.laplace import evaluate
from graphtwin.mixed.likelihood.one_factor import OneFactor
from graphtwin.mixed.likelihood.quadrature import Quadrature
from tests.mixed.test_laplace import INNER, small_table


@pytest.fixture(scope="module")
def table():
    """Few rows a group, where Laplace's approximation is worst."""
    rng = np.random.default_rng(0)
    group, x = np.repeat(np.arange(80), 4), rng.normal(size=320)
    odds = special.expit(0.3 + 0.7 * x + rng.normal(0, 1.5, 80)[group])
    return pd.DataFrame({"hit": (rng.random(320) < odds).astype(int), "n": rng.poisson(odds), "x": x, "group": group})


def integral(table, logpmf, beta, sd):
    """The log-likelihood, each group's integral by adaptive quadrature over the random intercept."""
    total = 0.0
    for _, rows in table.groupby("group"):
        eta = beta[0] + beta[1] * rows["x"].to_numpy()

        def density(b, rows=rows, eta=eta):
            return np.exp(logpmf(rows, eta + sd * b).sum()) * stats.norm.pdf(b)

        total += np.log(integrate.quad(density, -9.0, 9.0, epsabs=0.0, epsrel=1e-11, limit=200, points=[-1.0, 0.0, 1.0])[0])
    return total


@pytest.mark.parametrize(
    ("formula", "family", "logpmf"),
    [
        ("hit ~ x + (1 | group)", "binomial", lambda rows, eta: stats.bernoulli.logpmf(rows["hit"], special.expit(eta))),
        ("n ~ x + (1 | group)", "poisson", lambda rows, eta: stats.poisson.logpmf(rows["n"], np.exp(eta))),
    ],
)
def test_many_points_are_the_integral(table, formula, family, logpmf):
    fit = fit_mixed(formula, table, family, quadrature=31)
    beta, sd = fit.estimate, fit.groupings[0].sd[0]
    top = integral(table, logpmf, beta, sd)
    assert fit.log_likelihood == pytest.approx(top, abs=1e-6)
    for j in range(2):
        for sign in (1.0, -1.0):  # a step of a tenth of a standard error costs 0.005
            moved = beta + sign * 0.1 * fit.se[j] * np.eye(2)[j]
            assert integral(table, logpmf, moved, sd) < top - 0.001
    if family == "binomial":
        laplace = fit_mixed(formula, table, family)
        assert abs(laplace.groupings[0].sd[0] - sd) > 0.02  # what quadrature is for


def test_more_points_come_closer(table):
    found = [fit_mixed("hit ~ x + (1 | group)", table, "binomial", quadrature=n).log_likelihood for n in (1, 3, 7, 15, 40)]
    errors = np.abs(np.array(found[:-1]) - found[-1])
    assert (np.diff(errors) < 0).all()
    assert errors[-1] < 1e-5


def test_one_point_is_laplace(table):
    crossed = table.assign(item=np.arange(320) % 7)  # where more points are refused
    for formula in ("hit ~ x + (1 | group)", "hit ~ x + (1 + x | group) + (1 | item)", "hit ~ x"):
        one, laplace = fit_mixed(formula, crossed, "binomial", quadrature=1), fit_mixed(formula, crossed, "binomial")
        assert one.estimate.tolist() == laplace.estimate.tolist()
    one, laplace = (fit_mixed("hit ~ x + (1 | group)", table, "binomial", **options) for options in ({"quadrature": 1}, {}))
    assert one.log_likelihood == laplace.log_likelihood
    np.testing.assert_array_equal(one.covariance, laplace.covariance)
    model, vector = OneFactor(build_design(parse_formula("hit ~ x + (1 | group)"), table), FAMILIES["binomial"]), np.array([0.2, 0.6, 1.1])
    added, slope = Quadrature(1)(evaluate(model, lambda inner: (0.0, np.zeros(0)), vector, np.zeros(80)).point)
    assert added == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(slope, 0.0, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("random", ["(1 | pre)", "(0 + x | pre:proj)"])
def test_the_gradient_is_that_of_the_integral(name, random):
    table, family = small_table(name), FAMILIES[name]
    design = build_design(parse_formula(f"y ~ x * proj + offset(log(l_d)) + {random}"), table)
    model, normaliser, beyond, h = OneFactor(design, family), family.normaliser(design.y), Quadrature(5), 1e-5
    vector = np.r_[0.3, 0.5, -0.4, 0.1, 0.6, INNER[name]]
    here = evaluate(model, normaliser, vector, np.zeros(model.n_modes), beyond)
    for j, step in enumerate(h * np.eye(len(vector))):
        up, down = (evaluate(model, normaliser, vector + sign * step, here.point.modes, beyond).value for sign in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(here.gradient[j], rel=2e-6, abs=2e-5)


def test_quadrature_is_refused_where_it_is_not_one_integral_a_group(table):
    rows = table.assign(item=np.arange(320) % 7)
    for formula, found in (
        ("hit ~ x + (1 | group) + (1 | item)", r"\(Intercept \| group\) \+ \(Intercept \| item\)"),
        ("hit ~ x + (1 + x | group)", r"\(Intercept \+ x \| group\)"),
        ("hit ~ x", "none"),
    ):
        with pytest.raises(ValueError, match=f"quadrature of 5 points: it needs one grouping .* and here are {found}"):
            fit_mixed(formula, rows, "binomial", quadrature=5)
    for points in (0, -3, 101, True):
        with pytest.raises(ValueError, match=rf"quadrature: {points} points\. Take a whole number from 1"):
            fit_mixed("hit ~ x + (1 | group)", rows, "binomial", quadrature=points)
