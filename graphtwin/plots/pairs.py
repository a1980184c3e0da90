"""Plots of pairs of neurons: how they are ranked, whether probabilities are right, and how connections go with similarity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes

from graphtwin.plots.labels import COMPARED, axes_or_new, plain
from graphtwin.plots.palette import BLUE, MUTED, RULE, model_style

Curve = tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]


def plot_roc(curves: Mapping[str, Curve], axes: Axes | None = None, first: str = "") -> Axes:
    """Share of connected pairs found over share of unconnected ones taken for connected, a line a model; dashed is guessing.

    Args:
        curves: False and true positive rates of each model, as `sklearn.metrics.roc_curve` gives them.
        axes: Axes to draw on; new ones by default.
        first: Model whose line lies on top.

    Example:
        >>> import numpy as np
        >>> from graphtwin import plots
        >>> axes = plots.plot_roc({"distance": (np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.7, 1.0]))})
        >>> axes.get_ylabel()
        'true positive rate (recall)'
    """
    axes = axes_or_new(axes)
    axes.plot([0, 1], [0, 1], **COMPARED)
    for name, (false, true) in curves.items():
        axes.plot(false, true, label=plain(name), zorder=3 if name == first else 2, **model_style(name))
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="false positive rate", ylabel="true positive rate (recall)")
    axes.set_title("ROC")
    axes.grid(color=RULE, linewidth=0.6)
    return axes


def plot_precision_recall(curves: Mapping[str, Curve], prevalence: float, axes: Axes | None = None, first: str = "") -> Axes:
    """Precision over recall on logarithmic axes, a line a model; dashed is the share of connected pairs, which guessing reaches.

    Args:
        curves: Recall and precision of each model, both above 0.
        prevalence: Share of pairs that are connected.
        axes: Axes to draw on; new ones by default.
        first: Model whose line lies on top.

    Example:
        >>> import numpy as np
        >>> from graphtwin import plots
        >>> axes = plots.plot_precision_recall({"distance": (np.array([0.01, 0.1, 1.0]), np.array([0.4, 0.2, 0.02]))}, 0.02)
        >>> axes.get_xscale()
        'log'
    """
    axes = axes_or_new(axes)
    axes.axhline(prevalence, **COMPARED)
    for name, (recall, precision) in curves.items():
        axes.plot(recall, precision, label=plain(name), zorder=3 if name == first else 2, **model_style(name))
    axes.set(xscale="log", yscale="log", xlabel="recall", ylabel="precision")
    axes.set_title("Precision and recall")
    axes.grid(color=RULE, linewidth=0.6)
    axes.text(0.02, prevalence * 1.05, "share of connected pairs", transform=axes.get_yaxis_transform(), color=MUTED, fontsize=6.5)
    return axes


def plot_calibration(bins: Mapping[str, pd.DataFrame], axes: Axes | None = None) -> Axes:
    """Predicted probability against the share that is observed, with intervals; on the dashed line probabilities are right.

    Args:
        bins: For each model a row a bin: predicted, observed, low, high, all above 0.
        axes: Axes to draw on; new ones by default.

    Example:
        >>> import pandas as pd
        >>> from graphtwin import plots
        >>> bins = pd.DataFrame({"predicted": [0.01, 0.1], "observed": [0.02, 0.1], "low": [0.01, 0.08], "high": [0.03, 0.12]})
        >>> plots.plot_calibration({"graph model": bins}).get_ylabel()
        'observed share connected'
    """
    axes = axes_or_new(axes)
    for name, of in bins.items():
        reach = [of["observed"] - of["low"], of["high"] - of["observed"]]
        look: dict[str, Any] = {"fmt": "o", "markersize": 3.5, "linewidth": 1.1, "elinewidth": 0.8} | model_style(name)
        axes.errorbar(of["predicted"], of["observed"], reach, label=plain(name), **look)
    found = pd.concat(bins.values())
    ends = np.array([found["predicted"].min(), max(found["predicted"].max(), found["observed"].max())]) * [0.7, 1.4]
    axes.plot(ends, ends, **COMPARED)
    axes.set(xscale="log", yscale="log", xlim=ends, xlabel="mean predicted probability", ylabel="observed share connected")
    axes.grid(color=RULE, linewidth=0.6)
    axes.legend(loc="upper left")
    return axes


def plot_like_to_like(curve: pd.DataFrame, similarity: str, axes: Axes | None = None) -> Axes:
    """How often pairs of a similarity connect, relative to all pairs, with the band of its interval; dashed is no preference.

    Args:
        curve: A row a bin: bin_low, bin_high, relative, low, high; the last two NaN where there is no interval.
        similarity: Words for the similarity.
        axes: Axes to draw on; new ones by default.

    Example:
        >>> import pandas as pd
        >>> from graphtwin import plots
        >>> bins = {"bin_low": [-0.5, 0.0], "bin_high": [0.0, 0.5], "relative": [0.8, 1.3], "low": [0.6, 1.1], "high": [1.0, 1.5]}
        >>> plots.plot_like_to_like(pd.DataFrame(bins), "signal correlation").get_xlabel()
        'signal correlation'
    """
    axes, centre = axes_or_new(axes), (curve["bin_low"] + curve["bin_high"]) / 2
    axes.axhline(1.0, **COMPARED)
    axes.fill_between(centre, curve["low"], curve["high"], color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(centre, curve["relative"], "o-", color=BLUE, markersize=2.5)
    axes.set_xlabel(plain(similarity), fontsize=7)
    axes.grid(color=RULE, linewidth=0.5)
    top = np.nanmax(np.r_[curve["high"].dropna(), curve["relative"].dropna(), 1.5])
    axes.set_ylim(0, min(1.1 * top, 6.0))
    return axes
