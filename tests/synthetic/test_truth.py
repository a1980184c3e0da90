"""What was planted is nobody's to read but the simulation's own, the tests' and the analyses' `planted_rule` and `twin_agreement`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "graphtwin"
ANALYSES = PACKAGE.parent / "analyses"
MAY = ("synthetic/", "pipeline/simulated_cortex.py")
TRUTH = "graphtwin.synthetic.truth"


def readers(code: str) -> Iterator[str]:
    """Imports of the module that knows the truth, and strings that are its folder or a path in it."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name == TRUTH)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (name.name for name in node.names if TRUTH in (node.module, f"{node.module}.{name.name}"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "truth" in node.value.split("/"):
            yield node.value


def test_no_analysis_but_those_that_ask_for_errors_reads_the_truth():
    paths = {path.relative_to(ANALYSES).as_posix(): path for path in ANALYSES.rglob("*.py")}
    found = {name: list(readers(path.read_text(encoding="utf-8"))) for name, path in paths.items()}
    assert "functional_twin/run.py" in found
    asked = ("planted_rule/", "twin_agreement/", "free_viewing/", "state_preference/")
    assert {name: held for name, held in found.items() if held and not name.startswith(asked)} == {}


def test_no_module_but_the_simulation_reads_the_truth():
    paths = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    found = {name: list(readers(path.read_text(encoding="utf-8"))) for name, path in paths.items()}
    assert {name: held for name, held in found.items() if held and not name.startswith(MAY)} == {}
    assert len(found["pipeline/simulated_cortex.py"]) > 2
    assert found["synthetic/truth.py"] == ["truth"]


@pytest.mark.parametrize(
    ("code", "held"),
    [
        ("import graphtwin.synthetic.truth", [TRUTH]),
        ("from graphtwin.synthetic.truth import read_wiring", ["read_wiring"]),
        ("def f():\n    from graphtwin.synthetic import truth as t", ["truth"]),
        ("folder / 'truth' / 'pairs.parquet'", ["truth"]),
        ("'OUT/truth/pairs.parquet'", ["OUT/truth/pairs.parquet"]),
        ("'the truth of it'", []),
        ("from graphtwin.synthetic.wiring.connections import connect", []),
    ],
)
def test_every_way_to_reach_the_truth_is_seen(code, held):
    assert list(readers(code)) == held
