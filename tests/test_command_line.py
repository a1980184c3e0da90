"""The command line as people meet it: help with examples, 80 columns, quiet, exit codes, completion."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
import threading
from contextlib import nullcontext
from weakref import WeakSet

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.cli.lines import numbers, say
from graphtwin.cli.refusals import words
from graphtwin.progress import tqdm
from tests.test_beforehand import ROOT, commands

GROUPS = ["", "twin", "insilico", "motor", "robust"]
NAMES = [name for name, _ in commands()]


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("name", [*GROUPS, *NAMES])
def test_help_fits_eighty_columns_and_shows_examples(name):
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= 80
    assert "…" not in shown.output
    assert f"graphtwin {name}".strip() in " ".join(re.split("Examples|From skeletons to a rule", shown.output)[1].split())


def test_no_extra_is_taken_for_markup_in_help():
    assert "pip install 'graphtwin[fly]'" in CliRunner().invoke(app, ["motor", "simulate", "--help"]).output


def test_every_command_that_computes_can_be_quiet():
    takes = {name: {option for param in command.params for option in param.opts} for name, command in commands()}
    assert {name for name, options in takes.items() if "--quiet" not in options} == {"settings"}


@pytest.mark.parametrize("quiet", [False, True])
def test_quiet_leaves_errors_warnings_and_the_path(capsys, tmp_path, quiet):
    log = logging.getLogger("graphtwin")
    with words(quiet, tmp_path / "run"):
        list(tqdm(range(3), desc="a bar"))
        log.info("a note")
        log.warning("a warning")
        say(f"{tmp_path / 'run'}: done")
    said = capsys.readouterr()
    if quiet:
        assert said.out == f"{tmp_path / 'run'}\n"
        assert said.err == "graphtwin: a warning\n"
    else:
        assert said.out == f"{tmp_path / 'run'}: done\n"
        assert all(part in said.err for part in ("a bar", "graphtwin: a note\n", "graphtwin: a warning\n"))


def test_a_quiet_command_that_fails_says_why_and_names_no_path(capsys, tmp_path):
    with pytest.raises(typer.Exit) as ended, words(True, tmp_path / "run"):
        raise ValueError("3 rows are wrong")
    said = capsys.readouterr()
    assert (ended.value.exit_code, said.out, said.err) == (2, "", "graphtwin: 3 rows are wrong\n")


def test_a_quiet_command_that_writes_nothing_says_its_findings(capsys):
    with words(True):
        say("2 findings")
    assert capsys.readouterr().out == "2 findings\n"


def test_ctrl_c_is_told_and_ends_with_130(capsys):
    with pytest.raises(typer.Exit) as ended, words():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err.startswith("graphtwin: stopped. ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("run --sed 3", "No such option: --sed"),
        ("like-to-like pairs.csv", "Missing option '--similarity'. See `graphtwin like-to-like --help`."),
        ("twin trane", "No such command 'trane'"),
        ("run --seed x", "Invalid value for '--seed'"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_told_in_one_line(line, said):
    found = CliRunner().invoke(app, line.split())
    assert found.exit_code == 2
    assert found.output.startswith(f"graphtwin: {said}")
    assert len(found.output.splitlines()) == 1


@pytest.mark.parametrize("line", ["", "twin"])
def test_a_family_without_a_command_shows_its_help(line):
    found = CliRunner().invoke(app, line.split())
    assert found.exit_code == 2
    assert "Commands" in found.output


def test_every_exit_code_is_documented():
    codes = re.findall(r"^\| (\d+) \|", (ROOT / "docs/command-line.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert codes == ["0", "1", "2", "130"]
    told = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert re.findall(r"(\d+) \w", told[told.index("Exit codes:") : told.index("stopped.") + 8]) == codes


class Terminal(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.told.set()
        return super().write(text)


@pytest.mark.parametrize("bar", [False, True])
def test_a_terminal_without_a_bar_is_told_that_work_goes_on(monkeypatch, bar):
    terminal, elsewhere = Terminal(), io.StringIO()
    monkeypatch.setattr(tqdm, "_instances", WeakSet())
    monkeypatch.setattr("graphtwin.cli.refusals.PULSE_S", 0.01)
    monkeypatch.setattr("sys.stderr", terminal)
    with tqdm(total=1, file=elsewhere) if bar else nullcontext(), words():
        assert terminal.told.wait(0.3 if bar else 20.0) is not bar
    assert terminal.getvalue().startswith("" if bar else "graphtwin: at work, 0 s so far.\n")


def test_a_pipe_and_a_page_that_is_served_are_told_nothing(monkeypatch, capsys):
    monkeypatch.setattr("graphtwin.cli.refusals.PULSE_S", 0.01)
    with words():
        threading.Event().wait(0.1)
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with words(works=False):
        assert not terminal.told.wait(0.1)


def test_a_sentence_is_broken_between_words_in_a_terminal_and_one_line_elsewhere():
    sentence, terminal, pipe = "  runs/a_long_name_of_a_folder/that-is-named: " + 20 * "five words ", Terminal(), io.StringIO()
    say(sentence, terminal)
    say(sentence, pipe)
    lines = terminal.getvalue().splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80
    assert " ".join(terminal.getvalue().split()) == " ".join(sentence.split())
    assert all(line.startswith("    ") for line in lines[1:])
    assert pipe.getvalue() == f"{sentence}\n"


def test_a_wide_table_goes_on_below_with_the_names_of_its_rows():
    table = pd.DataFrame(
        {"similarity": ["signal_correlation", "rf_distance"]}
        | {f"column_{n}": np.array([n / 3, np.nan], np.float64 if n % 2 else np.float32) for n in range(12)}
    )
    text = numbers(table, ["similarity"])
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("signal_correlation") == text.count("\n\n") + 1 > 1
    assert all(f"column_{n}" in text.split() and f"{n / 3:.3g}" in text.split() for n in range(12))


def test_completion_knows_commands_and_sources_and_loads_no_library(tmp_path):
    code = (
        "import sys\ntry:\n from graphtwin.cli.app import app; app(prog_name='graphtwin')\n"
        "finally:\n print(*{'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules), sep='', end='')"
    )

    def completed(line: str, at: int) -> list[str]:
        given = {"_GRAPHTWIN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(at), "PYTHONPATH": str(ROOT), "PATH": ""}
        return subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=given, capture_output=True, text=True, check=False
        ).stdout.split()

    (tmp_path / "mine.toml").write_text("")
    assert completed("graphtwin like", 1) == ["like-to-like"]
    assert completed("graphtwin run --source m", 3) == ["minnie65", "mine.toml"]
