"""What all plots share: axes where none are given, labels without mathematics, and the line that a curve is compared with."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from graphtwin.plots.palette import MUTED

COMPARED: dict[str, Any] = {"color": MUTED, "linewidth": 0.8, "linestyle": (0, (3, 2))}  # look of a line to compare with


def axes_or_new(axes: Axes | None) -> Axes:
    """The axes, or those of a new figure of pyplot: nothing is drawn over what was drawn before."""
    if axes is not None:
        return axes
    from matplotlib import pyplot

    return pyplot.subplots()[1]


def plain(label: str) -> str:
    """A label in which matplotlib finds no mathematics."""
    return label.replace("$", r"\$")
