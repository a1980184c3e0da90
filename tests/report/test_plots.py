"""Claims: every plot draws on the axes that it is given, its example runs, and pages and papers are drawn by the same functions."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from graphtwin import plots

PLOTS = [name for name in plots.__all__ if name.startswith("plot_")]
MODULES = [f"graphtwin.plots.{module.name}" for module in pkgutil.iter_modules(plots.__path__)]


@pytest.fixture
def pictures():
    """Pyplot without a screen, and no figure left over."""
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str, pictures):
    found = doctest.DocTestFinder(recurse=True).find(importlib.import_module(module))
    runner = doctest.DocTestRunner(verbose=False)
    for one in found:
        runner.run(one, out=lambda text: pytest.fail(text))
        pyplot.close("all")


def test_every_plot_has_an_example():
    assert len(PLOTS) >= 10
    assert all(">>>" in (getattr(plots, name).__doc__ or "") for name in PLOTS)


def test_a_plot_draws_on_the_axes_that_it_is_given_and_returns_them():
    left, right = Figure().subplots(1, 2)
    drawn = plots.plot_intervals(["a"], np.array([[1.0, 0.0, 2.0]]), axes=right)
    assert drawn is right
    assert not left.lines
    assert len(right.lines) == 2


def test_more_labels_than_colours_are_refused_and_so_are_axes_that_are_not_round():
    with pytest.raises(ValueError, match=r"9 labels, 8 colours that can be told apart: merge the rarest"):
        plots.plot_embedding_map(np.zeros((9, 2)), pd.Series(list("abcdefghi")), Figure().subplots())
    with pytest.raises(ValueError, match=r"not polar"):
        plots.plot_tuning(np.arange(4.0), {"rest": np.ones(4)}, Figure().subplots())
