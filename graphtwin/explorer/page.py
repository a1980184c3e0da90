"""The page: words, style and scripts of the explorer in one file, with what it shows inside it or fetched from the server beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import colormaps

from graphtwin.artifacts import write_text
from graphtwin.explorer.beside import read_beside
from graphtwin.explorer.contents import contents_of
from graphtwin.explorer.skeletons_shown import skeletons_shown
from graphtwin.report import RunFolder

SCRIPTS = (
    "packed.js",
    "colours.js",
    "tissue.js",
    "map.js",
    "card.js",
    "groups.js",
    "beside.js",
    "explorer.js",
)  # in the order in which they run
# Colours of numbers, of angles and of what has a sign, told apart with every common colour vision; then their share, and what is added so
# that none is as light or as dark as the paper.
RAMPS = {"ramp": ("cividis", 0.9, 12.0), "circle": ("twilight", 0.7, 30.0), "signed": ("PuOr", 0.72, 15.0)}


def write_explorer(
    run: str | Path,
    to: str | Path,
    further: Sequence[str | Path] = (),
    axons: Sequence[str | Path] = (),
    dendrites: Sequence[str | Path] = (),
    nm_per_unit: tuple[float, float, float] | None = None,
) -> Path:
    """Write the explorer of a finished run as one file that opens without a server; returns its path.

    Args:
        run: Folder that `graphtwin run` wrote.
        to: File to write, .html.
        further: Finished folders with a page, pages, and tables of units or neurons, which stand beside the run in the frame.
        axons: Skeletons of axons that are drawn: files, folders and volumes, as `graphtwin proximity` takes them.
        dendrites: Skeletons of dendrites, as for axons.
        nm_per_unit: Size of one unit along x, y and z, nm, of skeletons that declare none.

    Examples:
        >>> graphtwin.explorer.write_explorer("runs/planted", "planted.html").name
        'planted.html'
    """
    opened = RunFolder.open(run)
    beside, skeletons = read_beside(opened, further), skeletons_shown(opened, axons, dendrites, nm_per_unit)
    contents = contents_of(str(run), beside, alone=True, skeletons=skeletons)
    return write_text(render(Path(run).resolve().name, base64.b64encode(contents).decode()), Path(to))


def render(name: str, contents: str = "") -> str:
    """The page as HTML.

    Args:
        name: Run that is shown, for the title until its contents are read.
        contents: What it shows, packed and in base64; where there is none the page asks its server for `contents`.
    """
    environment = Environment(loader=PackageLoader("graphtwin.explorer", "static"), undefined=StrictUndefined, autoescape=True)
    loaded = environment.loader
    assert loaded is not None
    text = {one: loaded.get_source(environment, one)[0] for one in (*SCRIPTS, "explorer.css")}
    ramps = {kind: _pixels(*told) for kind, told in RAMPS.items()}
    return environment.get_template("explorer.html.j2").render(
        name=name, style=text.pop("explorer.css"), script="\n".join(text.values()), ramps=ramps, contents=contents
    )


def _pixels(name: str, share: float, added: float) -> list[int]:
    """Red, green and blue of 256 colours, one after another."""
    return [round(255 * share * part + added) for at in range(256) for part in colormaps[name](at / 255)[:3]]
