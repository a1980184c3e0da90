"""The commands of in silico experiments on one twin, on twins of several seeds, and on a twin of pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graphtwin
from graphtwin.insilico.campaign import read_answers, read_cells
from graphtwin.insilico.stimuli import from_toml
from graphtwin.schema import IMAGED_AT
from graphtwin.twin.runs import fit_twin, fit_twins, load_twin, next_stimuli
from tests.pipeline.test_twin import CORE, FAST, write, write_pictures
from tests.pipeline.test_twin import command as any_command
from tests.report.form import require_form

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge", "few_stimuli")]
KEYS = ["session", "scan_idx", "unit_id", "animal"]


def command(*words: object) -> str:
    return any_command(*words, family="insilico").replace("\n", " ")


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("recordings")
    return [write(place / f"dynamic{number}-1-1-Video-00", number, units) for number, units in ((1, 5), (2, 4))]


@pytest.fixture(scope="module")
def twins(animals: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two twins of two animals."""
    out = tmp_path_factory.mktemp("runs") / "two"
    fit_twins(animals, out, 2, [*FAST, CORE], threads=1)
    return out


def test_tuning_of_one_twin_has_units_in_its_names_and_names_the_twin(twins: Path, tmp_path: Path):
    run = twins / "seed-0"
    assert "9 units; medians over" in command("tune", run, "--out", tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table)[:4] == KEYS
    assert {"orientation_deg", "direction_deg", "orientation_q", "spatial_frequency_cpd", "temporal_frequency_hz", "f1_f0"} <= set(table)
    assert not [name for name in table if name.endswith("_spread")]
    assert table[IMAGED_AT].notna().all(axis=None)  # the recordings say where their units lie
    assert table[["twin", "twin_core"]].drop_duplicates().to_dict("records") == [json.loads((run / "fingerprint.json").read_text())]
    one = command("tune", run, "--animal", "dynamic2-1-1-Video-00", "--what", "latency", "--out", tmp_path / "l.parquet")
    assert "4 units; medians" in one
    assert list(pd.read_parquet(tmp_path / "l.parquet")) == [*KEYS, *IMAGED_AT, "latency_s", "time_to_peak_s", "twin", "twin_core"]
    assert "'dynamic2' is none of 2" in command("tune", run, "--animal", "dynamic2", "--out", tmp_path / "n.csv")
    assert "state names 'runing'" in command("tune", run, "--state", "runing=1", "--out", tmp_path / "n.csv")
    state = command("tune", run, "--what", "latency", "--state", "running=2", "--out", tmp_path / "s.csv")
    assert "exit 0" in state
    assert {"gain", "shift", "orientation_change_deg"} <= set(pd.read_csv(tmp_path / "s.csv"))


def test_several_twins_answer_together_and_each_number_has_their_spread(twins: Path, tmp_path: Path):
    assert "exit 0" in command("tune", twins, "--what", "latency", "--out", tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table) == [
        *KEYS, *IMAGED_AT, "latency_s", "latency_s_spread", "time_to_peak_s", "time_to_peak_s_spread", "twin", "twin_core",
    ]  # fmt: skip
    members = [graphtwin.twin.tune(twins / f"seed-{seed}", ("latency",))["latency_s"] for seed in (0, 1)]
    np.testing.assert_allclose(table["latency_s_spread"], np.std(members, axis=0, ddof=1), atol=1e-6)
    told = [json.loads((twins / f"seed-{seed}" / "fingerprint.json").read_text()) for seed in (0, 1)]
    assert set(table["twin"]) == {f"{told[0]['twin']}+{told[1]['twin']}"}


def test_fields_of_units_are_counted(twins: Path, tmp_path: Path):
    said = command("fields", twins / "seed-0", "--animal", "dynamic1-1-1-Video-00", "--out", tmp_path / "f.csv")
    table = pd.read_csv(tmp_path / "f.csv")
    assert f"{table['field_x_deg'].notna().sum()} of 5 units have a field" in said
    assert {"field_y_deg", "field_sd_major_deg", "field_angle_deg", "twin"} <= set(table)


def test_correlations_of_several_twins_are_of_their_mean_with_their_spread_beside(twins: Path, animals: list[Path], tmp_path: Path):
    np.save(tmp_path / "clips.npy", np.random.default_rng(0).uniform(0, 255, (2, 80, 16, 24)).astype(np.float32))
    words = ("correlate", twins, "--stimulus", tmp_path / "clips.npy", "--out", tmp_path / "c.npy")
    assert "9 x 9 units, responses in 6 bins" in command(*words)
    each = []
    for seed in (0, 1):
        graphtwin.twin.correlate(twins / f"seed-{seed}", tmp_path / "clips.npy", tmp_path / f"{seed}.npy")
        each.append(np.load(tmp_path / f"{seed}.npy"))
    np.testing.assert_allclose(np.load(tmp_path / "c_spread.npy"), np.std(each, axis=0, ddof=1), atol=1e-5)
    assert not (tmp_path / "0_spread.npy").exists()
    assert "c.npy: exists" in command(*words)
    alike = (*words[:-1], tmp_path / "alike.parquet", "--neighbours", "3", "--state", "running=5")
    assert "the most alike of 9 units" in command(*alike)
    table = pd.read_parquet(tmp_path / "alike.parquet")
    assert table.groupby(KEYS).size().tolist() == [3] * 9
    assert {"animal", "rank", "neighbour_unit_id", "neighbour_animal", "correlation", "correlation_spread", "twin"} <= set(table)
    command(*words[:-1], tmp_path / "running.npy", "--state", "running=5")
    running = np.sort(np.load(tmp_path / "running.npy") - 2 * np.eye(9), axis=1)[:, :-4:-1]
    np.testing.assert_allclose(table["correlation"].to_numpy().reshape(9, 3), running, atol=1e-6)
    assert "signal correlations need no recording" in command(*words[:-1], tmp_path / "n.npy", "--recording", animals[0])


def test_control_writes_a_set_that_names_who_is_driven_and_held_and_is_judged_on_other_twins(twins: Path, tmp_path: Path, caplog):
    name, few = "dynamic1-1-1-Video-00", ("--set", "steps=2", "--set", "starts=2", "--set", "duration_s=0.4")
    units = graphtwin.twin.tune(twins / "seed-0", ("latency",), animal=name)[KEYS[:3]]
    for file, rows in (("d", [0]), ("h", [1, 2]), ("both", [0, 1]), ("none", []), ("all", range(5))):
        units.iloc[list(rows)].to_csv(tmp_path / f"{file}.csv", index=False)
    units.assign(unit_id=99).head(1).to_csv(tmp_path / "unknown.csv", index=False)
    words = ("control", twins / "seed-0", "--drive", tmp_path / "d.csv", "--animal", name, *few)
    for held, told in {
        "both": "both.csv: 1 of 2 units are among those that",
        "unknown": "unknown.csv: 1 of 1 units are not among the 5 of dynamic1-1-1-Video-00",
        "none": "none.csv: the table has no rows",
    }.items():
        assert told in command(*words, "--hold", tmp_path / f"{held}.csv", "--out", tmp_path / "refused")
    assert "drives all 5 units" in command(*words[:2], "--drive", tmp_path / "all.csv", "--animal", name, "--out", tmp_path / "refused")
    assert "has 2 animals" in command(*words[:4], "--out", tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    more = ("--hold", tmp_path / "h.csv", "--verify", twins, "--repeats", "2", "--out", tmp_path / "set")
    said = command(*words, *more)
    assert "2 stimuli;" in said
    text = (tmp_path / "set" / "report.html").read_text()
    require_form(text)
    assert all(part in text for part in ("2 optimised stimuli of dynamic1-1-1-Video-00", "data:image/png", "driving, verified on"))
    assert "verified on dynamic1-1-1-Video-00, control: driven units" in said
    assert "is one that stimuli are made on; ranking on it verifies nothing" in caplog.text
    judged = pd.read_csv(tmp_path / "set" / "control.csv")
    assert judged["asked"].tolist() == ["made on", "verified on"] * 2
    assert judged["objective"].tolist() == ["control"] * 2 + ["driving"] * 2
    assert pd.read_csv(tmp_path / "set" / "groups.csv")["group"].tolist() == ["driven", "held", "held"]
    assert (tmp_path / "set" / "contact_sheet.png").stat().st_size > 1000


def test_a_campaign_on_several_twins_keeps_the_spread_of_each_cell(twins: Path, tmp_path: Path):
    (tmp_path / "c.toml").write_text(
        "[[stimuli]]\nkind = 'drifting_grating'\ncycles_per_degree = 0.01\nduration_s = 1.0\nseries = {direction_deg = [0.0, 90.0]}"
    )
    for run in (twins, twins / "seed-0", twins / "seed-1"):
        assert "exit 0" in command("campaign", run, tmp_path / "c.toml", "--out", tmp_path / run.name)
    name = "dynamic1-1-1-Video-00"
    both, *each = (read_answers(tmp_path / run, name, "rest") for run in (twins.name, "seed-0", "seed-1"))
    assert both.shape == (2, 5)
    np.testing.assert_allclose(both, np.mean(each, axis=0), rtol=1e-5)
    spread = read_answers(tmp_path / twins.name, name, "rest", column="mean_spread")
    np.testing.assert_allclose(spread, np.std(each, axis=0, ddof=1), rtol=1e-3, atol=1e-6)
    assert "mean_spread" not in read_cells(tmp_path / "seed-0")


def test_a_twin_of_pictures_has_orientations_by_gratings_that_stand_still(tmp_path: Path):
    pictures = write_pictures(tmp_path / "static3-1-1")
    run = fit_twin([pictures], tmp_path / "still", [*FAST, CORE], threads=1).folder
    assert "6 units" in command("tune", run, "--out", tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert "orientation_deg" in table
    assert "direction_deg" not in table
    assert "single pictures have no latency" in command("tune", run, "--what", "latency", "--out", tmp_path / "l.csv")


def shared(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let twins that `next` loads leave a share of the prediction to their ridge."""
    from graphtwin.twin.runs import next_stimuli as room

    def loaded(run: Path):
        fitted = load_twin(run)
        for name in fitted.animals:
            fitted.twin.animal(name).ridge.share.fill_(share)
        return fitted

    monkeypatch.setattr(sys.modules[room.__module__], "load_twin", loaded)


def test_stimuli_to_show_next_are_chosen_and_saved_to_be_shown(twins: Path, animals: list[Path], tmp_path: Path, monkeypatch):
    shared(0.0, monkeypatch)
    (tmp_path / "films.toml").write_text(
        "[[stimulus]]\nkind = 'drifting_grating'\ncycles_per_degree = 0.01\nduration_s = 1.0\nseries = {contrast = [0.01, 0.5, 1.0]}\n"
        "[[stimulus]]\nkind = 'static_grating'\ncycles_per_degree = 0.01\nduration_s = 1.0\nseries = {orientation_deg = [0.0, 60.0]}"
    )
    words = ("next", twins / "seed-0", "--recording", animals[0], "--candidates", tmp_path / "films.toml")
    assert "stimuli: 3 of 5 are expected to tell" in command(*words, "--budget", 3, "--out", tmp_path / "n.csv")
    table = pd.read_csv(tmp_path / "n.csv")
    assert list(table) == [
        "order", "candidate", "stimulus", "duration_s", "twin", "twin_core", "information_bits", "alone_bits", "total_bits",
    ]  # fmt: skip
    films = from_toml((tmp_path / "films.toml").read_text())
    assert from_toml((tmp_path / "n.toml").read_text()) == [films[at] for at in table["candidate"]]
    assert table["alone_bits"][0] == table["information_bits"][0]
    assert (table["information_bits"][1:] <= table["alone_bits"][1:] + 1e-9).all()
    assert 0 not in table["candidate"].to_list()  # hardly any contrast
    found = next_stimuli(twins / "seed-0", animals[0], tmp_path / "films.toml", 3)
    assert found.experiments.total_bits > found.experiments.random_bits[0]
    assert found.n_units == 5
    again = next_stimuli(twins / "seed-0", animals[0], tmp_path / "films.toml", 9, repeats=True)
    assert len(again.experiments.table) == 9
    assert "from 1 to 5" in command(*words, "--budget", 9, "--out", tmp_path / "m.csv")


def test_the_stimuli_that_next_saves_replace_no_candidates_and_no_other_file(twins: Path, animals: list[Path], tmp_path: Path):
    given, other = tmp_path / "films.toml", tmp_path / "other.toml"
    given.write_text("[[stimulus]]\nkind = 'drifting_grating'\ncycles_per_degree = 0.01\nduration_s = 1.0\n")
    other.write_text("mine = 1\n")
    before = given.read_bytes()
    words = ("next", twins / "seed-0", "--recording", animals[0], "--candidates", given, "--budget", 1)
    assert "films.toml: is read by this command" in command(*words, "--force", "--out", tmp_path / "films.csv")
    assert "other.toml: exists, and nothing is written over" in command(*words, "--out", tmp_path / "other.csv")
    assert (given.read_bytes(), other.read_text()) == (before, "mine = 1\n")
    assert not list(tmp_path.glob("*.csv"))


def test_films_that_were_trained_on_or_do_not_fit_are_no_candidates(twins: Path, animals: list[Path], tmp_path: Path, monkeypatch):
    shared(0.0, monkeypatch)
    run, out = twins / "seed-0", tmp_path / "n.csv"
    shown = next_stimuli(run, animals[0], animals[0], 2).experiments
    assert shown.candidates == 2  # five of training are left out
    assert next_stimuli(run, animals[0], animals[0], 2, repeats=True).experiments.candidates == 7
    for name, shape, said in (
        ("size", (2, 40, 9, 9), "size.npy, number 0: shape (40, 9, 9), but the twin sees (frames, 16, 24)"),
        ("short", (2, 4, 16, 24), "2 of 2 tell nothing of any unit"),
    ):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32))
        words = ("next", run, "--recording", animals[0], "--candidates", tmp_path / f"{name}.npy", "--budget", 1, "--out", out)
        assert said in command(*words)
    (tmp_path / "fast.toml").write_text("[[stimulus]]\nkind = 'blank'\n[[stimulus]]\nkind = 'drifting_grating'\ncycles_per_second = 40.0\n")
    fast = command("next", run, "--recording", animals[0], "--candidates", tmp_path / "fast.toml", "--budget", 1, "--out", out)
    assert f"fast.toml: stimulus 1 of 2 to {animals[0].name}: drifting_grating: " in fast
    assert not out.exists()
    shared(1.0, monkeypatch)
    with pytest.raises(ValueError, match="all of the prediction is left to the ridge"):
        next_stimuli(run, animals[0], animals[0], 2)
