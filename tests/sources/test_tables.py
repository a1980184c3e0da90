"""A laboratory's folder is read as it is, or refused with words that say what to mend."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphtwin import schema, sources
from graphtwin.sources.loaders import minnie65
from graphtwin.sources.loaders import table_folder as tables


@pytest.mark.parametrize("suffix", [".csv", ".feather", ".parquet"])
def test_the_format_of_the_files_does_not_change_what_is_read(export, suffix):
    reference = tables.load_folder(export.write(".parquet"))
    read = tables.load_folder(export.write(suffix))
    for one, other in zip(reference.tables, read.tables, strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame)


def test_the_bundle_and_its_files_read_as_a_folder_agree(bundle):
    folder = tables.load_folder(minnie65.FOLDER / "minnie65_661.toml")
    bundled = {table.role: table.frame for table in bundle.tables if table.materialization == 661}
    assert {table.role for table in folder.tables} == set(bundled)
    for table in folder.tables:
        pd.testing.assert_frame_equal(table.frame, bundled[table.role])


def test_ids_survive_csv_to_the_last_digit(export):
    roots = export.frames["synapses"]["pre_pt_root_id"]
    read = tables.load_folder(export.write(".csv")).of("synapses")[0].frame["pre_root_id"]
    assert read.tolist() == roots.tolist()
    assert read.dtype == np.int64


def test_ids_written_as_strings_are_read(export):
    expected = export.frames["coregistration"]["pt_root_id"].tolist()
    export.frames["coregistration"]["pt_root_id"] = export.frames["coregistration"]["pt_root_id"].astype(str)
    assert tables.load_folder(export.write(".parquet")).of("coregistration")[0].frame["root_id"].tolist() == expected


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_position_column_of_triples_equals_three_columns(export, suffix):
    split = tables.load_folder(export.write(suffix)).of("somata")[0].frame
    somata = export.frames["somata"]
    voxels = ["pt_position_x", "pt_position_y", "pt_position_z"]
    export.frames["somata"] = somata.drop(columns=voxels).assign(pt_position=somata[voxels].to_numpy().tolist())
    pd.testing.assert_frame_equal(tables.load_folder(export.write(suffix)).of("somata")[0].frame, split)


def test_positions_in_the_pia_frame_are_preferred_to_voxels(export):
    somata = export.frames["somata"]
    pia = {f"pial_{axis}_um": somata[f"pt_position_{axis}"] * edge + 0.5 for axis, edge in (("x", 0.004), ("y", 0.004), ("z", 0.04))}
    export.frames["somata"] = somata.assign(**pia)
    read = tables.load_folder(export.write()).of("somata")[0].frame.loc[4, ["x_um", "depth_um", "z_um"]].astype(float)
    np.testing.assert_allclose(read, [4001 * 0.004 + 0.5, 4005 * 0.004 + 0.5, 4009 * 0.04 + 0.5])


def test_a_depth_without_its_lateral_place_is_an_error_and_not_left_out(export):
    voxels = ["pt_position_x", "pt_position_y", "pt_position_z"]
    export.frames["somata"] = export.frames["somata"].drop(columns=voxels).assign(pial_y_um=2.0)
    with pytest.raises(ValueError, match=r"somata\.csv, position in the pia frame: 2 columns are missing: 'x_um'.*'z_um'"):
        tables.load_folder(export.write())


def test_a_position_that_the_role_does_not_have_is_not_looked_at(export):
    export.frames["queried_post"] = export.frames["queried_post"].assign(pt_position="nowhere")
    assert len(tables.load_folder(export.write()).of("queried_post")[0].frame) == 4


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_layers_written_as_numbers_are_names(export, suffix):
    export.frames["somata"] = export.frames["somata"].assign(layer=[2, 2, 2, 4, 4])
    assert tables.load_folder(export.write(suffix)).of("somata")[0].frame["layer"].tolist() == ["2", "2", "2", "4", "4"]
    export.frames["somata"] = export.frames["somata"].assign(layer=[2, 2, None, 4, 4])  # the gap makes floats of them
    assert tables.load_folder(export.write(suffix)).of("somata")[0].frame["layer"].tolist() == ["2", "2", None, "4", "4"]


def test_positions_become_micrometres(export):
    somata = tables.load_folder(export.write()).of("somata")[0].frame
    np.testing.assert_allclose(somata.loc[1, ["x_um", "depth_um", "z_um"]].astype(float), [1001 * 0.004, 1005 * 0.004, 1009 * 0.04])


def test_a_column_of_another_name_is_read_when_the_toml_says_so(export):
    export.frames["coregistration"] = export.frames["coregistration"].rename(columns={"target_id": "nucleus"})
    export.columns["coregistration"] = {"nucleus_id": "nucleus"}
    assert tables.load_folder(export.write()).of("coregistration")[0].frame["nucleus_id"].tolist() == [0, 1, 2, 3, 0]


def test_a_column_that_the_toml_names_takes_the_place_of_one_that_has_our_name(export):
    coarse = export.frames["cell_types_coarse"]
    export.frames["cell_types_coarse"] = coarse.assign(cell_class="neither", checked=coarse["cell_type"])
    export.columns["cell_types_coarse"] = {"cell_class": "checked"}
    read = tables.load_folder(export.write()).of("cell_types_coarse")[0].frame
    assert read["cell_class"].tolist() == coarse["cell_type"].tolist()


def test_a_name_under_columns_that_the_role_does_not_have_is_an_error(export):
    export.frames["proofreading"] = pd.DataFrame({"pt_root_id": [1], "axon": "clean", "status_dendrite": "non"})
    export.columns["proofreading"] = {"axon_state": "axon"}
    with pytest.raises(ValueError, match=r"1 names under `columns`.*'proofreading': 'axon_state' \(nearest 'axon_status'\)"):
        tables.load_folder(export.write())


def test_the_toml_is_hashed_with_the_tables_it_names(export):
    first = tables.load_folder(export.write()).sha256
    assert set(first) == {"tables.toml", *(f"{role}.csv" for role in export.frames)}
    export.columns["coregistration"] = {"unit_id": "unit_id"}
    again = tables.load_folder(export.write()).sha256
    assert {name for name in first if first[name] != again[name]} == {"tables.toml"}


def test_a_renamed_column_is_an_error_that_names_the_nearest(export):
    export.frames["coregistration"] = export.frames["coregistration"].rename(columns={"unit_id": "unit_ids"})
    with pytest.raises(ValueError, match=r"1 columns are missing: 'unit_id' \(nearest here: 'unit_ids'\)"):
        tables.load_folder(export.write())


def test_ids_stored_as_floats_are_an_error_that_counts_them(export):
    export.frames["synapses"] = export.frames["synapses"].astype({"pre_pt_root_id": "float64"})
    with pytest.raises(ValueError, match=r"floats \(float64.*4 of 4 ids lie above it and have lost.*Export the column again as int64"):
        tables.load_folder(export.write(".parquet"))


def test_ids_that_are_no_numbers_are_an_error(export):
    export.frames["queried_post"] = export.frames["queried_post"].astype(str).replace(r"^864", "x864", regex=True)
    with pytest.raises(ValueError, match="4 of 4 ids are not whole numbers, first"):
        tables.load_folder(export.write())


def test_a_duplicated_unit_is_an_error_that_names_it(export):
    export.frames["responses"] = pd.concat([export.frames["responses"], export.frames["responses"].iloc[[1]]])
    with pytest.raises(ValueError, match=r"1 of 6 rows repeat the key \['session', 'scan_idx', 'unit_id'\], first .*'unit_id': 1"):
        tables.load_folder(export.write())


def test_nan_responses_are_an_error_that_names_the_units(export):
    export.frames["responses"].loc[2, "direction_090_0"] = np.nan
    with pytest.raises(ValueError, match=r"1 of 5 units have NaN or infinite responses, first .*'unit_id': 2"):
        tables.load_folder(export.write())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda frame: frame.assign(rate=[np.nan, *frame["rate"][1:]]), "1 values do not fit the schema, first .*rate"),
        (lambda frame: frame.assign(rate_error=-1.0), "4 values do not fit the schema, first .*rate_error"),
        (lambda frame: frame.assign(target_id=frame["target_id"] + 0.5), "column nucleus_id: 4 of 4 ids are no whole numbers"),
        (lambda frame: frame.assign(orientation_index=0), r"2 of 4 rows repeat the key \['nucleus_id', 'orientation_index'\]"),
        (lambda frame: frame.rename(columns={"rate_error": "sem"}), "1 columns are missing: 'rate_error'"),
    ],
)
def test_responses_to_orientations_that_do_not_fit_are_an_error(export, spoil, words):
    rows = pd.DataFrame({"target_id": [0, 0, 1, 1], "orientation_index": [0, 1, 0, 1], "rate": [1.0, 2.0, 3.0, 4.0], "rate_error": 0.5})
    export.frames["orientation_responses"] = rows
    assert len(tables.load_folder(export.write()).of("orientation_responses")[0].frame) == 4
    export.frames["orientation_responses"] = spoil(rows)
    with pytest.raises(ValueError, match=rf"orientation_responses\.csv.*{words}"):
        tables.load_folder(export.write())


def test_a_pair_table_without_its_queried_mask_is_an_error(export):
    del export.frames["queried_post"]
    with pytest.raises(ValueError, match=r"4 synaptic pairs of materialization 7, but no table of role 'queried_post'.*exist for none"):
        tables.load_folder(export.write())


def test_a_list_of_synapses_needs_the_mask_and_one_row_a_synapse(export):
    pairs = export.frames.pop("synapses")
    export.frames["synapse_list"] = pairs.assign(id=[5, 6, 7, 7])
    with pytest.raises(ValueError, match=r"1 of 4 rows repeat the key \['synapse_id'\]"):
        tables.load_folder(export.write())
    export.frames["synapse_list"]["id"] = [5, 6, 7, 8]
    assert tables.load_folder(export.write()).of("synapse_list")[0].frame["synapse_id"].tolist() == [5, 6, 7, 8]
    del export.frames["queried_post"]
    with pytest.raises(ValueError, match=r"4 synapses of materialization 7, but no table of role 'queried_post'"):
        tables.load_folder(export.write())


def test_fragments_of_axons_are_expected_in_a_list_of_synapses_and_unknown_targets_are_not(export):
    pairs = export.frames.pop("synapses")
    fragments = pairs.iloc[[0] * 40].assign(pre_pt_root_id=pairs["pre_pt_root_id"].max() + 1000 + np.arange(40))
    export.frames["synapse_list"] = pd.concat([pairs, fragments]).assign(id=np.arange(44))
    assert len(tables.load_folder(export.write()).of("synapse_list")[0].frame) == 44
    export.frames["synapse_list"]["post_pt_root_id"] += 1000
    with pytest.raises(ValueError, match=r"only 0 of 4 values of post_root_id.*Root ids change"):
        tables.load_folder(export.write())


def test_a_mask_of_another_materialization_does_not_count(export):
    export.materialization["queried_post"] = 8
    with pytest.raises(ValueError, match=r"masks exist for \[8\]"):
        tables.load_folder(export.write())


def test_pairs_of_another_materialization_are_an_error(export):
    export.frames["synapses"]["pre_pt_root_id"] += 1000
    with pytest.raises(ValueError, match=r"only 0 of 3 values of pre_root_id.*materialization 7\. Root ids change"):
        tables.load_folder(export.write())


def with_more_axons(export, n):
    """The export with n axons that no table but the pairs knows."""
    synapses = export.frames["synapses"]
    unknown = synapses.iloc[[0] * n].assign(pre_pt_root_id=synapses["pre_pt_root_id"].max() + 1000 + np.arange(n))
    export.frames["synapses"] = pd.concat([synapses, unknown])
    return export.write()


def test_axons_of_unlisted_cells_are_expected_where_only_functional_cells_are_listed(export):
    with pytest.raises(ValueError, match=r"only 3 of 12 values of pre_root_id"):
        tables.load_folder(with_more_axons(export, 9))
    export.frames = {role: export.frames[role] for role in ("coregistration", "responses", "synapses", "queried_post")}
    assert len(tables.load_folder(export.write()).of("synapses")[0].frame) == 13
    with pytest.raises(ValueError, match=r"only 3 of 42 values of pre_root_id"):
        tables.load_folder(with_more_axons(export, 30))


def test_responses_without_a_coregistration_are_an_error_and_a_coregistration_alone_is_none(export):
    coregistration = export.frames.pop("coregistration")
    with pytest.raises(ValueError, match=r"responses\.csv has 5 units, and no table of role 'coregistration' says which nuclei they are"):
        tables.load_folder(export.write())
    export.frames["coregistration"] = coregistration
    del export.frames["responses"]
    assert not tables.load_folder(export.write()).of("responses")


def test_a_missing_file_is_an_error_that_names_the_nearest(export):
    toml = export.write()
    (export.folder / "synapses.csv").rename(export.folder / "synapse.csv")
    with pytest.raises(FileNotFoundError, match=r"synapses\.csv: this table is missing.*nearest 'synapse\.csv'"):
        tables.load_folder(toml)


def test_a_toml_in_a_folder_without_tables_is_an_error(export, tmp_path):
    toml = export.write().rename(tmp_path / "elsewhere.toml")
    with pytest.raises(FileNotFoundError, match=r"coregistration\.csv: this table is missing"):
        tables.load_folder(toml)


def test_a_table_without_rows_is_an_error(export):
    export.frames["somata"] = export.frames["somata"].head(0)
    with pytest.raises(ValueError, match=r"somata\.csv: the table has no rows \(columns"):
        tables.load_folder(export.write())


def test_a_truncated_parquet_is_an_error(export):
    toml = export.write(".parquet")
    path = export.folder / "somata.parquet"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"somata\.parquet: 500 bytes that cannot be read as parquet"):
        tables.load_folder(toml)


def test_another_file_format_is_an_error(export):
    toml = export.write()
    (export.folder / "somata.xlsx").touch()
    toml.write_text(toml.read_text().replace("somata.csv", "somata.xlsx"))
    with pytest.raises(ValueError, match=r"files ending in '\.xlsx' are not read"):
        tables.load_folder(toml)


def test_a_value_outside_its_range_is_an_error(export):
    export.frames["synapses"].loc[0, "size"] = -5
    with pytest.raises(ValueError, match=r"synapses\.csv: 1 values do not fit the schema, first.*size"):
        tables.load_folder(export.write())


def test_responses_need_directions_in_their_names(export):
    export.frames["responses"].columns = ["session", "scan_idx", "unit_id", "a", "b", "c", "d"]
    with pytest.raises(ValueError, match="0 response columns found, named direction_DDD_D"):
        tables.load_folder(export.write())


def test_an_unknown_key_of_the_toml_is_an_error_that_names_the_nearest(export):
    toml = export.write()
    toml.write_text(toml.read_text().replace("materialization = 7", "materialisation = 7", 1))
    with pytest.raises(ValueError, match=r"unknown key 'tables\.0\.materialisation', nearest 'materialization'"):
        tables.load_folder(toml)


def test_an_unknown_role_is_an_error_that_lists_them(export):
    toml = export.write()
    toml.write_text(toml.read_text().replace('"somata"', '"soma"'))
    with pytest.raises(ValueError, match=r"tables\.3\.role = 'soma'.*'somata'"):
        tables.load_folder(toml)


def test_an_unknown_source_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="nearest 'minnie65'"):
        sources.load("minnie66")


def test_an_empty_folder_is_an_error_that_asks_for_its_toml(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder \(it is empty\)\. Give the TOML that names its tables"):
        sources.load(tmp_path)


def test_a_direction_of_another_name_is_not_left_out(export):
    responses = export.frames["responses"]
    export.frames["responses"] = responses.rename(columns={"direction_090_0": "direction_90"})
    with pytest.raises(ValueError, match=r"responses\.csv: 1 columns beside 3 directions are named like directions, first 'direction_90'"):
        tables.load_folder(export.write())
    export.frames["responses"] = responses.assign(direction_selectivity=0.5)
    assert "direction_selectivity" not in tables.load_folder(export.write()).of("responses")[0].frame


def test_the_same_direction_twice_is_an_error(export):
    export.frames["responses"] = export.frames["responses"].assign(direction_360_0=1.0)
    with pytest.raises(ValueError, match=r"responses\.csv: direction_000_0 and direction_360_0 are the same direction, which would"):
        tables.load_folder(export.write())
    only = export.frames["responses"].drop(columns="direction_000_0").assign(direction_360_0=[1.0, 2, 3, 4, 5])
    export.frames["responses"] = only
    assert "direction_360_0" in tables.load_folder(export.write()).of("responses")[0].frame


def test_directions_in_radians_are_an_error(export):
    turned = {f"direction_{d:03d}_0": f"direction_{r}" for d, r in ((0, "000_0"), (90, "001_6"), (180, "003_1"), (270, "004_7"))}
    export.frames["responses"] = export.frames["responses"].rename(columns=turned)
    with pytest.raises(ValueError, match=r"all 4 directions lie between 0 and 4\.7 degrees; are they radians\?"):
        tables.load_folder(export.write())


def test_responses_that_do_not_change_with_direction_are_an_error(export):
    directions = [name for name in export.frames["responses"] if name.startswith("direction_")]
    responses = export.frames["responses"]
    export.frames["responses"] = responses.assign(**dict.fromkeys(directions[1:], responses[directions[0]]))
    with pytest.raises(ValueError, match=r"5 of 5 units have one and the same response to all 4 directions, first .*'unit_id': 0"):
        tables.load_folder(export.write())
    many = pd.concat([responses.assign(session=session) for session in range(1, 8)], ignore_index=True)
    many[directions] = np.random.default_rng(0).gamma(2.0, size=(len(many), 4))
    export.frames["responses"] = many.assign(direction_090_0=0.25)
    with pytest.raises(ValueError, match=r"1 directions have one and the same response in all 35 units, first direction_090_0"):
        tables.load_folder(export.write())


def test_responses_of_units_that_nobody_matched_are_an_error(export):
    export.frames["responses"]["session"] += 90
    with pytest.raises(ValueError, match=r"none of the 5 units with responses, first .*, is in the coregistration"):
        tables.load_folder(export.write())


def test_session_and_scan_that_changed_places_are_an_error(export):
    for role in ("responses", "coregistration"):
        export.frames[role]["session"] = 6
    export.frames["responses"] = export.frames["responses"].rename(columns={"session": "scan_idx", "scan_idx": "session"})
    with pytest.raises(ValueError, match=r"responses\.csv: 0 of 5 units are in coregistration\.csv, and 5 when session and scan_idx"):
        tables.load_folder(export.write())


def test_tables_may_not_lie_at_absolute_paths(export):
    toml = export.write()
    toml.write_text(toml.read_text().replace('"somata.csv"', f'"{export.folder / "somata.csv"}"'))
    with pytest.raises(ValueError, match=r"somata\.csv' is an absolute path, which no copy of the folder would find"):
        tables.load_folder(toml)


def test_folders_and_files_behind_links_are_read(export, tmp_path):
    toml = export.write()
    (tmp_path / "folder").symlink_to(export.folder, target_is_directory=True)
    (tmp_path / "linked.TOML").symlink_to(toml)
    for path in (tmp_path / "folder" / toml.name, tmp_path / "linked.TOML"):
        assert len(sources.load(path).tables) == len(export.frames)


def test_hidden_files_that_a_copy_left_behind_are_not_read(export):
    toml = export.write()
    (export.folder / "._somata.csv").write_bytes(b"\x00\x05\x16\x07")
    (export.folder / "._tables.toml").write_bytes(b"\x00\x05\x16\x07")
    assert len(tables.load_folder(toml).tables) == len(export.frames)


def test_the_animal_that_the_toml_names_is_kept(export):
    toml = export.write()
    assert tables.load_folder(toml).animal == ""
    toml.write_text("animal = 17797\n" + toml.read_text())
    assert tables.load_folder(toml).animal == "17797"


@pytest.mark.parametrize(("line", "stated"), [("", False), ("tilt_deg = 5.0\n", False), ("pia_um = 0.0\n", True)])
def test_a_source_of_voxels_has_a_depth_only_where_it_states_the_pia(export, caplog, line, stated):
    toml = export.write()
    toml.write_text(toml.read_text().replace("[[tables]]", f"{line}[[tables]]", 1))
    assert tables.load_folder(toml).axes == ("x", "depth" if stated else "y", "z")
    assert ("along x, y and z, none of which is a depth" in caplog.text) != stated


def test_positions_that_come_in_the_pia_frame_state_the_pia(export):
    for role in ("coregistration", "cell_types_coarse", "somata"):
        of_frame = {f"pt_position_{axis}": f"pial_{axis}_um" for axis in "xyz"}
        export.frames[role] = export.frames[role].rename(columns=of_frame)
        export.frames[role][list(of_frame.values())] *= 0.01
    assert tables.load_folder(export.write()).axes == schema.AXES


def with_axes(export, *axes):
    toml = export.write()
    toml.write_text(toml.read_text().replace("[frame]", f"[frame]\naxes = {list(axes)}", 1))
    return toml


def test_positions_may_be_named_by_the_axes_and_a_depth_is_put_where_depth_belongs(export):
    voxels = tables.load_folder(export.write()).of("coregistration")[0].frame[schema.POSITION].to_numpy()
    moved = tables.load_folder(with_axes(export, "nasotemporal", "dorsoventral", "depth")).of("coregistration")[0].frame
    np.testing.assert_array_equal(moved[schema.POSITION].to_numpy(), voxels[:, [0, 2, 1]])
    frame = export.frames["coregistration"]
    named = dict(zip([f"pt_position_{axis}" for axis in "xyz"], ["nasotemporal_um", "dorsoventral_um", "depth_um"], strict=True))
    for role in ("coregistration", "cell_types_coarse", "somata"):
        export.frames[role] = export.frames[role].rename(columns=named)
        export.frames[role][list(named.values())] = export.frames[role][list(named.values())] * 0.01
    found = tables.load_folder(with_axes(export, "nasotemporal", "dorsoventral", "depth")).of("coregistration")[0].frame
    np.testing.assert_allclose(found["depth_um"], frame["pt_position_z"] * 0.01)
    np.testing.assert_allclose(found["z_um"], frame["pt_position_y"] * 0.01)


@pytest.mark.parametrize("axes", [("a", "a", "b"), ("a", "", "b"), ("a", "layer", "b")])
def test_axes_that_cannot_be_told_apart_or_are_called_like_a_task_are_refused(export, axes):
    with pytest.raises(ValueError, match=r"give three different names, none of them empty or of cell_type, layer"):
        tables.load_folder(with_axes(export, *axes))


def test_a_toml_is_loaded_by_its_path(export):
    assert sources.load(export.write()).name == "small"
