"""Figures of a circuit that was fitted to responses to stimulation: who responds to whom, measured beside predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from graphtwin.plots import BLUE, MUTED, ORANGE
from graphtwin.report.figures.drawing import WIDTH, Block, Drawn, draw_svg
from graphtwin.report.figures.motor_figures import scored
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import number_text

FULL = 0.98  # share of the sizes below which a colour is not full: a few large responses would leave all others pale
FILES = ("responses.csv",)


def draw_responses(run: RunFolder, table: pd.DataFrame) -> Block:
    """All pairs, measured and predicted, each in colours of its own scale.

    Args:
        run: Folder of the run.
        table: A row a pair: stimulated, responding, response, responds, predicted.
    """
    key, title = "responses", "Responses to neurons that no fit has seen stimulated"
    order = [table.groupby(end)["responds"].mean().sort_values(ascending=False).index for end in ("stimulated", "responding")]
    wide = {
        name: table.pivot(index="stimulated", columns="responding", values=name).loc[order[0], order[1]]
        for name in ("response", "predicted")
    }
    panels = {"measured": wide["response"], "predicted, less each neuron's mean": wide["predicted"] - wide["predicted"].mean()}

    def fill(figure: Figure) -> None:
        for axes, (name, matrix) in zip(figure.subplots(1, 2, sharey=True), panels.items(), strict=True):
            values = matrix.to_numpy(np.float64)
            sizes = np.abs(values[np.isfinite(values) & (values != 0)])
            most = float(np.quantile(sizes, FULL)) if len(sizes) else 1.0
            axes.set_facecolor(MUTED)
            image: Any = axes.imshow(values, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
            axes.set_title(name, fontsize=7)
            axes.set_xlabel("responding neurons")
            axes.set_xticks([])
            axes.set_yticks([])
            figure.colorbar(image, ax=axes, shrink=0.6)
        figure.axes[0].set_ylabel("stimulated neurons")

    sentence = (
        f"Within a stimulated neuron, who responds is told with an AUC of {scored(run, 'stimulation', 'auc')}; predicted and measured "
        f"responses have a rank correlation of {scored(run, 'stimulation', 'spearman')}."
    )
    caption = (
        f"{len(table):,} pairs of {len(order[0])} stimulated and {len(order[1])} responding neurons, {int(table['responds'].sum()):,} of "
        "which respond; most responses first, grey where none was measured. Predictions of a stimulated neuron are of fits that have not "
        "seen it; what a neuron does whoever is stimulated is taken off here."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, (WIDTH, 3.6), fill), FILES)


def draw_each(table: pd.DataFrame, ceiling: pd.DataFrame | None = None) -> Block:
    """The AUC of each stimulated neuron by how many respond to it.

    Args:
        table: As `draw_responses` takes it.
        ceiling: What anything could reach: question, metric, ceiling, how; None where nothing says it.
    """
    key, title = "each", "Each stimulated neuron by itself"
    rows = [
        (int(part["responds"].sum()), float(roc_auc_score(part["responds"], part["predicted"].abs())))
        for _, part in table.groupby("stimulated")
        if 0 < part["responds"].sum() < len(part)
    ]
    number, auc = np.array(rows or np.empty((0, 2))).T
    top = pd.DataFrame() if ceiling is None else ceiling[ceiling["metric"] == "auc"]

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
        for most in top.get("ceiling", ()):
            axes.axhline(most, color=ORANGE, linewidth=0.8, linestyle=(0, (1, 1.5)))
        axes.scatter(number, auc, s=12, color=BLUE, alpha=0.6, linewidths=0)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("neurons that respond to it")
        axes.set_ylabel("AUC of who responds")

    above = f"{int((auc > 0.5).sum())} of {len(auc)} stimulated neurons are above chance; their median AUC is "
    sentence = f"{above}{number_text(float(np.median(auc)))}." if len(auc) else "Of no stimulated neuron some respond and others do not."
    caption = "A dot a stimulated neuron, predicted by fits that have not seen it. Dashed: chance. Few responses make a wide scatter."
    caption += f" Dotted: the ceiling, {top['ceiling'].iloc[0]:.3f} ({top['how'].iloc[0]})." if len(top) and "how" in top else ""
    return Drawn(key, title, sentence, caption, draw_svg(key, (0.62 * WIDTH, 3.0), fill), FILES)
