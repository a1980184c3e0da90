"""Claims: results are grouped by split, the best is marked in the right direction, and the terminal shows table, verdicts and path."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from graphtwin.evaluation.scoring import COLUMNS
from graphtwin.report.folder import RunFolder
from graphtwin.report.tables import look_up, print_results, results
from graphtwin.report.words import number_text

pytestmark = pytest.mark.slow


def rows(metric, estimates, unit="1", task="depth"):
    values = [
        (task, "neuron", name, "all", metric, unit, value, value - 1, value + 1, 50, 40, "neuron") for name, value in estimates.items()
    ]
    return pd.DataFrame(values, columns=COLUMNS)


def best(table, column):
    return [model for model, cells in table.groups[0].rows if cells[column].is_best]


@pytest.mark.parametrize(
    ("metric", "estimates", "expected"),
    [
        ("r2", {"a": 0.3, "b": 0.5}, ["b"]),
        ("median_absolute_error", {"a": 30.0, "b": 50.0}, ["a"]),
        ("interval_coverage", {"a": 0.99, "b": 0.94, "majority": 0.95}, ["b"]),
        ("r2", {"a": np.nan, "b": 0.1, "c": 0.0}, ["b"]),
        ("r2", {"a": 0.1}, []),
    ],
)
def test_the_best_of_a_column_is_marked_in_its_direction(metric, estimates, expected):
    assert best(results(rows(metric, estimates))[0], 0) == expected


def test_every_model_of_every_split_has_its_row_with_n_and_what_was_resampled(finished):
    metrics = RunFolder.open(finished).table("metrics")
    for table in results(metrics):
        of_task = metrics[metrics["task"] == table.task]
        assert sum(len(group.rows) for group in table.groups) == len(of_task[["split", "subset", "model"]].drop_duplicates())
        assert all("n = " in group.title for group in table.groups)
        for group in table.groups:
            said = "no intervals, since 3 scans are too few to resample: 5 are needed" if group.split == "scan" else "intervals resample"
            assert said in group.title
    assert results(metrics)[0].groups[0].title.startswith("Neurons held out")


def test_an_unknown_task_and_metric_are_shown_as_they_are():
    table = results(rows("surprise_index", {"a": 1.0, "b": 2.0}, task="dreams"))[0]
    assert (table.title, table.columns) == ("Dreams", ["surprise index"])


def test_the_figures_look_at_the_first_split_and_the_whole():
    frame = pd.concat([rows("r2", {"a": 0.1}).assign(split="block"), rows("r2", {"a": 0.2}), rows("r2", {"a": 0.3}).assign(subset="L4")])
    found = look_up(frame, "depth", "a", "r2")
    assert found is not None
    assert found.estimate == 0.2
    assert look_up(frame, "depth", "b", "r2") is None
    assert look_up(None, "depth", "a", "r2") is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.91234, "1", "0.912"),
        (0.01234, "1", "0.0123"),
        (0.0, "1", "0.000"),
        (5e-16, "1", "0.000"),
        (52.34, "um", "52.3"),
        (np.nan, "1", "–"),
    ],
)
def test_numbers_are_short(value, unit, text):
    assert number_text(value, unit) == text


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_shows_results_verdicts_and_the_path_of_the_report(finished, width):
    out = io.StringIO()
    print_results(finished, Console(file=out, width=width))
    text = out.getvalue()
    auc = look_up(RunFolder.open(finished).table("metrics"), "connectivity", "graph model", "auc")
    assert auc is not None
    assert f"{number_text(auc.estimate)} [{number_text(auc.low)}, {number_text(auc.high)}]" in text
    assert text.count("•") == 5
    assert f"Report: {finished / 'report.html'}" in text
    assert all(len(line) <= width for line in text.splitlines()[:-1])


def test_the_terminal_says_what_an_empty_run_lacks(tmp_path):
    out = io.StringIO()
    print_results(tmp_path, Console(file=out, width=300))
    assert "metrics.parquet is absent" in out.getvalue()
    assert "No report yet" in out.getvalue()
