"""The five figures of the study."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import plot_intervals
from graphtwin.report.figures import BLUE, GREEN, GREY, MUTED, ORANGE, PURPLE, RULE, STYLE, VERMILLION, WIDTH

KINDS = {
    "dead_leaves": "movies (held out)",
    "natural_images": "natural images",
    "drifting_gratings": "drifting gratings",
    "gabors": "Gabors",
    "pink_noise": "directional pink noise",
    "random_dots": "random dots",
    "gaussian_noise": "Gaussian noise",
}
TITLES = {
    "cc_norm": "cc_norm",
    "single_trial_correlation": "single-trial correlation",
    "feve": "FEVE",
    "bits_per_response": "bits per response",
}
WAYS = {"trained alone": BLUE, "transferred": VERMILLION, "alone": BLUE, "transfer": VERMILLION}


def draw_generalisation(table: pd.DataFrame) -> Figure:
    """Medians by kind of stimulus; thick: interval over units, thin: over stimuli."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.25, 3.3), layout="constrained")
        panels = figure.subplots(1, len(TITLES), sharey=True)
        kinds = [kind for kind in KINDS if (table["kind"] == kind).any()]
        for axes, (score, title) in zip(panels, TITLES.items(), strict=True):
            for place, (twin, group) in enumerate(table[table["score"] == score].groupby("twin", sort=False)):
                rows = group.set_index("kind").loc[kinds]
                _medians(axes, rows, np.arange(len(kinds)) + 0.3 * (place - 0.5), WAYS[str(twin)], str(twin))
            axes.set_title(title)
            axes.grid(axis="x", color=RULE, linewidth=0.6)
            axes.axhline(0.5, color=MUTED, linewidth=0.7, linestyle=":")
        panels[0].set_yticks(range(len(kinds)), [textwrap.fill(KINDS[kind], 16) for kind in kinds])
        panels[0].set_ylim(len(kinds) - 0.5, -0.5)
        panels[0].set_xlim(right=1)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _medians(axes: Axes, rows: pd.DataFrame, where: np.ndarray, colour: str, label: str) -> None:
    """Points with both intervals."""
    axes.hlines(where, rows["units_low"], rows["units_high"], color=colour, linewidth=3.2, alpha=0.45)
    axes.hlines(where, rows["stimuli_low"], rows["stimuli_high"], color=colour, linewidth=0.9)
    axes.plot(rows["median"], where, "o", color=colour, markersize=3.6, label=label)


def draw_transfer(table: pd.DataFrame) -> Figure:
    """Minutes of data against cc_norm and bits, on movies and gratings; bands over units."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        panels = figure.subplots(1, 3)
        asked = (("cc_norm", "dead_leaves"), ("cc_norm", "drifting_gratings"), ("bits_per_response", "dead_leaves"))
        for axes, (score, kind) in zip(panels, asked, strict=True):
            for way, group in table[(table["score"] == score) & (table["kind"] == kind)].groupby("way"):
                rows = group.sort_values("minutes")
                seconds = f"{rows['core_seconds'].min():.0f} to {rows['core_seconds'].max():.0f} core-seconds"
                axes.plot(rows["minutes"], rows["median"], "o-", color=WAYS[str(way)], markersize=4, label=f"{way}, {seconds}")
                axes.fill_between(rows["minutes"], rows["units_low"], rows["units_high"], color=WAYS[str(way)], alpha=0.2, linewidth=0)
                axes.vlines(rows["minutes"], rows["stimuli_low"], rows["stimuli_high"], color=WAYS[str(way)], linewidth=0.8)
            axes.set(xscale="log", xlabel="minutes of the new animal", title=f"{TITLES[score]},\n{KINDS[kind]}")
            axes.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
            axes.minorticks_off()
            axes.grid(axis="y", color=RULE, linewidth=0.6)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_models(cores: pd.DataFrame, families: pd.DataFrame) -> Figure:
    """Cores on movies and gratings; families in bits."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
        panels = figure.subplots(1, 3)
        for axes, kind in zip(panels[:2], ("dead_leaves", "drifting_gratings"), strict=True):
            _rows(axes, cores[(cores["kind"] == kind) & (cores["score"] == "cc_norm")], "core", VERMILLION)
            axes.set_title(f"cc_norm, {KINDS[kind]}")
        _rows(panels[2], families[(families["kind"] == "dead_leaves") & (families["score"] == "binned_bits_per_response")], "family", GREEN)
        panels[2].axvline(0, color=MUTED, linewidth=0.7)
        panels[2].set_title("bits per response, movies;\none scale of bins")
    return figure


def _rows(axes: Axes, rows: pd.DataFrame, name: str, colour: str) -> None:
    labels = [textwrap.fill(str(value).replace("_", " "), 13) for value in rows[name]]
    plot_intervals(labels, rows[["median", "units_low", "units_high"]].to_numpy(float), [colour] * len(rows), axes=axes)


def draw_population(scores: pd.DataFrame, pairs: pd.DataFrame) -> Figure:
    """What shared latents add, beside the same where repeats were dealt anew; noise correlations measured against predicted."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.1, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        bits = scores[scores["score"].str.startswith("bits that")]
        labels = [textwrap.fill(str(name).removeprefix("bits that "), 24) for name in bits["score"]]
        plot_intervals(labels, bits[["value", "low", "high"]].to_numpy(float), [GREEN] * len(bits), 0.0, left)
        left.plot(bits["null"], range(len(bits)), "|", color=GREY, markersize=12, label="repeats dealt anew")
        left.set_title("bits per response added")
        figure.legend(loc="outside lower left")  # in the panel its mark would be taken for a value
        right.vlines(pairs["predicted"], pairs["low"], pairs["high"], color=VERMILLION, linewidth=1.2)
        right.plot(pairs["predicted"], pairs["measured"], "o", color=VERMILLION, markersize=3.5)
        ends = [pairs["predicted"].min(), pairs["predicted"].max()]
        right.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=":")
        agreed = scores.iloc[-1]
        right.set(xlabel="predicted noise correlation", ylabel="measured, mean of pairs")
        right.set_title(f"pairs never fitted together: r {agreed['value']:.2f}, ceiling {agreed['ceiling']:.2f}")
    return figure


def draw_embeddings(agreement: pd.DataFrame, decoded: pd.DataFrame) -> Figure:
    """How far two fits agree, beside units dealt anew; what is read from features and positions."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 1.25, 5.0), layout="constrained")
        panels = figure.subplots(2, 3)
        measures = ("cosine, mean vector removed", "own match is the nearest of all", "correlation of similarity matrices")
        for axes, measure in zip(panels[0], measures, strict=True):
            _bars(axes, agreement[agreement["measure"] == measure], "comparison")
            axes.set_title(measure)
        targets = ("cell type, balanced accuracy", "place in cortex, R2", "depth, R2")
        for axes, target in zip(panels[1], targets, strict=True):
            _bars(axes, decoded[decoded["target"] == target], "vectors")
            axes.set_title(target)
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center")
    return figure


def _bars(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    colours: list[Any] = [VERMILLION, BLUE, ORANGE, GREEN, PURPLE]
    where = np.arange(len(rows))
    axes.barh(where, rows["value"], 0.62, color=colours[: len(rows)], alpha=0.75)
    axes.hlines(where, rows["low"], rows["high"], color="black", linewidth=0.9)
    axes.plot(rows["null"], where, "|", color="black", markersize=12, markeredgewidth=1.4, label="units dealt anew")
    axes.set_yticks(where, [textwrap.fill(str(value), 18) for value in rows[name]], fontsize=6.5)
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, linewidth=0.6)
