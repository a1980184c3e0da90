"""Tables that are text, in whatever dialect: separated by commas, semicolons or tabs, with decimal commas, packed, of another encoding."""

from __future__ import annotations

import csv
import gzip
import io
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import schema

BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # encoding by the first bytes of a text
SEPARATORS = "\t;,"
SAMPLE_BYTES = 1 << 16  # bytes of a text in which its first line lies
GZIP = b"\x1f\x8b"
FIRST_ROWS = 100  # rows that tell whether a column of text could hold numbers
WITH_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")  # a number with a decimal comma
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")  # a number whose comma may as well stand between thousands
NO_NAME = re.compile(r"[-+]?[\d.]+([eE][-+]?\d+)?|t|f|")  # what stands in a first line that names no columns

log = logging.getLogger("graphtwin")


class Refused(ValueError):
    """A file that is whole but whose meaning cannot be told."""


@dataclass(frozen=True)
class Dialect:
    """How a text holds its table."""

    packed: bool
    encoding: str
    separator: str


def read_text(path: Path) -> pd.DataFrame:
    """The table in a text. A column of digits with gaps, in which floats would round, comes as nullable integers or as text.

    Args:
        path: File of text, packed with gzip or not.

    Raises:
        Refused: Its first line names no columns or one twice, rows are longer than it, or the meaning of a comma cannot be told.
    """
    dialect = _dialect(path)
    table = _parsed(path, dialect)
    if not isinstance(table.index, pd.RangeIndex):
        table = _without_row_names(table)
    if _has_decimal_commas(table, dialect.separator):
        table = _parsed(path, dialect, decimal=",").reset_index(drop=True)
    lossy = [name for name in table.select_dtypes("float64") if (table[name].abs() > schema.EXACT).any()]
    if lossy:
        written = _parsed(path, dialect, dtype=dict.fromkeys(lossy, "string")).reset_index(drop=True)
        table = table.assign(**{name: _digits(written[name], table[name]) for name in lossy})
    return table


def _dialect(path: Path) -> Dialect:
    """Packing, encoding and separator, from the first bytes of a text, whose first line must name the columns."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    with gzip.open(path) if packed else path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if sample.startswith(mark)), "utf-8")
    if b"\x00" in sample and encoding != "utf-16":
        raise Refused("it holds bytes of 0, which no text has. Is it of another format? Export the table as UTF-8 text.")
    first = next(iter(sample.decode(encoding, errors="replace").lstrip("\r\n").splitlines()), "")
    outside = re.sub(r'"[^"]*"', "", first)
    separator = max(SEPARATORS, key=outside.count) if any(mark in outside for mark in SEPARATORS) else ","
    _require_names(next(csv.reader(io.StringIO(first), delimiter=separator), []), first)
    return Dialect(packed, encoding, separator)


def _require_names(names: list[str], first: str) -> None:
    """Raise where the first line holds values, or one name over several columns."""
    names = [name.strip() for name in names]
    if any(names) and all(NO_NAME.fullmatch(name) for name in names):
        raise Refused(f"its first line names no columns (it is {first[:80]!r}). Put the names before it, as the table's schema lists them.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Refused(
            f"{len(twice)} names stand over several columns, first {twice[0]!r}. Which is meant cannot be told: rename or remove one."
        )


def _parsed(path: Path, dialect: Dialect, **how: object) -> pd.DataFrame:
    """The text parsed by pandas; letters that are not UTF-8 are taken for Latin-1, which is said."""
    packing = "gzip" if dialect.packed else None
    # "round_trip" takes numbers as Python does: exact to the last bit, and whatever their exponent.
    given = {"sep": dialect.separator, "compression": packing, "skipinitialspace": True, "float_precision": "round_trip", **how}
    try:
        table = pd.read_csv(path, encoding=dialect.encoding, **given)
    except UnicodeDecodeError:
        log.info("%s: is no UTF-8; its letters are read as Latin-1.", path)
        table = pd.read_csv(path, encoding="latin-1", **given)
    table.columns = table.columns.str.strip()
    return table


def _without_row_names(table: pd.DataFrame) -> pd.DataFrame:
    """The table without a first column that has no name, as R writes row names; rows that are longer otherwise are refused."""
    if table.index.nlevels > 1 or table.empty or table.iloc[:, -1].isna().all():
        raise Refused(
            f"its rows have {table.index.nlevels} fields more than its first line names ({len(table.columns)}). Values would come under "
            "the wrong names: name every column, and end no row with a separator."
        )
    return table.reset_index(drop=True)


def _has_decimal_commas(table: pd.DataFrame, separator: str) -> bool:
    """Whether numbers have decimal commas; refused where these could be commas between thousands."""
    doubtful = []
    for name in table.select_dtypes("object"):
        if not any(map(WITH_COMMA.fullmatch, table[name].dropna().head(FIRST_ROWS).astype(str))):
            continue
        written = table[name].dropna().astype(str)
        with_comma = written[written.str.contains(",", regex=False)]
        if not all(map(WITH_COMMA.fullmatch, with_comma)) or not written.str.fullmatch(r"[\d,.eE+-]+").all():
            continue
        if written.str.contains(".", regex=False).any():
            raise Refused(f"column {name} has numbers with points and some with commas, first {with_comma.iloc[0]!r}. Write points alone.")
        if not all(map(THOUSANDS.fullmatch, with_comma)):
            return True
        doubtful.append((name, with_comma.iloc[0]))
    if doubtful and separator != ",":
        name, first = doubtful[0]
        raise Refused(f"column {name}: the comma of {first!r} may be a decimal one or stand between thousands. Write points.")
    return False


def _digits(written: pd.Series, numbers: pd.Series) -> pd.Series:
    """Ids that floats would round, from their digits: nullable int64, or text where one is larger; other columns as the floats they are."""
    if not written.dropna().str.strip().str.fullmatch(r"-?\d{1,30}").all():
        return numbers
    values = [None if pd.isna(digits) else int(digits) for digits in written]
    if max(abs(value) for value in values if value is not None) > schema.LARGEST_ID:
        return written.astype(object).where(written.notna(), None)
    missing = np.array([value is None for value in values])
    return pd.Series(pd.arrays.IntegerArray(np.array([value or 0 for value in values], dtype=np.int64), missing), index=numbers.index)
