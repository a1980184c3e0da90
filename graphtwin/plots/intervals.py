"""Estimates with their intervals, a row each: coefficients of models, differences of two models, scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from graphtwin.plots.labels import COMPARED, axes_or_new, plain
from graphtwin.plots.palette import BLUE, RULE


def plot_intervals(
    labels: Sequence[str],
    values: Float[np.ndarray, "rows estimate_low_high"],
    colours: Sequence[str] | None = None,
    reference: float | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Estimates with their intervals, a labelled row each from the top down: a forest of coefficients, or differences behind a verdict.

    Args:
        labels: Name of each row.
        values: Estimate, low and high of each row.
        colours: Colour of each row; blue by default.
        reference: Value to compare with, drawn as a dashed line.
        axes: Axes to draw on; new ones by default.

    Example:
        >>> import numpy as np
        >>> from graphtwin import plots
        >>> axes = plots.plot_intervals(["robust", "mixed model"], np.array([[0.3, 0.1, 0.5], [0.4, 0.3, 0.5]]), reference=0.0)
        >>> [label.get_text() for label in axes.get_yticklabels()]
        ['robust', 'mixed model']
    """
    axes, rows = axes_or_new(axes), np.arange(len(labels))
    if reference is not None:
        axes.axvline(reference, zorder=0, **COMPARED)
    for row, (estimate, low, high), colour in zip(rows, values, colours or [BLUE] * len(rows), strict=True):
        axes.plot([low, high], [row, row], color=colour, linewidth=2.2, alpha=0.55, solid_capstyle="butt")
        axes.plot([estimate], [row], "o", color=colour, markersize=5)
    axes.set_yticks(rows, [plain(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes
