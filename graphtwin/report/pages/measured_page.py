"""The page of a table of measured units, such as tuning or fields: the numbers of every column, maps over the cortex and the screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import __version__
from graphtwin.insilico import SELECTIVE_Q
from graphtwin.report.figures import Block, Preference, place_figures, population_figures
from graphtwin.report.pages.methods import measured_methods
from graphtwin.report.pages.page import page, write_page
from graphtwin.report.words import column_words, number_text
from graphtwin.schema import IMAGED_AT, TWIN, TWIN_CORE, UNIT_KEY

TEMPLATE = "measured.html.j2"
OF_A_CURVE = re.compile(r"_\d[\d_]*$|_(low|high|flag|spread|p|q)$")  # ends of points of a curve, and of what is said of another column
SPREAD, FLAG = "_spread", "_flag"


def write_measured(table: pd.DataFrame, name: str, out: str | Path) -> Path:
    """Write the page of a table of measured units, one row a unit; figures that the table has no columns for are said to be absent.

    Args:
        table: session, scan_idx, unit_id, animal, x_um, y_um, z_um where they are known, what was measured, `twin`, `twin_core`.
        name: Name of the file that holds the table.
        out: File to write.
    """
    numbers = measured_columns(table)
    title = "Receptive fields in silico" if "field_x_deg" in table and "gosi" not in table else "Tuning in silico"
    rendered = page(TEMPLATE).render(
        name=name,
        title=title,
        methods=measured_methods(table, title.removesuffix(" in silico"), __version__),
        facts=[(column, value) for column in (TWIN, TWIN_CORE) if column in table for value in table[column].unique()],
        rule=_sentences(table),
        rows=[_row(table, column) for column in numbers],
        blocks=_blocks(table, numbers),
        files=[],
        existing=set(),
    )
    return write_page(rendered, Path(out))


def measured_columns(table: pd.DataFrame) -> list[str]:
    """Columns of what was measured: numbers that are neither keys nor places, nor points of a curve, nor the spread of another.

    Args:
        table: Table of measured units.
    """
    known = {*UNIT_KEY, *IMAGED_AT}
    return [
        str(name)
        for name in table
        if name not in known and pd.api.types.is_float_dtype(table[name]) and OF_A_CURVE.search(str(name)) is None
    ]


def _sentences(table: pd.DataFrame) -> list[str]:
    animals = table["animal"].value_counts(sort=False)
    of = ", ".join(f"{count:,} of {animal}" for animal, count in animals.items())
    found = [f"{len(table):,} units were measured: {of}."]
    for name in ("orientation", "direction"):
        if f"{name}_q" in table:
            selective = int((table[f"{name}_q"] <= SELECTIVE_Q).sum())
            found.append(
                f"{selective:,} units select {name} (false discovery rate {SELECTIVE_Q:g}); a model answers without noise, so "
                "that a weak preference is found to be one."
            )
    return found


def _row(table: pd.DataFrame, column: str) -> dict[str, str]:
    values = table[column].to_numpy(np.float64)
    held = values[np.isfinite(values)]
    quartiles = np.quantile(held, [0.25, 0.5, 0.75]) if len(held) else np.full(3, np.nan)
    spread = table[f"{column}{SPREAD}"].median() if f"{column}{SPREAD}" in table else np.nan
    lower, median, upper, over = (number_text(float(value)) if np.isfinite(value) else "" for value in (*quartiles, spread))
    flagged = f"{int((table[f'{column}{FLAG}'].fillna('') != '').sum()):,}" if f"{column}{FLAG}" in table else ""
    return {
        "column": column_words(column),
        "units": f"{len(held):,}",
        "flagged": flagged,
        "lower": lower,
        "median": median,
        "upper": upper,
        "spread": over,
    }


def _blocks(table: pd.DataFrame, numbers: Sequence[str]) -> list[Block]:
    found: list[Block] = []
    preferred = [
        Preference(name, table[f"{name}_deg"].to_numpy(np.float64), period, table[index].fillna(0).to_numpy(np.float64))
        for name, index, period in (("orientation", "gosi", 180.0), ("direction", "gdsi", 360.0))
        if {f"{name}_deg", index} <= set(table)
    ]
    if preferred:
        found += [population_figures.draw_angles(preferred), place_figures.draw_cortex(table, preferred)]
    if "field_x_deg" in table:
        found.append(place_figures.draw_mosaic(table, "from noise"))
    return [*found, population_figures.draw_histograms(table, numbers)]
