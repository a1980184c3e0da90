"""Figures of a power analysis: power over the slope, and what more axons bring."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, GREEN, GREY, MUTED, ORANGE, PURPLE, RULE, SKY, VERMILLION
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import number_text, per_cent, plain

PER_ROW = 3  # panels side by side
OF_AXONS = (SKY, BLUE, PURPLE, ORANGE, GREEN)  # colours of numbers of axons, from few to many
OF_ESTIMATES = (VERMILLION, ORANGE, GREEN, BLUE, GREY)  # colours of estimates, in the order of the table
WANTED, NOMINAL = 0.8, 0.05  # power that is wanted, and share of false positives that is allowed


def draw_power(run: RunFolder) -> Block:
    """Power over the planted slope, a panel an estimate and a colour a number of axons."""
    title, table, curves = "How often each estimate finds a slope", run.table("power"), run.table("curves")
    if table is None or curves is None:
        return Absent("power-curves", title, "no table was simulated (power.parquet).")
    panels = list(table.groupby("estimate", sort=False))
    n_rows = -(-len(panels) // PER_ROW)
    axons = sorted(int(n) for n in table["n_axons"].unique())

    def fill(figure: Figure) -> None:
        grid = figure.subplots(n_rows, PER_ROW, squeeze=False, sharex=True, sharey=True)
        for axes, (name, rows) in zip(grid.ravel(), panels, strict=False):
            _draw_panel(axes, rows, curves[curves["estimate"] == name], axons)
            axes.set_title(plain(str(name)), fontsize=7.5)
        for place, axes in enumerate(grid.ravel()):
            if place >= len(panels):
                axes.set_axis_off()
            elif place + PER_ROW >= len(panels):
                axes.set_xlabel("planted slope")
                axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel("share of tables")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(axons))

    sentence = _of_power(table)
    caption = (
        f"Share of {int(table['n_tables'].min())} simulated tables in which an estimate finds the slope with its sign at p <= 0.05 "
        "(at 0: finds any), with 95 % binomial intervals, and the curve through them. Dashed: power .8, and the nominal 5 % without a rule."
    )
    return Drawn(
        "power-curves", title, sentence, caption, draw_svg("power", (WIDTH, 2.1 * n_rows + 0.3), fill), ("power.csv", "curves.csv")
    )


def _draw_panel(axes: Axes, rows: pd.DataFrame, curves: pd.DataFrame, axons: list[int]) -> None:
    """One estimate: counts with their intervals, and the curves through them."""
    for level in (WANTED, NOMINAL):
        axes.axhline(level, color=MUTED, linewidth=0.7, linestyle=(0, (3, 2)), zorder=0)
    furthest = rows["effect"].abs().max()
    for place, n in enumerate(axons):
        colour, mine = OF_AXONS[place % len(OF_AXONS)], rows[rows["n_axons"] == n]
        curve = curves[(curves["n_axons"] == n) & (curves["effect"].abs() <= furthest)].sort_values("effect")
        axes.plot(curve["effect"], curve["power"], color=colour, linewidth=1.1)
        reach = np.abs(mine[["low", "high"]].to_numpy().T - mine["power"].to_numpy())
        axes.errorbar(mine["effect"], mine["power"], reach, fmt="o", color=colour, markersize=3, linewidth=0.9, label=f"{n} axons")
    axes.set_ylim(-0.03, 1.03)
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def _of_power(table: pd.DataFrame) -> str:
    """The range of power at the first slope that was asked for with the most axons, and the most false positives."""
    asked = table[table["asked"] & (table["effect"] != 0)]
    rows = asked[(asked["effect"] == asked["effect"].iloc[0]) & (asked["n_axons"] == asked["n_axons"].max())]
    worst = table[table["effect"] == 0].sort_values("power").iloc[-1]
    return (
        f"With {rows['n_axons'].iloc[0]} axons a slope of {rows['effect'].iloc[0]:g} is found in {per_cent(rows['power'].min())} to "
        f"{per_cent(rows['power'].max())} of tables, by the estimate; without a rule one is found in at most {per_cent(worst['power'])} "
        f"({worst['estimate']}, {worst['n_axons']} axons)."
    )


def draw_axons(run: RunFolder) -> Block:
    """Power at the slopes that were asked for, and the smallest slope that is found, over the number of axons."""
    title, table, curves = "What more axons bring", run.table("power"), run.table("curves")
    if table is None or curves is None:
        return Absent("power-axons", title, "no table was simulated (power.parquet).")
    effects = table.loc[table["asked"] & (table["effect"] != 0), "effect"].unique()
    names = list(table["estimate"].unique())

    def fill(figure: Figure) -> None:
        grid = figure.subplots(1, len(effects) + 1, squeeze=False)[0]
        for axes, effect in zip(grid, effects, strict=False):
            _draw_at(axes, table[table["effect"] == effect], curves[curves["effect"] == effect], names)
            axes.set_title(f"Power at a slope of {effect:g}", fontsize=7.5)
        _draw_smallest(grid[-1], table, names)
        handles, labels = grid[-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)

    first = table["estimate"].iloc[0]
    row = table[(table["estimate"] == first) & (table["effect"] == effects[0])].iloc[0]
    needed = f"about {row['axons_needed']:.0f} axons" if np.isfinite(row["axons_needed"]) else "more axons than these tables can tell"
    sentence = f"For a slope of {effects[0]:g}, power .8 of the {first} needs {needed}."
    caption = (
        "Points are simulated tables, lines the curve through all cells of an estimate, also beyond what was simulated. Right: the "
        f"smallest slope that is found with power .8: with {row['n_axons']} axons {number_text(row['smallest_slope'])} for the {first}."
    )
    return Drawn("power-axons", title, sentence, caption, draw_svg("axons", (WIDTH, 2.9), fill), ("power.csv", "curves.csv"))


def _draw_at(axes: Axes, rows: pd.DataFrame, curves: pd.DataFrame, names: list[str]) -> None:
    """Power of every estimate over the number of axons at one slope."""
    axes.axhline(WANTED, color=MUTED, linewidth=0.7, linestyle=(0, (3, 2)), zorder=0)
    for colour, name in zip(OF_ESTIMATES, names, strict=False):
        mine, curve = rows[rows["estimate"] == name], curves[curves["estimate"] == name].sort_values("n_axons")
        axes.plot(curve["n_axons"], curve["power"], color=colour, linewidth=1.1)
        axes.plot(mine["n_axons"], mine["power"], "o", color=colour, markersize=3.5)
    _over_axons(axes, rows)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("share of tables")


def _draw_smallest(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    """The smallest slope that is found with power .8, with its interval."""
    for place, (colour, name) in enumerate(zip(OF_ESTIMATES, names, strict=False)):
        rows = table[table["estimate"] == name].drop_duplicates("n_axons").sort_values("n_axons")
        at = rows["n_axons"] * 1.03 ** (place - len(names) / 2)  # beside each other, so that intervals are seen
        reach = np.abs(rows[["smallest_low", "smallest_high"]].to_numpy().T - rows["smallest_slope"].to_numpy())
        axes.errorbar(at, rows["smallest_slope"], reach, fmt="o-", color=colour, markersize=3.5, linewidth=1.0, label=plain(name))
    _over_axons(axes, table)
    axes.set_ylim(bottom=0)
    axes.set_title("Smallest slope with power .8", fontsize=7.5)
    axes.set_ylabel("slope, without its sign")


def _over_axons(axes: Axes, rows: pd.DataFrame) -> None:
    """A logarithmic axis of numbers of axons, with those that were simulated as ticks."""
    at = sorted(rows["n_axons"].unique())
    axes.set_xscale("log")
    axes.set_xticks(at, [f"{n}" for n in at])
    axes.minorticks_off()
    axes.set_xlabel("axons")
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
