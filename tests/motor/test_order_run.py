"""Claims: a source of orders of recruitment is asked from the command line, a run goes on, and what cannot be asked is told in words."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from graphtwin.folders import WORK, changed_files
from graphtwin.motor.scores import order_verdict
from graphtwin.pipeline.motor import run_motor
from graphtwin.report.pages import motor_page
from graphtwin.statistics import holm
from tests.motor import command_line
from tests.motor.crawling_circuit import crawling, write_larva
from tests.motor.order_source import MOTOR, order_table, planted, write_source
from tests.report.form import require_form

pytestmark = pytest.mark.slow

SMALL = ["permutations=60"]
asked = partial(command_line.command, "motor")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orders")
    source = write_source(folder / "source", order_table(planted()))
    code, said = asked("fit", source, "--out", folder / "run", "--set", SMALL[0], "--workers", 1)
    assert code == 0, said
    assert "yes, the wiring predicts it: above chance, and surely better than each of 4 controls without it" in said
    return folder / "run"


def test_every_motor_neuron_is_predicted_and_the_scores_are_those_of_the_tables(run):
    scores = pd.read_csv(run / "scores.csv").set_index(["question", "metric", "model"])["estimate"]
    orders, pairs = pd.read_csv(run / "orders.csv"), pd.read_csv(run / "pairs.csv")
    assert orders.groupby("condition").size().to_dict() == {"forward": MOTOR, "backward": MOTOR}
    assert (orders["order"] == orders.groupby("condition")["written"].rank()).all()
    assert len(pairs) == MOTOR * (MOTOR - 1)
    for condition, part in orders.groupby("condition"):
        found = scipy.stats.spearmanr(part["order"], part["predicted_from_mean"]).statistic
        assert scores[f"recruitment, {condition}", "spearman", "circuit"] == pytest.approx(found)
        some = pairs[pairs["condition"] == condition]
        for column, model in (("predicted", "circuit"), ("shared_input", "shared input alone")):
            sign = -1 if column == "shared_input" else 1
            found = sign * scipy.stats.spearmanr(some["apart"], some[column]).statistic
            assert scores[f"recruitment, {condition}", "closeness", model] == pytest.approx(found)
    for metric in ("spearman", "closeness"):
        for control in ("rewired, degrees", "rewired, types", "number of inputs", "mean order", "permuted identities"):
            assert scores["recruitment", metric, "circuit"] > scores["recruitment", metric, control] + 0.2
    table = pd.read_csv(run / "scores.csv")
    circuit = table[(table["model"] == "circuit") & (table["question"] == "recruitment")]
    assert (circuit["p"] < 0.05).all()
    assert (circuit["low"] > 0).all()


def test_the_page_shows_orders_and_pairs_and_not_trials(run):
    page = (run / "report.html").read_text()
    require_form(page)
    for words in ('id="orders"', 'id="pairs"', "Recruitment of motor neurons that no fit has seen", "rank correlation of closeness"):
        assert words in page
    for words in ('id="rasters"', "What data told", "as fitted", "; the others are"):
        assert words not in page
    assert command_line.command("report", run)[0] == 0
    assert (run / "report.html").read_text() == page


def test_a_run_is_scored_again_and_goes_on_with_the_same_numbers(run, tmp_path):
    before = {name: (run / name).read_bytes() for name in ("scores.csv", "orders.csv", "pairs.csv", "differences.csv", "notes.json")}
    assert asked("score", run)[0] == 0
    assert {name: (run / name).read_bytes() for name in before} == before
    assert changed_files(run) == {}
    source = write_source(tmp_path / "source", order_table(planted()))
    other = run_motor(source, tmp_path / "run", list(SMALL), workers=2)
    assert {name: (other / name).read_bytes() for name in before} == before
    assert asked("fit", source, "--out", other, "--set", SMALL[0], "--resume")[0] == 0
    half = tmp_path / "half"
    shutil.copytree(other, half)
    for name in ("manifest.json", "scores.csv", "fits/rewired_types.npz"):
        (half / name).unlink()
    (half / WORK).mkdir(exist_ok=True)
    kept = (half / "fits" / "measured.npz").stat().st_mtime_ns
    code, said = asked("fit", source, "--out", half, "--set", SMALL[0], "--resume")
    assert code == 0, said
    assert (half / "fits" / "measured.npz").stat().st_mtime_ns == kept
    assert {name: (half / name).read_bytes() for name in before} == before


def test_what_needs_dynamics_is_refused_in_words(run, tmp_path):
    for words in (
        ("predict", run, "--stimulate", "pre0", "--out", tmp_path / "a.csv"),
        ("ablate", run, "--all-neurons", "--out", tmp_path / "a.csv"),
    ):
        code, said = asked(*words)
        assert code == 2
        assert "was fitted to orders of recruitment, which tell when motor neurons fire" in said
    code, said = command_line.command("insilico", "tune", run, "--out", tmp_path / "a.csv")
    assert code == 2
    assert "was fitted to orders of recruitment" in said
    np.savez(tmp_path / "lesions.npz", names=np.array(["a"]))
    code, said = asked("score", run, "--lesions", tmp_path / "lesions.npz")
    assert code == 2
    assert "of a run that was fitted to orders of recruitment" in said


def test_the_larva_is_asked_from_its_file_and_orders_without_a_rule_are_not_predicted(tmp_path):
    one = crawling(0, motor=12, premotor=50)
    order = np.stack([np.random.default_rng(seed).permutation(12) // 2 for seed in (1, 2)])  # 0: one has no place, and pairs share theirs
    code, said = asked(
        "fit", write_larva(tmp_path / "larva.h5", one, order=order), "--out", tmp_path / "run", "--set", SMALL[0], "--workers", 1
    )
    assert code == 0, said
    found = json.loads((tmp_path / "run" / "notes.json").read_text())
    assert not any("yes, the wiring predicts it" in sentence for sentence in found["found"])
    assert any("forward: 10 motor neurons are in 5 places" in note for note in found["notes"])
    table = pd.read_csv(tmp_path / "run" / "orders.csv")
    assert set(table["neuron"]) <= {f"MN{n}_a1" for n in range(12)}


def test_one_condition_is_noted_and_without_rewired_circuits_nothing_is_shown(tmp_path):
    table = order_table(planted())
    source = write_source(tmp_path / "one", table[table["crawl"] == "forward"])
    folder = run_motor(source, tmp_path / "run", ["permutations=60", "replicates=0"])
    said = json.loads((folder / "notes.json").read_text())
    assert "No circuit was rewired: replicates = 0." in said["notes"]
    assert "permuted identities" in set(pd.read_csv(folder / "scores.csv")["model"])
    assert len(said["found"]) == 1
    assert "not shown: above chance, but no circuit was rewired" in said["found"][0]
    assert any(note.startswith("One condition (forward)") for note in said["notes"])


@pytest.mark.parametrize("permutations", [0, 58])
def test_too_few_permutations_test_nothing(tmp_path, permutations):
    settings = ("--set", f"permutations={permutations}", "--set", "replicates=0", "--workers", 1)
    code, said = asked("fit", write_source(tmp_path / "source", order_table(planted())), "--out", tmp_path / "run", *settings)
    assert code == 0, said
    notes = json.loads((tmp_path / "run" / "notes.json").read_text())
    needed = "59 are needed for a p of 0.05 that is adjusted for 3 questions"
    untested = f"all conditions: not tested: permutations = {permutations}, and {needed}."
    assert notes["found"][0].startswith(f"Order in which motor neurons are recruited that no fit has seen, {untested}")
    assert f"permutations = {permutations}: a p of 0.05 needs 59, so that no answer can be yes." in notes["notes"]
    assert motor_page.parted(notes["found"][0])["badge"] == "not tested"
    assert "of 0 questions" not in (tmp_path / "run" / "report.html").read_text()


def test_three_questions_are_told_to_be_three_and_their_p_is_adjusted(run):
    table = pd.read_csv(run / "scores.csv")
    own = table[table["model"] == "circuit"].pivot(index="question", columns="metric", values=["p", "p_adj"])
    larger = own["p"].max(axis=1)
    assert (own["p_adj"]["spearman"] == own["p_adj"]["closeness"]).all()
    np.testing.assert_allclose(own["p_adj"]["spearman"], holm(larger.to_numpy()))
    said = json.loads((run / "notes.json").read_text())
    assert any(note.startswith("3 questions were asked, of all conditions together and of each") for note in said["notes"])
    assert all("; the larger p, adjusted for 3 questions 0.0" in sentence for sentence in said["found"] if ": yes" in sentence)
    differences = pd.read_csv(run / "differences.csv")
    worse = table.assign(p=0.03, p_adj=0.09).where(table["model"] == "circuit", table)
    assert all(
        "not shown: not surely above permuted identities (order p 0.030 and closeness of pairs p 0.030, adjusted for 3 questions 0.090)"
        in sentence
        for sentence in order_verdict(worse, differences)
    )


def test_a_condition_keeps_its_name_in_the_verdict_and_is_no_model(run):
    names = {"recruitment, forward": "recruitment, fwd: fast", "recruitment, backward": "recruitment, permuted identities"}
    tables = [pd.read_csv(run / name) for name in ("scores.csv", "differences.csv")]
    found = order_verdict(*(table.assign(question=table["question"].replace(names)) for table in tables))
    before = json.loads((run / "notes.json").read_text())["found"]
    asked_of = [motor_page.parted(sentence)["asked"].rpartition("seen, ")[2] for sentence in found]
    assert asked_of == ["all conditions", "'fwd: fast'", "'permuted identities'"]
    for part in ("kind", "why"):
        assert [motor_page.parted(sentence)[part] for sentence in found] == [motor_page.parted(sentence)[part] for sentence in before]
