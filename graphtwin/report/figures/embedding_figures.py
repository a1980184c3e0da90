"""Figures of how the functional embedding was learned: its basis, and its score on held-out directions."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RULE, SKY, VERMILLION, plot_intervals
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import number_text
from graphtwin.tuning import are_directions, choose

# Colours of basis functions, in the order of their variance.
COMPONENT_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK, GREY)
PREDICTORS = {
    "shared_basis": "shared basis (the embedding)",
    "von_mises": "von Mises fit",
    "raw": "raw curve, both",
    "raw_neighbours": "raw curve, neighbours",
    "raw_opposite": "raw curve, opposite",
    "interpolated": "interpolation on the axis",
    "neighbours": "most alike neurons",
    "svd": "SVD with gaps",
    "neuron_and_column_mean": "neuron and column mean",
    "column_mean": "column mean",
    "own_mean": "own mean",
}
# What simpler models are, by the one that tells which of them are there.
SIMPLER = {
    "raw": "Raw curve: its interpolation between neighbouring directions, the response to the opposite direction, or the mean of both. ",
    "neighbours": "Most alike neurons: the mean of ten on the unit's own scale. SVD: the table of the same rank, without noise or prior. ",
}
MOST_PANELS = 8  # basis functions that are drawn, at most
# Reason why a figure of what was learned is left out.
BROUGHT = "the embeddings were brought, not learned from responses in this run"


def draw_embedding(run: RunFolder) -> list[Block]:
    """The figures of the basis and of its score."""
    return [draw_basis(run), draw_held_out(run)]


def draw_basis(run: RunFolder) -> Block:
    """The learned functions of direction, or of columns of any kind."""
    title = "The learned basis over stimulus direction"
    basis = run.table("basis")
    if basis is None:
        return Absent("basis", "The learned basis", f"no basis.parquet: {BROUGHT}.")
    if not are_directions(basis):
        return _draw_columns(basis)
    names = [name for name in basis if name.startswith("component_")]
    values = basis[names].to_numpy(np.float64)
    period = dominant_harmonic(values)
    sentence = (
        f"Of {len(names)} learned functions of direction, {np.count_nonzero(period == 2)} repeat mainly every 180° (orientation), "
        f"{np.count_nonzero(period == 1)} every 360° (direction) and {np.count_nonzero(period > 2)} faster."
    )

    def fill(figure: Figure) -> None:
        axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        degrees = np.r_[basis["position"], basis["position"].iloc[0] + 360.0]
        for index, one in enumerate(axes):
            one.axhline(0, color=RULE, linewidth=0.8)
            one.plot(degrees, np.r_[values[:, index], values[0, index]], "o-", color=COMPONENT_COLOURS[index % 8], markersize=2.5)
            one.set_xticks([0, 180, 360])
            one.set_title(f"{index}: {360 / period[index]:.0f}°", weight="normal")
        axes[0].set_ylabel("basis function (log response)")
        figure.supxlabel("stimulus direction (degrees)", fontsize=8)

    caption = (
        f"Each panel is one function, n = {len(basis)} directions; its number and main period above it. "
        "A neuron's log response is its log gain plus the weighted sum of these; the weights are its embedding."
    )
    return Drawn("basis", title, sentence, caption, draw_svg("basis", (WIDTH, 2.0), fill), ("basis.parquet",))


def _draw_columns(basis: pd.DataFrame) -> Block:
    """The learned functions of columns of any kind: along their axis, or in the order of the source."""
    title = "The learned basis over columns of function"
    names = [name for name in basis if name.startswith("component_")]
    values = basis[names].to_numpy(np.float64)
    largest = basis["column"].to_numpy()[np.argsort(-np.abs(values[:, 0]), kind="stable")[:3]]
    sentence = f"{len(names)} learned functions of {len(basis)} columns; the first weighs most on {', '.join(map(str, largest))}."
    on_axis = (basis["axis"] != "free").all() and basis["table"].nunique() == 1
    places = basis["position"].to_numpy(np.float64) if on_axis else np.arange(len(basis), dtype=np.float64)
    order = np.argsort(places, kind="stable")
    drawn = names[:MOST_PANELS]

    def fill(figure: Figure) -> None:
        for index, one in enumerate(figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]):
            one.axhline(0, color=RULE, linewidth=0.8)
            line, marker = ("-", "o") if on_axis else ("none", "_")
            one.plot(places[order], values[order, index], linestyle=line, marker=marker, color=COMPONENT_COLOURS[index % 8], markersize=2.5)
            one.set_title(f"{index}", weight="normal")
        figure.supxlabel("position of the column" if on_axis else "column, in the order of the source", fontsize=8)

    what = ", ".join(dict.fromkeys(said for said in basis["what"] if said))
    caption = (
        f"Each panel is one function, n = {len(basis)} columns{f' ({what})' if what else ''}"
        f"{f'; the first {len(drawn)} are drawn' if len(names) > len(drawn) else ''}. "
        "A neuron's response is its mean, and the mean neuron's curve and the weighted sum of these on its own scale; the weights are its "
        "embedding. Where noise grows with the response, this holds of its logarithm."
    )
    return Drawn("basis", title, sentence, caption, draw_svg("basis", (WIDTH, 2.0), fill), ("basis.parquet",))


def dominant_harmonic(basis: Float[np.ndarray, "directions components"]) -> Int[np.ndarray, " components"]:
    """The number of cycles a turn (1 direction, 2 orientation) that holds most of each function's power."""
    return 1 + np.abs(np.fft.rfft(basis, axis=0))[1:].argmax(0).astype(np.int64)


def draw_held_out(run: RunFolder) -> Block:
    """Directions or other columns that a neuron did not show, predicted by the embedding and by simpler models."""
    scores, grid, basis = run.table("embedding_scores"), run.table("embedding_grid"), run.table("basis")
    shown = "directions" if basis is None or are_directions(basis) else "columns"
    title = f"Held-out {shown}: the embedding against simpler descriptions"
    if scores is None:
        return Absent("held-out", title, f"no embedding_scores.parquet: {BROUGHT}.")
    single = scores[~scores["model"].str.contains(" - ", regex=False)]
    explained = single[single["metric"] == "variance_explained"].set_index("model")
    order = explained["estimate"].sort_values(ascending=False).index
    bits = single[single["metric"] == "bits_per_response"].set_index("model").reindex(order)
    colours = [VERMILLION if name == "shared_basis" else BLUE for name in order]

    def fill(figure: Figure) -> None:
        axes = figure.subplots(1, 2 if grid is None else 3, width_ratios=[1.1, 1.1] if grid is None else [1.1, 1.1, 0.9])
        for one, table, label in (
            (axes[0], explained.loc[order], "variance explained"),
            (axes[1], bits, "bits per response over own mean"),
        ):
            rows = table[["estimate", "low", "high"]].to_numpy(np.float64)
            plot_intervals([PREDICTORS.get(name, name) for name in order], rows, colours, 0.0, one)
            one.set_xlabel(label)
        axes[1].set_yticklabels([])
        if grid is not None:
            _draw_grid(axes[2], grid)

    caption = (
        f"Each unit lost a part of its {shown}, which every description predicted from the rest; n = {int(single['n'].max()):,} units. "
        f"{next((said for name, said in SIMPLER.items() if name in order), '')}"
        "Bars: 95 % intervals, units resampled; dashed: the unit's own mean."
    )
    if grid is not None:
        caption += " Right: rank and smoothness are chosen on held-out deviance; ring: the choice (smallest rank within a standard error)."
    svg = draw_svg("held-out", (WIDTH, 2.3), fill)
    return Drawn(
        "held-out", title, held_out_sentence(explained, scores, shown), caption, svg, ("embedding_scores.parquet", "embedding_grid.parquet")
    )


def held_out_sentence(explained: pd.DataFrame, scores: pd.DataFrame, shown: str = "directions") -> str:
    """The variance the embedding explains, and whether that is more than each simpler description explains of the same units."""
    if "shared_basis" not in explained.index:
        return f"The shared basis was not scored on held-out {shown}."
    ours = explained.loc["shared_basis"]
    others = explained.drop(index="shared_basis")["estimate"]
    names = {"raw": "raw curve", "von_mises": "von Mises fit", "svd": "SVD with gaps", "neighbours": "most alike neurons"}
    names |= {"neuron_and_column_mean": "neuron and column mean", "own_mean": "own mean"}
    parts = [f"{said} {number_text(others[name])}" for name, said in names.items() if name in others]
    of_ours = scores["model"].str.startswith("shared_basis - ") & (scores["metric"] == "variance_explained")
    clear = of_ours.any() and (scores.loc[of_ours, "low"] > 0).all()
    word = "more than every simpler description" if clear else "not clearly more than every simpler description"
    return (
        f"On {shown} a unit did not show, the embedding explains {number_text(ours['estimate'])} of the variance "
        f"(95 % interval {number_text(ours['low'])} to {number_text(ours['high'])}), {word} ({', '.join(parts)})."
    )


def _draw_grid(axes: Axes, grid: pd.DataFrame) -> None:
    grid = grid[grid["noise"] == grid["noise"].iloc[0]]
    mean = grid.groupby(["smoothness", "rank"])["deviance"].mean()
    for colour, (smoothness, line) in zip(cycle((BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)), mean.groupby(level=0), strict=False):
        axes.plot(line.index.get_level_values(1), line.to_numpy(), "o-", color=colour, markersize=3, label=f"{smoothness:g}")
    rank, smoothness = choose(grid)
    axes.plot([rank], [mean[smoothness, rank]], "o", markersize=10, markerfacecolor="none", color=BLACK)
    axes.set_xticks(sorted(grid["rank"].unique()))
    axes.set_xlabel("rank")
    axes.set_ylabel("held-out deviance")
    axes.legend(title="smoothness", title_fontsize=7.5)
    axes.margins(0.12)
