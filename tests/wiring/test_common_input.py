"""Common input: the mean correlation of an axon's targets, against its definition, planted joiners and chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.statistics import with_q
from graphtwin.tuning.similarity import unit_vectors
from graphtwin.wiring.conditional.wiring_rule import fit_rule
from graphtwin.wiring.pairs.planted import Planted, plant
from graphtwin.wiring.questions.shared_input import EFFECTS, common_input, compare, expect, mean_correlation


def planted(
    joined: float, seed: int, n_axons: int = 30, n_cells: int = 150, n_stimuli: int = 40
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Axons that take about 25 synapses each; with `joined` they prefer the cells that respond like a direction drawn for each axon."""
    rng = np.random.default_rng(seed)
    responses = rng.standard_normal((n_cells, n_stimuli))
    frames = []
    for axon in range(n_axons):
        l_d = rng.gamma(2.0, 10.0, n_cells)
        liked = unit_vectors(responses) @ unit_vectors(rng.standard_normal((1, n_stimuli)))[0]
        rate = l_d * np.exp(joined * liked)
        expected = 25 * l_d / l_d.sum()
        columns = {"pre_nucleus_id": 1000 + axon, "post_nucleus_id": np.arange(n_cells), "proj_hva": "V1->V1", "l_d_um": l_d}
        columns |= {"n_synapses": rng.poisson(25 * rate / rate.sum()), "expected_n_synapses_given_l_d": expected}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True), np.arange(n_cells), responses


def test_the_mean_correlation_is_that_of_all_pairs_of_targets():
    rng = np.random.default_rng(0)
    responses, weight = rng.standard_normal((7, 12)), rng.random(7)
    correlation = np.corrcoef(responses)
    j, k = np.triu_indices(7, 1)
    by_definition = (weight[j] * weight[k] * correlation[j, k]).sum() / (weight[j] * weight[k]).sum()
    assert mean_correlation(unit_vectors(responses), weight[None])[0] == pytest.approx(by_definition, abs=1e-12)


def test_responses_of_single_precision_and_targets_without_weight_give_the_same():
    rng = np.random.default_rng(1)
    responses, weight = rng.standard_normal((60, 300)) + 5.0, rng.poisson(0.2, (4, 60)).astype(float)
    some = weight[0] > 0
    whole = mean_correlation(unit_vectors(responses), weight)
    assert mean_correlation(unit_vectors(responses[some]), weight[:1, some])[0] == pytest.approx(whole[0], abs=1e-12)
    np.testing.assert_allclose(mean_correlation(unit_vectors(responses.astype(np.float32)), weight), whole, atol=1e-6)


def test_a_rule_shares_out_what_each_axon_has_by_similarity():
    pairs = plant(Planted(n_axons=20, n_targets=150, n_synapses=900, slope=1.0, l_d_slope=1.0, projections=True), 5).pairs
    found = expect(pairs, ["signal_correlation"], "proj_hva")
    assert {expected for _, expected in EFFECTS.values()} <= set(found.columns)
    axon = [pairs["proj_hva"], pairs["pre_nucleus_id"]]
    np.testing.assert_allclose(found["expected_l_d_um"].groupby(axon).sum(), pairs["l_d_um"].groupby(axon).sum(), rtol=1e-9)
    of_axon = np.log(found["expected_l_d_um"]) - np.log(found["expected_l_d_um"]).groupby(axon).transform("mean")
    likeness = pairs["signal_correlation"] - pairs["signal_correlation"].groupby(axon).transform("mean")
    for name, part in likeness.groupby(pairs["proj_hva"]):
        slope = (part * of_axon[part.index]).sum() / (part**2).sum()
        np.testing.assert_allclose(of_axon[part.index], slope * part, atol=1e-9)  # log-linear, one slope a projection
        assert slope > 0.3, name


def test_an_axonal_rule_alone_leaves_no_axonal_effect():
    difference, beyond = [], []
    for number in range(6):
        world = plant(Planted(n_axons=30, n_targets=250, n_synapses=900, l_d_slope=1.5, retinotopy=0.0), 3, number)
        pairs = expect(world.pairs.assign(group="all"), ["signal_correlation"], "group")
        for table, found in ((pairs, difference), (pairs.assign(expected_l_d_um=1.0), beyond)):
            effects = compare(common_input(table, world.nucleus_id, world.function, "group", n_draws=0), n_replicates=9).set_index("effect")
            found.append(effects.loc["axonal", "difference"])
    assert abs(np.mean(difference)) < 0.01
    assert np.mean(beyond) > 0.015  # to no rule at all, an axon's neighbours look like joiners


def test_one_target_alone_has_no_mean_correlation():
    vectors = unit_vectors(np.random.default_rng(0).standard_normal((3, 5)))
    assert np.isnan(mean_correlation(vectors, np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]))).all()


def test_scale_of_weights_and_of_responses_changes_nothing():
    pairs, ids, responses = planted(2.0, 0, n_axons=5)
    scaled = pairs.assign(expected_n_synapses_given_l_d=7.0 * pairs["expected_n_synapses_given_l_d"])
    one = common_input(pairs, ids, responses)
    other = common_input(scaled, ids, 3.0 * responses + 2.0)
    np.testing.assert_allclose(one[["observed", "expected"]], other[["observed", "expected"]], atol=1e-10)


def test_planted_joiners_are_found_and_named_as_synaptic():
    found = compare(common_input(*planted(8.0, 1)))
    assert list(found["effect"]) == ["synaptic"]
    assert found.loc[0, "low"] > 0
    assert found.loc[0, "q"] < 1e-3


def test_a_rule_for_pairs_alone_leaves_no_synaptic_effect():
    difference, beyond_l_d = [], []
    for number in range(10):
        world = plant(Planted(n_axons=30, n_targets=250, n_synapses=900, slope=1.5), 3, number)
        pairs = world.pairs.assign(expected_n_synapses_given_l_d=fit_rule(world.pairs, ["signal_correlation"]).expected(world.pairs))
        alone = pairs.assign(expected_n_synapses_given_l_d=pairs["l_d_um"])
        for table, found in ((pairs, difference), (alone, beyond_l_d)):
            found.append(compare(common_input(table, world.nucleus_id, world.function, n_draws=0), n_replicates=9).loc[0, "difference"])
    assert abs(np.mean(difference)) < 0.011  # 4 standard errors: the SD over tables is .0085
    assert np.mean(beyond_l_d) > 0.03  # to the exposure alone, targets of a rule look like joiners


def test_without_joiners_axons_are_called_at_the_nominal_rate():
    p = np.concatenate([common_input(*planted(0.0, seed, n_axons=25), seed=seed)["p_axon"] for seed in range(12)])
    assert 0.02 <= np.mean(p <= 0.05) <= 0.09  # 5 % expected; binomial 99.9 % interval, n = 300


def test_axons_with_few_partners_and_targets_without_response_take_no_part_and_are_counted():
    pairs, ids, responses = planted(0.0, 2, n_axons=3)
    pairs.loc[pairs["pre_nucleus_id"] == 1000, "n_synapses"] = 0
    responses[:4] = 1.0  # cells that never vary
    found = common_input(pairs, ids[:-1], responses[:-1])
    assert 1000 not in set(found["pre_nucleus_id"])
    assert (found["n_unknown"] == 5).all()


def test_few_axons_give_no_p():
    found = compare(common_input(*planted(8.0, 1, n_axons=4)))
    assert found["p"].isna().all()
    assert found["difference"].notna().all()


def test_false_discovery_rates_ignore_undefined_p():
    table = with_q(pd.DataFrame({"p": [0.01, np.nan, 0.04]}))
    np.testing.assert_allclose(table["q"], [0.02, np.nan, 0.04])


def test_the_order_of_cells_and_of_pairs_changes_nothing():
    pairs, ids, responses = planted(2.0, 3, n_axons=6)
    order = np.random.default_rng(0).permutation(len(ids))
    one = common_input(pairs, ids, responses)
    other = common_input(pairs.sample(frac=1, random_state=0), ids[order], responses[order])
    assert len(one) == len(other) == 6
    pd.testing.assert_frame_equal(one, other)


def test_one_axon_gives_no_interval_and_five_a_widened_one():
    axons = common_input(*planted(0.0, 4, n_axons=5), n_draws=0)
    assert compare(axons.head(1))[["low", "high"]].isna().all(axis=None)
    difference = (axons["observed"] - axons["expected"]).to_numpy()
    found = compare(axons).iloc[0]
    plain = 1.96 * difference.std() / np.sqrt(5)
    assert found["high"] - found["low"] > 1.2 * 2 * plain
