"""Tables out of pickles without running what is in them.

A pickle is a program. This reader lets it name a fixed list of classes and functions of numpy and pandas and gives it, for each, an
inert record that keeps what it was called with; anything else is refused by name before it is imported. The columns are then built from
these records here: no function of pandas or of the pickle's own runs, and arrays take their bytes only after their type has been
checked. Files of pandas 1.0 to 3 read alike, whichever version is installed.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.sources.formats.arrow_layout import LAYOUTS, values_of

# What a pickled DataFrame names, module by module, and the part each plays below. Names are matched whole: `numpy.load` is not here.
_INDEX = {"Index": "index", "RangeIndex": "range", "MultiIndex": "multi", "CategoricalIndex": "index"}
_MASKED = dict.fromkeys(["IntegerArray", "FloatingArray", "BooleanArray"], "masked")
_SIZES = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64"]
_DTYPES = dict.fromkeys(
    ["ArrowDtype", "CategoricalDtype", "StringDtype", "BooleanDtype", *(f"{size}Dtype" for size in _SIZES)], "dtype of pandas"
)
_ARROW = dict.fromkeys(["ArrowStringArray", "ArrowExtensionArray"], "arrow array")
_ARRAYS = {
    "Categorical": "categorical",
    "StringArray": "backed",
    "DatetimeArray": "backed",
    "TimedeltaArray": "backed",
    **_MASKED,
    **_ARROW,
}
_MODULES: dict[str, dict[str, str]] = {
    "builtins": {"slice": "slice", "bytes": "bytes", "bytearray": "bytes"},
    "_codecs": {"encode": "bytes"},
    "numpy": {"ndarray": "class", "dtype": "dtype"},
    "numpy.core.multiarray": {"_reconstruct": "array", "scalar": "scalar"},
    "numpy.core.numeric": {"_frombuffer": "buffer"},
    "pandas": {"DataFrame": "frame", "NA": "missing", "Categorical": "categorical", **_INDEX, **_DTYPES},
    "pandas.arrays": _ARRAYS,
    "pandas._libs.arrays": {"__pyx_unpickle_NDArrayBacked": "backed"},
    "pandas._libs.internals": {"_unpickle_block": "block"},
    "pandas._libs.missing": {"NA": "missing"},
    "pandas.core.arrays.arrow.array": _ARROW,
    "pandas.core.arrays.boolean": {**_MASKED, **_DTYPES},
    "pandas.core.arrays.categorical": _ARRAYS,
    "pandas.core.arrays.datetimes": _ARRAYS,
    "pandas.core.arrays.floating": {**_MASKED, **_DTYPES},
    "pandas.core.arrays.integer": {**_MASKED, **_DTYPES},
    "pandas.core.arrays.string_": {**_ARRAYS, **_DTYPES},
    "pandas.core.arrays.string_arrow": _ARROW,
    "pandas.core.arrays.timedeltas": _ARRAYS,
    "pandas.core.dtypes.dtypes": _DTYPES,
    "pandas.core.frame": {"DataFrame": "frame"},
    "pandas.core.indexes.base": {"_new_Index": "new index", **_INDEX},
    "pandas.core.indexes.category": _INDEX,
    "pandas.core.indexes.multi": _INDEX,
    "pandas.core.indexes.numeric": dict.fromkeys(["Int64Index", "UInt64Index", "Float64Index"], "index"),
    "pandas.core.indexes.range": _INDEX,
    "pandas.core.internals.blocks": {"new_block": "block"},
    "pandas.core.internals.managers": {"BlockManager": "manager"},
    "pyarrow.lib": {"_restore_array": "arrow", "py_buffer": "arrow buffer", "type_for_alias": "arrow type"},
}
_MODULES["__builtin__"] = _MODULES["builtins"]  # the name of builtins in protocol 2
_MODULES["numpy._core.multiarray"], _MODULES["numpy._core.numeric"] = _MODULES["numpy.core.multiarray"], _MODULES["numpy.core.numeric"]

PLAIN_DTYPE = re.compile(r"[biufcSUO]\d+|[mM]8")  # codes of dtypes without fields: numbers, text, objects and times
PLAIN_CELLS = {str, bytes, bool, int, float, type(None)}  # types of cells that are taken as they are
# Errors that a damaged pickle, or one of something else, raises.
MISSHAPEN = (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, RecursionError)
DAMAGED = (pickle.UnpicklingError, EOFError, MemoryError, *MISSHAPEN)


class Refused(ValueError):
    """The pickle names something that is no part of a table."""


class Inert:
    """What a pickle asked to be made: the arguments and the state it gave, kept and not acted on.

    Each name in the list above has a subclass of its own, so that a record can be called, created and given state and still only records.
    """

    __slots__ = ("args", "state")
    args: tuple[Any, ...]
    state: Any
    role = ""

    def __new__(cls, *args: Any) -> Inert:
        """A record of a call or of the making of an object."""
        record = object.__new__(cls)
        record.args, record.state = args, None
        return record

    def __setstate__(self, state: Any) -> None:
        """Keep the state that the pickle restores."""
        self.state = state


class _Partial(Inert):
    """`functools.partial`, which pandas 1.3 wraps around the maker of its blocks: it may wrap that and nothing else."""

    __slots__ = ()
    role = "partial"

    def __call__(self, values: Any, placement: Any) -> Inert:
        if _role(self.args[0]) != "block":
            raise Refused(f"it calls functools.partial on {self.args[0]!r}.")
        return self.args[0](values, placement)


_INERT: dict[tuple[str, str], type[Inert]] = {
    (module, name): type(f"{module}.{name}", (Inert,), {"__slots__": (), "role": role})
    for module, names in _MODULES.items()
    for name, role in names.items()
}
_INERT["functools", "partial"] = _Partial


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[Inert]:
        if (module, name) not in _INERT:
            raise Refused(f"it wants {module}.{name}, which a table of numbers, text and arrays does not need. Nothing of it was run.")
        return _INERT[module, name]


def _one_line(error: Exception) -> str:
    """An error's words without the ends of lines that a damaged name may hold."""
    return " ".join(str(error).split())


def read_pickle(path: Path) -> pd.DataFrame:
    """The table in a pickled DataFrame; named levels of its index become columns, an unnamed index is left.

    Columns are numbers, text (of Python or of Arrow), categories (as their values), pandas' nullable numbers, naive times, and cells that
    hold arrays.

    Args:
        path: File as `DataFrame.to_pickle` writes it without compression, protocol 2 to 5.
    """
    try:
        with path.open("rb") as file:
            return _frame(_Unpickler(file).load())
    except Refused as error:
        raise ValueError(
            f"{path}: this pickle was refused: {_one_line(error)} If you trust the file, open it with pandas and save it with `to_parquet`."
        ) from error
    except DAMAGED as error:
        raise ValueError(
            f"{path}: {path.stat().st_size} bytes that are no pickled DataFrame ({type(error).__name__}: {_one_line(error)}). The file "
            "is cut short, compressed or of another format: copy it again, or save the table with `to_parquet`."
        ) from error


def _role(value: Any) -> str:
    """The part a record, or the bare name of one, plays; "" for anything else."""
    kind = value if isinstance(value, type) else type(value)
    return kind.role if issubclass(kind, Inert) else ""


def _frame(record: Any) -> pd.DataFrame:
    if _role(record) != "frame":
        raise Refused(f"it holds a {type(record).__name__}, not a DataFrame.")
    manager = record.state["_mgr"] if "_mgr" in record.state else record.state["_data"]
    labels, rows, blocks = _manager(manager)
    columns: dict[int, Any] = {}
    for values, placement in blocks:
        columns.update(zip(_places(placement), _rows(values), strict=True))
    names = [name for name, _ in labels]
    if len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
        raise Refused(f"its {len(names)} columns are not named by {len(names)} different strings, first {names[:3]}.")
    levels = {name: level for name, level in rows if isinstance(name, str) and name not in names}
    return pd.DataFrame({**levels, **{name: columns[place] for place, name in enumerate(names)}}, index=range(len(rows[0][1])), copy=False)


def _manager(record: Any) -> tuple[list[tuple[Any, Any]], list[tuple[Any, np.ndarray]], list[tuple[Any, Any]]]:
    """Column labels, levels of the index with their names, and blocks of values with their places."""
    if _role(record) != "manager":
        raise Refused(f"its values are kept by a {type(record).__name__}.")
    if record.state is None:  # so it is written since pandas 1.3
        blocks, axes = record.args[:2]
        found = [block.args[:2] for block in blocks]
    else:
        kept = record.state[3]["0.14.1"]
        axes, found = kept["axes"], [(block["values"], block["mgr_locs"]) for block in kept["blocks"]]
    columns, rows = (_levels(axis) for axis in axes)
    if len(columns) != 1:
        raise Refused(f"its columns have {len(columns)} levels; one is needed.")
    return [(label, None) for label in columns[0][1].tolist()], rows, found


def _places(placement: Any) -> range | list[int]:
    return range(*placement.args) if _role(placement) == "slice" else _array(placement).tolist()


def _levels(record: Any) -> list[tuple[Any, np.ndarray]]:
    """Name and values of each level of an index."""
    kind, given = record.args
    if _role(kind) == "range":
        return [(given["name"], np.arange(given["start"], given["stop"], given["step"]))]
    if _role(kind) != "multi":
        return [(given["name"], np.asarray(_line(given["data"])))]
    levels = [_levels(level)[0][1] for level in given["levels"]]
    return [(name, _chosen(level, _array(code))) for name, level, code in zip(given["names"], levels, given["codes"], strict=True)]


def _rows(values: Any) -> Iterator[Any]:
    """The columns of one block."""
    found = _line(values)
    yield from [found] if found.ndim == 1 else found


def _line(record: Any) -> Any:
    """The values of an array, of numpy or pandas."""
    role = _role(record)
    if role in {"array", "buffer"}:
        return _array(record)
    if role == "masked":
        return _nullable(_array(record.state["_data"]), _array(record.state["_mask"]))
    if role == "categorical":  # so it was written before pandas 1.3
        return _categories(record.state["_dtype"], record.state["_codes"])
    if role == "backed":
        kind, state = (record.args[0], record.state) if record.args else (type(record), (None, record.state["_ndarray"]))
        return _categories(*state[:2]) if _role(kind) == "categorical" else _array(state[1])
    if role == "arrow array":
        return _arrow(record.state["_pa_array"])
    raise Refused(f"a column is a {type(record).__name__}.")


def _categories(dtype: Any, codes: Any) -> np.ndarray:
    return _chosen(_levels(dtype.state["categories"])[0][1], _array(codes))


def _chosen(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Values by code; a code of -1 is missing."""
    if (codes >= 0).all():
        return values[codes]
    known = np.empty(len(values) + 1, dtype=object)  # the last value, None, is what a code of -1 finds
    known[:-1] = values
    return known[codes]


def _nullable(data: np.ndarray, mask: np.ndarray) -> Any:
    kinds = {"i": pd.arrays.IntegerArray, "u": pd.arrays.IntegerArray, "f": pd.arrays.FloatingArray, "b": pd.arrays.BooleanArray}
    return kinds[data.dtype.kind](data.copy(), mask.copy()) if mask.any() else data


def _arrow(record: Any) -> Any:
    """The values of an array of Arrow, in which pandas 3 keeps text, from its type, length and buffers."""
    if _role(record) != "arrow":
        raise Refused(f"an array of Arrow is a {type(record).__name__}.")
    ((kind, length, _, offset, buffers, *_),) = record.args
    if _role(kind) != "arrow type" or kind.args[0] not in LAYOUTS:
        raise Refused(f"a column of Arrow has the type {getattr(kind, 'args', kind)!r}.")
    values, missing = values_of(kind.args[0], length, offset, [None if buffer is None else _buffer(buffer) for buffer in buffers])
    return values if values.dtype == object else _nullable(values, missing)


def _buffer(record: Any) -> bytes | bytearray:
    if _role(record) != "arrow buffer":
        raise Refused(f"a buffer of Arrow is a {type(record).__name__}.")
    return _bytes(record.args[0])


def _array(record: Any) -> np.ndarray:
    """An array from its bytes, or from a list where it holds objects; never objects from bytes."""
    if _role(record) == "buffer":
        content, given, shape, order = record.args
    elif _role(record) == "array":
        _, shape, given, by_column, content = record.state
        order = "F" if by_column else "C"
    else:
        raise Refused(f"a {type(record).__name__} stands where an array belongs.")
    dtype = _dtype(given)
    if not dtype.hasobject:
        return np.ndarray(shape, dtype, _bytes(content), order=order)
    if not isinstance(content, list):
        raise Refused(f"an array of objects comes as {type(content).__name__}.")
    flat = np.empty(len(content), dtype=object)
    if set(map(type, content)) <= PLAIN_CELLS:
        flat[:] = content
    else:
        for place, cell in enumerate(content):
            flat[place] = _cell(cell)
    return flat.reshape(shape, order=order)


def _dtype(record: Any) -> np.dtype:
    """A plain dtype from its code and byte order; records with fields are refused."""
    if _role(record) != "dtype" or not PLAIN_DTYPE.fullmatch(str(record.args[0])) or record.state[2:5] != (None, None, None):
        raise Refused(f"an array has the dtype {getattr(record, 'args', record)!r}.")
    code, state = record.args[0], record.state
    if code[0] in "mM":
        unit, count = state[8][1][:2]
        code = f"{code}[{int(count)}{_bytes(unit).decode('ascii')}]"
    return np.dtype(code).newbyteorder(state[1])


def _bytes(content: Any) -> bytes | bytearray:
    """Bytes as they are, or as protocol 2 spells them: text of which each character is a byte."""
    if isinstance(content, bytes | bytearray):
        return content
    if _role(content) != "bytes":
        raise Refused(f"an array takes its bytes from a {type(content).__name__}.")
    if len(content.args) == 1:  # bytearray(b"...")
        return _bytes(content.args[0])
    text, encoding = content.args or ("", "latin1")
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"it encodes text as {encoding!r}.")
    return text.encode("latin1")


def _cell(value: Any) -> Any:
    """One cell of a column of objects: text, a number, an array, or a list or tuple of these; None where it is missing."""
    role = _role(value)
    if role == "missing":
        return None
    if role in {"array", "buffer"}:
        return _array(value)
    if role == "scalar":
        dtype, content = value.args
        return np.ndarray((), _number(dtype), _bytes(content))[()]
    if role == "bytes":
        return _bytes(value)
    if role:
        raise Refused(f"a cell holds a {value.__name__ if isinstance(value, type) else type(value).__name__}.")
    if isinstance(value, list | tuple):
        return type(value)(_cell(part) for part in value)
    return value


def _number(record: Any) -> np.dtype:
    dtype = _dtype(record)
    if dtype.hasobject:
        raise Refused("a single number has the dtype object.")
    return dtype
