"""Colours and lines: the form of every figure, and one look for each model wherever it is drawn."""

from __future__ import annotations

from typing import Any

INK, MUTED, RULE = "#1b1f24", "#5b6470", "#d9dde2"  # colours of text, of text that may be passed over, and of lines
ON_LIGHT, ON_DARK = "#1b1f25", "#fefefe"  # colours of text over pictures, whose ground is the same in either style
# What takes the colour of the page's style, and its name there.
INKS = {INK: "ink", MUTED: "muted", RULE: "rule", "#ffffff": "paper", "#000000": "strong"}
# Okabe & Ito's palette, told apart with every common colour vision. On a light ground orange and sky have a contrast of 2.3 to 1; made
# darker, orange could not be told from vermillion with deuteranopia (a distance of 3 in CIELAB, 17 as they are).
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#878e97"  # colour of what is no model: nulls, references
STYLE: dict[Any, Any] = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "svg.hashsalt": "graphtwin",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 7.5,
}
MODEL_STYLES: dict[str, tuple[str, str]] = {
    "majority": (GREY, ":"),
    "scan alone": (BLACK, "-"),
    "distance": ("#7a828c", "-"),
    "logistic": (GREEN, "--"),
    "logistic + tuning": (GREEN, "-"),
    "boosting": (BLUE, "--"),
    "boosting + tuning": (BLUE, "-"),
    "logistic, function": (GREEN, "-"),
    "ridge, function": (GREEN, "-"),
    "boosting + messages": (SKY, "-"),
    "boosting, function": (BLUE, "-"),
    "graph model": (VERMILLION, "-"),
    "graph model, function": (VERMILLION, "-"),
    "graph model, function + scan + synapses": (PURPLE, "-"),
    "graph model, function + scan": (PURPLE, "-"),
    "graph model, function + synapses": (PURPLE, "-"),
    "graph model, synapses": (PURPLE, "-"),
    "network alone, function": (VERMILLION, "--"),
    "network alone, function + scan + synapses": (PURPLE, "--"),
    "network alone, function + scan": (PURPLE, "--"),
    "network alone, function + synapses": (PURPLE, "--"),
    "network alone, synapses": (PURPLE, "--"),
    "logistic, partners": (GREEN, "-"),
    "ridge, partners": (GREEN, "-"),
    "boosting, partners": (BLUE, "-"),
    "graph model, no function": (ORANGE, "-"),
    "message passing alone": (VERMILLION, "--"),
    "graph model without message passing": (ORANGE, "--"),
    "graph model, rewired": (PURPLE, "-."),
    "graph model, permuted": (ORANGE, ":"),
}
SPARE_COLOURS = (SKY, "#8c6d31", "#9a5a92", "#637939")  # colours of models without a colour of their own


def model_style(model: str) -> dict[str, Any]:
    """Colour and line style of a model, the same in every figure; an unknown one gets a spare colour by its name.

    Args:
        model: Name of the model, as tables and reports have it.

    Example:
        >>> graphtwin.plots.model_style("boosting")["linestyle"] == graphtwin.plots.model_style("graph model")["linestyle"]
        False
    """
    spare = SPARE_COLOURS[sum(map(ord, model)) % len(SPARE_COLOURS)], "-"
    colour, line = MODEL_STYLES.get(model, spare)
    return {"color": colour, "linestyle": line}
