"""The architecture holds, and importing the package costs little."""

from __future__ import annotations

import builtins
import dis
import importlib
import subprocess
import sys
import types
from collections.abc import Iterator
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


@pytest.mark.parametrize("package", ["graphtwin", "graphtwin.twin", "graphtwin.graph"])
def test_importing_a_package_for_its_verbs_loads_nothing_heavy(package):
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"torch", "torch_geometric", "pandas", "sklearn", "scipy", "numpy", "numba", "matplotlib"}


def _code_within(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code_within(constant)


def test_every_global_name_that_a_function_reads_exists():
    """Linters cannot tell: the axes of jaxtyping look like undefined names to them. Annotations are no code, so that here they can't."""
    undefined, n_read = [], 0
    for path in sorted((ROOT / "graphtwin").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        known = set(vars(importlib.import_module(name))) | set(vars(builtins))
        for code in _code_within(compile(path.read_text(encoding="utf-8"), str(path), "exec")):
            read = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
            undefined += [f"{name}.{code.co_name}: {one}" for one in sorted(read - known)]
            n_read += len(read)
    assert undefined == []
    assert n_read > 1000


def test_public_names_come_from_the_rooms_that_define_them():
    from graphtwin import sources

    assert graphtwin.load is sources.load
    assert set(graphtwin.__all__) <= set(dir(graphtwin))


VERBS = {
    "twin": ["correlate", "embed", "load", "predict", "score", "score_population", "train", "transfer", "tune"],
    "graph": ["load", "predict_neurons", "predict_pairs", "score_all"],
}


@pytest.mark.parametrize("package", VERBS)
def test_the_verbs_of_both_models_are_there_in_and_out_of_the_package(package):
    room = getattr(graphtwin, package)
    assert room is importlib.import_module(f"graphtwin.{package}")
    assert sorted(room.__all__) == dir(room) == VERBS[package]
    assert all(callable(getattr(room, name)) for name in room.__all__)


def test_every_public_name_can_be_imported():
    assert all(getattr(graphtwin, name) is not None for name in graphtwin.__all__)
    assert not {"train_twin", "load_twin", "predict_pairs", "score_all"} & set(graphtwin.__all__)


def test_an_unknown_public_name_lists_those_there_are():
    with pytest.raises(AttributeError, match=r"no attribute 'lode'. Public names: load, build"):
        _ = graphtwin.lode
