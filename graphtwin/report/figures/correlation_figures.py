"""Figures of correlations of all pairs of units: how they are distributed, and how they fall with distance in cortex."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, RULE
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.words import number_text
from graphtwin.schema import IMAGED_AT

BINS, DISTANCES = 60, 12  # bins of the histogram, and of distance: as many pairs in each
FEWEST_PAIRS = 200  # pairs below which nothing is said of distance


def draw_correlations(values: Float[np.ndarray, " pairs"]) -> Block:
    """A histogram of correlations.

    Args:
        values: Correlation of each pair; NaN where there is none.
    """
    title = "Correlations of pairs"
    held = values[np.isfinite(values)]
    if not len(held):
        return Absent("correlations", title, "no pair has a correlation.")

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hist(held, BINS, color=BLUE, alpha=0.75)
        axes.set_xlabel("correlation")
        axes.set_ylabel("pairs")
        axes.grid(color=RULE, linewidth=0.5)
        axes.set_axisbelow(True)

    low, middle, high = (number_text(float(value)) for value in np.quantile(held, [0.05, 0.5, 0.95]))
    sentence = f"The median correlation is {middle}; nine in ten lie from {low} to {high}."
    caption = f"{len(held):,} pairs of {len(values):,} that are drawn have a correlation."
    return Drawn("correlations", title, sentence, caption, draw_svg("correlations", (WIDTH, 2.6), fill))


def draw_by_distance(units: pd.DataFrame, pairs: Int64[np.ndarray, "pairs 2"], values: Float[np.ndarray, " pairs"]) -> Block:
    """Correlations by how far the units of a pair lie apart in their recording: medians and quartiles in bins of equally many pairs.

    Args:
        units: Units, with animal and x_um, y_um, z_um; without these the figure is absent.
        pairs: Rows of the two units of each pair.
        values: Correlation of each pair.
    """
    title = "Correlation by distance in cortex"
    if not set(IMAGED_AT) <= set(units):
        return Absent("distance", title, "the recording does not say where its units lie.")
    place, animal = units[IMAGED_AT].to_numpy(np.float64), units["animal"].to_numpy()
    one, other = pairs.T
    apart = np.linalg.norm(place[one] - place[other], axis=1)
    held = np.isfinite(apart) & np.isfinite(values) & (animal[one] == animal[other])
    if held.sum() < FEWEST_PAIRS:
        return Absent("distance", title, f"{int(held.sum())} pairs of one animal have a distance and a correlation.")
    parts = np.array_split(np.argsort(apart[held], kind="stable"), DISTANCES)
    distance = [float(np.median(apart[held][part])) for part in parts]
    low, middle, high = np.array([np.quantile(values[held][part], [0.25, 0.5, 0.75]) for part in parts]).T

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.fill_between(distance, low, high, color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(distance, middle, color=BLUE, marker="o", markersize=3)
        axes.set_xlabel("distance (µm)")
        axes.set_ylabel("correlation")
        axes.grid(color=RULE, linewidth=0.5)

    near, far = (f"{number_text(float(middle[at]))} at {distance[at]:.0f} µm" for at in (0, -1))
    sentence = f"The median correlation is {near} and {far}."
    caption = f"{int(held.sum()):,} pairs of one animal, as many in each of {DISTANCES} bins: median and quartiles."
    return Drawn("distance", title, sentence, caption, draw_svg("distance", (WIDTH, 2.6), fill))
