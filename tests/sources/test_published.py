"""Claims: published names and units become the house's, from every format; what is wrong in a table is refused with its number."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.coordinates import MINNIE65, voxels_from_pia
from graphtwin.sources.loaders import published
from graphtwin.sources.loaders.minnie65 import FOLDER
from graphtwin.sources.loaders.published import published_slopes, read_neurons, read_pairs
from graphtwin.sources.loaders.synapse_tables import read_proximities


def edges(**columns) -> pd.DataFrame:
    """Four pairs as published: two connected, one near, one far; `columns` replace or add."""
    table = {
        "pre_nucleus_id": [1, 1, 2, 2],
        "post_nucleus_id": [2, 3, 1, 3],
        "population": pd.Categorical(["Connected", "ADP", "Same region", "Connected"]),
        "proj_hva": pd.Categorical(["V1->V1", "V1->HVA", "V1->V1", "V1->HVA"]),
        "proj_hva_layer": ["V1L2/3->V1L4", "V1L2/3->HVAL5", "V1L4->V1L2/3", "V1L4->HVAL5"],
        "n_synapses": [2.0, 0.0, 0.0, 1.0],
        "synapse_size": [300.0, 0.0, 0.0, 120.0],
        "mean_synapse_size": [150.0, np.nan, np.nan, 120.0],
        "dend_len": [0.012, 0.0005, 0.0, 0.03],
        "in_silico_sig_corr_cvt": [0.2, 0.1, np.nan, -0.1],
    }
    return pd.DataFrame(table | columns)


def nodes(**columns) -> pd.DataFrame:
    """Three neurons as published."""
    table = {
        "nucleus_id": [1, 2, 3],
        "scan_session": [4, 4, 5],
        "scan_idx": [7, 7, 3],
        "unit_id": [10, 11, 12],
        "nucleus_x": [700_000.0, 710_000.0, np.nan],
        "nucleus_y": [500_000.0, 600_000.0, np.nan],
        "nucleus_z": [800_000.0, 810_000.0, np.nan],
        "brain_area": ["V1", "V1", "LM"],
        "hva": ["V1", "V1", "HVA"],
        "layer": pd.Categorical(["L2/3", "L4", "L5"]),
        "cc_abs_cvt": [0.5, 0.3, 0.4],
        "in_silico_resp": [np.arange(5.0), np.ones(5), None],
        "position_stim_cvt": [np.array([[0.1, 0.2]]), np.array([[0.3, -0.4]]), np.array([[0.0, 0.0]])],
    }
    return pd.DataFrame(table | columns)


def save(frame: pd.DataFrame, folder, suffix: str = ".pkl"):
    path = folder / f"table{suffix}"
    if suffix == ".pkl":
        frame.to_pickle(path)
    elif suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        plain = frame.assign(**{name: frame[name].map(flat, na_action="ignore") for name in published.VECTORS if name in frame})
        {".parquet": plain.to_parquet, ".feather": plain.to_feather}[suffix](path)
    return path


def flat(vector: np.ndarray) -> list[float]:
    return np.ravel(vector).tolist()


@pytest.mark.parametrize("suffix", [".pkl", ".parquet", ".feather", ".csv"])
def test_pairs_are_in_house_units_from_every_format(suffix, tmp_path):
    found = read_pairs(save(edges(), tmp_path, suffix))
    np.testing.assert_allclose(found["l_d_um"], [12.0, 0.5, 0.0, 30.0])
    assert found["n_synapses"].tolist() == [2, 0, 0, 1]
    assert {found[name].dtype for name in ("pre_nucleus_id", "post_nucleus_id", "n_synapses")} == {np.dtype("int64")}
    assert found["population"].tolist() == ["Connected", "ADP", "Same region", "Connected"]
    assert found["proj_hva"].tolist() == ["V1->V1", "V1->HVA", "V1->V1", "V1->HVA"]
    assert "dend_len" not in found
    np.testing.assert_array_equal(found["in_silico_sig_corr_cvt"], [0.2, 0.1, np.nan, -0.1])
    np.testing.assert_array_equal(found["mean_synapse_size"], [150.0, np.nan, np.nan, 120.0])


def test_a_table_in_house_units_reads_to_itself(tmp_path):
    once = read_pairs(save(edges(), tmp_path))
    pd.testing.assert_frame_equal(read_pairs(save(once, tmp_path, ".parquet")), once, check_like=True)


def test_what_can_be_derived_need_not_be_there(tmp_path):
    few = edges()[["pre_nucleus_id", "post_nucleus_id", "n_synapses", "synapse_size", "dend_len"]]
    found = read_pairs(save(few, tmp_path))
    assert found["population"].tolist() == ["Connected", "ADP", "Same region", "Connected"]
    np.testing.assert_array_equal(found["mean_synapse_size"], [150.0, np.nan, np.nan, 120.0])
    assert "proj_hva" not in found


def test_a_connected_pair_without_l_d_is_kept_and_counted(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "graphtwin"):
        found = read_pairs(save(edges(dend_len=[0.0, 0.0005, 0.0, 0.03]), tmp_path))
    assert found["population"].tolist()[0] == "Connected"
    assert "1 of 2 connected pairs have L_d = 0, first [{'pre_nucleus_id': 1, 'post_nucleus_id': 2}]; kept" in caplog.text


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"pre_nucleus_id": [1.5, 1.0, 2.0, 2.0]}, "1 of 4 ids are no whole numbers, first 1.5 in row 1"),
        ({"post_nucleus_id": [2, 3, 1, 1]}, r"1 of 4 rows repeat the key \['pre_nucleus_id', 'post_nucleus_id'\]"),
        ({"post_nucleus_id": [1, 3, 1, 3]}, "1 of 4 rows pair a cell with itself"),
        ({"n_synapses": [2, -1, 0, 1]}, r"1 of 4 rows have an n_synapses that is no count \(0, 1, 2, ...\), first \[\{'pre_nucleus_id': 1"),
        ({"n_synapses": [2, 0.5, np.nan, 1]}, "2 of 4 rows have an n_synapses that is no count"),
        ({"dend_len": [0.01, -0.1, np.nan, np.inf]}, r"3 of 4 values of dend_len are negative, infinite or no number, first \[-0.1"),
        ({"dend_len": [12.0, 0.5, 0.0, 85.0]}, "the largest of 4 values of dend_len is 85 mm, longer than any dendrite.*name it l_d_um"),
        ({"l_d_um": [12.0, 0.5, 0.0, 30.0]}, "L_d is given twice"),
        ({"synapse_size": [-1.0, 0.0, 0.0, 1.0]}, "1 of 4 rows have a negative or infinite synapse_size"),
        ({"population": ["Connected", "ADP", "ADP", "random"]}, "2 of 4 rows state a population other than.*drop the column"),
        ({"in_vivo_sig_corr": [0.1, np.inf, -np.inf, 0.0]}, "2 of 4 rows have an infinite in_vivo_sig_corr.*NaN"),
    ],
)
def test_a_wrong_pair_table_is_refused_with_its_number(columns, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_pairs(save(edges(**columns), tmp_path))


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"n_synapses": "n_synapse"}, r"'n_synapses' \(nearest here: 'n_synapse'\)"),
        ({"dend_len": "dend_length"}, r"'dend_len' \(nearest here: 'dend_length'\)"),
        ({"pre_nucleus_id": "presyn_nucleus_id"}, r"'pre_nucleus_id' \(nearest here: 'presyn_nucleus_id'\)"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest(renamed, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_pairs(save(edges().rename(columns=renamed), tmp_path))


def test_a_file_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_pairs(tmp_path / "none.pkl")
    (tmp_path / "table.xlsx").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"'\.xlsx' are not read"):
        read_pairs(tmp_path / "table.xlsx")
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="4 bytes that cannot be read as parquet"):
        read_pairs(tmp_path / "table.parquet")
    with pytest.raises(ValueError, match="no rows"):
        read_pairs(save(edges().iloc[:0], tmp_path))


@pytest.mark.parametrize("suffix", [".pkl", ".parquet", ".feather"])
def test_neurons_are_in_house_units_from_every_format(suffix, tmp_path):
    found = read_neurons(save(nodes(), tmp_path, suffix))
    assert found["session"].tolist() == [4, 4, 5]
    voxels = voxels_from_pia(found[["x_um", "depth_um", "z_um"]].to_numpy(), MINNIE65)
    np.testing.assert_allclose(voxels[:2] * [4, 4, 40], nodes()[["nucleus_x", "nucleus_y", "nucleus_z"]][:2])
    assert np.isnan(voxels[2]).all()
    assert found["layer"].tolist() == ["L2/3", "L4", "L5"]
    responses = np.stack(found["in_silico_resp"])
    assert responses.dtype == np.float32
    np.testing.assert_array_equal(responses, [np.arange(5), np.ones(5), np.full(5, np.nan)])
    np.testing.assert_array_equal(np.stack(found["position_stim_cvt"]), [[0.1, 0.2], [0.3, -0.4], [0.0, 0.0]])


def test_vectors_of_a_csv_are_text_and_text_cut_by_numpy_is_refused(tmp_path):
    text = nodes(in_silico_resp=["[0. 1.  2.]", "[3, 4, 5]", None], position_stim_cvt="[0.1 0.2]")
    found = read_neurons(save(text, tmp_path, ".csv"))
    np.testing.assert_array_equal(np.stack(found["in_silico_resp"])[:2], [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(ValueError, match=r"column in_silico_resp: a cell is no vector of numbers .*'\.\.\.'"):
        read_neurons(save(nodes(in_silico_resp=str(np.arange(2000.0))), tmp_path, ".csv"))


def test_vectors_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"vectors of in_silico_resp have 2 lengths \(length: rows, \{5: 2, 4: 1\}\)"):
        read_neurons(save(nodes(in_silico_resp=[np.ones(5), np.ones(4), np.ones(5)]), tmp_path))


def test_all_units_of_a_nucleus_are_handed_over_each_once(tmp_path):
    several = nodes(nucleus_id=[1, 2, 1], cc_abs_cvt=[0.2, 0.3, 0.4])
    assert read_neurons(save(several, tmp_path))[["nucleus_id", "unit_id"]].to_numpy().tolist() == [[1, 10], [2, 11], [1, 12]]
    with pytest.raises(ValueError, match="1 of 3 rows repeat the key"):
        read_neurons(save(several.assign(scan_session=4, scan_idx=7, unit_id=10), tmp_path))


def test_a_neuron_table_needs_the_nucleus_and_all_of_a_position(tmp_path):
    with pytest.raises(ValueError, match=r"'nucleus_id' \(nearest here: 'nucleusid'\)"):
        read_neurons(save(nodes().rename(columns={"nucleus_id": "nucleusid"}), tmp_path))
    with pytest.raises(ValueError, match="'nucleus_z'"):
        read_neurons(save(nodes().drop(columns="nucleus_z"), tmp_path))


def test_published_slopes_have_the_columns_of_ours():
    slopes = published_slopes()
    assert list(slopes) == ["group", "similarity", "outcome", "estimate", "se", "z", "p", "q", "n_pairs", "n_axons"]
    assert not slopes.duplicated(["group", "similarity", "outcome"]).any()
    assert len(slopes) == 4 * 7 * 2
    row = slopes.set_index(["group", "similarity", "outcome"]).loc[("V1->V1", "in_silico_sig_corr_cvt", "synapse_density")]
    assert row["estimate"] == pytest.approx(2.297152152254257)
    assert (row["n_pairs"], row["n_axons"]) == (77240, 36)
    assert slopes["outcome"].value_counts().to_dict() == {"synapse_density": 28, "co_travel": 28}


def test_the_bundle_is_read_from_the_package_which_a_wheel_brings_without_the_repository():
    package = Path(published.__file__).parents[2]
    assert published.BUNDLE.is_relative_to(package)
    assert FOLDER.is_relative_to(package)


def test_a_changed_file_of_the_bundle_is_noticed(tmp_path):
    shutil.copytree(published.BUNDLE, tmp_path / "copy")
    with (tmp_path / "copy" / "glmm_slopes_area.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(ValueError, match="sha256"):
        published_slopes(tmp_path / "copy")


@pytest.mark.parametrize(("name", "times", "unit"), [("l_d_um", 1000.0, "nm"), ("l_d_um", 1e-3, "mm"), ("dend_len", 1.0, "um")])
def test_lengths_of_usual_size_in_another_unit_are_told_by_their_middle_in_every_reader_of_them(name, times, unit, tmp_path):
    ids = np.arange(30)
    usual = pd.DataFrame({"pre_nucleus_id": ids, "post_nucleus_id": ids + 100, "n_synapses": 0, name: times * np.linspace(0.0, 25.0, 30)})
    usual.to_csv(tmp_path / "t.csv", index=False)
    readers = [read_pairs, *([read_proximities] if name == "l_d_um" else [])]
    for reader in readers:
        with pytest.raises(ValueError, match=rf"the largest of 30 values of {name} is .* is it in {unit}\?"):
            reader(tmp_path / "t.csv")
    right = {"l_d_um": 1.0, "dend_len": 1e-3}[name]
    usual.assign(**{name: usual[name] * right / times}).to_csv(tmp_path / "t.csv", index=False)
    for reader in readers:
        assert reader(tmp_path / "t.csv")["l_d_um"].max() == pytest.approx(25.0)


def test_neurons_that_run_in_one_tract_share_millimetres(tmp_path):
    ids = np.arange(20)  # as many pairs, and as long, as five projection neurons of a fly make
    pairs = pd.DataFrame({"pre_nucleus_id": ids, "post_nucleus_id": ids + 100, "n_synapses": 0, "l_d_um": np.linspace(1990.0, 2335.0, 20)})
    pairs.to_csv(tmp_path / "t.csv", index=False)
    assert read_pairs(tmp_path / "t.csv")["l_d_um"].tolist() == read_proximities(tmp_path / "t.csv")["l_d_um"].tolist()
