"""Sentences and tables on the screen: within its width, with no word cut."""

from __future__ import annotations

import shutil
import sys
import textwrap
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

LEAST = 20  # characters of a terminal below which nothing is wrapped: it says a width that it has not
GAP = "  "  # between columns


def say(line: str, stream: Any = None) -> None:
    """Print a sentence; in a terminal it goes on below, indented, where it is longer than a line. In a file or pipe it is one line.

    Args:
        line: The sentence, or several, a line each; spaces that it begins with are kept.
        stream: File or terminal to write to; None is standard output.
    """
    stream = stream or sys.stdout
    width = shutil.get_terminal_size().columns
    if stream.isatty() and width >= LEAST:
        line = "\n".join(_wrapped(part, width) for part in line.splitlines())
    typer.echo(line, file=stream)


def _wrapped(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def numbers(table: pd.DataFrame, names: list[str], digits: int = 3) -> str:
    """A table as text, a row a line; columns that do not fit beside the others follow below, with the names of the rows again.

    Args:
        table: The table.
        names: Columns that name a row.
        digits: Significant digits of numbers.
    """
    heads = [str(name) for name in table]
    cells = [heads] + [[_cell(value, digits) for value in row] for row in table.itertuples(index=False)]
    return in_blocks(cells, len(names), [name in names for name in table])


def in_blocks(cells: list[list[str]], n_names: int, left: list[bool]) -> str:
    """Rows of cells as lines no longer than the screen is wide, in as many blocks as that takes.

    Args:
        cells: Rows of the table, its heads first.
        n_names: Number of first columns, which stand in every block.
        left: Whether each column is flush left.
    """
    widths = [max(len(row[at]) for row in cells) for at in range(len(left))]
    first, blocks = list(range(n_names)), [list[int]()]
    room = shutil.get_terminal_size().columns - sum(widths[at] + len(GAP) for at in first)
    for at in range(n_names, len(left)):
        if blocks[-1] and sum(widths[one] + len(GAP) for one in [*blocks[-1], at]) - len(GAP) > room:
            blocks.append([])
        blocks[-1].append(at)

    def line(row: list[str], block: list[int]) -> str:
        shown = (row[at].ljust(widths[at]) if left[at] else row[at].rjust(widths[at]) for at in [*first, *block])
        return GAP.join(shown).rstrip()

    return "\n\n".join("\n".join(line(row, block) for row in cells) for block in blocks)


def _cell(value: object, digits: int) -> str:
    """A value as it is shown: numbers short, and a dash where there is none."""
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value):.{digits}g}" if value == value else "-"
    return str(value)
