"""The page of a matrix of correlations: how they are distributed over pairs, and by distance in cortex."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import __version__
from graphtwin.report.figures import correlation_figures
from graphtwin.report.pages.methods import measured_methods
from graphtwin.report.pages.page import page, write_page
from graphtwin.schema import TWIN, TWIN_CORE

TEMPLATE = "correlated.html.j2"
MOST_UNITS = 1000  # units whose pairs are drawn, at most, evenly chosen


def write_correlated(matrix: str | Path, units: pd.DataFrame, what: str, out: str | Path) -> Path:
    """Write the page of a matrix of correlations, of which no more than the rows that are drawn are read.

    Args:
        matrix: File .npy (units, units).
        units: Its units in their order: keys, animal, x_um, y_um, z_um where they are known, `twin`, `twin_core`.
        what: Words for what was correlated, such as signal.
        out: File to write.
    """
    held = np.load(matrix, mmap_mode="r")
    rows = np.linspace(0, len(held) - 1, min(len(held), MOST_UNITS)).astype(np.int64)
    drawn = np.asarray(held[rows], dtype=np.float32)[:, rows]
    one, other = np.triu_indices(len(rows), 1)
    values = drawn[one, other].astype(np.float64)
    shown = units.iloc[rows].reset_index(drop=True)
    chosen = "" if len(rows) == len(held) else f" Pairs of {len(rows):,} of them are drawn, evenly chosen."
    animals = units["animal"].nunique()
    rendered = page(TEMPLATE).render(
        name=Path(matrix).name,
        methods=measured_methods(units, f"{what} correlations", __version__),
        facts=[(column, value) for column in (TWIN, TWIN_CORE) if column in units for value in units[column].unique()],
        rule=f"{what.capitalize()} correlations of {len(held):,} units of {animals} {'animal' if animals == 1 else 'animals'}.{chosen}",
        blocks=[
            correlation_figures.draw_correlations(values),
            correlation_figures.draw_by_distance(shown, np.stack([one, other], 1), values),
        ],
        files=[],
        existing=set(),
    )
    return write_page(rendered, Path(out))
