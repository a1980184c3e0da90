"""Figures of what is said about single neurons: cell type, layer and place."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri

from graphtwin.evaluation import confusion_counts, interval_coverage, median_absolute_error
from graphtwin.pipeline.graph import is_graph_model
from graphtwin.plots import INK, MUTED, RULE, model_style, plot_confusion, plot_intervals
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.tables import FIRST_SPLITS, HELD_OUT, look_up, main_rows, task_title, why_not
from graphtwin.report.words import number_text, per_cent, plain
from graphtwin.schema import DEPTH
from graphtwin.statistics import NORMAL_95

N_BARS = 45  # number of error bars that can still be told apart in a panel
# Nominal levels at which coverage is drawn; closer where bars are usually read.
LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])


def draw_neurons(run: RunFolder) -> list[Block]:
    """The figures of cell type, layer and depth, or of the axes that the source names."""
    metrics = run.table("metrics")
    scored = [task for task in run.places() if metrics is not None and (metrics["task"] == task).any()]
    return [draw_confusion(run), draw_layer(run), *(draw_place(run, task) for task in scored or run.places()[:1])]


def of_first_split(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the split the figures show, and its name in words."""
    split = next((name for name in FIRST_SPLITS if (frame["split"] == name).any()), frame["split"].iloc[0])
    return frame[frame["split"] == split], HELD_OUT.get(split, split).lower()


def shown_models(frame: pd.DataFrame) -> list[str]:
    """The graph models, or without one the last model."""
    models = [str(name) for name in dict.fromkeys(frame["model"])]
    return [name for name in models if is_graph_model(name)][:2] or models[-1:]


def confusion_of(rows: pd.DataFrame, classes: list[str]) -> Float[np.ndarray, "classes classes"]:
    """Counts of true (rows) against predicted classes (columns)."""
    codes = {name: index for index, name in enumerate(classes)}
    true, predicted = (rows[name].map(codes).to_numpy(np.int64) for name in ("true", "predicted"))
    return confusion_counts(true, predicted, len(classes))


def draw_confusion(run: RunFolder) -> Block:
    """True against predicted cell type."""
    title = "Cell type: what is taken for what"
    frame = run.table("predictions/cell_type", ["split", "model", "true", "predicted"])
    frame = None if frame is None else frame.dropna(subset=["true", "predicted"])
    if frame is None or frame.empty:
        seen = "no neuron with a known cell type was predicted (predictions/cell_type.parquet)."
        return Absent("confusion", title, why_not(run, "cell_type", seen))
    frame, split = of_first_split(frame)
    classes = frame["true"].value_counts().index.astype(str).tolist()
    classes += sorted(set(frame["predicted"].astype(str)) - set(classes))
    models = shown_models(frame)
    counts = {model: confusion_of(frame[frame["model"] == model], classes) for model in models}

    def fill(figure: Figure) -> None:
        axes = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
        for one, model in zip(axes, models, strict=True):
            plot_confusion(counts[model], classes, one)
            one.set_title(plain(model))
            one.set_xlabel("predicted cell type")
        of_class = counts[models[0]].sum(1).astype(int)
        axes[0].set_yticks(range(len(classes)), [f"{plain(name)}  (n = {n:,})" for name, n in zip(classes, of_class, strict=True)])
        axes[0].set_ylabel("true cell type")

    sentence = confusion_sentence(models[0], counts[models[0]], classes)
    caption = (
        f"Per cent of each true class, {split}; n = {int(counts[models[0]].sum()):,} neurons of known type. "
        "The diagonal is the recall; rows add up to 100 % but for rounding. Classes from the most to the least frequent."
    )
    svg = draw_svg("confusion", (WIDTH, 1.2 + 0.23 * len(classes)), fill)
    return Drawn("confusion", title, sentence, caption, svg, ("predictions/cell_type.parquet",))


def confusion_sentence(model: str, counts: Float[np.ndarray, "classes classes"], classes: list[str]) -> str:
    """Best and least recognised class, and the most frequent mistake."""
    of_class = counts.sum(1)
    share = counts / np.maximum(of_class, 1)[:, None]
    recall = np.where(of_class > 0, np.diag(share), np.nan)
    best, least = int(np.nanargmax(recall)), int(np.nanargmin(recall))
    wrong = counts - np.diag(np.diag(counts))
    text = f"{_quoted(model)} recognises {classes[best]} best (recall {number_text(recall[best])}) and {classes[least]} least "
    text += f"({number_text(recall[least])}, n = {int(of_class[least])})"
    if wrong.sum() == 0:
        return text + ", with no mistake."
    true, taken = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return (
        text
        + f"; its most frequent mistake is {classes[true]} taken for {classes[taken]} ({per_cent(share[true, taken])} of {classes[true]})."
    )


def _quoted(text: str) -> str:
    return f"“{text}”"


def draw_layer(run: RunFolder) -> Block:
    """Layer by every model, over all scans and inside each."""
    metrics = run.table("metrics")
    rows = main_rows(metrics, "layer")
    within = metrics is None or metrics["metric"].str.endswith("_within_scan").any()
    title = "Layer: with and without what the scan gives away" if within else "Layer: by every model"
    if rows is None:
        return Absent("layer", title, why_not(run, "layer", "layer was not scored (no such rows in metrics.parquet)."))
    models = [str(name) for name in dict.fromkeys(rows["model"])]
    shown = [
        ("balanced_accuracy", "balanced accuracy, all scans" if within else "balanced accuracy"),
        ("balanced_accuracy_within_scan", "balanced accuracy within scans"),
    ]
    shown = [(metric, label) for metric, label in shown if (rows["metric"] == metric).any()]
    n_classes = int(rows["metric"].str.startswith("recall ").groupby(rows["model"]).sum().max())

    def fill(figure: Figure) -> None:
        axes = figure.subplots(1, len(shown), sharey=True, sharex=True, squeeze=False)[0]
        for one, (metric, label) in zip(axes, shown, strict=True):
            table = rows[rows["metric"] == metric].drop_duplicates("model").set_index("model").reindex(models)
            values = table[["estimate", "low", "high"]].to_numpy(np.float64)
            plot_intervals(models, values, [model_style(name)["color"] for name in models], 1 / n_classes if n_classes else None, one)
            one.set_xlabel(label)

    sentence = layer_sentence(metrics, models)
    split, first = HELD_OUT.get(rows["split"].iloc[0], rows["split"].iloc[0]).lower(), rows.iloc[0]
    caption = (
        f"{split.capitalize()}; n = {int(first['n']):,} neurons of known layer. Bars: 95 % intervals over "
        f"{int(first['n_clusters']):,} {first['cluster']}s; dashed: chance with {n_classes} layers."
    )
    svg = draw_svg("layer", (WIDTH, 0.8 + 0.25 * len(models)), fill)
    return Drawn("layer", title, sentence, caption, svg, ("metrics.parquet", "predictions/layer.parquet"))


def layer_sentence(metrics: pd.DataFrame | None, models: list[str]) -> str:
    """Function alone against the scan's identity, over all scans and within."""
    parts = []
    for model in [name for name in models if is_graph_model(name)] + [name for name in ("scan alone",) if name in models]:
        overall = look_up(metrics, "layer", model, "balanced_accuracy")
        within = look_up(metrics, "layer", model, "balanced_accuracy_within_scan")
        if overall is not None:
            inside = "" if within is None else f", {number_text(within.estimate)} within scans"
            parts.append(f"{_quoted(model)} reaches {overall.text()}{inside}")
    return f"Balanced accuracy of layer: {'; '.join(parts)}." if parts else "Only baselines were scored for layer."


def draw_place(run: RunFolder, task: str) -> Block:
    """Depth, or the place along an axis, predicted against true, with error bars and what they cover.

    Args:
        run: The run folder.
        task: Name of the axis.
    """
    title, place = f"{task_title(run, task)}: predicted against true", task if task == DEPTH else f"position along {task}"
    key = DEPTH if task == DEPTH else f"place-{run.places().index(task)}"
    frame = run.table("predictions/position")
    frame = None if frame is None else frame[(frame["target"] == task) & np.isfinite(frame["true_um"]) & np.isfinite(frame["mean_um"])]
    if frame is None or frame.empty:
        seen = f"no neuron was predicted whose {place} is known and differs between neurons (predictions/position.parquet)."
        return Absent(key, title, why_not(run, task, seen))
    frame, split = of_first_split(frame)
    models = shown_models(frame)
    parts = {model: frame[frame["model"] == model] for model in models}

    with_bars = {model: rows for model, rows in parts.items() if np.isfinite(rows["sd_um"]).any()}

    def fill(figure: Figure) -> None:
        axes = figure.subplots(1, len(models) + bool(with_bars), squeeze=False)[0]
        low, high = np.quantile(frame["true_um"], [0.001, 0.999])
        limits = (float(low) - 25, float(high) + 25)
        for one, (model, rows) in zip(axes, parts.items(), strict=False):
            _draw_predicted(one, rows, model_style(model)["color"])
            one.set(xlim=limits, ylim=limits, aspect="equal", xlabel=plain(f"true {place} (µm)"))
            one.set_title(_two_lines(model))
        axes[0].set_ylabel(plain(f"predicted {place} (µm)"))
        if with_bars:
            _draw_coverage(axes[-1], with_bars)

    caption = f"{split.capitalize()}; n = {len(parts[models[0]]):,} neurons. Black: {N_BARS} neurons evenly spaced in {place}"
    if with_bars:
        caption += ", with the model's 95 % error bars. Right: share of neurons inside error bars of each nominal level; on the diagonal "
        caption += "they are right"
    caption += "."
    svg = draw_svg(key, (WIDTH, 3.0), fill)
    return Drawn(key, title, place_sentence(parts, place), caption, svg, ("predictions/position.parquet",))


def place_sentence(parts: dict[str, pd.DataFrame], place: str) -> str:
    """Median error and coverage of each model, `place` being depth or the position along an axis."""
    said = []
    for model, rows in parts.items():
        true, mean, sd = (rows[name].to_numpy(np.float64) for name in ("true_um", "mean_um", "sd_um"))
        error, inside = float(median_absolute_error(true, mean)), interval_coverage(true, mean, sd)
        bars = f"its 95 % error bars hold {per_cent(inside)} of the neurons"
        if np.isnan(inside):
            lacking = int((~np.isfinite(sd)).sum())
            bars = f"{lacking:,} of {len(sd):,} neurons have no error bar, since their fit kept back too few neurons to set its width"
        said.append(f"{_quoted(model)} misses {place} by {number_text(error, 'um')} µm in the median and {bars}")
    return f"{'; '.join(said)}."


def _two_lines(model: str) -> str:
    return plain(model).replace(", ", ",\n", 1)


def _draw_predicted(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    rows = rows.sort_values("true_um")
    true, mean, sd = (rows[name].to_numpy(np.float64) for name in ("true_um", "mean_um", "sd_um"))
    axes.axline((0, 0), slope=1, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    axes.scatter(true, mean, s=3, color=colour, alpha=0.25, linewidths=0, rasterized=True)
    few = np.unique(np.linspace(0, len(rows) - 1, min(N_BARS, len(rows))).astype(int))
    axes.vlines(true[few], mean[few] - NORMAL_95 * sd[few], mean[few] + NORMAL_95 * sd[few], color=INK, linewidth=0.6, alpha=0.6)
    axes.plot(true[few], mean[few], "o", color=INK, markersize=1.8)


def _draw_coverage(axes: Axes, parts: dict[str, pd.DataFrame]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    for model, rows in parts.items():
        axes.plot(LEVELS, coverage_curve(rows), marker="o", markersize=3, label=_two_lines(model), **model_style(model))
    axes.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal", xlabel="nominal level of the error bar", ylabel="share of neurons inside")
    axes.set_title("Coverage")
    axes.grid(color=RULE, linewidth=0.6)
    axes.legend(loc="lower right", fontsize=6, handlelength=1.2, borderpad=0.1)


def coverage_curve(rows: pd.DataFrame) -> Float[np.ndarray, " levels"]:
    """Share of neurons inside the central error bar of each nominal level in `LEVELS`, of those that have one; NaN where none has."""
    far = np.abs(rows["true_um"] - rows["mean_um"]).to_numpy(np.float64) / rows["sd_um"].to_numpy(np.float64)
    far = far[np.isfinite(far)]
    return np.array([np.mean(far <= ndtri(0.5 + level / 2)) if len(far) else np.nan for level in LEVELS])
