"""The Python of README and docs runs as printed, on a tiny volume; their TOML is read; their links lead somewhere."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import graphtwin
from graphtwin.config import validate
from graphtwin.insilico import SubprocessResponder, checked
from graphtwin.insilico.campaign import read_campaign
from graphtwin.insilico.stimuli import KINDS, from_toml
from graphtwin.sources.formats.manifest import Manifest
from tests.pipeline.planted_source import SMALL, Finished, few_trees, finished_run
from tests.pipeline.test_twin import CORE, FAST, write

pytestmark = pytest.mark.slow


ROOT_FOLDER = Path(__file__).parents[1]
README = (ROOT_FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def finished(session_folder) -> Finished:
    return finished_run(session_folder)


def blocks(language: str, document: str = "README.md") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT_FOLDER / document).read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_python_of_the_readme_runs_and_agrees_with_the_command_line(finished, tmp_path, monkeypatch, capsys):
    run = graphtwin.run
    small = {"source": str(finished.toml), "out": tmp_path / "out"}
    monkeypatch.setattr(graphtwin, "run", lambda **given: run(SMALL, **{**given, **small}), raising=False)
    code = next(block for block in blocks("python") if "graphtwin.run(" in block)
    with few_trees():
        exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "report.html" in printed
    assert "depth_um_sd" in printed
    assert "probability" in printed
    by_api, by_command = (pd.read_parquet(folder / "metrics.parquet") for folder in (tmp_path / "out", finished.folder))
    pd.testing.assert_frame_equal(by_api, by_command)


def test_the_python_of_the_readme_has_about_ten_lines():
    assert len(blocks("python")) == 1
    for code in (*blocks("python"), *blocks("python", "docs/functional-twin.md")):
        assert len([line for line in code.splitlines() if line.strip()]) <= 10


@pytest.mark.usefixtures("coarse_ridge", "few_stimuli")
def test_the_python_of_the_functional_twin_runs_on_recordings_where_its_page_has_them(tmp_path, monkeypatch, capsys):
    (code,) = blocks("python", "docs/functional-twin.md")
    fit = graphtwin.twin.fit
    monkeypatch.setattr(graphtwin.twin, "fit", lambda recordings, out: fit(recordings, out, [*FAST, CORE], threads=1), raising=False)
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(re.findall(r'"data/(dynamic[^"]+)"', code)[:3]):
        write(tmp_path / "data" / name, seed)
    np.save(tmp_path / "movie.npy", np.full((20, 16, 24), 128.0))
    ran: dict[str, Any] = {}
    exec(compile(code, "docs/functional-twin.md", "exec"), ran)
    assert "trained_on" in capsys.readouterr().out
    assert ran["responses"].shape == (20, 7)
    assert len(pd.read_parquet(tmp_path / "embeddings.parquet")) == 14


def test_the_python_of_in_silico_experiments_runs_as_printed(tmp_path, monkeypatch, capsys):
    tuning, campaign, optimised, _ = blocks("python", "docs/in-silico.md")
    monkeypatch.chdir(tmp_path)
    ran: dict[str, Any] = {}
    for code in (tuning, campaign, optimised):
        exec(compile(code, "docs/in-silico.md", "exec"), ran)
    assert ran["found"].clips.shape[0] == 2
    assert np.abs((ran["table"]["orientation_deg"] - [0, 45, 90] + 90) % 180 - 90).max() < 2
    assert ran["answers"].shape == (4, 3)
    assert "core-hours" in capsys.readouterr().out


def test_the_program_of_in_silico_experiments_answers_as_printed(tmp_path):
    (tmp_path / "serve.py").write_text(blocks("python", "docs/in-silico.md")[3])
    theirs = checked(SubprocessResponder.started([sys.executable, str(tmp_path / "serve.py")], limit_s=60.0))
    clips = np.random.default_rng(0).uniform(0, 255, (2, 3, 36, 64)).astype(np.float32)
    np.testing.assert_allclose(theirs.respond_clips(clips)[..., 0], clips.mean((2, 3)), rtol=1e-5)
    theirs.responder.close()


def test_the_toml_of_in_silico_experiments_is_stimuli_and_a_campaign(tmp_path):
    stimuli, campaign = blocks("toml", "docs/in-silico.md")
    assert len(from_toml(stimuli)) == 9
    (tmp_path / "campaign.toml").write_text(campaign)
    assert len(read_campaign(tmp_path / "campaign.toml").shown()) == 11


def test_every_kind_of_stimulus_stands_on_the_page_of_in_silico_experiments():
    page = (ROOT_FOLDER / "docs" / "in-silico.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []


def test_the_toml_for_own_data_is_a_manifest():
    text, *entries = blocks("toml", "docs/your-own-data.md")
    manifest = validate(Manifest, tomllib.loads(text), "docs/your-own-data.md")
    told = [
        validate(Manifest, {"name": "of an entry alone"} | tomllib.loads(entry), "docs/your-own-data.md").tables[0] for entry in entries
    ]
    assert [table.role for table in told] == ["function", "cell_types_fine", "exposure", "synapses"]
    assert told[2].symmetric
    assert told[3].animal == "Witvliet 7"
    assert {"coregistration", "responses", "queried_post"} <= {table.role for table in manifest.tables}


def test_the_public_names_of_the_readme_exist():
    names = set(re.findall(r"graphtwin\.(\w+)\(", README)) | {"load", "build", "learn_embeddings", "like_to_like"}
    assert names <= set(graphtwin.__all__)


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "ARCHITECTURE.md",
        "docs/in-silico.md",
        "docs/functional-twin.md",
        "data/README.md",
        "analyses/minnie65/README.md",
        "analyses/functional_twin/README.md",
    ],
)
def test_links_to_files_lead_somewhere(document):
    path = ROOT_FOLDER / document
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []
