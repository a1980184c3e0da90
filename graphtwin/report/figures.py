"""What every figure of the report shares: its form on the page, the palette, and the way from matplotlib to inline SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

WIDTH = 7.6  # inches; the page shows an inch as about 118 px, so that 8 pt reads as 13 px
INK, MUTED, RULE = "#1b1f24", "#5b6470", "#d9dde2"
# Okabe & Ito's palette, told apart with every common colour vision.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#9aa1a9"
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
    "majority": ("#b9bec5", "-"),
    "scan alone": (BLACK, "-"),
    "distance": ("#7a828c", "-"),
    "logistic": (GREEN, "--"),
    "logistic + tuning": (GREEN, "-"),
    "boosting": (BLUE, "--"),
    "boosting + tuning": (BLUE, "-"),
    "logistic, function": (GREEN, "-"),
    "boosting, function": (BLUE, "-"),
    "graph twin": (VERMILLION, "-"),
    "graph twin, function": (VERMILLION, "-"),
    "graph twin, function + scan + synapses": (PURPLE, "-"),
    "graph twin, no function": (ORANGE, "-"),
    "graph twin, rewired": (PURPLE, "-."),
    "graph twin, permuted": (ORANGE, ":"),
}
SPARE_COLOURS = (SKY, "#8c6d31", "#7b4173", "#637939")


@dataclass(frozen=True)
class Drawn:
    """A figure on the page.

    Attributes:
        key: Its anchor.
        sentence: What it shows, with the numbers computed from the data.
        caption: How to read it, and n.
        files: The tables behind it, inside the run folder.
    """

    key: str
    title: str
    sentence: str
    caption: str
    svg: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Absent:
    """A figure that this run has no data for, and why."""

    key: str
    title: str
    reason: str


Block = Drawn | Absent


def model_style(model: str) -> dict[str, Any]:
    """Colour and line style of a model, the same in every figure; an unknown one gets a spare colour by its name."""
    spare = SPARE_COLOURS[sum(map(ord, model)) % len(SPARE_COLOURS)], "-"
    colour, line = MODEL_STYLES.get(model, spare)
    return {"color": colour, "linestyle": line}


def is_twin(model: str) -> bool:
    """Whether a model is the graph twin or one of its variants, by its name."""
    return model.startswith("graph twin")


def draw_svg(key: str, alt: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    """A figure as an SVG element to stand inside a page.

    Args:
        key: Prefix of every id, so that figures on one page do not share ids.
        alt: What a reader who cannot see it is told.
        size: Width and height in inches.
        draw: Fills the figure.
    """
    with matplotlib.rc_context(STYLE):
        figure, layout = Figure(figsize=size, dpi=72), ConstrainedLayoutEngine(h_pad=0.06, w_pad=0.08)
        FigureCanvasAgg(figure)
        figure.set_layout_engine(layout)
        draw(figure)
        layout.execute(figure)
        figure.set_layout_engine("none")  # laid out already: saving would do it again, at the price of a second drawing
        out = io.StringIO()
        figure.savefig(out, format="svg", dpi=170, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(out.getvalue(), key, alt, size[0] / WIDTH)


def _inline(svg: str, key: str, alt: str, share: float) -> str:
    """The SVG element alone, at most this share of the column wide, with ids of its own and words for screen readers."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{key}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{_attribute(alt)}" style="max-width:{100 * share:.0f}%"', 1)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def draw_interval_rows(
    axes: Axes,
    labels: Sequence[str],
    values: Float[np.ndarray, "rows estimate_low_high"],
    colours: Sequence[str],
    reference: float | None = None,
) -> None:
    """Estimates with their intervals, a labelled row each from the top down, and a line at the value to compare with."""
    rows = np.arange(len(labels))
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    for row, (estimate, low, high), colour in zip(rows, values, colours, strict=True):
        axes.plot([low, high], [row, row], color=colour, linewidth=2.2, alpha=0.55, solid_capstyle="butt")
        axes.plot([estimate], [row], "o", color=colour, markersize=5)
    axes.set_yticks(rows, [plain(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def plain(label: str) -> str:
    """A label in which matplotlib finds no mathematics."""
    return label.replace("$", r"\$")


def join_words(words: Iterable[str]) -> str:
    """`a, b and c`."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else "none"


def per_cent(share: float) -> str:
    """A share as a percentage of two or three digits."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 99.95 else f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"


def p_text(p: float) -> str:
    """`p = 0.048`, and a bound below a thousandth."""
    return f"p = {p:.2g}" if p >= 1e-3 else "p < 0.001"
