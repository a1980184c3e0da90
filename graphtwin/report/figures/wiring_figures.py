"""Figure of like-to-like wiring: partners against matched non-partners of the same axons."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.evaluation import LEVEL
from graphtwin.plots import BLUE, GREEN, GREY, MUTED, ORANGE, PURPLE, RULE, SKY, VERMILLION, plot_intervals
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import join_words, number_text, p_text, unit_text

LABELS = {"signal_correlation": "signal correlation", "orientation_difference": "orientation difference"}
LIKER = {"signal_correlation": 1, "orientation_difference": -1}  # sign of a difference that means like to like
MODEL_COLOURS = {"alone": GREY, "with geometry": SKY, "robust": BLUE}
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)


def draw_wiring(run: RunFolder) -> list[Block]:
    """Partners against matched non-partners, and the slopes of the conditional model."""
    return [draw_matched(run), draw_conditional(run)]


def draw_conditional(run: RunFolder) -> Block:
    """Slopes of who connects on similarity, alone and with the geometry between somata held fixed."""
    title, table = "Does similarity decide who connects, once place is held fixed?", run.table("conditional_like_to_like")
    if table is None:
        reason = "fewer than 5 axons of known tuning and position have a queried partner that is known so too"
        return Absent("conditional", title, f"{reason} (conditional_like_to_like.parquet).")
    measures = list(dict.fromkeys(table["similarity"]))

    def fill(figure: Figure) -> None:
        for axes, measure in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures, strict=True):
            rows = table[table["similarity"] == measure]
            labels = [f"{row['materialization']}, {row['model']}" for _, row in rows.iterrows()]
            colours = [MODEL_COLOURS[model] for model in rows["model"]]
            plot_intervals(labels, rows[["estimate", "low", "high"]].to_numpy(np.float64), colours, 0.0, axes)
            axes.set_title(LABELS.get(measure, measure).capitalize())
            axes.set_xlabel("slope a unit (log odds of being chosen)")

    alone, robust = (table[(table["model"] == model) & (table["note"] == "")] for model in ("alone", "robust"))
    said = [
        f"{LABELS.get(row['similarity'], row['similarity'])} at {row['materialization']} "
        f"{number_text(row['estimate'])} [{number_text(row['low'])}, {number_text(row['high'])}] ({p_text(row['p_spatial'])})"
        for _, row in robust.iterrows()
    ]
    clear = int(((alone["low"] > 0) | (alone["high"] < 0)).sum())
    left = f"the robust slope, with the p of equally smooth function, is {join_words(said)}" if said else "there is no robust slope"
    sentence = f"Alone, {clear} of {len(alone)} slopes have an interval without 0; with distance and offsets held fixed {left}."
    bounds = [str(name) for name in dict.fromkeys(table["within"]) if name]
    reached = (
        f"The cells are those that it could have reached ({join_words(bounds)} above 0), and synapses are expected in proportion; "
        f"distance, difference in {run.axes()[1]} and their squares are held besides (with geometry)"
        if bounds
        else "No exposure says which cells it could have reached: "
        f"distance, difference in {run.axes()[1]} and their squares stand in (with geometry)"
    )
    caption = (
        f"Conditional Poisson regression: which queried cells got an axon's synapses, given how many it made. {reached}, or "
        "splines of distance and of the offsets along and between the axes (robust). 95 % intervals clustered by axon, of the robust slope "
        f"with what axons share through space; n = {int(table['n_axons'].min()):,} to {int(table['n_axons'].max()):,} axons. The p of "
        "equally smooth function is too small where function is organised in layers: there the interval is what protects a claim."
    )
    svg = draw_svg("conditional", (WIDTH, 1.0 + 0.28 * len(table) / max(len(measures), 1)), fill)
    return Drawn("conditional", title, sentence, caption, svg, ("conditional_like_to_like.parquet",))


def draw_matched(run: RunFolder) -> Block:
    """Partners against matched non-partners of the same axons."""
    title = "Do axons prefer targets of like function?"
    summary, axons = run.table("like_to_like"), run.table("like_to_like_axons")
    summary = None if summary is None else summary[summary["n_axons"] > 0]
    if summary is None or axons is None or summary.empty:
        reason = "no axon of known tuning and position has a queried partner that is known so too, and 10 matched controls"
        return Absent("like-to-like", title, f"{reason} (like_to_like.parquet).")
    measures = [str(name) for name in dict.fromkeys(summary["measure"])]

    def fill(figure: Figure) -> None:
        grid = figure.subplots(len(measures), 2, squeeze=False, width_ratios=[0.8, 1.2])
        for row, measure in zip(grid, measures, strict=True):
            _draw_axons(row[0], axons[axons["measure"] == measure], measure)
            _draw_summary(row[1], summary[summary["measure"] == measure], measure)

    caption = (
        f"Left: each dot is an axon, its partners' mean against that of non-partners at the same offset in {run.axes()[1]} and "
        "beside it; on the diagonal there is no preference. Right: mean difference over axons with its 95 % bootstrap interval and "
        f"the p-value of dealing the targets' function anew within scan and layer. {_sizes(summary)}."
    )
    svg = draw_svg("like-to-like", (WIDTH, 2.75 * len(measures)), fill)
    files = ("like_to_like.parquet", "like_to_like_axons.parquet")
    return Drawn("like-to-like", title, like_sentence(summary), caption, svg, files)


def like_sentence(summary: pd.DataFrame) -> str:
    """The difference in each measure for the latest materialization, all axons and proofread axons, and how many are clear.

    Axons share targets, so that an interval over axons alone is too often clear; the permutation test is not (see
    `matched.compare_with_matched`).
    """
    latest = summary[summary["materialization"] == summary["materialization"].max()]
    parts = []
    for measure, rows in latest.groupby("measure", sort=False):
        said = [f"{_difference(row)} over {int(row['n_axons']):,} {row['subset']}" for _, row in rows.iterrows()]
        parts.append(f"{LABELS.get(measure, measure)} {join_words(said)}")
    clear = summary[[_preference(row) == 1 for _, row in summary.iterrows()]]
    confirmed = int((clear["p_permutation"] <= LEVEL).sum())
    return (
        f"Partners minus matched non-partners at materialization {latest['materialization'].iloc[0]}, 95 % intervals in brackets: "
        f"{'; '.join(parts)}; {len(clear)} of {len(summary)} intervals exclude 0 on the side of like to like, {confirmed} of them with a "
        f"permutation p ≤ {LEVEL}."
    )


def _difference(row: pd.Series) -> str:
    low, high = (_signed(row[name], row["unit"]) for name in ("low", "high"))
    return f"{_signed(row['difference'], row['unit'])}{unit_text(row['unit'])} [{low} to {high}]"


def _signed(value: float, unit: str) -> str:
    return number_text(value, unit) if not np.isfinite(value) or value <= 0 else f"+{number_text(value, unit)}"


def _preference(row: pd.Series) -> int:
    """1 where the interval says like to like, -1 where it says the opposite, 0 where it includes 0."""
    return (int(row["low"] > 0) - int(row["high"] < 0)) * LIKER.get(row["measure"], 1)


def _sizes(summary: pd.DataFrame) -> str:
    said = [
        f"{LABELS.get(row['measure'], row['measure'])}, {row['materialization']}: "
        f"n = {int(row['n_axons']):,} axons, {int(row['n_partners']):,} pairs"
        for _, row in summary[summary["subset"] == summary["subset"].iloc[0]].iterrows()
    ]
    return "; ".join(said).capitalize()


def _draw_axons(axes: Axes, axons: pd.DataFrame, measure: str) -> None:
    for colour, (materialization, rows) in zip(cycle(COLOURS), axons.groupby("materialization", sort=True), strict=False):
        axes.scatter(rows["control"], rows["connected"], s=4, color=colour, alpha=0.35, linewidths=0, rasterized=True)
        axes.plot([], [], "o", color=colour, markersize=4, label=f"{materialization}")
    axes.axline((0, 0), slope=1, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    unit = axons["unit"].iloc[0] if len(axons) else "1"
    of_unit = "" if unit == "1" else f" ({unit})"
    axes.set(xlabel=f"matched non-partners{of_unit}", ylabel=f"partners{of_unit}")
    axes.set_title(LABELS.get(measure, measure).capitalize())
    axes.legend(title="materialization", title_fontsize=6.5, fontsize=6.5, loc="upper left", handletextpad=0.1, borderpad=0.1)
    axes.grid(color=RULE, linewidth=0.6)


def _draw_summary(axes: Axes, summary: pd.DataFrame, measure: str) -> None:
    labels = [f"{row['materialization']}, {row['subset']}\n(n = {int(row['n_axons']):,})" for _, row in summary.iterrows()]
    tones = {1: BLUE, -1: VERMILLION, 0: GREY}
    colours = [tones[_preference(row)] for _, row in summary.iterrows()]
    plot_intervals(labels, summary[["difference", "low", "high"]].to_numpy(np.float64), colours, 0.0, axes)
    for place, p in enumerate(summary["p_permutation"]):
        if np.isfinite(p):
            axes.text(1.0, place, p_text(p), transform=axes.get_yaxis_transform(), va="center", ha="left", fontsize=6.5, color=MUTED)
    unit = summary["unit"].iloc[0]
    arrow = "→ like to like" if LIKER.get(measure, 1) > 0 else "← like to like"
    axes.set_xlabel(f"partners minus non-partners{'' if unit == '1' else f' ({unit})'}, {arrow}")
