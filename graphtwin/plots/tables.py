"""Plots of tables: which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from graphtwin.plots.labels import axes_or_new, plain
from graphtwin.plots.palette import ON_DARK, ON_LIGHT


def plot_confusion(counts: Float[np.ndarray, "true predicted"], classes: Sequence[str], axes: Axes | None = None) -> Axes:
    """Per cent of each true class (rows) that is predicted as each class (columns); the diagonal is the recall.

    Args:
        counts: Number of neurons of each true class that were predicted as each class.
        classes: Names of the classes.
        axes: Axes to draw on; new ones by default.

    Example:
        >>> import numpy as np
        >>> from graphtwin import plots
        >>> axes = plots.plot_confusion(np.array([[8.0, 2.0], [1.0, 9.0]]), ["23P", "4P"])
        >>> [text.get_text() for text in axes.texts]
        ['80', '20', '10', '90']
    """
    axes, share = axes_or_new(axes), counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(share >= 0.005):
        colour = ON_DARK if share[row, column] > 0.55 else ON_LIGHT
        axes.text(column, row, f"{100 * share[row, column]:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
    names = [plain(name) for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=90)
    axes.set_yticks(range(len(classes)), names)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return axes
