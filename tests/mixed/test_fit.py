"""Claims: planted slopes are covered, their absence is reported at the nominal rate, and neither order, names nor units matter."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.glmmtmb.planted import LEVELS, SLOPES, Rule, axon_rates, planted_pairs
from graphtwin.mixed import fit as fit_mixed
from graphtwin.mixed import slopes

pytestmark = pytest.mark.slow


RATE = "n_synapses ~ similarity * proj + offset(log(l_d)) + (1 | pre_nucleus_id:proj)"
LENGTH = "l_d ~ similarity * proj + (1 | pre_nucleus_id:proj)"


@pytest.fixture(scope="module")
def pairs():
    return planted_pairs(6000, Rule("poisson", axon_sd=0.6, target_sd=0.3), seed=3, n_axons=40)


@pytest.fixture(scope="module")
def fit(pairs):
    return fit_mixed(RATE, pairs)


def same(one, other, within=1e-4):
    """Two fits of one model: log-likelihood, and estimates in standard errors."""
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)
    assert np.abs(one.estimate - other.estimate).max() < within * one.se.max()
    np.testing.assert_allclose(one.se, other.se, rtol=1e-3)


@pytest.mark.parametrize("random", ["(1 | pre_nucleus_id:proj)", "(1 | pre_nucleus_id) + (1 | post_nucleus_id)"])
def test_order_and_names_do_not_matter(pairs, random):
    formula = f"n_synapses ~ similarity * proj + offset(log(l_d)) + {random}"
    rng = np.random.default_rng(0)
    renamed = {
        name: dict(zip(np.unique(pairs[name]), rng.permutation(10**6)[: pairs[name].nunique()], strict=True))
        for name in pairs
        if "_id" in name
    }
    other = pairs.assign(**{name: pairs[name].map(names) for name, names in renamed.items()}).sample(frac=1.0, random_state=1)
    one, two = fit_mixed(formula, pairs), fit_mixed(formula, other)
    same(one, two)
    for grouping, again in zip(one.groupings, two.groupings, strict=True):
        assert sorted(grouping.modes[:, 0]) == pytest.approx(sorted(again.modes[:, 0]), abs=1e-5)


def test_a_unit_of_the_offset_moves_the_intercept_alone(pairs, fit):
    in_um = fit_mixed(RATE, pairs.assign(l_d=pairs["l_d"] * 1000.0))
    assert fit.estimate[0] - in_um.estimate[0] == pytest.approx(np.log(1000.0), abs=1e-6)
    np.testing.assert_allclose(fit.estimate[1:], in_um.estimate[1:], atol=1e-6)
    assert fit.log_likelihood == pytest.approx(in_um.log_likelihood, abs=1e-6)


def test_a_unit_of_the_similarity_scales_its_slopes(pairs, fit):
    per_cent = fit_mixed(RATE, pairs.assign(similarity=100.0 * pairs["similarity"]))
    of_similarity = np.array([name.startswith("similarity") for name in fit.names])
    np.testing.assert_allclose(per_cent.estimate * np.where(of_similarity, 100.0, 1.0), fit.estimate, atol=1e-5)


@pytest.mark.parametrize("unit", [1e-5, 1e4])
def test_a_unit_of_the_similarity_scales_its_random_slopes(unit):
    table = planted_pairs(6000, Rule("poisson", slope_sd=2.0), seed=3, n_axons=40)
    formula = "n_synapses ~ similarity + proj + offset(log(l_d)) + (1 + similarity | pre_nucleus_id)"
    one, other = fit_mixed(formula, table), fit_mixed(formula, table.assign(similarity=unit * table["similarity"]))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(other.groupings[0].sd * [1.0, unit], one.groupings[0].sd, rtol=1e-4)
    np.testing.assert_allclose(other.groupings[0].correlation, one.groupings[0].correlation, atol=1e-4)


def test_another_reference_level_tells_the_same_slopes(pairs, fit):
    levels = list(pairs["proj"].cat.categories)
    turned = fit_mixed(RATE, pairs.assign(proj=pairs["proj"].cat.reorder_categories(levels[::-1])))
    assert turned.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-7)
    ours, theirs = (slopes(one, "similarity", "proj").set_index("group").loc[levels] for one in (fit, turned))
    np.testing.assert_allclose(ours[["estimate", "se"]], theirs[["estimate", "se"]], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("family", "formula"), [("poisson", RATE), ("negative_binomial", RATE), ("tweedie", LENGTH)])
def test_planted_slopes_are_covered(family, formula):
    """Eight tables of four projections, 32 intervals of 95 %; the benchmark draws 200 tables."""
    covered = 0
    for seed in range(8):
        fit = fit_mixed(formula, planted_pairs(3000, Rule(family), seed, n_axons=40), family)
        found = slopes(fit, "similarity", "proj")
        covered += int((np.abs(found["estimate"] - SLOPES) < 1.96 * found["se"]).sum())
    assert covered >= stats.binom.ppf(0.0005, 32, 0.95)


def test_no_rule_is_reported_at_the_nominal_rate():
    """Fifteen tables of four projections without a rule, 60 tests at 5 %; the benchmark draws 200 tables."""
    rule = Rule("poisson", slopes=(0.0,) * 4)
    found = [slopes(fit_mixed(RATE, planted_pairs(2000, rule, seed, n_axons=40)), "similarity", "proj") for seed in range(15)]
    low, high = stats.binom.interval(0.999, 60, 0.05)
    assert low <= int((pd.concat(found)["p"] < 0.05).sum()) <= high


def test_levels_and_variances_are_recovered():
    fit = fit_mixed(RATE, planted_pairs(60_000, Rule("poisson", axon_sd=0.5), seed=5, n_axons=400))
    np.testing.assert_allclose(fit.estimate[2:5], np.array(LEVELS)[1:], atol=4 * fit.se[2:5].max())
    planted = 0.5 * axon_rates(5, 400)
    found = dict(zip(fit.groupings[0].levels["pre_nucleus_id"], fit.groupings[0].modes[:, 0], strict=True))
    assert fit.groupings[0].sd[0] == pytest.approx(planted.std(), abs=0.06)  # 3 standard errors at 8 synapses an axon
    assert np.corrcoef([found[100_000 + axon] for axon in range(400)], planted)[0, 1] > 0.8


@pytest.mark.parametrize("random", ["(1 | pre_nucleus_id)", "(1 | pre_nucleus_id) + (1 | post_nucleus_id)"])
def test_joined_rows_give_the_likelihood_of_single_ones(pairs, random, monkeypatch):
    binned = pairs.assign(similarity=pairs["similarity"].round(1))
    formula = f"n_synapses ~ similarity + proj + offset(log(l_d)) + {random}"
    rows = []
    monkeypatch.setattr("graphtwin.mixed.design.collapsing.WORTH", 1.0)
    monkeypatch.setattr("graphtwin.mixed.optimum.collapse", _counted(rows))
    joined = fit_mixed(formula, binned)
    monkeypatch.setattr("graphtwin.mixed.optimum.collapse", lambda design: design)
    same(joined, fit_mixed(formula, binned))
    assert rows[0] < len(pairs)


def _counted(rows):
    from graphtwin.mixed.design.collapsing import collapse

    def counting(design):
        smaller = collapse(design)
        rows.append(len(smaller.y))
        return smaller

    return counting


def test_a_model_without_random_effects_is_the_generalised_linear_model(pairs):
    from sklearn.linear_model import PoissonRegressor

    formula = "n_synapses ~ similarity * proj"
    fit = fit_mixed(formula, pairs)
    dummies = pd.get_dummies(pairs["proj"], drop_first=True).to_numpy(np.float64)
    columns = np.column_stack([pairs["similarity"], dummies, dummies * pairs["similarity"].to_numpy()[:, None]])
    reference = PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=5000).fit(columns, pairs["n_synapses"])
    np.testing.assert_allclose(fit.estimate, np.r_[reference.intercept_, reference.coef_], atol=1e-3)
    assert fit.groupings == ()


def test_a_variance_that_vanishes_is_said_and_is_no_failure():
    table = planted_pairs(3000, Rule("poisson", axon_sd=0.0), seed=9, n_axons=12)
    fit, without = fit_mixed(RATE, table), fit_mixed(RATE.replace(" + (1 | pre_nucleus_id:proj)", ""), table)
    assert fit.groupings[0].sd[0] < 1e-4
    assert fit.notes[-1].startswith("Intercept between groups of pre_nucleus_id:proj has a standard deviation of 0 (singular)")
    assert fit.log_likelihood == pytest.approx(without.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(fit.se, without.se, rtol=1e-3)


def test_a_projection_with_one_axon_is_fitted_and_said(pairs):
    fourth = pairs["proj"].cat.categories[3]
    axons = pairs.loc[pairs["proj"] == fourth, "pre_nucleus_id"].value_counts().index
    few = pairs[(pairs["proj"] != fourth) | (pairs["pre_nucleus_id"] == axons[0])]
    fit = fit_mixed(RATE, few)
    assert f"proj {fourth} has 1 group of pre_nucleus_id:proj: its level can't be told from that group's own." in fit.notes


def test_importing_the_estimator_loads_neither_formulaic_nor_torch():
    import subprocess
    import sys

    heavy = {"formulaic", "torch", "sklearn", "matplotlib", "numba", "pydantic"}
    heavy |= {f"scipy.{name}" for name in ("linalg", "sparse", "special", "stats")}
    code = f"import sys; from graphtwin.mixed import fit as fit_mixed; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"


@pytest.mark.parametrize("family", ["poisson", "negative_binomial", "gamma", "binomial", "gaussian"])
def test_a_fit_with_one_grouping_compiles_nothing(family):
    import subprocess
    import sys

    code = f"""if True:
        import sys, numpy as np, pandas as pd
        from graphtwin.mixed import fit as fit_mixed
        rng = np.random.default_rng(0)
        group, x = rng.integers(0, 12, 400), rng.normal(size=400)
        mean = np.exp(0.5 * x + rng.normal(0, 0.5, 12)[group])
        y = dict(poisson=rng.poisson(mean), negative_binomial=rng.poisson(mean * rng.gamma(1.0, 1.0, 400)),
                 gamma=mean * rng.gamma(2.0, 0.5, 400),
                 binomial=(rng.uniform(size=400) < mean / (1.0 + mean)).astype(float), gaussian=np.log(mean) + rng.normal(size=400))
        fit_mixed("y ~ x + (1 | group)", pd.DataFrame(dict(y=y["{family}"], x=x, group=group)), "{family}")
        print("numba" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_all_that_the_room_names_as_public_is_there():
    import graphtwin.mixed

    assert all(callable(getattr(graphtwin.mixed, name)) for name in graphtwin.mixed.__all__)
