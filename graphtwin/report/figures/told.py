"""What a reader may ask of a figure: the values behind its lines, dots, bars, rows and cells, in words, at their places in the SVG."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import FixedFormatter, FuncFormatter

from graphtwin.report.words import in_words

MOST_OF_A_LINE = 40  # values of a smooth line that are kept, evenly chosen
MOST_DOTS = 400  # dots of a cloud up to which each tells its values: in a thicker one no dot could be pointed at
MOST_CELLS = 900  # cells of a picture up to which each tells its value
MOST_OF_A_FIGURE = 1200  # values of a figure: more would make the page heavy
DIGITS = 4  # digits of a value


@dataclass
class Told:
    """One value: where it is drawn, in axis units, and what it says.

    Attributes:
        at: Place in the axes.
        name: Series or category.
        x, y: Values; None where the axis has none that is said.
        low, high: Ends of the bar or band through it; None without one.
        c: Value of the colour.
    """

    at: tuple[float, float]
    name: str = ""
    x: float | str | None = None
    y: float | str | None = None
    low: float | None = None
    high: float | None = None
    c: float | None = None


@dataclass
class Bars:
    """What lies around the values of an axes.

    Attributes:
        columns, rows: Names of places along x and y, where these have names.
        of_colour: Ends of the band of each colour, by x.
        upright: Ends of upright bars, by x.
        of_row: Ends of the bars of rows, by y.
    """

    columns: dict[float, str]
    rows: dict[float, str]
    of_colour: dict[str, dict[float, tuple[float, float]]] = field(default_factory=dict)
    upright: dict[float, tuple[float, float]] = field(default_factory=dict)
    of_row: dict[float, tuple[float, float]] = field(default_factory=dict)


def values_of(figure: Figure, height: float) -> str:
    """The values of a laid-out figure as JSON: panels with the words of their axes and, for each value, its place in the SVG.

    Args:
        figure: Figure of 72 dots an inch, so that a dot is a unit of the SVG.
        height: Height of the SVG in its units.

    Returns:
        `[{"of", "x", "y", "c", "at": [[x, y, name, x value, y value, low, high, colour] ...]}, ...]`; names are numbers in `"names"`.
    """
    panels, left = [], MOST_OF_A_FIGURE
    for axes in figure.axes:
        if not axes.get_visible() or axes.get_label() == "<colorbar>":
            continue
        told = list(_values(axes))[:left]
        left -= len(told)
        if told:
            panels.append(_panel(figure, axes, told, height))
    return json.dumps(panels, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _panel(figure: Figure, axes: Axes, told: Sequence[Told], height: float) -> dict[str, Any]:
    """The words of an axes and its values, places in whole units of the SVG."""
    places = axes.transData.transform([each.at for each in told])
    names = list(dict.fromkeys(each.name for each in told))
    rows = []
    for each, (x, y) in zip(told, places, strict=True):
        if not np.isfinite([x, y]).all():
            continue
        row = [
            round(float(x)),
            round(height - float(y)),
            names.index(each.name),
            *(_short(v) for v in (each.x, each.y, each.low, each.high)),
        ]
        rows.append([*row, _short(each.c)])
    for row in rows:
        while row[-1] is None:
            row.pop()
    words = {"of": _title(axes), "x": _label(figure, axes, "x"), "y": _label(figure, axes, "y"), "c": _colour_label(figure, axes)}
    return {**{key: word for key, word in words.items() if word}, "names": names, "at": rows}


def _short(value: float | str | None) -> float | str | None:
    """A value of few digits; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _values(axes: Axes) -> Iterator[Told]:
    """The values of an axes, series by series."""
    bars, names = _bars(axes), _container_names(axes)
    for line in axes.lines:
        yield from _of_line(axes, line, bars, names)
    for cloud in axes.collections:
        if isinstance(cloud, PathCollection):
            yield from _of_cloud(axes, cloud, bars)
    for container in axes.containers:
        if isinstance(container, BarContainer):
            yield from _of_bars(axes, container)
    yield from _of_picture(axes, bars)


def _container_names(axes: Axes) -> dict[Any, str]:
    """The name of each line that stands in the middle of error bars, which has none of its own."""
    found = [each for each in axes.containers if isinstance(each, ErrorbarContainer) and each[0] is not None]
    return {each[0]: _named(str(each.get_label())) for each in found}


def _bars(axes: Axes) -> Bars:
    """Ends of everything that is drawn through a value."""
    bars = Bars(columns=_categories(axes, "x"), rows=_categories(axes, "y"))
    for each in axes.collections:
        if isinstance(each, LineCollection) and each.get_transform() == axes.transData:
            for ends in map(np.asarray, each.get_segments()):
                if len(ends) == 2 and ends[0, 0] == ends[1, 0]:
                    bars.upright[float(ends[0, 0])] = (float(ends[:, 1].min()), float(ends[:, 1].max()))
        elif isinstance(each, PolyCollection) and len(each.get_paths()) and len(each.get_facecolor()):
            of_colour = bars.of_colour.setdefault(to_hex(np.asarray(each.get_facecolor())[0].tolist()), {})
            for path in each.get_paths():
                corners = np.asarray(path.vertices, dtype=np.float64)
                for x in np.unique(corners[:, 0]):
                    y = corners[corners[:, 0] == x, 1]
                    of_colour[float(x)] = (float(y.min()), float(y.max()))
    for line in axes.lines:
        x, y = (np.asarray(values, dtype=np.float64) for values in line.get_data())
        if _is_row(bars, x, y):
            bars.of_row[float(y[0])] = (float(x.min()), float(x.max()))
    return bars


def _is_row(bars: Bars, x: np.ndarray, y: np.ndarray) -> bool:
    """Whether a line is the interval of a labelled row."""
    return bool(bars.rows) and len(x) == 2 and bool(y[0] == y[1] and np.isfinite(x).all())


def _of_line(axes: Axes, line: Line2D, bars: Bars, names: dict[Any, str]) -> Iterator[Told]:
    x, y = (np.asarray(values, dtype=np.float64) for values in line.get_data())
    if line.get_transform() != axes.transData or not len(x) or not line.get_visible():
        return
    marked = str(line.get_marker()) not in ("None", "none", "", " ")
    if not marked and (len(x) < 3 or _is_row(bars, x, y)):
        return  # what is compared with, and intervals, which belong to the dot in their middle
    name = names.get(line) or _named(str(line.get_label()))
    colour: Any = line.get_color()
    band = bars.of_colour.get(to_hex(colour), {})
    kept = np.arange(len(x)) if marked else np.unique(np.linspace(0, len(x) - 1, MOST_OF_A_LINE).astype(int))
    kept = kept if len(kept) <= MOST_DOTS else kept[:0]
    for one in kept:
        at = (float(x[one]), float(y[one]))
        if not np.isfinite(at).all():
            continue
        own = bars.of_row.get(at[1]) if at[1] in bars.rows else None
        yield _said(axes, bars, at, name, own or band.get(at[0], bars.upright.get(at[0])))


def _said(axes: Axes, bars: Bars, at: tuple[float, float], name: str, ends: tuple[float, float] | None) -> Told:
    """A value in the words of its axes: categories by name, angles in degrees."""
    x: float | str | None
    y: float | str | None
    x, y = bars.columns.get(at[0], at[0]), bars.rows.get(at[1], at[1])
    low, high = ends or (None, None)
    if isinstance(axes, PolarAxes):
        x = float(np.degrees(at[0])) % 360
    if not name and isinstance(y, str):
        name, y = y, None
    return Told(at, name, x, None if _is_unsaid(axes, "y") else y, low, high)


def _of_cloud(axes: Axes, cloud: PathCollection, bars: Bars) -> Iterator[Told]:
    places = np.asarray(cloud.get_offsets(), dtype=np.float64)
    if len(places) > MOST_DOTS or cloud.get_offset_transform() != axes.transData:
        return
    colours, name = cloud.get_array(), _named(str(cloud.get_label()))
    for one, (x, y) in enumerate(places):
        if not np.isfinite([x, y]).all():
            continue
        told = _said(axes, bars, (float(x), float(y)), name, bars.upright.get(float(x)))
        told.c = None if colours is None else float(np.ma.filled(colours, np.nan)[one])
        yield told


def _of_bars(axes: Axes, container: BarContainer) -> Iterator[Told]:
    """Heights of bars, each with its ends along the axis."""
    name = _named(str(container.get_label()))
    for bar in container.patches:
        if isinstance(bar, Rectangle) and np.isfinite(bar.get_height()):
            left, right, top = bar.get_x(), bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height()
            if isinstance(axes, PolarAxes):
                left, right = np.degrees([left, right])
            middle = bar.get_x() + bar.get_width() / 2
            yield Told((middle, top), name, f"{_short(left):g} to {_short(right):g}", float(bar.get_height()))


def _of_picture(axes: Axes, bars: Bars) -> Iterator[Told]:
    for picture in axes.images:
        cells = np.ma.filled(np.ma.asarray(picture.get_array(), dtype=np.float64), np.nan)
        rows, columns = bars.rows, bars.columns
        if cells.ndim == 2 and cells.size <= MOST_CELLS and (rows or columns):
            for (row, column), value in np.ndenumerate(cells):
                yield Told((float(column), float(row)), "", columns.get(column, float(column)), rows.get(row, float(row)), c=float(value))


def _categories(axes: Axes, which: str) -> dict[float, str]:
    """Names of the places along an axis that has names in the place of numbers, or of the panel beside it that names the same places."""
    if own := _named_places(axes, which):
        return own
    side, limits = (0, axes.get_xlim()) if which == "x" else (1, axes.get_ylim())
    ends = axes.get_position().get_points()[:, side]
    for other in axes.figure.axes:
        same = limits == (other.get_xlim() if which == "x" else other.get_ylim())
        if other is not axes and same and np.allclose(other.get_position().get_points()[:, side], ends, atol=0.01):
            return _named_places(other, which)
    return {}


def _named_places(axes: Axes, which: str) -> dict[float, str]:
    """Names that an axis itself has."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    formatter = axis.get_major_formatter()
    if not isinstance(formatter, (FixedFormatter, FuncFormatter)):
        return {}
    places = axis.get_ticklocs()
    texts = [_named(text) for text in formatter.format_ticks(places.tolist())]
    if not any(texts) or all(_is_number(text) for text in texts):
        return {}
    return {float(place): text for place, text in zip(places, texts, strict=True)}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("-−").isdigit()


def _is_unsaid(axes: Axes, which: str) -> bool:
    """Whether an axis has neither ticks nor a label: its values are none that are said."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    return not len(axis.get_ticklocs()) and not axis.get_label_text()


def _named(label: str) -> str:
    """A label in one line; nothing where matplotlib made it up."""
    return "" if label.startswith("_") else in_words(" ".join(label.replace(r"\$", "$").split()))


def _title(axes: Axes) -> str:
    return next((_named(text) for where in ("left", "center", "right") if (text := axes.get_title(where))), "")


def _label(figure: Figure, axes: Axes, which: str) -> str:
    """The words of an axis: its own, those of the panel that it shares its place with, or those of the figure."""
    side = 0 if which == "x" else 1
    ends = axes.get_position().get_points()[:, side]
    own = axes.get_xlabel() if which == "x" else axes.get_ylabel()
    shared = [
        other.get_xlabel() if which == "x" else other.get_ylabel()
        for other in figure.axes
        if other.get_label() != "<colorbar>" and np.allclose(other.get_position().get_points()[:, side], ends, atol=0.01)
    ]
    of_figure = figure.get_supxlabel() if which == "x" else figure.get_supylabel()
    return _named(next((text for text in (own, *shared, of_figure) if text), ""))


def _colour_label(figure: Figure, axes: Axes) -> str:
    """The words of the colour bar that belongs to an axes, or of the only one of the figure."""
    bars = [one for one in figure.axes if one.get_label() == "<colorbar>"]
    own = [mapped.colorbar.ax for mapped in (*axes.images, *axes.collections) if mapped.colorbar is not None]
    bar = own[0] if own else bars[0] if len(bars) == 1 and axes.images else None
    return "" if bar is None else _named(bar.get_ylabel() or bar.get_xlabel())
