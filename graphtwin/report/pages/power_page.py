"""The page of `graphtwin power`: what the design can find in words, power of each estimate, and figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graphtwin.report.figures import power_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages.methods import power_methods
from graphtwin.report.pages.page import Section, facts, page, write_page
from graphtwin.report.pages.run_page import funnel_steps
from graphtwin.report.words import number_text, per_cent
from graphtwin.sources.formats import EXPOSURES, L_D

TEMPLATE = "power.html.j2"


def write_power(folder: Path) -> Path:
    """Read the folder of a power analysis and write `report.html` into it, atomically.

    Args:
        folder: Folder that `graphtwin power --out` wrote.

    Returns:
        The path of the report.
    """
    run = RunFolder.open(folder)
    names = EXPOSURES[(run.json("provenance") or {}).get("exposure", L_D.column)]
    return write_page(names.said(render_power(replace(run, exposure=names))), run.path / "report.html")


def render_power(run: RunFolder) -> str:
    """The page as HTML."""
    provenance, said, files = run.json("provenance"), run.json("notes") or {}, run.files()
    figures = [power_figures.draw_power(run), power_figures.draw_axons(run)]
    return page(TEMPLATE).render(
        name=run.path.resolve().name,
        rule=said.get("scales", []),
        notes=said.get("notes", []),
        rows=power_rows(run),
        sections=[Section("figures", "Figures", "Power over the slope, and over the number of axons.", figures)],
        design=design_rows(run.json("design")),
        funnel=funnel_steps(run.table("funnel")),
        methods=power_methods(run),
        facts=facts(provenance),
        provenance=None if provenance is None else json.dumps(provenance, indent=2, ensure_ascii=False),
        config=None if provenance is None else json.dumps(provenance.get("question", {}), indent=2),
        files=files,
        existing={name for name, _ in files},
    )


def power_rows(run: RunFolder) -> list[dict[str, str]]:
    """Power at the slopes that were asked for, as the table of the page prints it."""
    table = run.table("power")
    if table is None:
        return []
    asked = table[table["asked"] & (table["effect"] != 0)]
    return [
        {
            "estimate": row.estimate,
            "effect": f"{row.effect:g}",
            "axons": f"{row.n_axons:,}",
            "power": f"{per_cent(row.power)} [{100 * row.low:.0f}, {100 * row.high:.0f}]",
            "false_positives": f"{per_cent(row.false_positives)} [{100 * row.false_low:.1f}, {100 * row.false_high:.1f}]",
            "smallest": _with_interval(row.smallest_slope, row.smallest_low, row.smallest_high),
            "smallest_rate_ratio": number_text(row.smallest_rate_ratio),
            "needed": f"{row.axons_needed:.0f} [{row.needed_low:.0f}, {row.needed_high:.0f}]" if np.isfinite(row.axons_needed) else "–",
            "note": row.note,
        }
        for row in asked.itertuples()
    ]


def design_rows(design: dict[str, Any] | None) -> list[tuple[str, str]]:
    """What tables were drawn from, in words."""
    if design is None:
        return []
    found = design["clustering"]
    rows = [
        ("axons that tables are drawn from", f"{design['n_axons']:,}"),
        ("candidates of an axon (L_d > 0)", f"{design['n_pairs'] / design['n_axons']:,.0f}, of {design['n_targets']:,} targets"),
        ("synapses of an axon", f"{design['synapses_per_axon']:.1f}"),
        (f"SD of {design['similarity']}", number_text(design["sd"])),
        ("over-dispersion of a pair (variance over squared mean)", number_text(found["pair"])),
        ("popularity of a target (the same)", number_text(found["target"])),
        ("hot spots of each axon (the same)", _hot_spots(found["own"], found["own_range_um"])),
        ("hot spots that all axons share (the same)", _hot_spots(found["shared"], found["shared_range_um"])),
        ("distance beyond L_d", "planted as fitted" if design["distance_planted"] else "has no part"),
    ]
    return rows if design["positions_known"] else [*rows, ("positions", "not known: no hot spots, no claim")]


def _hot_spots(variance: float, range_um: float) -> str:
    return f"{number_text(variance)}, range {range_um:.0f} um" if variance > 0 else "0"


def _with_interval(value: float, low: float, high: float) -> str:
    return f"{value:.3g} [{low:.2g}, {high:.2g}]" if np.isfinite(value) else "–"
