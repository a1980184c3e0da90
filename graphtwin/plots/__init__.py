"""Figures as functions that take an axis: plain arrays and frames in, matplotlib axes out. The pages of the package are drawn by them."""

from graphtwin.plots.intervals import plot_intervals
from graphtwin.plots.neurons import LABEL_COLOURS, OF_STATES, plot_embedding_map, plot_receptive_fields, plot_tuning
from graphtwin.plots.nulls import plot_permutations
from graphtwin.plots.pairs import plot_calibration, plot_like_to_like, plot_precision_recall, plot_roc
from graphtwin.plots.palette import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    INK,
    INKS,
    MUTED,
    ON_DARK,
    ON_LIGHT,
    ORANGE,
    PURPLE,
    RULE,
    SKY,
    STYLE,
    VERMILLION,
    model_style,
)
from graphtwin.plots.tables import plot_confusion

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "INKS",
    "LABEL_COLOURS",
    "MUTED",
    "ON_DARK",
    "ON_LIGHT",
    "OF_STATES",
    "ORANGE",
    "PURPLE",
    "RULE",
    "SKY",
    "STYLE",
    "VERMILLION",
    "model_style",
    "plot_calibration",
    "plot_confusion",
    "plot_embedding_map",
    "plot_intervals",
    "plot_like_to_like",
    "plot_permutations",
    "plot_precision_recall",
    "plot_receptive_fields",
    "plot_roc",
    "plot_tuning",
]
