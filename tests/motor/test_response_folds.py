"""Responses to stimulation before anything is fitted: who sets the scale of a fold, and which tables of a source are read."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.config import overridden
from graphtwin.motor.fitting import load_circuit
from graphtwin.pipeline.motor import run_motor
from graphtwin.pipeline.motor.motor_job import study_of
from graphtwin.pipeline.motor.run_folder import MotorStudy, read_study
from graphtwin.pipeline.motor.settings import MotorRunConfig
from tests.motor.response_source import TABLE, planted, responses, write_source
from tests.motor.run_source import write_source as write_trials_source

SMALL = ["model.fit.epochs=2", "model.fits=1", "folds=2", "replicates=0"]


def study(folder: Path, table: pd.DataFrame, another: pd.DataFrame | None = None) -> MotorStudy:
    """What a run of this table fits."""
    return study_of(write_source(folder, table, another), overridden(MotorRunConfig, {}, SMALL, "motor"))[0]


@pytest.mark.parametrize("stated", [False, True], ids=["by size", "by marks"])
def test_responses_that_a_fold_holds_out_change_no_weight_of_its_fits(tmp_path, stated):
    table = responses(planted()).dropna().reset_index(drop=True)
    table = table.assign(responds=table["response"].abs() > table["response"].abs().median()) if stated else table
    usual = study(tmp_path / "usual", table)
    held = table["stimulated"].isin(usual.splits[0].stimulated)
    half = held & (np.arange(len(table)) % 2 == 0)
    larger = table.assign(response=table["response"].where(~held, 30 * table["response"]))
    fewer = table.assign(response=table["response"].where(~half))
    fits = []
    for name, changed in (("usual", table), ("larger", larger), ("fewer", fewer)):
        run = run_motor(write_source(tmp_path / name, changed), tmp_path / f"run {name}", SMALL, workers=1)
        found = read_study(run)
        assert found.splits == usual.splits
        fits.append((load_circuit(run / "fits" / "circuit_fold1.pt"), load_circuit(run / "fits" / "circuit.pt")))
    (first, of_all), *others = fits
    for changed_first, changed_all in others:
        np.testing.assert_array_equal(changed_first.weights, first.weights)
        assert not np.array_equal(changed_all.weights, of_all.weights)  # which has seen them


def test_a_fold_whose_training_has_no_response_is_refused_before_anything_is_fitted(tmp_path):
    table = responses(planted()).dropna()
    one = table["stimulated"] == table["stimulated"].iloc[0]
    with pytest.raises(ValueError, match=r"none of \d+ responses to the 15 stimulated neurons of a fit counts as one"):
        study(tmp_path, table.assign(response=table["response"].where(one, 0)))


def test_marked_responses_of_which_most_are_0_are_refused(tmp_path):
    table = responses(planted()).dropna().reset_index(drop=True)
    table = table.assign(response=table["response"].where(table.index % 5 == 0, 0), responds="yes")
    words = rf"{(table['response'] == 0).sum()} of {len(table)} responses that `responds` marks, .* are 0, .* mark those of 0 false"
    with pytest.raises(ValueError, match=words):
        study(tmp_path, table)


def test_responses_beside_trials_are_not_read_and_the_log_says_so(tmp_path, caplog):
    toml = write_trials_source(tmp_path)
    pd.DataFrame({"stimulated": ["n1"], "recorded": ["n2"], "response": [1.0]}).to_csv(tmp_path / "responses.csv", index=False)
    toml.write_text(toml.read_text() + TABLE)
    with caplog.at_level(logging.WARNING, "graphtwin"):
        found = study_of(toml, MotorRunConfig())[0]
    assert found.responses is None
    assert "has trials, so that its responses to stimulation are not read: responses.csv" in caplog.text


@pytest.mark.parametrize("animal", ["", "two"], ids=["its own", "another"])
def test_two_tables_of_one_animal_are_refused(tmp_path, animal):
    table = responses(planted()).dropna()
    toml = write_source(tmp_path, table, table)
    table.to_csv(tmp_path / "second.csv", index=False)
    more = TABLE.replace("responses.csv", "second.csv") + (f'animal = "{animal}"\n' if animal else "")
    toml.write_text(toml.read_text() + more)
    first = "another.csv" if animal else "responses.csv"
    with pytest.raises(ValueError, match=rf"2 tables of responses to stimulation are of one animal, {first} and second\.csv"):
        study_of(toml, MotorRunConfig())


def test_neurons_of_another_animal_that_the_circuit_lacks_are_left_out(tmp_path, caplog):
    table = responses(planted()).dropna()
    ghosts = table.assign(recorded=table["recorded"].replace({"n3": "ghost"}))
    with caplog.at_level(logging.INFO, "graphtwin"):
        found = study(tmp_path / "a", table, ghosts).of_another
    gone = (table["recorded"] == "n3").sum()
    assert f"another.csv: {gone} of {len(table)} responses of another animal are left out" in caplog.text
    assert np.isfinite(found.values).sum() == len(table) - gone
    with pytest.raises(ValueError, match=rf"none of {len(table)} responses of another animal is of two neurons of the circuit"):
        study(tmp_path / "b", table, table.assign(recorded="ghost " + table["recorded"]))


def test_responses_of_another_animal_alone_are_told_apart_from_none(tmp_path):
    table = responses(planted()).dropna()
    toml = write_source(tmp_path, table, table)
    toml.write_text(toml.read_text().replace(TABLE, "", 1))
    assert "another.csv" in toml.read_text()
    with pytest.raises(ValueError, match=r"its responses to stimulation \(another\.csv\) are of another animal alone"):
        study_of(toml, MotorRunConfig())


def test_a_run_in_which_all_respond_says_why_it_has_no_auc(tmp_path):
    table = responses(planted()).dropna().assign(responds=True)
    run = run_motor(write_source(tmp_path / "source", table), tmp_path / "run", SMALL, workers=1)
    notes = json.loads((run / "notes.json").read_text())["notes"]
    assert f"No AUC: of no stimulated neuron some respond and others do not ({len(table)} of {len(table)} measured pairs respond)." in notes
    assert "auc" not in set(pd.read_csv(run / "scores.csv")["metric"])


def test_a_table_that_is_mostly_0_says_what_a_0_counts_as(tmp_path):
    table = responses(planted()).dropna()
    table["response"] = table["response"].where(table["response"].abs() > table["response"].abs().quantile(0.8), 0.0)
    run = run_motor(write_source(tmp_path / "source", table), tmp_path / "run", SMALL, workers=1)
    notes = json.loads((run / "notes.json").read_text())["notes"]
    said = (
        f"{(table['response'] == 0).sum()} of {len(table)} responses are exactly 0. Where a source writes 0 for pairs that nobody measured"
    )
    assert any(note.startswith(said) for note in notes)
