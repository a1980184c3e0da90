"""Claims: a planted preference is found, its absence is reported at the nominal rate, and place alone explains nothing."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.tuning.similarity import signal_correlation
from graphtwin.wiring.pairs.measure import Measure, tuning_measures
from graphtwin.wiring.questions.matched import axon_table, match_partners, nearest_offsets, permuted_differences, summarise

pytestmark = pytest.mark.slow


def planted(slope, seed, n_axons=60, n_posts=150, popularity=0.0, gradient=1.0):
    """Axons 0.., targets 1000..; odds of a synapse fall with distance and, with a slope, rise with signal correlation."""
    rng = np.random.default_rng(seed)
    ids = np.r_[np.arange(n_axons), 1000 + np.arange(n_posts)]
    position = rng.uniform(0, [400, 150, 400], (len(ids), 3))
    responses = rng.normal(size=(len(ids), 16)) + gradient * position[:, :1] / 100 * np.sin(
        np.arange(16)
    )  # function varies smoothly with place
    pre, post = (grid.ravel() for grid in np.meshgrid(np.arange(n_axons), n_axons + np.arange(n_posts), indexing="ij"))
    liking = rng.normal(0, popularity, len(ids))[post]
    distance = np.linalg.norm(position[pre] - position[post], axis=1)
    rate = np.exp(-1.8 - distance / 120 + liking + slope * signal_correlation(responses, pre, post))
    connected = rng.random(len(pre)) < np.minimum(rate, 1)
    neurons = pd.DataFrame(position, columns=["x_um", "depth_um", "z_um"]).assign(nucleus_id=ids, axon_status="non")
    measure = Measure("signal_correlation", ids, lambda a, b: signal_correlation(responses, a, b), np.zeros(len(ids), dtype=np.int64))
    pairs = pd.DataFrame({"pre_nucleus_id": ids[pre[connected]], "post_nucleus_id": ids[post[connected]]})
    return pairs, ids[n_axons:], neurons, measure


def compare_partners(pairs, posts, neurons, measure):
    return axon_table(match_partners(pairs, posts, neurons, measure), measure, neurons)


def analysed(pairs, posts, neurons, measure, seed, n_permutations):
    matches = match_partners(pairs, posts, neurons, measure)
    permuted = permuted_differences(matches, measure, seed, n_permutations)
    return summarise(axon_table(matches, measure, neurons), permuted, seed, n_replicates=200)


def test_a_planted_rule_is_recovered_by_every_test():
    found = analysed(*planted(slope=1.5, seed=0, n_axons=150), 0, 99)
    assert found["low"] > 0.03
    assert found["p_t"] < 1e-4
    assert found["p_wilcoxon"] < 1e-4
    assert found["p_permutation"] == 0.01  # the least that 99 permutations can say


def test_no_rule_is_reported_at_the_nominal_rate():
    found = [analysed(*planted(0.0, seed, 40, 100), seed, 19) for seed in range(200)]
    for p in ("p_t", "p_wilcoxon", "p_permutation"):
        false_positives = np.mean([f[p] <= 0.05 for f in found])
        assert 0.01 <= false_positives <= 0.095  # 5 % expected; binomial 99 % interval, n = 200
    assert np.mean([not f["low"] <= 0 <= f["high"] for f in found]) <= 0.1


def test_popular_targets_fool_the_tests_over_axons_but_not_the_permutation():
    found = [analysed(*planted(0.0, seed, 40, 100, popularity=1.0), seed, 19) for seed in range(100)]
    assert np.mean([f["p_t"] <= 0.05 for f in found]) > 0.095
    assert np.mean([f["p_permutation"] <= 0.05 for f in found]) <= 0.12  # binomial 99 % limit, n = 100


def test_controls_stand_where_the_partners_stand():
    per_axon = compare_partners(*planted(0.0, 3, n_posts=600))
    assert abs(per_axon["connected_um"].mean() - per_axon["control_um"].mean()) < 5
    _, posts, neurons, _ = planted(0.0, 3, n_posts=600)
    place = neurons.set_index("nucleus_id")[["x_um", "depth_um", "z_um"]]
    unmatched = np.linalg.norm(place.loc[posts].to_numpy()[None] - place.loc[np.arange(60)].to_numpy()[:, None], axis=2).mean()
    assert unmatched - per_axon["connected_um"].mean() > 30  # without matching, distance would differ by this much


def test_nearest_offsets_are_nearest_in_lateral_distance_and_depth():
    partner, control = (
        np.array([[30.0, 10.0, 40.0]]),
        np.array([[50.0, 10.0, 0.0], [30.0, -10.0, 40.0], [0.0, 12.0, -49.0], [300.0, 0.0, 0.0]]),
    )
    assert set(nearest_offsets(partner, control, 2)[0]) == {0, 2}


def test_the_order_of_rows_does_not_matter():
    pairs, posts, neurons, measure = planted(0.5, 4)
    first = compare_partners(pairs, posts, neurons, measure)
    again = compare_partners(pairs.sample(frac=1, random_state=0), posts[::-1].copy(), neurons.sample(frac=1, random_state=1), measure)
    pd.testing.assert_frame_equal(first, again)


def test_cells_without_position_or_function_do_not_take_part():
    pairs, posts, neurons, measure = planted(0.5, 5)
    full = compare_partners(pairs, posts, neurons, measure)
    neurons.loc[neurons["nucleus_id"].isin([0, 1000]), "depth_um"] = np.nan
    per_axon = compare_partners(pairs, np.r_[posts, 9999], neurons, measure)
    assert 0 in set(full["pre_nucleus_id"])
    assert 0 not in set(per_axon["pre_nucleus_id"])
    lost = (pairs["pre_nucleus_id"].eq(0) | pairs["post_nucleus_id"].eq(1000)).sum()
    assert per_axon["n_partners"].sum() == full["n_partners"].sum() - lost


def test_orientation_is_only_compared_where_both_cells_are_tuned():
    degrees = np.arange(16) * 22.5
    tuned, flat = 0.1 + np.exp(3 * (np.cos(np.radians(2 * (degrees - 45))) - 1)), np.ones(16)
    columns = [f"direction_{int(d):03d}_{int(d % 1 * 10)}" for d in degrees]
    units = pd.DataFrame([tuned, flat, np.roll(tuned, 4)], columns=columns).assign(nucleus_id=[7, 8, 9], session=4, scan_idx=2)
    neurons = pd.DataFrame({"nucleus_id": [7, 8], "layer": ["L4", None]})
    correlation, orientation = tuning_measures(units, neurons, pd.DataFrame())
    assert correlation.nucleus_id.tolist() == [7, 8, 9]
    assert orientation.nucleus_id.tolist() == [7, 9]
    assert orientation.likeness(np.array([0]), np.array([1]))[0] == pytest.approx(90, abs=1e-6)
    with pytest.raises(ValueError, match="1 of 3 rows repeat the key"):
        tuning_measures(units.assign(nucleus_id=[7, 8, 7]), neurons, pd.DataFrame())


def test_function_of_any_kind_is_compared_over_shared_columns_and_cells_that_share_too_few_are_left_out():
    values = np.random.default_rng(0).normal(size=(4, 12))
    values[0, 0], values[3, 4:] = np.nan, np.nan
    keys = pd.DataFrame({"session": 0, "scan_idx": 0, "unit_id": [7, 8, 9, 10], "nucleus_id": [7, 8, 9, 10]})
    function = keys.join(pd.DataFrame(values, columns=[f"c{index}" for index in range(12)]))
    (measure,) = tuning_measures(keys, pd.DataFrame({"nucleus_id": [7, 8], "layer": ["L4", None]}), function)
    assert (measure.name, measure.nucleus_id.tolist()) == ("signal_correlation", [7, 8, 9])
    expected = np.corrcoef(values[0, 1:], values[1, 1:])[0, 1]
    assert measure.likeness(np.array([0]), np.array([1]))[0] == pytest.approx(expected)


def test_two_axons_are_too_few_for_a_test():
    per_axon = compare_partners(*planted(0.0, 6)).head(2)
    assert np.isnan(summarise(per_axon, np.zeros((9, 2)), 0)["p_t"])


def test_no_axon_at_all_is_an_empty_table():
    pairs, posts, neurons, measure = planted(0.0, 7)
    assert len(compare_partners(pairs, posts[:0], neurons, measure)) == 0


def test_no_axon_is_compared_with_itself_when_function_is_dealt_anew():
    pairs, _, neurons, measure = planted(0.0, 8)
    mutual = pairs.rename(columns={"pre_nucleus_id": "post_nucleus_id", "post_nucleus_id": "pre_nucleus_id"})
    pairs = pd.concat([pairs, mutual, pd.DataFrame({"pre_nucleus_id": [1000, 0], "post_nucleus_id": [1000, 0]})])
    own = Measure("own", measure.nucleus_id, lambda a, b: (a == b).astype(float), measure.stratum)
    matches = match_partners(pairs, neurons["nucleus_id"].to_numpy(), neurons, own)
    assert not (matches.pre == matches.post).any()
    assert (permuted_differences(matches, own, 0, 20) == 0).all()
