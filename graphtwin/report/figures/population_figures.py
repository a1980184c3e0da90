"""Figures of a population of measured units: how often each angle is preferred, and how each number is distributed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, RULE
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.figures.place_figures import Preference
from graphtwin.report.words import column_words, number_text, plain

BARS, BINS, PER_ROW = 24, 30, 4  # bars around the circle, bins of a histogram, and histograms of a row
CENTRAL, MANY = (0.005, 0.995), 200  # quantiles between which a histogram is drawn, of as many units


def draw_angles(preferred: Sequence[Preference]) -> Block:
    """How many units prefer each angle, around the circle; a panel an angle, units counted by how selective they are.

    Args:
        preferred: Angles of the units.
    """
    title = "Preferred angles"
    held = [np.isfinite(each.angle) for each in preferred]
    if not all(of.any() for of in held):
        return Absent("angles", title, "no unit has a preferred angle.")

    def fill(figure: Figure) -> None:
        for at, (each, known) in enumerate(zip(preferred, held, strict=True)):
            axes = figure.add_subplot(1, len(preferred), at + 1, projection="polar")
            edges = np.linspace(0, each.period, BARS + 1)
            counts = np.histogram(each.angle[known] % each.period, edges, weights=each.strength[known])[0]
            turned = np.radians(edges)
            axes.bar(turned[:-1], counts, width=np.diff(turned), align="edge", color=BLUE, alpha=0.75, linewidth=0)
            if each.period == 180:
                axes.set_thetamax(180)  # type: ignore[attr-defined]
            axes.set_title(each.name, fontsize=8)
            axes.tick_params(labelsize=6.5)
            axes.grid(color=RULE, linewidth=0.6)
            axes.set_yticklabels([])

    told = []
    for each, known in zip(preferred, held, strict=True):
        turns = 360 / each.period
        mean = np.average(np.exp(1j * turns * np.radians(each.angle[known])), weights=each.strength[known] + 1e-12)
        told.append(f"{each.name} {np.degrees(np.angle(mean)) / turns % each.period:.0f}° by {number_text(float(np.abs(mean)))}")
    sentence = f"The population leans towards {', '.join(told)} (length of the mean vector: 0 none, 1 all alike)."
    caption = f"{int(held[0].sum()):,} units, each counted by its selectivity (gOSI, gDSI). Right is 0°, up 90°."
    return Drawn("angles", title, sentence, caption, draw_svg("angles", (WIDTH, 2.9), fill))


def draw_histograms(table: pd.DataFrame, columns: Sequence[str]) -> Block:
    """A histogram of each column, over the units that have it.

    Args:
        table: Table of measured units.
        columns: Columns to draw.
    """
    title = "Distributions"
    drawn = [name for name in columns if table[name].notna().any()]
    if not drawn:
        return Absent("distributions", title, "no unit has any of the numbers.")
    n_rows = -(-len(drawn) // PER_ROW)

    def fill(figure: Figure) -> None:
        grid = figure.subplots(n_rows, PER_ROW, squeeze=False).ravel()
        for axes, name in zip(grid, drawn, strict=False):
            values = table[name].to_numpy(np.float64)
            values = values[np.isfinite(values)]
            low, high = np.quantile(values, CENTRAL) if len(values) >= MANY else (values.min(), values.max())
            axes.hist(values[(values >= low) & (values <= high)], BINS, color=BLUE, alpha=0.75)
            axes.set_title(plain(column_words(name)), fontsize=7)
            axes.tick_params(labelsize=6)
            axes.set_yticks([])
        for axes in grid[len(drawn) :]:
            axes.set_axis_off()

    fewest = min(drawn, key=lambda name: int(table[name].notna().sum()))
    number = int(table[fewest].notna().sum())
    sentence = (
        f"Of {len(table):,} units {number:,} have {column_words(fewest)}, which fewest have."
        if number < len(table)
        else f"All {len(table):,} units have all numbers."
    )
    caption = f"Units that have the number; of {MANY} and more the central 99 % are drawn."
    return Drawn("distributions", title, sentence, caption, draw_svg("distributions", (WIDTH, 1.25 * n_rows + 0.2), fill))
