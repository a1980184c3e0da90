"""The page of `graphtwin motor fit`: whether the wiring predicts what was held out, scores beside controls, and figures."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from graphtwin.report.figures import Block, circuit_figures, motor_figures, order_figures, response_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import motor_methods
from graphtwin.report.pages.page import Section, facts, page, write_page
from graphtwin.report.words import number_text

TEMPLATE = "motor.html.j2"
QUESTIONS = {
    "stimulation": "neurons never stimulated",
    "unrecorded": "neurons never recorded",
    "activity": "held-out trials",
    "output": "motor output",
    "recruitment": "order of recruitment",
    "lesion": "lesions",
}
# How a verdict begins behind the question, the class of its badge, and the badge.
ANSWERS = (
    ("yes, ", "adds", "wiring predicts"),
    ("no, ", "harms", "no"),
    ("not shown: ", "unclear", "not shown"),
    ("not tested: ", "untested", "not tested"),
)
METRICS = {
    "auc": "AUC",
    "spearman": "rank correlation",
    "closeness": "rank correlation of closeness",
    "r": "r",
}  # metrics that the table shows; the file has r2 as well
PARAMETERS = {
    "edge": "strength of an edge",
    "gain": "strength that all edges share",
    "sender": "sign of a neuron of which none is told",
    "gap": "conductance of a gap junction",
    "gap_gain": "conductance that all gap junctions share",
    "tau": "time constant",
    "bias": "constant input",
    "threshold": "threshold",
    "start": "first state",
    "own_start": "first state of a neuron, less that of its type",
    "input": "gain of the input",
    "readout": "readout of a motor neuron",
    "readout_bias": "readout at rest",
}


def write_motor(folder: Path) -> Path:
    """Read the folder of a fitted circuit and write `report.html` into it, atomically.

    Args:
        folder: Folder that `graphtwin motor fit --out` wrote.

    Returns:
        The path of the report.

    Raises:
        ValueError: A run of an earlier version, in which predictions were means over fits: the page would say what is not so of it.
    """
    from graphtwin.pipeline.motor import require_first_predicts  # which loads torch

    run = RunFolder.open(folder)
    require_first_predicts(run.path)
    provenance, said, files = run.json("provenance"), run.json("notes") or {}, run.files()
    columns, rows = score_rows(run.table("scores"), run.table("ceiling"))
    is_of_orders = run.table("orders") is not None
    figures = [*_figures(run), circuit_figures.draw_circuit(run, fitted=not is_of_orders)]
    found = said.get("found", [])
    rendered = page(TEMPLATE).render(
        name=run.path.resolve().name,
        headline=headline(found),
        found=[parted(sentence) for sentence in found],
        notes=said.get("notes", []),
        is_of_orders=is_of_orders,
        columns=columns,
        rows=rows,
        differences=difference_rows(run.table("differences")),
        identified=identified_rows(run.table("identified")),
        sections=[Section("figures", "Figures", "What was recorded beside what was predicted, and the circuit itself.", figures)],
        methods=motor_methods(run),
        facts=facts(provenance),
        provenance=None if provenance is None else json.dumps(provenance, indent=2, ensure_ascii=False),
        config=run.text("config.toml"),
        files=files,
        existing={name for name, _ in files} | {"predicted.npz", "trials.h5"},
    )
    return write_page(rendered, run.path / "report.html")


def headline(found: list[str]) -> str:
    """One sentence over all verdicts: on how many of the questions the wiring predicts better than every control."""
    kinds = [parted(sentence)["kind"] for sentence in found]
    yes, untested = kinds.count("adds"), kinds.count("untested")
    if len(found) == untested:
        return "No question could be tested."
    rest = f"; {untested} could not be tested." if untested else "."
    return f"On {yes} of {len(found) - untested} questions the wiring predicts better than every control{rest}"


def _figures(run: RunFolder) -> list[Block]:
    """What was recorded beside what was predicted: responses or orders of recruitment where the source has these alone, else trials."""
    orders, pairs = run.table("orders"), run.table("pairs")
    if orders is not None and pairs is not None:
        return [order_figures.draw_orders(run, orders), order_figures.draw_pairs(run, pairs)]
    table = run.table("responses")
    if table is not None:
        return [response_figures.draw_responses(run, table), response_figures.draw_each(table, run.table("ceiling"))]
    shown = motor_figures.read_shown(run)
    drawn = [motor_figures.draw_rasters(run, shown), motor_figures.draw_output(run, shown)]
    return [*drawn, motor_figures.draw_recruitment(run), motor_figures.draw_lesions(run)]


def parted(sentence: str) -> dict[str, str]:
    """A verdict in its parts: what was asked, the answer as a class and a badge, and why."""
    answers = [(sentence.find(f": {begins}"), begins, kind, badge) for begins, kind, badge in ANSWERS]
    if there := [answer for answer in answers if answer[0] > 0]:
        at, begins, kind, badge = min(there)  # what was asked may have a colon of its own
        return {"asked": sentence[:at], "kind": kind, "badge": badge, "why": _capital(sentence[at + 2 + len(begins) :])}
    asked, _, rest = sentence.partition(": ")
    return {"asked": asked, "kind": "untested", "badge": "not tested", "why": _capital(rest)}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def score_rows(table: pd.DataFrame | None, ceiling: pd.DataFrame | None = None) -> tuple[list[str], list[dict[str, object]]]:
    """Columns (question and metric) and rows (models, then the ceiling) of the table of scores; the best model of a column is marked."""
    if table is None:
        return [], []
    keys = [
        (question, metric)
        for question in _asked(table)
        for metric in METRICS
        if len(table[(table["question"] == question) & (table["metric"] == metric)])
    ]
    indexed = table.set_index(["question", "metric", "model"]).sort_index()
    best = {key: indexed.loc[key, "estimate"].max() for key in keys}
    rows = []
    for model in table["model"].unique():
        cells = []
        for key in keys:
            if (*key, model) not in indexed.index:
                cells.append({"text": "–", "interval": "", "is_best": False})
                continue
            row = indexed.loc[(*key, model)]
            interval = f"{row['low']:.2f} to {row['high']:.2f}" if pd.notna(row["low"]) else "too few"
            cells.append({"text": f"{row['estimate']:.3f}", "interval": interval, "is_best": row["estimate"] == best[key]})
        rows.append({"model": model, "cells": cells, "is_circuit": model == "circuit"})
    rows += _ceiling_row(ceiling, keys)
    counted = {key: indexed.loc[key].iloc[0] for key in keys}
    return [f"{QUESTIONS.get(q, q)}: {METRICS[m]} ({int(counted[q, m]['n'])} {counted[q, m]['resampled']})" for q, m in keys], rows


def _ceiling_row(ceiling: pd.DataFrame | None, keys: list[tuple[str, str]]) -> list[dict[str, object]]:
    """What anything could reach, and how that was found, as the last row of the table of scores; none where nothing says it."""
    if ceiling is None or not len(ceiling):
        return []
    cells, known = [], ceiling.set_index(["question", "metric"])
    for key in keys:
        if key not in known.index or pd.isna(known.loc[key, "ceiling"]):
            cells.append({"text": "–", "interval": "", "is_best": False})
            continue
        row = known.loc[key]
        told = [str(row["how"])] if "how" in row else []  # runs before it was said
        told += [f"{row['low']:.2f} to {row['high']:.2f}"] if pd.notna(row.get("low")) else []
        cells.append({"text": f"{row['ceiling']:.3f}", "interval": "; ".join(told), "is_best": False})
    return [{"model": "ceiling", "cells": cells, "is_circuit": False}]


def _asked(table: pd.DataFrame) -> list[str]:
    """Questions in the order of the page: those that it knows, then those of a condition, as the table has them."""
    return [*QUESTIONS, *(question for question in table["question"].unique() if question not in QUESTIONS)]


def difference_rows(table: pd.DataFrame | None) -> list[dict[str, str]]:
    """What the circuit does better than each control, as the table of the page prints it."""
    if table is None:
        return []
    order = {question: at for at, question in enumerate(_asked(table))}
    shown = table[table["metric"].isin(METRICS)].sort_values("question", key=lambda of: of.map(order), kind="stable")
    return [
        {
            "question": QUESTIONS.get(row.question, row.question),
            "metric": METRICS[row.metric],
            "control": row.control,
            "difference": f"{row.difference:+.3f}",
            "interval": f"{row.low:+.3f} to {row.high:+.3f}" if pd.notna(row.low) else "too few",
            "n": f"{row.n} {row.resampled}",
        }
        for row in shown.itertuples()
    ]


def identified_rows(table: pd.DataFrame | None) -> list[dict[str, str]]:
    """Of how many parameters of each kind the data told the value, where there are fits enough to say."""
    if table is None or table["spread"].isna().all():
        return []
    rows = []
    for name, part in table.groupby("parameter", sort=False):
        share = (part["spread"] / part["prior_width"]).median()
        told = {"parameter": PARAMETERS.get(str(name), str(name)), "n": f"{len(part):,}", "told": f"{int(part['told'].sum()):,}"}
        rows.append(told | {"share": number_text(float(share))})
    return rows
