"""The analysis of the published summaries reproduces them, and its GLM is the GLM."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

FOLDER = Path(__file__).parents[2] / "analyses" / "published_ding2025"
SPEC = importlib.util.spec_from_file_location("published_ding2025_analysis", FOLDER / "run.py")
ANALYSIS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ANALYSIS)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return ANALYSIS.analyse()


def test_every_expected_number_is_met(tables):
    expected = json.loads((FOLDER / "expected.json").read_text())
    assert len(expected) == len(tables["agreement"]) + len(tables["binned_slopes"])
    assert ANALYSIS.compare(tables, expected) == []


@pytest.mark.parametrize(("name", "n"), [("paired_tests", 84), ("common_input_tests", 24)])
def test_every_published_test_comes_out_the_same(tables, name, n):
    table = tables[name]
    assert len(table) == n
    assert (table["n"] == table["published_n"]).all()
    np.testing.assert_allclose(table["statistic"], table["published_statistic"], rtol=1e-13)
    for column in ("p", "q"):
        np.testing.assert_allclose(table[column], table[f"published_{column}"], rtol=1e-11)


def test_every_published_slope_has_a_curve(tables):
    slopes = tables["binned_slopes"]
    assert len(slopes) == 56
    assert slopes[["published_estimate", "published_se"]].notna().all(axis=None)


def test_the_slope_is_that_of_a_poisson_regression_with_offset():
    rng = np.random.default_rng(0)
    x, exposure = np.linspace(-1, 1, 12), rng.gamma(2, 400, 12)
    total = rng.poisson(exposure * np.exp(0.3 + 1.7 * x)).astype(float)
    estimate, se, dispersion = ANALYSIS.binned_slope(total, exposure, x)
    reference = PoissonRegressor(alpha=0, tol=1e-12, max_iter=10_000).fit(x[:, None], total / exposure, sample_weight=exposure)
    assert estimate == pytest.approx(reference.coef_[0], abs=1e-6)
    assert abs(estimate - 1.7) < 4 * se
    assert 0.2 < dispersion < 3
    assert ANALYSIS.binned_slope(total, exposure * 1000, x)[0] == pytest.approx(estimate, abs=1e-9)  # the unit of L_d does not matter


def test_the_standard_error_is_the_spread_of_estimates():
    rng = np.random.default_rng(1)
    x, exposure = np.linspace(-0.5, 0.5, 8), np.full(8, 200.0)
    drawn = [ANALYSIS.binned_slope(rng.poisson(exposure * np.exp(x)).astype(float), exposure, x)[:2] for _ in range(400)]
    estimates, errors = np.array(drawn).T
    assert estimates.std() == pytest.approx(errors.mean(), rel=0.15)


def test_a_number_outside_its_tolerance_and_a_row_that_is_not_there_are_told():
    tables = {"agreement": pd.DataFrame({"what": ["a", "b"], "value": [0.5, np.nan]})}
    entry = {"table": "agreement", "row": {"what": "a"}, "column": "value", "value": 0.5, "tolerance": 0}
    assert ANALYSIS.compare(tables, [entry]) == []
    assert "a: 0.5 is more than 0 from 0.6" in ANALYSIS.compare(tables, [entry | {"value": 0.6}])[0]
    assert "b: nan is more than" in ANALYSIS.compare(tables, [entry | {"row": {"what": "b"}}])[0]
    assert "0 rows in agreement, one is needed" in ANALYSIS.compare(tables, [entry | {"row": {"what": "c"}}])[0]


def test_the_forest_shows_every_slope_beside_the_published_one(tables):
    figure = ANALYSIS.draw_forest(tables["binned_slopes"])
    assert len(figure.axes) == 14
    drawn = [container for axes in figure.axes for container in axes.containers]
    assert sum(len(container[0].get_xdata()) for container in drawn) == 2 * 56
