"""An output is whole or absent, and knows where it came from."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

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
    assert set(written) == {"neurons", "units", "root_ids", "orientations", "synapses", "queried", "funnel"}
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
