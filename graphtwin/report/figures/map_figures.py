"""Figures of what lies in the functional embedding: its map by layer and scan, and whether the scan can be decoded from it."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import GREY, LABEL_COLOURS, MUTED, VERMILLION, plot_embedding_map, plot_intervals
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import number_text, per_cent
from graphtwin.tuning import FOLDS as DECODED_FROM
from graphtwin.tuning import embedding_columns, scan_labels

# Colours of layers, or of cell types where no layer is known, in their order.
COLUMNS = 6  # labels from which on the legend is a column beside the panel, and no line above it
RECEIVED = ("aligned", "all features")


def draw_embedding_map(run: RunFolder) -> list[Block]:
    """The figures of the map and of the decoders."""
    embeddings = run.table("embeddings", ["session", "scan_idx"]) if "session" in run.columns("embeddings") else None
    one_scan = embeddings is not None and len(embeddings.drop_duplicates()) < 2
    return [draw_map(run), *([] if one_scan else [draw_leakage(run)])]


def draw_map(run: RunFolder) -> Block:
    """The embedding in its first two principal components, coloured by layer, or else by cell type, and by scan."""
    title = "Map of the embedding"
    embeddings = run.table("embeddings")
    if embeddings is None or not embedding_columns(embeddings):
        return Absent("map", title, "no embeddings.parquet in the run folder.")
    word, label = _label_of(run, embeddings)
    values = embeddings[embedding_columns(embeddings)].to_numpy(np.float64)
    plane, share = principal_plane(values)
    names, scan, known = _scan_names(embeddings), scan_labels(embeddings), label.notna().to_numpy()
    by_scan = len(names) > 1

    def fill(figure: Figure) -> None:
        panels = figure.subplots(1, max(int(by_scan) + int(known.any()), 1), sharex=True, sharey=True, squeeze=False)[0]
        if known.any() or not by_scan:
            _scatter_labels(panels[0], plane, label, word)
        if by_scan:
            _scatter_scans(figure, panels[-1], plane, scan, names)
        for one in panels:
            one.set_xlabel(f"component 1 ({per_cent(share[0])} of variance)")
            one.set(xlim=_central(plane[:, 0]), ylim=_central(plane[:, 1]))
        panels[0].set_ylabel(f"component 2 ({per_cent(share[1])} of variance)")

    sentence = f"{_of_label(values[known], label[known], word)}{_of_scan(values, scan, len(names))}{_decoded(run)}."
    caption = (
        f"Principal components of the {values.shape[1]}-dimensional embedding, n = {len(plane):,} units"
        f"{f' of {len(names)} scans' if by_scan else ''}; {word} known for {int(known.sum()):,}. The central 99 % of each axis is shown."
    )
    width = WIDTH if known.any() and by_scan else 0.6 * WIDTH
    return Drawn("map", title, sentence, caption, draw_svg("map", (width, 3.7), fill), ("embeddings.parquet",))


def _label_of(run: RunFolder, embeddings: pd.DataFrame) -> tuple[str, pd.Series]:
    """The layer of each unit; the cell type where no layer is known, and a type that is not among the most frequent as unknown."""
    neurons = run.table("tables/neurons", ["nucleus_id", "layer", "cell_type"])
    if neurons is None:
        return "layer", pd.Series(pd.NA, index=embeddings.index, dtype=object)
    of_nucleus = neurons.drop_duplicates("nucleus_id").set_index("nucleus_id")
    found = {name: embeddings["nucleus_id"].map(of_nucleus[name]) for name in ("layer", "cell_type")}
    word = "layer" if found["layer"].notna().any() or found["cell_type"].isna().all() else "cell_type"
    label = found[word]
    frequent = label.value_counts().index[: len(LABEL_COLOURS)]
    return word.replace("_", " "), label.where(label.isin(frequent), None)


def _of_label(values: Float[np.ndarray, "units features"], label: pd.Series, word: str) -> str:
    """What the layer, or the cell type, says of the embedding."""
    if label.empty:
        return f"No {word} is known"
    share = explained_by_group(values, pd.factorize(label)[0].astype(np.int64))
    return f"{word.capitalize()} accounts for {per_cent(share)} of the embedding's variance"


def _of_scan(values: Float[np.ndarray, "units features"], scan: Int[np.ndarray, " units"], n_scans: int) -> str:
    """What the scan says of it, where there are several."""
    if n_scans < 2:
        return ""
    by_chance = per_cent((n_scans - 1) / max(len(values) - 1, 1))
    return f"; scan accounts for {per_cent(explained_by_group(values, scan))} ({by_chance} expected of {n_scans} scans by chance)"


def _decoded(run: RunFolder) -> str:
    leakage = run.table("scan_leakage")
    if leakage is None:
        return ""
    best = _strongest(leakage)
    return f"; a decoder names the scan with balanced accuracy {number_text(best['estimate'])} (chance {number_text(best['chance'])})"


def principal_plane(values: Float[np.ndarray, "units features"]) -> tuple[Float[np.ndarray, "units two"], Float[np.ndarray, " two"]]:
    """The first two principal components and their shares of the variance; zeros where there is only one."""
    centred = values - values.mean(0)
    variance, axes = np.linalg.eigh(centred.T @ centred)
    first = np.argsort(variance)[::-1][:2]
    plane, share = np.zeros((len(values), 2)), np.zeros(2)
    plane[:, : len(first)] = centred @ axes[:, first]
    share[: len(first)] = variance[first] / max(variance.sum(), 1e-300)
    return plane, share


def explained_by_group(values: Float[np.ndarray, "units features"], group: Int[np.ndarray, " units"]) -> float:
    """Share of the total variance between the groups' means (eta squared); NaN without units."""
    if len(values) == 0:
        return float("nan")
    centred = values - values.mean(0)
    counts = np.bincount(group)
    sums = np.column_stack([np.bincount(group, column) for column in centred.T])
    between = np.sum(sums**2 / np.maximum(counts, 1)[:, None])
    return float(between / max(np.sum(centred**2), 1e-300))


def _central(values: Float[np.ndarray, " units"]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.005, 0.995])
    margin = 0.04 * (high - low) + 1e-9
    return float(low - margin), float(high + margin)


def _scatter_labels(axes: Axes, plane: np.ndarray, label: pd.Series, word: str) -> None:
    names = label.dropna().unique().tolist()
    plot_embedding_map(plane, label, axes)
    axes.set_title(f"by {word}" if names else "")
    above = len(names) < COLUMNS
    axes.legend(
        loc="lower right" if above else "upper left",
        bbox_to_anchor=(1.0, 0.995 if above else 1.0),
        ncols=len(names) + 1 if above else 1,
        handletextpad=0.0,
        columnspacing=1.0,
        borderpad=0.1,
    )


def _scatter_scans(figure: Figure, axes: Axes, plane: np.ndarray, scan: np.ndarray, names: list[str]) -> None:
    colours = matplotlib.colormaps["viridis"].resampled(len(names))
    order = np.random.default_rng(0).permutation(len(plane))
    drawn = axes.scatter(
        plane[order, 0],
        plane[order, 1],
        4,
        scan[order],
        cmap=colours,
        vmin=-0.5,
        vmax=len(names) - 0.5,
        linewidths=0,
        alpha=0.7,
        rasterized=True,
    )
    axes.set_title("by scan")
    bar = figure.colorbar(drawn, ax=axes, ticks=range(len(names)), aspect=30, pad=0.02)
    bar.ax.set_yticklabels(names, fontsize=6.5)
    if bar.solids is not None:
        bar.solids.set(alpha=1, rasterized=True)
    bar.outline.set_visible(False)
    bar.set_label("session-scan", fontsize=6.5, color=MUTED)


def _scan_names(embeddings: pd.DataFrame) -> list[str]:
    scans = embeddings[["session", "scan_idx"]].drop_duplicates().sort_values(["session", "scan_idx"])
    return [f"{session}-{scan}" for session, scan in scans.itertuples(index=False)]


def draw_leakage(run: RunFolder) -> Block:
    """Whether a decoder can tell the scan from the embedding or from all features."""
    title = "Can the scan be decoded from function?"
    leakage = run.table("scan_leakage")
    if leakage is None:
        return Absent("leakage", title, f"no scan_leakage.parquet: the decoders need two scans of at least {DECODED_FROM} units.")
    if "embeddings" not in leakage:
        leakage = leakage.assign(embeddings="embeddings")
    labels = [f"{row.decoder}, {row.embeddings}" for row in leakage.itertuples()]
    chance = float(leakage["chance"].iloc[0])

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        colours = [VERMILLION if name in RECEIVED else GREY for name in leakage["embeddings"]]
        plot_intervals(labels, leakage[["estimate", "low", "high"]].to_numpy(np.float64), colours, chance, axes)
        axes.set_xlim(0, 1.12 * max(float(leakage["high"].max()), chance))
        axes.set_xlabel("balanced accuracy of naming the scan (dashed: chance)")

    n_scans, n = int(leakage["n_scans"].iloc[0]), int(leakage["n"].iloc[0])
    caption = (
        f"Decoders trained on other units name the scan of each unit; n = {n:,} units of {n_scans} scans"
        f"{_left_out(leakage)}. Bars: 95 % intervals. Aligned: the embedding that all models receive; as fitted: before every scan got "
        "the same mean and covariance; all features: of one unit a neuron, all that models of function read. "
        "Exact centring pushes linear decoding below chance."
    )
    height = 0.75 + 0.24 * len(labels)
    svg = draw_svg("leakage", (0.8 * WIDTH, height), fill)
    return Drawn("leakage", title, leakage_sentence(leakage), caption, svg, ("scan_leakage.parquet",))


def leakage_sentence(leakage: pd.DataFrame) -> str:
    """Accuracy of the strongest decoder from what the models receive (embedding, features), against chance and against the raw fit."""
    worst, received = _strongest(leakage), _received(leakage)
    told = (received["low"] > received["chance"]).any()
    verdict = "better than chance: it still encodes the scan" if told else "no better than chance"
    text = (
        f"From what the models receive, the best decoder ({worst['decoder']}, {worst['embeddings']}) names the scan with balanced accuracy "
        f"{number_text(worst['estimate'])} (95 % interval {number_text(worst['low'])} to {number_text(worst['high'])}; "
        f"chance {number_text(worst['chance'])}), {verdict}"
    )
    fitted = leakage[leakage["embeddings"] == "as fitted"]
    return text + ("." if fitted.empty else f"; as fitted, before alignment, up to {number_text(fitted['estimate'].max())}.")


def _received(leakage: pd.DataFrame) -> pd.DataFrame:
    """Decoders of the embedding and the features that the models receive."""
    aligned = leakage[leakage["embeddings"].isin(RECEIVED)] if "embeddings" in leakage else leakage
    return (leakage if aligned.empty else aligned).reset_index(drop=True)


def _strongest(leakage: pd.DataFrame) -> pd.Series:
    """The best of these decoders."""
    received = _received(leakage)
    return received.loc[received["estimate"].idxmax()]


def _left_out(leakage: pd.DataFrame) -> str:
    left_out = int(leakage["n_left_out"].max()) if "n_left_out" in leakage else 0
    return f" ({left_out} units of very small scans left out)" if left_out else ""
