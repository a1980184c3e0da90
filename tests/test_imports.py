"""The architecture holds, and importing the package costs little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import graphtwin

ROOT = Path(__file__).resolve().parents[1]


def test_the_import_contracts_hold():
    checked = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, graphtwin; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"torch", "torch_geometric", "pandas", "sklearn", "scipy", "numpy", "numba", "matplotlib"}


def test_public_names_come_from_the_rooms_that_define_them():
    from graphtwin import sources

    assert graphtwin.load is sources.load
    assert set(graphtwin.__all__) <= set(dir(graphtwin))


def test_an_unknown_public_name_lists_those_there_are():
    with pytest.raises(AttributeError, match=r"no attribute 'lode'. Public names: load, build"):
        _ = graphtwin.lode
