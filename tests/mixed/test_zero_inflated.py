"""Claims: planted NB1 dispersions and structural zeros are found, so are modes where the likelihood is convex; their absence is said."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphtwin.mixed import NotConverged, check_residuals
from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed.design.design import build_design
from graphtwin.mixed.design.formula import parse_formula
from graphtwin.mixed.families.counts import FAMILIES
from graphtwin.mixed.likelihood.crossed import Crossed
from graphtwin.mixed.likelihood.laplace import find_mode
from graphtwin.mixed.likelihood.one_factor import OneFactor

FORMULA = "y ~ x + (1 | group)"
PLANTED = {
    "nb1": {"phi": 1.5},
    "zero_inflated_poisson": {"zero_inflation": 0.3},
    "zero_inflated_negative_binomial": {"phi": 2.0, "zero_inflation": 0.3},
}


def planted(name, n=6000, seed=0):
    rng = np.random.default_rng(seed)
    group, x = rng.integers(0, 60, n), rng.normal(size=n)
    mean = np.exp(0.9 + 0.4 * x + rng.normal(0, 0.5, 60)[group]) * (1.0 - PLANTED[name].get("zero_inflation", 0.0))
    return pd.DataFrame({"y": FAMILIES[name].sample(mean, PLANTED[name], rng), "x": x, "group": group})


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name):
    table = planted(name)
    fit = fit_mixed(FORMULA, table, name)
    assert abs(fit.estimate[1] - 0.4) < 3.5 * fit.se[1]
    assert fit.groupings[0].sd[0] == pytest.approx(0.5, abs=0.15)
    for shape, value in PLANTED[name].items():
        assert fit.shape[shape] == pytest.approx(value, rel=0.2)
    assert fit.predict(table).mean() == pytest.approx(table["y"].mean(), rel=0.03)
    assert fit.simulate(1, 0, table)[0].mean() == pytest.approx(table["y"].mean(), rel=0.06)
    assert (check_residuals(fit, table, 0, n_simulations=60)["p"] > 0.01).all()
    assert (check_residuals(fit_mixed(FORMULA, table), table, 0, n_simulations=60)["p"] < 0.02).any()  # and Poisson is found out


@pytest.mark.parametrize("name", PLANTED)
def test_slopes_are_covered(name):
    """Twenty tables; 95 % intervals."""
    fits = [fit_mixed(FORMULA, planted(name, 800, seed), name) for seed in range(20)]
    covered = sum(abs(fit.estimate[1] - 0.4) < 1.96 * fit.se[1] for fit in fits)
    assert covered >= stats.binom.ppf(0.001, 20, 0.95)


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("start", [-8.0, 0.0, 6.0])
def test_the_mode_is_found_from_where_the_likelihood_is_convex(name, start):
    """Zeros beside large counts in each group; from some of the starts Newton's own step leads to a minimum."""
    y = np.tile([0.0, 0.0, 0.0, 30.0, 2.0], 6)
    table = pd.DataFrame({"y": y, "group": np.repeat(np.arange(6), 5), "item": np.tile(np.arange(5), 6)})
    inner = np.array([0.3, -0.5])[-len(FAMILIES[name].shape_names) :]
    model = OneFactor(build_design(parse_formula("y ~ 1 + (1 | group)"), table), FAMILIES[name])
    vector = np.r_[0.5, 1.5, inner]
    point = find_mode(model, vector, np.full(6, start))
    grid = np.linspace(-8.0, 8.0, 3201)
    each = [FAMILIES[name].log_likelihoods(0.5 + 1.5 * np.full(5, b), y[:5], inner).sum() - 0.5 * b**2 for b in grid]
    peaks = grid[1:-1][(np.diff(each)[:-1] > 0) & (np.diff(each)[1:] < 0)]
    assert np.abs(point.modes[:, None] - peaks).min(axis=1).max() < 0.01
    assert (np.linalg.eigvalsh(point.hessian) > 0).all()
    crossed = Crossed(build_design(parse_formula("y ~ 1 + (1 | group) + (1 | item)"), table), FAMILIES[name])
    top = find_mode(crossed, np.r_[0.5, 1.5, 1.0, inner], np.full(11, start))
    assert np.abs(top.score_modes).max() < 1e-6


def test_counts_without_structural_zeros_or_overdispersion_are_refused_with_the_simpler_family():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"y": rng.binomial(1, 0.4, 2000), "x": rng.normal(size=2000), "group": np.arange(2000) % 40})
    for name, words in (
        ("zero_inflated_poisson", "zero_inflation runs to 0: there are no more zeros than the counts make. Use family poisson"),
        ("nb1", "phi runs to 0 .* the counts vary no more than Poisson. Use family poisson"),
    ):
        with pytest.raises(NotConverged, match=words):
            fit_mixed(FORMULA, table, name)
    with pytest.raises(ValueError, match=r"bias the zero_inflated_poisson family .* Take a random effect"):
        fit_mixed("y ~ x", table, "zero_inflated_poisson", absorb="group")
