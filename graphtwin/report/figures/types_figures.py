"""Figures of types that were looked for: the cloud, its valleys against continua, mixtures by their size, and known types beside."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, GREEN, GREY, MUTED, ORANGE, PURPLE, RULE, SKY, VERMILLION
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import plain

COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, MUTED)  # colours of the largest types; smaller ones begin again
MOST_POINTS = 4000  # neurons that are drawn, at most, evenly chosen
MOST_KNOWN = 30  # known types that are drawn, at most: the largest


def draw_cloud(run: RunFolder) -> Block:
    """Neurons along the first two principal components, by the type that was found, or by part of the mixture."""
    title, table = "Neurons by their embeddings", run.table("types")
    if table is None:
        return Absent("cloud", title, "no types.parquet.")
    several = bool(table["type_found"].max() > 0)
    label = table["type_found" if several else "part"].to_numpy(np.int64)
    what = "types" if several else "parts of the mixture"
    rows = np.linspace(0, len(table) - 1, min(len(table), MOST_POINTS)).astype(np.int64)

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        place = table[["component_0", "component_1"]].to_numpy(np.float64)[rows]
        colours = [COLOURS[number % len(COLOURS)] for number in label[rows]]
        axes.scatter(place[:, 0], place[:, 1], s=5, c=colours, alpha=0.55, linewidths=0, rasterized=True)
        axes.set_xlabel("first principal component")
        axes.set_ylabel("second principal component")

    counts = np.bincount(label)
    largest = ", ".join(f"{n:,}" for n in np.sort(counts)[::-1][:6]) + (" ..." if len(counts) > 6 else "")
    sentence = f"{len(table):,} neurons in {len(counts)} {what}: {largest} neurons."
    chosen = "" if len(rows) == len(table) else f" {len(rows):,} are drawn, evenly chosen."
    caption = f"Colours are {what}.{'' if several else ' They are no types: no valley lies between them.'}{chosen}"
    return Drawn("cloud", title, sentence, caption, draw_svg("cloud", (0.75 * WIDTH, 3.6), fill), ("types.csv",))


def draw_valleys(run: RunFolder) -> Block:
    """Prominence of modes, against that of the second mode of continua."""
    title, modes, continua = "Valleys between modes of the density", run.table("modes"), run.table("continua")
    if continua is None:
        return Absent("valleys", title, "no continua.parquet.")
    found = pd.DataFrame({"prominence": [], "is_type": []}) if modes is None else modes
    null = continua["prominence"].to_numpy(np.float64)

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hist(null, 12, color=GREY, alpha=0.8, label="second mode of a continuum")
        for colour, rows, label in (
            (VERMILLION, found[found["is_type"].astype(bool)], "mode that is a type"),
            (BLUE, found[~found["is_type"].astype(bool)], "other mode"),
        ):
            for at, value in enumerate(rows["prominence"]):
                axes.axvline(value, color=colour, linewidth=1.2, label=label if at == 0 else None)
        axes.set_xlabel("prominence (nats of log density)")
        axes.set_ylabel("continua")
        axes.legend()

    types = int(found["is_type"].sum())
    deepest = f"{float(found['prominence'].max()):.2f} nats" if len(found) else "none at all"
    sentence = (
        f"{types} {'mode is' if types == 1 else 'modes are'} more prominent than those of continua, beside the highest."
        if types
        else f"No mode is more prominent than those of continua (the most prominent: {deepest})."
    )
    caption = (
        f"Prominence is how far log density falls on the best path to a higher mode. Grey: {len(null)} continua of as many neurons, flat "
        f"along their longest axis and thin along the others, each by its deepest valley over few neighbours or many, in nats of these."
    )
    return Drawn("valleys", title, sentence, caption, draw_svg("valleys", (WIDTH, 2.4), fill), ("modes.csv", "continua.csv"))


def draw_mixtures(run: RunFolder) -> Block:
    """Held-out log-likelihood of mixtures by their number of components."""
    title, tried = "Mixtures of normals on held-out neurons", run.table("mixtures")
    if tried is None:
        return Absent("mixtures", title, "no mixtures.parquet.")

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        for (shape, rows), colour in zip(tried.groupby("shape", sort=False), (BLUE, ORANGE), strict=False):
            words = {"diag": "along the axes", "full": "of any shape"}[str(shape)]
            below = -rows["below_best"].to_numpy(np.float64)
            axes.errorbar(rows["n_components"], below, rows["below_best_se"], fmt="o-", color=colour, markersize=3, label=words)
        axes.set_xscale("log", base=2)
        numbers = sorted(tried["n_components"].unique())
        axes.set_xticks(numbers, [str(number) for number in numbers])
        axes.minorticks_off()
        axes.set_xlabel("components")
        axes.set_ylabel("log-likelihood below the best\n(nats a neuron)")
        axes.grid(color=RULE, linewidth=0.5)
        axes.legend(title="covariance")

    best = tried.loc[tried["below_best"].idxmin()]
    one = float(tried.loc[tried["n_components"] == 1, "below_best"].min())
    sentence = f"Held-out neurons are predicted best by {best['n_components']} components, {one:.2f} nats a neuron better than by one."
    caption = "Bars are standard errors of the paired difference over neurons. A bent continuum asks for many components as well."
    return Drawn("mixtures", title, sentence, caption, draw_svg("mixtures", (WIDTH, 2.6), fill), ("mixtures.csv",))


def draw_known(run: RunFolder) -> Block:
    """Which share of each known type is in which found type, or part of the mixture where there is one type."""
    title, table = "Known types and found ones", run.table("types")
    if table is None or "known_type" not in table or not table["known_type"].notna().any():
        return Absent("known", title, "no types are known.")
    several = bool(table["type_found"].max() > 0)
    label, what = ("type_found", "type found") if several else ("part", "part of the mixture")
    known = table[table["known_type"].notna()]
    shares = pd.crosstab(known["known_type"], known[label], normalize="index")
    counts = known["known_type"].value_counts()
    shares = shares.loc[counts.index[:MOST_KNOWN]]

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(shares.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_yticks(range(len(shares)), [plain(f"{name} ({counts[name]:,})") for name in shares.index])
        axes.set_xticks(range(shares.shape[1]), [str(number) for number in shares])
        axes.set_xlabel(what)
        figure.colorbar(image, label="share of the known type")

    purest = shares.max(axis=1)
    sentence = f"On average {100 * float(purest.mean()):.0f} % of a known type lies in one {what}."
    largest = f"the {MOST_KNOWN} largest " if len(counts) > MOST_KNOWN else ""
    caption = f"Rows are {largest}known types (number of neurons in brackets), columns are numbers of the {what}."
    height = 1.2 + 0.2 * len(shares)
    return Drawn("known", title, sentence, caption, draw_svg("known", (WIDTH, height), fill), ("types.csv",))
