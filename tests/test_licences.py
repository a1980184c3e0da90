"""Nothing under a licence that nobody looked at: of what comes along, of every extra, and of what the package imports."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from graphtwin.extras import PACKAGES
from tests.licences import ABSENT, ALLOWED, BASE, COPYLEFT, PERMISSIVE, ROOT, brought, extras, licence_of, parts, project, table, within

OF_TABLE = (3, 11)  # Python of the table in the docs


@pytest.fixture(scope="module")
def rows():
    return brought()


def test_every_licence_is_permissive_or_allowed_for_a_reason(rows):
    strict = {row.name for row in rows if not parts(row.licence) <= PERMISSIVE}
    assert strict == set(ALLOWED)
    assert len(rows) > 100


def test_only_the_extra_of_deconvolution_brings_the_gpl():
    gpl = {extra: {name for name in within(extra) if COPYLEFT.search(licence_of(name))} for extra in (BASE, *extras())}
    assert {extra: names for extra, names in gpl.items() if names} == {"deconvolution": {"oasis-deconv"}}


def test_what_comes_along_has_no_licence_of_a_library():
    assert [name for name in within(BASE) if "GPL" in licence_of(name)] == []


def test_all_brings_every_extra_but_deconvolution():
    asked = Requirement(project()["optional-dependencies"]["all"][0]).extras
    assert asked == set(extras()) - {"all", "deconvolution"}


def test_the_docs_name_every_package_with_its_licence(rows):
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    assert [row.name for row in rows if table([row]).splitlines()[-1] not in text] == []
    assert table(rows) in text or sys.version_info[:2] != OF_TABLE  # on another Python some packages are not asked for
    assert [extra for extra in extras() if f"\n| `{extra}` | " not in text] == []


def imported() -> set[str]:
    """Names of packages that any file of graphtwin imports."""
    found = set()
    for path in (ROOT / "graphtwin").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {module.partition(".")[0] for module in modules}
    return found - set(sys.stdlib_module_names) - {"graphtwin"}


def test_every_import_is_of_a_package_that_is_asked_for_or_of_an_extra_that_is_known():
    of = {module: {canonicalize_name(name) for name in names} for module, names in packages_distributions().items()}
    direct = {canonicalize_name(Requirement(text).name) for text in project()["dependencies"]}
    unknown = {module for module in imported() if not of[module] & direct and not PACKAGES.get(module, ("", ""))[1]}
    assert unknown == set()


def test_every_extra_that_is_named_brings_the_package():
    of = {module: {canonicalize_name(name) for name in names} for module, names in packages_distributions().items()}
    for module, (package, extra) in PACKAGES.items():
        assert package in within(extra), module
        assert of.get(module, set()) & within(extra) or package in ABSENT, module
