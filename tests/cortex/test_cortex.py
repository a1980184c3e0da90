"""The join keeps what it can, drops only with a count, and fills nothing in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin import schema
from graphtwin.cortex.cortex import build
from graphtwin.sources.loaders import table_folder as tables


def built(export):
    return build(tables.load_folder(export.write(".parquet")))


def pairs(cortex, materialization=7):
    synapses = cortex.synapses[cortex.synapses["materialization"] == materialization]
    return {(pre, post): size for pre, post, size in synapses[["pre_nucleus_id", "post_nucleus_id", "size"]].itertuples(index=False)}


def step(cortex, table, name):
    funnel = cortex.funnel
    (row,) = funnel[(funnel["table"] == table) & (funnel["step"] == name)].to_dict("records")
    return row["n_before"], row["n_after"], row["n_dropped"]


def test_a_small_cortex_is_known_in_full(export):
    cortex = built(export)
    assert cortex.neurons["nucleus_id"].tolist() == [0, 1, 2, 3, 4, 5]
    assert cortex.neurons["is_functional"].tolist() == [True] * 4 + [False] * 2
    assert cortex.neurons["layer"].tolist() == ["L2/3"] * 3 + ["L4"] * 2 + [None]
    assert cortex.neurons["cell_class"].tolist() == ["excitatory"] * 5 + ["inhibitory"]
    assert cortex.units["nucleus_id"].tolist() == [0, 1, 2, 3, 0]
    assert pairs(cortex) == {(0, 1): 10.0, (0, 4): 20.0, (1, 0): 30.0}
    assert step(cortex, "synapses 7", "not onto itself") == (4, 3, 1)


def test_every_step_of_the_funnel_starts_where_the_last_one_ended(cortex):
    for table in ("synapses 661", "synapses 343"):
        steps = cortex.funnel[cortex.funnel["table"] == table]
        assert steps["n_before"].tolist()[1:] == steps["n_after"].tolist()[:-1]
        assert len(pairs(cortex, int(table.split()[1]))) == steps["n_after"].iloc[-1]
    assert (cortex.funnel["n_dropped"] == cortex.funnel["n_before"] - cortex.funnel["n_after"]).all()
    assert (cortex.funnel["n_dropped"] >= 0).all()


def test_row_order_of_the_export_does_not_matter(export):
    before = built(export)
    export.frames = {role: frame.sample(frac=1, random_state=1) for role, frame in export.frames.items()}
    after = built(export)
    for name in ("neurons", "units", "root_ids", "synapses", "queried"):
        pd.testing.assert_frame_equal(getattr(before, name), getattr(after, name))


def test_units_of_one_nucleus_are_all_kept(export):
    cortex = built(export)
    assert (cortex.units["nucleus_id"] == 0).sum() == 2
    assert step(cortex, "units", "distinct nuclei") == (5, 4, 1)


def test_a_unit_outside_the_coregistration_is_dropped_and_counted(export):
    export.frames["coregistration"] = export.frames["coregistration"][1:]
    assert step(built(export), "units", "coregistered") == (5, 4, 1)


def test_an_unknown_position_stays_unknown(export):
    for role in ("coregistration", "cell_types_coarse", "somata"):
        frame = export.frames[role] = export.frames[role].astype(dict.fromkeys(["pt_position_x", "pt_position_y", "pt_position_z"], float))
        frame.loc[frame["pt_root_id"] == frame["pt_root_id"].min(), ["pt_position_x", "pt_position_y", "pt_position_z"]] = np.nan
    neurons = built(export).neurons.set_index("nucleus_id")
    assert neurons.loc[0, schema.POSITION].isna().all()
    assert neurons.loc[1:, schema.POSITION].notna().all(axis=None)


def test_a_merged_segment_is_left_unmapped_and_counted(export):
    coarse = export.frames["cell_types_coarse"]
    coarse.loc[5, "pt_root_id"] = coarse.loc[4, "pt_root_id"]
    export.frames["somata"] = export.frames["somata"][:4]
    cortex = built(export)
    assert step(cortex, "cell_types_coarse.parquet", "one nucleus a root") == (6, 4, 2)
    assert pairs(cortex) == {(0, 1): 10.0, (1, 0): 30.0}
    assert step(cortex, "synapses 7", "postsynaptic nucleus known") == (3, 2, 1)


def test_the_position_of_a_soma_decides_over_a_merged_segment(export):
    coarse = export.frames["cell_types_coarse"]
    coarse.loc[5, "pt_root_id"] = coarse.loc[4, "pt_root_id"]
    assert pairs(built(export))[0, 4] == 20.0


def test_a_position_shared_by_two_nuclei_decides_nothing(export):
    coarse = export.frames["cell_types_coarse"]
    coarse.loc[5] = coarse.loc[4].where(coarse.columns != "target_id", 5)
    assert (0, 4) not in pairs(built(export))


def test_another_materialization_is_joined_through_its_units(export):
    roots = export.frames["coregistration"]["pt_root_id"]
    for role in ("synapses", "queried_post", "queried_pre"):
        export.frames[role] = export.frames[role] + 500 * export.frames[role].columns.str.endswith("root_id")
        export.materialization[role] = 3
    units = export.frames["coregistration"][schema.UNIT_KEY].assign(pt_root_id=roots + 500)
    export.frames["unit_roots"], export.materialization["unit_roots"] = units[:4], 3
    cortex = built(export)
    assert pairs(cortex, 3) == {(0, 1): 10.0, (1, 0): 30.0}  # Nucleus 4 is no unit: its root at 3 is unknown.
    assert step(cortex, "synapses 3", "postsynaptic nucleus known") == (3, 2, 1)


def test_pairs_onto_cells_that_were_not_queried_are_dropped(export):
    export.frames["queried_post"] = export.frames["queried_post"][:3]
    cortex = built(export)
    assert step(cortex, "synapses 7", "postsynaptic cell queried") == (3, 2, 1)
    assert (0, 4) not in pairs(cortex)


def test_roots_of_one_nucleus_are_summed(export):
    split = export.frames["cell_types_coarse"].loc[1, "pt_root_id"] + 100
    export.frames["nuclei"] = pd.DataFrame({"target_id": [1], "pt_root_id": [split]})
    more = pd.DataFrame({"pre_pt_root_id": [split], "post_pt_root_id": export.frames["synapses"]["post_pt_root_id"][2], "size": [5]})
    export.frames["synapses"] = pd.concat([export.frames["synapses"], more])
    cortex = built(export)
    assert pairs(cortex)[1, 0] == 35.0
    assert step(cortex, "synapses 7", "distinct pairs of nuclei") == (4, 3, 1)


def test_cells_with_an_observed_output_count_as_queried(export):
    del export.frames["queried_pre"]
    queried = built(export).queried
    assert queried.loc[queried["side"] == "pre", "nucleus_id"].tolist() == [0, 1, 2]
    assert queried.loc[queried["side"] == "post", "nucleus_id"].tolist() == [0, 1, 2, 4]


def test_nucleus_ids_above_2_to_the_53_keep_their_last_digit_through_every_join(export):
    first = 2**53 + 1  # this and its neighbours are no float64
    for role in ("coregistration", "cell_types_coarse"):
        export.frames[role]["target_id"] += first
    unknown = export.frames["synapses"].iloc[[0]].assign(post_pt_root_id=export.frames["queried_post"]["post_pt_root_id"].iloc[0] + 77)
    export.frames["synapses"] = pd.concat([export.frames["synapses"], unknown])
    export.frames["queried_post"] = pd.concat([export.frames["queried_post"], unknown[["post_pt_root_id"]]])
    export.frames["coregistration"] = export.frames["coregistration"][1:]  # a gap in each table that is joined from the left
    cortex = built(export)
    assert cortex.neurons["nucleus_id"].tolist() == [first + i for i in range(6)]
    assert cortex.units["nucleus_id"].tolist() == [first + i for i in (1, 2, 3, 0)]
    assert {(pre - first, post - first) for pre, post in pairs(cortex)} == {(0, 1), (0, 4), (1, 0)}
    assert sorted(set(cortex.queried["nucleus_id"] - first)) == [0, 1, 2, 3, 4]
    assert cortex.neurons["layer"].tolist() == ["L2/3"] * 3 + ["L4"] * 2 + [None]
    assert step(cortex, "synapses 7", "postsynaptic nucleus known") == (4, 3, 1)
    assert step(cortex, "units", "coregistered") == (5, 4, 1)


def listed(pairs, copies):
    """The pairs as a list of synapses, each of them so many times."""
    rows = pairs.loc[pairs.index.repeat(copies)].reset_index(drop=True)
    return rows.assign(id=range(100, 100 + len(rows)))


def test_a_list_of_synapses_is_summed_and_counted(export):
    summed = built(export)
    export.frames["synapse_list"] = listed(export.frames.pop("synapses"), [3, 2, 2, 5])
    cortex = built(export)
    assert step(cortex, "synapses 7", "distinct pairs of root ids") == (12, 4, 8)
    assert step(cortex, "synapses 7", "not onto itself") == (4, 3, 1)
    assert cortex.synapses["n_synapses"].tolist() == [3, 2, 2]
    assert cortex.synapses["size"].tolist() == [30.0, 40.0, 60.0]
    pd.testing.assert_frame_equal(cortex.queried, summed.queried)
    pd.testing.assert_frame_equal(cortex.root_ids, summed.root_ids)


def test_pairs_and_a_list_side_by_side_leave_the_number_unknown_where_it_is(export):
    export.frames["synapse_list"] = listed(export.frames["synapses"], [1, 1, 2, 1])
    for role in ("synapse_list", "queried_post"):
        export.materialization[role] = 7
    export.materialization["synapses"] = 3
    export.frames["queried_post_3"] = export.frames["queried_post"]
    toml = export.write()
    toml.write_text(
        toml.read_text()
        .replace('role = "queried_post_3"', 'role = "queried_post"')
        .replace('file = "queried_post_3.csv"\nmaterialization = 7', 'file = "queried_post_3.csv"\nmaterialization = 3')
    )
    cortex = build(tables.load_folder(toml))
    counts = cortex.synapses.set_index("materialization")["n_synapses"]
    assert counts.loc[7].tolist() == [1, 1, 2]
    assert counts.loc[3].isna().all()


def test_a_source_without_synapses_is_a_cortex_without_pairs(export):
    for role in ("synapses", "queried_post", "queried_pre"):
        del export.frames[role]
    cortex = built(export)
    assert len(cortex.synapses) == 0
    assert len(cortex.units) == 5


def test_a_unit_with_two_different_responses_is_an_error(export):
    first = tables.load_folder(export.write(".parquet"))
    response = first.of("responses")[0]
    other = type(response)("responses", 7, "second", response.frame.assign(direction_090_0=1.0))
    with pytest.raises(ValueError, match=r"rows give a unit other responses than another table, first .*unit_id"):
        build(type(first)(first.name, (*first.tables, other), {}))


def test_response_tables_with_other_directions_are_an_error(export):
    first = tables.load_folder(export.write(".parquet"))
    response = first.of("responses")[0]
    other = type(response)("responses", 7, "second", response.frame.rename(columns={"direction_090_0": "direction_045_0"}))
    with pytest.raises(ValueError, match="different directions"):
        build(type(first)(first.name, (*first.tables, other), {}))


def test_the_earlier_table_is_believed_and_disagreement_counted(export):
    export.frames["nuclei"] = pd.DataFrame(
        {"target_id": [1, 5], "pt_root_id": export.frames["cell_types_coarse"]["pt_root_id"][[1, 5]], "layer": ["L4"] * 2}
    )
    cortex = built(export)
    assert cortex.neurons["layer"].tolist()[1] == "L2/3"
    assert cortex.neurons["layer"].tolist()[5] == "L4"
    assert step(cortex, "layer in nuclei.parquet", "agrees with an earlier table") == (1, 0, 1)


def with_second(export, role, change):
    """The source with a further table of a role, changed, after all others."""
    first = tables.load_folder(export.write(".parquet"))
    table = first.of(role)[0]
    return type(first)(first.name, (*first.tables, type(table)(role, 7, "second.csv", change(table.frame.copy()))), {})


def test_a_second_coregistration_that_names_other_nuclei_is_not_believed_and_counted(export):
    cortex = build(with_second(export, "coregistration", lambda frame: frame[:4].assign(nucleus_id=[0, 1, 3, 2])))
    assert cortex.units["nucleus_id"].tolist() == [0, 1, 2, 3, 0]
    assert step(cortex, "nucleus_id in second.csv", "agrees with an earlier table") == (4, 2, 2)


def test_a_second_area_of_a_unit_is_not_believed_and_counted(export):
    units = export.frames["coregistration"][schema.UNIT_KEY]
    export.frames["areas"] = units.assign(brain_area=["V1", "V1", None, "V1", "V1"])
    cortex = build(with_second(export, "areas", lambda frame: frame.assign(brain_area="LM")))
    assert cortex.units["brain_area"].tolist() == ["V1", "V1", "LM", "V1", "V1"]  # what the first leaves open, the second may say
    assert step(cortex, "brain_area in second.csv", "agrees with an earlier table") == (4, 0, 4)


def test_a_position_that_a_later_table_has_elsewhere_is_not_believed_and_counted(export):
    coarse = export.frames["cell_types_coarse"]
    coarse.loc[1, "pt_position_x"] += 2000  # 8 um
    before = export.frames["coregistration"]["pt_position_x"].iloc[1]
    cortex = built(export)
    assert cortex.neurons["x_um"].iloc[1] == pytest.approx(before * 0.004)
    assert step(cortex, "position in cell_types_coarse.parquet", "agrees with an earlier table") == (4, 3, 1)


def orientation_rows(nuclei, rate=2.0):
    """A row for each of four orientations of these nuclei."""
    keys = {"target_id": np.repeat(nuclei, 4), "orientation_index": np.tile(np.arange(4), len(nuclei))}
    return pd.DataFrame({**keys, "rate": rate, "rate_error": 0.5})


def test_a_source_without_responses_to_orientations_has_an_empty_table_of_them(export):
    assert built(export).orientations.empty


def test_responses_to_orientations_are_of_functional_nuclei_that_have_all_and_the_others_are_counted(export):
    rows = orientation_rows([0, 1, 2, 5])  # 5 has no unit
    rows.loc[rows["target_id"] == 2, "rate"] = 0.0
    export.frames["orientation_responses"] = rows.drop(index=6)  # an orientation of 1
    cortex = built(export)
    assert cortex.orientations["nucleus_id"].tolist() == [0] * 4
    assert step(cortex, "orientation responses", "functional") == (4, 3, 1)
    assert step(cortex, "orientation responses", "all orientations") == (3, 2, 1)
    assert step(cortex, "orientation responses", "responding") == (2, 1, 1)
    assert step(cortex, "functional nuclei", "with variability") == (4, 1, 3)


def test_responses_to_orientations_of_a_nucleus_are_those_of_the_earlier_table(export):
    export.frames["orientation_responses"] = orientation_rows([0, 1])
    cortex = build(with_second(export, "orientation_responses", lambda frame: frame.assign(nucleus_id=frame["nucleus_id"] + 1, rate=7.0)))
    assert cortex.orientations.groupby("nucleus_id")["rate"].first().to_dict() == {0: 2.0, 1: 2.0, 2: 7.0}
    assert step(cortex, "second.csv", "not in an earlier table") == (8, 4, 4)


def test_coregistered_units_without_responses_are_counted(export):
    export.frames["responses"] = export.frames["responses"][:3]
    assert step(built(export), "coregistered units", "with responses") == (5, 3, 2)


def test_the_bundle_joins_to_the_counts_measured_on_it(cortex):
    assert step(cortex, "synapses 661", "not onto itself") == (40_033, 39_172, 861)
    assert len(pairs(cortex, 661)) == 39_172
    assert len(pairs(cortex, 343)) == 18_776
    queried = cortex.queried.groupby(["materialization", "side"]).size()
    assert queried[661, "post"] == 997
    assert queried[661, "pre"] == 17_078
    assert step(cortex, "units", "coregistered") == (7_011, 6_269, 742)


def test_the_603_withheld_neurons_keep_neither_position_nor_label(cortex):
    blind = cortex.neurons[cortex.neurons["is_functional"] & cortex.neurons["depth_um"].isna()]
    assert len(blind) == 603
    assert blind[["x_um", "z_um", "cell_class", "cell_type", "layer"]].isna().all(axis=None)


def test_position_gives_a_root_the_nucleus_that_the_tables_name(bundle, cortex):
    """Where both ways lead to a nucleus they must lead to the same one: 16,634 somata of 661."""
    from scipy.spatial import cKDTree

    (somata,) = bundle.of("somata")
    named = cortex.root_ids.query("materialization == 661").set_index("root_id")["nucleus_id"]
    (coarse,) = bundle.of("cell_types_coarse")
    distance, index = cKDTree(coarse.frame[schema.POSITION]).query(somata.frame[schema.POSITION])
    here = distance < 1e-3
    assert here.sum() > 16_000
    assert (coarse.frame["nucleus_id"].to_numpy()[index[here]] == named.loc[somata.frame["root_id"][here]].to_numpy()).all()


@pytest.mark.parametrize(
    ("line", "axes"),
    [
        ("", ["x", "y", "z"]),
        ("pia_um = 0.0\n", ["x", "depth", "z"]),
        ('axes = ["left-right", "dorsoventral", "anteroposterior"]\n', ["left-right", "dorsoventral", "anteroposterior"]),
        ('axes = ["nasotemporal", "dorsoventral", "depth"]\n', ["nasotemporal", "depth", "dorsoventral"]),
    ],
)
def test_axes_have_the_names_of_the_source_and_depth_is_the_second_only_where_there_is_one(export, line, axes):
    toml = export.write()
    toml.write_text(toml.read_text().replace("[[tables]]", f"{line}[[tables]]", 1))
    found = build(tables.load_folder(toml))
    assert found.axes["axis"].tolist() == axes
    assert "pia" not in " ".join(found.funnel["reason"])


def test_the_animal_of_the_source_comes_along(export):
    toml = export.write()
    toml.write_text('animal = "17797"\n' + toml.read_text())
    assert build(tables.load_folder(toml)).animal == "17797"
