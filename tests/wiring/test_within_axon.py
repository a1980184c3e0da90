"""Claims: ranks within axons are those of the usual definitions; chance is chance; comparing equal L_d removes what L_d explains."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from graphtwin.wiring.conditional.within_axon import METRICS, rank_within_axons, summarise_ranking
from graphtwin.wiring.pairs.candidate_set import candidates
from graphtwin.wiring.pairs.planted import Planted, plant

SIMILARITY = "signal_correlation"


def ranked(planted, table=0, by=None):
    return rank_within_axons(candidates(plant(planted, 5, table).pairs, [SIMILARITY], by), SIMILARITY)


def test_ranks_are_those_of_the_usual_definitions_ties_included():
    pairs = plant(Planted(n_axons=12, n_synapses=200), 0).pairs
    pairs[SIMILARITY] = pairs[SIMILARITY].round(1)
    found = rank_within_axons(candidates(pairs, [SIMILARITY]), SIMILARITY).set_index("pre_nucleus_id")
    near = pairs[pairs["l_d_um"] > 0]
    for axon, mine in near.groupby("pre_nucleus_id"):
        connected = mine["n_synapses"] > 0
        assert found.loc[axon, "auc"] == pytest.approx(roc_auc_score(connected, mine[SIMILARITY]))
        assert found.loc[axon, "average_precision"] == pytest.approx(average_precision_score(connected, mine[SIMILARITY]))
        assert found.loc[axon, "prevalence"] == pytest.approx(connected.mean())
        assert found.loc[axon, ["n_connected", "n_adp"]].tolist() == [connected.sum(), (~connected).sum()]


def test_equal_l_d_is_compared_with_equal_l_d():
    pairs = plant(Planted(n_axons=3, n_synapses=100), 0).pairs
    choices = candidates(pairs, [SIMILARITY])
    found = rank_within_axons(choices, SIMILARITY, n_bins=3)
    edges = np.quantile(choices.l_d_um, [1 / 3, 2 / 3])
    near = pairs[pairs["l_d_um"] > 0].assign(bin=lambda p: np.searchsorted(edges, p["l_d_um"], side="right"))
    for axon, mine in near.groupby("pre_nucleus_id"):
        won = compared = 0.0
        for _, one in mine.groupby("bin"):
            a, b = one.loc[one["n_synapses"] > 0, SIMILARITY].to_numpy(), one.loc[one["n_synapses"] == 0, SIMILARITY].to_numpy()
            won, compared = won + (a[:, None] > b).sum(), compared + len(a) * len(b)
        assert found.set_index("pre_nucleus_id").loc[axon, "auc_within_l_d"] == pytest.approx(won / compared)


def test_a_similarity_that_only_goes_with_l_d_ranks_partners_until_l_d_is_equal():
    summary = summarise_ranking(ranked(Planted(n_axons=60, n_synapses=900, l_d_slope=2.0)), 0, 200).set_index("metric")
    assert summary.loc["auc", "low"] > 0.55
    assert summary.loc["auc_within_l_d", "low"] < 0.5 < summary.loc["auc_within_l_d", "high"] + 0.01


def test_a_rule_ranks_partners_above_chance_at_equal_l_d():
    summary = summarise_ranking(ranked(Planted(n_axons=60, n_synapses=900, slope=1.5, retinotopy=0.0)), 0, 200).set_index("metric")
    assert summary.loc["auc_within_l_d", "low"] > 0.55
    assert summary.loc["average_precision", "estimate"] > summary.loc["prevalence", "estimate"]


def test_axons_without_both_kinds_of_pairs_do_not_count():
    pairs = plant(Planted(n_axons=10, n_synapses=100, projections=True), 0).pairs
    pairs.loc[pairs["pre_nucleus_id"] == 3, "n_synapses"] = 0
    found = rank_within_axons(candidates(pairs, [SIMILARITY], "proj_hva"), SIMILARITY)
    assert 3 not in set(found["pre_nucleus_id"])
    summary = summarise_ranking(found, 0, 50)
    assert (summary[summary["metric"] == "auc"].set_index("group")["n_axons"] == found.groupby("group").size()).all()


def test_one_axon_has_a_mean_and_no_interval():
    per_axon = pd.DataFrame({"group": ["V1"], "pre_nucleus_id": [7], **{name: [0.6] for name in METRICS}}).assign(auc_within_l_d=np.nan)
    found = summarise_ranking(per_axon, 0, 20).set_index("metric")
    assert found.loc["auc", "estimate"] == 0.6
    assert found.loc["auc_within_l_d", ["estimate", "n_axons"]].tolist() == pytest.approx([np.nan, 0], nan_ok=True)
    assert found[["low", "high"]].isna().all(axis=None)
