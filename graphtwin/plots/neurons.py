"""Plots of neurons: where they lie in an embedding, what they are tuned to, and where on the screen they see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import MaxNLocator

from graphtwin.plots.labels import axes_or_new, plain
from graphtwin.plots.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, RULE, SKY, VERMILLION

LABEL_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, "#8c6d31", "#637939")  # colours of labels, in the order of the alphabet
OF_STATES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)  # colours of curves, in their order


def plot_embedding_map(places: Float[np.ndarray, "neurons two"], labels: pd.Series, axes: Axes | None = None) -> Axes:
    """Neurons in a plane of their embedding, coloured by a label; grey where it is unknown. Drawn in random order: none lies on top.

    Args:
        places: Coordinates, such as the first two principal components.
        labels: Label of each neuron, at most eight different ones; missing where it is unknown.
        axes: Axes to draw on; new ones by default.

    Example:
        >>> import numpy as np, pandas as pd
        >>> from graphtwin import plots
        >>> axes = plots.plot_embedding_map(np.zeros((3, 2)), pd.Series(["L4", "L2/3", None]))
        >>> axes.get_legend_handles_labels()[1]
        ['L2/3', 'L4', 'unknown']
    """
    axes, names = axes_or_new(axes), sorted(map(str, labels.dropna().unique()))
    if len(names) > len(LABEL_COLOURS):
        raise ValueError(f"{len(names)} labels, {len(LABEL_COLOURS)} colours that can be told apart: merge the rarest labels.")
    known = labels.notna().to_numpy()
    x, y = places.T
    axes.scatter(x[~known], y[~known], 3, color=GREY, linewidths=0, rasterized=True)
    colour = np.array([LABEL_COLOURS[names.index(str(name))] if pd.notna(name) else "" for name in labels])
    order = np.random.default_rng(0).permutation(np.flatnonzero(known))
    axes.scatter(x[order], y[order], 4, colour[order].tolist(), linewidths=0, alpha=0.7, rasterized=True)
    for name, of in zip(names, LABEL_COLOURS, strict=False):
        axes.plot([], [], "o", color=of, markersize=5, label=plain(name))
    axes.plot([], [], "o", color=GREY, markersize=5, label="unknown")
    return axes


def plot_tuning(
    degrees: Float[np.ndarray, " directions"], curves: Mapping[str, Float[np.ndarray, " directions"]], axes: Axes | None = None
) -> Axes:
    """Answers of a unit to directions all around, a closed line a state; right is 0°, up 90°.

    Args:
        degrees: Directions in their order around the circle.
        curves: Mean answer to each direction, by the name of the state; at most five.
        axes: Polar axes to draw on; new ones by default.

    Example:
        >>> import numpy as np
        >>> from graphtwin import plots
        >>> axes = plots.plot_tuning(np.arange(0.0, 360.0, 90.0), {"rest": np.array([1.0, 0.2, 0.8, 0.1])})
        >>> axes.name
        'polar'
    """
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(subplot_kw={"projection": "polar"})[1]
    if not isinstance(axes, PolarAxes):
        raise ValueError("The axes are not polar. Make them with `projection='polar'`.")
    around, closed = np.radians(np.r_[degrees, degrees[0]]), [*range(len(degrees)), 0]
    for (name, curve), colour in zip(curves.items(), OF_STATES[: len(curves)], strict=True):
        axes.plot(around, curve[closed], color=colour, linewidth=1.2, label=plain(name))
    axes.set_ylim(bottom=min(0.0, *(float(curve.min()) for curve in curves.values())))
    axes.set_xticks(np.radians([0, 90, 180, 270]), [])
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.tick_params(axis="y", labelsize=6)
    axes.grid(color=RULE, linewidth=0.6)
    axes.spines["polar"].set_color(RULE)
    return axes


def plot_receptive_fields(fields: pd.DataFrame, axes: Axes | None = None) -> Axes:
    """Receptive fields as ellipses over the screen, one standard deviation around each centre.

    Args:
        fields: A row a unit: field_x_deg, field_y_deg, field_sd_major_deg, field_sd_minor_deg, field_angle_deg.
        axes: Axes to draw on; new ones by default.

    Example:
        >>> import pandas as pd
        >>> from graphtwin import plots
        >>> field = {"field_x_deg": 5.0, "field_y_deg": -2.0, "field_sd_major_deg": 4.0, "field_sd_minor_deg": 3.0, "field_angle_deg": 30.0}
        >>> len(plots.plot_receptive_fields(pd.DataFrame([field])).collections)
        1
    """
    axes, at = axes_or_new(axes), fields[["field_x_deg", "field_y_deg"]].to_numpy(np.float64)
    major, minor = (2 * fields[f"field_sd_{which}_deg"].to_numpy(np.float64) for which in ("major", "minor"))
    around = EllipseCollection(
        major, minor, fields["field_angle_deg"].to_numpy(np.float64), units="xy", offsets=at, offset_transform=axes.transData,
        facecolors="none", edgecolors=BLUE, linewidths=0.5, alpha=0.5,
    )  # fmt: skip
    axes.add_collection(around)
    axes.plot(*at.T, ".", color=BLUE, markersize=1.5)
    axes.set_aspect("equal")
    axes.margins(0.1)
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel("degrees to the right of the middle of the screen")
    axes.set_ylabel("degrees above it")
    return axes
