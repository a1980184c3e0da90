"""Claims: the conditional slope is that of a Poisson regression with an effect for every axon; its errors are honest; bad data has none.

Model: synapses Poisson with mean axon rate x L_d x exp(slope x similarity). Hypothesis: slope 0. Assumption: axons are independent.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphtwin.wiring.conditional.conditional_fit import ConditionalFit, fit_conditional, solve
from graphtwin.wiring.pairs.candidate_set import candidates
from graphtwin.wiring.pairs.planted import Planted, plant

SMALL = Planted(n_axons=25, n_targets=200, n_synapses=250)


def fitted(planted=SMALL, table=0, names=("signal_correlation",), by=None) -> ConditionalFit:
    return fit_conditional(candidates(plant(planted, 0, table).pairs, names, by))


def with_axon_effects(choices):
    """The regression with an effect for every axon by statsmodels, the columns of slopes first; axons without synapses have none."""
    import statsmodels.api as sm

    made = (choices.sum_blocks(choices.n_synapses) > 0)[choices.block]
    axon = np.unique(choices.block[made], return_inverse=True)[1]
    values = (choices.x * choices.scale + choices.centre)[made]
    design = np.c_[values, np.eye(axon.max() + 1)[axon]]
    return sm.GLM(choices.n_synapses[made], design, family=sm.families.Poisson(), offset=np.log(choices.exposure[made])), axon


def test_slopes_and_errors_are_those_of_a_regression_with_an_effect_for_every_axon():
    """Clustered errors: statsmodels can leave small samples as they are (CR0), which the fit's scores and information give as well. Its
    own correction (CR1) counts the axons' effects as parameters; ours (CR2) takes out each axon's own pull on the slopes, which for even
    axons is the factor n / (n - 1) of the variance.
    """
    planted = Planted(n_axons=120, n_targets=80, n_synapses=3000, slope=1.0, distance_slope=-0.2, dispersion=1.0, axon_sd=0.3)
    fit = fitted(planted, names=("signal_correlation", "distance_um"))
    model, axon = with_axon_effects(fit.choices)
    exact = model.fit(tol=1e-13)
    np.testing.assert_allclose(fit.slope[0], exact.params[:2], rtol=1e-6)
    np.testing.assert_allclose(fit.se_model[0], exact.bse[:2], rtol=1e-6)
    plain = model.fit(tol=1e-13, cov_type="cluster", cov_kwds={"groups": axon, "use_correction": False}).bse[:2]
    bread = np.linalg.inv(fit.information.sum(axis=0))
    np.testing.assert_allclose(np.sqrt(np.diag(bread @ fit.score.T @ fit.score @ bread)) / fit.choices.scale, plain, rtol=1e-5)
    n = axon.max() + 1
    np.testing.assert_allclose(fit.se_axon[0], plain * np.sqrt(n / (n - 1)), rtol=0.01)
    assert (np.abs(fit.se_axon[0] / fit.se_model[0] - 1) > 0.02).any()  # a clustered error that says something else


def test_the_likelihood_is_that_of_axons_choosing_among_candidates():
    fit, total = fitted(), 0.0
    choices = fit.choices
    for begin, end in zip(choices.start[:-1], choices.start[1:], strict=True):
        weight = choices.exposure[begin:end] * np.exp(choices.x[begin:end] @ fit.standardised[0])
        total += np.sum(choices.n_synapses[begin:end] * np.log(weight / weight.sum()))
    assert fit.log_likelihood[0] == pytest.approx(total, abs=1e-8)
    assert fit.log_likelihood[0] > fit.log_likelihood_alone[0]


def test_a_planted_slope_lies_in_its_interval():
    planted = Planted(n_axons=40, n_targets=200, n_synapses=400, slope=1.0, axon_sd=0.8)
    frames = pd.concat([fitted(planted, table).to_frame() for table in range(200)])
    covered = ((frames["low"] <= 1.0) & (frames["high"] >= 1.0)).mean()
    assert 0.90 <= covered <= 0.99
    assert abs(frames["estimate"].mean() - 1.0) < 4 * frames["estimate"].std() / np.sqrt(200)


def test_the_clustered_error_is_honest_where_axons_are_uneven_and_synapses_cluster():
    planted = Planted(n_axons=25, n_targets=200, n_synapses=250, dispersion=3.0, axon_sd=1.0)
    p = np.array([fitted(planted, table).to_frame()["p"].iloc[0] for table in range(200)])
    assert np.sum(p <= 0.05) <= stats.binom.ppf(0.995, 200, 0.05)


def test_synapses_that_cluster_fool_the_model_error_only():
    planted = Planted(n_axons=25, n_targets=200, n_synapses=250, dispersion=8.0)
    frames = pd.concat([fitted(planted, table).to_frame() for table in range(60)])
    assert (np.abs(frames["estimate"] / frames["se_model"]) > 1.96).mean() > 0.15


def test_a_group_is_fitted_as_if_it_were_alone():
    pairs = plant(Planted(projections=True, slope=0.7), 3).pairs
    together = fit_conditional(candidates(pairs, ["signal_correlation"], "proj_hva")).to_frame().set_index("group")
    assert len(together) == 4
    for group, some in pairs.groupby("proj_hva"):
        alone = fit_conditional(candidates(some, ["signal_correlation"])).to_frame().iloc[0]
        for name in ("estimate", "se", "se_model", "n_axons", "n_pairs", "n_synapses"):
            assert together.loc[group, name] == pytest.approx(alone[name], rel=1e-6), (group, name)


def test_neither_rows_nor_units_nor_the_rates_of_axons_matter():
    pairs = plant(SMALL, 4).pairs
    first = fit_conditional(candidates(pairs, ["signal_correlation"])).to_frame().iloc[0]
    doubled = pairs["l_d_um"] * np.where(pairs["pre_nucleus_id"] % 2, 50.0, 1.0)
    other = pairs.assign(l_d_um=doubled, signal_correlation=3 + pairs["signal_correlation"] / 10).sample(frac=1, random_state=0)
    again = fit_conditional(candidates(other, ["signal_correlation"])).to_frame().iloc[0]
    assert again["estimate"] == pytest.approx(10 * first["estimate"], rel=1e-6)
    assert again["se"] == pytest.approx(10 * first["se"], rel=1e-6)
    assert again["p"] == pytest.approx(first["p"], rel=1e-5)


def test_a_weight_means_what_repeating_the_axon_or_target_means():
    pairs = plant(SMALL, 5).pairs
    choices = candidates(pairs, ["signal_correlation"])
    rng = np.random.default_rng(0)
    axons, targets = rng.integers(0, 3, len(choices.axons)), rng.integers(0, 3, len(choices.targets))
    weighted, _ = solve(choices, axons, np.zeros((1, 1)), targets)
    copies = pairs["pre_nucleus_id"].map(dict(zip(choices.axons, axons, strict=True))).fillna(0)
    repeated = pairs.loc[pairs.index.repeat(copies.astype(int))]
    copy = repeated.groupby(["pre_nucleus_id", "post_nucleus_id"]).cumcount()
    repeated = repeated.assign(pre_nucleus_id=repeated["pre_nucleus_id"] + 1000 * copy)
    times = repeated["post_nucleus_id"].map(dict(zip(choices.targets, targets, strict=True))).fillna(0)
    repeated = (
        repeated.loc[repeated.index.repeat(0)] if times.sum() == 0 else repeated.iloc[np.repeat(np.arange(len(times)), times.astype(int))]
    )
    copy = repeated.groupby(["pre_nucleus_id", "post_nucleus_id"]).cumcount()
    repeated = repeated.assign(post_nucleus_id=repeated["post_nucleus_id"] + 10_000_000 * copy)
    assert weighted[0, 0] / choices.scale[0] == pytest.approx(
        fit_conditional(candidates(repeated, ["signal_correlation"])).slope[0, 0], rel=1e-5
    )


def test_a_group_with_one_axon_is_refused():
    pairs = plant(Planted(n_axons=10, n_targets=100, projections=True), 1).pairs
    lonely = pairs[
        (pairs["proj_hva"] != "HVA->V1") | (pairs["pre_nucleus_id"] == pairs.loc[pairs["proj_hva"] == "HVA->V1", "pre_nucleus_id"].max())
    ]
    with pytest.raises(ValueError, match=r"fewer than 2 axons with a synapse and a second candidate in HVA->V1 \(1\)"):
        fit_conditional(candidates(lonely, ["signal_correlation"], "proj_hva"))


def test_a_similarity_of_the_axon_alone_is_refused():
    pairs = plant(SMALL, 1).pairs
    with pytest.raises(ValueError, match="axon_depth varies among the candidates of 0 of 24 axons of all"):
        fit_conditional(candidates(pairs.assign(axon_depth=pairs["pre_nucleus_id"] % 7), ["axon_depth"]))


def test_similarities_that_determine_each_other_are_refused():
    pairs = plant(SMALL, 1).pairs
    pairs["distance_mm"] = pairs["distance_um"] / 1000
    with pytest.raises(ValueError, match="distance_um, distance_mm determine each other within the axons of all"):
        fit_conditional(candidates(pairs, ["distance_um", "distance_mm"]))


@pytest.mark.parametrize("gap", [0.0, 3.0])
def test_separated_synapses_have_no_slope(gap):
    pairs = plant(SMALL, 2).pairs
    near = pairs[pairs["l_d_um"] > 0].copy()
    best = near.groupby("pre_nucleus_id")["signal_correlation"].transform("max") == near["signal_correlation"]
    near["n_synapses"] = best.astype(int)
    near["signal_correlation"] += gap * best
    with pytest.raises(ValueError, match="all is separated: the slope of signal_correlation grows without end"):
        fit_conditional(candidates(near, ["signal_correlation"]))


def test_a_fit_that_does_not_converge_is_no_result(monkeypatch):
    from graphtwin.wiring.conditional import conditional_fit as conditional

    choices = candidates(plant(SMALL, 2).pairs, ["signal_correlation"])
    monkeypatch.setattr(conditional, "solve", lambda *_: (np.zeros((1, 1)), np.array([conditional.NOT_CONVERGED])))
    with pytest.raises(ValueError, match="all did not converge in 50 Newton steps"):
        fit_conditional(choices)


def test_a_similarity_that_varies_for_one_axon_alone_has_no_error_and_is_refused():
    pairs = plant(SMALL, 0).pairs
    first = pairs["pre_nucleus_id"] == pairs.loc[pairs["n_synapses"] > 0, "pre_nucleus_id"].iloc[0]
    pairs["known_for_one"] = pairs["signal_correlation"].where(first, 0.3)
    with pytest.raises(ValueError, match=r"known_for_one varies among the candidates of 1 of 2[0-9] axons of all"):
        fit_conditional(candidates(pairs, ["known_for_one"]))


@pytest.mark.parametrize("size", [1e8, 1e30])
def test_an_outlier_beside_which_nothing_varies_is_named(size):
    pairs = plant(SMALL, 0).pairs
    at = pairs.index[pairs["l_d_um"] > 0][5]
    pairs.loc[at, "signal_correlation"] = size
    pair = " > ".join(str(pairs.loc[at, name]) for name in ("pre_nucleus_id", "post_nucleus_id"))
    with pytest.raises(ValueError, match=rf"variance lies in 1 of [0-9]+ pairs \(1e\+[0-9]+ in {pair}\), beside which nothing else varies"):
        fit_conditional(candidates(pairs, ["signal_correlation"]))


def test_a_group_that_cannot_be_fitted_is_told_what_it_lacks_and_not_to_be_left_out():
    pairs = plant(Planted(n_axons=10, n_targets=100, projections=True), 1).pairs
    one = pairs[pairs["pre_nucleus_id"] == 1]
    with pytest.raises(ValueError, match=r": add axons, or divide the pairs into fewer groups\.$"):
        fit_conditional(candidates(one, ["signal_correlation"], "proj_hva"))
    with pytest.raises(ValueError, match=r"in all \(1\)\. An error over axons needs two, an honest one five: add axons\.$"):
        fit_conditional(candidates(one, ["signal_correlation"]))
