"""Claims: rewiring keeps both degrees and the candidates, visits graphs as often as it should, and finds a planted rule."""

from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graphtwin.wiring.nulls import pair_rewiring as rewiring
from graphtwin.wiring.nulls.pair_rewiring import efficient_scores, exchange, exchange_weights, group_tables, rewire_pairs
from graphtwin.wiring.pairs.candidate_set import candidates
from graphtwin.wiring.pairs.planted import Planted, plant

SIMILARITY = "signal_correlation"
SMALL = Planted(n_axons=25, n_targets=150, n_synapses=150)


def choices_of(planted, table=0, names=(SIMILARITY,), by=None):
    return candidates(plant(planted, 4, table).pairs, names, by)


def rewired(table, swaps_per_edge):
    return table.row_of[table.axon, exchange(*table.arrays, table.target, swaps_per_edge, np.random.default_rng(1))]


@pytest.mark.parametrize("l_d", ["weighted", "binned", "free"])
def test_both_degrees_are_kept_in_every_group_and_only_candidates_are_connected(l_d):
    choices = choices_of(Planted(projections=True, n_synapses=600), by="proj_hva")
    tables = group_tables(choices, exchange_weights(choices, choices.exposure, l_d, 3))
    old = np.concatenate([table.row for table in tables])
    new = np.concatenate([rewired(table, 200) for table in tables])
    assert sorted(old) == np.flatnonzero(choices.n_synapses > 0).tolist()
    assert len(set(new)) == len(new)  # no pair twice
    assert (choices.block[new] == choices.block[old]).all()  # each connection stays with its axon, in its group, and its synapses with it
    group = choices.block_group[choices.block]
    assert Counter(zip(group[new], choices.target[new], strict=True)) == Counter(zip(group[old], choices.target[old], strict=True))
    assert (new != old).mean() > 0.3


def test_bins_of_l_d_keep_their_connections():
    choices = choices_of(Planted(n_synapses=600))
    weights = exchange_weights(choices, choices.exposure, "binned", 6)
    table = group_tables(choices, weights)[0]
    new = rewired(table, 100)
    assert Counter(weights.value[new]) == Counter(weights.value[table.row])
    assert np.ptp(np.bincount(weights.value.astype(int))[1:]) <= 1
    free = group_tables(choices, exchange_weights(choices, choices.exposure, "free"))[0]
    assert Counter(weights.value[rewired(free, 100)]) != Counter(weights.value[table.row])


def test_graphs_are_as_likely_as_the_product_of_their_weights():
    weight = np.random.default_rng(0).uniform(0.5, 3, (3, 4))
    weight[2, 3] = 0  # no candidates
    frame = pd.DataFrame(
        [(a, 10 + t, weight[a, t]) for a in range(3) for t in range(4)], columns=["pre_nucleus_id", "post_nucleus_id", "l_d_um"]
    )
    connected = {(0, 0), (0, 1), (1, 1), (1, 2), (2, 0)}
    frame["n_synapses"] = [int((a, t) in connected) for a in range(3) for t in range(4)]
    choices = candidates(frame)
    table = group_tables(choices, exchange_weights(choices, np.log1p(choices.exposure), "weighted"))[0]
    degrees = Counter(t for _, t in connected)
    possible = {}
    for first, second, third in (
        (f, s, t) for f in combinations(range(4), 2) for s in combinations(range(4), 2) for t in combinations(range(3), 1)
    ):
        if Counter((*first, *second, *third)) == degrees:
            possible[first, second, third] = np.prod(
                [weight[0, list(first)].prod(), weight[1, list(second)].prod(), weight[2, list(third)].prod()]
            )
    visited = Counter()
    for number in range(3000):
        new = exchange(*table.arrays, table.target, 20, np.random.default_rng(number))
        visited[tuple(tuple(sorted(int(t) for t in new[table.axon == a])) for a in range(3))] += 1
    assert set(visited) == set(possible)
    expected = np.array(list(possible.values())) / sum(possible.values()) * 3000
    assert stats.chisquare([visited[graph] for graph in possible], expected).pvalue > 0.001


def test_poisson_tables_make_graphs_as_often_as_their_weights_say():
    frame = pd.DataFrame([(1, 10, 3.0), (1, 11, 0.6), (2, 10, 0.5), (2, 11, 2.0)], columns=["pre_nucleus_id", "post_nucleus_id", "l_d_um"])
    choices = candidates(frame.assign(n_synapses=1))
    one, other, third, fourth = exchange_weights(choices, choices.exposure, "weighted").value
    drawn = np.random.default_rng(0).poisson(choices.exposure, (200_000, 4)) > 0
    straight = (drawn == [True, False, False, True]).all(axis=1).sum()
    crossed = (drawn == [False, True, True, False]).all(axis=1).sum()
    share = one * fourth / (one * fourth + other * third)
    assert abs(straight - share * (straight + crossed)) < 4 * np.sqrt(share * (1 - share) * (straight + crossed))


def confounded(seed, n_axons=30, n_targets=60, n_synapses=900):
    """Similarity goes with L_d and with a nearness that decides who connects; targets are popular; connections have several synapses."""
    rng = np.random.default_rng(seed)
    axon, target = (grid.ravel() for grid in np.meshgrid(np.arange(n_axons), np.arange(n_targets), indexing="ij"))
    log_l_d, nearness = 0.7 * rng.normal(size=len(axon)), rng.normal(size=len(axon))
    rate = np.exp(log_l_d + 0.7 * nearness + rng.normal(0, 0.5, n_targets)[target])
    columns = {"pre_nucleus_id": axon, "post_nucleus_id": 1000 + target, "l_d_um": np.exp(log_l_d), "nearness": nearness}
    columns["n_synapses"] = rng.poisson(n_synapses * rate / rate.sum())
    return pd.DataFrame(columns | {SIMILARITY: log_l_d + 0.7 * nearness + rng.normal(size=len(axon))})


def test_synapses_that_share_a_connection_are_no_rule_of_what_goes_with_l_d_and_a_held_nearness():
    nulls = [rewire_pairs(candidates(confounded(seed), [SIMILARITY, "nearness"]), SIMILARITY, seed, 39) for seed in range(16)]
    away = [(null.z[0] - null.null_z.mean()) / null.null_z.std() for null in nulls]
    assert abs(np.mean(away)) < 4 / np.sqrt(len(away))  # SD 1 each; a score of synapses lies 1.9 away


def test_the_efficient_score_forgets_what_the_others_say_and_treats_all_draws_alike():
    rng = np.random.default_rng(0)
    others, alone = rng.normal(size=(200, 1, 2)), rng.normal(size=(200, 1))
    sums = np.concatenate([(5 + others @ [2.0, -3.0] + alone)[..., None], others], axis=2)
    z, slope = efficient_scores(sums)
    assert abs(np.corrcoef(z[:, 0], alone[:, 0])[0, 1]) > 0.99
    np.testing.assert_allclose(z / slope, np.broadcast_to((z / slope)[0], z.shape))  # the SD of the score
    order = rng.permutation(200)
    np.testing.assert_allclose(efficient_scores(sums[order])[0], z[order], atol=1e-9)
    assert (efficient_scores(np.ones((5, 1, 3)))[0] == 0).all()


def test_fewer_replicates_than_what_is_held_are_refused():
    with pytest.raises(
        ValueError, match=r"rewired: 3 replicates cannot tell signal_correlation from 2 others that are held. Draw more than 3"
    ):
        rewire_pairs(choices_of(SMALL, names=(SIMILARITY, "distance_um")), SIMILARITY, 0, 3)


def test_a_planted_rule_has_the_smallest_p_there_is():
    null = rewire_pairs(choices_of(Planted(slope=2.0), names=(SIMILARITY, "distance_um")), SIMILARITY, 0, 199)
    assert null.p_value()[0] == 1 / 200
    assert 0.4 < null.moved < 0.8  # large L_d draws connections back to where they are


def test_nulls_depend_neither_on_workers_nor_on_rows():
    pairs = plant(Planted(projections=True), 3).pairs
    first, shuffled = (candidates(table, [SIMILARITY], "proj_hva") for table in (pairs, pairs.sample(frac=1, random_state=0)))
    one = rewire_pairs(first, SIMILARITY, 0, 20)
    np.testing.assert_array_equal(one.null_z, rewire_pairs(first, SIMILARITY, 0, 20, workers=3).null_z)
    np.testing.assert_allclose(one.null_z, rewire_pairs(shuffled, SIMILARITY, 0, 20).null_z, atol=1e-6)


def test_connections_that_cannot_move_are_refused():
    pairs = plant(SMALL, 0).pairs
    pairs.loc[pairs["l_d_um"] > 0, "n_synapses"] = 1  # every candidate is connected
    with pytest.raises(ValueError, match=r"rewired: none of \d+ connections found another to exchange targets with"):
        rewire_pairs(candidates(pairs, [SIMILARITY]), SIMILARITY, 0, 3)


def test_a_table_too_large_for_the_cells_is_refused(monkeypatch):
    monkeypatch.setattr(rewiring, "MAX_CELLS", 10)
    with pytest.raises(ValueError, match=r"axons x .* targets need .* GB"):
        rewire_pairs(choices_of(SMALL), SIMILARITY, 0, 3)
