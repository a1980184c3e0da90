"""Figures of all similarities together: joint slopes, shares of deviance, held-out axons, common input and motifs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, GREEN, GREY, ORANGE, VERMILLION, plot_intervals
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.tables import why_no_table
from graphtwin.report.words import join_words, number_text, p_text, per_cent

SCALES = ("axonal", "synaptic", "size")  # scales from who comes close to how large a connection is
ROW = 0.23  # height of a row of a forest, inches
LONGEST_LABEL = 45  # most characters on one line of a label
WORTH_A_ROW = 0.05  # share of a scale's largest share that is worth a row: smaller shared parts are in the table only
REFERENCE_PREFIX = "L_d, "  # beginning of the names of rules that hold L_d, as the reference does
LEAST_EXPECTED = 1.0  # least expected number of a motif: below it a ratio says nothing
ONLY_SYNAPSES = "asked of synapse_density only"


def _rows(
    key: str,
    title: str,
    sentence: str,
    caption: str,
    labels: list[str],
    values: np.ndarray,
    colours: list[str],
    reference: float,
    x: str,
    file: str,
) -> Drawn:
    """A forest of intervals."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        plot_intervals(labels, values, colours, reference, axes)
        axes.set_xlabel(x)

    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 0.9 + ROW * len(labels)), fill), (file,))


def draw_joint_slopes(run: RunFolder) -> Block:
    """Joint slopes a SD, beside what each predictor shows alone and what the joint mixed model finds; a panel a scale."""
    title, table = "Slopes of all predictors at once", run.table("joint")
    if table is None:
        return Absent("joint-slopes", title, why_no_table(run, "joint", "no joint model was fitted (joint.parquet)."))
    table = _groups_together(table.assign(label=table["predictor"] + ", " + table["group"]), "predictor")

    def fill(axes: Axes, rows: pd.DataFrame) -> None:
        y, sd = np.arange(len(rows)), rows["sd"]
        clear = (rows["low"] > 0) | (rows["high"] < 0)
        values = (rows[["estimate", "low", "high"]].to_numpy() * sd.to_numpy()[:, None]).astype(np.float64)
        plot_intervals(list(rows.index), values, [BLUE if one else GREY for one in clear], 0.0, axes)
        axes.scatter(rows["alone"] * sd, y, marker="|", s=60, color=ORANGE, zorder=3)
        axes.scatter(rows["mixed"] * sd, y, marker="x", s=22, color=GREEN, zorder=3)

    clear = int(((table["low"] > 0) | (table["high"] < 0)).sum())
    sentence = f"{clear} of {len(table)} joint slopes have an interval without 0."
    caption = (
        "Change of the log outcome with one SD. Dots: joint slopes given each axon's total, with 95 % intervals clustered by axon, blue "
        "where they exclude 0. Green crosses: the joint mixed model. Orange: the predictor alone."
    )
    svg = _by_scale("joint-slopes", title, table, fill, "change with one SD")
    return Drawn("joint-slopes", title, sentence, caption, svg, ("joint.parquet", "collinearity.parquet"))


def draw_commonality(run: RunFolder) -> Block:
    """Unique and shared shares of the deviance within axons; a panel a scale."""
    title, table = "What each predictor explains alone, and what they share", run.table("commonality")
    if table is None:
        return Absent("commonality", title, why_no_table(run, "joint", "no joint model was fitted (commonality.parquet)."))
    largest = table.groupby("scale")["share"].transform(lambda share: share.abs().max())
    table = table[(table["kind"] == "unique") | (table["share"].abs() > WORTH_A_ROW * largest)]
    table = table.assign(label=[_two_lines(f"{row['predictors']}, {row['group']}") for _, row in table.iterrows()])
    table = _groups_together(table.sort_values("kind", key=lambda kind: kind != "unique", kind="stable"), "predictors")

    def fill(axes: Axes, rows: pd.DataFrame) -> None:
        colours = [BLUE if kind == "unique" else ORANGE for kind in rows["kind"]]
        plot_intervals(list(rows.index), 100 * rows[["share", "low", "high"]].to_numpy(np.float64), colours, 0.0, axes)

    said = []
    for scale, rows in table[table["kind"] == "unique"].groupby("scale", sort=False):
        best = rows.loc[rows["share"].idxmax()]
        said.append(f"at the {scale} scale {best['predictors']} in {best['group']}, {per_cent(max(best['share'], 0.0))}")
    sentence = f"The largest part of the deviance within axons that nothing else explains is, {'; '.join(said)}."
    caption = (
        "Share of the deviance within axons. Blue: unique; orange: shared by exactly these predictors (negative where one hides the "
        f"other), where it is above {100 * WORTH_A_ROW:.0f} % of the largest. 95 % intervals resample axons."
    )
    svg = _by_scale("commonality", title, table, fill, "deviance (%)")
    return Drawn("commonality", title, sentence, caption, svg, ("commonality.parquet",))


def _groups_together(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows of one predictor below each other, predictors in the order in which they first occur."""
    order = {name: place for place, name in enumerate(dict.fromkeys(table[column]))}
    return table.sort_values(column, key=lambda names: names.map(order), kind="stable")


def _two_lines(label: str) -> str:
    """A long list of predictors broken after an `&` near its middle."""
    parts = label.split(" & ")
    half = -(-len(parts) // 2)
    return label if len(label) <= LONGEST_LABEL or len(parts) == 1 else f"{' & '.join(parts[:half])} &\n{' & '.join(parts[half:])}"


def _by_scale(key: str, title: str, table: pd.DataFrame, fill: Callable[[Axes, pd.DataFrame], None], x: str) -> str:
    """A panel a scale with the rows of all scales, empty where a scale has not the row."""
    labels, scales = list(dict.fromkeys(table["label"])), [scale for scale in SCALES if (table["scale"] == scale).any()]
    n_lines = len(labels) + sum(label.count("\n") for label in labels)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(1, len(scales), squeeze=False, sharey=True)[0]
        for axes, scale in zip(grid, scales, strict=True):
            fill(axes, table[table["scale"] == scale].set_index("label").reindex(labels))
            axes.set_title(scale)
            axes.set_xlabel(x)

    return draw_svg(key, (WIDTH, 0.9 + ROW * n_lines), draw)


def draw_held_out_axons(run: RunFolder) -> Block:
    """Gain of every rule over L_d alone, on axons that were held out."""
    title, table = "Does the rule predict axons it never saw?", run.table("held_out")
    if table is None:
        return Absent("held-out", title, why_no_table(run, "held_out", f"{ONLY_SYNAPSES} (held_out.parquet)."))
    table = table[table["rule"] != table["reference"]]
    with_l_d = table["rule"].str.startswith(REFERENCE_PREFIX)
    panels = [rows for rows in (table[with_l_d], table[~with_l_d]) if len(rows)]

    def fill(figure: Figure) -> None:
        grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[len(rows) + 0.5 for rows in panels])[:, 0]
        for axes, rows in zip(grid, panels, strict=True):
            values = rows[["gain", "low", "high"]].to_numpy(np.float64)
            colours = [BLUE if low > 0 else VERMILLION if high < 0 else GREY for _, low, high in values]
            plot_intervals(list(rows["rule"]), values, colours, 0.0, axes)
        grid[-1].set_xlabel("gain over L_d alone (nats a synapse)")

    best = table.loc[table["gain"].idxmax()]
    interval = f"{number_text(best['low'])} to {number_text(best['high'])}"
    sentence = f"The best rule is {best['rule']}: {number_text(best['gain'])} nats a synapse over L_d alone (95 % {interval})."
    caption = (
        "Log-likelihood of the synapses of held-out axons, given how many each made, minus that under L_d alone; intervals resample axons. "
        "Rules without L_d have a scale of their own."
    )
    svg = draw_svg("held-out", (WIDTH, 0.6 + 0.4 * len(panels) + ROW * len(table)), fill)
    return Drawn("held-out", title, sentence, caption, svg, ("held_out.parquet",))


def draw_common_input(run: RunFolder) -> Block:
    """Mean correlation of each axon's targets, observed minus expected."""
    title, table = "Do targets of an axon respond alike?", run.table("common_input")
    if table is None:
        return Absent("common-input", title, why_no_table(run, "common_input", f"{ONLY_SYNAPSES} (common_input.parquet)."))
    labels = [f"{row['group']}, {row['effect']} (n = {row['n_axons']})" for _, row in table.iterrows()]
    values = table[["difference", "low", "high"]].to_numpy(np.float64)
    colours = [BLUE if low > 0 else VERMILLION if high < 0 else GREY for _, low, high in values]
    above = int((table["low"] > 0).sum())
    sentence = f"In {above} of {len(table)} comparisons an axon's targets are more correlated than the rule for pairs makes them."
    caption = "Weighted mean signal correlation of an axon's targets, observed minus expected; 95 % intervals resample axons."
    return _rows("common-input", title, sentence, caption, labels, values, colours, 0.0, "observed minus expected", "common_input.parquet")


def draw_motifs(run: RunFolder) -> Block:
    """Counts of motifs over those of rewired graphs."""
    title, table = "Motifs", run.table("motifs")
    if table is None:
        return Absent("motifs", title, why_no_table(run, "motifs", f"{ONLY_SYNAPSES} (motifs.parquet)."))
    rare = table.loc[table["expected"] < LEAST_EXPECTED, "motif"]
    table = table[table["expected"] >= LEAST_EXPECTED]
    if table.empty:
        return Absent("motifs", title, f"rewired graphs have less than one on average of every motif: {join_words(rare)} (motifs.parquet).")
    values = np.column_stack([table["ratio"], table["low"] / table["expected"], table["high"] / table["expected"]]).astype(np.float64)
    labels = [f"{row['motif']} ({row['observed']:,.0f}, {p_text(row['q'], 'q')})" for _, row in table.iterrows()]
    colours = [BLUE if p < 0.05 else GREY for p in table["q"]]
    clear = table[table["q"] < 0.05]
    said = "; ".join(f"{row['motif']} x {number_text(row['ratio'])}" for _, row in clear.iterrows()) or "none"
    sentence = f"Motifs that differ from rewired graphs at a false discovery rate (q) below 0.05: {said}."
    caption = "Dot: observed over expected. Bar: central 95 % of graphs rewired with all degrees (and distances, where known) kept."
    untested = table.loc[table["p"].isna(), "motif"]
    caption += f" Not testable, for rewiring never changes its number: {join_words(untested)}." if len(untested) else ""
    caption += f" Not shown, for rewired graphs have less than one on average: {join_words(rare)}." if len(rare) else ""
    return _rows("motifs", title, sentence, caption, labels, values, colours, 1.0, "count over that of rewired graphs", "motifs.parquet")
