"""What a CAVE export declares is used: which rows are valid, and how many nm a unit of its positions is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.coordinates import MINNIE65, PiaFrame, pia_from_voxels
from graphtwin.sources.formats import Stated
from graphtwin.sources.formats.cave import valid_rows
from graphtwin.sources.formats.export import read_table
from graphtwin.sources.loaders import read_connections
from graphtwin.sources.loaders import table_folder as tables
from graphtwin.sources.loaders.em_tables import read_nuclei, read_synapses

VOXELS = ["pt_position_x", "pt_position_y", "pt_position_z"]
EDGES = np.array([4.0, 4.0, 40.0])
UNITS_NM = {"voxels": (4.0, 4.0, 40.0), "nm": (1.0, 1.0, 1.0), "um": (1000.0, 1000.0, 1000.0)}


def cells(n: int = 30, unit: str = "voxels", seed: int = 0) -> pd.DataFrame:
    """Matched cells in 400 um of tissue, as CAVE exports them at a desired resolution."""
    voxels = np.random.default_rng(seed).integers([180_000, 100_000, 15_000], [280_000, 200_000, 25_000], (n, 3))
    table = pd.DataFrame({"id": np.arange(n), "target_id": 1000 + np.arange(n), "session": 4, "scan_idx": 7, "unit_id": np.arange(n)})
    table["pt_root_id"] = 864691135000000001 + 2 * np.arange(n)
    return table.assign(**dict(zip(VOXELS, (voxels * EDGES / np.array(UNITS_NM[unit])).T, strict=True)))


def read(table: pd.DataFrame, folder: Path, suffix: str = ".parquet", stated: Stated | None = None) -> pd.DataFrame:
    path = folder / f"c{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else getattr(table, f"to_{suffix[1:]}")(path)
    return read_table(path, "coregistration", {}, PiaFrame(), stated)


def places(table: pd.DataFrame) -> np.ndarray:
    return table[["x_um", "depth_um", "z_um"]].to_numpy(np.float64)


@pytest.mark.parametrize("words", [("t", "f"), ("True", "False"), (True, False), (1, 0), ("true", "false"), ("TRUE", "FALSE"), (1.0, 0.0)])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_that_are_not_valid_are_left_out_and_counted(words, suffix, tmp_path, caplog):
    table = cells(4).assign(valid=[words[0], words[1], words[0], words[0]])
    assert read(table, tmp_path, suffix)["unit_id"].tolist() == [0, 2, 3]
    assert "1 of 4 rows are not valid" in caplog.text


def test_a_validity_named_as_a_question_is_read_too(tmp_path):
    assert read(cells(4).assign(is_valid=["t", "t", "f", "t"]), tmp_path)["unit_id"].tolist() == [0, 1, 3]


@pytest.mark.parametrize("name", ["superceded_id", "superseded_id"])
def test_rows_that_another_took_the_place_of_are_left_out(name, tmp_path):
    assert read(cells(4).assign(valid=True, **{name: [np.nan, 3, np.nan, np.nan]}), tmp_path)["unit_id"].tolist() == [0, 2, 3]


def test_rows_that_refer_to_a_nucleus_that_is_not_valid_are_left_out(tmp_path):
    assert read(cells(4).assign(valid="t", valid_ref=["t", "t", "f", "t"]), tmp_path)["unit_id"].tolist() == [0, 1, 3]


def test_the_root_at_which_a_status_was_given_is_no_truth_value_and_another_one_is_told(tmp_path, caplog):
    table = cells(3).assign(valid_id=[864691135000000001, 0, 7])
    assert len(read(table, tmp_path)) == 3
    assert "2 of 3 rows were written of another version of their segment" in caplog.text


def test_validity_is_known_by_its_name_in_capitals_too():
    assert valid_rows(pd.DataFrame({"Valid": ["t", "f"], "SUPERCEDED_ID": [None, None]}), "c.csv").index.tolist() == [0]


def test_a_validity_that_is_no_truth_value_is_refused():
    with pytest.raises(ValueError, match=r"c\.csv, column valid: 1 of 2 values are neither true nor false, first 'perhaps'"):
        valid_rows(pd.DataFrame({"valid": ["t", "perhaps"]}), "c.csv")
    with pytest.raises(ValueError, match=r"c\.csv: none of its 2 rows is valid \(columns \['valid'\]\)"):
        valid_rows(pd.DataFrame({"valid": ["f", "f"]}), "c.csv")


def test_every_table_of_cave_is_read_without_rows_that_are_not_valid(tmp_path):
    cells(4).assign(valid=["t", "f", "t", "t"]).to_csv(tmp_path / "n.csv", index=False)
    assert read_nuclei(tmp_path / "n.csv")["nucleus_id"].tolist() == [0, 2, 3]
    synapses = pd.DataFrame({"id": [1, 2], "valid": [True, False], "pre_pt_root_id": 5, "post_pt_root_id": 6, "size": 10})
    synapses.to_csv(tmp_path / "s.csv", index=False)
    assert read_connections(tmp_path / "s.csv")["synapse_id"].tolist() == [1]
    points = {f"{side}_pt_position_{axis}": [180_000, 180_001] for side in ("pre", "ctr", "post") for axis in "xyz"}
    synapses.assign(**points).to_csv(tmp_path / "s.csv", index=False)
    assert read_synapses(tmp_path / "s.csv")["synapse_id"].tolist() == [1]


@pytest.mark.parametrize("n", [1, 5, 30])
@pytest.mark.parametrize("unit", ["nm", "um"])
@pytest.mark.parametrize("triples", [False, True])
def test_positions_in_another_unit_without_a_word_are_refused(n, unit, triples, tmp_path):
    table = cells(n, unit)
    if triples:
        table = table.drop(columns=VOXELS).assign(pt_position=[str(row) for row in table[VOXELS].to_numpy().tolist()])
    with pytest.raises(ValueError, match=r"c\.csv: (its .* positions, without a word on their unit taken as voxels|half of)"):
        read(table, tmp_path, ".csv")


@pytest.mark.parametrize("unit", ["nm", "um"])
def test_positions_in_another_unit_than_the_source_states_are_refused(unit, tmp_path):
    with pytest.raises(ValueError, match=r"c\.parquet: its 30 positions, taken as voxels of 4 x 4 x 40 nm, "):
        read(cells(unit=unit), tmp_path, stated=Stated(of_frame=(4.0, 4.0, 40.0)))


def test_nm_of_a_thin_slab_are_known_by_their_multiples(tmp_path):
    slab = cells(unit="nm")
    slab["pt_position_z"] = 40.0 * np.arange(30)
    slab[VOXELS[:2]] = slab[VOXELS[:2]] // 40 * 4
    with pytest.raises(ValueError, match="are all multiples of a voxel's edges in nm"):
        read(slab, tmp_path)


def somata(n: int, width_um: float, seed: int = 0) -> np.ndarray:
    """Places in nm of cells in a cube, none of which is within 7 um of another."""
    rng, kept = np.random.default_rng(seed), np.empty((0, 3))
    while len(kept) < n:
        place = rng.uniform(0, 1000 * width_um, 3)
        if not len(kept) or np.linalg.norm(kept - place, axis=1).min() > 7000:
            kept = np.vstack([kept, place])
    return kept + np.array([300_000, 400_000, 100_000])


def small_volume(nm: np.ndarray, unit_nm: tuple[float, float, float]) -> pd.DataFrame:
    return cells(len(nm)).assign(**dict(zip(VOXELS, (nm / unit_nm).round().astype(np.int64).T, strict=True)))


def test_whole_nm_in_a_small_volume_are_known_by_the_room_that_somata_need(tmp_path, caplog):
    nm = somata(700, 200)
    with pytest.raises(ValueError, match=r"its 700 positions, without .* have 0 pairs within 5 um of each other if they were nm, where"):
        read(small_volume(nm, (1, 1, 1)), tmp_path)
    read(small_volume(nm, (4, 4, 40)), tmp_path)
    assert "nothing states the unit of its positions; taken for voxels of 4 x 4 x 40 nm" in caplog.text
    read(small_volume(nm, (1, 1, 1)), tmp_path, stated=Stated(of_table=(1.0, 1.0, 1.0)))


@pytest.mark.parametrize("seed", range(10))
def test_voxels_of_cells_and_places_without_order_are_not_taken_for_nm(tmp_path, seed):
    """Cells in voxels at the density of cortex, in 100 to 300 um; and points that lie anywhere, in nm, of which nothing can be told."""
    width = 100 + 22 * seed
    cells_at = somata(min(int(8e-5 * width**3), 700), width, seed)
    anywhere = np.random.default_rng(seed).uniform(2e5, 4e5, (700, 3))
    assert len(places(read(small_volume(cells_at, (4, 4, 40)), tmp_path))) == len(cells_at)
    assert len(places(read(small_volume(anywhere, (1, 1, 1)), tmp_path))) == 700


@pytest.mark.parametrize("edges", [(8, 8, 33), (16, 16, 35), (4, 4, 45), (8, 8, 30)])
def test_nm_of_another_volume_are_known_by_the_multiples_of_its_voxels(tmp_path, edges):
    voxels = np.random.default_rng(0).integers(2000, 8000, (30, 3))
    with pytest.raises(ValueError, match=f"are all multiples of {edges[0]}, {edges[1]} and {edges[2]}"):
        read(small_volume(voxels * edges, (1, 1, 1)), tmp_path)
    read(small_volume(10 * voxels, (1, 1, 1)), tmp_path)  # round numbers are no voxels


@pytest.mark.parametrize("unit", UNITS_NM)
@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
@pytest.mark.parametrize("how", ["stamp", "table", "frame"])
def test_positions_come_to_the_same_place_from_every_unit_that_is_stated(unit, suffix, how, tmp_path):
    expected = pia_from_voxels(cells()[VOXELS].to_numpy(np.float64), PiaFrame())
    table, stated = cells(unit=unit), Stated()
    if how == "stamp":
        table.attrs["dataframe_resolution"] = list(UNITS_NM[unit])
    else:
        stated = Stated(**{f"of_{how}": UNITS_NM[unit]})
    np.testing.assert_allclose(places(read(table, tmp_path, suffix, stated)), expected, atol=1e-6)


def test_a_file_and_a_source_that_state_different_resolutions_are_refused_until_the_table_has_its_own(tmp_path):
    table = cells(unit="nm")
    table.attrs["dataframe_resolution"] = [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"in units of 1 x 1 x 1 nm \(dataframe_resolution\), the source in voxels of 4 x 4 x 40 nm"):
        read(table, tmp_path, stated=Stated(of_frame=(4.0, 4.0, 40.0)))
    assert len(read(table, tmp_path, stated=Stated(of_frame=(4.0, 4.0, 40.0), of_table=(1.0, 1.0, 1.0)))) == 30


@pytest.mark.parametrize(
    "write",
    [
        lambda row: "[{:.0f} {:.0f} {:.0f}]".format(*row),
        lambda row: "[{:.0f}, {:.0f}, {:.0f}]".format(*row),
        lambda row: "({},{},{})".format(*row),
        lambda row: "{{{:.0f},{:.0f},{:.0f}}}".format(*row),
        list,
        np.array,
    ],
)
def test_a_position_is_read_however_its_triple_is_written(write, tmp_path):
    table = cells(5)
    triples = table.drop(columns=VOXELS).assign(pt_position=[write(row) for row in table[VOXELS].to_numpy()])
    np.testing.assert_array_equal(places(read(triples, tmp_path)), places(read(table, tmp_path)))


@pytest.mark.parametrize("wrong", ["0101000080", "[1, 2]", "[1 2 3 4]", "one two three", "POINT (1 2 3)"])
def test_a_position_that_is_no_triple_is_refused(wrong, tmp_path):
    table = cells(2).drop(columns=VOXELS).assign(pt_position=["[200000 150000 20000]", wrong])
    with pytest.raises(ValueError, match=r"1 of 2 values of pt_position are not three numbers, first '.*'\. Export it split"):
        read(table, tmp_path)


def test_a_position_of_words_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"column pt_position_y: 1 of 2 values are no numbers, first 'far'"):
        read(cells(2).astype({"pt_position_y": object}).assign(pt_position_y=[150000, "far"]), tmp_path, ".csv")


def test_positions_in_the_pia_frame_in_another_unit_are_refused(tmp_path):
    pia = pia_from_voxels(cells()[VOXELS].to_numpy(np.float64), MINNIE65)
    named = cells().drop(columns=VOXELS)
    for factor, words in ((1e-3, "half of 30 of its cells have another within 0"), (1e3, "positions reach .* um, farther than any volume")):
        columns = dict(zip(("pial_x_um", "pial_y_um", "pial_z_um"), factor * pia.T, strict=True))
        with pytest.raises(ValueError, match=words):
            read(named.assign(**columns), tmp_path)


@pytest.fixture
def volume(export):
    """The small folder with 30 cells in two tables that have positions of their own."""
    table = cells()
    keep = ["target_id", "pt_root_id", *VOXELS]
    export.frames = {
        "coregistration": table.drop(columns="id"),
        "responses": table[["session", "scan_idx", "unit_id"]].assign(
            **{f"direction_{d:03d}_0": np.random.default_rng(d).gamma(2.0, size=30) for d in (0, 90, 180, 270)}
        ),
        "cell_types_fine": table[keep].assign(cell_type="23P"),
    }
    return export


def test_tables_that_put_the_same_cells_elsewhere_are_refused(volume):
    shared = volume.frames["cell_types_fine"]
    tables.load_folder(volume.write())
    volume.frames["cell_types_fine"] = shared.assign(pt_position_z=shared["pt_position_z"] // 10)
    with pytest.raises(ValueError, match=r"30 of 30 cells that coregistration\.csv and cell_types_fine\.csv share lie more than 15 um"):
        tables.load_folder(volume.write())


def test_a_table_of_its_own_unit_is_read_when_the_toml_says_so(volume):
    right = places(tables.load_folder(volume.write()).of("cell_types_fine")[0].frame)
    volume.frames["cell_types_fine"] = cells(unit="nm")[["target_id", "pt_root_id", *VOXELS]].assign(cell_type="23P")
    toml = volume.write()
    toml.write_text(toml.read_text().replace('role = "cell_types_fine"', 'role = "cell_types_fine"\nvoxel_nm = [1, 1, 1]'))
    np.testing.assert_allclose(places(tables.load_folder(toml).of("cell_types_fine")[0].frame), right, atol=1e-6)


def test_voxels_beside_positions_in_the_pia_frame_need_the_pose_of_the_pia(volume):
    pia = pia_from_voxels(cells()[VOXELS].to_numpy(np.float64), MINNIE65)
    named = volume.frames["cell_types_fine"].drop(columns=VOXELS)
    volume.frames["cell_types_fine"] = named.assign(**dict(zip(("pial_x_um", "pial_y_um", "pial_z_um"), pia.T, strict=True)))
    with pytest.raises(ValueError, match=r"30 of 30 cells .* tilt_deg and pia_um under \[frame\] where one table has positions in the pia"):
        tables.load_folder(volume.write())
    toml = volume.write()
    toml.write_text(toml.read_text().replace("[[tables]]", f"tilt_deg = 5.0\npia_um = {MINNIE65.pia_um}\n[[tables]]", 1))
    assert tables.load_folder(toml).axes == ("x", "depth", "z")


def test_a_few_cells_that_were_corrected_are_no_other_frame(volume):
    shared = volume.frames["cell_types_fine"]
    volume.frames["cell_types_fine"] = shared.assign(pt_position_x=shared["pt_position_x"] + np.where(np.arange(30) < 5, 20_000, 0))
    assert len(tables.load_folder(volume.write()).tables) == 3
