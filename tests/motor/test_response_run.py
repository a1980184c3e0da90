"""A circuit fitted to responses to stimulation: a planted one is found, random responses are not, and all commands take the run."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphtwin.folders import changed_files
from graphtwin.pipeline.motor import load_fitted, run_motor
from tests.motor import command_line
from tests.motor.planted_circuit import Planted
from tests.motor.response_source import STEPS, N, planted, responses, write_source
from tests.report.form import require_form

pytestmark = pytest.mark.slow

SMALL = ["model.fit.epochs=15", "model.fits=1", "folds=3", "model.batch=64"]


asked = partial(command_line.command, "motor")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("responses")
    table = responses(planted()).dropna()
    source = write_source(folder / "source", table, responses(planted(), seed=5, noise=0.5).dropna())
    sets = [part for setting in SMALL for part in ("--set", setting)]
    code, said = asked("fit", source, "--out", folder / "run", *sets, "--workers", 1)
    assert code == 0, said
    return folder / "run"


def test_a_planted_circuit_tells_responses_to_neurons_never_stimulated_and_a_rewired_one_does_not(run):
    scores = pd.read_csv(run / "scores.csv").set_index(["metric", "model"])["estimate"]
    assert scores["auc", "circuit"] > 0.8
    assert scores["spearman", "circuit"] > scores["spearman"].drop("circuit").max()
    for control in ("rewired, degrees", "rewired, types", "permuted identities", "no connectome", "usual response", "usual responder"):
        assert scores["auc", "circuit"] > scores["auc", control] + 0.1
        assert scores["spearman", "circuit"] > scores["spearman", control] + 0.1
    found = json.loads((run / "notes.json").read_text())["found"]
    assert len(found) == 1
    assert "to the ceiling of" in found[0]  # another animal was measured


def test_every_pair_is_predicted_by_a_fit_that_has_not_seen_its_stimulated_neuron(run):
    table, held = pd.read_csv(run / "responses.csv"), json.loads((run / "held_out.json").read_text())
    assert table["predicted"].notna().all()
    for fold, split in enumerate(held, 1):
        assert set(table.loc[table["fold"] == fold, "stimulated"]) == set(split["stimulated"])
        assert not set(split["training"]) & set(split["stimulated"])
    assert {path.name for path in (run / "fits").iterdir() if path.name.startswith("circuit")} == {
        "circuit.pt",
        *(f"circuit_fold{fold}.pt" for fold in (1, 2, 3)),
    }
    assert changed_files(run) == {}


def test_the_page_shows_responses_and_not_trials(run):
    page = (run / "report.html").read_text()
    require_form(page)
    for words in ('id="responses"', 'id="each"', "Responses to neurons never stimulated", "neurons never stimulated: AUC"):
        assert words in page
    assert 'id="rasters"' not in page
    assert command_line.command("report", run)[0] == 0
    assert (run / "report.html").read_text() == page


def test_a_run_of_responses_is_scored_again_asked_and_ablated(run, tmp_path):
    before = {name: (run / name).read_bytes() for name in ("scores.csv", "responses.csv", "notes.json", "differences.csv")}
    assert asked("score", run)[0] == 0
    assert {name: (run / name).read_bytes() for name in before} == before
    assert asked("predict", run, "--stimulate", "n3", "--out", tmp_path / "pulse.csv")[0] == 0
    code, said = asked("ablate", run, "--all-neurons", "--out", tmp_path / "lesions.csv")
    assert code == 0, said
    table = pd.read_csv(tmp_path / "lesions.csv").set_index("lesion")
    truth, change = planted(), {}
    intact = _at_the_end(truth)
    for neuron, name in enumerate(truth.circuit.names):
        after = np.delete(np.delete(_at_the_end(truth.without(neuron)) - intact, neuron, axis=0), neuron, axis=1)
        change[name] = np.sqrt(np.square(after).mean(axis=1)).mean()
    assert table["effect"].corr(pd.Series(change), method="spearman") > 0.5  # who is missed much in truth is missed much
    code, said = asked("ablate", run, "--all-edges", "--out", tmp_path / "edges.csv")
    assert code == 0, said
    edges = pd.read_csv(tmp_path / "edges.csv")
    assert len(edges) == len(truth.circuit.pre)
    assert edges["effect"].notna().sum() == 20
    assert load_fitted(run).outputs == ()


def _at_the_end(truth: Planted) -> np.ndarray:
    """State of all neurons at the end of an input to each."""
    stimulus = np.zeros((N, STEPS, N))
    stimulus[np.arange(N), :, np.arange(N)] = 1.0
    return truth.run(stimulus)[0][:, -1]


def test_lesions_of_output_are_refused_where_there_is_none(run, tmp_path):
    names = np.array(planted().circuit.names)
    arrays = {"names": names[:1], "neurons": names, "removed": np.eye(len(names), dtype=bool)[:1], "outputs": np.array(["force"])}
    arrays |= {"stimulus": np.zeros((2, 5, len(names))), "intact": np.zeros((2, 5, 1)), "open_loop": np.ones((1, 2, 5, 1))}
    np.savez(tmp_path / "lesions.npz", **arrays)
    code, said = asked("score", run, "--lesions", tmp_path / "lesions.npz")
    assert code == 2
    assert "of a run that was fitted to responses to stimulation, without motor output" in said


def test_two_workers_give_the_numbers_of_one_and_random_responses_are_not_predicted(tmp_path):
    table = responses(planted()).dropna()
    shuffled = table.assign(response=np.random.default_rng(1).permutation(table["response"].to_numpy()))
    source = write_source(tmp_path / "source", shuffled)
    runs = [run_motor(source, tmp_path / f"{workers}", list(SMALL), workers=workers) for workers in (1, 2)]
    for name in ("scores.csv", "responses.csv", "edges.csv"):
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes()
    said = json.loads((runs[0] / "notes.json").read_text())
    assert not said["found"][0].startswith("Responses to neurons never stimulated in training: yes")
    assert any(note.startswith("No ceiling: the responses are of one animal") for note in said["notes"])


def test_too_few_stimulated_neurons_are_told_before_anything_is_fitted(tmp_path):
    table = responses(planted()).dropna()
    few = table[table["stimulated"].isin(table["stimulated"].unique()[:3])]
    code, said = asked("fit", write_source(tmp_path / "source", few), "--out", tmp_path / "run")
    assert code == 2
    assert "3 stimulated neurons: 5 are needed" in said
    assert not (tmp_path / "run").exists()
