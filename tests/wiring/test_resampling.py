"""Claims: replicates are refits, spread as theory says, cover a planted slope, and the axon that carries a slope is named.

How often intervals err without a rule: `test_error_rates`.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphtwin.wiring.conditional.axon_bootstrap import (
    bootstrap_axons,
    bootstrap_axons_and_targets,
    leave_one_axon_out,
    refits,
    target_degrees,
    two_way_errors,
)
from graphtwin.wiring.conditional.conditional_fit import fit_conditional
from graphtwin.wiring.pairs.candidate_set import candidates
from graphtwin.wiring.pairs.planted import Planted, plant

SMALL = Planted(n_axons=25, n_targets=150, n_synapses=200)
SHARED = Planted(n_axons=100, n_targets=150, n_synapses=1500, popularity=0.8, common=0.7)  # axons agree on popular targets


def fitted(planted, table=0, by=None, names=("signal_correlation",)):
    return fit_conditional(candidates(plant(planted, 1, table).pairs, names, by))


def test_a_refit_without_an_axon_is_a_fit_without_its_pairs():
    pairs = plant(Planted(projections=True, slope=0.5), 0).pairs
    fit = fit_conditional(candidates(pairs, ["signal_correlation", "distance_um"], "proj_hva"))
    left_out = 3
    weight = (np.arange(len(fit.choices.axons)) != left_out).astype(float)
    rest = pairs[pairs["pre_nucleus_id"] != fit.choices.axons[left_out]]
    alone = fit_conditional(candidates(rest, ["signal_correlation", "distance_um"], "proj_hva"))
    np.testing.assert_allclose(
        refits(fit, lambda _: (weight, np.zeros(0)), 1, 1, "one axon less")[0], alone.slope, atol=1e-3 * alone.se_axon.min()
    )


def test_the_axon_that_carries_a_slope_is_named_with_the_slope_without_it():
    pairs = plant(SMALL, 2).pairs
    busy = pairs["pre_nucleus_id"] == 7
    pairs.loc[busy, "n_synapses"] = (12 * (pairs["l_d_um"] > 0) * (pairs["signal_correlation"] > 0.3))[busy]
    fit = fit_conditional(candidates(pairs, ["signal_correlation"]))
    influence = leave_one_axon_out(fit)
    most = influence[influence["is_most_influential"]]
    assert most["pre_nucleus_id"].tolist() == [7]
    rest = fit_conditional(candidates(pairs[~busy], ["signal_correlation"]))
    assert most["estimate_without"].iloc[0] == pytest.approx(rest.slope[0, 0], abs=1e-3 * rest.se_axon[0, 0])
    np.testing.assert_allclose(influence["change"], fit.slope[0, 0] - influence["estimate_without"])
    assert len(influence) == 25


def test_replicates_depend_neither_on_workers_nor_on_rows():
    pairs = plant(Planted(projections=True), 3).pairs
    fits = [
        fit_conditional(candidates(table, ["signal_correlation"], "proj_hva")) for table in (pairs, pairs.sample(frac=1, random_state=0))
    ]
    for draw in (bootstrap_axons, bootstrap_axons_and_targets):
        one, two, shuffled = draw(fits[0], 0, 30), draw(fits[0], 0, 30, workers=3), draw(fits[1], 0, 30)
        np.testing.assert_array_equal(one.replicates, two.replicates)
        np.testing.assert_allclose(one.replicates, shuffled.replicates, rtol=1e-6)
        assert np.abs(draw(fits[0], 1, 30).replicates - one.replicates).max() > 0.01


def test_the_bootstrap_of_axons_spreads_like_the_clustered_error():
    fit = fitted(Planted(n_axons=100, n_targets=300, n_synapses=1500, dispersion=2.0, slope=0.5))
    frame = bootstrap_axons(fit, 0, 400).to_frame().iloc[0]
    assert frame["se"] == pytest.approx(fit.se_axon[0, 0], rel=0.15)
    assert frame["low"] < fit.slope[0, 0] < frame["high"]


def test_the_two_way_bootstrap_estimates_axons_and_targets_and_counts_noise_once():
    fit = fitted(SHARED)
    once, thrice = two_way_errors(fit)
    bootstrap = bootstrap_axons_and_targets(fit, 0, 400)
    raw = bootstrap.replicates[:, 0, 0].std(ddof=1)
    assert raw == pytest.approx(thrice[0, 0] / fit.choices.scale[0], rel=0.2)
    assert bootstrap.to_frame()["se"].iloc[0] == pytest.approx(raw * once[0, 0] / thrice[0, 0], rel=1e-6)


def test_a_planted_slope_is_covered_by_both_bootstraps():
    planted = Planted(n_axons=30, n_targets=200, n_synapses=300, slope=1.0)
    for draw in (bootstrap_axons, bootstrap_axons_and_targets):
        frames = pd.concat([draw(fitted(planted, table), table, 59).to_frame() for table in range(60)])
        assert ((frames["low"] <= 1) & (frames["high"] >= 1)).sum() >= stats.binom.ppf(0.005, 60, 0.95)


def test_popular_targets_are_worth_fewer():
    even = fitted(Planted(n_axons=40, n_targets=100, n_synapses=2000)).choices
    assert (
        target_degrees(fitted(Planted(n_axons=40, n_targets=100, n_synapses=2000, popularity=1.5)).choices)[0]
        < 0.5 * target_degrees(even)[0]
    )


def test_too_many_replicates_without_a_slope_leave_no_interval():
    fit = fitted(SMALL)
    bootstrap = bootstrap_axons(fit, 0, 20)
    bootstrap.replicates[:3] = np.nan
    frame = bootstrap.to_frame().iloc[0]
    assert (frame["n_undefined"], frame["n_replicates"]) == (3, 20)
    assert frame[["se", "low", "high"]].isna().all()


def test_an_axon_without_which_there_is_no_slope_is_the_most_influential():
    pairs = plant(SMALL, 0).pairs
    connected = pairs[(pairs["n_synapses"] > 0)].groupby("pre_nucleus_id")["l_d_um"].count()
    first, second = connected.index[connected >= 2][:2]
    pairs = pairs[pairs["pre_nucleus_id"].isin([first, second])].reset_index(drop=True)
    of_second = pairs["pre_nucleus_id"] == second
    lowest = pairs.loc[of_second & (pairs["l_d_um"] > 0), "signal_correlation"].min() - 1
    pairs.loc[of_second & (pairs["n_synapses"] > 0), "signal_correlation"] = lowest  # alone, it is separated
    frame = leave_one_axon_out(fit_conditional(candidates(pairs, ["signal_correlation"])))
    assert frame.loc[frame["is_most_influential"], "pre_nucleus_id"].tolist() == [first]
    assert frame.loc[frame["is_most_influential"], "estimate_without"].isna().all()
