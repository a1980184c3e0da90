"""What every figure of the report shares: its form on the page, and the way from matplotlib to inline SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
from markupsafe import escape
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from graphtwin.plots import INKS, STYLE
from graphtwin.report.figures.told import values_of
from graphtwin.report.words import in_words

WIDTH = 7.6  # width of a figure in inches; the page shows an inch as about 118 px, so that 8 pt reads as 13 px
PICTURES_DPI = 170  # of what is a picture inside a figure


@dataclass(frozen=True)
class Drawn:
    """A figure on the page.

    Attributes:
        key: Anchor of the figure on the page.
        sentence: Sentence that says what the figure shows, with the numbers computed from the data.
        caption: Text on how to read the figure, and n.
        files: Paths of the tables behind the figure, inside the run folder.
    """

    key: str
    title: str
    sentence: str
    caption: str
    svg: str
    files: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The SVG with its title and sentence for who cannot see it; its values, as JSON, behind it."""
        return self.svg.replace("<svg", f'<svg role="img" aria-label="{escape(in_words(f"{self.title}. {self.sentence}"))}"', 1)


@dataclass(frozen=True)
class Absent:
    """A figure that this run has no data for, and why."""

    key: str
    title: str
    reason: str


Block = Drawn | Absent


def draw_svg(key: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    """A figure as an SVG element to stand inside a page, and its values as JSON in a script element behind it, which nothing executes.

    Args:
        key: Prefix of every id, so that figures on one page do not share ids.
        size: Width and height of the figure in inches.
        draw: Function that fills the figure.
    """
    with matplotlib.rc_context(STYLE):
        figure, layout = Figure(figsize=size, dpi=72), ConstrainedLayoutEngine(h_pad=0.06, w_pad=0.08)
        FigureCanvasAgg(figure)
        figure.set_layout_engine(layout)
        draw(figure)
        layout.execute(figure)
        figure.set_layout_engine("none")  # laid out already: drawing would do it again
        values = values_of(figure, 72 * size[1])
        figure.set_dpi(PICTURES_DPI)
        out = io.StringIO()
        # What `savefig` calls, which before it draws the figure once more for nothing.
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return f'{_inline(out.getvalue(), key, size[0] / WIDTH)}<script type="application/json">{values}</script>'


def _inline(svg: str, key: str, share: float) -> str:
    """The SVG element alone, at most this share of the column wide, with ids of its own, in inks of the page's style, light or dark."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{key}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub("|".join(INKS), lambda found: f"var(--{INKS[found[0]]})", svg)
    return svg.replace("<svg", f'<svg style="--share:{share:.2f};max-width:{100 * share:.0f}%"', 1)
