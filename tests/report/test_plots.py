"""Claims: every plot draws on the axes that it is given, and pages and papers are drawn by the same functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from graphtwin import plots


def test_a_plot_draws_on_the_axes_that_it_is_given_and_returns_them():
    left, right = Figure().subplots(1, 2)
    drawn = plots.plot_intervals(["a"], np.array([[1.0, 0.0, 2.0]]), axes=right)
    assert drawn is right
    assert not left.lines
    assert len(right.lines) == 2


def test_a_plot_without_axes_draws_over_no_other():
    pyplot.switch_backend("agg")
    one, two = (plots.plot_intervals(["a"], np.array([[1.0, 0.0, 2.0]])) for _ in range(2))
    pyplot.close("all")
    assert one.figure is not two.figure
    assert len(one.lines) == len(two.lines) == 2


def test_more_labels_than_colours_are_refused_and_so_are_axes_that_are_not_round():
    with pytest.raises(ValueError, match=r"9 labels, 8 colours that can be told apart: merge the rarest"):
        plots.plot_embedding_map(np.zeros((9, 2)), pd.Series(list("abcdefghi")), Figure().subplots())
    with pytest.raises(ValueError, match=r"not polar"):
        plots.plot_tuning(np.arange(4.0), {"rest": np.ones(4)}, Figure().subplots())
