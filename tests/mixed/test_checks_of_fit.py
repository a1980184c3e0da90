"""Claims: expected responses are those of the model, residuals of a right model are uniform, and a wrong one is found out."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.glmmtmb.planted import Rule, planted_pairs
from graphtwin.mixed import check_residuals, expected, fit_mixed, quantile_residuals, simulate_responses

RATE = "n_synapses ~ similarity * proj + offset(log(l_d)) + (1 | pre_nucleus_id:proj)"
LENGTH = "l_d ~ similarity * proj + (1 | pre_nucleus_id:proj)"


def fitted(family, planted=None, seed=0, n=8000):
    pairs = planted_pairs(n, Rule(planted or family), seed, n_axons=40)
    return fit_mixed(LENGTH if family == "tweedie" else RATE, pairs, family), pairs


def test_expected_responses_add_up_to_the_observed_ones():
    """The score of the intercept at the maximum, up to what the determinant moves."""
    for family in ("poisson", "tweedie"):
        fit, pairs = fitted(family)
        assert expected(fit, pairs).sum() == pytest.approx(pairs.iloc[:, -1].sum(), rel=0.02)


def test_axons_that_were_not_fitted_have_the_mean_over_axons():
    fit, pairs = fitted("poisson")
    variance, strangers = fit.groupings[0].sd[0] ** 2, pairs.assign(pre_nucleus_id=pairs["pre_nucleus_id"] + 10**6)
    features = np.column_stack([np.ones(len(pairs)), pairs["similarity"]])
    codes = pairs["proj"].cat.codes.to_numpy()
    by_level = np.array(
        [
            [fit.estimate[0], fit.estimate[1]],
            *([fit.estimate[0] + fit.estimate[2 + i], fit.estimate[1] + fit.estimate[5 + i]] for i in range(3)),
        ]
    )
    by_hand = pairs["l_d"] * np.exp((features * by_level[codes]).sum(axis=1) + variance / 2)
    np.testing.assert_allclose(expected(fit, strangers), by_hand, rtol=1e-10)


def test_a_category_the_model_never_saw_is_refused():
    fit, pairs = fitted("poisson", n=3000)
    with pytest.raises(ValueError, match=r"proj: the model was fitted without LM->V1\. It knows V1->V1, HVA->HVA"):
        expected(fit, pairs.assign(proj="LM->V1"))
    absorbed = fit_mixed("n_synapses ~ similarity + offset(log(l_d))", pairs, absorb="pre_nucleus_id")
    with pytest.raises(ValueError, match=r"were absorbed and are not kept. Fit them as \(1 \| pre_nucleus_id\)"):
        expected(absorbed, pairs)


def test_a_combination_of_categories_the_model_never_saw_is_refused():
    pairs = planted_pairs(3000, Rule("poisson"), 0, n_axons=24).assign(
        layer=lambda table: np.where(table["post_nucleus_id"] % 2, "L4", "L5")
    )
    seen = pairs[(pairs["layer"] == "L4") | (pairs["proj"] != "V1->V1")]
    fit = fit_mixed("n_synapses ~ similarity + proj + layer + offset(log(l_d)) + (1 | pre_nucleus_id)", seen)
    missing = len(pairs) - len(seen)
    with pytest.raises(ValueError, match=f"{missing} of 3000 rows have a combination of proj, layer that the model was fitted without"):
        expected(fit, pairs)


def test_new_groups_vary_as_the_old_ones_do():
    fit, pairs = fitted("poisson", n=20_000)
    drawn = [simulate_responses(fit, pairs, 0, replicate, new_groups=True) for replicate in range(8)]
    by_axon = [
        np.bincount(pairs["pre_nucleus_id"] - 100_000, weights=y)
        / np.bincount(pairs["pre_nucleus_id"] - 100_000, weights=expected(fit, pairs))
        for y in drawn
    ]
    kept = np.bincount(pairs["pre_nucleus_id"] - 100_000, weights=simulate_responses(fit, pairs, 0, 0)) / np.bincount(
        pairs["pre_nucleus_id"] - 100_000, weights=expected(fit, pairs)
    )
    assert np.std(np.log(kept + 0.01)) < 0.35 < np.mean([np.std(np.log(one + 0.01)) for one in by_axon])


@pytest.mark.parametrize("family", ["poisson", "negative_binomial", "tweedie"])
def test_residuals_of_the_right_model_are_uniform(family):
    fit, pairs = fitted(family, seed=1)
    residuals = quantile_residuals(fit, pairs, 0)
    assert stats.kstest(residuals, "uniform").pvalue > 1e-3
    table = check_residuals(fit, pairs, 0, n_simulations=60).set_index("check")
    assert (table["p"] > 0.01).all()
    np.testing.assert_allclose(table.loc[["dispersion", "zeros"], "ratio"], 1.0, atol=0.15)
    assert table.loc["uniformity", "p"] == pytest.approx(stats.kstest(residuals, "uniform", method="asymp").pvalue, rel=1e-6)


def test_overdispersed_counts_are_found_out():
    pairs = planted_pairs(20_000, Rule("negative_binomial", phi=0.1), 2, n_axons=40)
    table = check_residuals(fit_mixed(RATE, pairs), pairs, 0, n_simulations=60).set_index("check")
    assert table.loc["dispersion", "ratio"] > 1.1
    assert table.loc["zeros", "ratio"] > 1.0
    assert (table.loc[["dispersion", "zeros"], "p"] == 1 / 61).all()


def test_the_checks_do_not_depend_on_the_order_of_calls():
    fit, pairs = fitted("poisson", n=3000)
    first = check_residuals(fit, pairs, 7, n_simulations=5)
    simulate_responses(fit, pairs, 7, 0)
    assert first.equals(check_residuals(fit, pairs, 7, n_simulations=5))
