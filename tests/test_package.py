"""What is said of the package where it is published: one version, files that agree, checksums, and no link that leads nowhere."""

from __future__ import annotations

import re
import runpy
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import graphtwin
from graphtwin.artifacts import sha256

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Keys of the Citation File Format 1.2.0 that software has, or may have.
NEEDED = {"cff-version", "message", "title", "authors", "type", "version", "license"}
OPTIONAL = {"abstract", "keywords", "references", "date-released", "doi", "url", "repository-code"}


def test_every_file_of_the_bundle_is_as_its_checksum_says():
    listed = dict(line.split("  ")[::-1] for line in (ROOT / "data/SHA256SUMS").read_text(encoding="utf-8").splitlines())
    files = {path.relative_to(ROOT / "data").as_posix(): path for path in sorted((ROOT / "data").rglob("*")) if path.is_file()}
    assert {name: sha256(path) for name, path in files.items() if Path(name).name not in ("README.md", "SHA256SUMS")} == listed
    assert len(listed) > 20


def test_every_folder_of_the_bundle_has_its_licence():
    folders = [path for path in (ROOT / "data").iterdir() if path.is_dir()]
    assert folders
    assert all((folder / "LICENSE").is_file() for folder in folders)


def test_the_citation_agrees_with_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert NEEDED <= set(citation) <= NEEDED | OPTIONAL
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert citation["message"]
    assert citation["title"].startswith(PROJECT["name"])
    assert citation["version"] == graphtwin.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]
    assert all({"type", "title", "authors"} <= set(reference) for reference in citation["references"])


def test_the_description_in_a_registry_has_no_link_to_a_file():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    description = runpy.run_path(str(ROOT / "setup.py"), run_name="description")["description"]
    told = description(readme)
    assert re.findall(r"\]\((?!https?://)[^)]*\)", told) == []
    assert len(told) > 0.8 * len(readme)
    assert description("![a](b.svg)\n\n[c](d.md#e), [f](https://example.org)") == "c, [f](https://example.org)"


def test_every_python_that_is_named_may_install_the_package_and_this_one_is_named():
    least = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    named = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert min(tuple(map(int, version.split("."))) for version in named) == least
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in named


def test_the_changelog_has_a_section_of_this_version_and_known_kinds_of_changes():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[([^\]]+)\]", text, flags=re.MULTILINE)[0] == graphtwin.__version__
    kinds = set(re.findall(r"^### (.*)$", text, flags=re.MULTILINE))
    assert kinds
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CITATION.cff", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_that_the_source_distribution_is_to_hold_is_there(name):
    assert name in (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
    assert (ROOT / name).is_file()
