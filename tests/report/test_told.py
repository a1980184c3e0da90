"""Claims: the values that a page tells of a figure are those that were drawn, in the words of its axes, where they are drawn."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, GREY, ORANGE, RULE, plot_intervals
from graphtwin.report.figures.drawing import draw_svg


def panels(fill, size=(6.0, 3.0)):
    """The values of a figure, and its SVG."""
    svg, _, kept = draw_svg("key", size, fill).partition('<script type="application/json">')
    return json.loads(kept.removesuffix("</script>")), svg


def test_a_row_tells_its_estimate_and_its_interval_by_name():
    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        plot_intervals(["one $", "two"], np.array([[0.1234567, -1.0, 1.0], [2.0, 1.0, 3.0]]), [BLUE, GREY], 0.0, axes)
        axes.set_xlabel("slope")

    (panel,), svg = panels(fill)
    assert panel["x"] == "slope"
    assert panel["names"] == ["one $", "two"]
    assert [row[2:] for row in panel["at"]] == [[0, 0.1235, None, -1.0, 1.0], [1, 2.0, None, 1.0, 3.0]]
    marks = re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)" style="fill: #(?:0072b2|878e97)', svg)
    assert [(round(float(x)), round(float(y))) for x, y in marks] == [tuple(row[:2]) for row in panel["at"]]


def test_lines_tell_the_band_of_their_colour_and_bars_through_their_dots_and_what_is_compared_with_tells_nothing():
    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        x = np.array([1.0, 10.0, 100.0])
        axes.axhline(1.0, color=GREY)
        axes.plot([1, 100], [0, 1], color=GREY)
        axes.fill_between(x, x - 0.5, x + 0.5, color=BLUE, alpha=0.2)
        axes.plot(x, x, "o-", color=BLUE, label="banded")
        axes.errorbar(x, 2 * x, 1.0, fmt="o", color=ORANGE, label="barred")
        axes.set(xscale="log", xlabel="time", ylabel="answer", title="panel")
        axes.grid(color=RULE)

    (panel,), _ = panels(fill)
    assert (panel["of"], panel["x"], panel["y"]) == ("panel", "time", "answer")
    told = {panel["names"][row[2]]: row[3:] for row in panel["at"] if row[3] == 10.0}
    assert told == {"banded": [10.0, 10.0, 9.5, 10.5], "barred": [10.0, 20.0, 19.0, 21.0]}
    assert len(panel["at"]) == 6


def test_cells_are_told_by_the_names_of_their_row_and_column_and_bars_by_their_ends():
    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.imshow(np.array([[0.5, 0.25]]))
        left.set_xticks([0, 1], ["a", "b"])
        right.hist([0.1, 0.2, 0.9], [0.0, 0.5, 1.0])
        right.set_xlabel("share")

    (cells, bars), _ = panels(fill)
    assert [row[3:] for row in cells["at"]] == [["a", 0.0, None, None, 0.5], ["b", 0.0, None, None, 0.25]]
    assert [row[3:] for row in bars["at"]] == [["0 to 0.5", 2.0], ["0.5 to 1", 1.0]]


@pytest.mark.parametrize(("n", "told"), [(30, 30), (3000, 0)])
def test_a_thick_cloud_tells_nothing(n: int, told: int):
    (*found,), _ = panels(lambda figure: figure.subplots().scatter(np.arange(n), np.arange(n)))
    assert sum(len(panel["at"]) for panel in found) == told


def test_inks_are_those_of_the_style_of_the_page_and_values_close_no_element():
    def fill(figure: Figure) -> None:
        figure.subplots().plot([1, 2, 3], "o-", color=BLUE, label="</script>")

    _, svg = panels(fill)
    assert "var(--ink)" in svg
    assert "#ffffff" not in svg
    assert "#0072b2" in svg
    assert "</script>" not in draw_svg("key", (3.0, 2.0), fill).removesuffix("</script>")
