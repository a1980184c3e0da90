"""Claims: `graphtwin types` answers from a table of embeddings to a page, with types that are known, and refuses in words."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from tests.report.form import require_form

N = 200
FEW = ["--set", "seeds=2", "--set", "permutations=19"]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Embeddings of two scans in two clusters, one of them with a gap, and the type of each neuron by nucleus."""
    folder, rng = tmp_path_factory.mktemp("given"), np.random.default_rng(0)
    label = rng.integers(2, size=N)
    units = pd.DataFrame({"session": 1, "scan_idx": np.arange(N) % 2, "unit_id": np.arange(N), "nucleus_id": np.arange(N) + 7})
    vectors = rng.normal(size=(N, 3)) + np.outer(label, [8.0, 0.0, 0.0])
    vectors[0, 1] = np.nan
    units.assign(**{f"embedding_{i}": column for i, column in enumerate(vectors.T)}).to_csv(folder / "embeddings.csv", index=False)
    types = pd.DataFrame({"nucleus_id": units["nucleus_id"], "class": np.where(label, "ON", "OFF")})
    types.to_csv(folder / "types.csv", index=False)
    types.assign(nucleus_id=types["nucleus_id"] + 10_000).to_csv(folder / "others.csv", index=False)
    return folder


def asked(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["types", *map(str, words)])
    return done.exit_code, " ".join(done.output.split())


def test_types_are_found_compared_with_known_ones_and_drawn(given: Path, tmp_path: Path):
    out = tmp_path / "found"
    code, output = asked(given / "embeddings.csv", "--known", given / "types.csv", "--column", "class", "--out", out, *FEW)
    assert code == 0, output
    assert "2 types: the density of 199 embeddings has valleys" in output
    assert "1 of 200 embeddings have an entry that is missing" in output
    table = pd.read_csv(out / "types.csv")
    assert pd.crosstab(table["known_type"], table["type_found"]).to_numpy().min() == 0
    agreement = pd.read_csv(out / "agreement.csv").set_index(["method", "metric"])["estimate"]
    assert agreement["found types", "adjusted_rand"] == 1.0
    page = (out / "report.html").read_text(encoding="utf-8")
    require_form(page)
    assert page.count("<svg role") == 4
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert CliRunner().invoke(app, ["report", str(out)]).exit_code == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page
    asked_of = json.loads((out / "provenance.json").read_text(encoding="utf-8"))["question"]
    assert asked_of["seeds"] == 2
    assert asked_of["known"] == "class"


def test_types_of_a_source_that_are_too_few_to_compare_with_are_said_and_a_source_needs_no_coregistration(given: Path, tmp_path: Path):
    embeddings = pd.read_csv(given / "embeddings.csv").drop(columns=["session", "scan_idx", "unit_id"])
    embeddings.to_csv(tmp_path / "embeddings.csv", index=False)
    embeddings[["nucleus_id"]].assign(cell_type="pyramidal").to_csv(tmp_path / "cells.csv", index=False)
    toml = tmp_path / "one_type.toml"
    toml.write_text('name = "one_type"\n[[tables]]\nrole = "cell_types_fine"\nfile = "cells.csv"\n', encoding="utf-8")
    code, output = asked(tmp_path / "embeddings.csv", "--source", toml, "--out", tmp_path / "found", *FEW)
    assert code == 0, output
    assert "1 known types of 20 neurons or more: too few to compare with, two are needed" in output
    assert set(pd.read_csv(tmp_path / "found" / "types.csv")["known_type"]) == {"pyramidal"}


def test_the_python_of_the_page_runs_as_printed(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    for name in ("embeddings.csv", "types.csv"):
        shutil.copy(given / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "types.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    exec(code, {})
    assert "type_found" in capsys.readouterr().out
    assert (tmp_path / "runs" / "types" / "report.html").is_file()


def test_bad_questions_are_told_in_words_and_leave_no_folder(given: Path, tmp_path: Path):
    out = tmp_path / "out"
    for words, told in (
        (
            (given / "embeddings.csv", "--known", given / "others.csv", "--column", "class"),
            "none of 200 rows gives one of 199 neurons",
        ),
        ((given / "embeddings.csv", "--known", given / "types.csv"), "1 columns are missing: 'cell_type'"),
        ((given / "types.csv",), "no embedding_0, embedding_1, ... column"),
        ((given / "none.csv",), "no such file"),
        ((given / "embeddings.csv", "--set", "continua=5"), "continua"),
        ((given / "embeddings.csv", "--known", given / "types.csv", "--source", "minnie65"), "Give one of --known and --source"),
    ):
        code, output = asked(*words, "--out", out)
        assert (code, told in output) == (2, True), output
        assert not out.exists()
