"""Every public name has an example in its docstring, and all of them run, on small planted data."""

from __future__ import annotations

import doctest
import inspect
import shutil
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot

import graphtwin
from tests import at_hand
from tests.pipeline.planted_source import SMALL, few_trees, finished_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse_ridge", "few_stimuli")]

PACKAGES = ("", ".explorer", ".graph", ".insilico", ".mixed", ".motor", ".plots", ".robustness", ".twin")
LONGEST = 600  # characters of the short text of anything that a user holds


def documented() -> dict[str, Any]:
    """Functions and classes of the public face by their full names; constants and names of types have no docstring of their own."""
    found = {}
    for package in ("graphtwin" + name for name in PACKAGES):
        room = graphtwin if package == "graphtwin" else getattr(graphtwin, package.split(".")[1])
        found |= {f"{package}.{name}": getattr(room, name) for name in room.__all__}
    return {name: one for name, one in found.items() if inspect.isfunction(one) or inspect.isclass(one)}


PUBLIC = documented()


@pytest.fixture(scope="module")
def names(session_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What examples have at hand, in the folder in which they run."""
    finished, folder = finished_run(session_folder), tmp_path_factory.mktemp("examples")
    shutil.copytree(finished.folder, folder / "runs" / "planted")
    shutil.copytree(finished.toml.parent, folder / "tables")
    with pytest.MonkeyPatch.context() as patch, few_trees():
        patch.chdir(folder)
        shared = {"graphtwin": graphtwin, "np": np, "pd": pd, "torch": torch, "Path": Path, "small": SMALL, "source": str(finished.toml)}
        pyplot.switch_backend("agg")
        yield shared | at_hand.made(folder)
        pyplot.close("all")


def examples(name: str, names: dict[str, Any]) -> doctest.DocTest:
    return doctest.DocTestParser().get_doctest(inspect.getdoc(PUBLIC[name]) or "", dict(names), name, None, None)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_of_every_public_name_runs_as_it_is_shown(name: str, names: dict[str, Any]):
    shown = examples(name, names)
    assert [one for one in shown.examples if not one.options.get(doctest.SKIP)], f"{name}: no example that runs"
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(shown, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_nothing_that_a_user_holds_prints_more_than_a_screen(names: dict[str, Any]):
    source = graphtwin.load("tables/tables.toml")
    held = [*names.values(), source, *source.tables, graphtwin.build(source)]
    held += [graphtwin.graph.load("runs/planted"), graphtwin.twin.score(names["twin"], "recording", left_out_s=0.2)]
    held += [graphtwin.insilico.measure_subspaces(names["responder"], units=[0]), graphtwin.insilico.described(names["responder"])]
    told = {type(one).__name__: repr(one) for one in held if is_dataclass(one)}
    assert {"Circuit", "FittedCircuit", "FittedClassifier", "FittedGraph", "FittedTwin", "Scored", "SourceTables", "Trials"} <= set(told)
    assert {name: len(text) for name, text in told.items() if len(text) > LONGEST} == {}
    assert graphtwin.graph.load("runs/planted")._repr_html_().count("<tr>") >= 4
