"""Figures of the order in which motor neurons are recruited: of neurons and of pairs that no fit has seen, predicted beside measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphtwin.plots import BLUE, MUTED, VERMILLION
from graphtwin.report.figures.drawing import WIDTH, Block, Drawn, draw_svg
from graphtwin.report.figures.motor_figures import scored
from graphtwin.report.folder import RunFolder
from graphtwin.report.words import plain

MOST_NAMED = 40  # neurons of a condition up to which each has its name beside its dot
BINS = 8  # bins of predicted distance, each of as many pairs


def draw_orders(run: RunFolder, table: pd.DataFrame) -> Block:
    """Predicted against measured place of each motor neuron, by condition.

    Args:
        run: Folder of the run.
        table: A row a condition and motor neuron: condition, neuron, order, predicted.
    """
    key, title = "orders", "Recruitment of motor neurons that no fit has seen"
    parts = _by_condition(table)

    def fill(figure: Figure) -> None:
        for axes, (condition, part) in zip(_row(figure, len(parts)), parts.items(), strict=True):
            ends = [float(part["order"].min()), float(part["order"].max())]
            axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
            axes.scatter(part["order"], part["predicted"], s=14, color=BLUE, alpha=0.7, linewidths=0)
            if len(part) <= MOST_NAMED:
                for row in part.itertuples():
                    axes.annotate(plain(str(row.neuron)), (row.order, row.predicted), (2, 2), textcoords="offset points", fontsize=4.5)
            axes.set_title(plain(condition), fontsize=7)
            axes.set_xlabel("measured place")
        figure.axes[0].set_ylabel("predicted place")

    sentence = f"Predicted and measured places have a rank correlation of {_each(run, parts, 'spearman')}."
    caption = (
        "A dot a motor neuron, held out with its homologues: the mean place of the others, and how far the wiring puts it before or "
        "behind. Dashed: as measured. Predictions keep to the middle where little is known."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, _size(parts), fill), ("orders.csv",))


def draw_pairs(run: RunFolder, table: pd.DataFrame) -> Block:
    """How far apart pairs fire, by how far apart they are predicted, by condition.

    Args:
        run: Folder of the run.
        table: A row a condition and pair: condition, apart, predicted.
    """
    key, title = "pairs", "Pairs of motor neurons, both held out"
    parts = _by_condition(table)

    def fill(figure: Figure) -> None:
        for axes, (condition, part) in zip(_row(figure, len(parts)), parts.items(), strict=True):
            rank = part["predicted"].rank(method="first").to_numpy()
            bins = np.minimum((rank - 1) * BINS // len(part), BINS - 1)
            mean = part.groupby(bins)[["predicted", "apart"]].mean()
            axes.scatter(part["predicted"], part["apart"], s=6, color=BLUE, alpha=0.25, linewidths=0)
            axes.plot(mean["predicted"], mean["apart"], color=VERMILLION, linewidth=1.2, marker="o", markersize=3)
            axes.set_title(plain(condition), fontsize=7)
            axes.set_xlabel("predicted distance (SD)")
        figure.axes[0].set_ylabel("measured distance")

    sentence = f"Predicted and measured closeness of pairs have a rank correlation of {_each(run, parts, 'closeness')}."
    caption = (
        "A dot a pair of motor neurons, both held out with their homologues; the distance is that of their places. Red: means of eighths "
        "of the pairs. The predicted distance is in the SD of the places of the others."
    )
    return Drawn(key, title, sentence, caption, draw_svg(key, _size(parts), fill), ("pairs.csv",))


def _by_condition(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each condition, in the order of the table."""
    return {str(name): part for name, part in table.groupby("condition", sort=False)}


def _row(figure: Figure, n: int) -> list[Axes]:
    """Panels beside each other."""
    return list(figure.subplots(1, n, squeeze=False)[0])


def _size(parts: dict[str, pd.DataFrame]) -> tuple[float, float]:
    """Width and height of a figure with a panel a condition."""
    return (0.62 * WIDTH if len(parts) == 1 else WIDTH), 3.4


def _each(run: RunFolder, parts: dict[str, pd.DataFrame], metric: str) -> str:
    """The score of every condition in words."""
    return ", ".join(f"{scored(run, f'recruitment, {condition}', metric)} {plain(condition)}" for condition in parts)
