"""Pages of the site that the package writes of itself leave nothing out."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from types import ModuleType
from typing import Any

import pytest

import graphtwin
from tests.test_shown_imports import ROOT_FOLDER

REFERENCE = ROOT_FOLDER / "docs" / "reference"


@pytest.fixture(scope="module")
def written() -> ModuleType:
    spec = importlib.util.spec_from_file_location("written_by_the_package", ROOT_FOLDER / "docs" / "sphinx" / "written_by_the_package.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rooms_shown() -> set[str]:
    pages = (page.read_text(encoding="utf-8") for page in (REFERENCE / "api").glob("*.md"))
    return {place[2] for text in pages for place in re.finditer(r"<!-- (names of) ([\w.]+) -->", text)}


def test_every_public_room_has_a_page_of_its_names():
    rooms = {module for module, name in graphtwin._PUBLIC.values() if not name}
    assert {"graphtwin", *rooms} <= rooms_shown()


def test_settings_and_commands_stand_where_their_page_says(written):
    settings, commands = (written.written((REFERENCE / f"{name}.md").read_text(encoding="utf-8")) for name in ("settings", "commands"))
    assert "| `permutations` | `19` |" in settings
    assert "## graphtwin twin train\n" in commands
    assert "--resume" in commands


def test_text_of_docstrings_is_no_markup_but_code_and_examples_stay(written):
    lines = ["Columns embedding_* with |r| of `a*b`.", ">>> 2 * 3", "6", "", "A * B"]
    assert written.plain(lines) == [r"Columns embedding\_\* with \|r\| of `a*b`.", ">>> 2 * 3", "6", "", r"A \* B"]


def test_a_tutorial_offers_its_notebook_under_its_title_alone(written):
    page = written.with_download("---\nkernelspec: python3\n---\n\n# The worm\n\ntext\n\n# no title\n", "docs/tutorials/worm")
    assert page.count("{nb-download}") == 1
    assert "# The worm\n\n{nb-download}`this page as a notebook, with its outputs <worm.ipynb>`\n\ntext" in page


def claims() -> list[dict[str, Any]]:
    return tomllib.loads((ROOT_FOLDER / "docs" / "validation.toml").read_text(encoding="utf-8"))["claim"]


def digits(text: str) -> set[str]:
    return {number.removeprefix("0").rstrip(".") for number in re.findall(r"\d*\.?\d+", text)}


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim["what"])
def test_every_number_that_is_claimed_stands_where_it_is_said_to(claim):
    page = (ROOT_FOLDER / claim["file"]).read_text(encoding="utf-8")
    assert [words for words in claim["words"] if words not in page] == []
    line = " ".join(line for line in page.splitlines() if any(words in line for words in claim["words"]))
    assert digits(claim["number"]) <= digits(line)
    script = re.search(r"(analyses|benchmarks)/[\w/]+\.py", claim["command"])
    assert script is None or (ROOT_FOLDER / script[0]).is_file()


def test_claims_are_on_their_page(written):
    page = written.written((ROOT_FOLDER / "docs" / "validation.md").read_text(encoding="utf-8"))
    assert all(claim["number"] in page and claim["command"] in page for claim in claims())
