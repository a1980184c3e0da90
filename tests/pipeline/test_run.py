"""A run writes what it promises, refuses to write over anything, and ends in the same numbers however often it was stopped."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graphtwin
from graphtwin import folders
from graphtwin.artifacts import sha256
from graphtwin.config import load_config
from graphtwin.folders import changed_files
from graphtwin.graph.runs import GRAPH_MODEL, MESSAGE_PASSING, NO_FUNCTION, WITHOUT_MESSAGES
from graphtwin.graph.runs.study import read_study
from graphtwin.graph.settings import Settings
from graphtwin.kinds import is_finished
from graphtwin.pipeline.graph import held_out_scores as scores
from graphtwin.pipeline.graph import jobs
from graphtwin.pipeline.graph import main_job as stages
from graphtwin.pipeline.graph.jobs import JobKey
from tests.pipeline.planted_source import BASKET_ID, SMALL, few_trees, planted_export

pytestmark = pytest.mark.slow


PROMISED = [
    "config.toml",
    "provenance.json",
    "report.html",
    "graph.pt",
    "metrics.json",
    "verdicts.json",
    *(f"tables/{name}.parquet" for name in ("neurons", "units", "root_ids", "synapses", "queried", "funnel")),
    *(f"{name}.parquet" for name in ("embeddings", "metrics", "differences", "permutations", "like_to_like", "scan_leakage")),
    *(f"predictions/{name}.parquet" for name in ("cell_type", "layer", "position", "connectivity", "size")),
]
NAMES_ITSELF = {"config.toml", "provenance.json", "report.html"}  # files that say where the run lies


class Stopped(Exception):
    """What a test raises to kill a run."""


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """When each file was written, and its hash."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, sha256(path)) for path in files}


def stop_before_fits(monkeypatch, toml: Path, out: Path, *overrides: str, **given) -> list:
    """Run up to the fits; returns the study they would have read."""
    seen = []

    def stop(_, folder, *rest):
        seen.append(read_study(folder))
        (folder / folders.WORK).mkdir()
        (folder / folders.WORK / "a_piece.parquet").touch()  # with which a later run could go on: without one, nothing is left
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(stages, "run_jobs", stop)
        with pytest.raises(Stopped):
            graphtwin.run([*SMALL, *overrides], source=str(toml), out=out, **given)
    return seen


def test_a_finished_folder_holds_everything_that_is_promised_and_no_scaffolding(finished):
    assert [name for name in PROMISED if not (finished.folder / name).is_file()] == []
    assert not list(finished.folder.glob(".*"))
    assert not (finished.folder / "work").exists()
    assert changed_files(finished.folder) == {}


def test_the_terminal_prints_the_results_and_the_path_of_the_report(finished):
    assert "Connectivity" in finished.terminal
    assert str(finished.folder / "report.html") in finished.terminal.replace("\n", "")


def test_the_saved_settings_are_those_that_ran(finished):
    settings = load_config(Settings, finished.folder / "config.toml")
    assert (settings.preset, settings.pairs.hidden, settings.directions.ranks) == ("short", 8, (2,))


def test_provenance_names_every_input_with_its_hash(finished):
    provenance = json.loads((finished.folder / "provenance.json").read_text())
    tables = sorted(finished.toml.parent.glob("*.parquet"))
    assert {path.name: sha256(path) for path in tables}.items() <= provenance["inputs"].items()
    assert provenance["graphtwin"] == graphtwin.__version__
    assert provenance["seed"] == 0


def test_every_task_is_scored_with_an_interval_around_or_at_its_estimate(finished):
    metrics = pd.read_parquet(finished.folder / "metrics.parquet")
    assert set(metrics["task"]) == {"cell_type", "layer", "depth", "lateral", "connectivity", "size"}
    main = metrics[metrics["metric"].isin(["balanced_accuracy", "auc", "median_absolute_error"])]
    few = main["n_clusters"] < 5
    assert main.loc[few, ["low", "high"]].isna().all(axis=None)  # four scans
    main = main[~few]
    assert (main["low"] <= main["estimate"] + 1e-9).all()
    assert (main["estimate"] <= main["high"] + 1e-9).all()


def test_the_planted_rules_are_seen(finished):
    metrics = pd.read_parquet(finished.folder / "metrics.parquet").query("subset == 'all'")
    auc = metrics.query("task == 'connectivity' and split == 'axon' and metric == 'auc'").set_index("model")["low"]
    layer = metrics.query("task == 'layer' and split == 'neuron' and metric == 'balanced_accuracy'").set_index("model")["low"]
    assert auc["distance"] > 0.6  # near cells connect more often
    assert layer["logistic, function"] > 0.6  # tuning is sharper in L4


def test_depth_is_compared_with_the_ridge_regression_on_the_same_features(finished):
    differences = pd.read_parquet(finished.folder / "differences.parquet").query("task == 'depth' and split == 'neuron' and metric == 'r2'")
    assert "graph model, function - ridge, function" in set(differences["model"])


def test_a_verdict_says_in_words_whether_function_adds_anything(finished):
    verdicts = json.loads((finished.folder / "verdicts.json").read_text())
    assert any("function" in verdict["sentence"] for verdict in verdicts if verdict["task"] == "connectivity")


def test_predictions_are_of_held_out_pairs_once_each_and_only_onto_queried_cells(finished):
    pairs = pd.read_parquet(finished.folder / "predictions" / "connectivity.parquet")
    queried = pd.read_parquet(finished.folder / "tables" / "queried.parquet").query("side == 'post'")
    assert not pairs.duplicated(["pre_nucleus_id", "post_nucleus_id"]).any()
    assert pairs["post_nucleus_id"].isin(queried["nucleus_id"]).all()
    assert pairs.groupby("pre_nucleus_id")["fold"].nunique().max() == 1


def test_a_class_with_one_member_counts_as_unknown_and_the_neuron_keeps_its_layer(finished):
    labels = {task: pd.read_parquet(finished.folder / "predictions" / f"{task}.parquet") for task in ("cell_type", "layer")}
    assert set(labels["cell_type"]["true"]) == {"23P", "4P"}
    assert BASKET_ID not in set(labels["cell_type"]["nucleus_id"])
    assert BASKET_ID in set(labels["layer"]["nucleus_id"])


@pytest.mark.parametrize("what", ["foreign files", "a file", "a finished run"])
def test_an_output_that_exists_is_refused_and_not_touched(finished, tmp_path, what):
    out = finished.folder if what == "a finished run" else tmp_path / "out"
    if what == "foreign files":
        out.mkdir()
        (out / "thesis.tex").write_text("years of work")
    elif what == "a file":
        out.write_text("years of work")
    before = contents(out.parent)
    with pytest.raises(FileExistsError, match=r"[Nn]ame another --out"):
        graphtwin.run(SMALL, source=str(finished.toml), out=out)
    assert contents(out.parent) == before


def test_a_source_with_a_fault_leaves_no_run_folder_behind(finished, tmp_path):
    export = planted_export(tmp_path / "export")
    del export.frames["queried_post"]
    with pytest.raises(ValueError, match="queried_post"):
        graphtwin.run(SMALL, source=str(export.write()), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_killed_half_way_and_while_its_work_is_removed_ends_in_the_numbers_of_one_never_stopped(finished, tmp_path, monkeypatch):
    out, do, done = tmp_path / "out", jobs._do, []

    def killed_later(job, folder):
        if len(done) == 20:
            raise Stopped
        do(job, folder)
        done.append(job.key)

    def half_removed(work: Path) -> None:
        next(work.glob("*.pt")).unlink()
        raise Stopped

    with few_trees():
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "_do", killed_later)
            with pytest.raises(Stopped):
                graphtwin.run(SMALL, source=str(finished.toml), out=out)
        assert not is_finished(out)
        monkeypatch.setattr(jobs, "_do", lambda job, folder: (done.append(job.key), do(job, folder)))
        with monkeypatch.context() as patch:
            patch.setattr(folders.shutil, "rmtree", half_removed)
            with pytest.raises(Stopped):
                graphtwin.run(SMALL, resume=True, source=str(finished.toml), out=out)
        before = sha256(out / "graph.pt")
        graphtwin.run(SMALL, resume=True, source=str(finished.toml), out=out)
    assert len(done) == len(set(done))  # nothing was done twice
    assert is_finished(out)
    assert not (out / "work").exists()
    assert sha256(out / "graph.pt") == before
    assert set(graphtwin.graph.load(out).neurons) == set(graphtwin.graph.load(finished.folder).neurons)
    said = [json.loads((folder / "manifest.json").read_text()) for folder in (out, finished.folder)]
    assert {name for name in said[0].keys() | said[1].keys() if said[0].get(name) != said[1].get(name)} <= NAMES_ITSELF
    assert "graph.pt" in said[0]


def test_what_workers_read_from_the_folder_is_what_the_run_made(finished, tmp_path, monkeypatch):
    made, make = [], stages.make_study
    monkeypatch.setattr(stages, "make_study", lambda *given: made.append(make(*given)) or made[0])
    (read,) = stop_before_fits(monkeypatch, finished.toml, tmp_path / "out")
    assert made[0].settings == read.settings
    pd.testing.assert_frame_equal(made[0].features, read.features)
    for field in fields(read.inputs):
        np.testing.assert_array_equal(getattr(made[0].inputs, field.name), getattr(read.inputs, field.name))
    assert (made[0].pairs.size != read.pairs.size).nnz == 0


@pytest.mark.parametrize(
    ("without", "boosting", "function", "model"),
    [
        (0.2, 0.25, True, "graph model"),
        (0.3, 0.3, True, "graph model"),
        (0.31, 0.25, False, "graph model, no function"),
        (0.31, 0.9, False, "boosting"),
    ],
)
def test_pairs_are_predicted_by_the_model_that_was_best_on_held_out_axons(without, boosting, function, model):
    models = {"boosting": boosting, GRAPH_MODEL: 0.3, NO_FUNCTION: without}
    metrics = pd.DataFrame({"model": list(models), "estimate": list(models.values())}).assign(
        task="connectivity", split="axon", subset="all", metric="average_precision", low=0.0, high=1.0
    )
    with_function, verdict = scores.chosen_for_pairs(metrics)
    assert with_function == function
    assert f"`graphtwin predict` uses {model}, whose average precision on held-out axons is {max(models.values()):.4f}" in verdict.sentence


def test_a_verdict_says_what_message_passing_adds_to_the_stack_of_the_rest(finished):
    said = json.loads((finished.folder / "verdicts.json").read_text(encoding="utf-8"))
    about = {
        (entry["split"], entry["metric"])
        for entry in said
        if entry["second"] == WITHOUT_MESSAGES and "message passing" in entry["sentence"]
    }
    assert about == {("axon", "auc"), ("axon", "average_precision"), ("block", "average_precision")}
    metrics = pd.read_parquet(finished.folder / "metrics.parquet")
    for split in ("axon", "block"):
        assert {GRAPH_MODEL, MESSAGE_PASSING, WITHOUT_MESSAGES} <= set(metrics.loc[metrics["split"] == split, "model"])


def test_the_intervals_of_held_out_scans_resample_scans_and_those_of_blocks_tiles(finished):
    metrics = pd.read_parquet(finished.folder / "metrics.parquet")
    assert metrics.groupby("split")["cluster"].agg(set).to_dict() == {
        "neuron": {"neuron"},
        "axon": {"axon"},
        "scan": {"scan"},
        "block": {"tile"},
    }
    assert (metrics.query("split == 'scan'")["n_clusters"] <= 4).all()


def test_resuming_a_finished_run_says_so_and_touches_nothing(finished, caplog):
    before = contents(finished.folder)
    graphtwin.run([*SMALL, "threads=2"], resume=True, source=str(finished.toml), out=finished.folder)
    assert contents(finished.folder) == before
    assert f"{finished.folder}: finished already, with these settings and inputs; nothing was done." in caplog.text
    assert f"Its report: {finished.folder / 'report.html'}" in caplog.text


def test_resuming_a_finished_run_with_other_settings_is_refused(finished):
    before = contents(finished.folder)
    with pytest.raises(ValueError, match=r"different now: pairs\.hidden was 8, is 9\. Use the same settings, or name another --out"):
        graphtwin.run([*SMALL, "pairs.hidden=9"], resume=True, source=str(finished.toml), out=finished.folder)
    assert contents(finished.folder) == before


def test_resuming_a_finished_run_after_its_inputs_changed_is_refused(finished, tmp_path):
    out = shutil.copytree(finished.folder, tmp_path / "out")
    provenance = json.loads((out / "provenance.json").read_text())
    provenance["inputs"] |= {"somata.parquet": "0" * 64, "tables.toml": "1" * 64}
    (out / "provenance.json").write_text(json.dumps(provenance))
    with pytest.raises(ValueError, match=r"2 inputs have changed since the run began: somata\.parquet, tables\.toml\. Restore them"):
        graphtwin.run(SMALL, resume=True, source=str(finished.toml), out=out)


def test_resuming_with_other_settings_is_refused(finished, tmp_path, monkeypatch):
    stop_before_fits(monkeypatch, finished.toml, tmp_path / "out")
    with pytest.raises(
        ValueError,
        match=r"begun with other settings; different now: directions\.seed was 0, is 3; function\.seed was 0, is 3; seed was 0, is 3\. Use",
    ):
        graphtwin.run(SMALL, resume=True, source=str(finished.toml), out=tmp_path / "out", seed=3)


def test_resuming_after_the_inputs_changed_is_refused(tmp_path, monkeypatch):
    export = planted_export(tmp_path / "export")
    stop_before_fits(monkeypatch, export.write(), tmp_path / "out")
    export.frames["responses"].iloc[0, -1] += 1.0
    with pytest.raises(ValueError, match=r"1 inputs have changed since the run began: responses\.csv\. Restore them, or name another"):
        graphtwin.run(SMALL, resume=True, source=str(export.write()), out=tmp_path / "out")


def test_a_run_warns_of_faults_of_its_tables_and_goes_on(finished, tmp_path, monkeypatch, caplog):
    export = planted_export(tmp_path / "export")
    responses = export.frames["responses"]
    directions = [name for name in responses if name.startswith("direction")]
    export.frames["responses"] = responses.assign(
        **{name: responses[name] * np.where(responses["session"] == 2, 100, 1) for name in directions}
    )
    told = {}
    for toml in (finished.toml, export.write()):
        caplog.clear()
        stop_before_fits(monkeypatch, toml, tmp_path / toml.parent.parent.name)
        told[toml] = [line for line in (record.getMessage() for record in caplog.records) if "What to do: " in line]
    clean, faulty = told.values()
    assert clean == []
    assert any("units of scans differ" in line for line in faulty)


@pytest.mark.parametrize("suffix", [".parquet", ".npy"])
def test_embeddings_that_are_brought_are_the_ones_used(finished, tmp_path, monkeypatch, suffix):
    units = pd.read_parquet(finished.folder / "tables" / "units.parquet")[["session", "scan_idx", "unit_id"]]
    matrix = np.random.default_rng(1).normal(size=(len(units), 3)).astype(np.float32)
    path = tmp_path / f"readout{suffix}"
    if suffix == ".npy":
        np.save(path, matrix)
        units.assign(twin="t1", twin_core="c1").to_csv(tmp_path / "readout.ids.csv", index=False)
    else:
        units.assign(**{f"embedding_{i}": matrix[:, i] for i in range(3)}).to_parquet(path)
    (study,) = stop_before_fits(monkeypatch, finished.toml, tmp_path / "out", embeddings_file=path)
    used = pd.read_parquet(tmp_path / "out" / "embeddings_uncorrected.parquet")
    np.testing.assert_array_equal(used[["embedding_0", "embedding_1", "embedding_2"]].to_numpy(), matrix)
    assert [name for name in study.features if name.startswith("feature_embedding")] == [f"feature_embedding_{i}" for i in range(3)]
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert (provenance.get("twin"), provenance.get("twin_core")) == ((["t1"], ["c1"]) if suffix == ".npy" else (None, None))
    inputs = provenance["inputs"]
    assert all(inputs[str(file)] == sha256(file) for file in tmp_path.glob("readout*"))  # and the ids beside a matrix


@pytest.mark.parametrize("n_elsewhere", [0, 4])
def test_a_source_of_one_scan_and_few_units_of_another_is_run_without_the_split_by_scan(tmp_path, monkeypatch, n_elsewhere):
    """Four units make no scan to hold out, nor one that a decoder could be tried on."""
    export = planted_export(tmp_path / "export")
    scan = np.where(np.arange(len(export.frames["responses"])) < n_elsewhere, 2, 1)
    for role in ("coregistration", "responses"):
        export.frames[role] = export.frames[role].assign(session=1, scan_idx=scan)
    asked = []
    monkeypatch.setattr(stages, "run_jobs", lambda jobs, *rest: asked.extend(job.key for job in jobs) or stop())

    def stop():
        raise Stopped

    with pytest.raises(Stopped):
        graphtwin.run(SMALL, source=str(export.write()), out=tmp_path / "out")
    assert [key for key in asked if key.split == "scan" or key.task == "leakage"] == []
    assert JobKey("neurons", "graph", "function", "neuron", 0) in asked
