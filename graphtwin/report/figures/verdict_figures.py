"""Figures behind the verdicts: paired differences of models, and permuted function against the real."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.evaluation import FEWEST_PERMUTATIONS, LEVEL, LOWER_IS_BETTER, p_of_better
from graphtwin.graph.runs import LATERAL
from graphtwin.plots import BLUE, GREY, MUTED, VERMILLION, plot_intervals, plot_permutations
from graphtwin.report.figures.drawing import WIDTH, Absent, Block, Drawn, draw_svg
from graphtwin.report.folder import RunFolder
from graphtwin.report.tables import METRICS, in_order, look_up, main_rows, task_title
from graphtwin.report.words import join_words, number_text, p_text, plain, unit_text


def headline_metrics(task: str, there: pd.Series) -> list[str]:
    """Metrics that the verdicts on a task are about; within scans where there are several, since models of function never see the scan.

    Args:
        task: Name of the task.
        there: Names of the metrics that it has.
    """
    if task == "connectivity":
        return ["auc", "average_precision"]
    if task == LATERAL:
        return []
    known = set(there)
    ways = (("balanced_accuracy_within_scan", "balanced_accuracy"), ("r2_within_scan", "r2"))
    return [next(name for name in way if name in known) for way in ways if known & set(way)]


def draw_differences(run: RunFolder) -> Block:
    """Every paired difference in the headline metric of its task."""
    title = "Paired differences of models"
    panels = _panels(run, run.table("differences"))
    if not panels:
        return Absent("differences", title, "no paired differences in the headline metrics (differences.parquet).")

    def fill(figure: Figure) -> None:
        heights = [len(rows) + 1.6 for _, _, rows in panels]
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for one, (task, metric, rows) in zip(axes, panels, strict=True):
            values = rows[["estimate", "low", "high"]].to_numpy(np.float64)
            plot_intervals(rows["model"].tolist(), values, [_tone(value, metric) for value in values], 0.0, one)
            unit = unit_text(rows["unit"].iloc[0])
            better = "lower is better" if metric in LOWER_IS_BETTER else "higher is better"
            asked = f"{task_title(run, task)}: difference in {METRICS.get(metric, metric)}{f' ({unit})' if unit else ''}, {better}"
            one.set_title(asked, loc="right")  # longer than the axis is wide: it may begin over the labels
            one.locator_params(axis="x", nbins=5)  # numbers of four decimals would run into each other

    sentence = differences_sentence([rows.assign(metric=metric) for _, metric, rows in panels])
    n = "; ".join(f"{task_title(run, task).lower()} n = {int(rows['n'].iloc[0]):,}" for task, _, rows in _first_of_task(panels))
    caption = (
        f"First model minus second, on the same held-out rows and resamples; bars: 95 % intervals. {n[:1].upper()}{n[1:]}. "
        "Blue: interval on the better side of 0; red: on the worse; grey: includes 0."
    )
    height = sum(0.2 * len(rows) + 0.62 for _, _, rows in panels)
    return Drawn("differences", title, sentence, caption, draw_svg("differences", (WIDTH, height), fill), ("differences.parquet",))


def _panels(run: RunFolder, differences: pd.DataFrame | None) -> list[tuple[str, str, pd.DataFrame]]:
    panels = []
    for task in [] if differences is None else in_order(list(dict.fromkeys(differences["task"])), run.axes()):
        rows = main_rows(differences, task)
        if rows is None:
            continue
        for metric in headline_metrics(task, rows["metric"]):
            part = rows[rows["metric"] == metric]
            if len(part):
                panels.append((task, metric, part))
    return panels


def _first_of_task(panels: list[tuple[str, str, pd.DataFrame]]) -> list[tuple[str, str, pd.DataFrame]]:
    return list({task: (task, metric, rows) for task, metric, rows in reversed(panels)}.values())[::-1]


def _tone(value: Float[np.ndarray, " estimate_low_high"], metric: str) -> str:
    side = gain(value[1], value[2], metric)
    return {1: BLUE, -1: VERMILLION, 0: GREY}[side]


def gain(low: float, high: float, metric: str) -> int:
    """1 where the whole interval lies on the better side of 0, -1 on the worse, 0 where it includes 0 or is not there."""
    side = int(low > 0) - int(high < 0)
    return -side if metric in LOWER_IS_BETTER else side


def differences_sentence(panels: list[pd.DataFrame]) -> str:
    """How many of the differences are clear."""
    every = [row for rows in panels for row in rows.itertuples()]
    known = [row for row in every if np.isfinite([row.low, row.high]).all()]
    sides = [gain(row.low, row.high, row.metric) for row in known]
    better, worse = sides.count(1), sides.count(-1)
    text = (
        f"Of {len(every)} paired differences, {better} are clearly for the first model and {worse} clearly against it; "
        f"the intervals of {sides.count(0)} include 0"
    )
    return text + (f"; {len(every) - len(known)} have no interval." if len(known) < len(every) else ".")


def draw_permutations(run: RunFolder) -> Block:
    """Models whose function was permuted, or whose graph was rewired, against the model on the real data."""
    title = "Is function used at all? Permuted against real"
    frame, metrics = run.table("permutations"), run.table("metrics")
    if frame is None:
        return Absent("permutations", title, "no permutations were run (permutations.parquet).")
    strips = _strips(run, frame, metrics)
    if not strips:
        return Absent("permutations", title, "no permuted model has its real counterpart in metrics.parquet.")

    def fill(figure: Figure) -> None:
        columns = min(3, len(strips))
        grid = figure.subplots(-(-len(strips) // columns), columns, squeeze=False)
        for one in grid.ravel()[len(strips) :]:
            one.set_visible(False)
        for one, strip in zip(grid.ravel(), strips, strict=False):
            _draw_strip(one, strip, task_title(run, strip[0]))

    rows = -(-len(strips) // 3)
    caption = (
        "Dots: one model each, trained and scored after the permutation or rewiring named above; line: the model on the real data, scored "
        "on the held-out folds of the dots, which may be some of those behind other figures. "
        f"n = {_replicates(strips)} replicates a panel; the least p that n replicates can reach is 1 / (n + 1)."
    )
    svg = draw_svg("permutations", (WIDTH, 1.75 * rows), fill)
    said = [(task_title(run, strip[0]), *strip[1:]) for strip in strips]
    return Drawn("permutations", title, permutations_sentence(said), caption, svg, ("permutations.parquet",))


Strip = tuple[str, str, str, str, float, np.ndarray]


def _strips(run: RunFolder, frame: pd.DataFrame, metrics: pd.DataFrame | None) -> list[Strip]:
    """(task, null, model, metric, observed, permuted estimates) of every headline metric that has both."""
    found = []
    for (task, null, model, metric), rows in frame.groupby(["task", "null", "model", "metric"], sort=False):
        known = look_up(metrics, task, model, metric)
        observed = float(rows["observed"].iloc[0]) if "observed" in rows else known.estimate if known is not None else None
        if metric in headline_metrics(task, frame.loc[frame["task"] == task, "metric"]) and observed is not None:
            found.append((task, null, model, metric, observed, rows["estimate"].to_numpy(np.float64)))
    order = in_order(list(dict.fromkeys(strip[0] for strip in found)), run.axes())
    return sorted(found, key=lambda strip: order.index(strip[0]))


def _replicates(strips: list[Strip]) -> str:
    return join_words(str(n) for n in sorted({len(strip[5]) for strip in strips}))


def _draw_strip(axes: Axes, strip: Strip, title: str) -> None:
    _, null, _, metric, observed, permuted = strip
    unit = " (µm)" if metric == "median_absolute_error" else ""
    plot_permutations(observed, permuted, f"{METRICS.get(metric, metric)}{unit}; {p_text(p_of_better(metric, observed, permuted))}", axes)
    axes.set_title(title, pad=15)
    axes.text(0.0, 1.04, plain(null), transform=axes.transAxes, fontsize=6.5, va="bottom", color=MUTED)


def permutations_sentence(strips: list[Strip]) -> str:
    """Real against the mean of the permuted, and the permutation p-value, the clear ones first."""
    said: dict[str, list[str]] = {"better": [], "not": [], "untested": []}
    for task, null, _, metric, observed, permuted in strips:
        p = p_of_better(metric, observed, permuted)
        unit, of = ("um", " µm") if metric == "median_absolute_error" else ("1", "")
        kind = ", rewired" if "rewir" in null else ""
        numbers = f"{number_text(observed, unit)} against {number_text(float(permuted.mean()), unit)}{of}, {p_text(p)}"
        able = len(permuted) >= FEWEST_PERMUTATIONS and np.isfinite(p)
        found = "untested" if not able else "better" if p <= LEVEL else "not"
        said[found].append(f"{task.lower()}{kind} ({METRICS.get(metric, metric)} {numbers})")
    few = f"fewer than {FEWEST_PERMUTATIONS} replicates, or replicates that change nothing, cannot have p ≤ {LEVEL}"
    untested = f"{'; '.join(said['untested'])}: {few}." if said["untested"] else ""
    n_tests = len(said["better"]) + len(said["not"])
    if not n_tests:
        return f"Nothing could be tested in {untested}"
    text = f"The real data are better than the permuted (p ≤ {LEVEL}) in {len(said['better'])} of {n_tests} tests"
    text += f": {'; '.join(said['better'])}" if said["better"] else ""
    text += f"; not in {'; '.join(said['not'])}" if said["not"] else ""
    return f"{text}. Not tested: {untested}" if untested else f"{text}."
