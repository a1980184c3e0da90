"""Plots of nulls: what models reach once what is asked about was taken away."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from graphtwin.plots.labels import axes_or_new
from graphtwin.plots.palette import GREY, RULE, VERMILLION


def plot_permutations(observed: float, permuted: Float[np.ndarray, " replicates"], metric: str, axes: Axes | None = None) -> Axes:
    """Scores after permuting as dots, and the score of the real data as a line.

    Args:
        observed: Score of the real data.
        permuted: Score of each replicate.
        metric: Words for the score.
        axes: Axes to draw on; new ones by default.

    Example:
        >>> import numpy as np
        >>> from graphtwin import plots
        >>> plots.plot_permutations(0.6, np.array([0.5, 0.51, 0.49]), "balanced accuracy").get_xlabel()
        'balanced accuracy'
    """
    axes = axes_or_new(axes)
    spread = np.random.default_rng(0).uniform(-0.5, 0.5, len(permuted))
    axes.plot(permuted, spread, "o", color=GREY, markersize=4, alpha=0.8)
    axes.axvline(observed, color=VERMILLION, linewidth=2)
    axes.set(ylim=(-1, 1), yticks=[], xlabel=metric)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    return axes
