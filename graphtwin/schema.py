"""Keys, columns and dtypes of the tables at the walls, and the errors a table meets that does not fit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pandera.pandas as pa

from graphtwin.config import nearest

UNIT_KEY = ["session", "scan_idx", "unit_id"]  # columns that name a unit, which is one mask of one scan
PAIR_KEY = ["pre_nucleus_id", "post_nucleus_id"]  # columns that name a pair, which is directed, from axon to target
ORIENTATION_KEY = ["nucleus_id", "orientation_index"]  # columns that name a response, which is of one cell to one orientation
POSITION = ["x_um", "depth_um", "z_um"]  # columns of a position in the pia frame: depth 0 is the pia
DIRECTION = r"^direction_\d{3}_\d$"  # columns such as direction_022_5: the mean response to a drift of 22.5 degrees
PROOFREADING = ["non", "clean", "extended"]  # status words in order of completeness, as CAVE names them
PROOFREAD = ("clean", "extended")  # status words of neurites that somebody corrected
CELL_CLASSES = ["excitatory", "inhibitory"]

_ID = pa.Column("int64", pa.Check.ge(0))
_UM = pa.Column("float64", pa.Check.in_range(-1e5, 1e5), nullable=True)
_LABEL = pa.Column(object, nullable=True)
_STATUS = pa.Column(object, pa.Check.isin(PROOFREADING), nullable=True)
_CLASS = pa.Column(object, pa.Check.isin(CELL_CLASSES), nullable=True)
_POSITIONS = dict.fromkeys(POSITION, _UM)
_UNIT = dict.fromkeys(UNIT_KEY, _ID)
_RATE = pa.Column("float64", pa.Check.in_range(0, 1e9), coerce=True)
_ORIENTATION = {**dict.fromkeys(ORIENTATION_KEY, _ID), "rate": _RATE, "rate_error": _RATE}


def _optional(column: pa.Column) -> pa.Column:
    """A column like this one that may be absent."""
    return pa.Column(column.dtype, column.checks, nullable=column.nullable, required=False)


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
        {"nucleus_id": _ID, "root_id": _ID, "cell_class": _CLASS, **{name: _optional(_UM) for name in POSITION}}, unique=["nucleus_id"]
    ),
    "somata": pa.DataFrameSchema(
        {"root_id": _ID, "layer": _LABEL, "cell_class": _optional(_CLASS), **{name: _optional(_UM) for name in POSITION}},
        unique=["root_id"],
    ),
    "nuclei": pa.DataFrameSchema(
        {
            "nucleus_id": _ID,
            "root_id": _ID,
            "layer": _optional(_LABEL),
            "cell_class": _optional(_CLASS),
            "axon_status": _optional(_STATUS),
            "dendrite_status": _optional(_STATUS),
            **{name: _optional(_UM) for name in POSITION},
        },
        unique=["nucleus_id"],
    ),
    "proofreading": pa.DataFrameSchema({"root_id": _ID, "axon_status": _STATUS, "dendrite_status": _STATUS}, unique=["root_id"]),
    "areas": pa.DataFrameSchema({**_UNIT, "brain_area": _LABEL}, unique=UNIT_KEY),
    "responses": pa.DataFrameSchema({**_UNIT, DIRECTION: pa.Column(float, coerce=True, regex=True, nullable=True)}, unique=UNIT_KEY),
    "orientation_responses": pa.DataFrameSchema(_ORIENTATION, unique=ORIENTATION_KEY),
    "synapses": pa.DataFrameSchema(
        {"pre_root_id": _ID, "post_root_id": _ID, "size": pa.Column(float, pa.Check.gt(0), coerce=True)},
        unique=["pre_root_id", "post_root_id"],
    ),
    "synapse_list": pa.DataFrameSchema(
        {"synapse_id": _ID, "pre_root_id": _ID, "post_root_id": _ID, "size": pa.Column(float, pa.Check.gt(0), coerce=True)},
        unique=["synapse_id"],
    ),
    "queried_post": pa.DataFrameSchema({"post_root_id": _ID}, unique=["post_root_id"]),
    "queried_pre": pa.DataFrameSchema({"pre_root_id": _ID}, unique=["pre_root_id"]),
}

# Tables that the cortex and the stages above it exchange, by name.
WALLS = {
    "neurons": pa.DataFrameSchema(
        {
            "nucleus_id": _ID,
            **_POSITIONS,
            "cell_class": _CLASS,
            "cell_type": _LABEL,
            "layer": _LABEL,
            "axon_status": _STATUS,
            "dendrite_status": _STATUS,
            "is_functional": pa.Column(bool),
        },
        unique=["nucleus_id"],
    ),
    "units": pa.DataFrameSchema(
        {**_UNIT, "nucleus_id": _ID, "brain_area": _LABEL, DIRECTION: pa.Column(float, regex=True)}, unique=UNIT_KEY
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
    missing = [name for name in names if name not in frame.columns]
    if not missing:
        return
    hints = [f"{name!r} (nearest here: {nearest(name, map(str, frame.columns))!r})" for name in missing]
    raise ValueError(
        f"{origin}: {len(missing)} columns are missing: {', '.join(hints)}. The table has {sorted(map(str, frame.columns))}. "
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


def require_int64(ids: np.ndarray, origin: str) -> np.ndarray:
    """Integer ids as int64, or an error that counts those of 2^63 and more, which unsigned formats allow.

    Args:
        ids: Ids of any integer dtype.
        origin: Name of file and column, for the error.
    """
    large = ids > np.iinfo(np.int64).max
    if large.any():
        raise ValueError(
            f"{origin}: {int(large.sum())} of {len(ids)} ids are 2^63 or more, first {ids[large][0]}, which int64 cannot hold. "
            "Give these smaller ids."
        )
    return ids.astype(np.int64)


def as_ids(column: pd.Series, origin: str) -> pd.Series:
    """An id column as int64, from any integer dtype or from decimal strings; a float is an error, never a rounding.

    Args:
        column: The ids as read from the file.
        origin: Name of file and column, for the error.
    """
    if pd.api.types.is_float_dtype(column):
        lossy, missing = int((column.abs() > 2**53).sum()), int(column.isna().sum())
        raise ValueError(
            f"{origin}: ids are stored as {column.dtype}, which keeps integers only up to 2^53: {lossy} of {len(column)} ids lie above it "
            f"and have lost their last digits ({missing} are missing). Export the column again as int64 or as strings: "
            "the digits cannot be recovered here."
        )
    if column.isna().any():
        raise ValueError(f"{origin}: {int(column.isna().sum())} of {len(column)} ids are missing. Drop these rows before the export.")
    if not pd.api.types.is_integer_dtype(column):
        digits = column.astype(str).str.strip()
        wrong = ~digits.str.fullmatch(r"\d{1,18}")
        if wrong.any():
            raise ValueError(
                f"{origin}: {int(wrong.sum())} of {len(column)} ids are not whole numbers, first {digits[wrong].head(3).tolist()}. "
                "Export them as int64 or as plain digits."
            )
        column = digits
    return column.astype("int64")


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
        first = cases.head(3)[["column", "check", "failure_case", "index"]].to_dict("records")
        raise ValueError(
            f"{origin}: {len(cases)} values do not fit the schema, first {first}. Correct them in the export: nothing is repaired silently."
        ) from error
