"""What a twin's units answer to stimuli, in its embeddings, in campaigns and in sets of optimised stimuli, through the command line.

Ridges and gratings are as they are: some claims say which units of this twin have a tuning or a stimulus.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.insilico.campaign import read_cells
from tests.pipeline.test_twin import command, settings, write
from tests.report.form import require_form

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("recordings")
    return [write(folder / f"dynamic{seed}-1-{seed}-Video-00", seed, 7 + seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def run(animals: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "core"
    assert command("train", animals[0], "--out", out, "--threads", 1, *settings()).startswith("exit 0")
    return out


def test_tuning_and_responses_to_clips_stand_in_the_embeddings_table(animals: list[Path], run: Path, tmp_path: Path):
    np.save(tmp_path / "clips.npy", np.random.default_rng(0).uniform(0, 255, (2, 80, 16, 24)).astype(np.float32))
    assert "8 units" in command("embed", run, "--stimulus", tmp_path / "clips.npy", "--out", tmp_path / "e.parquet")
    assert "8 x 8 units, responses in 6 bins" in command(
        "correlate", run, "--stimulus", tmp_path / "clips.npy", "--out", tmp_path / "c.npy", family="insilico"
    )
    table = pd.read_parquet(tmp_path / "e.parquet")
    np.testing.assert_allclose(np.load(tmp_path / "c.npy"), np.corrcoef(np.stack(table["in_silico_resp"])), atol=1e-5)
    assert pd.read_csv(tmp_path / "c.ids.csv")["unit_id"].tolist() == table["unit_id"].tolist()
    assert "8 units; medians over 8: gosi" in command("tune", run, "--out", tmp_path / "t.csv", family="insilico")
    assert table["gosi"].to_numpy() == pytest.approx(pd.read_csv(tmp_path / "t.csv")["gosi"].to_numpy())
    assert "responses in 21 bins" in command(
        "correlate", run, "--stimulus", animals[1], "--out", tmp_path / "of_another.npy", family="insilico"
    )


def test_a_campaign_on_a_twin_keeps_a_row_a_unit_and_stimulus_and_names_the_twin(run, tmp_path):
    (tmp_path / "campaign.toml").write_text(
        "[[stimuli]]\nkind = 'drifting_grating'\ncycles_per_degree = 0.01\nseries = {contrast = [0.5, 1.0]}"
    )
    words = ["insilico", "campaign", str(run), str(tmp_path / "campaign.toml"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "16 cells (2 stimuli, 1 state, 1 responder), 90 frames, 1 shard, " in done.output
    cells = read_cells(tmp_path / "out")
    assert len(cells) == 16
    assert cells["mean"].notna().all()
    said = json.loads((tmp_path / "out" / "provenance.json").read_text())["inputs"]
    assert said == json.loads((run / "fingerprint.json").read_text())
    page = (tmp_path / "out" / "report.html").read_text()
    require_form(page)
    assert "16 answers: 2 stimuli in 1 state to 8 units" in page
    again = CliRunner().invoke(app, ["report", str(tmp_path / "out")])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "out" / "report.html").read_text() == page


def test_optimised_stimuli_of_a_twin_are_a_set_that_names_it(run: Path, tmp_path: Path):
    pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [2, 8]}).to_csv(tmp_path / "units.csv", index=False)  # the eighth is silent
    np.save(tmp_path / "pictures.npy", np.random.default_rng(0).integers(0, 256, (6, 20, 30)).astype(np.uint8))
    words = ["insilico", "optimise", str(run), "--units", str(tmp_path / "units.csv"), "--out", str(tmp_path / "set")]
    words += ["--candidates", str(tmp_path / "pictures.npy")]
    words += [word for setting in ("steps=3", "starts=16", "onset_s=0.1", "duration_s=0.3") for word in ("--set", setting)]
    done = CliRunner().invoke(app, [*words, "--verify", str(run), "--seeds", "2", "--repeats", "3"])
    assert done.exit_code == 0, done.output
    assert "1 of 2 units have a stimulus;" in done.output
    assert "above all of 6 candidates for 100%" in (tmp_path / "set" / "report.html").read_text()
    assert "verified on dynamic1-1-1-Video-00: above all of 6 candidates for 100% of units" in done.output
    assert "ranking on it verifies nothing" in " ".join(done.output.split())
    assert "not ranked on another twin" not in done.output
    said = json.loads((tmp_path / "set" / "set.json").read_text())
    assert said["fingerprint"] == json.loads((run / "fingerprint.json").read_text())
    ranked, seeds, gradients = (pd.read_csv(tmp_path / "set" / f"{name}.csv") for name in ("ranked", "seeds", "gradients"))
    assert ranked["asked"].to_list() == ["made on"] * 2 + ["verified on"] * 2
    np.testing.assert_allclose(ranked["score"][:2], ranked["score"][2:], rtol=1e-5)
    assert ranked["score"].isna().to_list() == [False, True] * 2
    assert len(seeds) == 2
    assert gradients["agrees"].to_list() == [True, False], gradients
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 2
    assert "a stimulus set is already there" in again.output
    again = CliRunner().invoke(app, [*words, "--force", "--what", "inhibiting"])
    assert again.exit_code == 0, again.output
    assert "not ranked on another twin" in again.output
    stimuli = pd.read_csv(tmp_path / "set" / "stimuli.csv")
    assert (stimuli["objective"].dropna() == "inhibiting").all()


def test_several_seeds_answer_together_and_paths_are_verified_on_another(run: Path, tmp_path: Path):
    for seed in (0, 1):
        shutil.copytree(run, tmp_path / "seeds" / f"seed-{seed}")
    np.save(tmp_path / "pictures.npy", np.random.default_rng(0).integers(0, 256, (6, 16, 24)).astype(np.uint8))
    pd.DataFrame({"session": 1, "scan_idx": 1, "unit_id": [2]}).to_csv(tmp_path / "units.csv", index=False)
    words = [
        "insilico",
        "optimise",
        str(tmp_path / "seeds"),
        "--units",
        str(tmp_path / "units.csv"),
        "--what",
        "invariant",
        "--verify",
        str(run),
    ]
    words += ["--candidates", str(tmp_path / "pictures.npy"), "--out", str(tmp_path / "set")]
    words += [word for setting in ("steps=1", "starts=16", "onset_s=0.1", "duration_s=0.3") for word in ("--set", setting)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "2 twins are 1: copies of one agree" in " ".join(done.output.split())
    assert "1 of 1 twins is one that stimuli are made on" in " ".join(done.output.split())
    assert "(a linear unit: 64)" in done.output
    stimuli, paths, verified, ranked = (
        pd.read_csv(tmp_path / "set" / f"{name}.csv") for name in ("stimuli", "paths", "paths_verified", "ranked")
    )
    assert (stimuli["role"] == "optimised").sum() == len(verified) == 8
    assert len(paths) == 1
    np.testing.assert_allclose(ranked["score"][0], ranked["score"][1], rtol=1e-4)  # the mean of two copies is what one answers
    np.testing.assert_allclose(verified["share"] / verified["share"].max(), verified["share_verified"], atol=1e-3)


@pytest.mark.parametrize(
    ("units", "more", "told"),
    [
        ("99", [], "99 units of dynamic1-1-1-Video-00: it has 8. Give a number from 1 to 8"),
        ("units.csv", [], "1 of 2 units are not among the 8 of dynamic1-1-1-Video-00 (first 1-1-77)."),
        ("nokey.csv", [], "2 columns are missing: 'scan_idx', 'unit_id'. The table has ['session']."),
        ("1", ["--animal", "dynamic1-1-1-Video-0"], "animal 'dynamic1-1-1-Video-0' is none of 1 (nearest 'dynamic1-1-1-Video-00')"),
        ("1", ["--set", "contrast=1"], "contrast"),
        ("-1", [], "-1 units of dynamic1-1-1-Video-00: it has 8. Give a number from 1 to 8"),
        ("1", ["--set", "darkest=200", "--set", "brightest=100"], "darkest grey level 200 is not below the brightest, 100"),
        ("1", ["--set", "contrast_sd=9"], "budget: a root mean square contrast of 9 standard deviations, but grey levels 0 to 255"),
        ("1", ["--candidates", "flat.npy"], "flat.npy: an array of shape (3, 3). Give grey levels [pictures rows columns]."),
        ("1", ["--candidates", "even.npy"], "even.npy: none of its 4 pictures has contrast. Give pictures that show something."),
        ("1", ["--candidates", "nan.npy"], "nan.npy: 1 of 4 pictures have NaN or infinite grey levels. Leave them out."),
        ("1", ["--candidates", "cut.npy"], "cut.npy: is no .npy file of numbers, or is cut short."),
        ("1", ["--candidates", "broken"], "broken/b.npy: is no picture, or is cut short"),
        ("1", ["--candidates", "empty"], "empty: is no .npy of pictures, no folder of images and no recording that can be read"),
        ("1", ["--candidates", "dead_leaves"], "no such .npy, folder of images or recording (nearest 'dead-leaves')"),
    ],
)
def test_units_candidates_and_settings_that_are_not_there_are_refused(units, more, told, run: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("units.csv").write_text("session,scan_idx,unit_id\n1,1,1\n1,1,77\n")
    Path("nokey.csv").write_text("session\n1\n")
    np.save("flat.npy", np.zeros((3, 3)))
    np.save("even.npy", np.full((4, 16, 24), 90, dtype=np.uint8))
    unknown = np.arange(4 * 16 * 24, dtype=np.float64).reshape(4, 16, 24) % 256
    unknown[2, 3, 4] = np.nan
    np.save("nan.npy", unknown)
    Path("cut.npy").write_bytes(Path("nan.npy").read_bytes()[:900])
    for folder in ("broken", "empty"):
        Path(folder).mkdir()
    Path("broken/b.npy").write_bytes(Path("flat.npy").read_bytes()[:150])
    done = CliRunner().invoke(app, ["insilico", "optimise", str(run), "--units", units, "--out", "set", *more])
    assert done.exit_code == 2, done.output
    assert told in " ".join(done.output.split())
    assert not Path("set").exists()
