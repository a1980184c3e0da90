"""Twins of several seeds, what they agree on, and the fingerprints in all that a twin makes, through the command line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graphtwin
from graphtwin.twin.runs import fit_twin, load_twin
from graphtwin.twin.runs.answering import warn_of_ridges
from tests.pipeline.test_twin import CORE, FAST, command, settings, write

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge", "few_stimuli")]


@pytest.fixture(scope="module")
def animal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("recordings") / "dynamic1-1-1-Video-00", 1, 8)


@pytest.fixture(scope="module")
def twins(animal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "three"
    assert "3 twins; `graphtwin twin agree" in command("train", animal, "--out", out, "--seeds", 3, "--threads", 1, *settings())
    return out


def same(one: Path, two: Path) -> bool:
    return (one / "twin.pt").read_bytes() == (two / "twin.pt").read_bytes()


def test_twins_of_several_seeds_are_those_of_each_seed_alone(animal: Path, twins: Path, tmp_path: Path):
    assert sorted(path.name for path in twins.iterdir()) == ["seed-0", "seed-1", "seed-2"]
    alone = fit_twin([animal], tmp_path / "alone", [*FAST, CORE], seed=1, threads=1)
    assert alone.folder == tmp_path / "alone"
    assert same(alone.folder, twins / "seed-1")
    assert not same(twins / "seed-0", twins / "seed-1")


def test_twins_are_scored_together_where_they_were_trained_on_the_same_trials(animal: Path, twins: Path, tmp_path: Path):
    said = command("score", twins, animal, "--out", tmp_path / "x.csv", "--left-out-s", 0.5).replace("\n", " ")
    assert re.search(r"[12] of 3 twins .* were trained on other trials", said)
    for number in (0, 1):
        shutil.copytree(twins / "seed-0", tmp_path / "two" / f"seed-{number}")
    assert "mean of 2 twins" in command("score", tmp_path / "two", animal, "--out", tmp_path / "two.csv", "--left-out-s", 0.5)
    command("score", twins / "seed-0", animal, "--out", tmp_path / "one.csv", "--left-out-s", 0.5)
    one, two = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, rtol=1e-5)


def test_a_killed_training_of_several_seeds_goes_on_to_the_same_weights(animal: Path, twins: Path, tmp_path: Path, monkeypatch):
    def killed(*given: object) -> None:
        raise OSError("killed")

    words = ["train", animal, "--out", tmp_path / "x", "--seeds", 3, "--threads", 1, *settings()]
    train = graphtwin.twin.runs.trainings.fit_twin
    with monkeypatch.context() as stopping:  # after the second twin's fit, before its folder is finished
        stopping.setattr(
            "graphtwin.twin.runs.trainings.fit_twin",
            lambda recordings, out, *given: (
                stopping.setattr("graphtwin.twin.fitting.write_twin", killed) if out.name == "seed-1" else None,
                train(recordings, out, *given),
            ),
        )
        assert "killed" in command(*words)
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["seed-0", "seed-1"]
    assert "a twin is already there" in command(*words)
    assert "seed-0: cannot go on with other arguments: minutes was all, is 0.1" in command(*words, "--resume", "--minutes", 0.1)
    assert "begun with other settings" in command(*words, "--resume", "--set", "left_out_s=0.1")
    assert "3 twins" in command(*words, "--resume")
    assert all(same(twins / f"seed-{seed}", tmp_path / "x" / f"seed-{seed}") for seed in range(3))


def test_several_twins_go_into_no_folder_of_one_and_a_command_that_takes_one_names_them(animal: Path, twins: Path, tmp_path: Path):
    said = command("train", animal, "--out", twins / "seed-0", "--seeds", 2, "--threads", 1, *settings())
    assert "seed-0: is a functional twin, and 2 twins go into folders inside of --out" in said
    said = command("embed", twins, "--out", tmp_path / "e.parquet")
    assert "holds 3 folders of what is needed (seed-0, seed-1, seed-2). Give one of them" in said


def test_twins_are_certified_on_every_quantity_and_the_twins_are_named(animal: Path, twins: Path, tmp_path: Path):
    said = command("agree", twins, "--recording", animal, "--out", tmp_path / "a.csv")
    assert "3 twins, 8 units" in said
    assert "units are not to be taken to an experiment" in said
    table = pd.read_csv(tmp_path / "a.csv")
    assert table.groupby("quantity").size().to_dict() == dict.fromkeys(graphtwin.twin.agreement.QUANTITIES, 8)
    assert table["note"].notna().equals(table["flagged"])
    assert table["caveat"].notna().equals(table["quantity"] == "rf_position")
    made = json.loads((tmp_path / "a.csv.made.json").read_text())
    fingerprints = [json.loads((twins / f"seed-{seed}" / "fingerprint.json").read_text()) for seed in range(3)]
    assert list(made["twins"].values()) == fingerprints
    assert len({told["twin"] for told in fingerprints}) == 3


def test_copies_agree_exactly_and_are_said_to_be_copies(twins: Path, tmp_path: Path, caplog):
    copy = shutil.copytree(twins / "seed-0", tmp_path / "copy")
    found = graphtwin.twin.agree([twins / "seed-0", copy])
    assert (found.units["agreement"].dropna() == 1).all()
    assert "2 twins are 1: copies of one agree, and that says nothing" in caplog.text
    assert found.untold == {"predicted_response": "no recording was given, whose held-out trials would be predicted"}


def test_what_twins_have_of_the_same_ridge_is_said_beside_their_agreement(twins: Path, caplog):
    fits = [load_twin(twins / f"seed-{seed}") for seed in (0, 1)]
    for share, fitted in zip((0.0, 0.4), fits, strict=True):
        fitted.twin.animal("dynamic1-1-1-Video-00").ridge.share.fill_(share)
    warn_of_ridges(fits)
    assert not caplog.text
    fits[0].twin.animal("dynamic1-1-1-Video-00").ridge.share.fill_(0.6)
    warn_of_ridges(fits[:1])
    assert not caplog.text
    warn_of_ridges(fits)
    assert "dynamic1-1-1-Video-00: 40 % of the answers of all 2 twins and more are of the ridge" in caplog.text


def test_twins_of_other_animals_are_refused_in_words(twins: Path, tmp_path: Path):
    other = write(tmp_path / "dynamic2-1-1-Video-00", 2, 8)
    run = fit_twin([other], tmp_path / "other", [*FAST, CORE], threads=1).folder
    said = command("agree", twins / "seed-0", run, "--out", tmp_path / "a.csv").replace("\n", " ")
    assert "lacks dynamic1-1-1-Video-00 and has dynamic2-1-1-Video-00 as well" in said
    assert "agreement is between two or more" in command("agree", run, "--out", tmp_path / "a.csv").replace("\n", " ")


def test_all_that_a_twin_makes_names_it_and_tables_of_two_are_refused_together(animal: Path, twins: Path, tmp_path: Path):
    told = [json.loads((twins / f"seed-{seed}" / "fingerprint.json").read_text()) for seed in (0, 1)]
    np.save(tmp_path / "clips.npy", np.random.default_rng(0).uniform(0, 255, (2, 80, 16, 24)).astype(np.float32))
    np.save(tmp_path / "movie.npy", np.full((30, 16, 24), 128.0))
    one = twins / "seed-0"
    for words in (
        ("embed", one, "--out", tmp_path / "e.csv"),
        ("tune", one, "--out", tmp_path / "t.csv"),
        ("correlate", one, "--stimulus", tmp_path / "clips.npy", "--out", tmp_path / "c.npy"),
        ("score", one, animal, "--left-out-s", 0.5, "--out", tmp_path / "s.csv"),
        ("predict", one, "--stimulus", tmp_path / "movie.npy", "--out", tmp_path / "p.npy"),
        ("embed", twins / "seed-1", "--out", tmp_path / "other.csv"),
    ):
        assert "exit 0" in command(*words, family="insilico" if words[0] in ("tune", "correlate") else "twin")
    for name in ("e.csv", "t.csv", "c.ids.csv", "s.csv"):
        assert pd.read_csv(tmp_path / name)[["twin", "twin_core"]].drop_duplicates().to_dict("records") == [told[0]]
    made = json.loads((tmp_path / "p.npy.made.json").read_text())
    assert {name: made[name] for name in ("twin", "twin_core", "animal")} == told[0] | {"animal": animal.name}
    mixed = pd.concat([pd.read_csv(tmp_path / "e.csv").head(5), pd.read_csv(tmp_path / "other.csv").tail(3)])
    units = pd.read_csv(tmp_path / "e.csv")[["session", "scan_idx", "unit_id"]].assign(nucleus_id=np.arange(8) + 1)
    with pytest.raises(ValueError, match=rf"8 rows are of 2 twins.*5 of {told[0]['twin']} \(core .*3 of {told[1]['twin']}"):
        graphtwin.tuning.check_embeddings(mixed.drop(columns="animal"), units, "mixed.csv")


def test_predictions_beside_the_name_of_their_twin_are_scored_under_it_unless_they_changed(animal: Path, twins: Path, tmp_path: Path):
    recording = graphtwin.sources.open_recording(animal)
    rows = np.flatnonzero(recording.trials["tier"] == "oracle")
    name = tmp_path / "p.npy"
    np.save(name, np.random.default_rng(0).uniform(0.1, 1, (len(rows), 80, 8)))
    made = {"twin": "t0", "twin_core": "c0", "animal": animal.name, "sha256": graphtwin.artifacts.sha256(name)}
    words = ("score", animal, "--predictions", name, "--tier", "oracle", "--left-out-s", 0.5, "--out", tmp_path / "s.csv", "--force")
    assert "exit 0" in command(*words)
    assert "twin" not in pd.read_csv(tmp_path / "s.csv")
    beside = tmp_path / "p.npy.made.json"
    beside.write_text(json.dumps(made))
    assert "exit 0" in command(*words)
    assert set(pd.read_csv(tmp_path / "s.csv")["twin"]) == {"t0"}
    for changed, why in (
        ({"animal": "dynamic9"}, "predictions of dynamic9 by twin t0, but the recording is dynamic1-1-1-Video-00"),
        ({"sha256": "0"}, "is not as twin t0 predicted it"),
        ({"twin_core": None, "animal": 3}, "predictions of 3"),
    ):
        beside.write_text(json.dumps(made | changed))
        assert why in command(*words).replace("\n", " ")
    beside.write_text("{}")
    assert "does not say which twin made p.npy" in command(*words).replace("\n", " ")
    assert load_twin(twins / "seed-0").animals.keys() == {animal.name}
