"""Claims: a rule is scored on axons it never saw, against L_d alone, and gains only if it is true."""

import numpy as np
import pytest

from graphtwin.wiring.conditional.conditional_fit import fit_conditional
from graphtwin.wiring.conditional.held_out_axons import DISTANCE_ALONE, L_D_ALONE, Hypothesis, axon_folds, compare_held_out, held_out_scores
from graphtwin.wiring.pairs.candidate_set import candidates
from graphtwin.wiring.pairs.planted import Planted, plant

SIMILARITY = "signal_correlation"
LIKE = Hypothesis("like to like", (SIMILARITY,))
BOTH = Hypothesis("like to like + distance", (SIMILARITY, "distance_um"))


def test_l_d_alone_scores_each_axon_by_its_shares_of_l_d():
    pairs = plant(Planted(n_axons=12, n_synapses=150), 0).pairs
    scores = held_out_scores(pairs, [L_D_ALONE], 0).set_index("pre_nucleus_id")
    for axon, mine in pairs[pairs["l_d_um"] > 0].groupby("pre_nucleus_id"):
        expected = (mine["n_synapses"] * np.log(mine["l_d_um"] / mine["l_d_um"].sum())).sum()
        assert scores.loc[axon, "log_likelihood"] == pytest.approx(expected)


def test_an_axon_is_scored_by_a_fit_to_the_other_folds():
    pairs = plant(Planted(n_axons=20, slope=1.0), 1).pairs
    scores = held_out_scores(pairs, [LIKE], 3, n_folds=4)
    fold = scores[scores["fold"] == 2]
    others = fit_conditional(candidates(pairs[~pairs["pre_nucleus_id"].isin(fold["pre_nucleus_id"])], [SIMILARITY])).slope[0, 0]
    for row in fold.itertuples():
        mine = pairs[(pairs["pre_nucleus_id"] == row.pre_nucleus_id) & (pairs["l_d_um"] > 0)]
        weight = mine["l_d_um"] * np.exp(others * mine[SIMILARITY])
        assert row.log_likelihood == pytest.approx((mine["n_synapses"] * np.log(weight / weight.sum())).sum(), abs=1e-4)


def test_a_true_rule_gains_on_axons_it_never_saw_and_distance_alone_loses():
    pairs = plant(Planted(n_axons=60, n_synapses=900, slope=1.5), 2).pairs
    gains = compare_held_out(held_out_scores(pairs, [L_D_ALONE, DISTANCE_ALONE, LIKE, BOTH], 0), "L_d alone", 0, 300).set_index("rule")
    assert gains.loc["like to like", "low"] > 0.02
    assert gains.loc["distance alone", "high"] < -0.1
    assert gains.loc["L_d alone", ["gain", "low", "high"]].tolist() == [0, 0, 0]
    assert abs(gains.loc["like to like + distance", "gain"] - gains.loc["like to like", "gain"]) < 0.02


def test_a_false_rule_seldom_gains():
    found = 0
    for table in range(40):
        pairs = plant(Planted(n_axons=25, n_targets=150, n_synapses=200), 3, table).pairs
        gain = compare_held_out(held_out_scores(pairs, [L_D_ALONE, LIKE], table), "L_d alone", table, 199).set_index("rule")
        found += gain.loc["like to like", "low"] > 0
    assert found <= 4  # 2.5 % expected of a one-sided error; binomial 99 % interval, n = 40


def test_all_rules_are_scored_on_the_same_pairs():
    pairs = plant(Planted(), 4).pairs
    pairs.loc[pairs.index[::7], SIMILARITY] = np.nan
    scores = held_out_scores(pairs, [L_D_ALONE, LIKE], 0)
    totals = scores.groupby("rule")["n_synapses"].sum()
    assert totals.nunique() == 1
    assert totals.iloc[0] == pairs.loc[pairs[SIMILARITY].notna(), "n_synapses"].sum()


def test_neither_rows_nor_groups_change_who_is_held_out():
    pairs = plant(Planted(projections=True, n_synapses=1500), 5).pairs
    first, again = held_out_scores(pairs, [LIKE], 0), held_out_scores(pairs.sample(frac=1, random_state=0), [LIKE], 0)
    np.testing.assert_allclose(first["log_likelihood"], again["log_likelihood"], rtol=1e-6)
    by_group = held_out_scores(pairs, [LIKE], 0, by="proj_hva")
    folds = by_group.groupby("pre_nucleus_id")["fold"].unique()
    assert (folds.map(len) == 1).all()
    assert folds.map(lambda f: f[0]).to_dict() == first.set_index("pre_nucleus_id")["fold"].to_dict()


def test_impossible_folds_and_unknown_references_are_refused():
    with pytest.raises(ValueError, match="8 folds of 5 axons"):
        axon_folds(np.arange(5), 8, 0)
    scores = held_out_scores(plant(Planted(), 0).pairs, [L_D_ALONE], 0)
    with pytest.raises(ValueError, match=r"no rule 'geometry' to compare with\. There are: L_d alone"):
        compare_held_out(scores, "geometry", 0)


def test_a_rule_that_a_fold_cannot_fit_is_refused():
    pairs = plant(Planted(n_axons=30, n_targets=200), 6).pairs
    known = candidates(pairs, [SIMILARITY])
    of_fold = pairs["pre_nucleus_id"].isin(known.axons[axon_folds(known.axons, 5, 0) == 0])
    pairs["rare"] = np.where(of_fold, pairs[SIMILARITY], 0.0)  # varies in no other fold
    pairs.loc[of_fold & (pairs["l_d_um"] > 0), "n_synapses"] = 2
    with pytest.raises(ValueError, match="rare cannot be fitted in all without fold 0"):
        held_out_scores(pairs, [Hypothesis("rare", ("rare",))], 0)
