"""What users hold says in few lines what it is, and in a notebook says the same as a table."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Set
from html import escape
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type[Any])
LONGEST = 60  # characters of what is said of one field
# No colours: a table takes those of the notebook, light or dark.
STYLE = "text-align: left; vertical-align: top; padding: 0.15em 1em 0.15em 0"


def told_by_fields(cls: Class) -> Class:
    """A dataclass of arrays and tables that says a line a field: sizes in the place of what is in them; in notebooks as a table.

    Args:
        cls: Dataclass.
    """
    cls.__repr__ = _by_fields  # type: ignore[assignment]  # a method of any class
    return told_as_table(cls)


def told_as_table(cls: Class) -> Class:
    """A class whose text (a title, then a line `name: words` a fact) is a table in notebooks.

    Args:
        cls: Class with such a text.
    """
    cls._repr_html_ = _as_table
    return cls


def table_of(text: str) -> str:
    """A title with facts after a colon and lines `name: words` as HTML: a caption, a row a fact and a row a line.

    Args:
        text: The lines.
    """
    title, *lines = text.splitlines()
    caption, _, facts = title.partition(": ")
    whole = [f'<tr><td colspan="2" style="{STYLE}">{escape(fact)}</td></tr>' for fact in re.split("[,;] ", facts) if fact]
    cells = [line.strip().partition(": ") for line in lines]
    named = [
        f'<tr><th scope="row" style="{STYLE}">{escape(name)}</th><td style="{STYLE}">{escape(words)}</td></tr>' for name, _, words in cells
    ]
    rows = "".join([*whole, *named])
    return f'<table><caption style="{STYLE}; caption-side: top">{escape(caption)}</caption><tbody>{rows}</tbody></table>'


def _as_table(of: object) -> str:
    return table_of(repr(of))


def _by_fields(of: Any) -> str:
    """The name of the class, and a line a field that is for reading."""
    fields = [field.name for field in dataclasses.fields(of) if field.repr]
    return "\n".join([type(of).__name__, *(f"  {name}: {words_of(getattr(of, name))}" for name in fields)])


def words_of(value: Any) -> str:
    """A value in one short line: arrays and tables by their size, several things by their number and the first ones.

    Args:
        value: Whatever a field holds.
    """
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "columns"):
        return f"table of {shape[0]:,} rows x {shape[1]:,} columns"
    if shape is not None and len(shape):
        return f"array of {' x '.join(f'{n:,}' for n in shape)}"
    if isinstance(value, (tuple, list, Mapping, Set)) and value:
        return _cut(f"{len(value):,}: {', '.join(str(one) if isinstance(one, (str, int, float)) else _name(one) for one in value)}")
    said = str(value)
    return said if len(said) <= LONGEST and "\n" not in said else _name(value)


def _name(value: object) -> str:
    """The title of what says itself in lines, a short text, or the name of the class."""
    said = repr(value).splitlines()[0]
    return said if len(said) <= LONGEST else type(value).__name__


def _cut(said: str) -> str:
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 4]} ..."
