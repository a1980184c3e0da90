"""Claims: the choices of an axon are sorted the same from any table, and a table that makes no sense is refused with counts and names."""

import numpy as np
import pandas as pd
import pytest

from graphtwin.wiring.pairs.candidate_set import candidates, quantile_bins
from graphtwin.wiring.pairs.planted import Planted, plant


@pytest.fixture
def pairs():
    return plant(Planted(n_axons=8, n_targets=60, n_synapses=80, projections=True), 0).pairs


def test_only_pairs_with_proximity_and_known_similarity_are_candidates(pairs, caplog):
    near = np.flatnonzero(pairs["l_d_um"] > 0)
    pairs.loc[near[:3], "signal_correlation"] = np.nan
    caplog.set_level("INFO", "graphtwin")
    choices = candidates(pairs, ["signal_correlation"])
    assert (len(choices.row), choices.n_unknown) == (len(near) - 3, 3)
    assert f"3 of {len(near)} pairs with L_d > 0 left out: signal_correlation unknown" in caplog.text
    assert (pairs["l_d_um"].to_numpy()[choices.row] == choices.l_d_um).all()


def test_similarities_come_back_from_their_standard_scale(pairs):
    choices = candidates(pairs, ["signal_correlation", "distance_um"], "proj_hva")
    raw = pairs[["signal_correlation", "distance_um"]].to_numpy()[choices.row]
    np.testing.assert_allclose(choices.x * choices.scale + choices.centre, raw)
    np.testing.assert_allclose(choices.x.std(axis=0), 1)


def test_a_block_is_one_axon_in_one_group(pairs):
    choices = candidates(pairs, ["signal_correlation"], "proj_hva")
    rows = pairs.iloc[choices.row]
    assert (rows["pre_nucleus_id"].to_numpy() == choices.axons[choices.block_axon[choices.block]]).all()
    assert (rows["proj_hva"].to_numpy() == np.array(choices.groups)[choices.block_group[choices.block]]).all()
    assert (rows["post_nucleus_id"].to_numpy() == choices.targets[choices.target]).all()
    assert not rows.drop_duplicates(["proj_hva", "pre_nucleus_id"])["pre_nucleus_id"].isna().any()
    assert len(choices.block_axon) == len(rows.drop_duplicates(["proj_hva", "pre_nucleus_id"]))


def test_the_order_of_rows_does_not_matter(pairs):
    shuffled = pairs.sample(frac=1, random_state=1)
    first, again = candidates(pairs, ["signal_correlation"], "proj_hva"), candidates(shuffled, ["signal_correlation"], "proj_hva")
    for name in ("start", "block_axon", "target", "n_synapses", "exposure"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    np.testing.assert_allclose(first.x, again.x)


def test_a_synapse_without_proximity_is_refused_and_named(pairs):
    connected = pairs.index[pairs["n_synapses"] > 0]
    pairs.loc[connected[:4], "l_d_um"] = 0.0
    first = pairs.loc[connected[0], ["pre_nucleus_id", "post_nucleus_id"]].astype(int)
    with pytest.raises(
        ValueError, match=rf"4 of {len(connected)} connected pairs have l_d_um = 0.*First: {first.iloc[0]} > {first.iloc[1]}"
    ):
        candidates(pairs)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.drop(columns="l_d_um"), "no column 'l_d_um'"),
        (lambda p: p.rename(columns={"signal_correlation": "signal_corelation"}), "nearest 'signal_corelation'"),
        (lambda p: p.astype({"pre_nucleus_id": float}), "pre_nucleus_id has dtype float64; ids must be int64"),
        (lambda p: p.assign(n_synapses=p["n_synapses"] - 1), "n_synapses is impossible in"),
        (lambda p: p.assign(n_synapses=p["n_synapses"] + 0.5), "n_synapses is impossible in"),
        (lambda p: p.assign(l_d_um=np.where(p.index == 7, np.nan, p["l_d_um"])), "l_d_um is impossible in 1 of"),
        (lambda p: pd.concat([p, p[p["l_d_um"] > 0].head(2)]), r"2 of \d+ rows with L_d > 0 repeat a pair. First: 1 > "),
        (lambda p: p.assign(signal_correlation=0.3), "signal_correlation is 0.3 in all .* pairs with L_d > 0"),
        (lambda p: p.assign(signal_correlation=np.nan), "none of 480 pairs has l_d_um > 0 and known signal_correlation"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(pairs, spoil, words):
    with pytest.raises(ValueError, match=words):
        candidates(spoil(pairs), ["signal_correlation"])


def test_an_unknown_similarity_is_refused_by_name(pairs):
    with pytest.raises(ValueError, match=r"no similarity 'rf_distance'\. There are: distance_um"):
        candidates(pairs, ["distance_um"]).column("rf_distance")


def test_strata_agree_in_categories_and_hold_equal_numbers_of_candidates(pairs):
    near = pairs["l_d_um"] > 0
    bins = quantile_bins(pairs, bins={"distance_um": 4})
    assert np.ptp(np.bincount(bins[near])) <= 1
    both = quantile_bins(pairs, ["post_layer"], {"distance_um": 4})
    assert (pairs.groupby(both)["post_layer"].nunique() == 1).all()
    assert len(np.unique(both)) == 12
    assert (quantile_bins(pairs) == 0).all()


def test_an_unknown_quantity_cannot_be_binned(pairs):
    near = pairs.index[pairs["l_d_um"] > 0]
    pairs.loc[near[:5], "distance_um"] = np.nan
    with pytest.raises(ValueError, match="distance_um is unknown for 5 of"):
        quantile_bins(pairs, bins={"distance_um": 4})


def test_a_cell_paired_with_itself_is_refused(pairs):
    pairs.loc[7, "post_nucleus_id"] = pairs.loc[7, "pre_nucleus_id"]
    with pytest.raises(ValueError, match=r"1 of 480 rows pair a cell with itself\. First: 1 > 1"):
        candidates(pairs, ["signal_correlation"])
