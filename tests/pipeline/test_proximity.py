"""Skeletons in, a table of proximities out: the same from every format and worker count, whole or not there at all."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from graphtwin.cli.app import app
from graphtwin.pipeline.pairs.proximities import write_proximities
from tests.cortex.planted_skeletons import AXONS, DATA, DENDRITES, PUBLISHED, real
from tests.sources.test_skeletons import save, save_volume

pytestmark = pytest.mark.slow


COLUMNS = ["pre_nucleus_id", "post_nucleus_id", "l_d_um", "axon_length_um", "min_distance_um"]
REAL = ["--axons", *sorted(DATA.glob("*axon*")), "--dendrites", *sorted(DATA.glob("*dend*"))]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["proximity", *(str(argument) for argument in arguments)])


def table(*arguments: object) -> pd.DataFrame:
    """The table a command wrote, after the one that an earlier command wrote there was removed."""
    out = Path(str(arguments[arguments.index("--out") + 1]))
    out.unlink(missing_ok=True)
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return pd.read_csv(out) if out.suffix == ".csv" else pd.read_parquet(out)


def words(result: Result) -> str:
    """The message of a command that ended in words, on one line."""
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    return " ".join(result.output[result.output.index("graphtwin: ") :].split())


def crowd(folder: Path, n: int = 5) -> Path:
    """A folder of shifted copies of a real axon."""
    folder.mkdir()
    vertices, edges = real(AXONS[0])
    for i in range(n):
        save(folder / f"axon_{10 + i}.npz", vertices + np.array([2000 * i, 0, 0]), edges)
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> pd.DataFrame:
    return table(*REAL, "--out", tmp_path_factory.mktemp("real") / "pairs.parquet", "--all-pairs")


def test_the_real_files_give_the_published_pairs(pairs, tmp_path):
    assert pairs.columns.tolist() == COLUMNS
    assert pairs.dtypes.tolist() == [np.dtype("int64")] * 2 + [np.dtype("float64")] * 3
    for number, other, l_d, length, _, distance in PUBLISHED:
        (row,) = pairs.query(f"pre_nucleus_id == {number} and post_nucleus_id == {other}").itertuples()
        np.testing.assert_allclose(
            [row.l_d_um, row.axon_length_um, row.min_distance_um], np.divide([l_d, length, distance], 1000), atol=1e-7
        )
    near = table(*REAL, "--out", tmp_path / "pairs.csv")
    pd.testing.assert_frame_equal(near, pairs[pairs["l_d_um"] > 0].reset_index(drop=True), check_exact=True)


def test_proximal_points_are_written_on_request(tmp_path):
    table(*REAL, "--out", tmp_path / "pairs.csv", "--vertices", tmp_path / "points.parquet")
    points = pd.read_parquet(tmp_path / "points.parquet")
    assert points.columns.tolist() == ["pre_nucleus_id", "post_nucleus_id", "side", "x_nm", "y_nm", "z_nm"]
    assert set(points["side"]) == {"axon", "dendrite"}
    assert len(points.groupby(["pre_nucleus_id", "post_nucleus_id"])) == 3


def test_a_folder_a_volume_and_swc_in_micrometres_give_the_pairs_of_the_files(tmp_path):
    vertices, edges = (np.round(real(AXONS[0])[0]), real(AXONS[0])[1])
    dendrite = DATA / f"skeleton_dend_{DENDRITES[1]}.npz"
    expected = table("--axons", save(tmp_path / "axon_7.npz", vertices, edges), "--dendrites", dendrite, "--out", tmp_path / "a.csv")
    parent = np.full(len(vertices), -1)
    tree = edges[np.argsort(edges[:, 0])]
    parent[tree[:, 0]] = tree[:, 1] + 1
    assert (parent >= 0).sum() == len(edges)  # every vertex but the root has one parent
    nodes = np.column_stack([np.arange(1, len(vertices) + 1), np.full(len(vertices), 2), vertices / 1000, np.ones(len(vertices)), parent])
    (tmp_path / "swc").mkdir()
    np.savetxt(tmp_path / "swc" / "axon_7.swc", nodes, fmt="%d %d %.3f %.3f %.3f %d %d")
    save_volume(tmp_path / "volume", [7], drawn=(vertices, edges))
    index = tmp_path / "dendrites.index"
    table("--axons", tmp_path / "axon_7.npz", "--dendrites", dendrite, "--index", index, "--out", tmp_path / "b.csv")
    unit = ["--nm-per-unit", 1000, 1000, 1000]
    for given in ([tmp_path / "swc", *unit], [tmp_path / "volume"], [f"file://{tmp_path}/volume#7"]):
        found = table("--axons", *given, "--index", index, "--out", tmp_path / "c.csv")
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def test_any_number_of_workers_writes_the_same_file(tmp_path):
    axons = crowd(tmp_path / "axons")
    written = set()
    for workers in (1, 2, 4):
        table("--axons", axons, *REAL[3:], "--out", tmp_path / "pairs.csv", "--workers", workers, "--all-pairs")
        written.add((tmp_path / "pairs.csv").read_bytes())
    assert len(written) == 1


def test_an_index_is_written_once_and_then_stands_for_the_dendrites(pairs, tmp_path):
    index = tmp_path / "dendrites.index"
    out = ["--all-pairs", "--out", tmp_path / "pairs.parquet"]
    for dendrites in (REAL[3:], REAL[3:], []):
        pd.testing.assert_frame_equal(table(*REAL[:3], *dendrites, "--index", index, *out), pairs, check_exact=True)
        written = index.stat().st_mtime_ns
    assert index.stat().st_mtime_ns == written


def test_an_index_of_other_dendrites_or_settings_is_refused(tmp_path):
    index, dendrite = tmp_path / "dendrites.index", tmp_path / "dend_7.npz"
    shutil.copy(DATA / f"skeleton_dend_{DENDRITES[1]}.npz", dendrite)
    given = [*REAL[:3], "--dendrites", dendrite, "--index", index, "--out"]
    table(*given, tmp_path / "first.csv")
    given.append(tmp_path / "pairs.csv")
    assert "has radius_nm 5000 instead of 3000 and max_edge_nm 1000.0 instead of 500.0. Remove it" in words(
        invoke(*given, "--radius-nm", 3000, "--max-edge-nm", 500)
    )
    assert "has dendrites (their ids, files or unit) other than those given" in words(invoke(*given, "--nm-per-unit", 1, 1, 1))
    save(dendrite, *real(DENDRITES[0]))
    assert "has dendrites (their ids, files or unit) other than those given" in words(invoke(*given))


def test_an_index_that_is_not_there_or_no_index_is_told(tmp_path):
    out = ["--out", tmp_path / "pairs.csv"]
    assert "no such index. Give the dendrites too" in words(invoke(*REAL[:3], "--index", tmp_path / "none.index", *out))
    assert "no dendrites: give --dendrites, or --index" in words(invoke(*REAL[:3], *out))
    assert "Remove the file and build it again" in words(invoke(*REAL[:3], "--index", REAL[1], *out))
    with pytest.raises(ValueError, match="no axons: give at least one skeleton"):
        write_proximities([], REAL[4:], tmp_path / "pairs.csv")


def test_other_settings_measure_something_else(pairs, tmp_path):
    wider = table(*REAL, "--out", tmp_path / "pairs.csv", "--radius-nm", 6200)
    assert len(wider) == 4
    assert (wider["l_d_um"].to_numpy() > pairs["l_d_um"].to_numpy()).all()
    np.testing.assert_array_equal(wider["min_distance_um"], pairs["min_distance_um"])


def test_gaps_are_counted_and_said(tmp_path, caplog):
    table(*REAL, "--out", tmp_path / "pairs.csv")
    assert "2 of 2 dendrites are in pieces, nucleus 587885 in 7; all pieces count." in caplog.messages
    assert not any("axons are in pieces" in message for message in caplog.messages)


def test_when_nobody_meets_the_places_of_both_sides_are_said(tmp_path, caplog):
    axon = save(tmp_path / "axon_7.npz")
    with caplog.at_level(logging.WARNING):
        found = table("--axons", axon, *REAL[3:], "--out", tmp_path / "pairs.parquet")
    assert found.columns.tolist() == COLUMNS
    assert len(found) == 0
    (message,) = [message for message in caplog.messages if message.startswith("no pair within 5000 nm")]
    assert "Axons lie at [0, 0, 0] to [2, 2, 0] um, dendrites at [670, 283, 833] to [1506, 815, 1114] um" in message


def test_skeletons_in_voxels_end_in_words_and_leave_no_table(tmp_path):
    vertices, edges = real(AXONS[0])
    save(tmp_path / "axon_7.npz", vertices / [4, 4, 40], edges, nm_per_unit=None)
    (tmp_path / "out").mkdir()
    given = ["--axons", tmp_path / "axon_7.npz", *REAL[3:], "--out", tmp_path / "out" / "pairs.csv"]
    message = words(invoke(*given))
    assert "axon_7.npz: the file does not say in which unit its coordinates are; along z it changes" in message
    assert "4 4 40 for voxels of minnie65" in message
    assert list((tmp_path / "out").iterdir()) == []


def test_a_skeleton_that_fails_late_is_named_and_no_table_is_left(tmp_path):
    axons = crowd(tmp_path / "axons")
    save(axons / "axon_99.npz", np.array([[0.0, 0, 0], [0.1, 0, 0]]), np.array([[0, 1]]))
    for workers in (1, 2):
        message = words(invoke("--axons", axons, *REAL[3:], "--out", tmp_path / "out" / "pairs.csv", "--workers", workers))
        assert "axon_99.npz: nucleus 99: a skeleton of 2 vertices and 1 edges, none with a length" in message
        assert list((tmp_path / "out").iterdir()) == []


def test_a_run_that_is_killed_leaves_nothing(tmp_path):
    axons = crowd(tmp_path / "axons")
    given = ["proximity", "--axons", axons, *REAL[3:], "--out", tmp_path / "out" / "pairs.parquet"]
    code = f"""
import os, signal
from graphtwin.pipeline.pairs import proximities as proximity
proximity.BUFFERED_ROWS = 0
seen = []
class Rows(proximity._Rows):
    def append(self, columns):
        super().append(columns)
        seen.append(self.file.tell())
        if len(seen) == 3:
            assert seen[-1] > 0  # something was written by then
            os.kill(os.getpid(), signal.SIGKILL)
proximity._Rows = Rows
from graphtwin.cli.app import app
app({[str(word) for word in given]})
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_tables_of_another_kind_are_refused_before_anything_is_read(tmp_path):
    for name in ("--out", "--vertices"):
        other = [] if name == "--out" else ["--out", tmp_path / "pairs.csv"]
        message = words(invoke("--axons", tmp_path / "none.npz", *REAL[3:], *other, name, tmp_path / "pairs.xlsx"))
        assert "pairs.xlsx: .xlsx is no table this writes. Name a .parquet or .csv file." in message


def test_help_shows_examples():
    result = invoke("--help")
    assert result.exit_code == 0
    assert "graphtwin proximity --axons" in result.output.split("Examples")[1]


def test_files_of_several_units_meet_where_each_says_its_own(tmp_path):
    steps = np.arange(41.0)
    chain = np.column_stack([np.arange(40), np.arange(1, 41)])
    apart = [np.column_stack([1000 * steps, np.full(41, y), np.zeros(41)]) for y in (2000, 3000)]
    rows = [f"{i + 1} 2 {x} 0 0 1 {i or -1}" for i, x in enumerate(steps)]
    (tmp_path / "axon_1.swc").write_text("# units: um\n" + "\n".join(rows) + "\n")
    (tmp_path / "axon_2.SWC").write_text('# Meta: {"units": "8 nanometer"}\n' + "\n".join(rows).replace(" 0 0 1", " 125 0 1") + "\n")
    np.savez(tmp_path / "dend_3.npz", vertices=apart[0], edges=chain, units="nm")
    volume = save_volume(tmp_path / "volume", [4], drawn=(apart[1], chain))
    given = ["--axons", tmp_path / "axon_1.swc", tmp_path / "axon_2.SWC", "--dendrites", tmp_path / "dend_3.npz", volume]
    found = table(*given, "--out", tmp_path / "pairs.csv").set_index(["pre_nucleus_id", "post_nucleus_id"])
    assert found["min_distance_um"].to_dict() == {(1, 3): 2.0, (1, 4): 3.0, (2, 3): 1.0, (2, 4): 2.0}
    assert found.loc[[(1, 3), (1, 4)], "l_d_um"].tolist() == [40.0, 40.0]
    refused = words(invoke(*given, "--out", tmp_path / "more.csv", "--nm-per-unit", 1000, 1000, 1000))
    assert "dend_3.npz: the file says that one unit is 1 1 1 nm, but --nm-per-unit says 1000 1000 1000" in refused
    refused = words(invoke(*given[:4], volume, "--out", tmp_path / "more.csv", "--nm-per-unit", 1000, 1000, 1000))
    assert "volume#4: a precomputed volume is in nm, but --nm-per-unit says 1000 1000 1000" in refused
