from __future__ import annotations

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from graphtwin.synthetic.brain.neurites import grow_axon, kept, severed
from graphtwin.synthetic.wiring import reconstruction
from graphtwin.synthetic.wiring.connections import connect
from graphtwin.synthetic.wiring.planted_rules import rule_of
from graphtwin.synthetic.wiring.reconstruction import FRAGMENT, ReconstructConfig, reconstruct
from tests.synthetic.tissues import tissue

pytestmark = pytest.mark.slow


TISSUE = tissue(150)
CONFIG = ReconstructConfig(extended=0.15, clean=0.15, merged=0.05, broken_dendrites=0.2)
PAIR = ["pre_nucleus_id", "post_nucleus_id"]


@pytest.fixture(scope="module")
def connections():
    return connect(TISSUE, rule_of("geometry", base=-4.0))


@pytest.fixture(scope="module")
def seen(connections):
    return reconstruct(TISSUE, connections, CONFIG)


def test_root_ids_change_between_materializations_but_for_a_few(monkeypatch):
    monkeypatch.setattr(reconstruction, "SAME_REGION_UM", 1.0)  # no pairs are needed
    rows = tissue(3000)
    none = connect(tissue(10), rule_of("geometry"))
    empty = type(none)(none.pairs.iloc[:0], none.synapses.iloc[:0])
    roots = reconstruct(rows, empty, ReconstructConfig(extended=1.0, clean=0.0, broken_dendrites=0.0), tiles=[]).roots
    somata = roots[roots["compartment"] == "soma"].pivot(index="nucleus_id", columns="materialization", values="root_id")
    assert 0.03 < (somata[343] == somata[661]).mean() < 0.055
    assert roots["root_id"].min() > 2**53


def test_two_nuclei_share_a_root_id_and_more_of_them_did_before(seen):
    cells = seen.roots[seen.roots["nucleus_id"] != FRAGMENT]
    shared = cells.groupby(["materialization", "root_id"])["nucleus_id"].nunique()
    merges = (shared == 2).groupby("materialization").sum()
    assert shared.max() == 2
    assert merges[661] == 4
    assert merges[343] == 8


def test_severed_pieces_are_fragments_without_a_nucleus_and_every_root_of_a_synapse_is_known(seen):
    latest = seen.roots[seen.roots["materialization"] == 661]
    owners = latest.set_index("root_id")["nucleus_id"]
    assert set(seen.synapses["pre_root_id"]) | set(seen.synapses["post_root_id"]) <= set(owners.index)
    cut = seen.synapses[(seen.synapses["pre_piece"] > 0) & ~seen.synapses["is_artefact"]]
    assert len(cut) > 20
    assert (owners.loc[cut["pre_root_id"]] == FRAGMENT).all()
    row = int(np.flatnonzero(np.isfinite(seen.axon_kept_um))[0])
    pieces = severed(grow_axon(TISSUE, int(TISSUE.nucleus_id[row])), float(seen.axon_kept_um[row])).max()
    mine = (latest["owner_nucleus_id"] == TISSUE.nucleus_id[row]) & (latest["compartment"] == "axon")
    assert mine.sum() == pieces > 0


def test_a_synapse_is_seen_on_its_cell_exactly_where_the_path_was_not_cut(seen):
    true = seen.synapses[~seen.synapses["is_artefact"]]
    cut = seen.axon_kept_um[np.searchsorted(TISSUE.nucleus_id, true["pre_nucleus_id"])]
    near_cut = np.abs(true["axon_distance_um"] - cut) < 5  # a piece begins with a vertex, at most a step beyond the cut
    assert ((true["pre_piece"] == 0) == (true["axon_distance_um"] <= cut))[~near_cut].all()


def test_nothing_true_is_lost_and_artefacts_have_one_root_on_both_sides(seen, connections):
    true = seen.synapses[~seen.synapses["is_artefact"]]
    assert_frame_equal(true[connections.synapses.columns], connections.synapses)
    artefacts = seen.synapses[seen.synapses["is_artefact"]]
    assert len(artefacts) == round(0.025 * len(true))
    assert (artefacts["pre_root_id"] == artefacts["post_root_id"]).all()
    assert seen.synapses["synapse_id"].is_unique


def test_whole_axons_and_dendrites_show_their_true_l_d_and_cut_ones_less(seen, connections):
    both = seen.pairs.merge(connections.pairs, on=PAIR, how="left", suffixes=("", "_true")).fillna(
        {"l_d_um_true": 0.0, "n_synapses_true": 0}
    )
    pre, post = (np.searchsorted(TISSUE.nucleus_id, both[name]) for name in PAIR)
    whole = np.isinf(seen.axon_kept_um[pre]) & np.isinf(seen.dendrite_kept_um[post])
    assert whole.any()
    np.testing.assert_allclose(both["l_d_um"][whole], both["l_d_um_true"][whole])
    assert (both["n_synapses"] == both["n_synapses_true"])[whole].all()
    assert (both["l_d_um"] <= both["l_d_um_true"] + 1e-9).all()
    assert (both["l_d_um"] < both["l_d_um_true"])[~whole].any()
    assert (both["n_synapses"] <= both["n_synapses_true"]).all()


def test_pairs_are_those_of_proofread_axons_with_everyone_around(seen):
    proofread = seen.proofreading.loc[seen.proofreading["status_axon"] != "non", "nucleus_id"]
    assert set(seen.pairs["pre_nucleus_id"]) == set(proofread)
    assert len(seen.pairs) == len(proofread) * (len(TISSUE.nucleus_id) - 1)  # the sheet is smaller than the region
    assert (seen.pairs["l_d_um"] == 0).any()
    assert (seen.pairs.loc[seen.pairs["n_synapses"] > 0, "l_d_um"] > 0).mean() > 0.98


def test_extended_axons_are_whole_and_most_others_short(seen):
    status = seen.proofreading.set_index("nucleus_id")["status_axon"].reindex(TISSUE.nucleus_id, fill_value="non").to_numpy()
    assert np.isinf(seen.axon_kept_um[status == "extended"]).all()
    assert np.median(seen.axon_kept_um[status == "non"]) < 250
    length = [kept(grow_axon(TISSUE, int(TISSUE.nucleus_id[row])), float(seen.axon_kept_um[row])).length_um for row in range(20)]
    assert min(length) >= 36  # somewhat more than nothing


def test_the_same_seed_shows_the_same(seen, connections):
    again = reconstruct(tissue(150), connections, CONFIG)
    for name in ("roots", "proofreading", "synapses", "pairs"):
        assert_frame_equal(getattr(seen, name), getattr(again, name))


def test_shares_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"extended \+ clean = 1.2: shares of the same neurons add up to 1 at most"):
        ReconstructConfig(extended=0.6, clean=0.6)
