"""Numbers that a formula names: columns, and expressions of the columns of a single row such as log(exposure) or I(x^2).

An expression may use operators, constants and the functions listed here, all of which give a row's value from that row alone. A mean, a
rank or a spline basis depends on the whole column: the same row would get another value in another table, and a prediction would be
silently wrong. Anything that isn't listed is refused by name.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from graphtwin.shapes import Float

BY_ARGUMENTS = {  # functions of numpy by the number of their arguments
    1: "abs arccos arcsin arctan cbrt ceil cos cosh exp expm1 floor log log10 log1p log2 sign sin sinh sqrt tan tanh",
    2: "arctan2 hypot maximum minimum power",
    3: "clip where",
}
ARGUMENTS = {"I": 1} | {name: n for n, names in BY_ARGUMENTS.items() for name in names.split()}
CONSTANTS = {"pi": np.pi, "e": np.e}  # as np.pi and np.e
OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.Invert: np.logical_not,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
QUOTED = re.compile(r"`([^`]+)`")  # a column whose name is no word


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of the table, which must exist and have no gaps."""
    if name not in frame:
        from graphtwin.config import nearest  # with pydantic behind it, which a fit does without

        close = nearest(name, [str(known) for known in frame.columns])
        hint = f"Did you mean {close!r}?" if close else f"It has {', '.join(map(str, frame.columns))}."
        raise ValueError(f"formula: the table has no column {name!r}. {hint}")
    gaps = int(frame[name].isna().sum())
    if gaps:
        raise ValueError(f"column {name}: {gaps} of {len(frame)} rows have no value. Drop these rows first, and say so.")
    return frame[name]


def numbers_of(frame: pd.DataFrame, name: str) -> Float[np.ndarray, " rows"]:
    """The numbers of a column; texts, times and objects are refused."""
    values = column(frame, name)
    if not (pd.api.types.is_numeric_dtype(values.dtype) and np.isrealobj(values.to_numpy())):
        raise ValueError(f"column {name}: its {len(values)} values are {kind_of(values)}, not numbers. {remedy_of(values)}")
    return values.to_numpy(np.float64)


def kind_of(values: pd.Series) -> str:
    """What a column holds, in words."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "dates"
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return "spans of time"
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "categories"
    kinds = sorted({type(value).__name__ for value in values.head(1000)}) if values.dtype == object else [str(values.dtype)]
    return "texts" if set(kinds) <= {"str", "string"} else f"of type {' and '.join(kinds)}"


def remedy_of(values: pd.Series) -> str:
    """How numbers are made of a column that holds something else."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        return "Make a number of them, such as days since the first."
    return "Make numbers of them, as with pandas.to_numeric."


def numeric(frame: pd.DataFrame, expression: str) -> Float[np.ndarray, " rows"]:
    """Values of a number that a formula names: a column, or an expression of columns such as log(exposure).

    Raises:
        ValueError: When a column is missing, has gaps or holds no numbers, when the expression uses what depends on other rows, or when it
            isn't finite everywhere.
    """
    values = (
        numbers_of(frame, expression) if re.fullmatch(r"[A-Za-z_]\w*", expression) or expression in frame else _computed(frame, expression)
    )
    endless = int(np.count_nonzero(~np.isfinite(values)))
    if endless:
        raise ValueError(
            f"formula: {expression} is not finite in {endless} of {len(values)} rows. Drop these rows, or change the expression."
        )
    return values


def _parsed(expression: str) -> tuple[ast.expr, dict[str, str]]:
    """The expression's tree, in which ^ is the power that it is in R, and the columns behind names that stand for quoted ones."""
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        return quoted.setdefault(match.group(1), f"_quoted_{len(quoted)}")

    text = QUOTED.sub(stand_in, expression).replace("^", "**")
    try:
        return ast.parse(text.strip(), mode="eval").body, {short: name for name, short in quoted.items()}
    except SyntaxError as failure:
        raise ValueError(f"formula: {expression} can't be read as an expression of columns ({failure.msg}).") from failure


def _computed(frame: pd.DataFrame, expression: str) -> np.ndarray:
    """Values of an expression of columns."""
    tree, quoted = _parsed(expression)
    with np.errstate(all="ignore"):
        try:
            values = np.asarray(_value(tree, frame, quoted, expression), dtype=np.float64)
        except TypeError as failure:
            raise ValueError(f"formula: {expression} can't be computed ({failure}).") from failure
    return np.broadcast_to(values, len(frame)).copy() if values.ndim == 0 else values


def _value(node: ast.expr, frame: pd.DataFrame, quoted: dict[str, str], expression: str) -> Any:
    """Value of a part of an expression: an array with one number a row, or a single number."""

    def of(part: ast.expr) -> Any:
        return _value(part, frame, quoted, expression)

    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Name(id=name):
            return numbers_of(frame, quoted.get(name, name))
        case ast.Attribute() if ast.unparse(node) in frame:
            return numbers_of(frame, ast.unparse(node))
        case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)](of(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](of(left), of(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            return OPERATORS[type(op)](of(left), of(right))
        case ast.Call(func=function, args=given, keywords=[]) if ARGUMENTS.get(name := _function(function)) == len(given):
            return of(given[0]) if name == "I" else getattr(np, name)(*map(of, given))
    part = ast.unparse(node)
    raise ValueError(
        f"formula: {expression} can't be computed ({part} is no number of a single row, as log(x), sqrt(x) or I(x^2) are; what depends on "
        "the whole column would give the same row another number in another table). Compute it first and name the new column."
    )


def _function(node: ast.expr) -> str:
    """Name of a function, without the np of numpy."""
    return ast.unparse(node).removeprefix("np.").removeprefix("numpy.")
