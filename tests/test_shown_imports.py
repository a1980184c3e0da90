"""Every import that a page or a docstring shows works; the list is read from them, so that it grows by itself."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import graphtwin
from graphtwin import mixed

ROOT_FOLDER = Path(__file__).parents[1]
FOLDERS = ("", "docs/", "data/", "data/*/", "analyses/", "analyses/*/")
PAGES = sorted(path for folder in FOLDERS for path in ROOT_FOLDER.glob(f"{folder}*.md"))
IMPORT = re.compile(r"\b(from graphtwin[\w.]* import \w+(?: as \w+)?(?:, *\w+(?: as \w+)?)*|import graphtwin[\w.]*\w)")
DOTTED = re.compile(r"(?<![\w./-])graphtwin(?:\.[A-Za-z_]\w*)+")  # no address, no path of a file


def docstrings(path: Path) -> str:
    """The docstrings of a module, its classes and functions."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, documented)]
    return "\n\n".join(filter(None, (ast.get_docstring(node) for node in nodes)))


def texts() -> dict[str, str]:
    """What a reader is shown, by the file it stands in."""
    modules = sorted((ROOT_FOLDER / "graphtwin").rglob("*.py"))
    shown = {path: path.read_text(encoding="utf-8") for path in PAGES} | {path: docstrings(path) for path in modules}
    return {path.relative_to(ROOT_FOLDER).as_posix(): text for path, text in shown.items()}


def found(pattern: re.Pattern[str], shown: dict[str, str]) -> list[tuple[str, str]]:
    return [(place, match.group()) for place, text in shown.items() for match in pattern.finditer(text)]


def resolve(name: str) -> object:
    """What a dotted name stands for: a module, or what is reached from one."""
    at, (_, *parts) = graphtwin, name.split(".")
    for depth, part in enumerate(parts, start=2):
        if not hasattr(at, part):
            importlib.import_module(".".join(name.split(".")[:depth]))
        at = getattr(at, part)
    return at


def failures(tried: Callable[[str], object], shown: list[tuple[str, str]]) -> list[str]:
    """What is shown and fails: where it stands, its text, and how it fails."""
    failed = []
    for place, text in sorted(set(shown)):
        try:
            tried(text)
        except (ImportError, AttributeError) as error:
            failed.append(f"{place}: {text}: {error}")
    return failed


def run_import(line: str) -> None:
    names: dict[str, object] = {}
    exec(compile(line, "shown", "exec"), names)
    assert names.keys() - {"__builtins__"}


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    return texts()


def test_imports_that_are_shown_work(shown: dict[str, str]):
    assert failures(run_import, found(IMPORT, shown)) == []


def test_dotted_names_that_are_shown_lead_somewhere(shown: dict[str, str]):
    assert failures(resolve, found(DOTTED, shown)) == []


def test_what_pages_are_known_to_show_is_found(shown: dict[str, str]):
    assert {"README.md", "data/README.md", "docs/like-to-like.md", "analyses/minnie65/README.md", "graphtwin/training.py"} <= set(shown)
    assert ("docs/like-to-like.md", "graphtwin.mixed.fit") in found(DOTTED, shown)
    assert ("README.md", "graphtwin.graph.load") in found(DOTTED, shown)


def test_a_name_that_is_gone_is_noticed():
    text = "`from graphtwin.mixed import fit_mixed_model`, or `graphtwin.twin.lode`; not https://graphtwin.org/a or graphtwin/a.py"
    page = {"page.md": text}
    cannot = f"cannot import name 'fit_mixed_model' from 'graphtwin.mixed' ({mixed.__file__})"
    assert failures(run_import, found(IMPORT, page)) == [f"page.md: from graphtwin.mixed import fit_mixed_model: {cannot}"]
    assert found(DOTTED, page)[0] == ("page.md", "graphtwin.mixed")
    assert failures(resolve, found(DOTTED, page)) == ["page.md: graphtwin.twin.lode: No module named 'graphtwin.twin.lode'"]
