"""Keys, columns and dtypes of the tables at the walls, and the errors a table meets that does not fit."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from decimal import Decimal

import numpy as np
import pandas as pd
import pandera.pandas as pa
from jaxtyping import Bool, Float, Int

from graphtwin.config import nearest_of

UNIT_KEY = ["session", "scan_idx", "unit_id"]  # columns that name a unit, which is one mask of one scan
PAIR_KEY = ["pre_nucleus_id", "post_nucleus_id"]  # columns that name a pair, which is directed, from axon to target
ORIENTATION_KEY = ["nucleus_id", "orientation_index"]  # columns that name a response, which is of one cell to one orientation
IMAGED_AT = ["x_um", "y_um", "z_um"]  # columns of the place of a unit in the coordinates of its recording, such as those of the motors
POSITION = ["x_um", "depth_um", "z_um"]  # columns of a position in the pia frame: depth 0 is the pia; a source may name its axes otherwise
DEPTH = "depth"  # name of the axis from the surface down; an axis of another name is none
AXES = ("x", DEPTH, "z")  # names of the axes of `POSITION` where a source gives no others
TWIN, TWIN_CORE = "twin", "twin_core"  # columns of the fingerprints of the twin that told a row, and of its core
CIRCUIT = "circuit"  # column of the fingerprints of the fits of a circuit that told a row
NEURON = "neuron"  # column of the name of a neuron, or of an output, where units are those of a circuit
DIRECTION = r"^direction_\d{3}_\d$"  # columns such as direction_022_5: the mean response to a drift of 22.5 degrees
GAP = "gap"  # kind of a row of synapses that is a gap junction, beside "chemical"
PROOFREADING = ["non", "clean", "extended"]  # status words in order of completeness, as CAVE names them
PROOFREAD = ("clean", "extended")  # status words of neurites that somebody corrected
SWAPPED = 0.5  # share of units, of the shorter table, found with session and scan_idx exchanged, from which on they are exchanged
LARGEST_ID = 2**63 - 1  # the largest int64
EXACT = 2**53  # largest number up to which a float64 holds every whole number
CHANCE_BITS = 14  # bits of coincidence from which on ids count as rounded: two root ids that are what a float holds, by chance 1 in 16,384
_TOO_LARGE = (
    "lie above 2^63 - 1",
    "Ids are kept as int64, which ends there, so that these cannot be told apart: number the objects anew, below it, in all tables.",
)

_ID = pa.Column("int64", pa.Check.ge(0))
_UM = pa.Column("float64", pa.Check.in_range(-1e5, 1e5), nullable=True)
_LABEL = pa.Column(object, nullable=True)
_STATUS = pa.Column(object, pa.Check.isin(PROOFREADING), nullable=True)
_POSITIONS = dict.fromkeys(POSITION, _UM)
_UNIT = dict.fromkeys(UNIT_KEY, _ID)
_RATE = pa.Column("float64", pa.Check.in_range(0, 1e9), coerce=True)
_KIND = pa.Column(object, pa.Check.isin(["chemical", GAP]))
_SIGN = pa.Column("float64", pa.Check.isin([-1, 0, 1]), nullable=True, coerce=True)
_PAIR = {"pre_root_id": _ID, "post_root_id": _ID, "size": pa.Column(float, pa.Check.gt(0), coerce=True)}
_ORIENTATION = {**dict.fromkeys(ORIENTATION_KEY, _ID), "rate": _RATE, "rate_error": _RATE}


def _optional(column: pa.Column) -> pa.Column:
    """A column like this one that may be absent."""
    return pa.Column(column.dtype, column.checks, nullable=column.nullable, coerce=column.coerce, required=False)


# Tables that a source hands over, by role. Positions are in the pia frame; a position column may be absent where the role allows it.
SOURCE = {
    "coregistration": pa.DataFrameSchema(
        {**_UNIT, "nucleus_id": _ID, "root_id": _ID, **{name: _optional(_UM) for name in POSITION}}, unique=UNIT_KEY
    ),
    "unit_roots": pa.DataFrameSchema({**_UNIT, "root_id": _ID, **{name: _optional(_UM) for name in POSITION}}, unique=UNIT_KEY),
    "cell_types_fine": pa.DataFrameSchema(
        {"nucleus_id": _ID, "root_id": _ID, "cell_type": _LABEL, **{name: _optional(_UM) for name in POSITION}}, unique=["nucleus_id"]
    ),
    "cell_types_coarse": pa.DataFrameSchema(
        {"nucleus_id": _ID, "root_id": _ID, "cell_class": _LABEL, **{name: _optional(_UM) for name in POSITION}}, unique=["nucleus_id"]
    ),
    "somata": pa.DataFrameSchema(
        {"root_id": _ID, "layer": _LABEL, "cell_class": _optional(_LABEL), **{name: _optional(_UM) for name in POSITION}},
        unique=["root_id"],
    ),
    "nuclei": pa.DataFrameSchema(
        {
            "nucleus_id": _ID,
            "root_id": _ID,
            "layer": _optional(_LABEL),
            "cell_class": _optional(_LABEL),
            "axon_status": _optional(_STATUS),
            "dendrite_status": _optional(_STATUS),
            **{name: _optional(_UM) for name in POSITION},
        },
        unique=["nucleus_id"],
    ),
    "proofreading": pa.DataFrameSchema({"root_id": _ID, "axon_status": _STATUS, "dendrite_status": _STATUS}, unique=["root_id"]),
    "areas": pa.DataFrameSchema({**_UNIT, "brain_area": _LABEL}, unique=UNIT_KEY),
    "responses": pa.DataFrameSchema({**_UNIT, DIRECTION: pa.Column(float, coerce=True, regex=True, nullable=True)}, unique=UNIT_KEY),
    "function": pa.DataFrameSchema({name: _optional(_ID) for name in (*UNIT_KEY, "nucleus_id")}),  # and a column a response
    "orientation_responses": pa.DataFrameSchema(_ORIENTATION, unique=ORIENTATION_KEY),
    "synapses": pa.DataFrameSchema({**_PAIR, "kind": _optional(_KIND), "sign": _optional(_SIGN)}, unique=["pre_root_id", "post_root_id"]),
    "gap_junctions": pa.DataFrameSchema(_PAIR, unique=["pre_root_id", "post_root_id"]),
    "responses_to_stimulation": pa.DataFrameSchema(
        {"pre_root_id": _ID, "post_root_id": _ID, "response": pa.Column("float64"), "responds": pa.Column(bool, required=False)},
        unique=["pre_root_id", "post_root_id"],
    ),
    "recruitment_order": pa.DataFrameSchema(
        {"root_id": _ID, "condition": pa.Column(object), "order": pa.Column("float64")}, unique=["root_id", "condition"]
    ),
    "circuit_cells": pa.DataFrameSchema(
        {
            "nucleus_id": _ID,
            "root_id": _ID,
            "cell_type": _optional(_LABEL),
            "transmitter": _optional(_LABEL),
            "sign": _optional(_SIGN),
            "sensory": pa.Column(bool, required=False),
            "motor": pa.Column(bool, required=False),
            **{name: _optional(_UM) for name in POSITION},
        },
        unique=["nucleus_id"],
    ),
    "synapse_list": pa.DataFrameSchema(
        {"synapse_id": _ID, "pre_root_id": _ID, "post_root_id": _ID, "size": pa.Column(float, pa.Check.gt(0), coerce=True)},
        unique=["synapse_id"],
    ),
    "queried_post": pa.DataFrameSchema({"post_root_id": _ID}, unique=["post_root_id"]),
    "queried_pre": pa.DataFrameSchema({"pre_root_id": _ID}, unique=["pre_root_id"]),
    "exposure": pa.DataFrameSchema(
        {
            **{name: _optional(_ID) for name in ("pre_root_id", "post_root_id", *PAIR_KEY)},
            "exposure": pa.Column("float64", pa.Check.ge(0)),
        }
    ),
}

# A table of synapses that says which rows are gap junctions: a pair may have both.
SYNAPSES_BY_KIND = pa.DataFrameSchema({**_PAIR, "kind": _KIND, "sign": _optional(_SIGN)}, unique=["pre_root_id", "post_root_id", "kind"])

# Tables that the cortex and the stages above it exchange, by name.
WALLS = {
    "neurons": pa.DataFrameSchema(
        {
            "nucleus_id": _ID,
            **_POSITIONS,
            "cell_class": _LABEL,
            "cell_type": _LABEL,
            "layer": _LABEL,
            "axon_status": _STATUS,
            "dendrite_status": _STATUS,
            "is_functional": pa.Column(bool),
            "name": pa.Column(object, required=False),
        },
        unique=["nucleus_id"],
    ),
    "units": pa.DataFrameSchema(
        {**_UNIT, "nucleus_id": _ID, "brain_area": _LABEL, DIRECTION: pa.Column(float, regex=True, nullable=True, required=False)},
        unique=UNIT_KEY,
    ),
    "function": pa.DataFrameSchema({**_UNIT, "nucleus_id": _ID}, unique=UNIT_KEY),  # and a column a response
    "function_columns": pa.DataFrameSchema(
        {
            "column": pa.Column(object),
            "table": pa.Column(object),
            "position": pa.Column("float64", nullable=True),
            "period": pa.Column("float64", nullable=True),
            "axis": pa.Column(object, pa.Check.isin(["free", "circular", "linear"])),
            "noise": pa.Column(object, pa.Check.isin(["", "gaussian", "gamma"])),
            "what": pa.Column(object),
        },
        unique=["column"],
    ),
    "orientations": pa.DataFrameSchema(_ORIENTATION, unique=ORIENTATION_KEY),
    "root_ids": pa.DataFrameSchema({"materialization": _ID, "root_id": _ID, "nucleus_id": _ID}, unique=["materialization", "root_id"]),
    "synapses": pa.DataFrameSchema(
        {
            "materialization": _ID,
            **dict.fromkeys(PAIR_KEY, _ID),
            "size": pa.Column("float64", pa.Check.gt(0)),
            "n_synapses": pa.Column("Int64", pa.Check.ge(1), nullable=True, required=False),
        },
        unique=["materialization", *PAIR_KEY],
    ),
    "queried": pa.DataFrameSchema(
        {"materialization": _ID, "nucleus_id": _ID, "side": pa.Column(object, pa.Check.isin(["pre", "post"]))},
        unique=["materialization", "nucleus_id", "side"],
    ),
    "exposure": pa.DataFrameSchema(
        {
            "materialization": _ID,
            **dict.fromkeys(PAIR_KEY, _ID),
            "exposure": pa.Column("float64", pa.Check.ge(0)),
            "measure": pa.Column("category"),
            "unit": pa.Column("category"),
        },
        unique=["materialization", *PAIR_KEY],
    ),
    "ceiling": pa.DataFrameSchema(
        {"animal": pa.Column(object), **dict.fromkeys(PAIR_KEY, _ID), "size": pa.Column("float64", pa.Check.gt(0))},
        unique=["animal", *PAIR_KEY],
    ),
    "axes": pa.DataFrameSchema({"axis": pa.Column(object)}, unique=["axis"]),
    "embeddings": pa.DataFrameSchema(
        {
            **_UNIT,
            "nucleus_id": _ID,
            r"^embedding_\d+$": pa.Column("float32", regex=True),
            "reliability": pa.Column(float, pa.Check.in_range(0, 1), nullable=True, coerce=True),
        },
        unique=UNIT_KEY,
    ),
}


def require_columns(frame: pd.DataFrame, names: Iterable[str], origin: str) -> None:
    """Raise when a column is missing, naming the nearest one that is there."""
    names = list(names)
    missing = [name for name in names if name not in frame.columns]
    if not missing:
        return
    another = "It has none that is needed: was another table meant? " if len(missing) == len(names) > 1 else ""
    hints = [f"{name!r}{nearest_of(name, map(str, frame.columns), ' (nearest here: {})')}" for name in missing]
    raise ValueError(
        f"{origin}: {len(missing)} columns are missing: {', '.join(hints)}. The table has {sorted(map(str, frame.columns))}. {another}"
        "Rename the column in the file; a table that a TOML names may keep its name and say it there under `columns`."
    )


def require_unique(frame: pd.DataFrame, key: list[str], origin: str) -> None:
    """Raise when rows repeat a key, with their number and the first keys."""
    repeated = frame.duplicated(key)
    if repeated.any():
        first = frame.loc[repeated, key].head(3).to_dict("records")
        raise ValueError(
            f"{origin}: {int(repeated.sum())} of {len(frame)} rows repeat the key {key}, first {first}. "
            "Sum or drop them before the join, which needs one row a key."
        )


def as_numbers(column: pd.Series, origin: str) -> pd.Series:
    """A column of numbers as float64, NaN where it is empty; text in it is an error.

    Args:
        column: The values as read from the file.
        origin: Name of file and column, for the error.
    """
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    words = (numbers.isna() & column.notna()).to_numpy()
    if words.any():
        row = int(np.flatnonzero(words)[0])
        raise ValueError(
            f"{origin}: {int(words.sum())} of {len(column)} values are no numbers, first {str(column.iloc[row])[:60]!r} in row {row + 1}. "
            "Write numbers, and leave the cell empty where one is unknown."
        )
    return numbers


def require_unit_order(frame: pd.DataFrame, known: pd.DataFrame, origin: str, of_known: str) -> None:
    """Raise when units are found in another table only where session and scan_idx change places.

    Args:
        frame: A table with session, scan_idx and unit_id.
        known: The table to find its units in, with the same columns.
        origin: Name of the first table, for the error.
        of_known: Name of the second.
    """
    others = pd.MultiIndex.from_frame(known[UNIT_KEY])
    as_is, swapped = (
        int(pd.MultiIndex.from_frame(frame[names]).isin(others).sum()) for names in (UNIT_KEY, ["scan_idx", "session", "unit_id"])
    )
    if swapped > 2 * as_is and swapped >= SWAPPED * min(len(frame), len(known)):
        raise ValueError(
            f"{origin}: {as_is} of {len(frame)} units are in {of_known}, and {swapped} when session and scan_idx change places. "
            "Name the two columns the other way round in one of the tables."
        )


def as_ids(column: pd.Series, origin: str) -> pd.Series:
    """An id column as int64: from integers of any size, from digits in text or decimals, and from floats too small to have lost a digit.

    Args:
        column: The ids as read from the file.
        origin: Name of file and column, for the error.

    Raises:
        ValueError: Ids are missing, negative, no whole numbers, above 2^63 - 1, or rounded by a float or a spreadsheet.
    """
    _refuse_ids(column.isna().to_numpy() | _is_blank(column), column, "are missing", "Leave these rows out of the export.", origin)
    if pd.api.types.is_float_dtype(column):
        column = _from_floats(column, origin)
    elif not pd.api.types.is_integer_dtype(column):
        column = _from_text(column, origin)
    elif pd.api.types.is_unsigned_integer_dtype(column):
        _refuse_ids((column > LARGEST_ID).to_numpy(), column, *_TOO_LARGE, origin)
    ids = column.astype("int64")
    hint = "Ids are counted from 0; a negative one often marks a row whose id is unknown: leave these rows out."
    _refuse_ids((ids < 0).to_numpy(), ids, "are negative", hint, origin)
    _refuse_rounded(ids.to_numpy(), origin)
    return ids


def _refuse_ids(wrong: np.ndarray, column: pd.Series, what: str, remedy: str, origin: str) -> None:
    """Raise when ids are wrong, with their number, the first of them and its row."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        value = column.iloc[row]
        shown = "" if pd.isna(value) or not str(value).strip() else f"{value!s} "
        raise ValueError(f"{origin}: {int(wrong.sum())} of {len(column)} ids {what}, first {shown}in row {row + 1}. {remedy}")


def _is_blank(column: pd.Series) -> np.ndarray:
    """Whether a cell is text without a sign in it."""
    if column.dtype != object and not pd.api.types.is_string_dtype(column):
        return np.zeros(len(column), dtype=bool)
    return column.map(lambda value: isinstance(value, str) and not value.strip()).to_numpy(dtype=bool)


def _from_floats(column: pd.Series, origin: str) -> pd.Series:
    """Floats as int64 where each is a whole number below what its type can count to."""
    values = column.to_numpy(getattr(column.dtype, "numpy_dtype", column.dtype))
    whole = 2.0 ** (np.finfo(values.dtype).nmant + 1)
    lossy = np.abs(values) > whole
    if lossy.any():
        first = values[lossy][0]
        raise ValueError(
            f"{origin}: ids are floats ({values.dtype}, first {first!s}), which hold whole numbers only up to {whole:.0f}: "
            f"{int(lossy.sum())} of {len(column)} ids lie above it and have lost their last digits. Export the column again as int64 or as "
            "plain digits in text: what is lost cannot be recovered here."
        )
    _refuse_ids(values != np.round(values), column, "are no whole numbers", "Export them as int64 or as plain digits.", origin)
    return column


def _from_text(column: pd.Series, origin: str) -> pd.Series:
    """Digits in text, decimals or integers of any size as int64."""
    digits = column.map(lambda value: format(value, "f") if isinstance(value, Decimal) else str(value)).str.strip()
    digits = digits.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    wrong = ~digits.str.fullmatch(r"-?\d+")
    if wrong.any():
        rounded = digits[wrong].str.fullmatch(r"-?\d+([.,]\d+)?[eE]\+?\d+").all()
        why = (
            "They were rounded by a spreadsheet or through floats, and their last digits are lost: export them again as int64 or as text."
            if rounded
            else "Export them as int64 or as plain digits, without signs between them."
        )
        raise ValueError(
            f"{origin}: {int(wrong.sum())} of {len(column)} ids are not whole numbers, first {digits[wrong].head(3).tolist()}. {why}"
        )
    numbers = digits.map(_number)
    _refuse_ids((numbers > LARGEST_ID).to_numpy(dtype=bool), column, *_TOO_LARGE, origin)
    return numbers


def _number(digits: str) -> int:
    """The number that digits write; -1 for every one below 0 and 2^63 for every one of more digits than an int64 has."""
    if digits.startswith("-"):
        return -1 if digits.strip("-0") else 0
    return int(digits) if len(digits.lstrip("0")) <= len(str(LARGEST_ID)) else LARGEST_ID + 1


def _refuse_rounded(ids: Int[np.ndarray, " rows"], origin: str) -> None:
    """Raise when all large ids are whole multiples of what a float or a spreadsheet rounds to, and chance would hardly make them so."""
    big = ids > EXACT
    if not big.any() or not (_is_rounded(ids[big][:64]).any(axis=0)).any():
        return
    different = np.unique(ids[big])
    names = ("a float", "a spreadsheet")
    for rounded, of_one, name in reversed(list(zip(_is_rounded(different).T, _bits(different).T, names, strict=True))):  # the coarser first
        if rounded.all() and of_one.sum() >= CHANCE_BITS:
            shared = int(np.gcd.reduce(different))
            raise ValueError(
                f"{origin}: all {len(different)} different ids above 2^53 are what {name} rounds whole numbers to (multiples of {shared}, "
                f"first {different[0]}): their last digits are lost. Export the column again from the source as int64 or as text."
            )


def _is_rounded(ids: Int[np.ndarray, " rows"]) -> Bool[np.ndarray, "rows 2"]:
    """Whether ids above 2^53 are numbers that a float64, and a spreadsheet's 15 digits, can write."""
    return ids[:, None] % _steps(ids) == 0


def _bits(ids: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows 2"]:
    """How improbable it is, in bits, that an id of this size is such a number by chance."""
    return np.log2(_steps(ids))


def _steps(ids: Int[np.ndarray, " rows"]) -> Int[np.ndarray, "rows 2"]:
    """The distance between numbers that a float64 and a spreadsheet can write, near ids above 2^53."""
    of_floats = np.spacing(ids.astype(np.float64)).astype(np.int64)
    digits = np.floor(np.log10(ids.astype(np.float64))).astype(np.int64) + 1
    return np.stack([of_floats, 10 ** (digits - 15)], axis=1)


def required(schema: pa.DataFrameSchema) -> list[str]:
    """The columns a table must have."""
    return [name for name, column in schema.columns.items() if column.required and not column.regex]


def check(frame: pd.DataFrame, schema: pa.DataFrameSchema, origin: str) -> pd.DataFrame:
    """The frame, checked for columns, keys, dtypes and ranges; the error counts what is wrong and shows the first rows.

    Args:
        frame: A table with house column names.
        schema: Schema of the table, one of `SOURCE` or `WALLS`.
        origin: Name of file or stage, for the error.
    """
    require_columns(frame, required(schema), origin)
    if schema.unique:
        require_unique(frame, list(schema.unique), origin)
    try:
        return schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        first = "; ".join(_case(case) for case in cases.head(3).to_dict("records"))
        raise ValueError(
            f"{origin}: {len(cases)} values do not fit the schema, first {first}. Correct them in the export: nothing is repaired silently."
        ) from error


# How rules of pandera begin, and what they ask for, in words.
RULES = {
    "greater_than_or_equal_to(": "at least ",
    "greater_than(": "above ",
    "less_than_or_equal_to(": "at most ",
    "less_than(": "below ",
    "isin(": "one of ",
    "dtype(": "of type ",
}


def _case(case: Mapping[Hashable, object]) -> str:
    """A value that breaks a rule, in words."""
    rule = str(case["check"])
    wanted = next((f"must be {words}{rule[len(begin) : -1]}" for begin, words in RULES.items() if rule.startswith(begin)), rule)
    row = "" if pd.isna(case["index"]) else f" in row {case['index']}"
    return f"{case['column']}{row} is {case['failure_case']}, {'must be known' if rule == 'not_nullable' else wanted}"
