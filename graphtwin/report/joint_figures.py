"""Figures of all similarities together: joint slopes, shares of deviance, held-out axons, common input and motifs."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from graphtwin.report.figures import WIDTH, Absent, Block, Drawn, draw_interval_rows, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.palette import BLUE, GREEN, GREY, ORANGE, VERMILLION
from graphtwin.report.words import number, per_cent

ROW = 0.23  # inches a row of a forest
ONLY_SYNAPSES = "asked for synapse_density only"


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
        draw_interval_rows(axes, labels, values, colours, reference)
        axes.set_xlabel(x)

    return Drawn(key, title, sentence, caption, draw_svg(key, title, (WIDTH, 0.9 + ROW * len(labels)), fill), (file,))


def slopes(run: RunFolder) -> Block:
    """Joint slopes a SD, beside what each predictor shows alone."""
    title, table = "Slopes of all predictors at once", run.table("joint")
    if table is None:
        return Absent("joint-slopes", title, "no joint model was fitted (joint.parquet).")
    sd = table["sd"]
    values = (table[["estimate", "low", "high"]].to_numpy() * sd.to_numpy()[:, None]).astype(np.float64)
    clear = (table["low"] > 0) | (table["high"] < 0)
    rows = np.arange(len(table))

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        labels = [f"{row['scale']}: {row['predictor']}, {row['group']}" for _, row in table.iterrows()]
        draw_interval_rows(axes, labels, values, [BLUE if one else GREY for one in clear], 0.0)
        axes.scatter(table["alone"] * sd, rows, marker="|", s=60, color=ORANGE, zorder=3, label="alone")
        axes.scatter(table["mixed"] * sd, rows, marker="x", s=22, color=GREEN, zorder=3, label="mixed model")
        axes.set_xlabel("change of the log outcome with one SD")
        axes.legend(loc="lower right")

    sentence = f"{int(clear.sum())} of {len(table)} joint slopes have an interval without 0."
    caption = (
        "Dots: joint slopes given each axon's total, with 95 % intervals clustered by axon, blue where they exclude 0. Green crosses: the "
        "joint mixed model (none for sizes). Orange: the predictor alone."
    )
    svg = draw_svg("joint-slopes", title, (WIDTH, 0.9 + ROW * len(table)), fill)
    return Drawn("joint-slopes", title, sentence, caption, svg, ("joint.parquet", "collinearity.parquet"))


def commonality(run: RunFolder) -> Block:
    """Unique and shared shares of the deviance within axons."""
    title, table = "What each predictor explains alone, and what they share", run.table("commonality")
    if table is None:
        return Absent("commonality", title, "no joint model was fitted (commonality.parquet).")
    table = table[(table["kind"] == "unique") | (table["share"].abs() > 0.02 * table["share"].abs().max())]
    labels = [f"{row['scale']}: {row['predictors']}, {row['group']}" for _, row in table.iterrows()]
    values = 100 * table[["share", "low", "high"]].to_numpy(np.float64)
    colours = [BLUE if kind == "unique" else ORANGE for kind in table["kind"]]
    unique = table[table["kind"] == "unique"]
    said = []
    for scale, rows in unique.groupby("scale", sort=False):
        best = rows.loc[rows["share"].idxmax()]
        said.append(f"at the {scale} scale {best['predictors']} in {best['group']}, {per_cent(max(best['share'], 0.0))}")
    sentence = f"The largest part of the deviance within axons that nothing else explains is, {'; '.join(said)}."
    caption = (
        "Blue: unique; orange: shared by exactly these predictors (negative where one hides the other). 95 % intervals resample axons."
    )
    return _rows(
        "commonality", title, sentence, caption, labels, values, colours, 0.0, "deviance within axons explained (%)", "commonality.parquet"
    )


def held_out(run: RunFolder) -> Block:
    """Gain of every rule over L_d alone, on axons that were held out."""
    title, table = "Does the rule predict axons it never saw?", run.table("held_out")
    if table is None:
        return Absent("held-out", title, f"{ONLY_SYNAPSES} (held_out.parquet).")
    table = table[table["rule"] != table["reference"]]
    values = table[["gain", "low", "high"]].to_numpy(np.float64)
    colours = [BLUE if low > 0 else VERMILLION if high < 0 else GREY for _, low, high in values]
    best = table.loc[table["gain"].idxmax()]
    interval = f"{number(best['low'])} to {number(best['high'])}"
    sentence = f"The best rule is {best['rule']}: {number(best['gain'])} nats a synapse over L_d alone (95 % {interval})."
    caption = (
        "Log-likelihood of the synapses of held-out axons, given how many each made, minus that under L_d alone; intervals resample axons."
    )
    return _rows(
        "held-out",
        title,
        sentence,
        caption,
        list(table["rule"]),
        values,
        colours,
        0.0,
        "gain over L_d alone (nats a synapse)",
        "held_out.parquet",
    )


def common_input(run: RunFolder) -> Block:
    """Mean correlation of each axon's targets, observed minus expected."""
    title, table = "Do targets of an axon respond alike?", run.table("common_input")
    if table is None:
        return Absent("common-input", title, "needs a neuron table with responses, and axons with 10 partners (common_input.parquet).")
    labels = [f"{row['group']}, {row['effect']} (n = {row['n_axons']})" for _, row in table.iterrows()]
    values = table[["difference", "low", "high"]].to_numpy(np.float64)
    colours = [BLUE if low > 0 else VERMILLION if high < 0 else GREY for _, low, high in values]
    above = int((table["low"] > 0).sum())
    sentence = f"In {above} of {len(table)} comparisons an axon's targets are more correlated than the rule for pairs makes them."
    caption = "Weighted mean signal correlation of an axon's targets, observed minus expected; 95 % intervals resample axons."
    return _rows("common-input", title, sentence, caption, labels, values, colours, 0.0, "observed minus expected", "common_input.parquet")


def motifs(run: RunFolder) -> Block:
    """Counts of motifs over those of rewired graphs."""
    title, table = "Motifs", run.table("motifs")
    if table is None:
        return Absent("motifs", title, f"{ONLY_SYNAPSES}, with at least 10 connected pairs (motifs.parquet).")
    table = table[table["expected"] > 0]
    values = np.column_stack([table["ratio"], table["low"] / table["expected"], table["high"] / table["expected"]]).astype(np.float64)
    labels = [f"{row['motif']} ({row['observed']:,.0f}, p = {row['p_adj']:.2g})" for _, row in table.iterrows()]
    colours = [BLUE if p < 0.05 else GREY for p in table["p_adj"]]
    clear = table[table["p_adj"] < 0.05]
    said = "; ".join(f"{row['motif']} x {number(row['ratio'])}" for _, row in clear.iterrows()) or "none"
    sentence = f"Motifs that differ from rewired graphs at an adjusted p below 0.05: {said}."
    caption = "Dot: observed over expected. Bar: central 95 % of graphs rewired with all degrees (and distances, where known) kept."
    return _rows("motifs", title, sentence, caption, labels, values, colours, 1.0, "count over that of rewired graphs", "motifs.parquet")
