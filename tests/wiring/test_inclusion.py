"""Claims: each published rule cuts exactly where it says, on either side of its boundary, whatever the order and the names of the axons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.wiring.pairs.inclusion import INCLUSIONS, RELIABLE_ABOVE, Inclusion, include
from graphtwin.wiring.pairs.pair_table import population_of

PUBLISHED, NONE = INCLUSIONS["published"], INCLUSIONS["none"]
X = "in_silico_sig_corr_cvt"


def table(synapses, l_d_um, proj="V1->V1", first=0):
    """Axons with these synapses and L_d (um), all of both in one connected pair; an ADP with an L_d of 1e-9, and a Same region pair."""
    rows = []
    for axon, (count, length) in enumerate(zip(synapses, l_d_um, strict=True), start=first):
        rows += [(axon, 1000, count, length), (axon, 1001, 0, 1e-9 if length else 0.0), (axon, 1002, 0, 0.0)]
    pairs = pd.DataFrame(rows, columns=["pre_nucleus_id", "post_nucleus_id", "n_synapses", "l_d_um"])
    return pairs.assign(population=population_of(pairs), proj_hva=proj, **{X: 0.5})


def cells(**columns):
    ids = [*range(30), 1000, 1001, 1002]
    return pd.DataFrame({"nucleus_id": ids, "cc_max_cvt": 0.9, "cc_abs_cvt": 0.9, "osi_iv": 0.9, "gosi_cvt_monet_full": 0.9} | columns)


def kept(pairs, rules=PUBLISHED, **given):
    return include(pairs, given.pop("neurons", cells()), given.pop("similarity", X), rules, **given)[0]


def test_a_projection_that_passes_every_rule_is_untouched():
    pairs = table([6] * 6, [10.0] * 6)
    pd.testing.assert_frame_equal(kept(pairs), pairs)


@pytest.mark.parametrize(
    ("synapses", "l_d_um", "enters"),
    [
        ([6] * 6, [10.0] * 6, True),
        ([10] * 5, [10.0] * 5, False),  # exactly 5 axons
        ([10] * 5 + [0], [10.0] * 6, False),  # exactly 5 with synapses
        ([6] * 6, [10.0] * 5 + [0.0], False),  # exactly 5 with L_d
        ([5] * 6, [10.0] * 6, False),  # exactly 30 synapses
        ([5] * 5 + [6], [10.0] * 6, True),  # 31
        ([20] + [4] * 5, [10.0] * 6, False),  # exactly half of the synapses
        ([19] + [4] * 5, [10.0] * 6, True),
        ([6] * 6, [51.0] + [10.0] * 5, False),  # just above half of L_d
        ([6] * 6, [49.0] + [10.0] * 5, True),
    ],
)
def test_a_projection_enters_beyond_the_boundary_and_not_on_it(synapses, l_d_um, enters):
    rules = Inclusion(reliability=False, common_axons=False)
    assert (len(kept(table(synapses, l_d_um), rules)) > 0) == enters


def test_exactly_half_of_l_d_is_too_much():
    pairs = table([6] * 6, [50.0] + [10.0] * 5)
    pairs.loc[pairs["l_d_um"] == 1e-9, "l_d_um"] = 0.0
    rules = Inclusion(reliability=False, common_axons=False)
    assert len(kept(pairs, rules)) == 0
    thirds = pairs.assign(l_d_um=pairs["l_d_um"] / 3)  # a unit in which halves are not exact
    assert len(kept(thirds, rules)) == 0


def test_the_funnel_names_each_rule_a_projection_fails():
    pairs = pd.concat([table([6] * 6, [10.0] * 6), table([20, 2, 2, 2], [10.0] * 4, "HVA->V1", first=10)], ignore_index=True)
    found, funnel = include(pairs, cells(), X, PUBLISHED)
    assert set(found["proj_hva"]) == {"V1->V1"}
    row = funnel[funnel["step"] == "HVA->V1 enters"].iloc[0]
    assert (row["n_before"], row["n_after"]) == (30, 18)
    assert row["reason"] == (
        "4 axons with L_d > 0, more than 5 needed; 4 axons with synapses, more than 5 needed; "
        "one axon has 77% of synapses; 26 synapses, more than 30 needed"
    )
    assert "V1->V1 enters" not in set(funnel["step"])


@pytest.mark.parametrize(
    ("similarity", "cuts"),
    [
        ("signal_correlation", {"cc_max_cvt": 0.4, "cc_abs_cvt": 0.2}),
        ("readout_location_distance_sta", {"cc_max_cvt": 0.4, "cc_abs_cvt": 0.2}),
        ("in_vivo_sig_corr", {"cc_max_cvt": 0.4}),
        ("orientation_difference", {"gosi_cvt_monet_full": 0.25}),
        ("delta_ori_iv", {"osi_iv": 0.4}),
    ],
)
def test_both_cells_must_exceed_every_cut_of_the_similarity(similarity, cuts):
    assert RELIABLE_ABOVE[similarity] == cuts
    pairs = table([6] * 8, [10.0] * 8).assign(**{similarity: 0.5})
    rules = Inclusion(more_than_axons=None, more_than_synapses=None, share_below=None, common_axons=False)
    for name, cut in cuts.items():
        values = np.full(33, 0.9)
        values[[0, 1, 2, 30]] = [cut, np.nan, np.nextafter(cut, 1), cut]  # axons 0, 1, 2 and target 1000
        found = kept(pairs, rules, neurons=cells(**{name: values}), similarity=similarity)
        assert set(found["pre_nucleus_id"]) == set(range(2, 8))
        assert set(found["post_nucleus_id"]) == {1001, 1002}
    others = {name: -1.0 for name in ("cc_max_cvt", "cc_abs_cvt", "osi_iv", "gosi_cvt_monet_full") if name not in cuts}
    assert len(kept(pairs, rules, neurons=cells(**others), similarity=similarity)) == len(pairs)


def test_the_projection_rule_counts_reliable_pairs_only():
    pairs = table([6] * 6, [10.0] * 6)
    cc_abs = np.full(33, 0.9)
    cc_abs[0] = 0.1
    assert len(kept(pairs, neurons=cells(cc_abs_cvt=cc_abs))) == 0  # five axons are left
    assert len(kept(pairs, Inclusion(reliability=False), neurons=None)) == len(pairs)


def test_a_cell_that_the_neuron_table_does_not_know_is_not_reliable():
    pairs = table([6] * 7, [10.0] * 7)
    assert set(kept(pairs, neurons=cells()[1:])["pre_nucleus_id"]) == set(range(1, 7))


def test_an_axon_stays_with_a_pair_in_every_population():
    pairs = table([6] * 7, [10.0] * 7)
    lacking = pairs[~((pairs["pre_nucleus_id"] == 3) & (pairs["population"] == "ADP"))]
    found, funnel = include(lacking, cells(), X, PUBLISHED)
    assert set(found["pre_nucleus_id"]) == {0, 1, 2, 4, 5, 6}
    row = funnel[funnel["step"] == "axon in every population"].iloc[0]
    assert (row["n_before"], row["n_after"]) == (20, 18)
    near = pairs[pairs["population"] != "Same region"]  # where no axon has it, nobody lacks it
    assert len(kept(near)) == len(near)


def test_an_axon_may_stay_in_one_projection_and_leave_another():
    pairs = pd.concat([table([6] * 7, [10.0] * 7), table([6] * 7, [10.0] * 7, "V1->HVA")])
    lost = (pairs["proj_hva"] == "V1->HVA") & (pairs["pre_nucleus_id"] == 2) & (pairs["population"] == "Connected")
    found = kept(pairs[~lost].reset_index(drop=True))
    assert found.groupby("proj_hva")["pre_nucleus_id"].nunique().to_dict() == {"V1->V1": 7, "V1->HVA": 6}


def test_none_leaves_every_pair_whose_similarity_and_projection_are_known():
    pairs = table([1, 0], [10.0, 0.0])
    pairs.loc[0, X] = np.nan
    pairs.loc[1, "proj_hva"] = None
    found, funnel = include(pairs, None, X, NONE)
    assert found.index.tolist() == [2, 3, 4, 5]
    assert funnel[["step", "n_dropped"]].to_numpy().tolist() == [["similarity known", 1], ["projection known", 1]]
    assert include(pairs, None, X, NONE, by="none")[0].index.tolist() == [1, 2, 3, 4, 5]


def test_all_pairs_together_are_one_projection():
    pairs = pd.concat([table([6] * 3, [10.0] * 3), table([6] * 3, [10.0] * 3, "HVA->V1", first=3)], ignore_index=True)
    assert len(kept(pairs)) == 0
    assert len(kept(pairs, by="none")) == len(pairs)


def test_neither_order_nor_names_nor_units_matter():
    rng = np.random.default_rng(0)
    pairs = table(rng.integers(0, 12, 12), rng.gamma(2, 5, 12))
    found = kept(pairs)
    shuffled = kept(pairs.sample(frac=1, random_state=0))
    assert sorted(shuffled.index) == found.index.tolist()
    renamed = cells(nucleus_id=[*(np.arange(30) * 7 + 5), 1000, 1001, 1002])
    assert kept(pairs.assign(pre_nucleus_id=pairs["pre_nucleus_id"] * 7 + 5), neurons=renamed).index.tolist() == found.index.tolist()
    assert kept(pairs.assign(l_d_um=pairs["l_d_um"] * 1000)).index.tolist() == found.index.tolist()


def test_a_similarity_without_published_cut_says_so():
    _, funnel = include(table([6] * 6, [10.0] * 6).assign(own=0.1), None, "own", PUBLISHED)
    assert "no published cut is known" in funnel[funnel["step"] == "reliable cells"]["reason"].item()


def test_what_is_missing_is_named():
    pairs = table([6] * 6, [10.0] * 6)
    with pytest.raises(
        ValueError, match="the cuts of in_silico_sig_corr_cvt are on cc_max_cvt, cc_abs_cvt of both cells, and no neuron table"
    ):
        include(pairs, None, X, PUBLISHED)
    with pytest.raises(ValueError, match=r"'cc_abs_cvt' \(nearest here: 'cc_max_cvt'\).* with --inclusion none"):
        include(pairs, cells().drop(columns="cc_abs_cvt"), X, PUBLISHED)
    with pytest.raises(ValueError, match=r"'proj_hva_layer' \(nearest here: 'proj_hva'\)"):
        include(pairs, cells(), X, PUBLISHED, by="proj_hva_layer")
    with pytest.raises(ValueError, match="less than or equal to 1"):
        Inclusion(share_below=2.0)
