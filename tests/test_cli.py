"""The command line: what goes wrong ends in words and exit code 2, and files in and out keep every row."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from graphtwin import __version__
from graphtwin.cli.app import app
from graphtwin.cli.scored import _of_kind, interval
from graphtwin.kinds import RUN, write_kind
from tests.conftest import ROOT
from tests.pipeline.planted_source import BLIND_IDS, SMALL, UNKNOWN_ID, Finished, finished_run, planted_export, posts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def finished(session_folder) -> Finished:
    return finished_run(session_folder)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def words(result: Result) -> str:
    """The message of a command that ended in words, on one line."""
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.output.startswith("graphtwin: ")
    return " ".join(result.output.split())


def run_small(source: object, out: object, *more: object) -> Result:
    return invoke("run", "--source", source, "--out", out, *(part for setting in SMALL for part in ("--set", setting)), *more)


@pytest.mark.parametrize("name", [command.name for command in get_command(app).commands["twin"].commands.values()])
def test_every_command_of_the_twin_shows_examples_of_its_own(name):
    shown = CliRunner().invoke(app, ["twin", name, "--help"]).output.split("Examples")[1].split("graphtwin ")[1:]
    assert shown
    assert all(words.startswith(f"twin {name} ") for words in shown)


@pytest.mark.parametrize("command", [[], ["run"], ["predict"]])
def test_help_shows_examples(command):
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    assert "Examples" in result.output
    assert f"graphtwin {command[0] if command else 'run'}" in result.output.split("Examples")[1]


def test_the_version_is_printed():
    assert invoke("--version").output.strip() == __version__


def spoil_rename(frames):
    frames["coregistration"] = frames["coregistration"].rename(columns={"unit_id": "unit_ids"})


def spoil_floats(frames):
    frames["synapses"] = frames["synapses"].astype({"pre_pt_root_id": "float64"})


def spoil_twice(frames):
    frames["responses"] = pd.concat([frames["responses"], frames["responses"].iloc[[7]]])


def spoil_nan(frames):
    frames["responses"].iloc[4, 5] = np.nan


def spoil_mask(frames):
    del frames["queried_post"]


def spoil_everything_else(frames):
    for role in set(frames) - {"proofreading", "nuclei"}:
        del frames[role]


@pytest.mark.parametrize(
    ("spoil", "found", "advice"),
    [
        (spoil_rename, "nearest here: 'unit_ids'", "Rename the column in the file"),
        (spoil_floats, "ids are floats (float64", "Export the column again as int64"),
        (spoil_twice, "1 of 181 rows repeat the key", "Sum or drop them"),
        (spoil_nan, "1 of 180 units have NaN or infinite responses", "Leave these units out"),
        (spoil_mask, "no table of role 'queried_post'", "Add the list of queried postsynaptic root ids"),
        (spoil_everything_else, "nothing can be scored", "Bring function and a label"),
    ],
)
def test_a_fault_of_the_source_is_told_with_what_to_do(tmp_path, spoil, found, advice):
    export = planted_export(tmp_path / "export")
    spoil(export.frames)
    message = words(run_small(export.write(".parquet"), tmp_path / "out"))
    assert found in message
    assert advice in message


def test_a_missing_table_is_named_with_what_is_there(tmp_path):
    toml = planted_export(tmp_path / "export").write()
    (toml.parent / "somata.csv").unlink()
    assert "somata.csv: this table is missing" in words(run_small(toml, tmp_path / "out"))


def test_an_empty_folder_as_source_is_asked_for_its_toml(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "is a folder (it is empty). Give the TOML" in words(run_small(tmp_path / "empty", tmp_path / "out"))


def test_an_output_that_exists_is_refused(finished):
    assert "a run is already there. Give --force to begin anew, or name another --out" in words(run_small(finished.toml, finished.folder))


def test_an_unknown_setting_is_told_with_the_nearest(tmp_path):
    message = words(invoke("run", "--out", tmp_path / "out", "--set", "permutatons=5"))
    assert "unknown key 'permutatons', nearest 'permutations'" in message


def test_embeddings_that_are_not_there_are_told(finished, tmp_path):
    message = words(run_small(finished.toml, tmp_path / "out", "--embeddings", tmp_path / "readout.npy"))
    assert "readout.npy: no such file" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_pairs_in_parquet_and_csv_are_answered_alike_row_by_row(finished, tmp_path, suffix):
    pre = np.r_[np.arange(0, 40), UNKNOWN_ID, BLIND_IDS[0], 3]
    pairs = pd.DataFrame({"pre_pt_root_id": ROOT + pre, "post_pt_root_id": ROOT + posts()[: len(pre)]})
    pairs.to_parquet(tmp_path / "pairs.parquet")
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    out = {}
    for kind in dict.fromkeys((".parquet", suffix)):
        given, wanted = tmp_path / f"pairs{kind}", tmp_path / f"out_{kind[1:]}{suffix}"
        result = invoke("predict", finished.folder, "--pairs", given, "--materialization", 7, "--out", wanted)
        assert result.exit_code == 0, result.output
        out[kind] = pd.read_csv(wanted, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(wanted)
    pd.testing.assert_frame_equal(out[suffix], out[".parquet"])
    assert out[suffix]["pre_pt_root_id"].tolist() == pairs["pre_pt_root_id"].tolist()  # to the last digit
    assert out[suffix]["note"].iloc[40].startswith("pre neuron unknown")
    assert f"43 rows, {int((out[suffix]['note'] != '').sum())} of them with a note" in result.output
    assert f"{int(out[suffix]['fitted_on'].sum())} are pairs the run was fitted on (fitted_on)" in result.output
    assert "1 are left empty, of neurons that the run knows nothing of: --fill-unknown" in result.output
    assert f"connectivity: {out[suffix]['model'].iloc[0]}, best of 11 on held-out axons (average precision " in result.output


def test_neurons_are_answered_row_by_row(finished, tmp_path):
    pd.DataFrame({"nucleus_id": [5, UNKNOWN_ID, 200, 5]}).to_csv(tmp_path / "neurons.csv", index=False)
    result = invoke("predict", finished.folder, "--neurons", tmp_path / "neurons.csv", "--out", tmp_path / "out.csv")
    assert "4 rows, 4 of them with a note" in result.output
    assert "3 are neurons whose labels the run was fitted on (fitted_on)" in result.output
    assert "2 are left empty, of neurons that the run knows nothing of: --fill-unknown" in result.output
    assert "layer: " in result.output
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["nucleus_id"].tolist() == [5, UNKNOWN_ID, 200, 5]
    told = ["cell_type", "layer", "depth_um", "depth_um_sd"]
    assert found[told].notna().all(axis=1).tolist() == [True, False, False, True]
    more = ("--fill-unknown", "--force")
    result = invoke("predict", finished.folder, "--neurons", tmp_path / "neurons.csv", "--out", tmp_path / "out.csv", *more)
    assert result.exit_code == 0, result.output
    assert pd.read_csv(tmp_path / "out.csv")[told].notna().all(axis=None)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_zero_rows_are_answered_with_zero_rows(finished, tmp_path, suffix):
    empty = pd.DataFrame({"pre_nucleus_id": [], "post_nucleus_id": []})
    given = tmp_path / f"pairs{suffix}"
    empty.to_csv(given, index=False) if suffix == ".csv" else empty.to_parquet(given)
    result = invoke("predict", finished.folder, "--pairs", given, "--out", tmp_path / "out.parquet")
    assert result.exit_code == 0, result.output
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 0


@pytest.mark.parametrize(
    ("columns", "more", "found"),
    [
        ({"pre_pt_root_id": [ROOT], "post_pt_root_id": [ROOT + 1]}, ["--materialization", 8], "the run knows those of [7, 9]"),
        ({"pre_pt_root_id": [ROOT], "post_pt_root_id": [ROOT + 1]}, [], "no materialization was given, and the run knows those of [7, 9]"),
        ({"pre_nucleus_id": [1.5], "post_nucleus_id": [2.0]}, [], "1 of 1 ids are no whole numbers"),
        ({"pre": [1], "post": [2]}, [], "2 columns are missing"),
    ],
)
def test_pairs_that_cannot_be_read_are_told(finished, tmp_path, columns, more, found):
    pd.DataFrame(columns).to_parquet(tmp_path / "pairs.parquet")
    result = invoke("predict", finished.folder, "--pairs", tmp_path / "pairs.parquet", "--out", tmp_path / "out.parquet", *more)
    assert found in words(result)
    assert not (tmp_path / "out.parquet").exists()


def test_predict_asks_for_either_pairs_or_neurons(finished, tmp_path):
    assert "either --pairs or --neurons" in words(invoke("predict", finished.folder, "--out", tmp_path / "out.parquet"))


def test_predict_says_where_a_run_is_not_finished(tmp_path):
    pd.DataFrame({"nucleus_id": [1]}).to_csv(tmp_path / "neurons.csv", index=False)
    write_kind(tmp_path / "begun", RUN)
    result = invoke("predict", tmp_path / "begun", "--neurons", tmp_path / "neurons.csv", "--out", tmp_path / "out.csv")
    assert "a run of the graph model that has not finished" in words(result)


def test_a_table_of_another_kind_is_refused(finished, tmp_path):
    pd.DataFrame({"nucleus_id": [1]}).to_csv(tmp_path / "neurons.csv", index=False)
    result = invoke("predict", finished.folder, "--neurons", tmp_path / "neurons.csv", "--out", tmp_path / "out.xlsx")
    assert "Name a .parquet or .csv file" in words(result)


def test_the_report_is_written_again_from_what_the_folder_holds(finished, tmp_path):
    for name in ("kind.json", "manifest.json", "metrics.parquet", "verdicts.json"):
        shutil.copy(finished.folder / name, tmp_path / name)
    result = invoke("report", tmp_path)
    assert result.output.strip().endswith("report.html")
    verdict = json.loads((tmp_path / "verdicts.json").read_text())[0]["sentence"]
    assert verdict.partition(": ")[2][1:60] in (tmp_path / "report.html").read_text()


def test_an_interval_that_is_not_there_is_said_in_words():
    assert interval(0.123456, 0.2, 3) == "[0.123, 0.200]"
    assert interval(float("nan"), float("nan"), 3) == "(no interval: too few to resample)"


@pytest.mark.parametrize(
    ("norms", "stimuli", "words"),
    [
        (33, 150, "image (150 stimuli shown 10 times, trained on others): cc_norm 0.600 [0.500, 0.700] of 33 units, 0.100 bits of 33"),
        (0, 150, "image (150 stimuli shown 10 times, trained on others): cc_abs 0.500 [0.500, 0.700] of 33 units, 0.100 bits of 33"),
        (33, 4, "of 33 units, 0.100 bits of 33; over fewer than 5 stimuli a correlation says little"),
    ],
)
def test_a_kind_without_repeats_has_cc_abs_and_few_stimuli_are_said(norms, stimuli, words):
    rows = {"cc_norm": (0.6 if norms else np.nan, norms), "cc_abs": (0.5, 33), "bits_per_response": (0.1, 33)}
    table = pd.DataFrame([{"score": name, "median": median, "n_units": n} for name, (median, n) in rows.items()])
    assert _of_kind("image", table.assign(units_low=0.5, units_high=0.7, n_stimuli=stimuli, n_repeats=10.0, trained_on=True)).endswith(
        words
    )
