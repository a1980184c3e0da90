"""One picture of all stimuli of a set, each with what it is for, and one video of them where they move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin.artifacts import write_atomic
from graphtwin.schema import NEURON, UNIT_KEY

ACROSS, MOST = 8, 200  # stimuli of a row, and of the whole picture
PIXELS = 128  # width of a stimulus that moves, at most, by whole multiples of its own pixels


def write_contact_sheet(
    levels: Float[np.ndarray, "stimuli frames height width"],
    table: pd.DataFrame,
    limits: tuple[float, float],
    path: str | Path,
    square: bool = False,
) -> Path:
    """Write the middle frames of stimuli as a PNG, in their order; beyond 200 the first ones.

    Args:
        levels: Grey levels.
        table: A row a stimulus: role, unit, response.
        limits: Grey levels of black and white.
        path: File to write.
        square: Draw all in squares, whatever their sides: of inputs by time, which are no picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = min(len(levels), MOST)
    down = -(-shown // ACROSS)
    height, width = levels.shape[2:]
    figure = Figure(figsize=(ACROSS * 1.9, down * (1.9 * (1 if square else height / width) + 0.34)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, ACROSS, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, picture, row in zip(axes, levels[:, levels.shape[1] // 2], table.to_dict("records"), strict=False):
        axis.imshow(picture, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest", aspect="auto" if square else "equal")
        axis.set_title(_label(row), fontsize=7, pad=2)
    return write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", metadata={"Software": None}))


def write_moving_sheet(
    levels: Float[np.ndarray, "stimuli frames height width"], limits: tuple[float, float], frame_rate_hz: float, path: str | Path
) -> Path:
    """Write stimuli that move as a GIF, side by side in the places of the contact sheet, again and again; without labels.

    Args:
        levels: Grey levels.
        limits: Grey levels of black and white.
        frame_rate_hz: Frames a second; a GIF tells time in hundredths of a second.
        path: File to write.
    """
    from PIL import Image

    low, high = limits
    shown = np.rint(np.clip((levels[:MOST] - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    n, frames, height, width = shown.shape
    down, apart, larger = -(-n // ACROSS), 2, max(1, PIXELS // width)
    tiles = np.full((frames, down, ACROSS, height * larger + apart, width * larger + apart), 255, dtype=np.uint8)
    for at in range(n):
        tiles[:, at // ACROSS, at % ACROSS, :-apart, :-apart] = shown[at].repeat(larger, axis=1).repeat(larger, axis=2)
    pictures = [Image.fromarray(tile) for tile in tiles.transpose(0, 1, 3, 2, 4).reshape(frames, down * tiles.shape[3], -1)]
    lasts = 10 * max(2, round(100 / frame_rate_hz))  # ms; browsers slow down what is faster than two hundredths
    return write_atomic(
        path, lambda temporary: pictures[0].save(temporary, format="GIF", save_all=True, append_images=pictures[1:], duration=lasts, loop=0)
    )


def _label(row: dict) -> str:
    """The unit of a stimulus, what is done to it, and its answer."""
    if row["role"] != "optimised":
        return f"{row['role']} {int(row['control'])}" if row["role"] == "control" else str(row["role"])
    if pd.isna(row["unit_id"]):
        return str(row["objective"])
    named = row[NEURON] if NEURON in row else "-".join(str(row[name]) for name in UNIT_KEY)
    return f"{named} {row['objective']}: {row['response']:.3g}"
