"""Every import that a page or a docstring shows works; the list is read from them, so that it grows by itself."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import graphtwin

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


SHOWN = texts()


@pytest.mark.parametrize(("place", "line"), sorted(set(found(IMPORT, SHOWN))))
def test_an_import_that_is_shown_works(place: str, line: str):
    names: dict[str, object] = {}
    exec(compile(line, place, "exec"), names)
    assert names.keys() - {"__builtins__"}


@pytest.mark.parametrize(("place", "name"), sorted(set(found(DOTTED, SHOWN))))
def test_a_dotted_name_that_is_shown_leads_somewhere(place: str, name: str):
    assert resolve(name) is not None


def test_what_pages_are_known_to_show_is_found():
    assert {"README.md", "data/README.md", "docs/like-to-like.md", "analyses/minnie65/README.md", "graphtwin/training.py"} <= set(SHOWN)
    assert ("docs/like-to-like.md", "from graphtwin.mixed import fit_mixed") in found(IMPORT, SHOWN)
    assert ("README.md", "graphtwin.graph.load") in found(DOTTED, SHOWN)


def test_a_name_that_is_gone_is_noticed():
    text = "`from graphtwin.mixed import fit_mixed_model`, or `graphtwin.twin.lode`; not https://graphtwin.org/a or graphtwin/a.py"
    page = {"page.md": text}
    ((_, line),), ((_, gone), (_, name)) = found(IMPORT, page), found(DOTTED, page)
    with pytest.raises(ImportError):
        test_an_import_that_is_shown_works("page.md", line)
    assert (gone, name) == ("graphtwin.mixed", "graphtwin.twin.lode")
    with pytest.raises(ImportError):
        resolve(name)
