"""Figures of classifiers that are drawn to a twin: accuracy under distortions and attacks, differences, frequencies, neurons predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, GREEN, GREY, MUTED, ON_DARK, ON_LIGHT, ORANGE, PURPLE, SKY, VERMILLION, plot_intervals
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.words import number_text

WAYS = ("similarity", "co-training")
UNITS = {
    "noise": "SD, black to white 1",
    "blur": "SD, sizes of a picture",
    "contrast": "share lost",
    "brightness": "change",
    "jpeg": "100 less the quality",
    "elastic": "displacement, sizes",
    "FGSM": "largest change",
    "PGD": "largest change",
}
JUDGED = {"distorted": "under distortions", "attacked": "under attacks"}
OF_TEACHER = {"twin": VERMILLION, "pixels": BLUE, "low-passed pixels": SKY, "shuffled": PURPLE, "untrained": ORANGE}
PLAIN: dict[str, tuple[str, Any]] = {"none": (GREY, "-"), "label smoothing": (GREEN, "--"), "noise": (GREEN, "-")}
FIRST_ROW = 4  # panels of a row of curves


def style_of(model: str) -> dict[str, Any]:
    """Colour and line of a kind of classifier, the same in every figure; co-trained ones of a teacher have the colour of its similarity."""
    way, _, teacher = model.partition(", ")
    colour, line = (OF_TEACHER[teacher], "-") if teacher else PLAIN.get(way, (MUTED, ":"))
    return {"color": colour, "linestyle": line, "linewidth": 2.0 if teacher == "twin" else 1.2}


def models_of(way: str, table: pd.DataFrame) -> list[str]:
    """Models that are drawn beside one way of teaching: those of the way, and those without a teacher.

    Args:
        way: similarity or co-training.
        table: Any table with a column `model`.
    """
    return [name for name in table["model"].unique() if name.startswith(f"{way}, ") or name in PLAIN]


def draw_curves(table: pd.DataFrame, way: str) -> Block:
    """Accuracy by strength of every distortion and attack: the mean over seeds.

    Args:
        table: model, seed, distortion, strength, accuracy.
        way: similarity or co-training.
    """
    key, title = f"curves-{way}", f"Accuracy at rising strength: {way}"
    kinds, models = [kind for kind in UNITS if kind in set(table["distortion"])], models_of(way, table)
    mean = table.groupby(["model", "distortion", "strength"])["accuracy"].mean()
    clean = table[table["distortion"] == "none"].groupby("model")["accuracy"].mean()

    def fill(figure: Figure) -> None:
        rows = -(-len(kinds) // FIRST_ROW)
        panels = np.atleast_1d(figure.subplots(rows, FIRST_ROW, sharey=True)).ravel()
        for axes, kind in zip(panels, kinds, strict=False):
            for model in models:
                curve = mean[model, kind]
                axes.plot(np.r_[0, curve.index], np.r_[clean[model], curve.to_numpy()], **style_of(model), label=model)
            axes.set_title(kind, fontsize=7.5)
            axes.set_xlabel(UNITS[kind], fontsize=6.5)
        for axes in panels[len(kinds) :]:
            axes.set_axis_off()
        for axes in panels[::FIRST_ROW]:
            axes.set_ylabel("accuracy")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)

    twin, none = f"{way}, twin", "none"
    sentence = (
        f"Classifiers drawn to the twin name {clean[twin]:.3f} of the test pictures as they are, those by labels alone {clean[none]:.3f}."
    )
    caption = f"Means over {table['seed'].nunique()} classifiers of each kind; test pictures and their distortions are the same for all."
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 4.6), fill), ("curves.csv",))


def draw_differences(table: pd.DataFrame, way: str) -> Block:
    """A twin's classifiers less each control, paired by seed.

    Args:
        table: model, control, metric, difference, low, high, seeds.
        way: similarity or co-training.
    """
    key, title = f"differences-{way}", f"The twin less each control: {way}"
    own = table[(table["model"] == f"{way}, twin") & table["metric"].isin(JUDGED)]
    if own["low"].isna().all():
        return Absent(key, title, "fewer than five seeds, of which there is no interval")

    asked = [metric for metric in JUDGED if metric in set(own["metric"])]  # without attacks above 0 only distortions

    def fill(figure: Figure) -> None:
        for axes, metric in zip(figure.subplots(1, len(asked), sharey=True, squeeze=False)[0], asked, strict=True):
            part = own[own["metric"] == metric]
            colours = [style_of(name)["color"] for name in part["control"]]
            plot_intervals(list(part["control"]), part[["difference", "low", "high"]].to_numpy(), colours, 0.0, axes)
            axes.set_title(JUDGED[metric], fontsize=7.5)
            axes.set_xlabel("difference of accuracy")

    nearest = own.loc[own["difference"].idxmin()]
    sentence = (
        f"The nearest control is {nearest['control']!r} {JUDGED[nearest['metric']]}: {number_text(nearest['difference'])} "
        f"({number_text(nearest['low'])} to {number_text(nearest['high'])})."
    )
    caption = (
        f"Paired over {int(own['seeds'].max())} seeds, means over strengths and kinds but noise; 95 % intervals over seeds. Right of 0 the "
        "twin is ahead."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 2.8), fill), ("differences.csv",))


def draw_frequencies(table: pd.DataFrame) -> Block:
    """Which spatial frequencies classifiers use.

    Args:
        table: model, seed, low, high, accuracy, gradient_share.
    """
    key, title = "frequencies", "Spatial frequencies that are used"
    models = [name for name in table["model"].unique() if name in PLAIN or name.endswith((", twin", "pixels"))]
    mean = table.groupby(["model", "low", "high"])[["accuracy", "gradient_share"]].mean().reset_index()
    centre = {name: part["gradient_share"] @ (part["low"] + part["high"]) / 2 for name, part in mean.groupby("model")}

    def fill(figure: Figure) -> None:
        panels: Sequence[Axes] = figure.subplots(1, 2)
        for axes, (column, said) in zip(
            panels, (("accuracy", "accuracy with noise of a band"), ("gradient_share", "share of the gradient's power")), strict=True
        ):
            for model in models:
                part = mean[mean["model"] == model]
                style = style_of(model) | ({"linestyle": "--"} if model.startswith("co-training") else {})
                axes.plot((part["low"] + part["high"]) / 2, part[column], marker="o", markersize=2.5, **style, label=model)
            axes.set_xlabel("cycles a picture")
            axes.set_ylabel(said)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)

    told = ", ".join(f"{centre[name]:.2f} for {name!r}" for name in models if name == "none" or name.endswith(", twin"))
    sentence = f"The gradient's power lies at {told} cycles a picture on average."
    caption = (
        f"Means over {table['seed'].nunique()} classifiers; noise of each band has the same root mean square. Co-trained ones are dashed."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 3.2), fill), ("frequencies.csv",))


def draw_neurons(table: pd.DataFrame | None) -> Block:
    """How well what classifiers make of pictures predicts the twin's neurons.

    Args:
        table: model, seed, distortion, strength, r; None or empty where it was not asked.
    """
    key, title = "neurons", "Which classifiers predict neurons"
    if table is None or not len(table):
        return Absent(key, title, "responses are of a table, which says nothing of distorted pictures (--twin)")
    mean = table.groupby(["model", "distortion"])["r"].mean().unstack("distortion")
    kinds = [kind for kind in ("none", *UNITS) if kind in mean.columns]
    mean = mean[kinds].loc[mean[kinds].drop(columns="none").mean(axis=1).sort_values().index]

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(mean.to_numpy(), cmap="viridis", aspect="auto", vmin=min(0.0, float(mean.min().min())))
        axes.set_xticks(range(len(kinds)), ["as they are" if kind == "none" else kind for kind in kinds])
        axes.set_yticks(range(len(mean)), list(mean.index))
        axes.tick_params(length=0)
        for row, values in enumerate(mean.to_numpy()):
            for at, value in enumerate(values):
                bright = value > 0.6 * np.nanmax(mean.to_numpy())
                axes.text(at, row, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=ON_LIGHT if bright else ON_DARK)
        figure.colorbar(image, ax=axes, shrink=0.7, label="median r over neurons")

    best = mean.drop(columns="none").mean(axis=1)
    sentence = f"Under distortions {best.index[-1]!r} predicts the twin's neurons best: a median r of {best.iloc[-1]:.3f}."
    caption = (
        "A ridge from the last block of each classifier to the twin's responses, fitted to training pictures as they are, tested on test "
        "pictures as they are and distorted at the middle strength; means over seeds."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 4.2), fill), ("neurons_predicted.csv",))


def draw_strengths(table: pd.DataFrame | None) -> Block:
    """Validation accuracy by strength, and the strength that was chosen.

    Args:
        table: model, strength, seed, validation, chosen; None where one strength of each was tried.
    """
    key, title = "strengths", "How strengths were chosen"
    if table is None:
        return Absent(key, title, "one strength of each kind was tried (teaching)")
    mean = table.groupby(["model", "strength"]).agg(validation=("validation", "mean"), chosen=("chosen", "any")).reset_index()

    ways = {way: tried for way in (*WAYS, "") if len(tried := mean[mean["model"].map(_way) == way])}

    def fill(figure: Figure) -> None:
        panels = figure.subplots(1, len(ways), sharey=True, squeeze=False)[0]
        for axes, (way, tried) in zip(panels, ways.items(), strict=True):
            for model, part in tried.groupby("model"):
                style = style_of(str(model))
                axes.plot(part["strength"], part["validation"], marker="o", markersize=2.5, **style, label=str(model).rpartition(", ")[2])
                taken = part[part["chosen"]]
                axes.plot(taken["strength"], taken["validation"], "o", markersize=6, markerfacecolor="none", color=style["color"])
            axes.set_xscale("log")
            axes.minorticks_off()
            ticks = sorted(tried["strength"].unique())
            axes.set_xticks(ticks, [f"{at:g}" for at in ticks])
            axes.set_title(way or "without a teacher", fontsize=7.5)
            axes.set_xlabel("strength")
            axes.legend(fontsize=6.5)
        panels[0].set_ylabel("validation accuracy")

    sentence = "Of each kind the largest strength was taken (ringed) that costs no more validation accuracy than the tolerance."
    seeds = table["seed"].nunique()
    caption = f"{'One classifier' if seeds == 1 else f'Means over {seeds} classifiers'} a dot; no test picture was looked at."
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH * (1 + len(ways)) / 4, 2.8), fill), ("strengths.csv",))


def _way(model: str) -> str:
    """Way of teaching of a model; empty of one without a teacher."""
    return model.partition(", ")[0] if model not in PLAIN else ""
