"""An output is whole or absent, and knows where it came from."""

from __future__ import annotations

import errno
import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin import artifacts


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = artifacts.write_text("old", tmp_path / "result.txt")

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        artifacts.write_atomic(path, fail)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["result.txt"]


def test_folders_are_made_on_the_way(tmp_path):
    assert artifacts.write_text("x", tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_a_table_returns_as_it_was_written(tmp_path):
    frame = pd.DataFrame({"nucleus_id": [864691135000000001], "layer": pd.Series([None], dtype=object), "depth_um": [np.nan]})
    pd.testing.assert_frame_equal(pd.read_parquet(artifacts.write_parquet(frame, tmp_path / "t.parquet")), frame)


def test_every_table_of_a_cortex_is_written_and_read_back(cortex, tmp_path):
    written = artifacts.write_tables(cortex, tmp_path)
    assert set(written) == {field.name for field in fields(cortex) if isinstance(getattr(cortex, field.name), pd.DataFrame)}
    assert {"neurons", "synapses", "function", "exposure", "ceiling", "axes"} < set(written)
    pd.testing.assert_frame_equal(pd.read_parquet(written["neurons"]), cortex.neurons)


@dataclass
class Score:
    value: float


def test_json_holds_numbers_and_null_never_nan(tmp_path):
    content = {"a": np.float32(0.5), "b": np.array([1, 2]), "c": float("nan"), "d": Score(np.inf), "e": tmp_path, 3: (True, None)}
    read = json.loads(artifacts.write_json(content, tmp_path / "m.json").read_text())
    assert read == {"a": 0.5, "b": [1, 2], "c": None, "d": {"value": None}, "e": str(tmp_path), "3": [True, None]}


def test_what_is_no_json_is_an_error(tmp_path):
    with pytest.raises(TypeError, match="cannot write object as JSON"):
        artifacts.write_json({"a": object()}, tmp_path / "m.json")
    assert not list(tmp_path.iterdir())


def test_the_hash_is_that_of_the_content(tmp_path):
    path = artifacts.write_text("abc", tmp_path / "a")
    assert artifacts.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_provenance_names_what_is_needed_to_repeat():
    made = artifacts.provenance(seed=3, inputs={"a.parquet": "ff"})
    assert (made["seed"], made["inputs"], made["python"]) == (3, {"a.parquet": "ff"}, sys.version.split()[0])
    assert made["libraries"]["numpy"] == np.__version__
    assert "torch" in made["libraries"]


def test_a_link_is_followed_also_where_its_file_is_new(tmp_path):
    for name in ("old", "new"):
        (tmp_path / f"{name}.link").symlink_to(tmp_path / name)
    (tmp_path / "old").write_text("before")
    for name in ("old", "new"):
        artifacts.write_text("after", tmp_path / f"{name}.link")
        assert (tmp_path / f"{name}.link").is_symlink()
        assert (tmp_path / name).read_text() == "after"


def test_the_same_tensors_give_the_same_bytes_under_any_name(tmp_path):
    content = {"weights": torch.arange(3.0), "name": "fit"}
    first, second = (artifacts.write_tensors(content, tmp_path / name).read_bytes() for name in ("a.pt", "another.pt"))
    assert first == second
    assert torch.equal(artifacts.read_tensors(tmp_path / "a.pt")["weights"], content["weights"])


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_tensors_that_are_cut_short_are_told_in_our_words(tmp_path, kept):
    path = artifacts.write_tensors({"weights": torch.arange(300.0)}, tmp_path / "a.pt")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"a\.pt: (is cut short or damaged|holds more than tensors).*Delete it") as told:
        artifacts.read_tensors(path)
    assert "weights_only" not in str(told.value)  # no advice to trust it


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), OSError("1000 requested and 24 written")])
def test_a_full_disk_is_told_with_the_path_and_leaves_nothing(tmp_path, error):
    def full(temporary):
        temporary.write_text("half")
        raise error

    with pytest.raises(OSError, match=r"a\.csv: cannot be written: (No space left|1000 requested).*\. Make room on its disk, then give"):
        artifacts.write_atomic(tmp_path / "a.csv", full)
    with (
        pytest.raises(OSError, match=r"films: cannot be written: .*Make room on its disk"),
        artifacts.whole_folder(tmp_path / "films") as half,
    ):
        full(half / "0.npy")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_nobody_may_write_in_is_told_by_the_file_s_own_name(tmp_path):
    def forbidden(temporary):
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary))

    with pytest.raises(PermissionError, match=r"a\.csv: cannot be written: Permission denied\. Name another place"):
        artifacts.write_atomic(tmp_path / "a.csv", forbidden)


def test_an_error_of_what_is_read_on_the_way_stays_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\[Errno 2\].*'none'"):
        artifacts.write_atomic(tmp_path / "a.csv", lambda temporary: Path("none").read_text())
