"""The page of `graphtwin types`: clusters or none in words, and the figures that it was decided by."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from graphtwin.report.figures import types_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import types_methods
from graphtwin.report.pages.page import Section, facts, page, write_page
from graphtwin.report.words import number_text, p_text

TEMPLATE = "types.html.j2"
LEAD = "Where neurons lie, how deep the valleys between them are, and what mixtures and known types say."


def write_types(folder: Path) -> Path:
    """Read the folder of a search for types and write `report.html` into it, atomically.

    Args:
        folder: Folder that `graphtwin types --out` wrote.

    Returns:
        The path of the report.
    """
    run = RunFolder.open(folder)
    provenance, said, files = run.json("provenance"), run.json("notes") or {}, run.files()
    blocks = [types_figures.draw_cloud(run), types_figures.draw_valleys(run), types_figures.draw_mixtures(run)]
    rendered = page(TEMPLATE).render(
        name=run.path.resolve().name,
        rule=said.get("found", []),
        notes=said.get("notes", []),
        sections=[Section("figures", "Figures", LEAD, [*blocks, types_figures.draw_known(run)])],
        rows=agreement_rows(run.table("agreement")),
        methods=types_methods(run),
        facts=facts(provenance),
        provenance=None if provenance is None else json.dumps(provenance, indent=2, ensure_ascii=False),
        config=None if provenance is None else json.dumps(provenance.get("question", {}), indent=2),
        files=files,
        existing={name for name, _ in files},
    )
    return write_page(rendered, run.path / "report.html")


def agreement_rows(table: pd.DataFrame | None) -> list[dict[str, str]]:
    """Agreement with known types, as the table of the page prints it.

    Args:
        table: The table of agreement; None where no types are known.
    """
    if table is None:
        return []
    return [
        {
            "method": row.method,
            "metric": row.metric.replace("_", " "),
            "estimate": f"{number_text(row.estimate)} [{row.low:.2f}, {row.high:.2f}]",
            "chance": number_text(row.chance),
            "p": p_text(row.p).removeprefix("p = "),
        }
        for row in table.itertuples()
    ]
