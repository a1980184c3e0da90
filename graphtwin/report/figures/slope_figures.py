"""Figures of one similarity at a time: its curve, its slopes beside the published ones, its nulls, its ranking within axons."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, GREEN, GREY, MUTED, ORANGE, RULE, VERMILLION, plot_intervals, plot_like_to_like
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.tables import why_no_table
from graphtwin.report.words import join_words, number_text, p_text, plain
from graphtwin.statistics import NORMAL_95

PER_ROW = 4  # panels side by side: the width of the page
UNIT = {"synapse_density": "synapses a mm of L_d", "co_travel": "co-travel a pair", "size": "size of a connection"}
SAME = 1.25  # largest ratio of numbers of pairs and of axons at which the published slopes are of the same data; versions differ a little
SIGNIFICANT = 0.05  # largest p that counts as significant: the usual 5 %, two-sided


def draw_curves(run: RunFolder) -> Block:
    """Curves of the outcome over a similarity, a panel a similarity and group."""
    title, table = "How the outcome goes with similarity", run.table("curves")
    if table is None:
        return Absent("curves-figure", title, "no curve could be drawn (curves.parquet).")
    panels = list(table.groupby(["similarity", "group"], sort=False))
    n_rows = -(-len(panels) // PER_ROW)

    def fill(figure: Figure) -> None:
        grid = figure.subplots(n_rows, PER_ROW, squeeze=False)
        for axes, ((similarity, group), rows) in zip(grid.ravel(), panels, strict=False):
            _draw_curve(axes, rows, str(similarity), str(group))
        for axes in grid.ravel()[len(panels) :]:
            axes.set_axis_off()

    outcome = UNIT.get(str(table["outcome"].iloc[0]), str(table["outcome"].iloc[0]))
    caption = (
        f"{outcome[0].upper()}{outcome[1:]} in bins of the similarity over that of all pairs of the group; the band is the 95 % interval "
        "over axons, missing in bins of fewer than 5 axons. The dashed line is no preference."
    )
    return Drawn(
        "curves-figure", title, _curve_sentence(table), caption, draw_svg("curves", (WIDTH, 2.0 * n_rows), fill), ("curves.parquet",)
    )


def _draw_curve(axes: Axes, rows: pd.DataFrame, similarity: str, group: str) -> None:
    plot_like_to_like(rows, similarity, axes)
    axes.set_title(plain(group), fontsize=7.5)


def _curve_sentence(table: pd.DataFrame) -> str:
    """The number of panels in which the outcome rises from the lowest to the highest bin with a band, and where it changes most."""
    ends = []
    for (similarity, group), rows in table.dropna(subset=["low", "relative"]).groupby(["similarity", "group"], sort=False):
        if len(rows) > 1:
            ends.append((f"{similarity} in {group}", float(rows["relative"].iloc[0]), float(rows["relative"].iloc[-1])))
    if not ends:
        return "No panel has two bins of 5 axons."
    risen = sum(last > first for _, first, last in ends)
    name, first, last = max(ends, key=lambda end: abs(end[2] - end[1]))
    return (
        f"From the lowest to the highest bin with a band the relative outcome rises in {risen} of {len(ends)} panels; "
        f"it changes most for {name}, from {number_text(first)} to {number_text(last)}."
    )


def draw_forest(run: RunFolder) -> Block:
    """Robust slopes, and those of the mixed and the conditional model, with the published ones where the names match."""
    title, slopes = "Slopes", run.table("slopes")
    if slopes is None:
        return Absent("forest", title, why_no_table(run, "slopes", "no model converged (slopes.parquet)."))
    table = _all_slopes(slopes, run.table("robust"), run.table("conditional"), of_same_pairs(slopes))
    panels = list(table.groupby("similarity", sort=False))

    def fill(figure: Figure) -> None:
        heights = [len(rows) for _, rows in panels]
        grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for axes, (similarity, rows) in zip(grid[:, 0], panels, strict=True):
            labels = [f"{row['group']}, {row['model']}" for _, row in rows.iterrows()]
            plot_intervals(labels, rows[["estimate", "low", "high"]].to_numpy(np.float64), list(rows["colour"]), 0.0, axes)
            axes.set_title(plain(str(similarity)))

    clear = int((slopes["p_adj"] < SIGNIFICANT).sum())
    sentence = f"{clear} of {len(slopes)} slopes of the mixed model differ from 0 at a p adjusted by Holm below {SIGNIFICANT:g}."
    models = join_words(dict.fromkeys(table["model"]))
    caption = f"Change of the log outcome with one unit of the similarity, with 95 % intervals: {models}."
    height = 0.9 * len(panels) + 0.23 * len(table)
    return Drawn("forest", title, sentence, caption, draw_svg("forest", (WIDTH, height), fill), ("slopes.parquet",))


def _all_slopes(
    slopes: pd.DataFrame, robust: pd.DataFrame | None, conditional: pd.DataFrame | None, published: pd.DataFrame | None
) -> pd.DataFrame:
    """Rows of every model with a colour each, groups together."""
    parts = [] if robust is None else [robust.assign(model="robust", colour=VERMILLION)]
    parts.append(slopes.assign(model="mixed model", colour=BLUE))
    if conditional is not None:
        parts.append(conditional.assign(model="conditional model", colour=GREEN))
    if published is not None and len(published):
        parts.append(published.assign(model="Ding et al. 2025", colour=GREY))
    table = pd.concat(parts, ignore_index=True)
    for name, sign in (("low", -1), ("high", 1)):
        normal = table["estimate"] + sign * NORMAL_95 * table["se"]
        table[name] = table[name].fillna(normal) if name in table else normal  # the conditional model has Student's t instead
    return table.sort_values(["similarity", "group"], kind="stable")


def draw_sensitivity(run: RunFolder) -> Block:
    """The robust slope beside what other choices make of it."""
    title, table = "Does the slope hang on a choice?", run.table("sensitivity")
    if table is None or table["estimate"].isna().all():
        return Absent("sensitivity", title, why_no_table(run, "sensitivity", "no variant could be fitted (sensitivity.parquet)."))
    table = table[table["estimate"].notna()]
    panels = list(table.groupby(["similarity", "group"], sort=False))

    def fill(figure: Figure) -> None:
        grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[len(rows) for _, rows in panels])
        for axes, ((similarity, group), rows) in zip(grid[:, 0], panels, strict=True):
            colours = [VERMILLION if variant == "robust" else BLUE for variant in rows["variant"]]
            plot_intervals(list(rows["variant"]), rows[["estimate", "low", "high"]].to_numpy(np.float64), colours, 0.0, axes)
            axes.set_title(plain(f"{similarity}, {group}"))

    robust = table[table["variant"] == "robust"].set_index(["similarity", "group"])["estimate"]
    same = (
        np.sign(table["estimate"]).to_numpy()
        == np.sign(robust.reindex(pd.MultiIndex.from_frame(table[["similarity", "group"]]))).to_numpy()
    )
    sentence = f"{int(same.sum())} of {len(table)} slopes have the sign of the robust slope of their group."
    caption = (
        "Change of the log outcome with one unit of the similarity, with 95 % intervals. Mixed models hold the same geometry; without the "
        "largest: the tenth of the axons (or targets) that have the most synapses is left out."
    )
    height = 0.9 * len(panels) + 0.23 * len(table)
    svg = draw_svg("sensitivity", (WIDTH, height), fill)
    return Drawn("sensitivity", title, sentence, caption, svg, ("sensitivity.parquet",))


def draw_moran(run: RunFolder) -> Block:
    """Moran's I of function and of what the model leaves of the wiring, over distance, a panel a similarity and group."""
    title, table = "Are function and wiring smooth in space?", run.table("moran")
    if table is None:
        return Absent("moran", title, why_no_table(run, "moran", "positions of the cells are not known (moran.parquet)."))
    panels = list(table.groupby(["similarity", "group"], sort=False))
    n_rows = -(-len(panels) // PER_ROW)

    def fill(figure: Figure) -> None:
        grid = figure.subplots(n_rows, PER_ROW, squeeze=False)
        for axes, ((similarity, group), rows) in zip(grid.ravel(), panels, strict=False):
            for (what, part), colour in zip(rows.groupby("what", sort=True), (GREEN, VERMILLION), strict=False):
                _draw_index(axes, part, str(what), colour)
            axes.set_title(plain(f"{similarity}, {group}"), fontsize=7.5)
        grid[0, 0].legend(fontsize=6.5, frameon=False)
        for axes in grid.ravel()[len(panels) :]:
            axes.set_axis_off()

    clear = table[table["p"] <= SIGNIFICANT].groupby("what").size()
    said = [f"{what} in {int(clear.get(what, 0))} of {int((table['what'] == what).sum())} bins" for what in sorted(table["what"].unique())]
    sentence = f"Near targets are alike or unlike beyond chance (p at most {SIGNIFICANT:g}) by {join_words(said)}."
    caption = (
        "Moran's I of two targets at a distance: similarity to the same axon (function), and the residual of the model of its synapses. "
        "Bands: 95 % of permutations. Where both rise at short distances, only nulls that keep smoothness are valid."
    )
    svg = draw_svg("moran", (WIDTH, 2.2 * n_rows), fill)
    return Drawn("moran", title, sentence, caption, svg, ("moran.parquet",))


def _draw_index(axes: Axes, rows: pd.DataFrame, what: str, colour: str) -> None:
    centre = (rows["low_um"] + rows["high_um"]) / 2
    reach = NORMAL_95 * rows["null_sd"]
    axes.axhline(0.0, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.fill_between(centre, rows["null_mean"] - reach, rows["null_mean"] + reach, color=colour, alpha=0.15, linewidth=0)
    axes.plot(centre, rows["moran_i"], "o-", color=colour, markersize=2.5, label=what)
    axes.set_xlabel("distance of targets (µm)", fontsize=7)
    axes.grid(color=RULE, linewidth=0.5)


def of_same_pairs(slopes: pd.DataFrame) -> pd.DataFrame:
    """The bundled published slopes of the same columns, outcome and groups, where these are of about as many pairs of as many axons.

    Another volume or a simulation may have columns of these names: its numbers of pairs and axons are others, and no published point
    stands beside it.

    Args:
        slopes: similarity, outcome, group, n_pairs, n_axons.
    """
    from graphtwin.sources.loaders import published_slopes

    table = published_slopes()
    keys = ["similarity", "outcome", "group"]
    both = table.merge(slopes[[*keys, "n_pairs", "n_axons"]].drop_duplicates(keys), on=keys, suffixes=("", "_ours"))
    alike = np.logical_and.reduce([(both[f"{n}_ours"] / both[n]).between(1 / SAME, SAME) for n in ("n_pairs", "n_axons")])
    return both.loc[alike, table.columns]


def draw_nulls(run: RunFolder) -> Block:
    """Observed conditional slopes beside the spread of every null."""
    title, table = "Is the slope more than chance?", run.table("nulls")
    if table is None:
        return Absent("nulls", title, why_no_table(run, "nulls", "they were not asked for: --nulls was 0 (nulls.parquet)."))
    labels = [f"{row['similarity']}, {row['group']}: {row['null']} ({p_text(row['p'])})" for _, row in table.iterrows()]
    scale = table["null_sd"].replace(0.0, np.nan)
    values = np.column_stack([np.zeros(len(table)), np.full(len(table), -NORMAL_95), np.full(len(table), NORMAL_95)])
    observed = ((table["estimate"] - table["null_mean"]) / scale).to_numpy(np.float64)

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        plot_intervals(labels, values, [GREY] * len(table), 0.0, axes)
        colours = [VERMILLION if p < SIGNIFICANT else BLUE for p in table["p"]]
        axes.scatter(observed, np.arange(len(table)), color=colours, s=28, zorder=3)
        axes.set_xlabel("slope minus mean of the null, in SD of the null")

    clear, tested = int((table["p"] < SIGNIFICANT).sum()), int(table["p"].notna().sum())
    sentence = f"{clear} of {tested} comparisons with a null have p below {SIGNIFICANT:g}; with n replicates no p is below 1 / (n + 1)."
    if tested < len(table):
        sentence += f" {len(table) - tested} could not be tested: there the null never changes the slope."
    caption = (
        "Grey: central 95 % of the null (normal). Dot: the observed conditional slope, red where its two-sided p is below 0.05. "
        "That of the smooth field is too small where function is organised in layers."
    )
    return Drawn("nulls", title, sentence, caption, draw_svg("nulls", (WIDTH, 0.9 + 0.23 * len(table)), fill), ("nulls.parquet",))


def draw_ranking_within_axons(run: RunFolder) -> Block:
    """AUC within each axon's candidates."""
    title, table = "Does similarity rank an axon's candidates?", run.table("within_axons")
    if table is None:
        return Absent("ranking", title, why_no_table(run, "within_axons", "asked of synapse_density only (within_axons.parquet)."))
    chosen = table[table["metric"].isin(["auc", "auc_within_l_d"])]
    words = {"auc": "all candidates", "auc_within_l_d": "candidates of like L_d"}
    labels = [f"{row['similarity']}, {row['group']}: {words[row['metric']]}" for _, row in chosen.iterrows()]
    colours = [BLUE if metric == "auc" else ORANGE for metric in chosen["metric"]]

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        plot_intervals(labels, chosen[["estimate", "low", "high"]].to_numpy(np.float64), colours, 0.5, axes)
        axes.set_xlabel("AUC, mean over axons")

    whole = chosen[chosen["metric"] == "auc"]
    least, most = (
        f"{number_text(row['estimate'])} ({row['similarity']}, {row['group']})"
        for row in (whole.loc[whole["estimate"].idxmin()], whole.loc[whole["estimate"].idxmax()])
    )
    sentence = f"Mean AUC of connected over unconnected candidates of the same axon (0.5 is chance): from {least} to {most}."
    caption = "95 % intervals resample axons. For a distance, an AUC below 0.5 means that near cells are preferred."
    return Drawn(
        "ranking", title, sentence, caption, draw_svg("ranking", (WIDTH, 0.9 + 0.23 * len(chosen)), fill), ("within_axons.parquet",)
    )
