"""The joint model: planted rules told apart, commonality that adds up, collinearity named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.mixed import NotConverged
from graphtwin.wiring.questions import joint
from graphtwin.wiring.questions.joint import fit_joint, say

pytestmark = pytest.mark.slow


BLOCKS = {"feature": ["feature_similarity"], "rf": ["rf_distance"], "geometry": ["distance_um"]}


def planted(
    seed: int, feature: float = 0.0, rf: float = 0.0, reach: float = -0.01, size: float = 0.0, n_axons: int = 40, n_targets: int = 250
) -> pd.DataFrame:
    """RF distance grows with soma distance, and feature similarity falls with it: only one of them may be the rule."""
    rng = np.random.default_rng(seed)
    n = n_axons * n_targets
    distance = rng.uniform(20, 300, n)
    rf_distance = 0.1 * distance + rng.normal(0, 5, n)
    likeness = np.tanh(0.05 * (16 - rf_distance) + rng.normal(0, 0.5, n))
    axon = np.repeat(rng.normal(0, 0.5, n_axons), n_targets)
    l_d = np.where(rng.random(n) < 0.6, rng.gamma(2, 8, n) * np.exp(axon + reach * distance + 1), 0.0)
    rate = 0.006 * l_d * np.exp(axon + feature * likeness + rf * rf_distance)
    synapses = rng.poisson(rate)
    mean_size = np.where(synapses > 0, np.exp(6 + size * likeness + rng.normal(0, 0.5, n)), np.nan)
    ids = {
        "pre_nucleus_id": np.repeat(np.arange(n_axons), n_targets),
        "post_nucleus_id": np.tile(np.arange(1000, 1000 + n_targets), n_axons),
    }
    values = {"n_synapses": synapses, "l_d_um": l_d, "mean_synapse_size": mean_size}
    values |= {"feature_similarity": likeness, "rf_distance": rf_distance, "distance_um": distance}
    return pd.DataFrame(ids | values)


def of(joint, predictor: str) -> pd.Series:
    return joint.slopes.set_index("predictor").loc[predictor]


def test_a_feature_rule_is_given_to_the_feature_and_not_to_rf_distance():
    found = fit_joint(planted(0, feature=1.5), BLOCKS, "synaptic")
    feature, rf = of(found, "feature_similarity"), of(found, "rf_distance")
    assert feature["low"] < 1.5 < feature["high"]
    assert feature["low"] > 0
    assert rf["low"] < 0 < rf["high"]
    assert of(found, "rf_distance")["alone"] < -0.01  # alone it looks like a rule
    assert "one SD of feature_similarity multiplies synapses a length of co-travel by" in say(found)
    assert "(no claim: smooth tissue is not ruled out)" in say(found)
    assert "rf_distance, distance_um change nothing clearly" in say(found)


def test_an_rf_rule_is_not_called_like_to_like():
    found = fit_joint(planted(1, rf=-0.06), BLOCKS, "synaptic")
    feature = of(found, "feature_similarity")
    assert feature["alone"] > 0.3
    assert feature["low"] < 0 < feature["high"]


def test_distance_acts_where_it_was_planted():
    pairs = planted(2, reach=-0.01)
    assert of(fit_joint(pairs, BLOCKS, "axonal"), "distance_um")["estimate"] == pytest.approx(-0.01, abs=0.002)
    synaptic = of(fit_joint(pairs, BLOCKS, "synaptic"), "distance_um")
    assert synaptic["low"] < 0 < synaptic["high"]


def test_a_size_rule_is_found_among_connections():
    found = of(fit_joint(planted(3, feature=1.0, size=0.6), BLOCKS, "size"), "feature_similarity")
    assert found["low"] < 0.6 < found["high"]
    assert found["low"] > 0


def test_the_mixed_model_of_sizes_finds_the_slopes_of_pairs_within_axons():
    found = fit_joint(planted(3, feature=1.0, size=0.6), BLOCKS, "size")
    assert found.unfitted == ""
    assert (np.abs(found.slopes["mixed"] - found.slopes["estimate"]) < found.slopes["se"]).all()
    one = of(found, "feature_similarity")
    assert abs(one["mixed"] - 0.6) < 2.5 * one["mixed_se"] < 1.0


def test_parts_of_the_commonality_sum_to_what_all_predictors_explain():
    pairs = planted(4, feature=1.0)
    found = fit_joint(pairs, BLOCKS, "synaptic", n_replicates=20).commonality
    merged = {"all": [column for block in BLOCKS.values() for column in block]}
    whole = fit_joint(pairs, merged, "synaptic", n_replicates=20).commonality
    assert found["share"].sum() == pytest.approx(whole["share"].iloc[0], abs=1e-9)
    unique = found.set_index("predictors").loc["feature"]
    assert unique["low"] > 0
    assert (found["low"] <= found["share"]).all()
    assert (found["share"] <= found["high"]).all()


def test_commonality_of_two_equals_differences_of_fits():
    pairs = planted(5, feature=1.0)
    blocks = {"feature": BLOCKS["feature"], "rf": BLOCKS["rf"]}
    both = fit_joint(pairs, blocks, "synaptic", n_replicates=20).commonality.set_index("predictors")["share"]
    one, other = (
        fit_joint(pairs, {name: blocks[name]}, "synaptic", n_replicates=20).commonality["share"].iloc[0] for name in ("feature", "rf")
    )
    assert both["feature"] == pytest.approx(both.sum() - other, abs=1e-9)
    assert both["feature & rf"] == pytest.approx(one + other - both.sum(), abs=1e-9)


def test_a_predictor_that_repeats_another_is_warned_of():
    pairs = planted(6)
    pairs["rf_again"] = pairs["rf_distance"] + np.random.default_rng(0).normal(0, 0.5, len(pairs))
    found = fit_joint(pairs, {**BLOCKS, "again": ["rf_again"]}, "synaptic", n_replicates=20)
    assert [("rf_distance" in words or "rf_again" in words) for words in found.warnings] == [True, True]
    assert not fit_joint(pairs, {"feature": ["feature_similarity"]}, "synaptic", n_replicates=20).warnings


def no_mixed_model(*_):
    raise NotConverged("left out, for it takes most of the time and no part in the joint slopes")


def test_without_a_rule_joint_slopes_are_called_at_the_nominal_rate(monkeypatch):
    monkeypatch.setattr(joint, "fit_mixed", no_mixed_model)
    blocks = {"all": [column for block in BLOCKS.values() for column in block]}  # joint slopes do not depend on the blocks
    p = [
        of(fit_joint(planted(100 + seed, n_axons=25, n_targets=80), blocks, "synaptic", n_replicates=2), "feature_similarity")["p"]
        for seed in range(120)
    ]
    assert 0.005 <= np.mean(np.array(p) < 0.05) <= 0.125  # 5 % expected; binomial 99.9 % interval, n = 120


def test_unknown_scales_and_too_many_blocks_are_refused():
    pairs = planted(7)
    with pytest.raises(ValueError, match=r"no scale 'dendritic'\. There are axonal, synaptic, size"):
        fit_joint(pairs, BLOCKS, "dendritic")
    with pytest.raises(ValueError, match="7 blocks of predictors, which need 127 fits"):
        fit_joint(pairs, {str(i): ["distance_um"] for i in range(7)}, "synaptic")
