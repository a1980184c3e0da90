"""How rough a function of the columns is, where the source says that they lie on a circle or on a line."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float


def axis_roughness(positions: Float[np.ndarray, " columns"], period: float | None = None) -> Float[np.ndarray, "columns columns"]:
    """Quadratic form of the squared second derivative along an axis, integrated; at even steps it charges an alternating function 1.

    Second derivatives are divided differences over neighbours, which need not be evenly spaced, in units of the mean step.

    Args:
        positions: Different places of the columns, in any order.
        period: Length of the circle on which they lie; None for a line, whose ends are free.
    """
    n = len(positions)
    form = np.zeros((n, n))
    order = np.argsort(positions if period is None else positions % period, kind="stable")
    places = positions[order] if period is None else (positions % period)[order]
    if n < 3:
        return form
    steps = np.diff(places) if period is None else np.diff(np.r_[places, places[0] + period])
    steps = steps / steps.mean()
    for middle in range(n) if period is not None else range(1, n - 1):
        before, after = steps[(middle - 1) % len(steps)], steps[middle % len(steps)]
        second = np.zeros(n)
        second[order[middle]] = -2.0 / (before * after)
        second[order[(middle - 1) % n]] += 2.0 / (before * (before + after))
        second[order[(middle + 1) % n]] += 2.0 / (after * (before + after))
        form += np.outer(second, second) * (before + after) / 2
    return form / 16.0  # an alternating function has second differences of 4


def roughness_of(columns: pd.DataFrame) -> Float[np.ndarray, "columns columns"]:
    """Roughness over all columns of function: that of each table along its own axis, 0 for columns on no axis.

    Args:
        columns: One row a column: table, position, period, axis.
    """
    form = np.zeros((len(columns), len(columns)))
    placed = columns.reset_index(drop=True)
    for _, group in placed[placed["axis"] != "free"].groupby("table"):
        rows = group.index.to_numpy()
        period = float(group["period"].iloc[0]) if group["axis"].iloc[0] == "circular" else None
        form[np.ix_(rows, rows)] = axis_roughness(group["position"].to_numpy(np.float64), period)
    return form
