"""A circuit from a source to its page: fitted, killed, gone on with, scored, asked; and bad input through the command line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.folders import changed_files
from graphtwin.motor import FittedCircuit
from graphtwin.motor.fitting import spread_of
from graphtwin.motor.scores import measured, predicted_by, tabulated
from graphtwin.pipeline.motor import MotorRunConfig, fits, load_fitted, prediction, run_motor, write_predicted
from graphtwin.pipeline.motor.run_folder import read_study
from graphtwin.sources.formats import StimulusFile, read_trials, write_trials
from tests.motor import command_line
from tests.motor.run_source import cells, planted, synapses, write_source
from tests.report.form import require_form

pytestmark = pytest.mark.slow

SMALL = ["model.fit.epochs=3", "model.fits=3", "model.window=20"]
SET = [part for setting in SMALL for part in ("--set", setting)]


asked = partial(command_line.command, "motor")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by the command line, of one worker."""
    out = tmp_path_factory.mktemp("runs") / "run"
    code, said = asked("fit", source, "--out", out, *SET, "--workers", 1)
    assert code == 0, said
    assert f"Report: {out / 'report.html'}" in said
    return out


def tables(folder: Path) -> dict[str, bytes]:
    """What no number of workers and no stop may change."""
    names = [*(f"{name}.csv" for name in ("scores", "differences", "edges", "identified", "recruitment")), "held_out.json", "notes.json"]
    return {name: (folder / name).read_bytes() for name in (*names, *(f"fits/{path.name}" for path in (folder / "fits").iterdir()))}


def test_a_run_asks_every_model_every_question_that_it_answers(run):
    scores = pd.read_csv(run / "scores.csv")
    fitted = {"circuit", "rewired, degrees", "rewired, types", "permuted identities", "no connectome"}
    assert fitted | {"weight", "path length", "communicability", "usual response"} <= set(scores["model"])
    for model in fitted:
        assert set(scores.loc[scores["model"] == model, "question"]) >= {"stimulation", "unrecorded", "activity", "output"}
    differences = pd.read_csv(run / "differences.csv")
    assert set(differences["control"]) == set(scores["model"]) - {"circuit"}
    said = json.loads((run / "notes.json").read_text())
    assert len(said["found"]) == scores["question"].nunique()
    assert changed_files(run) == {}
    assert not (run / "work").exists()


def test_nothing_that_is_held_out_is_seen_by_a_fit(run, monkeypatch):
    held = json.loads((run / "held_out.json").read_text())
    trials = read_trials(run / "trials.h5")
    assert set(held["training"]) | set(held["stimulation"]) | set(held["other"]) == set(trials.names)
    fitted = load_fitted(run)
    assert set(fitted.held_out) < set(held["training"])
    columns = [trials.stimulated.index(name) for name in held["stimulated"]]
    rows = [trials.names.index(name) for name in held["training"]]
    assert not trials.stimulus[rows][:, :, columns].any()


def test_the_page_shows_verdicts_scores_figures_and_signs(run):
    page = (run / "report.html").read_text()
    require_form(page)
    for words in ("From wiring to motion", "Responses to neurons never stimulated", "no connectome", 'id="rasters"', 'id="recruitment"'):
        assert words in page
    assert page.count("<svg") >= 4
    before = page
    assert command_line.command("report", run)[0] == 0
    assert (run / "report.html").read_text() == before


def test_two_workers_give_the_numbers_of_one(run, source, tmp_path):
    folder = run_motor(source, tmp_path / "two", list(SMALL), workers=2)
    assert tables(folder) == tables(run)


def test_a_killed_run_goes_on_to_the_same_numbers_and_other_settings_or_data_are_refused(run, source, tmp_path, monkeypatch):
    folder, fit = tmp_path / "killed", fits._do
    done: list[str] = []

    def killed(*given: Any) -> str:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(fit(*given))
        return done[-1]

    monkeypatch.setattr(fits, "_do", killed)
    with pytest.raises(KeyboardInterrupt):
        run_motor(source, folder, list(SMALL), workers=1)
    monkeypatch.undo()
    assert len(list((folder / "fits").iterdir())) == 2
    assert "has not finished" in asked("score", folder)[1]
    assert "was begun there and has not finished. Give --resume" in asked("fit", source, "--out", folder, *SET)[1]
    code, said = asked("fit", source, "--out", folder, *SET, "--resume", "--seed", 1)
    assert code == 2
    assert "was begun with other settings; different now: seed was 0, is 1" in said
    other = write_source(tmp_path / "other", wired=synapses(planted()).iloc[1:])
    code, said = asked("fit", other, "--out", folder, *SET, "--resume")
    assert code == 2
    assert "inputs have changed since the run began" in said
    fitted_again: list[str] = []
    monkeypatch.setattr(fits, "_do", lambda *given: fitted_again.append(fit(*given)) or fitted_again[-1])
    run_motor(source, folder, list(SMALL), resume=True, workers=1)
    assert set(fitted_again).isdisjoint(done)
    assert tables(folder) == tables(run)
    before = (folder / "manifest.json").read_bytes()
    assert run_motor(source, folder, list(SMALL), resume=True) == folder  # finished: nothing is done
    same = write_source(tmp_path / "moved")
    assert run_motor(same, folder, list(SMALL), resume=True) == folder  # the same files, by another path
    assert (folder / "manifest.json").read_bytes() == before


def test_a_fit_that_is_killed_goes_on_from_its_last_epoch(run, source, tmp_path, monkeypatch):
    folder, save = tmp_path / "stopped", FittedCircuit.save

    def stopped(self: FittedCircuit, path: Path) -> Path:
        if path.stem == "circuit":
            raise KeyboardInterrupt
        return save(self, path)

    monkeypatch.setattr(FittedCircuit, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_motor(source, folder, list(SMALL), workers=1)
    monkeypatch.undo()
    assert len(list((folder / "work" / "circuit").glob("fit*.pt"))) == 3
    run_motor(source, folder, list(SMALL), resume=True, workers=1)
    assert tables(folder) == tables(run)


def test_scoring_again_gives_the_same_and_measured_lesions_stay(run, tmp_path):
    before = tables(run)
    code, _ = asked("score", run)
    assert code == 0
    assert tables(run) == before
    truth, given = planted(), read_trials(run / "trials.h5")
    names, stimulus = truth.circuit.names, np.zeros((3, 40, 24), np.float32)
    stimulus[:, :, :16] = given.stimulus[:3]
    whole = truth.run(given.stimulus[:3])[1]
    gone = ["n20", "n21", "n22", "n23", "n3"]
    arrays = {
        "names": np.array(gone),
        "neurons": np.array(names),
        "removed": np.array([[name == one for name in names] for one in gone]),
        "stimulus": stimulus,
        "outputs": np.array(["force"]),
        "intact": whole,
        "open_loop": np.stack([truth.without(names.index(one)).run(given.stimulus[:3])[1] for one in gone]),
    }
    np.savez(tmp_path / "lesions.npz", **arrays)
    for more in (["--lesions", tmp_path / "lesions.npz"], []):
        code, said = asked("score", run, *more)
        assert code == 0, said
        scores = pd.read_csv(run / "scores.csv").query("question == 'lesion'")
        assert {"circuit", "rewired, degrees", "no connectome"} <= set(scores["model"])
        assert len(pd.read_csv(run / "lesions.csv")) == 5
        assert changed_files(run) == {}
    np.savez(tmp_path / "other.npz", **{**arrays, "outputs": np.array(["bend"])})
    code, said = asked("score", run, "--lesions", tmp_path / "other.npz")
    assert code == 2
    assert "outputs ['bend'], but the circuit was fitted with ['force']" in said
    np.savez(tmp_path / "short.npz", **{**arrays, "removed": arrays["removed"][:, :5]})
    assert "removed is (5, 5), not (5, 24)" in asked("score", run, "--lesions", tmp_path / "short.npz")[1]
    np.savez(tmp_path / "narrow.npz", **{**arrays, "between": np.zeros((10, 5), np.float32)})
    assert "between is (10, 5), not (10, 24)" in asked("score", run, "--lesions", tmp_path / "narrow.npz")[1]


def test_lesions_made_before_the_trials_are_scored_after_a_rest(run, tmp_path):
    truth, given = planted(), read_trials(run / "trials.h5")
    names, stimulus, between = truth.circuit.names, np.zeros((2, 40, 24), np.float32), np.zeros((50, 24), np.float32)
    stimulus[:, :, :16] = given.stimulus[:2]
    between[:, 20] = 1.0  # what comes in before the trials alone
    gone = ["n16", "n17", "n18", "n19", "n3"]
    arrays = {
        "names": np.array(gone),
        "neurons": np.array(names),
        "removed": np.array([[name == one for name in names] for one in gone]),
        "stimulus": stimulus,
        "outputs": np.array(["force"]),
        "intact": truth.run(given.stimulus[:2])[1],
        "open_loop": np.stack([truth.without(names.index(one)).run(given.stimulus[:2])[1] for one in gone]),
    }
    said = []
    for more in ({}, {"between": between}):
        np.savez(tmp_path / "lesions.npz", **arrays, **more)
        code, words = asked("score", run, "--lesions", tmp_path / "lesions.npz")
        assert code == 0, words
        said.append(pd.read_csv(run / "lesions.csv").set_index("lesion")["predicted"])
    assert (said[0] != said[1]).any()


def test_predictions_are_those_of_the_first_fit_in_either_format(run, tmp_path):
    code, said = asked("predict", run, "--stimulate", "n9,n10", "--strength", 2, "--out", tmp_path / "pulse.parquet")
    assert code == 0, said
    table = pd.read_parquet(tmp_path / "pulse.parquet")
    assert len(table) == 75 * 25  # 1.5 s of .02 s, 24 neurons and an output
    fitted = load_fitted(run)
    rows = fitted.circuit.rows_of(("n9", "n10"), "neurons")
    stimulus = np.zeros((1, 75, 2), np.float32)
    stimulus[0, 25:50] = 2
    answer = fitted.predict(stimulus, rows)
    one = table.query("name == 'n5'")
    np.testing.assert_allclose(one["mean"], answer.activity[0, 0, :, 5], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one["spread"], spread_of(answer.activity[:, 0, :, 5]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(table.query("kind == 'output'")["mean"], answer.output[0, 0, :, 0], rtol=1e-5, atol=1e-6)
    for name in ("all.h5", "all.csv"):
        code, said = asked("predict", run, "--stimulus", run / "trials.h5", "--out", tmp_path / name)
        assert code == 0, said
    arrays, long = read_trials(tmp_path / "all.h5"), pd.read_csv(tmp_path / "all.csv")
    given = read_trials(run / "trials.h5")
    assert arrays.names == given.names
    np.testing.assert_array_equal(arrays.stimulus, given.stimulus)
    by_csv = long.query("kind == 'neuron'")["mean"].to_numpy().reshape(len(given.names), 40, 24)
    order = long.query("kind == 'neuron'")["trial"].to_numpy().reshape(len(given.names), 40, 24)[:, 0, 0]
    assert order.tolist() != []
    np.testing.assert_allclose(by_csv.sum(), arrays.activity.sum(), rtol=1e-4)


def test_a_run_whose_predictions_were_means_over_fits_is_refused_in_words(run, tmp_path):
    before = tmp_path / "before"
    shutil.copytree(run, before)
    settings = (before / "config.toml").read_text()
    (before / "config.toml").write_text(f"control_fits = 4\n{settings}")
    for words in (["score"], ["ablate", "--all-neurons"], ["predict", "--stimulate", "n0"]):
        out = [] if words == ["score"] else ["--out", tmp_path / "out.csv"]
        code, said = asked(words[0], before, *words[1:], *out)
        assert code == 2
        assert "predictions were means over all fits of a model (control_fits = 4). Now the first fit" in said
    for others in (["insilico", "tune", before, "--what", "latency", "--out", tmp_path / "t.csv"], ["report", before]):
        code, said = command_line.command(*others)
        assert code == 2
        assert "predictions were means over all fits" in said


def test_controls_have_one_fit_and_the_circuit_is_scored_by_its_first(run):
    scores = pd.read_csv(run / "scores.csv").set_index(["model", "question", "metric"])["estimate"]
    study, fitted = read_study(run), load_fitted(run)
    assert len(fitted.networks) == 3
    for job in fits.fit_jobs(study)[1:]:
        model = fits.load_model(run, job, study.circuit)
        assert model is not None
        assert len(model.networks) == 1
    test, first = study.split.test(study.trials), replace(fitted, networks=fitted.networks[:1])
    units = measured("circuit", predicted_by(first, test), test, study.split, study.circuit, study.config.response)
    for row in tabulated(units, study.config.seed).itertuples():
        assert scores["circuit", row.question, row.metric] == pytest.approx(row.estimate, abs=1e-6)
    np.testing.assert_allclose(pd.read_csv(run / "edges.csv")["weight"], fitted.weights[0], rtol=1e-5)


def test_a_stimulus_longer_than_memory_is_read_a_window_at_a_time(run, tmp_path):
    fitted, asked_for = load_fitted(run), []

    class OnDisk:
        """A stimulus of a week that says what of it is read."""

        shape = (1, 30_000_000, 1)

        def __getitem__(self, where: tuple[slice, slice]) -> np.ndarray:
            asked_for.append(where[1].stop - where[1].start)
            return np.ones((1, asked_for[-1], 1), np.float32)

    parts = prediction.answers(fitted, StimulusFile("a week", fitted.dt_s, OnDisk(), ("n0",), ("week",)))
    for at in range(5):
        assert next(parts).begin == at * fitted.config.window
    assert set(asked_for) == {fitted.config.window}
    assert torch.is_grad_enabled()  # who waits for the next window may ask for gradients


def test_lesions_are_ranked_with_intervals(run, tmp_path):
    code, said = asked("ablate", run, "--all-neurons", "--types", "motor,sense", "--out", tmp_path / "lesions.csv")
    assert code == 0, said
    table = pd.read_csv(tmp_path / "lesions.csv")
    assert len(table) == 24 + 2
    assert table["effect"].is_monotonic_decreasing
    assert (table["low"] <= table["effect"]).all()
    code, said = asked("ablate", run, "--all-edges", "--out", tmp_path / "edges.parquet")
    assert code == 0, said
    edges = pd.read_parquet(tmp_path / "edges.parquet")
    assert len(edges) == len(planted().circuit.pre)
    assert edges["effect"].notna().sum() == 20
    first = f"{edges['pre'].iloc[0]}:{edges['post'].iloc[0]}"
    assert asked("ablate", run, "--edges", first, "--out", tmp_path / "one.csv")[0] == 0
    assert pd.read_csv(tmp_path / "one.csv")["effect"].iloc[0] == pytest.approx(edges["effect"].iloc[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["ablate", "--neurons", "n3,n99,m1"],
            "2 of 3 neurons to remove are not among the 24 neurons of the circuit: 'n99' (nearest 'n9')",
        ),
        (["ablate", "--types", "motr"], "1 of 1 types to remove are of no neuron: 'motr' (nearest 'motor')"),
        (["ablate", "--edges", "n0-n1"], "write an edge as SENDER:RECEIVER"),
        (["ablate", "--edges", "n0:n0"], "edge 'n0:n0' is not among the"),
        (["ablate"], "nothing is removed. Give --neurons"),
        (["ablate", "--all-edges", "--all-neurons"], "Ask for it alone"),
        (["ablate", "--neurons", ","], "no name. Give names parted by commas"),
        (["predict", "--stimulate", "n0,nx"], "1 of 2 neurons to stimulate are not among the 24 neurons of the circuit: 'nx'"),
        (["predict", "--stimulate", "n0,n0"], "are named twice, first 'n0'"),
        (["predict"], "give either --stimulate or --stimulus"),
        (["predict", "--stimulus", "nowhere.h5", "--strength", 1], "is of --stimulate alone"),
        (["predict", "--stimulus", "nowhere.h5"], "no such file"),
    ],
)
def test_names_and_questions_that_are_wrong_are_told(run, tmp_path, words, message):
    code, said = asked(words[0], run, *words[1:], "--out", tmp_path / "out.csv")
    assert code == 2
    assert message in said
    assert not (tmp_path / "out.csv").exists()


def test_a_stimulus_of_other_steps_is_refused(run, tmp_path):
    from dataclasses import replace

    write_trials(replace(read_trials(run / "trials.h5"), dt_s=0.5), tmp_path / "other.h5")
    with pytest.raises(ValueError, match=r"steps of 0\.5 s, but the circuit was fitted on steps of 0\.02 s"):
        write_predicted(load_fitted(run), tmp_path / "out.h5", file=tmp_path / "other.h5")


def _ghost() -> dict[str, Any]:
    wired = synapses(planted())
    wired.loc[3, "post_name"] = "ghost"
    return {"wired": wired}


def _no_motor() -> dict[str, Any]:
    return {"told": cells(planted()).assign(motor=False)}


def _contradicting() -> dict[str, Any]:
    wired = synapses(planted())
    told = cells(planted()).assign(sign=0)
    told.loc[told["name"] == wired["pre_name"][0], "sign"] = 1
    return {"told": told, "wired": wired.assign(sign=-1)}


def _twice() -> dict[str, Any]:
    told = cells(planted())
    told.loc[5, "name"] = "n4"
    return {"told": told}


def _weightless() -> dict[str, Any]:
    return {"wired": synapses(planted()).assign(size=0)}


BAD = {
    "an edge to an unknown neuron": (_ghost, [], "1 of 128 edges are of unknown neurons, first n0 to ghost"),
    "no motor neurons": (_no_motor, [], "None of 24 neurons is a motor neuron, and motor output is asked for"),
    "signs that contradict": (_contradicting, [], "Signs contradict: 1 of 24 neurons"),
    "all weights 0": (
        lambda: {"wired": synapses(planted()).assign(size=0)},
        [],
        "128 values do not fit the schema, first size in row 0 is 0.0, must be above 0;",
    ),
    "two neurons of one name": (_twice, [], "1 of 24 rows have the name of an earlier one, first ['n4']"),
    "a step that is too large": (lambda: {"dt_s": 0.5}, [], "longer than the smallest time constant"),
    "a state that explodes": (dict, ["--set", "model.bound=0.5"], "by an edge of weight"),
    "a setting that is none": (dict, ["--set", "model.fitz=3"], "unknown key 'model.fitz', nearest 'fit'"),
    "a share that is none": (dict, ["--set", "held_out=1.5"], "held_out = 1.5: give more than 0 and less than 1"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_told_in_words_and_leaves_nothing(tmp_path, what):
    make, more, message = BAD[what]
    bad = write_source(tmp_path / "source", **make())
    code, said = asked("fit", bad, "--out", tmp_path / "run", *SET, *more, "--workers", 1)
    assert code == 2, said
    assert message in said, said
    assert not (tmp_path / "run").exists()


def test_a_source_without_trials_says_what_is_lacking(tmp_path):
    bad = write_source(tmp_path / "source")
    bad.write_text(bad.read_text().replace('[[trials]]\nfile = "trials.h5"\n', ""))
    code, said = asked("fit", bad, "--out", tmp_path / "run")
    assert code == 2
    assert "a circuit of 24 neurons, and neither trials nor responses to stimulation, so that nothing can be fitted" in said


def test_a_control_that_cannot_be_fitted_is_left_out_and_said(source, tmp_path, monkeypatch):
    fit = fits._fitted

    def ran_away(job: fits.FitJob, *given: Any) -> Any:
        if job.kind == fits.PERMUTED:
            raise FloatingPointError("The state of 'n3' passed 1e4.")
        return fit(job, *given)

    monkeypatch.setattr(fits, "_fitted", ran_away)
    folder = run_motor(source, tmp_path / "run", list(SMALL), workers=1)
    assert "permuted identities" not in set(pd.read_csv(folder / "scores.csv")["model"])
    assert "permuted identities was left out: The state of 'n3' passed 1e4." in json.loads((folder / "notes.json").read_text())["notes"]


def test_controls_that_a_circuit_does_not_allow_are_said():
    circuit, config = planted().circuit, MotorRunConfig()
    bare = replace(circuit, types=("",) * len(circuit.names), position=np.full_like(circuit.position, np.nan))
    assert fits.left_out(bare, config) == [
        "rewired, types was left out: fewer than two types are known.",
        "rewired, distance was left out: fewer than three positions are known.",
    ]
    placed = replace(
        bare, types=("sense", "motor") * (len(circuit.names) // 2), position=np.arange(3.0 * len(circuit.names)).reshape(-1, 3)
    )
    assert fits.left_out(placed, config) == []
    assert "replicates = 0" in fits.left_out(placed, config.model_copy(update={"replicates": 0}))[0]
