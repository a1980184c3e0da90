"""Classifiers from pictures to a page: trained, killed, gone on with, scored again; and bad input through the command line."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graphtwin.folders import changed_files
from graphtwin.pipeline import simulate_shortcut
from graphtwin.pipeline.robust import classifier_jobs, run_robust
from graphtwin.pipeline.robust.classifier_jobs import chosen_strengths
from graphtwin.robustness import Recipe, RobustConfig, distorted, load_pictures, teachers, told_responses
from graphtwin.robustness import fit as fit_classifier
from tests.motor import command_line
from tests.report.form import require_form
from tests.robustness.test_pictures_shown import watcher

pytestmark = pytest.mark.slow

SMALL = [
    "fit.epochs=2", "width=2", "pictures=80", "teaching.tuning_seeds=1", "teaching.similarity=[1.0,3.0]", "teaching.co_training=[1.0]",
    "teaching.label_smoothing=[0.2]", "teaching.noise=[0.1]", "attack.steps=2", "attack.pictures=20", "attack.strengths=[0.05]",
    "attack.restarts=1",
]  # fmt: skip
SET = [part for setting in SMALL for part in ("--set", setting)]
HARD = (("blur", 0.06), ("contrast", 0.2), ("contrast", 0.4), ("elastic", 0.04), ("elastic", 0.06))  # they fade the shortcut
asked = partial(command_line.command, "robust")


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_shortcut(tmp_path_factory.mktemp("made") / "shortcut", ["pictures=80"])


def of(shortcut: Path) -> tuple[object, ...]:
    return shortcut / "pictures", "--responses", shortcut / "responses.parquet"


@pytest.fixture(scope="module")
def run(shortcut: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by the command line, of one worker."""
    out = tmp_path_factory.mktemp("runs") / "run"
    code, said = asked("train", *of(shortcut), "--out", out, "--seeds", 2, *SET, "--workers", 1)
    assert code == 0, said
    assert f"Report: {out / 'report.html'}" in said
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """What no number of workers and no stop may change."""
    return {path.name: path.read_bytes() for path in (*folder.glob("*.csv"), folder / "notes.json", *(folder / "classifiers").iterdir())}


def test_every_model_has_every_seed_and_every_strength_of_every_distortion(run):
    table = pd.read_csv(run / "curves.csv")
    counted = table.groupby(["model", "seed"]).size()
    assert len(counted) == 13 * 2
    assert set(counted) == {1 + 6 * 5 + 2}
    assert set(pd.read_csv(run / "scores.csv")["model"]) == set(table["model"])
    checks = pd.read_csv(run / "attack_checks.csv")
    assert set(checks["check"]) == {"gradient", "whole", "restarts", "noise", "FGSM", "transfer"}


def test_a_run_that_was_killed_goes_on_to_the_same_numbers_with_two_workers(run, shortcut, tmp_path, monkeypatch):
    written = classifier_jobs.write_classifier
    left = iter(range(9))

    def stopping(*given):
        if next(left, None) is None:
            raise KeyboardInterrupt
        written(*given)

    monkeypatch.setattr(classifier_jobs, "write_classifier", stopping)
    train = partial(run_robust, shortcut / "pictures", tmp_path / "run", responses=shortcut / "responses.parquet", overrides=SMALL, seeds=2)
    with pytest.raises(KeyboardInterrupt):
        train(workers=1)
    monkeypatch.undo()
    assert len(list((tmp_path / "run/work").glob("*.pt"))) == 9
    train(resume=True, workers=2)
    assert contents(tmp_path / "run") == contents(run)


def test_a_run_that_is_begun_anew_over_a_finished_one_ends_as_it(run, shortcut, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    run_robust(shortcut / "pictures", tmp_path / "run", None, shortcut / "responses.parquet", SMALL, seeds=2, workers=1, force=True)
    assert contents(tmp_path / "run") == contents(run)
    assert not (tmp_path / "run/.replaced").exists()


def test_scores_made_again_are_the_same_and_the_page_too(run):
    before, page = contents(run), (run / "report.html").read_text()
    code, said = asked("score", run)
    assert code == 0, said
    assert contents(run) == before
    code, said = asked("report", run)
    assert code == 0, said
    assert (run / "report.html").read_text() == page
    assert not changed_files(run)


def test_a_finished_run_in_which_classifiers_are_missing_or_damaged_has_them_fitted_again(run, shortcut, tmp_path, caplog):
    shutil.copytree(run, tmp_path / "run")
    files = sorted((tmp_path / "run/classifiers").iterdir())
    files[0].unlink()
    files[5].write_bytes(b"damaged")
    again = partial(
        run_robust, shortcut / "pictures", tmp_path / "run", None, shortcut / "responses.parquet", SMALL, True, seeds=2, workers=1
    )
    again()
    assert "2 classifiers were missing or damaged, and were fitted again" in caplog.text
    assert contents(tmp_path / "run") == contents(run)
    assert not changed_files(tmp_path / "run")
    assert not (tmp_path / "run/work").exists()
    again()
    assert "nothing was done" in caplog.text


def test_no_page_is_written_of_tables_that_are_gone_or_changed(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run/curves.parquet").unlink()
    code, said = asked("report", tmp_path / "run")
    assert code != 0
    assert "1 of 3 files that are read here are not as they were written" in said


def test_settings_that_were_changed_since_are_not_scored_with(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    path = tmp_path / "run/config.toml"
    path.write_text(path.read_text().replace("seeds = 2", "seeds = 1"))
    code, said = asked("score", tmp_path / "run")
    assert code != 0
    assert "not as they were written (manifest.json): config.toml" in said


def test_the_page_says_what_was_not_asked(run):
    page = (run / "report.html").read_text()
    require_form(page)
    assert "Whether function adds robustness could not be tested." in page
    assert "responses are of a table, which says nothing of distorted pictures" in page
    assert re.findall(r">([^<]+)</text>", page[page.index('<figure id="strengths"') :].partition("</figure>")[0]).count("strength") == 1


def test_a_responder_is_asked_for_neurons_under_distortion(tmp_path):
    folder = run_robust("digits", tmp_path / "run", watcher(), overrides=SMALL, seeds=1, workers=1)
    table = pd.read_csv(folder / "neurons_predicted.csv")
    assert set(table["distortion"]) == {"none", "noise", "blur", "contrast", "brightness", "jpeg", "elastic"}
    pixels = table[table["model"] == "pixels themselves"].set_index("distortion")["r"]
    assert pixels["none"] > 0.95  # its units are means of pixels
    assert table["r"].between(-1, 1).all()


def test_the_largest_strength_within_the_tolerance_of_the_best_is_taken():
    table = pd.DataFrame(
        [("a", strength, seed, value) for strength, value in ((0.1, 0.9), (1.0, 0.895), (10.0, 0.8)) for seed in range(2)]
        + [("b", strength, 0, value) for strength, value in ((0.1, 0.5), (1.0, 0.9), (10.0, 0.9))],
        columns=["model", "strength", "seed", "validation"],
    )
    assert chosen_strengths(table, 0.01) == {"a": 1.0, "b": 10.0}
    assert chosen_strengths(table, 0.0) == {"a": 0.1, "b": 10.0}


def test_a_code_that_is_robust_makes_classifiers_robust_and_that_of_other_pictures_does_not(tmp_path):
    folder = simulate_shortcut(tmp_path / "shortcut", ["pictures=600"], seed=11)
    fit = {"epochs": 15, "patience": 15, "learning_rate": 0.012, "weight_decay": 0.001}
    config = RobustConfig.model_validate({"width": 8, "batch": 32, "fit": fit})
    data = load_pictures(folder / "pictures", config)
    taught = teachers(told_responses(folder / "responses.parquet", data), None, data.pictures, config)
    tests, label = data.pictures[data.test], torch.from_numpy(data.label[data.test])
    hard = [torch.from_numpy(distorted(tests, *key, 0)) for key in HARD]
    found = {}
    for name in ("", "twin", "shuffled"):
        recipe = Recipe("co-training", name, 10.0) if name else Recipe("none")
        fitted = fit_classifier(data, recipe, taught.get(name), config, 0).classifier
        found[name] = np.mean([fitted.accuracy(shown, label) for shown in hard])
    assert found["twin"] > found[""] + 0.05
    assert found["twin"] > found["shuffled"] + 0.05


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("digits",), "give either --twin or --responses"),
        (("digits", "--twin", "nowhere"), "nowhere"),
        (("digits", "--responses", "nowhere.csv"), "nowhere.csv: no such file"),
        (("nowhere", "--responses", "RESPONSES"), "nowhere: no folder"),
        (("digits", "--responses", "RESPONSES"), "lacks 1797 of 1797 pictures of digits, first '0'"),
        (("PICTURES", "--responses", "RESPONSES", "--set", "test=0.7", "--set", "validation=0.4"), "leave -0.10 of the pictures to train"),
        (("PICTURES", "--responses", "RESPONSES", "--set", "teaching.similarity=[]"), "teaching.similarity"),
        (("PICTURES", "--responses", "RESPONSES", "--set", "attack.strengths=[-1.0]"), "attack.strengths"),
        (("PICTURES", "--responses", "RESPONSES", "--seeds", "2"), "teaching.tuning_seeds = 3, of 2 seeds"),
    ],
)
def test_bad_input_is_refused_before_a_folder_is_written(shortcut, tmp_path, words, said):
    places = {"PICTURES": shortcut / "pictures", "RESPONSES": shortcut / "responses.parquet"}
    code, told = asked("train", *(places.get(word, word) for word in words), "--out", tmp_path / "run")
    assert code != 0
    assert said in told
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_written_among_the_pictures(shortcut):
    place = shortcut / "pictures/000/run"
    code, said = asked("train", *of(shortcut), "--out", place)
    assert code != 0
    assert "lies in the folder of pictures" in said
    assert not place.exists()


def test_what_does_not_learn_is_not_called_robust(shortcut, tmp_path):
    config = [name for name in SMALL if not name.startswith("fit")] + ["fit.epochs=1", "fit.learning_rate=1e-9"]
    folder = run_robust(
        shortcut / "pictures", tmp_path / "run", responses=shortcut / "responses.parquet", overrides=config, seeds=1, workers=1
    )
    assert (folder / "notes.json").read_text().count("not tested: without a teacher") == 4
