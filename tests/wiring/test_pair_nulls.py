"""Claims: a null deals what it says and keeps the rest, its statistic is the score of a refit, and a planted rule is found.

How often nulls err without a rule: `test_error_rates`.
"""

import numpy as np
import pytest
from scipy import stats

from graphtwin.wiring.conditional.conditional_fit import solve
from graphtwin.wiring.conditional.rao_score import score_parts, score_test
from graphtwin.wiring.nulls.permutations import permutation_cells, permute_neurons, permute_within_axons, shuffle
from graphtwin.wiring.pairs.candidate_set import candidates
from graphtwin.wiring.pairs.measure import Measure
from graphtwin.wiring.pairs.outcomes import outcome_of
from graphtwin.wiring.pairs.planted import Planted, plant
from graphtwin.wiring.questions.analysis import analyse, fit_groups
from graphtwin.wiring.questions.question import Question

SIMILARITY = "signal_correlation"
SMALL = Planted(n_axons=25, n_targets=150, n_synapses=200)
RULE = Planted(n_axons=30, n_targets=200, n_synapses=400, slope=1.5)


def choices_of(planted, table=0, names=(SIMILARITY,), by=None):
    return candidates(plant(planted, 2, table).pairs, names, by)


def measure_of(data, stratum=None):
    def likeness(a, b):
        return np.einsum("ij,ij->i", data.function[a], data.function[b])

    return Measure(SIMILARITY, data.nucleus_id, likeness, data.layer if stratum is None else stratum)


def test_an_axon_is_dealt_its_own_similarities():
    choices = choices_of(SMALL)
    value, stratum = choices.x[:, 0], np.arange(len(choices.row)) % 3
    order, cell = permutation_cells(choices, stratum)
    dealt = np.empty_like(value)
    dealt[order] = shuffle(value[order], cell, np.random.default_rng(0))
    for block in range(len(choices.block_axon)):
        for one in range(3):
            mine = (choices.block == block) & (stratum == one)
            np.testing.assert_array_equal(np.sort(dealt[mine]), np.sort(value[mine]))
    assert (dealt != value).mean() > 0.8


def test_every_deal_is_equally_likely():
    deals = {}
    for number in range(2400):
        dealt = tuple(shuffle(np.arange(4.0), np.array([0, 4]), np.random.default_rng(number)))
        deals[dealt] = deals.get(dealt, 0) + 1
    assert len(deals) == 24
    assert stats.chisquare(list(deals.values())).pvalue > 0.001


def test_a_planted_rule_has_the_smallest_p_there_is():
    data = plant(RULE, 0)
    choices = candidates(data.pairs, [SIMILARITY])
    for null in (permute_within_axons(choices, SIMILARITY, 0, 199), permute_neurons(choices, measure_of(data), 0, 199)):
        assert null.p_value()[0] == 1 / 200
        frame = null.to_frame().iloc[0]
        assert abs(frame["null_mean"]) < 0.2 * frame["estimate"]
        assert (frame["p"], frame["n_replicates"]) == (1 / 200, 199)


def test_the_one_step_slope_of_a_null_is_the_slope_of_its_refit():
    choices = choices_of(Planted())
    test = score_test(choices, SIMILARITY)
    value = shuffle(test.value, choices.start, np.random.default_rng(1))
    _, one_step = test.z(score_parts(*test.frame(), test.expected, test.residual, test.others, value))
    choices.x[:, 0] = value
    refitted, _ = solve(choices, np.ones(len(choices.axons)), np.zeros((1, 1)))
    error = 1 / np.sqrt(test.observed()[0, 1]) / choices.scale[0]
    assert one_step[0] == pytest.approx(refitted[0, 0] / choices.scale[0], abs=0.05 * error)


def test_z_is_the_root_of_the_likelihood_gained_given_the_others():
    choices = choices_of(
        Planted(n_axons=60, n_targets=400, n_synapses=3000, slope=0.12, distance_slope=-0.3), 1, (SIMILARITY, "distance_um")
    )
    z, _ = score_test(choices, SIMILARITY).z(score_test(choices, SIMILARITY).observed())
    from graphtwin.wiring.conditional.conditional_fit import fit_conditional

    gained = 2 * (fit_conditional(choices).log_likelihood - fit_conditional(choices.only(choices.similarities[1:])).log_likelihood)
    assert z[0] ** 2 == pytest.approx(gained[0], rel=0.03)


def test_targets_keep_their_stratum_and_no_axon_meets_itself():
    from graphtwin.wiring.nulls.permutations import _relabelled

    likeness = np.arange(12.0).reshape(2, 6)
    start, block_axon, target = np.array([0, 5, 10]), np.array([0, 1]), np.r_[1:6, 0, 2:6]
    source, own = np.array([3, 0, 1, 2, 5, 4]), np.array([0, 1])  # axon 0 is target 0, axon 1 is target 1
    value = _relabelled(start, block_axon, target, likeness, source, own)
    for axon in (0, 1):
        mine = value[5 * axon : 5 * axon + 5] - 6 * axon
        assert sorted(mine) == sorted(set(range(6)) - {axon})
    assert value[0] == likeness[0, source[0]]  # target 1 was given the axon's own function, and takes what that cell was given


def test_nulls_depend_neither_on_workers_nor_on_rows():
    data = plant(Planted(n_axons=20, n_targets=100, projections=True), 3)
    pairs, names = data.pairs, [SIMILARITY, "distance_um"]
    first, shuffled_rows = (candidates(table, names, "proj_hva") for table in (pairs, pairs.sample(frac=1, random_state=0)))
    for null in (
        lambda c, w: permute_within_axons(c, SIMILARITY, 0, 20, workers=w),
        lambda c, w: permute_neurons(c, measure_of(data), 0, 20, w),
    ):
        one = null(first, 1)
        np.testing.assert_array_equal(one.null_z, null(first, 3).null_z)
        np.testing.assert_allclose(one.null_z, null(shuffled_rows, 1).null_z, atol=1e-6)
        assert one.null_z.shape == (20, 4)
        assert one.moved > 0.8


def test_strata_that_leave_nothing_to_exchange_are_refused():
    data = plant(SMALL, 0)
    choices = candidates(data.pairs, [SIMILARITY])
    with pytest.raises(ValueError, match=rf"every one of {len(choices.row)} pairs is alone in its stratum"):
        permute_within_axons(choices, SIMILARITY, 0, 9, np.arange(len(data.pairs)))
    with pytest.raises(ValueError, match=rf"every one of {len(choices.targets)} targets is alone in its stratum"):
        permute_neurons(choices, measure_of(data, np.arange(len(data.nucleus_id))), 0, 9)


def test_the_note_on_a_null_that_these_pairs_do_not_allow_names_it_once():
    data = plant(SMALL, 0)
    outcome, fit, _ = fit_groups(outcome_of(data.pairs, "synapse_density", [SIMILARITY], None))
    alone = measure_of(data, np.arange(len(data.nucleus_id)))
    found = analyse(Question(outcome, fit, 9, 0, 1, measure=alone))["permuted neurons"]()
    n = len(fit.choices.targets)
    assert found.notes == [
        f"{SIMILARITY}, permuted neurons: not drawn, since every one of {n} targets is alone in its stratum, nothing can be exchanged. "
        "Use wider strata."
    ]


def test_a_measure_that_is_not_the_column_of_the_table_is_refused():
    data = plant(SMALL, 0)
    choices = candidates(data.pairs, [SIMILARITY])
    with pytest.raises(ValueError, match=rf"differs from the column of the table in .* of {len(choices.row)} pairs"):
        permute_neurons(choices, Measure(SIMILARITY, data.nucleus_id, lambda a, b: 0.5 * np.ones(len(b)), data.layer), 0, 9)
    known = data.nucleus_id != choices.targets[0]
    with pytest.raises(ValueError, match="signal_correlation is not defined for 1 of"):
        permute_neurons(choices, Measure(SIMILARITY, data.nucleus_id[known], measure_of(data).likeness, data.layer[known]), 0, 9)


def test_a_table_too_large_for_the_cells_is_refused(monkeypatch):
    from graphtwin.wiring.nulls import permutations as pair_nulls

    monkeypatch.setattr(pair_nulls, "MAX_CELLS", 10)
    data = plant(SMALL, 0)
    with pytest.raises(ValueError, match=r"axons x .* targets need .* GB. Test groups of axons apart"):
        permute_neurons(candidates(data.pairs, [SIMILARITY]), measure_of(data), 0, 9)


def test_a_projection_in_which_nothing_can_be_exchanged_has_no_p_and_the_others_have_theirs():
    for table in range(4):
        pairs = plant(Planted(n_axons=30, n_targets=120, n_synapses=600, projections=True), table).pairs
        alone = np.random.default_rng(table).permutation(len(pairs)) + 1  # in an order of their own, so that sums are rounded otherwise
        stratum = np.where(pairs["proj_hva"] == "V1->V1", alone, 0)
        null = permute_within_axons(candidates(pairs, [SIMILARITY], "proj_hva"), SIMILARITY, 0, 39, stratum)
        p = dict(zip(null.groups, null.p_value(), strict=True))
        assert np.isnan(p.pop("V1->V1"))
        assert p
        assert np.isfinite(list(p.values())).all()


def test_a_likeness_that_is_unknown_for_some_pairs_is_not_dealt():
    data = plant(Planted(n_axons=20, n_targets=80, n_synapses=200), 0)
    choices = candidates(data.pairs, [SIMILARITY])
    far = data.pairs[data.pairs["l_d_um"] == 0].iloc[0]
    a, b = np.searchsorted(data.nucleus_id, [far["pre_nucleus_id"], far["post_nucleus_id"]])
    whole = measure_of(data)
    gap = Measure(SIMILARITY, data.nucleus_id, lambda i, j: np.where((i == a) & (j == b), np.nan, whole.likeness(i, j)), data.layer)
    with pytest.raises(ValueError, match="not known for 1 of 1560 axons with targets"):
        permute_neurons(choices, gap, 0, 9)
