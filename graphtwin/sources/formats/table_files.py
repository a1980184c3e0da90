"""One table file as it is: Parquet, Feather or text. Every loader of tables reads through here, so that all take the same files."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Collection
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as arrow
from pyarrow import feather, parquet

from graphtwin import schema
from graphtwin.sources.formats.column_names import in_small_letters
from graphtwin.sources.formats.text_tables import Refused, read_text

TEXT = (".csv", ".tsv", ".txt")  # suffixes of tables that are text, which may have .gz behind
SUFFIXES = (".parquet", ".feather", *TEXT, *(f"{suffix}.gz" for suffix in TEXT))
# Errors that a damaged file raises, and one of another format.
UNREADABLE = (arrow.lib.ArrowException, OSError, EOFError, zlib.error, ValueError, OverflowError, KeyError, TypeError, csv.Error)


def suffix_of(path: Path) -> str:
    """The suffix of a table file in lower case, with what is before a .gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def read_file(path: Path, kept: Collection[str] = ()) -> pd.DataFrame:
    """The content of a table file as it is; a missing, unreadable or empty one is an error.

    Args:
        path: File whose name ends in one of `SUFFIXES`, in capitals or not. A text may be separated by commas, semicolons or tabs, and have
            decimal commas, a byte order mark and letters of Latin-1. Columns that are known but for capitals have small letters.
        kept: Names of columns that stay as they are.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another format, cut short, without rows or names of columns, or names a column twice.
    """
    table = read_rows(path, kept=kept)
    if table.empty:
        raise ValueError(f"{path}: the table has no rows (columns {list(table.columns)}). Export it again, or leave it out.")
    return table


def read_asked(path: Path) -> pd.DataFrame:
    """The rows that somebody asks to be predicted; a table without rows is an answer too.

    Args:
        path: Table file, as `read_file` takes it.
    """
    return read_rows(path, " with the ids to predict")


def read_rows(path: Path, of_what: str = "", kept: Collection[str] = ()) -> pd.DataFrame:
    """The content of a table file as it is, even if it has no rows.

    Args:
        path: Table file, as `read_file` takes it.
        of_what: Words for what the table should hold, for the error of a missing file.
        kept: Names of columns that stay as they are.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give a {', '.join(SUFFIXES)} table{of_what}.")
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: files ending in {path.suffix!r} are not read. Export as one of {', '.join(SUFFIXES)}.")
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {".parquet": _parquet, ".feather": _feather}
    try:
        table = readers.get(suffix, read_text)(path)
        _require_one_name_a_column(table.columns)
    except Refused as refused:
        raise ValueError(f"{path}: {refused}") from None
    except UNREADABLE as error:
        raise ValueError(f"{path}: {_why_not(error, path, suffix)}") from error
    return in_small_letters(table, str(path), kept)


def _why_not(error: BaseException, path: Path, suffix: str) -> str:
    """Words for an error that a reader of the format raised, in one line."""
    said = " ".join(str(error).split())[:200]
    if isinstance(error, arrow.ArrowNotImplementedError) and "64 bits" in said:
        return (
            "it has a column of 128-bit integers, as polars writes Int128, which neither pyarrow nor pandas reads. "
            "Cast the column to Int64 and write the table again."
        )
    if isinstance(error, arrow.ArrowNotImplementedError):
        return f"it holds something that pyarrow does not read ({said}). Write plain columns of numbers and text."
    return (
        f"{path.stat().st_size} bytes that cannot be read as {suffix[1:]} ({said}). "
        "The file is cut short or of another format: copy or export it again."
    )


def _parquet(path: Path) -> pd.DataFrame:
    _require_one_name_a_column(pd.Index(parquet.read_schema(path).names))
    return _plain(pd.read_parquet(path))


def _feather(path: Path) -> pd.DataFrame:
    table = feather.read_table(path)
    table.validate(full=True)  # offsets of a damaged file may point anywhere in memory, which is looked at before it is followed
    return _plain(table.to_pandas())


def _require_one_name_a_column(names: pd.Index) -> None:
    """Raise where two columns have one name."""
    repeated = names[names.duplicated()]
    if len(repeated):
        raise Refused(
            f"{len(repeated)} columns have the name of another, first {str(repeated[0])!r}. Which is meant cannot be told: "
            "rename or remove one."
        )


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with named levels of its index as columns, and with decimals as numbers where none of them loses a digit."""
    _require_one_name_a_column(table.columns)
    levels = [name for name in table.index.names if name is not None]
    twice = [str(name) for name in levels if name in table.columns]
    if twice:
        raise Refused(f"the columns {twice} are in its index too. Which is meant cannot be told: write it with `index=False`.")
    table = table.reset_index(level=levels).reset_index(drop=True) if levels else table.reset_index(drop=True)
    for name in table.select_dtypes("object"):
        given = table[name].dropna()
        if len(given) and isinstance(given.iloc[0], Decimal):
            table[name] = _decimals(table[name], given)
    return table


def _decimals(column: pd.Series, given: pd.Series) -> pd.Series:
    """Decimals as int64 or float64; as they are where a float would round one."""
    if max(map(abs, given)) > schema.EXACT:
        return column
    numbers = column.astype("float64")
    return numbers.astype("int64") if len(given) == len(column) and (numbers == numbers.round()).all() else numbers
