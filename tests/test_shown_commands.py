"""Every command that a page shows could be given: the command line knows its words and options, and takes their values."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from graphtwin.cli.app import app
from tests.test_shown_imports import PAGES, ROOT_FOLDER

BLOCK = re.compile(r"```(?:bash|console|sh)\n(.*?)```", re.DOTALL)
AT_ONCE = {"--help", "--version", "--install-completion", "--show-completion"}  # options that act while words are read, whatever follows
ENDS = {"&&", "||", "|", ";", ">"}  # where a command of the shell ends
SHOWN = sorted({*PAGES, *(ROOT_FOLDER / "docs").rglob("*.md")})


def commands(text: str) -> list[list[str]]:
    """The words after `graphtwin` in the shell blocks of a page."""
    found = []
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = [word for word in shlex.split(line, comments=True) if not re.fullmatch(r"[A-Z_]+=.*", word)]
            if words and Path(words[0]).name == "graphtwin":
                ends = [place for place, word in enumerate(words) if word in ENDS]
                found.append(words[1 : min(ends, default=len(words))])
    return found


def parse(words: list[str], command: Any, name: str = "graphtwin", parent: Any = None) -> None:
    """Parse what follows a command, and what follows the command inside it, and run nothing."""
    at_once = bool(AT_ONCE & set(words))
    context = command.make_context(name, [word for word in words if word not in AT_ONCE], parent=parent, resilient_parsing=at_once)
    if hasattr(command, "commands") and not (at_once and len(words) == 1):
        name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(rest, inner, name, context)


def refusals(text: str) -> list[str]:
    root, refused = get_command(app), []
    for words in commands(text):
        try:
            parse(words, root)
        except Exception as error:
            refused.append(f"graphtwin {' '.join(words)}: {getattr(error, 'message', error)}")
    return refused


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {page.relative_to(ROOT_FOLDER).as_posix(): page.read_text(encoding="utf-8") for page in SHOWN}


def test_commands_that_are_shown_could_be_given(texts: dict[str, str]):
    assert {page: refusals(text) for page, text in texts.items() if commands(text) and refusals(text)} == {}


def test_what_pages_are_known_to_show_is_found(texts: dict[str, str]):
    shown = [words for text in texts.values() for words in commands(text)]
    assert ["view", "runs/minnie65"] in shown
    assert len(shown) > 60


def test_a_command_that_could_not_be_given_is_noticed():
    lines = ("A=1 .venv/bin/graphtwin run --sauce a  # an option", "graphtwin runn && ls", "graphtwin simulate", "graphtwin run --seed x")
    option, command, required, number = refusals("```bash\n" + "\n".join(lines) + "\n```")
    assert "No such option: --sauce" in option
    assert "No such command 'runn'" in command
    assert "graphtwin simulate" in required
    assert "valid integer" in number
