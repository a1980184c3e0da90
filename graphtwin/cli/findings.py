"""What was found, on the screen: of a like-to-like folder, of power, of types, and of pairs or neurons that were predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

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
        typer.echo(robust[columns].to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (said["rule"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        typer.echo(line)


def print_power(folder: Path) -> None:
    """Print the power of each estimate at the slopes that were asked for, what it means in words, and where the page is."""
    import json

    import pandas as pd

    table = pd.read_csv(folder / "power.csv").query("asked and effect != 0")
    columns = ["estimate", "n_axons", "effect", "power", "low", "high", "false_positives", "smallest_slope", "axons_needed"]
    typer.echo(table[columns].to_string(index=False, float_format=lambda value: f"{value:.3g}", na_rep="-"))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (*said["scales"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        typer.echo(line)


def print_types(folder: Path) -> None:
    """Print whether there are types, what known ones say of them, what was left out, and where the page is."""
    import json

    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (*said["found"], *(f"Note: {note}" for note in said["notes"]), f"Report: {folder / 'report.html'}"):
        typer.echo(line)


def print_predicted(table: pd.DataFrame, graph: FittedGraph, out: Path) -> None:
    """Print how many rows were answered, how many of them are no predictions of something unseen, and which models answered."""
    of_pairs = "probability" in table
    empty = int(table["note"].str.contains("left empty").sum())
    typer.echo(f"{out}: {len(table)} rows, {int((table['note'] != '').sum())} of them with a note")
    fitted, what = int(table["fitted_on"].sum()), "pairs" if of_pairs else "neurons whose labels"
    typer.echo(f"  {fitted} are {what} the run was fitted on (fitted_on): no prediction of something unseen")
    if empty:
        typer.echo(f"  {empty} are left empty, of neurons that the run knows nothing of: --fill-unknown gives overall rates")
    for task in graph.best:
        if (task == "connectivity") == of_pairs:
            typer.echo(f"  {graph.best[task]}")


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
        typer.echo(line)


def print_robust(folder: Path, page: Path) -> None:
    """Print the accuracies of all kinds of classifiers, the verdicts in words, notes, and where the page is."""
    import json

    import pandas as pd

    table = pd.read_csv(folder / "scores.csv")
    wide = table.assign(column="\n" + table["metric"]).pivot(index="model", columns="column", values="estimate")
    typer.echo(_in_columns(wide.reindex(index=table["model"].unique(), columns=("\n" + table["metric"]).unique())))
    said = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for line in (*said["found"], *(f"Note: {note}" for note in said["notes"]), f"Report: {page}"):
        typer.echo(line)


def _in_columns(table: pd.DataFrame) -> str:
    """A table of numbers whose headings have two lines."""
    heads = [str(name).partition("\n")[::2] for name in table]
    widths = [max(len(part) for part in head) for head in heads]
    first = max(len(str(name)) for name in table.index)
    lines = [" " * first + "".join(f"  {head[at]:>{width}}" for head, width in zip(heads, widths, strict=True)) for at in (0, 1)]
    for name, values in zip(table.index, table.to_numpy(), strict=True):
        cells = (f"{value:.3f}" if value == value else "-" for value in values)
        lines.append(f"{name:<{first}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))
    return "\n".join(lines)
