"""Figures of connectivity: ROC and precision-recall against baselines, calibration, and synapse size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from graphtwin.pipeline.graph import GRAPH_MODEL, is_graph_model
from graphtwin.plots import BLUE, VERMILLION, plot_calibration, plot_precision_recall, plot_roc
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.figures.ranked import RATES, TOP_PER_CENT, RankedModel, rank_model, reliability
from graphtwin.report.folder import KNOWN_COLUMNS, RunFolder
from graphtwin.report.tables import look_up
from graphtwin.report.words import number_text, per_cent, plain

FIRST_RANKED = 30  # pairs at which the precision curve begins: precision of fewer pairs is noise


def draw_pair_figures(run: RunFolder) -> list[Block]:
    """All figures of connectivity."""
    there = run.columns("predictions/connectivity")
    models = [name for name in there if name not in KNOWN_COLUMNS]
    pairs = run.table("predictions/connectivity", ["pre_nucleus_id", "connected", "fold", *models])
    if pairs is None or not pairs["connected"].any():
        reason = "no predictions/connectivity.parquet" if pairs is None else "none of the held-out pairs is connected"
        return [
            Absent("roc", "Connectivity: ranking of held-out pairs", f"{reason}."),
            Absent("calibration", "Connectivity: are the probabilities right?", f"{reason}."),
            draw_size(run),
        ]
    exposure = run.table("predictions/connectivity", ["pair_exposure"]) if "pair_exposure" in there else None
    pairs = pairs if exposure is None else within_exposure(pairs, exposure["pair_exposure"].to_numpy())
    connected = pairs["connected"].to_numpy(bool)
    fold = pairs["fold"].to_numpy(np.int64)
    ranked = {name: rank_model(connected, pairs[name].to_numpy(), fold) for name in models if np.isfinite(pairs[name]).any()}
    return [draw_ranking(ranked, run.table("metrics"), n_axons(pairs)), draw_calibration(ranked, run.table("metrics")), draw_size(run)]


def within_exposure(pairs: pd.DataFrame, exposure: np.ndarray) -> pd.DataFrame:
    """The pairs that could have met, as the headline has them; all where none of these is connected."""
    found = pairs[exposure > 0]
    return found if found["connected"].any() else pairs


def n_axons(pairs: pd.DataFrame) -> int:
    """Axons among the pairs."""
    return int(pairs["pre_nucleus_id"].nunique())


def draw_ranking(ranked: dict[str, RankedModel], metrics: pd.DataFrame | None, axons: int) -> Drawn:
    """ROC and precision-recall of every model."""
    order = sorted(ranked, key=lambda name: -ranked[name].average_precision)
    first = ranked[order[0]]
    curves = {name: ranked[name] for name in order if not ranked[name].is_flat}

    def fill(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plot_roc({name: (RATES, model.true_rate) for name, model in curves.items()}, left, GRAPH_MODEL)
        plot_precision_recall({name: _precision(model) for name, model in curves.items()}, first.chance, right, GRAPH_MODEL)
        handles, labels = left.get_legend_handles_labels()
        values = {
            name: f"{plain(name)}: AUC {number_text(ranked[name].auc)}, AP {number_text(ranked[name].average_precision)}" for name in curves
        }
        figure.legend(handles, [values[label] for label in labels], loc="outside lower center", ncols=2, columnspacing=2.5)

    sentence = ranking_sentence(ranked, metrics)
    caption = (
        f"Axons held out; n = {int(first.n[-1]):,} pairs of {axons:,} axons onto queried cells, {int(first.positive[-1]):,} connected. "
        "Pairs are ranked within their fold and the curves of folds averaged with their connected pairs. Both axes of precision-recall are "
        f"logarithmic; it begins after the first {FIRST_RANKED} pairs. Grey dashed: chance."
    )
    flat = [name for name in order if name not in curves]
    if flat:
        caption += f" Not drawn, since they give every pair of a fold one probability: {', '.join(flat)}."
    title = "Connectivity: ranking of held-out pairs"
    height = 3.3 + 0.17 * ((len(curves) + 1) // 2)
    svg = draw_svg("roc", (WIDTH, height), fill)
    return Drawn("roc", title, sentence, caption, svg, ("predictions/connectivity.parquet", "metrics.parquet"))


def ranking_sentence(ranked: dict[str, RankedModel], metrics: pd.DataFrame | None) -> str:
    """The graph model against the baseline with the best average precision."""
    graph = GRAPH_MODEL if GRAPH_MODEL in ranked else next((name for name in ranked if is_graph_model(name)), None)
    baselines = [name for name in ranked if not is_graph_model(name)]
    prevalence = f"{per_cent(next(iter(ranked.values())).prevalence)} of the pairs are connected"
    best = max(baselines, key=lambda name: ranked[name].average_precision) if baselines else None
    if graph is None:
        return f"The best baseline, {_scored(best or '', ranked, metrics)}; {prevalence}."
    text = f"On axons never seen, {_scored(graph, ranked, metrics)}"
    return f"{text}; the best baseline, {_scored(best, ranked, metrics)}; {prevalence}." if best else f"{text}; {prevalence}."


def _scored(model: str, ranked: dict[str, RankedModel], metrics: pd.DataFrame | None) -> str:
    values = {"auc": ranked[model].auc, "average_precision": ranked[model].average_precision}
    said = {}
    for metric, value in values.items():
        found = look_up(metrics, "connectivity", model, metric)
        agrees = found is not None and abs(found.estimate - value) < 1e-3 * max(abs(value), 1e-9)
        said[metric] = found.text() if found is not None and agrees else number_text(value)
    return f"“{model}” reaches AUC {said['auc']} and average precision {said['average_precision']}"


def _precision(model: RankedModel) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision from the first pairs on; less recall than that of one pair is none."""
    at = (model.ranked >= FIRST_RANKED) & (RATES * model.positive[-1] >= 1)
    return RATES[at], model.precision[at]


def draw_calibration(ranked: dict[str, RankedModel], metrics: pd.DataFrame | None) -> Drawn:
    """Predicted probability against the observed share of connected pairs."""
    shown = [name for name in ("boosting", "boosting + tuning", GRAPH_MODEL) if name in ranked] or list(ranked)[-3:]
    curves = {name: reliability(ranked[name]) for name in shown}

    def fill(figure: Figure) -> None:
        plot_calibration(curves, figure.subplots())

    first = next(iter(curves.values()))
    caption = (
        "Pairs ranked by each model within their fold and cut at fixed shares, finer at the top; "
        f"n = {int(first['n'].sum()):,} pairs. Bars: 95 % Wilson intervals, pairs taken as independent. On the dashed line probabilities "
        "are right; bins without a connected pair cannot be drawn."
    )
    sentence = calibration_sentence(shown[-1], ranked[shown[-1]], metrics)
    svg = draw_svg("calibration", (0.72 * WIDTH, 3.5), fill)
    title = "Connectivity: are the probabilities right?"
    return Drawn("calibration", title, sentence, caption, svg, ("predictions/connectivity.parquet",))


def calibration_sentence(name: str, model: RankedModel, metrics: pd.DataFrame | None) -> str:
    """The share that the model promises for its top per cent of pairs, and the share found there."""
    top = TOP_PER_CENT
    promised, found = model.mass[top] / model.n[top], model.positive[top] / model.n[top]
    text = (
        f"Of the {per_cent(model.n[top] / model.n[-1])} of pairs that “{name}” ranks highest in their fold it expects "
        f"{per_cent(promised)} to be connected, and {per_cent(found)} are; of all pairs it expects "
        f"{per_cent(model.mass[-1] / model.n[-1])}, and {per_cent(model.prevalence)} are"
    )
    error = look_up(metrics, "connectivity", name, "calibration_error")
    return text + ("." if error is None else f" (calibration error {number_text(error.estimate)}).")


def _within_folds(sizes: pd.DataFrame) -> float:
    """Rank correlation of expected and observed size in each fold, averaged with its connections."""
    folds = [part for _, part in sizes.groupby("fold") if (part[["expected_size", "size"]].nunique() > 1).all()]
    found = [float(stats.spearmanr(part["expected_size"], part["size"]).statistic) for part in folds]
    return float(np.average(found, weights=list(map(len, folds)))) if folds else float("nan")


def draw_size(run: RunFolder) -> Block:
    """Expected against observed synapse size of connected pairs."""
    title = "Synapse size: expected against observed"
    sizes = run.table("predictions/size")
    sizes = None if sizes is None else sizes[(sizes["size"] > 0) & (sizes["expected_size"] > 0)]
    if sizes is None or len(sizes) < 3:
        return Absent("size", title, "fewer than three connected pairs with an expected size (predictions/size.parquet).")
    expected, observed = sizes["expected_size"].to_numpy(np.float64), sizes["size"].to_numpy(np.float64)
    rank = _within_folds(sizes)

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.scatter(expected, observed, s=4, color=BLUE, alpha=0.3, linewidths=0, rasterized=True)
        bins = np.array_split(np.argsort(expected), min(10, len(expected)))
        axes.plot(
            [expected[b].mean() for b in bins],
            [observed[b].mean() for b in bins],
            "o-",
            color=VERMILLION,
            markersize=4,
            label="mean of a tenth",
        )
        axes.set(xscale="log", yscale="log", xlabel="expected size (cleft voxels)", ylabel="observed size (cleft voxels)")
        axes.legend(loc="upper left")

    scored = look_up(run.table("metrics"), "size", GRAPH_MODEL, "spearman")
    agrees = scored is not None and abs(scored.estimate - rank) < 1e-3
    said = scored.text() if scored is not None and agrees else f"{rank:.3f}" if np.isfinite(rank) else "undefined"
    sentence = f"The rank correlation of expected and observed size over connected pairs of a fold is {said}."
    caption = f"Summed cleft size of connected held-out pairs, n = {len(sizes):,}; red: means of tenths of the expected size."
    return Drawn("size", title, sentence, caption, draw_svg("size", (0.6 * WIDTH, 3.2), fill), ("predictions/size.parquet",))
