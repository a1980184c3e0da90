"""Claims: the queried cells decide which pairs there are, every pair has one population, and what is lost is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin.wiring.pairs.pair_table import add_geometry, add_projections, build_pairs

NEURONS = pd.DataFrame(
    {
        "nucleus_id": [1, 2, 3, 4, 5],
        "brain_area": ["V1", "V1", "LM", None, "RL"],
        "layer": ["L2/3", "L4", "L5", "L4", None],
        "x_um": [0.0, 30.0, 0.0, np.nan, 1.0],
        "depth_um": [100.0, 140.0, 50.0, 1.0, 1.0],
        "z_um": [0.0, 0.0, 0.0, 1.0, 1.0],
    }
)
QUERIED = pd.DataFrame({"nucleus_id": [1, 2, 9, 1, 2, 3, 4], "side": ["pre"] * 3 + ["post"] * 4})
SYNAPSES = pd.DataFrame({"pre_nucleus_id": [1, 1, 1, 2, 1, 5], "post_nucleus_id": [2, 2, 3, 2, 5, 1], "size": [10.0, 20, 5, 1, 7, 8]})
PROXIMITIES = pd.DataFrame(
    {
        "pre_nucleus_id": [1, 1, 2, 5],
        "post_nucleus_id": [2, 4, 3, 1],
        "l_d_um": [12.0, 3.0, 4.5, 2.0],
        "axon_length_um": 1.0,
        "min_distance_um": 0.5,
    }
)


def built(synapses=SYNAPSES, proximities=PROXIMITIES, neurons=NEURONS, queried=QUERIED):
    return build_pairs(synapses, proximities, neurons, queried)


def steps(funnel, table):
    return funnel[funnel["table"] == table].set_index("step")[["n_before", "n_after"]].apply(tuple, axis=1).to_dict()


def test_every_queried_axon_meets_every_queried_target_once():
    pairs, _ = built()
    assert pairs[["pre_nucleus_id", "post_nucleus_id"]].to_numpy().tolist() == [[1, 2], [1, 3], [1, 4], [2, 1], [2, 3], [2, 4]]
    assert pairs["n_synapses"].tolist() == [2, 1, 0, 0, 0, 0]
    assert pairs["l_d_um"].tolist() == [12.0, 0.0, 3.0, 0.0, 4.5, 0.0]
    assert pairs["population"].tolist() == ["Connected", "Connected", "ADP", "Same region", "ADP", "Same region"]
    assert pairs["synapse_size"].tolist() == [30.0, 5.0, 0.0, 0.0, 0.0, 0.0]
    np.testing.assert_array_equal(pairs["mean_synapse_size"], [15.0, 5.0, np.nan, np.nan, np.nan, np.nan])
    assert {pairs[name].dtype for name in ("pre_nucleus_id", "post_nucleus_id", "n_synapses")} == {np.dtype("int64")}


def test_projections_are_named_from_area_and_layer_and_unknown_stays_unknown():
    pairs, _ = built()
    assert pairs["proj_hva"].tolist() == ["V1->V1", "V1->HVA", None, "V1->V1", "V1->HVA", None]
    assert pairs["proj_hva_layer"].tolist() == ["V1L2/3->V1L4", "V1L2/3->HVAL5", None, "V1L4->V1L2/3", "V1L4->HVAL5", None]


def test_distance_is_between_somata():
    pairs, _ = built()
    np.testing.assert_allclose(pairs["distance_um"], [50.0, 50.0, np.nan, 50.0, np.hypot(30, 90), np.nan])
    np.testing.assert_allclose(pairs["depth_difference_um"], [40.0, 50.0, 99.0, 40.0, 90.0, 139.0])  # depth is known where x is not


def test_the_funnel_counts_what_every_step_loses():
    _, funnel = built()
    assert steps(funnel, "queried pre") == {"in the neuron table": (3, 2), "axon measured": (2, 2)}
    assert steps(funnel, "queried post") == {"in the neuron table": (4, 4)}
    assert steps(funnel, "synapses") == {"two cells": (5, 4), "axon queried and measured": (4, 3), "target queried": (3, 2)}
    assert steps(funnel, "proximities") == {"two cells": (4, 4), "axon queried and measured": (4, 3), "target queried": (3, 3)}
    assert steps(funnel, "pairs") == {"two cells": (8, 6), "Connected": (6, 2), "ADP": (6, 2), "Same region": (6, 2)}
    assert steps(funnel, "connected pairs") == {"with L_d > 0": (2, 1)}
    assert (funnel["n_before"] - funnel["n_after"] == funnel["n_dropped"]).all()


def test_an_axon_that_was_never_measured_has_no_controls():
    pairs, funnel = built(proximities=PROXIMITIES[PROXIMITIES["pre_nucleus_id"] != 2])
    assert set(pairs["pre_nucleus_id"]) == {1}
    assert steps(funnel, "queried pre")["axon measured"] == (2, 1)
    zero = pd.concat([PROXIMITIES[PROXIMITIES["pre_nucleus_id"] != 2], pd.DataFrame([[2, 1, 0.0]], columns=list(PROXIMITIES)[:3])])
    assert set(built(proximities=zero)[0]["pre_nucleus_id"]) == {1, 2}  # a row of 0 says that somebody looked


def test_axons_that_nobody_proofread_are_counted():
    _, funnel = built(neurons=NEURONS.assign(axon_status=["extended", "non", None, None, None]))
    assert steps(funnel, "queried pre")["axon proofread"] == (2, 1)


def test_neither_the_order_of_rows_nor_unqueried_cells_matter():
    pairs, _ = built()
    again, _ = built(*(frame.sample(frac=1, random_state=1) for frame in (SYNAPSES, PROXIMITIES, NEURONS, QUERIED)))
    pd.testing.assert_frame_equal(again, pairs)
    more = pd.concat([SYNAPSES, pd.DataFrame({"pre_nucleus_id": [77, 1], "post_nucleus_id": [1, 77], "size": 1.0})])
    pd.testing.assert_frame_equal(built(synapses=more)[0], pairs)


def test_one_row_a_pair_and_one_row_a_synapse_are_the_same_table():
    a_pair = SYNAPSES.groupby(["pre_nucleus_id", "post_nucleus_id"], as_index=False).agg(n_synapses=("size", "size"), size=("size", "sum"))
    pd.testing.assert_frame_equal(built(synapses=a_pair)[0], built()[0])


def test_unknown_sizes_stay_unknown():
    pairs, _ = built(synapses=SYNAPSES.assign(size=[10.0, np.nan, 5, 1, 7, 8]))
    np.testing.assert_array_equal(pairs["synapse_size"], [np.nan, 5.0, 0, 0, 0, 0])
    assert built(synapses=SYNAPSES.drop(columns="size"))[0]["synapse_size"].isna().tolist() == [True, True] + [False] * 4


def many(n):
    return pd.DataFrame({"pre_nucleus_id": np.arange(n), "post_nucleus_id": np.arange(n) + 1})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"synapses": many(200)}, "200 rows and no pair twice, so that this seems to be one row a pair.*Add a column n_synapses"),
        ({"synapses": SYNAPSES.assign(n_synapses=1)}, "synapses, one row a pair: 1 of 6 rows repeat the key"),
        ({"synapses": SYNAPSES[1:].assign(n_synapses=[0, 1, 1.5, 1, 1])}, "2 of 5 values of n_synapses are no positive count"),
        ({"synapses": SYNAPSES.assign(pre_nucleus_id=0.5)}, "synapses, column pre_nucleus_id: .* ids are no whole numbers"),
        ({"proximities": PROXIMITIES.assign(l_d_um=[1, -1, np.nan, 2])}, "2 of 4 values of l_d_um are negative, infinite or missing"),
        ({"proximities": pd.concat([PROXIMITIES, PROXIMITIES[:1]])}, "proximities: 1 of 5 rows repeat the key"),
        ({"proximities": PROXIMITIES.rename(columns={"l_d_um": "ld_um"})}, r"'l_d_um' \(nearest here: 'ld_um'\)"),
        ({"neurons": pd.concat([NEURONS, NEURONS[:1]])}, "neuron table: 1 of 6 rows repeat the key"),
        (
            {"neurons": NEURONS.assign(hva=["V1", "V1", "LM", None, "RL"])},
            r"2 of 5 values of hva are neither V1 nor HVA, first \['LM', 'RL'\]",
        ),
        ({"queried": QUERIED[:3]}, r"none of 3 rows has side 'post' \(sides: \['pre'\]\)"),
        ({"queried": QUERIED.assign(materialization=[1, 1, 1, 1, 1, 1, 2])}, r"2 materializations \(\[1, 2\]\).*choose one"),
    ],
)
def test_what_cannot_be_a_pair_table_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        built(**changed)


def test_columns_that_are_there_stay_and_columns_that_cannot_be_made_are_not():
    pairs = pd.DataFrame({"pre_nucleus_id": [1, 99], "post_nucleus_id": [3, 1], "proj_hva": ["as", "given"]})
    found = add_projections(pairs, NEURONS)
    assert found["proj_hva"].tolist() == ["as", "given"]
    assert found["proj_hva_layer"].tolist() == ["V1L2/3->HVAL5", None]
    bare = NEURONS[["nucleus_id"]]
    pd.testing.assert_frame_equal(add_geometry(add_projections(pairs, bare), bare), pairs)


def test_the_bundle_makes_a_table(cortex):
    """minnie65 says who is connected, not by how many synapses: 1 each; its proximities are not public, so every axon gets one row of 0."""
    queried = cortex.queried[cortex.queried["materialization"] == 661]
    synapses = cortex.synapses[cortex.synapses["materialization"] == 661].assign(n_synapses=1)
    axons = np.sort(queried.loc[queried["side"] == "pre", "nucleus_id"])[:40]
    near = pd.DataFrame(
        {"pre_nucleus_id": axons, "post_nucleus_id": queried.loc[queried["side"] == "post", "nucleus_id"].iloc[0], "l_d_um": 0.0}
    )
    pairs, _ = build_pairs(synapses, near, cortex.neurons, queried)
    posts = queried.loc[queried["side"] == "post", "nucleus_id"].unique()
    assert len(pairs) == sum(len(posts) - (axon in posts) for axon in axons)
    assert (pairs["population"] == "Connected").sum() == synapses["pre_nucleus_id"].isin(axons).sum()
    assert pairs["distance_um"].median() > 100
