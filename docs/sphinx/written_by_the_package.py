"""Pages that the package writes of itself: settings, commands, public names and the words of its reports.

A page of the site holds a comment where such a part goes (`<!-- settings -->`, `<!-- commands -->`, `<!-- glossary -->`, `<!-- claims -->`,
`<!-- names of graphtwin.twin -->`). The part is written there when the page is
read: nothing generated lies in the repository, and nothing on the site is older than the code.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from typer.main import get_command

from graphtwin.cli.app import app as command_line
from graphtwin.cli.settings_table import COMMANDS, model_of, settings_of
from graphtwin.report import glossary

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MARKUP = re.compile(r"[|*]|_(?!\w)")  # what docutils takes for substitutions, emphasis and links
# With the sentence that stands there where the page is not built.
PLACE = re.compile(r"^<!-- (settings|commands|glossary|claims|names of ([\w.]+)) -->$(?:\n_.*_$)?", re.MULTILINE)
DOCS = Path(__file__).parents[1]
HELP_COLUMNS = "88"  # characters of a line of help; about what a page has room for


def settings() -> str:
    """Every setting of every command that has any: name, default, limits and meaning."""
    return "\n\n".join(_settings_of_command(command) for command in COMMANDS)


def _settings_of_command(command: str) -> str:
    lines = [f"## {command}", "", f"What `{COMMANDS[command][1]} --set KEY=VALUE` may change.", ""]
    lines += ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    for setting in settings_of(model_of(command)):
        allowed = "; ".join(filter(None, (setting.limits, f"with `{setting.needs}`" if setting.needs else "")))
        lines.append(_row(f"`{setting.name}`", f"`{setting.default}`", allowed, setting.meaning))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def commands() -> str:
    """The help of every command, as the terminal shows it."""
    root = get_command(command_line)
    return "\n\n".join(f"## {' '.join(('graphtwin', *words))}\n\n```text\n{_help(root, words)}\n```" for words in _walk((), root))


def _walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk((*words, name), inner)


def _help(root: Any, words: tuple[str, ...]) -> str:
    shown = io.StringIO()
    with redirect_stdout(shown), patch.dict(os.environ, {"COLUMNS": HELP_COLUMNS, "TERM": "dumb", "NO_COLOR": "1"}):
        root.main([*words, "--help"], prog_name="graphtwin", standalone_mode=False)
    return "\n".join(line.rstrip() for line in shown.getvalue().strip("\n").splitlines())


def words_explained() -> str:
    """The glossary of the reports."""
    return "\n\n".join(f"{term.name}\n: {term.meaning}" + (f" Source: {term.source}." if term.source else "") for term in glossary())


def claims() -> str:
    """Every number that the package claims, what prints it, and when it was written down."""
    rows = tomllib.loads((DOCS / "validation.toml").read_text(encoding="utf-8"))["claim"]
    lines = ["| what | number | where | what prints it | written |", "|---|---|---|---|---|"]
    for row in rows:
        page = Path(row["file"])
        where = f"[{page.parent.name if page.stem == 'README' else page.stem}](../{row['file']})"
        lines.append(_row(row["what"], row["number"], where, f"`{row['command']}`", f"{row['date']}, {row['commit']}"))
    return "\n".join(lines)


def names(room: str) -> str:
    """The public names of a room with their docstrings; rooms inside it have pages of their own."""
    module = importlib.import_module(room)
    here = {name: getattr(module, name) for name in module.__all__ if not name.startswith("__")}
    shown = (_documented(room, name, value) for name, value in here.items() if not hasattr(value, "__path__"))
    return "```{eval-rst}\n" + "\n".join(shown) + "\n```"


def _documented(room: str, name: str, value: object) -> str:
    """The directive of one name; a name that the room above has too is in the index once, as that room's."""
    above = importlib.import_module(room.rpartition(".")[0] or room)
    index = "   :no-index:\n" if room != "graphtwin" and getattr(above, "__all__", None) and name in above.__all__ else ""
    if isinstance(value, type):
        return f".. autoclass:: {room}.{name}\n{index}   :members:\n"
    if callable(value):
        return f".. autofunction:: {room}.{name}\n{index}"
    return f".. py:data:: {room}.{name}\n{index}   :type: {type(value).__name__}\n"


def plain(lines: list[str]) -> list[str]:
    """The lines of a docstring with nothing that docutils takes for markup, but in code and in examples."""
    in_example, made = False, []
    for line in lines:
        in_example = line.strip() != "" and (in_example or line.lstrip().startswith(">>>"))
        parts = line.split("`")
        made.append(line if in_example else "`".join(part if i % 2 else MARKUP.sub(r"\\\g<0>", part) for i, part in enumerate(parts)))
    return made


def _make_plain(app: Sphinx, kind: str, name: str, value: object, options: object, lines: list[str]) -> None:
    lines[:] = plain(lines)


def written(text: str) -> str:
    """A page with its generated parts in their places."""
    parts = {"settings": settings, "commands": commands, "glossary": words_explained, "claims": claims}
    return PLACE.sub(lambda place: names(place[2]) if place[2] else parts[place[1]](), text)


def with_download(text: str, page: str) -> str:
    """A tutorial with a link, under its title, to the notebook as it ran while the site was built."""
    link = f"{{nb-download}}`this page as a notebook, with its outputs <{Path(page).name}.ipynb>`"
    return re.sub(r"^# .+$", lambda title: f"{title[0]}\n\n{link}", text, count=1, flags=re.MULTILINE)


def _write_into(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = written(source[0])
    if page.startswith("docs/tutorials/"):
        source[0] = with_download(source[0], page)


def _lead_from_the_top(app: Sphinx, exception: Exception | None) -> None:
    """Write index.html: the root of the sources is that of the repository, so the first page lies a folder below that of the site."""
    if exception is None:
        first = f"{app.config.root_doc}.html"
        moved = f'<meta charset="utf-8"><title>graphtwin</title><meta http-equiv="refresh" content="0; url={first}">'
        page = f'<!doctype html>{moved}<a href="{first}">graphtwin</a>\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _write_into)
    app.connect("build-finished", _lead_from_the_top)
    app.connect("autodoc-process-docstring", _make_plain, priority=400)  # before the sections of a docstring are read
    return {"parallel_read_safe": True, "parallel_write_safe": True}
