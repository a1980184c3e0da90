"""The architecture holds, and importing the package costs little."""

from __future__ import annotations

import ast
import builtins
import dis
import importlib
import subprocess
import sys
import tomllib
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


@pytest.mark.parametrize("package", ["graphtwin", "graphtwin.twin", "graphtwin.graph", "graphtwin.motor"])
def test_importing_a_package_for_its_verbs_loads_nothing_heavy(package):
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"torch", "torch_geometric", "pandas", "sklearn", "scipy", "numpy", "numba", "matplotlib"}


@pytest.mark.parametrize("package", ["graphtwin.tuning", "graphtwin.wiring.questions", "graphtwin.mixed", "graphtwin.cortex"])
def test_tuning_pairs_and_mixed_models_need_no_torch(package):
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    assert package in loaded
    assert "torch" not in loaded


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


def _public(package: Path) -> set[str]:
    """What the `__init__` of a room names in `__all__`."""
    for node in ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(name, ast.Name) and name.id == "__all__" for name in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


def _trespasses(path: Path) -> Iterator[str]:
    """Imports of a file that reach past the face of another room, or for a name that the face does not have."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("graphtwin.")):
            continue
        parts = tuple(node.module.split("."))
        room = parts if (ROOT.joinpath(*parts) / "__init__.py").exists() else parts[:-1]
        if room == ("graphtwin",) or here[: len(room)] == room:
            continue
        private = [name.name for name in node.names if room != parts or name.name not in _public(ROOT.joinpath(*room))]
        yield from (f"{path.relative_to(ROOT)}: {name} of {node.module}" for name in private)


def test_other_rooms_import_only_what_the_face_of_a_room_names():
    files = [path for folder in ("graphtwin", "analyses", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
    assert [found for path in files for found in _trespasses(path)] == []
    assert len(files) > 250


def test_every_name_on_a_face_is_there():
    for path in sorted((ROOT / "graphtwin").glob("*/**/__init__.py")):
        room = importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))
        assert [name for name in _public(path.parent) if not hasattr(room, name)] == [], room.__name__


def test_public_names_come_from_the_rooms_that_define_them():
    from graphtwin import sources

    assert graphtwin.load is sources.load
    assert set(graphtwin.__all__) <= set(dir(graphtwin))


VERBS = {
    "twin": [
        "FittedTwin",
        "agree",
        "correlate",
        "embed",
        "fields",
        "fit",
        "fit_seeds",
        "load",
        "score",
        "score_population",
        "score_predictions",
        "transfer",
        "tune",
    ],
    "graph": ["FittedGraph", "load", "score_all"],
}


@pytest.mark.parametrize("package", VERBS)
def test_the_verbs_of_both_models_are_there_in_and_out_of_the_package(package):
    room = getattr(graphtwin, package)
    assert room is importlib.import_module(f"graphtwin.{package}")
    assert sorted(room.__all__) == dir(room) == VERBS[package]
    assert all(callable(getattr(room, name)) for name in room.__all__)


def test_editors_and_type_checkers_see_every_public_name_where_it_is_defined():
    assert (ROOT / "graphtwin/py.typed").is_file()
    stub = ast.parse((ROOT / "graphtwin/__init__.pyi").read_text(encoding="utf-8")).body
    seen = {name.asname: (node.module, name.name) for node in stub if isinstance(node, ast.ImportFrom) for name in node.names}
    assert seen == {name: (module, of) if of else ("graphtwin", name) for name, (module, of) in graphtwin._PUBLIC.items()}


FAMILIES = ("explorer", "graph", "insilico", "mixed", "motor", "robustness", "twin")


def test_completion_lists_every_name_of_every_public_package():
    for package in (graphtwin, *(getattr(graphtwin, name) for name in FAMILIES)):
        assert set(package.__all__) <= set(dir(package)), package.__name__


def test_type_checkers_are_strict_about_every_module_that_a_public_name_comes_from():
    """A script of a user is checked beside them: `tests/typed/user_script.py`."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    (strict,) = [part["module"] for part in told["overrides"] if part.get("disallow_any_generics")]
    packages = (graphtwin, *(getattr(graphtwin, name) for name in FAMILIES))
    made = {getattr(getattr(package, name), "__module__", "") for package in packages for name in package.__all__}
    made = {module for module in made | {package.__name__ for package in packages} if module.startswith("graphtwin")}
    assert sorted(made - set(strict)) == []
    assert "tests.typed.user_script" in {*strict} & {*told["modules"]}


def test_every_public_name_can_be_imported():
    assert all(getattr(graphtwin, name) is not None for name in graphtwin.__all__)
    assert not {"fit_twin", "load_twin", "score_all"} & set(graphtwin.__all__)


def test_an_unknown_public_name_lists_those_there_are():
    with pytest.raises(AttributeError, match=r"no attribute 'lode'. Public names: load, build"):
        _ = graphtwin.lode
