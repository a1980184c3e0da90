"""The results of a run as compact tables: models as rows, key metrics with their 95 % intervals as columns, the best of a column marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from graphtwin.evaluation import EVERY, LOWER_IS_BETTER, WITHIN_EXPOSURE, headline_subset
from graphtwin.pipeline.graph import is_graph_model
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import number_text, unit_text
from graphtwin.schema import AXES, DEPTH
from graphtwin.statistics import FEWEST_UNITS

if TYPE_CHECKING:
    from rich.console import Console

TASKS = {
    "function": "Function",
    "cell_type": "Cell type",
    "layer": "Layer",
    "depth": "Depth",
    "lateral": "Lateral position",
    "connectivity": "Connectivity",
    "size": "Synapse size",
    "like_to_like": "Like-to-like wiring",
}
OF_PLACE = ["r2", "r2_within_scan", "median_absolute_error", "interval_coverage"]  # key metrics of depth, or of the axes of a source
KEY_METRICS = {
    "cell_type": ["balanced_accuracy", "balanced_accuracy_within_scan", "log_loss", "calibration_error"],
    "layer": ["balanced_accuracy", "balanced_accuracy_within_scan", "log_loss", "calibration_error"],
    "connectivity": ["auc", "average_precision", "auc_within_distance", "auc_within_axon", "calibration_error"],
}
METRICS = {
    "auc": "AUC",
    "auc_within_axon": "AUC within axons",
    "auc_within_distance": "AUC, distance-matched",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "balanced_accuracy_within_scan": "balanced accuracy within scans",
    "calibration_error": "calibration error",
    "interval_coverage": "coverage of 95 % intervals",
    "log_loss": "log loss",
    "median_absolute_error": "median error",
    "r2": "R²",
    "r2_within_scan": "R² within scans",
}
HELD_OUT = {"neuron": "Neurons held out", "axon": "Axons held out", "scan": "Scans held out", "block": "Blocks of tissue held out"}
FIRST_SPLITS = ("neuron", "axon")  # splits that the headline speaks of: neurons or axons are held out first
FIRST_SUBSETS = {WITHIN_EXPOSURE: 0, EVERY: 1}  # order of the subsets of a split; others come after them
NOMINAL_COVERAGE = 0.95  # coverage that the error bars promise, as a share
MOST_COLUMNS = 5  # most columns in the table of a task without key metrics
TERMINAL_COLUMNS = 3  # most metrics that a terminal shows with their intervals
MODEL_WIDTH = 20  # characters that are kept for the name of a model, which goes on in a second line where it is longer


@dataclass(frozen=True)
class Value:
    """A metric with its 95 % interval and what it rests on."""

    estimate: float
    low: float
    high: float
    unit: str
    n: int
    n_clusters: int
    cluster: str

    def text(self) -> str:
        """`0.912 (95 % interval 0.903 to 0.921)`, with the unit where there is one."""
        unit = "" if self.unit == "1" else f" {unit_text(self.unit)}"
        if not np.isfinite([self.low, self.high]).all():
            return f"{number_text(self.estimate, self.unit)}{unit}"
        interval = f"{number_text(self.low, self.unit)} to {number_text(self.high, self.unit)}"
        return f"{number_text(self.estimate, self.unit)}{unit} (95 % interval {interval}{unit})"


@dataclass(frozen=True)
class Cell:
    """One entry of a results table."""

    estimate: str
    interval: str
    is_best: bool


@dataclass(frozen=True)
class Group:
    """Models scored on the same held-out rows.

    Attributes:
        split, subset: Names of the split and of the subset in the metrics table.
        title: Split and subset in words, with the number of rows and of what was resampled.
        rows: Rows of the table: model and its cells, in the order of the columns.
    """

    split: str
    subset: str
    title: str
    rows: list[tuple[str, list[Cell]]]


@dataclass(frozen=True)
class Skipped:
    """A task and split that this run does not score, and why; `split` is empty where the task is scored in none."""

    task: str
    split: str
    reason: str
    name: str

    @property
    def title(self) -> str:
        """Task and split in words."""
        return f"{self.name}, {HELD_OUT.get(self.split, self.split).lower()}" if self.split else self.name


@dataclass(frozen=True)
class TaskTable:
    """All results of a task."""

    task: str
    title: str
    columns: list[str]
    groups: list[Group]


def task_title(run: RunFolder, task: str) -> str:
    """The task in words; an axis that is no depth by the name that the source gives it."""
    return title_of(task, run.axes())


def title_of(task: str, axes: Sequence[str]) -> str:
    """The task in words.

    Args:
        task: Name of the task in the tables of metrics.
        axes: Names of the axes of positions.
    """
    if task in TASKS:
        return TASKS[task]
    return f"Position along {task}" if task in axes else task.replace("_", " ").capitalize()


def main_rows(metrics: pd.DataFrame | None, task: str) -> pd.DataFrame | None:
    """A task's rows for its first split (neurons or axons held out) and all rows of it, which the figures show."""
    if metrics is None:
        return None
    rows = metrics[metrics["task"] == task]
    if rows.empty:
        return None
    split = next((name for name in FIRST_SPLITS if (rows["split"] == name).any()), rows["split"].iloc[0])
    rows = rows[rows["split"] == split]
    subset = headline_subset(rows, task, split)
    return rows[rows["subset"] == (subset if (rows["subset"] == subset).any() else rows["subset"].iloc[0])]


def look_up(metrics: pd.DataFrame | None, task: str, model: str, metric: str) -> Value | None:
    """One metric of one model on the task's first split, None when it was not scored."""
    rows = main_rows(metrics, task)
    if rows is None:
        return None
    found = rows[(rows["model"] == model) & (rows["metric"] == metric)]
    if found.empty:
        return None
    row = found.iloc[0]
    counts = int(row["n"]), int(row["n_clusters"])
    return Value(float(row["estimate"]), float(row["low"]), float(row["high"]), str(row["unit"]), *counts, str(row["cluster"]))


def skipped(run: RunFolder) -> list[Skipped]:
    """Tasks and splits that metrics.json says were not scored."""
    found = []
    for task, splits in (run.json("metrics") or {}).items():
        if "skipped" in splits:
            found.append(Skipped(task, "", splits["skipped"], task_title(run, task)))
        else:
            found += [Skipped(task, split, what["skipped"], task_title(run, task)) for split, what in splits.items() if "skipped" in what]
    return found


def why_not(run: RunFolder, task: str, otherwise: str) -> str:
    """The reason why a task is not in this run: what the run says of it, or else what is seen from here."""
    return next((f"{one.reason}." for one in skipped(run) if one.task == task and not one.split), otherwise)


def why_no_table(run: RunFolder, table: str, otherwise: str) -> str:
    """The reason that a like-to-like analysis gives for a table that is not there, or else what is seen from here."""
    reasons: dict[str, str] = (run.json("notes") or {}).get("absent", {})
    return reasons.get(table, otherwise)


def results(metrics: pd.DataFrame | None, axes: Sequence[str] = AXES) -> list[TaskTable]:
    """A table for each task that was scored, known tasks first.

    Args:
        metrics: The metrics of a run; None where it has none.
        axes: Names of the axes of positions.
    """
    if metrics is None:
        return []
    found = list(dict.fromkeys(metrics["task"]))
    return [_task_table(metrics[metrics["task"] == task], task, title_of(task, axes)) for task in in_order(found, axes)]


def in_order(tasks: Sequence[str], axes: Sequence[str]) -> list[str]:
    """Tasks in the order of the page: those of neurons with the axes where depth would be, then pairs, then others.

    Args:
        tasks: Names of tasks, each once.
        axes: Names of the axes of positions.
    """
    known = [name for task in TASKS for name in ([task, *(axis for axis in axes if axis not in TASKS)] if task == DEPTH else [task])]
    return [task for task in known if task in tasks] + [task for task in tasks if task not in known]


def ceilings(table: pd.DataFrame | None) -> list[TaskTable]:
    """A table for each other animal whose wiring is a ceiling: models, AUC and average precision, and shares of the way to it."""
    if table is None:
        return []
    found = []
    for animal, rows in table.groupby("animal", sort=True):
        first = rows.iloc[0]
        columns = [words for metric in dict.fromkeys(rows["metric"]) for words in (METRICS[metric], "share of the way")]
        cells = [(str(model), _ceiling_cells(part)) for model, part in rows.groupby("model", sort=False)]
        where = "" if first["subset"] == EVERY else f", {first['subset']}"
        title = (
            f"{HELD_OUT['axon']}{where}, neurons with a synapse in {animal} (n = {int(first['n']):,}, {int(first['n_connected']):,} "
            f"connected; intervals resample {int(first['n_axons']):,} axons)"
        )
        title = "; ".join([title, *_without_share(rows)])
        words = f"Ceiling: from {first['reference']} alone to the wiring of {animal}"
        found.append(TaskTable("ceiling", words, columns, [Group("axon", str(first["subset"]), title, cells)]))
    return found


def _without_share(rows: pd.DataFrame) -> list[str]:
    """Why a metric has no share of the way, and how many draws of axons are left out of the interval of one that has."""
    said = []
    for metric, first in rows.drop_duplicates("metric").set_index("metric").iterrows():
        name = METRICS[str(metric)]
        if first["note"]:
            said.append(f"{name}: {first['note']}")
        elif first["n_without"]:
            said.append(
                f"{name}: {int(first['n_without']):,} of {int(first['n_draws']):,} draws, in which the ceiling is no higher, left out"
            )
    return said


def _ceiling_cells(rows: pd.DataFrame) -> list[Cell]:
    """Score and share of each metric of a model."""
    cells = []
    for row in rows.to_dict("records"):
        for name, ends in (("estimate", ("low", "high")), ("share", ("share_low", "share_high"))):
            low, high = row[ends[0]], row[ends[1]]
            interval = f"[{number_text(low)}, {number_text(high)}]" if np.isfinite([low, high]).all() else ""
            cells.append(Cell(number_text(row[name]) if np.isfinite(row[name]) else "–", interval, False))
    return cells


def _task_table(rows: pd.DataFrame, task: str, title: str) -> TaskTable:
    there = list(dict.fromkeys(rows["metric"]))
    wanted = KEY_METRICS.get(task, OF_PLACE if "r2" in there else [])
    columns = [metric for metric in wanted if metric in there] or there[:MOST_COLUMNS]
    units = rows.drop_duplicates("metric").set_index("metric")["unit"]
    names = [f"{METRICS.get(name, name.replace('_', ' '))}{_in_unit(units[name])}" for name in columns]
    groups = [
        _group(part, str(split), str(subset), columns)
        for (split, subset), part in rows.groupby(["split", "subset"], sort=False, dropna=False)
    ]
    first = {split: place for place, split in enumerate(HELD_OUT)}
    groups.sort(key=lambda group: (first.get(group.split, len(first)), FIRST_SUBSETS.get(group.subset, 2)))
    return TaskTable(task, title, names, groups)


def _in_unit(unit: str) -> str:
    return "" if unit == "1" else f" ({unit_text(unit)})"


def _group(rows: pd.DataFrame, split: str, subset: str, columns: list[str]) -> Group:
    best = {metric: _best(rows[rows["metric"] == metric], metric) for metric in columns}
    cells = []
    for model, part in rows.groupby("model", sort=False):
        by_metric = part.drop_duplicates("metric").set_index("metric")
        cells.append((str(model), [_cell(by_metric, metric, best[metric] == model) for metric in columns]))
    largest = rows.loc[rows["n"].idxmax()]
    of_subset = "" if subset == EVERY else f", {subset}"
    n_clusters = int(largest["n_clusters"])
    intervals = f"intervals resample {n_clusters:,} {largest['cluster']}s"
    if n_clusters < FEWEST_UNITS:
        intervals = f"no intervals, since {n_clusters} {largest['cluster']}s are too few to resample: {FEWEST_UNITS} are needed"
    return Group(split, subset, f"{HELD_OUT.get(split, split)}{of_subset} (n = {int(largest['n']):,}; {intervals})", cells)


def _best(rows: pd.DataFrame, metric: str) -> str | None:
    """The model with the best estimate; the coverage of error bars is best where it is nearest to what they promise.

    Saying the same of every row is calibrated without knowing anything, so `majority` cannot be best in that.
    """
    rows = rows[np.isfinite(rows["estimate"])]
    if metric in ("calibration_error", "interval_coverage"):
        rows = rows[rows["model"] != "majority"]
    if len(rows) < 2:
        return None
    worth = rows["estimate"] if metric != "interval_coverage" else -(rows["estimate"] - NOMINAL_COVERAGE).abs()
    return str(rows.loc[worth.idxmin() if metric in LOWER_IS_BETTER else worth.idxmax(), "model"])


def _cell(by_metric: pd.DataFrame, metric: str, is_best: bool) -> Cell:
    if metric not in by_metric.index:
        return Cell("–", "", False)
    row = by_metric.loc[metric]
    known = np.isfinite([row["low"], row["high"]]).all()
    interval = f"[{number_text(row['low'], row['unit'])}, {number_text(row['high'], row['unit'])}]" if known else ""
    return Cell(number_text(row["estimate"], row["unit"]), interval, is_best)


def print_results(run: Path, console: Console | None = None) -> None:
    """Print a table a task, the verdicts and the path of the report to the terminal.

    Args:
        run: The run folder.
        console: Console to print to; the terminal by default.
    """
    from rich.console import Console
    from rich.markup import escape

    console = console or Console()
    folder = RunFolder.open(run)
    tables = results(folder.table("metrics"), folder.axes())
    if not tables:
        console.print(f"{escape(str(folder.path / 'metrics.parquet'))} is absent: no results to show.", soft_wrap=True)
    for table in tables:
        console.print(_rich_table(table, _n_columns(table, console.width)))
        console.print()
    for verdict in folder.json("verdicts") or []:
        console.print(f"• {escape(str(verdict['sentence']))}", highlight=False)
    for one in skipped(folder):
        if one.split:
            console.print(f"• {escape(one.title)}: not scored, since {escape(one.reason)}.", highlight=False)
    report = folder.path / "report.html"
    where = f"Report: {report}" if report.is_file() else f"No report yet: {report} is absent."
    console.print(escape(where), soft_wrap=True, highlight=False)


def _n_columns(table: TaskTable, width: int) -> int:
    """How many metrics fit beside the models, one at least."""
    left = width - MODEL_WIDTH
    for at, name in enumerate(table.columns[:TERMINAL_COLUMNS]):
        cells = (_terminal_cell(cells[at]) for group in table.groups for _, cells in group.rows)
        left -= 2 + max(map(len, (name, *cells)))
        if left < 0:
            return max(at, 1)
    return TERMINAL_COLUMNS


def _rich_table(table: TaskTable, n_columns: int) -> object:
    """Under the name of each split its models: of the first split all, of the others the graph model and whatever was best."""
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    drawn = Table(title=f"{table.title} (95 % intervals; * best)", title_justify="left", header_style="bold", box=None, pad_edge=False)
    drawn.add_column("model", overflow="fold")
    for name in table.columns[:n_columns]:
        drawn.add_column(escape(name), justify="right", no_wrap=True)
    for place, group in enumerate(table.groups):
        drawn.add_row(f"[italic]{escape(group.split if group.subset == EVERY else f'{group.split}, {group.subset}')}[/italic]")
        for model, cells in group.rows:
            shown = cells[:n_columns]
            if place == 0 or is_graph_model(model) or any(cell.is_best for cell in shown):
                drawn.add_row(Padding(escape(model), (0, 0, 0, 2)), *(escape(_terminal_cell(cell)) for cell in shown))
    return drawn


def _terminal_cell(cell: Cell) -> str:
    return f"{'*' if cell.is_best else ''}{cell.estimate} {cell.interval}".strip()
