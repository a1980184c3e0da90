"""Claims: predicted responses are those of the model, residuals of a right model are uniform, and a wrong one is found out."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.glmmtmb.planted import Rule, planted_pairs
from graphtwin.mixed import check_residuals, quantile_residuals
from graphtwin.mixed import fit as fit_mixed

RATE = "n_synapses ~ similarity * proj + offset(log(l_d)) + (1 | pre_nucleus_id:proj)"
LENGTH = "l_d ~ similarity * proj + (1 | pre_nucleus_id:proj)"


def fitted(family, planted=None, seed=0, n=8000):
    pairs = planted_pairs(n, Rule(planted or family), seed, n_axons=40)
    return fit_mixed(LENGTH if family == "tweedie" else RATE, pairs, family), pairs


def test_predicted_responses_add_up_to_the_observed_ones():
    """The score of the intercept at the maximum, up to what the determinant moves."""
    for family in ("poisson", "tweedie"):
        fit, pairs = fitted(family)
        assert fit.predict(pairs).sum() == pytest.approx(pairs.iloc[:, -1].sum(), rel=0.02)


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
    np.testing.assert_allclose(fit.predict(strangers, unseen="average"), by_hand, rtol=1e-10)


def test_a_category_the_model_never_saw_is_refused():
    fit, pairs = fitted("poisson", n=3000)
    with pytest.raises(ValueError, match=r"proj: the model was fitted without LM->V1\. It knows V1->V1, HVA->HVA"):
        fit.predict(pairs.assign(proj="LM->V1"))
    absorbed = fit_mixed("n_synapses ~ similarity + offset(log(l_d))", pairs, absorb="pre_nucleus_id")
    with pytest.raises(ValueError, match=r"were absorbed and are not kept. Fit them as \(1 \| pre_nucleus_id\)"):
        absorbed.predict(pairs)


def test_new_groups_vary_as_the_old_ones_do():
    fit, pairs = fitted("poisson", n=20_000)
    drawn = fit.simulate(8, 0, new_groups=True)
    by_axon = [
        np.bincount(pairs["pre_nucleus_id"] - 100_000, weights=y) / np.bincount(pairs["pre_nucleus_id"] - 100_000, weights=fit.predict())
        for y in drawn
    ]
    kept = np.bincount(pairs["pre_nucleus_id"] - 100_000, weights=fit.simulate(1, 0)[0]) / np.bincount(
        pairs["pre_nucleus_id"] - 100_000, weights=fit.predict()
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
    fit.simulate(1, 7)
    assert first.equals(check_residuals(fit, pairs, 7, n_simulations=5))
