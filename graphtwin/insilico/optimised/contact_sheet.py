"""One picture of all stimuli of a set, each with what it is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import write_atomic
from graphtwin.schema import UNIT_KEY

ACROSS, MOST = 8, 200  # stimuli of a row, and of the whole picture


def write_contact_sheet(
    levels: Float[np.ndarray, "stimuli frames height width"], table: pd.DataFrame, limits: tuple[float, float], path: str | Path
) -> Path:
    """Write the middle frames of stimuli as a PNG, in their order; beyond 200 the first ones.

    Args:
        levels: Grey levels.
        table: A row a stimulus: role, unit, response.
        limits: Grey levels of black and white.
        path: File to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = min(len(levels), MOST)
    down = -(-shown // ACROSS)
    height, width = levels.shape[2:]
    figure = Figure(figsize=(ACROSS * 1.9, down * (1.9 * height / width + 0.34)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, ACROSS, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, picture, row in zip(axes, levels[:, levels.shape[1] // 2], table.to_dict("records"), strict=False):
        axis.imshow(picture, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
        axis.set_title(_label(row), fontsize=7, pad=2)
    return write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", metadata={"Software": None}))


def _label(row: dict) -> str:
    """The unit of a stimulus, what is done to it, and its answer."""
    if row["role"] != "optimised":
        return f"{row['role']} {int(row['control'])}" if row["role"] == "control" else str(row["role"])
    if pd.isna(row["unit_id"]):
        return str(row["objective"])
    return f"{'-'.join(str(row[name]) for name in UNIT_KEY)} {row['objective']}: {row['response']:.3g}"
