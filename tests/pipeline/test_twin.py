from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import graphtwin
from graphtwin.cli.app import app
from graphtwin.cli.scored import medians, say_population
from graphtwin.kinds import TWIN, write_kind
from graphtwin.sources.doors import open_recording, with_tiers
from graphtwin.twin.runs.in_silico import stimulus_clips
from tests.twin.planted_recording import plant

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge", "few_stimuli")]


ROOT = Path(__file__).resolve().parents[2]
FAST = ["steps=3", "windows=2", "window_s=0.8", "left_out_s=0.2", "fit.epochs=2"]
CORE = 'twin.core={kind="recurrent", first=6, hidden=8, blocks=1, features=8}'


def write(folder: Path, seed: int = 0, units: int = 7) -> Path:
    """A planted recording in the layout of the 2023 release."""
    planted = plant(units=units, train=5, test=2, repeats=3, frames=80, seed=seed)
    for row, trial in enumerate(planted.trials):
        arrays = {"videos": np.moveaxis(trial.video, 0, -1), "responses": trial.responses.T}
        arrays |= {"behavior": trial.behaviour.T, "pupil_center": trial.eye_position.T}
        for kind, values in arrays.items():
            path = folder / "data" / kind / f"{row}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.ascontiguousarray(values))
    tiers = planted.recording.trials["tier"].replace("test", "oracle").to_numpy(str)
    place = planted.recording.units[["x_um", "y_um", "z_um"]].to_numpy()
    for name, values in {"trials/tiers": tiers, "neurons/unit_ids": np.arange(units) + 1, "neurons/cell_motor_coordinates": place}.items():
        path = folder / "meta" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, values)
    return folder


def command(*words: object, family: str = "twin") -> str:
    """Run the command line; its output, or the message of its error."""
    done = CliRunner().invoke(app, [family, *map(str, words)])
    assert done.exit_code in (0, 2), done.output
    return f"exit {done.exit_code}: {done.output}"


def settings(*more: str) -> list[str]:
    return [word for setting in (*FAST, CORE, *more) for word in ("--set", setting)]


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("recordings")
    return [write(folder / f"dynamic{seed}-1-{seed}-Video-00", seed, 7 + seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def run(animals: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "core"
    assert command("train", animals[0], "--out", out, "--threads", 1, *settings()).startswith("exit 0")
    return out


def test_train_score_predict_and_embed_write_what_they_promise(animals: list[Path], run: Path, tmp_path: Path):
    assert sorted(path.name for path in run.iterdir()) == [
        "config.toml",
        "fingerprint.json",
        "history.csv",
        "kind.json",
        "manifest.json",
        "provenance.json",
        "twin.pt",
    ]
    said = command("score", run, animals[0], "--out", tmp_path / "s.csv", "--left-out-s", 20 / 30)
    scores = pd.read_csv(tmp_path / "s.csv")
    known = scores[["cc_abs", "cc_norm"]].notna().sum()
    assert re.search(r"8 units, 2 stimuli shown 3 times; medians.*cc_abs.*; over fewer than 5 stimuli a correlation says little", said)
    assert re.search(
        rf"video \(2 stimuli shown 3 times, trained on others\): cc_norm \S+ \[.*\] of {known['cc_norm']} units, \S+ bits of 8", said
    )
    assert {"unit_id", "single_trial_correlation", "cc_abs", "cc_max", "cc_norm", "feve", "cc_norm_low"} <= set(scores)
    assert "8 units" in command("embed", run, "--out", tmp_path / "e.parquet")
    table = pd.read_parquet(tmp_path / "e.parquet")
    assert {"session", "scan_idx", "unit_id", "embedding_0", "embedding_7", "rf_x", "gain"} <= set(table)
    np.save(tmp_path / "movie.npy", np.full((310, 16, 24), 128.0))
    assert "310 frames, 8 units" in command("predict", run, "--stimulus", tmp_path / "movie.npy", "--out", tmp_path / "r.npy")
    responses = np.load(tmp_path / "r.npy")
    assert (responses > 0).all()
    assert responses[-1] == pytest.approx(responses[295], rel=0.1)  # a still scene; frame 300 begins the second piece


def test_a_new_animal_is_fitted_onto_the_core_as_it_is(animals: list[Path], run: Path, tmp_path: Path):
    from graphtwin.twin.runs.twin_folder import load_twin

    said = command("transfer", run, animals[1], "--out", tmp_path / "new", "--minutes", 0.1, "--threads", 1)
    assert "exit 0" in said
    assert "neighbours in cortex are not asked" not in said
    cores = [load_twin(folder).twin.core.state_dict() for folder in (run, tmp_path / "new")]
    assert all((cores[0][name] == value).all() for name, value in cores[1].items())
    assert "not an animal of this twin" in command("score", run, animals[1], "--out", tmp_path / "s.csv")


def of_an_earlier_version(run: Path, folder: Path, from_cortex: bool) -> Path:
    """The twin of a folder as versions wrote it that had a setting more, and two less."""
    earlier = Path(shutil.copytree(run, folder))
    told = (earlier / "config.toml").read_text().replace("location = true\n", "").replace("feature_gains = true\n", "")
    assert "location" not in told
    assert "feature_gains" not in told
    told = told.replace("[twin]\n", f"[twin]\nposition_from_cortex = {str(from_cortex).lower()}\n")
    (earlier / "config.toml").write_text(told)
    return earlier


def test_a_core_of_before_location_is_kept_for_new_animals_and_its_folder_gone_on_with(animals: list[Path], run: Path, tmp_path: Path):
    earlier = of_an_earlier_version(run, tmp_path / "earlier", from_cortex=False)
    said = command("transfer", earlier, animals[1], "--out", tmp_path / "new", "--minutes", 0.1, "--threads", 1).replace("\n", " ")
    assert "exit 0" in said
    assert f"neighbours in cortex are not asked about the units of {animals[1].name} either" in said
    assert f"behaviour changes gains of the units of {animals[1].name}, and not what they prefer" in said
    again = command("train", animals[0], "--out", earlier, "--resume", "--threads", 1, *settings())
    assert "different now: " in again
    assert "location was false, is true" in again
    assert "twin.core.feature_gains was false, is true" in again
    other = of_an_earlier_version(run, tmp_path / "other", from_cortex=True)
    words = "config.toml: twin.position_from_cortex is true: its units look where a function of their place in cortex put them"
    assert words in command("transfer", other, animals[1], "--out", tmp_path / "none")
    assert words in command("train", animals[0], "--out", other, "--resume", *settings())


def test_a_stated_monitor_is_kept_by_the_run_and_stamped_into_its_embeddings(animals: list[Path], tmp_path: Path):
    stated = settings("monitor.width_cm=60", "monitor.height_cm=34", "monitor.distance_cm=25")
    assert "exit 0" in command("train", animals[0], "--out", tmp_path / "lab", "--threads", 1, *stated)
    said = {"lab": (60.0, 34.0, 25.0), "same": (60.0, 34.0, 25.0), "other": (50.0, 30.0, 20.0)}
    for name, words in {"same": (), "other": ("--monitor", 50, 30, 20)}.items():
        new = tmp_path / name
        assert "exit 0" in command("transfer", tmp_path / "lab", animals[1], "--out", new, "--minutes", 0.1, "--threads", 1, *words)
    for name, numbers in said.items():
        command("embed", tmp_path / name, "--out", tmp_path / f"{name}.csv")
        found = pd.read_csv(tmp_path / f"{name}.csv")[["monitor_width_cm", "monitor_height_cm", "monitor_distance_cm"]]
        assert {tuple(row) for row in found.to_numpy().tolist()} == {numbers}
    wrong = command("transfer", tmp_path / "lab", animals[1], "--out", tmp_path / "x", "--monitor", 60, 34, 0)
    assert "--monitor: 1 setting is wrong: distance_cm = 0.0: give more than 0" in wrong


def test_folders_in_use_and_wrong_input_are_refused_in_words(animals: list[Path], run: Path, tmp_path: Path):
    assert "a twin is already there" in command("train", animals[0], "--out", run, *settings())
    wrong = command("train", animals[0], "--out", tmp_path / "x", "--set", "fit.epochs=0")
    assert "configuration: 1 setting is wrong: --set fit.epochs = 0: give 1 or more, or leave it out\n" in wrong
    assert "unknown key" in command("train", animals[0], "--out", tmp_path / "x", "--set", "step=3")
    assert "neither this folder nor" in command("train", tmp_path / "none", "--out", tmp_path / "y", *settings())
    assert not (tmp_path / "y").exists()  # the same command with the right path may write there
    np.save(tmp_path / "movie.npy", np.zeros((5, 8, 8)))
    assert "but the twin sees (frames, 16, 24)" in command(
        "predict", run, "--stimulus", tmp_path / "movie.npy", "--out", tmp_path / "r.npy"
    )
    np.save(tmp_path / "movie.npy", np.full((5, 16, 24), np.nan))
    assert "5 of 5 frames have NaN" in command("predict", run, "--stimulus", tmp_path / "movie.npy", "--out", tmp_path / "r.npy")
    write_kind(tmp_path / "begun", TWIN)
    (tmp_path / "begun" / "config.toml").write_text("steps = 9\n")
    assert "--resume" in command("train", animals[0], "--out", tmp_path / "begun", *settings())
    assert "begun with other settings" in command("train", animals[0], "--out", tmp_path / "begun", "--resume", *settings())


def test_a_stopped_training_goes_on_with_the_arguments_it_was_begun_with_alone(
    animals: list[Path], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object) -> None:
        raise OSError("stopped")

    words = ["train", animals[0], "--out", tmp_path / "x", "--threads", 1, *settings()]
    with monkeypatch.context() as stopping:
        stopping.setattr("graphtwin.twin.fitting.write_twin", stop)
        assert "stopped" in command(*words)
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["config.toml", "kind.json", "provenance.json", "work"]
    refused = "cannot go on with other arguments: "
    assert f"{refused}seed was 0, is 1. Give the same" in command(*words, "--resume", "--seed", 1)
    assert f"{refused}minutes was all, is 0.5" in command(*words, "--resume", "--minutes", 0.5)
    assert f"{animals[1].name} was not given, is 11 trials, 9 units" in command(*words, animals[1], "--resume")
    (tmp_path / "x" / "work" / "fit.pt").unlink()  # a training that was stopped before its first epoch
    assert "seed was 0, is 1" in command(*words, "--resume", "--seed", 1)
    assert "exit 0" in command(*words, "--resume")
    for name in ("twin.pt", "history.csv", "config.toml"):
        assert (tmp_path / "x" / name).read_bytes() == (run / name).read_bytes()


def test_a_training_goes_on_with_the_threads_it_was_begun_with_and_the_recording_as_it_was(animals: list[Path], tmp_path: Path):
    words = ["train", animals[0], "--out", tmp_path / "x", "--threads", 1, *settings()]
    assert "exit 0" in command(*words)
    (tmp_path / "x" / "manifest.json").unlink()  # as if killed before its end
    assert "threads was 1, is 2. Give the same" in command(*words, "--resume", "--threads", 2)
    other = Path(shutil.copytree(animals[0], tmp_path / animals[0].name))
    values = np.load(other / "data" / "responses" / "10.npy")
    np.save(other / "data" / "responses" / "10.npy", values + 1)
    assert "cannot go on with other arguments" in command("train", other, *words[2:], "--resume")
    assert "exit 0" in command(*words, "--resume")


def test_a_byte_of_a_twin_that_was_changed_is_found(animals: list[Path], run: Path, tmp_path: Path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    weights = bytearray((copy / "twin.pt").read_bytes())
    weights[len(weights) // 2] ^= 1
    (copy / "twin.pt").write_bytes(weights)
    said = command("embed", copy, "--out", tmp_path / "e.parquet")
    assert said.startswith("exit 2")
    assert "not as they were written" in said or "damaged" in said


def test_a_transfer_that_goes_on_keeps_the_core_it_was_begun_with(animals: list[Path], run: Path, tmp_path: Path):
    new = ["--out", tmp_path / "new", "--threads", 1]
    assert "exit 0" in command("transfer", run, animals[1], *new)
    (tmp_path / "new" / "manifest.json").unlink()  # as if killed before its end
    assert "exit 0" in command("train", animals[0], "--out", tmp_path / "other", "--threads", 1, "--seed", 1, *settings())
    assert "core was " in command("transfer", tmp_path / "other", animals[1], *new, "--resume")


def test_without_tiers_repeated_stimuli_are_kept_for_scoring(animals: list[Path]):
    recording = open_recording(animals[0])
    assert with_tiers(recording) is recording
    bare = replace(recording, trials=recording.trials.assign(tier="", stimulus=["a"] * 4 + list("bcdefgh")))
    assert with_tiers(bare).trials["tier"].tolist() == ["oracle"] * 4 + ["train"] * 7


def test_tables_that_cannot_hold_what_is_asked_are_refused_in_words(animals: list[Path], run: Path, tmp_path: Path):
    assert "responses are vectors" in command("embed", run, "--stimulus", animals[0], "--out", tmp_path / "e.csv")
    assert "Name a .npy or .parquet file" in command(
        "correlate", run, "--stimulus", animals[0], "--out", tmp_path / "c.csv", family="insilico"
    )
    np.save(tmp_path / "small.npy", np.zeros((80, 8, 8)))
    assert "but the twin sees (frames, 16, 24)" in command(
        "correlate", run, "--stimulus", tmp_path / "small.npy", "--out", tmp_path / "c.npy", family="insilico"
    )
    (tmp_path / "torn.npy").write_bytes((tmp_path / "small.npy").read_bytes()[:300])
    (tmp_path / "words.npy").write_text("no numbers")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    for name, why in {
        "torn.npy": "is cut short",
        "words.npy": "no .npy file of numbers",
        "objects.npy": "no .npy file of numbers",
        "none.npy": "no such file",
        "": "is a folder. Give an .npy file",
    }.items():
        assert why in command("predict", run, "--stimulus", tmp_path / name, "--out", tmp_path / "c.npy").replace("\n", " ")
    assert not list(tmp_path.glob("c.npy*"))


def test_medians_on_the_screen_say_over_how_many_units_they_are():
    table = pd.DataFrame({"cc_norm": [0.2, np.nan, 0.4], "feve": np.nan, "gosi": [1.0, 2.0, 3.0], "osi": [1.0, 2.0, 4.0]})
    assert (
        medians(table, ("cc_norm", "feve", "gosi")) == "medians: cc_norm 0.300 (2 units), feve of no unit (0 units), gosi 2.000 (3 units)"
    )
    assert medians(table, ("gosi", "osi")) == "medians over 3: gosi 2.000, osi 2.000"


@pytest.fixture(scope="module")
def other_views(animals: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The first animal again, under its name: with larger pictures, and at another rate; and the second with larger pictures."""
    folder = tmp_path_factory.mktemp("others")
    found = {name: folder / name / animals[0].name for name in ("larger", "faster")} | {"new": folder / "new" / animals[1].name}
    for name, path in found.items():
        shutil.copytree(animals[1 if name == "new" else 0], path)
        for video in (path / "data" / "videos").glob("*.npy") if name != "faster" else ():
            np.save(video, np.pad(np.load(video), ((2, 2), (2, 2), (0, 0)), mode="edge"))
    (found["faster"] / "config.json").write_text(json.dumps({"frame_rate_hz": 60}))
    return found


@pytest.mark.parametrize("asked", ["score", "population", "embed", "correlate"])
def test_recordings_of_another_size_or_rate_than_the_twins_are_refused(asked: str, run: Path, other_views: dict[str, Path], tmp_path: Path):
    out = ["--out", tmp_path / {"embed": "e.parquet", "correlate": "c.npy"}.get(asked, "s.csv")]
    for name, words in {"larger": "20", "faster": "60 frames a second"}.items():
        given = ["--stimulus", other_views[name]] if asked in ("embed", "correlate") else [other_views[name]]
        said = command(asked, run, *given, *out, family="insilico" if asked == "correlate" else "twin")
        assert said.startswith("exit 2")
        assert words in said
    assert not list(tmp_path.iterdir())


def test_an_animal_whose_pictures_the_core_never_saw_the_like_of_is_not_fitted_onto_it(
    animals: list[Path], run: Path, other_views: dict[str, Path], tmp_path: Path
):
    words = "30 frames a second of 20 x 28 pixels, but .* 30 frames a second of 16 x 24 pixels"
    assert re.search(words, command("transfer", run, other_views["new"], "--out", tmp_path / "new").replace("\n", " "))
    said = command("train", animals[0], other_views["new"], "--out", tmp_path / "both", *settings())
    assert said.startswith("exit 2")
    assert not list(tmp_path.iterdir())


def write_pictures(folder: Path, seed: int = 3, units: int = 6) -> Path:
    """Noise beside pictures of the size of the movies, in the layout of the 2022 release."""
    rng = np.random.default_rng(seed)
    tiers = ["train"] * 30 + ["validation"] * 6 + ["test"] * 6
    for row in range(len(tiers)):
        arrays = {"images": rng.normal(128, 40, (1, 16, 24)), "responses": rng.poisson(2.0, units), "behavior": rng.normal(size=3)}
        for kind, values in (arrays | {"pupil_center": rng.normal(size=2)}).items():
            path = folder / "data" / kind / f"{row}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, values.astype(np.float32))
    told = {"trials/tiers": tiers, "trials/frame_image_id": range(len(tiers)), "neurons/unit_ids": range(units)}
    for name, values in (told | {"neurons/cell_motor_coordinates": rng.normal(size=(units, 3))}).items():
        path = folder / "meta" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.asarray(values))
    return folder


def test_what_a_core_never_saw_the_like_of_is_said_or_refused_and_later_transfers_know_of_it(
    animals: list[Path], run: Path, tmp_path: Path
):
    pictures = write_pictures(tmp_path / "static3-1-1")
    said = command("transfer", run, pictures, "--out", tmp_path / "still", "--threads", 1).replace("\n", " ")
    assert "static3-1-1: single pictures of 16 x 24 pixels, and the core was trained on 30 frames a second" in said
    assert "exit 0" in command("transfer", tmp_path / "still", animals[1], "--out", tmp_path / "again", "--minutes", 0.1, "--threads", 1)
    assert "exit 0" in command("train", pictures, "--out", tmp_path / "core", "--threads", 1, *settings())
    said = command("transfer", tmp_path / "core", animals[1], "--out", tmp_path / "none", "--threads", 1).replace("\n", " ")
    assert said.startswith("exit 2")
    assert "trained on single pictures of 16 x 24 pixels alone (static3-1-1). From pictures that stand still it has learned nothing" in said
    assert not (tmp_path / "none").exists()


def test_what_names_and_settings_tell_is_refused_before_torch_is_loaded(animals: list[Path], run: Path, tmp_path: Path):
    """All in one process: a single import of torch by any would be seen."""
    wrong = {
        f"train {animals[0]} --out new --set step=3": "unknown key 'step', nearest 'steps'",
        f"train {animals[0]} --out new --set clips.train_tiers=['trian']": "no trial with responses in tier trian. Tiers with responses",
        f"train {animals[0]} --out new --images 3": "its trials are clips, of which minutes are taken",
        f"score {run} {animals[1]} --out s.csv": "not an animal of this twin (dynamic1-1-1-Video-00)",
        f"score {run} {animals[0]} --tier oracle --tier tset --out s.csv": "no trial with responses in tier tset",
        f"population {run} {animals[0]} --out s.csv --set population.kin=counts": "unknown key 'population.kin', nearest 'kind'",
        f"population {run} {animals[0]} --out s.csv --tier bonus": "no trial with responses in tier bonus",
        f"ablate {run} {animals[1]} --out new": "was fitted on 1 recordings, and 1 are given; dynamic1-1-1-Video-00 is not given",
        f"ablate {run} {animals[0]} --out new --tier bonus": "no trial with responses in tier bonus",
    }
    code = (
        "import sys; from typer.testing import CliRunner; from graphtwin.cli.app import app\n"
        f"for line in {list(wrong)!r}: print(CliRunner().invoke(app, ['twin', *line.split()]).output.splitlines()[-1])\n"
        "print(*{'torch'} & set(sys.modules))"
    )
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, env=env)
    for said, words in zip(told.stdout.splitlines(), [*wrong.values(), ""], strict=True):
        assert words in said
    assert told.stdout.splitlines()[-1] == ""
    assert not list(tmp_path.iterdir())


def test_an_animal_that_saw_pictures_alone_is_shown_no_clips():
    pictures = SimpleNamespace(name="static1", size=(16, 24), frame_rate_hz=float("nan"))
    with pytest.raises(ValueError, match=r"static1: the twin was trained on single pictures.*Give a twin of videos"):
        next(stimulus_clips(pictures, Path("movie.npy")))  # type: ignore[arg-type]


def test_what_units_share_is_scored_from_a_run_and_a_recording(animals: list[Path], run: Path, tmp_path: Path):
    quick = [w for s in ("left_out_s=0.667", "population.marginals.epochs=2", "population.latents.epochs=2") for w in ("--set", s)]
    said = command("population", run, animals[0], "--out", tmp_path / "p.csv", "--threads", 1, *quick)
    assert "8 units that fire" in said
    table = pd.read_csv(tmp_path / "p.csv")
    assert {"score", "value", "low", "high", "null", "ceiling", "resampled", "n"} == set(table)
    assert "nan" not in said
    none = command("population", run, animals[0], "--out", tmp_path / "n.csv", "--threads", 1, *quick, "--set", "population.n_latents=0")
    assert "8 units that fire, no shared latent (n_latents=0 asks for none): nothing is added to single units" in none
    assert "nan" not in none
    assert none.count("above a constant") == 1
    assert "shared latents add" not in none
    assert table["score"].iloc[-1] == "r of predicted with measured noise correlations, pairs never fitted together"
    assert "no trial with responses in tier bonus" in command(
        "population", run, animals[0], "--out", tmp_path / "q.csv", "--tier", "bonus", "--threads", 1
    )


def test_scores_of_shared_latents_that_are_not_defined_are_left_out_and_said(capsys: pytest.CaptureFixture[str]):
    scores = pd.DataFrame(
        {"score": ["bits", "bits added", "r of all"], "value": [0.2, 0.0, np.nan], "low": 0.1, "high": 0.3, "null": np.nan}
    )
    for n_latents, lines in ((0, 2), (1, 4)):
        model = SimpleNamespace(loadings=SimpleNamespace(shared=np.zeros((5, n_latents))), config=SimpleNamespace(n_latents=8))
        say_population(SimpleNamespace(units=np.arange(5), model=model, scores=scores), Path("p.csv"))  # type: ignore[arg-type]
        said = capsys.readouterr().out.splitlines()
        assert len(said) == lines
        assert not any("nan" in line for line in said)
        assert ("none of up to 8 helped to predict the training trials that stop the fit" in said[0]) == (n_latents == 0)
    assert said[-1] == "  r of all: not defined, since what is predicted or measured does not differ between pairs"


def test_a_training_warns_of_faults_that_reading_does_not_show_and_goes_on(animals, tmp_path, monkeypatch, caplog):
    class Stopped(Exception):
        pass

    def stop(*_, **__):
        raise Stopped

    faulty = Path(shutil.copytree(animals[0], tmp_path / animals[0].name))
    for path in (faulty / "data" / "behavior").iterdir():
        behaviour = np.load(path)
        behaviour[0] = 3.0
        np.save(path, behaviour)
    monkeypatch.setattr("graphtwin.twin.fitting.train_foundation", stop)
    for recording in (animals[0], faulty):
        caplog.clear()
        with pytest.raises(Stopped):
            graphtwin.twin.fit([recording], tmp_path / "out", [*FAST, CORE], threads=1)
        warned = [line for line in (record.getMessage() for record in caplog.records) if "What to do: " in line]
        assert any("pupil_size" in line for line in warned) == (recording == faulty), warned
