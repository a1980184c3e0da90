"""What carries over between brain areas, as tables for the page; a source with one area has a sentence in their place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from graphtwin.report.folder import RunFolder
from graphtwin.report.tables import METRICS, Cell, Group, TaskTable, title_of
from graphtwin.report.words import number_text

LESS = {"nothing": "", "own area": ", less its own area's"}  # what a difference is less, in the words of a column


def area_tables(table: pd.DataFrame | None, axes: Sequence[str]) -> list[TaskTable]:
    """A table a task: for each area that is asked about, the models of every area, its own last, with what each loses to it.

    Args:
        table: Scores and differences of areas; None where areas were not held out.
        axes: Names of the axes of positions.
    """
    if table is None:
        return []
    return [_table(rows, str(task), axes) for task, rows in table.groupby("task", sort=False)]


def _table(rows: pd.DataFrame, task: str, axes: Sequence[str]) -> TaskTable:
    columns = [(metric, less) for metric in dict.fromkeys(rows["metric"]) for less in LESS if metric in METRICS]
    names = [f"{METRICS[metric]}{LESS[less]}" for metric, less in columns]
    groups = [_group(part, str(test), columns) for test, part in rows.groupby("test", sort=False)]
    return TaskTable("areas", f"{title_of(task, axes)}, learned in one area and asked of another", names, groups)


def _group(rows: pd.DataFrame, test: str, columns: list[tuple[str, str]]) -> Group:
    first = rows.iloc[0]
    others = [train for train in dict.fromkeys(rows["train"]) if train != test]
    cells = []
    for train in [*others, test]:
        for model, part in rows[rows["train"] == train].groupby("model", sort=False):
            named = f"{model}, learned in {train}" + (", held-out folds" if train == test else "")
            found = part.drop_duplicates(["metric", "less"]).set_index(["metric", "less"])
            cells.append((named, [_cell(found, column) for column in columns]))
    title = f"{test} (n = {int(first['n']):,}; intervals resample {int(first['n_clusters']):,} {first['cluster']}s)"
    return Group("area", test, title, cells)


def _cell(found: pd.DataFrame, column: tuple[str, str]) -> Cell:
    if column not in found.index:
        return Cell("–", "", False)
    estimate, low, high = found.loc[column, ["estimate", "low", "high"]].to_numpy(np.float64)
    return Cell(number_text(estimate), f"[{number_text(low)}, {number_text(high)}]" if np.isfinite([low, high]).all() else "", False)


def no_areas(run: RunFolder) -> str | None:
    """Why areas were not held out, of a source that names them; None where they were, or where it names none."""
    units = run.table("tables/units", ["nucleus_id", "brain_area"])
    if units is None or run.table("areas") is not None:
        return None
    counts = units.dropna(subset=["brain_area"]).drop_duplicates("nucleus_id")["brain_area"].value_counts()
    if counts.empty:
        return None
    listed = ", ".join(f"{area}, {n:,}" for area, n in counts.items())
    if len(counts) == 1:
        return f"Functional neurons lie in one area ({listed}): no split by area"
    return f"Fewer than two areas have enough functional neurons or connections ({listed}): no split by area"
