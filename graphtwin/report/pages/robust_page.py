"""The page of `graphtwin robust train`: whether function makes classifiers robust, beside every control."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from graphtwin.folders import require_as_written
from graphtwin.report.figures import robust_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import robust_methods
from graphtwin.report.pages.motor_page import parted
from graphtwin.report.pages.page import Section, facts, page, write_page

TEMPLATE = "robust.html.j2"
DRAWN = ("curves", "differences", "frequencies")  # tables without which there is no page


def write_robust(folder: Path) -> Path:
    """Read the folder of a run of classifiers and write `report.html` into it, atomically.

    Args:
        folder: Folder that `graphtwin robust train --out` wrote.

    Returns:
        The path of the report.
    """
    run = RunFolder.open(folder)
    require_as_written(run.path, *(f"{name}.parquet" for name in DRAWN))
    provenance, said, files = run.json("provenance"), run.json("notes") or {}, run.files()
    found = [parted(sentence) for sentence in said.get("found", [])]
    columns, rows = score_rows(run.table("scores"))
    rendered = page(TEMPLATE).render(
        name=run.path.resolve().name,
        headline=headline([verdict["kind"] for verdict in found]),
        found=found,
        notes=said.get("notes", []),
        columns=columns,
        rows=rows,
        checks=check_rows(run.table("attack_checks")),
        sections=_sections(run),
        methods=robust_methods(run),
        facts=facts(provenance),
        provenance=None if provenance is None else json.dumps(provenance, indent=2, ensure_ascii=False),
        config=run.text("config.toml"),
        files=files,
        existing={name for name, _ in files},
    )
    return write_page(rendered, run.path / "report.html")


def headline(kinds: list[str]) -> str:
    """One sentence over all verdicts.

    Args:
        kinds: Kind of each verdict: adds, unclear, harms or untested.
    """
    tested = len(kinds) - kinds.count("untested")
    if not tested:
        return "Whether function adds robustness could not be tested."
    return f"Function adds robustness beyond every control in {kinds.count('adds')} of {tested} questions."


def score_rows(table: pd.DataFrame | None) -> tuple[list[str], list[dict[str, object]]]:
    """Columns (metrics) and rows (kinds of classifiers) of the table of scores; the best of a column is marked.

    Args:
        table: model, metric, estimate, low, high, seeds; None where nothing was scored.
    """
    if table is None:
        return [], []
    metrics = list(table["metric"].unique())
    best = table.groupby("metric")["estimate"].max()
    of = table.set_index(["model", "metric"])
    rows = []
    for model in table["model"].unique():
        cells = []
        for metric in metrics:
            row = of.loc[(model, metric)]
            interval = f"{row['low']:.3f} to {row['high']:.3f}" if pd.notna(row["low"]) else "too few"
            cells.append({"text": f"{row['estimate']:.3f}", "interval": interval, "is_best": row["estimate"] == best[metric]})
        rows.append({"model": model, "cells": cells, "is_twin": model.endswith(", twin")})
    return metrics, rows


def check_rows(table: pd.DataFrame | None) -> list[dict[str, object]]:
    """How many classifiers passed each check of the attacks, and the worst value.

    Args:
        table: model, seed, check, value, bound, passed; None where nothing was attacked.
    """
    if table is None:
        return []
    rows: list[dict[str, object]] = []
    for check, part in table.groupby("check", sort=False):
        is_least = bool((part["bound"] < 0).all())
        worst = part["value"].min() if is_least else part["value"].max()
        kind = "at least" if is_least else "at most"
        passed = int(part["passed"].sum())
        rows.append(
            {"check": check, "worst": f"{worst:.3f}", "bound": f"{kind} {part['bound'].iloc[0]:g}", "passed": f"{passed} of {len(part)}"}
        )
    return rows


def _sections(run: RunFolder) -> list[Section]:
    """Figures by what they are of."""
    curves, differences, frequencies = (run.table(name) for name in DRAWN)
    strengths = run.table("strengths")
    assert curves is not None  # they are as they were written
    assert differences is not None
    assert frequencies is not None
    ways = [way for way in robust_figures.WAYS if f"{way}, twin" in set(curves["model"])]
    drawn = [
        block for way in ways for block in (robust_figures.draw_curves(curves, way), robust_figures.draw_differences(differences, way))
    ]
    more = [robust_figures.draw_frequencies(frequencies), robust_figures.draw_neurons(run.table("neurons_predicted"))]
    return [
        Section("robustness", "Robustness", "Accuracy on the same test pictures, made worse by nature or by an adversary.", drawn),
        Section("used", "What is used, and what neurons say of it", "Frequencies that classifiers see, and the other direction.", more),
        Section("choice", "Strengths", "Chosen by validation accuracy alone.", [robust_figures.draw_strengths(strengths)]),
    ]
