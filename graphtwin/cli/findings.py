"""What was found, on the screen: of a like-to-like folder, of power, of types, and of pairs or neurons that were predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from graphtwin.cli.lines import in_blocks, numbers, say

if TYPE_CHECKING:
    import pandas as pd

    from graphtwin.graph.runs import FittedGraph


def print_findings(folder: Path) -> None:
    """Print the robust slopes, the rule in words, what to beware of, and where the page is."""
    import json

    import pandas as pd

    robust = pd.read_csv(folder / "robust.csv")
    if len(robust):
        columns = ["group", "similarity", "estimate", "low", "high", "p_adj", "p_spatial", "n_pairs", "n_axons"]
        typer.echo(numbers(robust[columns], ["group", "similarity"], digits=4))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (said["rule"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        say(line)


def print_power(folder: Path) -> None:
    """Print the power of each estimate at the slopes that were asked for, what it means in words, and where the page is."""
    import json

    import pandas as pd

    table = pd.read_csv(folder / "power.csv").query("asked and effect != 0")
    columns = ["estimate", "n_axons", "effect", "power", "low", "high", "false_positives", "smallest_slope", "axons_needed"]
    typer.echo(numbers(table[columns], ["estimate", "n_axons", "effect"]))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (*said["scales"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        say(line)


def print_types(folder: Path) -> None:
    """Print whether there are types, what known ones say of them, what was left out, and where the page is."""
    import json

    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (*said["found"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        say(line)


def print_predicted(table: pd.DataFrame, graph: FittedGraph, out: Path) -> None:
    """Print how many rows were answered, how many of them are no predictions of something unseen, and which models answered."""
    of_pairs = "probability" in table
    empty = int(table["note"].str.contains("left empty").sum())
    say(f"{out}: {len(table)} rows, {int((table['note'] != '').sum())} of them with a note")
    fitted, what = int(table["fitted_on"].sum()), "pairs" if of_pairs else "neurons whose labels"
    say(f"  {fitted} are {what} the run was fitted on (fitted_on): no prediction of something unseen")
    if empty:
        say(f"  {empty} are left empty, of neurons that the run knows nothing of: --fill-unknown gives overall rates")
    for task in graph.best:
        if (task == "connectivity") == of_pairs:
            say(f"  {graph.best[task]}")


def print_motor(folder: Path, page: Path) -> None:
    """Print the scores of a circuit and its controls, the verdicts in words, what was left out, and where the page is."""
    import json

    import pandas as pd

    table = pd.read_csv(folder / "scores.csv").query("metric != 'r2'")
    wide = table.assign(column=table["question"] + "\n" + table["metric"]).pivot(index="model", columns="column", values="estimate")
    shown = wide.reindex(index=table["model"].unique(), columns=(table["question"] + "\n" + table["metric"]).unique())
    typer.echo(_in_columns(shown))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (*said["found"], *(f"Note: {note}" for note in said["notes"]), f"Report: {page}"):
        say(line)


def print_robust(folder: Path, page: Path) -> None:
    """Print the accuracies of all kinds of classifiers, the verdicts in words, notes, and where the page is."""
    import json

    import pandas as pd

    table = pd.read_csv(folder / "scores.csv")
    wide = table.assign(column="\n" + table["metric"]).pivot(index="model", columns="column", values="estimate")
    typer.echo(_in_columns(wide.reindex(index=table["model"].unique(), columns=("\n" + table["metric"]).unique())))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (*said["found"], *(f"Note: {note}" for note in said["notes"]), f"Report: {page}"):
        say(line)


def _in_columns(table: pd.DataFrame) -> str:
    """A table of numbers whose headings have two lines."""
    heads = [str(name).partition("\n")[::2] for name in table]
    rows = [
        [str(name), *(f"{value:.3f}" if value == value else "-" for value in values)]
        for name, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    return in_blocks([*(["", *(head[at] for head in heads)] for at in (0, 1)), *rows], 1, [True] + [False] * len(heads))
