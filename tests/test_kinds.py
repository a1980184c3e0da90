"""Every folder says what it is: a command does what is right for its kind, or refuses in words and changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import graphtwin
from graphtwin.cli.app import app
from graphtwin.folders import written
from graphtwin.kinds import (
    ABLATION,
    CAMPAIGN,
    FILE,
    LIKE_TO_LIKE,
    LOOP,
    MEASURED,
    MOTOR,
    POWER,
    RUN,
    SIMULATION,
    STIMULUS_SET,
    TWIN,
    TYPES,
    Kind,
    kind_of,
    require_place,
    write_kind,
)
from graphtwin.pipeline.graph.demonstration import prepare_demonstration
from graphtwin.wiring.pairs.planted import Planted, plant

pytestmark = pytest.mark.slow


KINDS = {"run": RUN, "twin": TWIN, "simulation": SIMULATION, "like-to-like": LIKE_TO_LIKE, "power": POWER, "measured": MEASURED}
KINDS |= {"motor": MOTOR, "loop": LOOP, "ablation": ABLATION, "campaign": CAMPAIGN, "stimulus set": STIMULUS_SET, "types": TYPES}


def of_kind(kind: Kind) -> Callable[[Path], object]:
    """A folder of a kind, finished, with one file in it."""

    def make(folder: Path) -> None:
        with written(folder, kind) as begin:
            begin()
            (folder / "notes.txt").write_text("a result")

    return make


def filled(**texts: str) -> Callable[[Path], object]:
    """A folder with files of these contents; `_` in a name stands for the point."""

    def make(folder: Path) -> None:
        folder.mkdir()
        for name, text in texts.items():
            (folder / name.replace("_", ".")).write_text(text)

    return make


# How the settings of 62fed60 began, the last commit whose folders do not say their kind.
EARLIER = {
    "run": 'source = "minnie65"\nout = "runs/minnie65"\nseed = 0\nthreads = 2\naxon_folds = 3\n\n[directions]\nranks = [2]\n',
    "twin": "expected_lag = 3.0\nsteps = 90\n\n[twin]\nbf16 = true\n\n[clips]\nleft_out = 50\n",
    "simulation": 'rule = "feature"\nneurons = 2000\nanimals = 2\nminutes = 10.0\nseed = 0\n',
}
# What a folder holds, and what a command that cannot use it must say it is.
FOLDERS = {
    "run": (of_kind(RUN), "is a run of the graph model"),
    "twin": (of_kind(TWIN), "is a functional twin"),
    "simulation": (of_kind(SIMULATION), "is a simulated cortex"),
    "loop": (of_kind(LOOP), "is a simulated sensorimotor loop"),
    "motor": (of_kind(MOTOR), "is a fitted circuit of senses and motion"),
    "like-to-like": (of_kind(LIKE_TO_LIKE), "is a like-to-like analysis"),
    "power": (of_kind(POWER), "is a power analysis"),
    "types": (of_kind(TYPES), "is a search for types"),
    "ablation": (of_kind(ABLATION), "is an ablation of a twin"),
    "campaign": (of_kind(CAMPAIGN), "is an in silico campaign"),
    "measured": (of_kind(MEASURED), "is what was measured of a simulated cortex"),
    "earlier run": (
        filled(config_toml=EARLIER["run"], twin_pt="weights"),
        "is a run of the graph model of an earlier version",
    ),
    "earlier stopped run": (
        filled(config_toml=EARLIER["run"], unfinished="This run has not finished"),
        "is a run of the graph model of an earlier version",
    ),
    "earlier twin": (filled(config_toml=EARLIER["twin"], twin_pt="weights"), "is a functional twin of an earlier version"),
    "earlier simulation": (
        filled(config_toml=EARLIER["simulation"], registry_json="{}"),
        "is a simulated cortex of an earlier version",
    ),
    "earlier like-to-like": (
        filled(notes_json="{}", models_json="{}", report_html="page"),
        "is a like-to-like analysis of an earlier version",
    ),
    "somebody's": (filled(thesis_txt="years of work", report_html="mine"), "holds 2 files and"),
    "empty": (filled(), "holds 0 files and no kind.json"),
    "of a later version": (filled(kind_json='{"kind": "run", "format": 9}'), "a 'run' of format 9, but this version reads format 2"),
    "damaged": (filled(kind_json='{"kind": '), "does not say what kind of folder it is"),
}
# What a command is given after the folder, and the kinds that it can use.
READERS = {
    "report": ("report {folder}", {"run", "like-to-like", "power", "types", "campaign", "stimulus set", "motor"}),
    "predict pairs": ("predict {folder} --pairs {pairs} --out {new}.csv", {"run"}),
    "predict neurons": ("predict {folder} --neurons {neurons} --out {new}.csv", {"run"}),
    "types": ("types {folder} --out {new}", {"run"}),
    "check": ("check {folder} --out {new}.csv", {"simulation"}),
    "twin transfer": ("twin transfer {folder} {recording} --out {new}", {"twin"}),
    "twin ablate": ("twin ablate {folder} {recording} --out {new}", {"twin"}),
    "twin score": ("twin score {folder} {recording} --out {new}.csv", {"twin"}),
    "twin population": ("twin population {folder} {recording} --out {new}.csv", {"twin"}),
    "twin predict": ("twin predict {folder} --stimulus {movie} --out {new}.npy", {"twin"}),
    "twin embed": ("twin embed {folder} --out {new}.csv", {"twin"}),
    "motor score": ("motor score {folder}", {"motor"}),
    "motor predict": ("motor predict {folder} --stimulate n0 --out {new}.csv", {"motor"}),
    "motor ablate": ("motor ablate {folder} --neurons n0 --out {new}.csv", {"motor"}),
    "insilico tune": ("insilico tune {folder} --out {new}.csv", {"twin", "motor"}),
    "insilico fields": ("insilico fields {folder} --out {new}.csv", {"twin", "motor"}),
    "insilico correlate": ("insilico correlate {folder} --stimulus {movie} --out {new}.npy", {"twin", "motor"}),
    "insilico campaign": ("insilico campaign {folder} {pairs} --out {new}", {"twin", "motor"}),
    "insilico control": ("insilico control {folder} --drive {pairs} --out {new}", {"twin", "motor"}),
    "insilico next": ("insilico next {folder} --budget 1 --out {new}.csv", {"twin", "run"}),
}
WRITERS = {
    "run": ("run --out {folder}", "run"),
    "run --resume": ("run --out {folder} --resume", "run"),
    "simulate": ("simulate --out {folder}", "simulation"),
    "simulate --resume": ("simulate --out {folder} --resume", "simulation"),
    "motor fit": ("motor fit worm --out {folder}", "motor"),
    "motor fit --resume": ("motor fit worm --out {folder} --resume", "motor"),
    "twin train": ("twin train {recording} --out {folder}", "twin"),
    "twin train --resume": ("twin train {recording} --out {folder} --resume", "twin"),
    "like-to-like": ("like-to-like {table} --similarity signal_correlation --out {folder}", "like-to-like"),
    "power": ("power --axons 8 --effect 1 --out {folder}", "power"),
    "types": ("types {table} --out {folder}", "types"),
    "insilico campaign": ("insilico campaign {pairs} {pairs} --out {folder}", "campaign"),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Inputs that a command reads before or beside the folder."""
    folder = tmp_path_factory.mktemp("given")
    pd.DataFrame({"pre_nucleus_id": [1], "post_nucleus_id": [2]}).to_csv(folder / "pairs.csv", index=False)
    pd.DataFrame({"nucleus_id": [1]}).to_csv(folder / "neurons.csv", index=False)
    np.save(folder / "movie.npy", np.zeros((5, 8, 8)))
    plant(Planted(n_axons=30, n_targets=100, n_synapses=600, slope=1.5), seed=1).pairs.to_parquet(folder / "table.parquet")
    names = {"pairs": "pairs.csv", "neurons": "neurons.csv", "movie": "movie.npy", "table": "table.parquet", "recording": "none"}
    return {name: folder / file for name, file in names.items()}


def contents(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def told(line: str, given: dict[str, Path], folder: Path) -> str:
    """The message of a command that refuses, on one line; what the folder and its neighbours hold is as it was."""
    before = contents(folder.parent)
    words = [word.format(folder=folder, new=folder.parent / "new", **given) for word in line.split()]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 2, f"{found.output}\n{found.exception!r}"
    assert "Traceback" not in found.output
    assert contents(folder.parent) == before
    return " ".join(found.output.split())


@pytest.mark.parametrize("holds", FOLDERS)
@pytest.mark.parametrize("command", READERS)
def test_a_command_that_reads_another_kind_says_what_the_folder_is_and_what_to_give(given, tmp_path, command, holds):
    line, wanted = READERS[command]
    make, is_a = FOLDERS[holds]
    make(tmp_path / "it")
    if holds in wanted and command == "report":
        return  # writes the page, as the tests below show
    message = told(line, given, tmp_path / "it")
    if holds in wanted:
        assert f"{FILE}" not in message
        assert is_a not in message  # nothing is wrong with its kind: what is lacking is a file, or an input
    else:
        assert is_a in message
    if holds in KINDS and holds not in wanted:
        assert KINDS[holds].used_by in message
        assert all(f"`{KINDS[name].command} --out` writes it" in message for name in wanted)


@pytest.mark.parametrize("holds", [name for name in FOLDERS if name != "empty"])
@pytest.mark.parametrize("command", WRITERS)
def test_nothing_is_written_into_a_folder_of_another_kind(given, tmp_path, command, holds):
    line, kind = WRITERS[command]
    make, is_a = FOLDERS[holds]
    make(tmp_path / "it")
    if holds == kind and "--resume" in command:
        return  # goes on, as the tests of each command show
    message = told(line, given, tmp_path / "it")
    if holds == kind:
        assert f"a {KINDS[kind].name} is already there" in message
        assert "--resume" not in message  # it has finished
    else:
        assert is_a in message


@pytest.mark.parametrize("command", [*READERS, *WRITERS])
def test_a_folder_that_is_missing_or_a_file_is_told(given, tmp_path, command):
    line = READERS[command][0] if command in READERS else WRITERS[command][0]
    (tmp_path / "it").write_text("no folder")
    assert "is a file" in told(line, given, tmp_path / "it")
    if command in READERS:
        assert "no such folder" in told(line, given, tmp_path / "missing")


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("predict {folder} --pairs {pairs} --out {new}.csv", ["new.csv"]),
        ("twin score {folder} {recording} --out {new}.csv", ["new.csv", "new_by_kind.csv", "new_baselines.csv"]),
        ("twin population {folder} {recording} --out {new}.csv", ["new.csv"]),
        ("twin predict {folder} --stimulus {movie} --out {new}.npy", ["new.npy"]),
        ("twin embed {folder} --out {new}.csv", ["new.csv"]),
        ("motor predict {folder} --stimulate n0 --out {new}.h5", ["new.h5"]),
        ("motor ablate {folder} --neurons n0 --out {new}.csv", ["new.csv"]),
        ("insilico tune {folder} --out {new}.csv", ["new.csv"]),
        ("insilico fields {folder} --out {new}.csv", ["new.csv"]),
        ("insilico correlate {folder} --stimulus {movie} --out {new}.npy", ["new.npy", "new.ids.csv"]),
        ("check {folder} --out {new}.csv", ["new.csv"]),
        ("proximity --axons {pairs} --out {new}.csv --vertices {new}2.csv", ["new.csv", "new2.csv"]),
        ("pairs {pairs} {pairs} --neurons {neurons} --out {new}.csv", ["new.csv", "new.csv.made.json"]),
    ],
)
def test_a_file_that_exists_is_not_written_over_and_neither_is_one_beside_it(given, tmp_path, line, files):
    for name in files:
        taken = tmp_path / name
        taken.write_text("years of work")
        assert f"{taken}: exists, and nothing is written over. Name another file, or give --force to replace it." in told(
            line, given, tmp_path / "it"
        )
        taken.unlink()
        taken.mkdir()
        assert f"{taken}: is a folder. Name a file." in told(line, given, tmp_path / "it")
        taken.rmdir()


def test_pairs_points_and_index_of_proximity_do_not_share_a_file(given, tmp_path):
    for more in ("--vertices {new}.csv", "--index {new}.csv", "--vertices {new}2.csv --index {new}2.csv"):
        assert "go to files of their own" in told(f"proximity --axons {{pairs}} --out {{new}}.csv {more}", given, tmp_path / "it")


@pytest.fixture(scope="module")
def answered(given, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A like-to-like folder by the command line."""
    out = tmp_path_factory.mktemp("answered") / "like"
    words = ["like-to-like", given["table"], "--similarity", "signal_correlation", "--inclusion", "none", "--by", "none", "--nulls", 9]
    found = CliRunner().invoke(app, [str(word) for word in (*words, "--out", out)])
    assert found.exit_code == 0, found.output
    return out


def test_the_page_of_like_to_like_is_written_again_as_it_was(answered):
    before = contents(answered)
    (answered / "report.html").unlink()
    assert CliRunner().invoke(app, ["report", str(answered)]).exit_code == 0
    assert contents(answered) == before


def test_like_to_like_in_python_is_what_the_command_does(given, answered, tmp_path):
    out = graphtwin.like_to_like(given["table"], "signal_correlation", tmp_path / "like", inclusion="none", by="none", nulls=9)
    assert out == tmp_path / "like"
    assert contents(out) == contents(answered)
    with pytest.raises(ValueError, match="unknown key 'null', nearest 'nulls'"):
        graphtwin.like_to_like(given["table"], "signal_correlation", tmp_path / "other", null=9)


def test_a_run_that_has_not_finished_gets_no_page(tmp_path):
    write_kind(tmp_path / "it", RUN)
    with pytest.raises(
        ValueError, match=r"has not finished\. Go on with it first: give the command that began it .*--resume \(`graphtwin run"
    ):
        graphtwin.write_report(tmp_path / "it")
    assert not (tmp_path / "it" / "report.html").exists()


def test_a_like_to_like_analysis_that_met_a_full_disk_is_begun_anew_by_the_same_command(given, answered, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("no space left")

    out = tmp_path / "like"
    asked = {"inclusion": "none", "by": "none", "nulls": 9}
    monkeypatch.setattr("graphtwin.pipeline.pairs.like_to_like.artifacts.provenance", full)
    with pytest.raises(OSError, match="no space left"):
        graphtwin.like_to_like(given["table"], "signal_correlation", out, **asked)
    monkeypatch.undo()
    assert not out.exists()  # it cannot go on with what it wrote
    write_kind(out, LIKE_TO_LIKE)  # a killed one leaves what it wrote
    (out / "of_another_question.parquet").write_text("left by a try with other arguments")
    (out / "mine.txt").write_text("somebody's")
    with pytest.raises(
        ValueError, match=r"has not finished\. Go on with it first: give the command .* once more \(`graphtwin like-to-like"
    ):
        graphtwin.write_report(out)
    graphtwin.like_to_like(given["table"], "signal_correlation", out, **asked)
    (out / "mine.txt").unlink()
    found, expected = contents(out), contents(answered)
    assert found.pop("manifest.json") != expected.pop("manifest.json")  # that of the second try has somebody's file
    assert found == expected


@pytest.mark.parametrize("beside", ["run_cortex", "run_twin"])
def test_folders_beside_a_demonstration_that_are_somebody_s_are_left_alone(tmp_path, beside):
    (tmp_path / beside).mkdir()
    (tmp_path / beside / "source.toml").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match=f"{beside}: exists, holds 1 file and is no"):
        prepare_demonstration(tmp_path / "run", seed=0, workers=1)
    assert contents(tmp_path) == before


def test_a_folder_says_its_kind_its_format_and_what_wrote_it(tmp_path):
    path = write_kind(tmp_path / "it", TWIN, "graphtwin twin transfer")
    said = {"kind": "twin", "format": 2, "command": "graphtwin twin transfer", "graphtwin": graphtwin.__version__}
    assert json.loads(path.read_text()) == said
    assert kind_of(tmp_path / "it") is TWIN
    assert kind_of(tmp_path) is None


def test_a_place_is_new_empty_or_to_go_on_with(tmp_path):
    assert not require_place(tmp_path / "new", RUN)
    assert not require_place(tmp_path, RUN, resume=True)
    write_kind(tmp_path / "begun", RUN)
    assert not require_place(tmp_path / "begun", RUN)  # killed before it wrote anything else
    (tmp_path / "begun" / "config.toml").write_text("")
    assert require_place(tmp_path / "begun", RUN, resume=True)


def test_the_functional_twin_of_a_run_of_the_graph_model_says_what_it_is_and_what_to_use(tmp_path):
    of_kind(RUN)(tmp_path / "it")
    with pytest.raises(
        ValueError, match=r"a run of the graph model, for `graphtwin predict \| view \| report \| insilico next` and graphtwin\.graph\."
    ):
        graphtwin.twin.load(tmp_path / "it")
    of_kind(TWIN)(tmp_path / "twin")
    with pytest.raises(ValueError, match=r"a functional twin, for `graphtwin twin score \|.* and graphtwin\.twin\. Give a run of"):
        graphtwin.graph.load(tmp_path / "twin")
