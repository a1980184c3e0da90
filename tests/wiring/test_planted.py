"""Claims: what is planted is what the table holds."""

import numpy as np

from graphtwin.wiring.pairs.planted import Planted, plant


def test_a_table_is_named_and_has_the_expected_number_of_synapses():
    first, again, other = plant(Planted(), 0), plant(Planted(), 0), plant(Planted(), 0, 1)
    assert first.pairs.equals(again.pairs)
    assert not first.pairs["n_synapses"].equals(other.pairs["n_synapses"])
    totals = [plant(Planted(), 0, r).pairs["n_synapses"].sum() for r in range(40)]
    assert abs(np.mean(totals) - 400) < 4 * np.sqrt(400 / 40)


def test_no_synapse_lies_where_no_axon_comes_near_and_no_cell_meets_itself():
    pairs = plant(Planted(projections=True), 1).pairs
    assert pairs.loc[pairs["l_d_um"] == 0, "n_synapses"].sum() == 0
    assert (pairs["pre_nucleus_id"] != pairs["post_nucleus_id"]).all()
    assert set(pairs["proj_hva"]) == {"V1->V1", "V1->HVA", "HVA->V1", "HVA->HVA"}
    assert set(pairs["population"]) == {"Connected", "ADP", "Same region"}


def test_nuisances_are_there_when_asked_for():
    def correlation(planted, name):
        near = (pairs := plant(planted, 2).pairs)[pairs["l_d_um"] > 0]
        return np.corrcoef(near["signal_correlation"], near[name] if name != "l_d_um" else np.log(near[name]))[0, 1]

    assert abs(correlation(Planted(retinotopy=0.0), "distance_um")) < 0.05
    assert correlation(Planted(retinotopy=1.0), "distance_um") < -0.1
    assert correlation(Planted(retinotopy=0.0, l_d_slope=2.0), "l_d_um") > 0.3
    axon = plant(Planted(common=0.5, rate_slope=1.5, axon_sd=0.1), 2).pairs.groupby("pre_nucleus_id")
    rate = axon["n_synapses"].sum() / axon["l_d_um"].sum()
    assert np.corrcoef(axon["signal_correlation"].mean(), np.log1p(rate))[0, 1] > 0.5
    popular = plant(Planted(popularity=1.5, n_synapses=4000), 2).pairs.groupby("post_nucleus_id")["n_synapses"].sum()
    even = plant(Planted(n_synapses=4000), 2).pairs.groupby("post_nucleus_id")["n_synapses"].sum()
    assert popular.var() / popular.mean() > 3 * even.var() / even.mean()
