"""Claims: the likelihood is Laplace's and approaches the true one, and its gradient is exact for every arrangement of random effects."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from graphtwin.mixed.design.design import build_design
from graphtwin.mixed.design.formula import parse_formula
from graphtwin.mixed.families.counts import FAMILIES
from graphtwin.mixed.likelihood import crossed_entries
from graphtwin.mixed.likelihood.crossed import Crossed
from graphtwin.mixed.likelihood.curvature import fixed_curvature
from graphtwin.mixed.likelihood.laplace import evaluate, fixed_information, joint_mode, mode_covariances
from graphtwin.mixed.likelihood.maximise import Search
from graphtwin.mixed.likelihood.one_factor import OneFactor
from graphtwin.mixed.likelihood.start import starting_evaluation

INNER = {
    "poisson": [],
    "negative_binomial": [-0.2],
    "nb1": [0.1],
    "zero_inflated_poisson": [-1.1],
    "zero_inflated_negative_binomial": [0.4, -1.1],
    "tweedie": [-0.8, -0.3],
    "gamma": [-0.7],
    "gaussian": [-0.4],
    "binomial": [],
}


def small_table(name, n=160, scale=1.0, seed=0):
    """Six axons, nine targets, two projections of three axons each."""
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, 6, n), rng.integers(0, 9, n)
    x, l_d = rng.normal(0.2, 0.7, n), rng.uniform(0.5, 2.0, n)
    rate = l_d * scale * np.exp(0.3 + 0.6 * x - 0.4 * (pre % 2) + rng.normal(0, 0.6, 6)[pre] + rng.normal(0, 0.4, 9)[post])
    y = rng.poisson(rate).astype(np.float64)
    if name == "tweedie":
        y = y * rng.gamma(2.0, 0.4, n)
    if name == "gamma":
        y = rate * rng.gamma(2.0, 0.5, n)
    if name == "gaussian":
        y = rng.normal(np.log(rate), 0.8)
    if name == "binomial":
        y = (rng.random(n) < rate / (1.0 + rate)).astype(np.float64)
    return pd.DataFrame({"y": y, "x": x, "l_d": l_d, "pre": pre, "post": post, "proj": np.array(["a", "b"])[pre % 2]})


def model_of(name, random, table):
    design = build_design(parse_formula(f"y ~ x * proj + offset(log(l_d)) + {random}"), table)
    family = FAMILIES[name]
    return (Crossed if design.crossed else OneFactor)(design, family), design, family.normaliser(design.y)


def some_vector(model, name):
    rng = np.random.default_rng(2)
    roots = rng.uniform(0.2, 0.7, model.layout.n_roots)
    return np.r_[0.3, 0.5, -0.4, 0.1, roots, INNER[name]]


RANDOM = ["(1 | pre)", "(1 + x | pre)", "(1 + x || pre:proj)", "(1 | pre) + (1 | post)", "(1 + x | pre) + (x || post) + (1 | proj)"]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("random", RANDOM)
def test_the_gradient_is_that_of_the_likelihood(name, random):
    model, _, normaliser = model_of(name, random, small_table(name))
    vector, zero, h = some_vector(model, name), np.zeros(model.n_modes), 1e-5
    here = evaluate(model, normaliser, vector, zero)
    for j, step in enumerate(h * np.eye(len(vector))):
        up, down = (evaluate(model, normaliser, vector + sign * step, here.point.modes).value for sign in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(here.gradient[j], rel=2e-6, abs=2e-5)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("random", RANDOM[:3])
def test_the_curvature_by_the_fixed_effects_is_that_of_the_likelihood(name, random):
    model, _, normaliser = model_of(name, random, small_table(name))
    vector, h = some_vector(model, name), 1e-4
    here = evaluate(model, normaliser, vector, np.zeros(model.n_modes))
    found = fixed_curvature(here.point)
    for j, step in enumerate(h * np.eye(len(vector))[:4]):
        up, down = (evaluate(model, normaliser, vector + sign * step, here.point.modes).gradient[:4] for sign in (1, -1))
        np.testing.assert_allclose((down - up) / (2 * h), found[j], rtol=1e-5, atol=1e-5)
    given, _ = fixed_information(here.point)
    assert name == "gaussian" or np.abs(found - given).max() > 1e-5 * np.abs(given).max()  # the determinant has its part


def dense_laplace(name, table, vector, roots, terms):
    """Laplace's log-likelihood from scratch: dense matrices, one optimisation over u itself, derivatives by differences."""
    design = np.column_stack([np.ones(len(table)), table["x"], table["proj"] == "b", table["x"] * (table["proj"] == "b")])
    offset, y, family, inner = np.log(table["l_d"].to_numpy()), table["y"].to_numpy(), FAMILIES[name], np.array(INNER[name])
    blocks, covariances = [], []
    for (column, effects), root in zip(terms, roots, strict=True):
        levels = np.unique(table[column])
        for level in levels:
            here = (table[column] == level).to_numpy(np.float64)
            blocks += [here * (1.0 if effect == "1" else table["x"]) for effect in effects]
        covariances += [root @ root.T] * len(levels)
    loading = np.column_stack(blocks)
    prior = np.linalg.inv(
        np.block([[a if i == j else np.zeros((len(a), len(b))) for j, b in enumerate(covariances)] for i, a in enumerate(covariances)])
    )
    score, weight = np.empty(len(y)), np.empty(len(y))

    def rows(u):
        return family.rows(offset + design @ vector[:4] + loading @ u, y, inner, score, weight)

    def minus(u):
        return -rows(u) + 0.5 * u @ prior @ u, prior @ u - loading.T @ score

    found = optimize.minimize(minus, np.zeros(loading.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 500})
    rows(found.x)
    hessian = loading.T @ (weight[:, None] * loading) + prior
    return -found.fun + 0.5 * np.linalg.slogdet(prior)[1] - 0.5 * np.linalg.slogdet(hessian)[1] + family.normaliser(y)(inner)[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_likelihood_is_that_of_dense_matrices(name):
    table = small_table(name)
    model, design, normaliser = model_of(name, "(1 + x | pre) + (1 | post)", table)
    vector = some_vector(model, name)
    root = model.layout.roots(vector)
    terms = [("pre", "1x"), ("post", "1")] if design.inner.name == "pre" else [("post", "1"), ("pre", "1x")]
    ours = evaluate(model, normaliser, vector, np.zeros(model.n_modes)).value
    assert ours == pytest.approx(dense_laplace(name, table, vector, root, terms), abs=1e-6)


@pytest.mark.parametrize("random", [term for term in RANDOM if "post" in term])
def test_products_of_few_entries_are_those_of_whole_matrices(random, monkeypatch):
    found = []
    for products in (np.inf, 0.0):
        monkeypatch.setattr(crossed_entries, "DENSE_PRODUCTS", products)
        model, _, normaliser = model_of("poisson", random, small_table("poisson", n=60))
        assert bool(len(model.entries.slot)) == (products == 0.0)
        here = evaluate(model, normaliser, some_vector(model, "poisson"), np.zeros(model.n_modes))
        found.append([np.array(here.value), here.gradient, here.point.modes, *mode_covariances(here.point)])
    for dense, few in zip(*found, strict=True):
        np.testing.assert_allclose(few, dense, rtol=1e-9, atol=1e-9)


def integrated(table, beta, sd):
    """The true log-likelihood of a Poisson model with one random intercept: the integral over it on a fine grid."""
    grid = np.linspace(-7.0, 7.0, 4001)
    total = 0.0
    for _, group in table.groupby("pre"):
        is_b = (group["proj"] == "b").to_numpy()
        eta = np.log(group["l_d"]) + beta[0] + beta[1] * group["x"] + is_b * (beta[2] + beta[3] * group["x"])
        each = stats.poisson.logpmf(group["y"].to_numpy()[:, None], np.exp(eta.to_numpy()[:, None] + sd * grid)).sum(axis=0)
        each += stats.norm.logpdf(grid)
        total += each.max() + np.log(np.trapezoid(np.exp(each - each.max()), grid))
    return total


def test_the_likelihood_approaches_the_integral_as_counts_grow():
    errors = []
    for scale in (0.3, 3.0, 30.0):
        table = small_table("poisson", scale=scale)
        model, _, normaliser = model_of("poisson", "(1 | pre)", table)
        vector = np.array([0.3 + np.log(scale), 0.5, -0.4, 0.1, 0.5])
        ours = evaluate(model, normaliser, vector, np.zeros(model.n_modes)).value
        errors.append(abs(ours - integrated(table, vector[:4], 0.5)))
    assert errors[0] < 0.05  # six groups of some ten synapses each
    assert errors[2] < 0.2 * errors[1] < errors[0]  # its error falls as one over the counts


def test_a_grouping_without_variance_changes_nothing():
    """At a root of 0 the likelihood is that without the term: the edge is not an edge."""
    table = small_table("poisson")
    with_post, _, normaliser = model_of("poisson", "(1 | pre) + (1 | post)", table)
    without, _, _ = model_of("poisson", "(1 | pre)", table)
    vector = some_vector(without, "poisson")
    roots = {"pre": vector[4], "post": 0.0}
    both = np.r_[vector[:4], [roots[grouping.name] for grouping in with_post.design.groupings]]
    here, there = (evaluate(model, normaliser, point, np.zeros(model.n_modes)) for model, point in ((without, vector), (with_post, both)))
    assert there.value == pytest.approx(here.value, abs=1e-9)
    np.testing.assert_allclose(there.gradient[:4], here.gradient[:4], atol=1e-8)


@pytest.mark.parametrize("random", ["(1 | pre)", "(1 | pre) + (1 | post)"])
def test_the_covariance_is_the_inverse_curvature_of_the_likelihood(random):
    model, design, normaliser = model_of("poisson", random, small_table("poisson"))
    start = starting_evaluation(design, model.family, model, normaliser)
    top = Search(model, normaliser, start, [str(j) for j in range(model.layout.n_parameters)], lambda vector: None).maximum()
    vector, h = top.evaluation.point.vector, 1e-2
    n = len(vector)

    def value(*steps):
        return evaluate(model, normaliser, vector + h * sum(steps), top.evaluation.point.modes).value

    unit = np.eye(n)
    curvature = [[value(a, b) - value(a, -b) - value(-a, b) + value(-a, -b) for b in unit] for a in unit]
    np.testing.assert_allclose(top.covariance, np.linalg.inv(-np.array(curvature) / (4 * h**2)), rtol=2e-3, atol=1e-5)
    assert top.distance < 1e-5


def test_a_start_is_the_mode_of_fixed_and_random_effects_together():
    model, _, _ = model_of("poisson", "(1 + x | pre) + (1 | post)", small_table("poisson"))
    point = joint_mode(model, np.r_[0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.5], tolerance=1e-12)
    assert np.abs(np.r_[point.score_fixed, point.score_modes]).max() < 1e-5
