"""A folder says what it was begun with, and a run that goes on says what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphtwin.config import dump_toml
from graphtwin.graph.settings import load_settings
from graphtwin.kinds import RUN, write_kind
from graphtwin.pipeline.graph import run_folder

pytestmark = pytest.mark.slow


def begun(folder: Path, *overrides: str) -> Path:
    """A folder begun with these settings."""
    write_kind(folder, RUN)
    (folder / "config.toml").write_text(dump_toml(load_settings(list(overrides), out=folder)))
    return folder


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (["seed=1"], ["seed=2"], "directions.seed was 1, is 2; function.seed was 1, is 2; seed was 1, is 2"),
        (["materialization=661"], [], "materialization was 661, is not set"),
        ([], ["materialization=661"], "materialization was not set, is 661"),
        # the same line stands elsewhere in the file: only its table tells which setting it is
        (["pairs.fit.epochs=4", "neurons.fit.epochs=2"], ["pairs.fit.epochs=2", "neurons.fit.epochs=2"], "pairs.fit.epochs was 4, is 2"),
        (["directions.ranks=[2]"], ["directions.ranks=[2, 3]"], r"directions.ranks was \[2\], is \[2, 3\]"),
    ],
)
def test_other_settings_are_named_with_both_values(tmp_path, before, now, said):
    folder = begun(tmp_path / "out", *before)
    with pytest.raises(ValueError, match=rf"other settings; different now: {said}\. Use"):
        run_folder.require_run_place(folder, load_settings(now, out=folder), resume=True)


def test_many_differences_are_counted(tmp_path):
    folder = begun(tmp_path / "out")
    other = load_settings(
        [f"{name}={value}" for value, name in enumerate(("axon_folds", "neuron_folds", "permutations"), start=7)], out=folder
    )
    other = other.model_copy(update={"seed": 1, "rewired": 9, "replicates": 99, "k_similar": 3})
    with pytest.raises(ValueError, match=r"axon_folds was 3, is 7;.* and 2 more\. Use"):
        run_folder.require_run_place(folder, other, resume=True)


def test_settings_that_no_result_depends_on_may_differ(tmp_path):
    folder = begun(tmp_path / "out", "threads=1")
    before = (folder / "config.toml").read_bytes()
    run_folder.require_run_place(folder, load_settings(["threads=2"], out=folder), resume=True)
    assert (folder / "config.toml").read_bytes() == before


def test_a_run_that_goes_on_with_other_software_keeps_what_it_was_begun_with(tmp_path):
    settings = load_settings([])
    first = run_folder.provenance_of(tmp_path, settings, {"a.csv": "0"})
    assert "begun_with" not in first
    (tmp_path / "provenance.json").write_text(json.dumps(first | {"git_commit": "an older one"}))
    second = run_folder.provenance_of(tmp_path, settings, {"a.csv": "0"})
    assert second["begun_with"]["git_commit"] == "an older one"
    assert second["git_commit"] == first["git_commit"]
    (tmp_path / "provenance.json").write_text(json.dumps(second))
    assert run_folder.provenance_of(tmp_path, settings, {"a.csv": "0"}) == second
    (tmp_path / "provenance.json").write_text(json.dumps(first))
    assert run_folder.provenance_of(tmp_path, settings, {"a.csv": "0"}) == first
