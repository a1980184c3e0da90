"""Perfect separation: a combination of columns along which all rows with a response stay and rates of others only fall.

Along it the likelihood rises without end, so that the estimate would be infinite. Source: Albert and Anderson 1984,
doi:10.1093/biomet/71.1.1; for Poisson models Correia, Guimaraes and Zylkin 2019, arXiv:1903.01633.
"""

from __future__ import annotations

import numpy as np

from graphtwin.mixed.design.design import Design
from graphtwin.mixed.design.moments import column_products, feature_moments
from graphtwin.mixed.design.sweeps import row_values
from graphtwin.shapes import Float

STILL = 1e-10  # mean square of a direction over the rows with a response below which it leaves them as they are
MOVED = 1e-6  # share of the largest movement below which a row doesn't move
NAMED = 0.05  # share of the largest movement by a number from which the number is named
LISTED = 5  # most levels that are listed


def separated_direction(design: Design) -> Float[np.ndarray, " fixed"] | None:
    """Fixed effects along which the likelihood of a log link rises without end, or None.

    Args:
        design: Design whose columns have mean square 1, without absorbed intercepts.
    """
    silent = design.y == 0
    if not silent.any():
        return None
    square, vectors = np.linalg.eigh(column_products(design, design.fixed.weight, rows=~silent) / len(design.y))
    still = vectors[:, square < STILL]
    if not still.shape[1]:
        return None
    moves = np.array([row_values(design, design.fixed.weight @ direction)[silent] for direction in still.T])
    weights = _falling(moves)
    return None if weights is None else still @ weights


def _falling(moves: Float[np.ndarray, "directions rows"]) -> np.ndarray | None:
    """Combination of directions by which no row rises and some fall, or None."""
    tiny = MOVED * np.abs(moves).max()
    if len(moves) == 1:
        if moves.max() <= tiny:
            return np.ones(1)
        return -np.ones(1) if moves.min() >= -tiny else None
    from scipy.optimize import linprog

    rows = np.unique(np.round(moves.T / tiny) * tiny, axis=0)
    found = linprog(rows.sum(axis=0), A_ub=rows, b_ub=np.full(len(rows), tiny), bounds=(-1.0, 1.0))
    return found.x if found.success and (rows @ found.x).min() < -np.sqrt(MOVED) * np.abs(moves).max() else None


def described(design: Design, direction: Float[np.ndarray, " fixed"], least: float = MOVED) -> str:
    """The numbers that a direction of the fixed effects is about, and the categories in which it moves, such as "x in kind b".

    Args:
        design: The design.
        direction: Weights of the fixed effects.
        least: Share of the largest movement, root mean square over a category's rows, below which a category doesn't move. Where it is more
            than rounding, movements are counted from the category that varies least, since a search may add any constant.
    """
    sums, products = feature_moments(design)
    n_patterns, shape = len(design.patterns), sums.shape[1]
    mean, square = np.zeros((n_patterns, shape)), np.zeros((n_patterns, shape, shape))
    np.add.at(mean, design.cell_pattern, sums)
    np.add.at(square, design.cell_pattern, products)
    n_rows = mean[:, 0]
    mean, square = mean / n_rows[:, None], square / n_rows[:, None, None]
    slope = design.fixed.weight @ direction
    if least > MOVED:
        within = np.einsum("qk,qkl,ql->q", slope, square - mean[:, :, None] * mean[:, None, :], slope)
        calmest = np.argmin(within)
        slope[:, 0] -= mean[calmest] @ slope[calmest]
    size = np.sqrt(np.maximum(np.einsum("qk,qkl,ql->q", slope, square, slope), 0.0))
    moved = size > least * size.max()
    by_feature = np.abs(slope) * np.sqrt(np.maximum(np.einsum("qkk->qk", square) - mean**2, 0.0))
    named = np.flatnonzero((by_feature[moved] > NAMED * size.max()).any(axis=0))
    numbers = ", ".join(":".join(design.features[k]) for k in named if k > 0)
    where = _levels(design, moved)
    return f"{numbers} in {where}" if numbers and where else numbers or where or "the intercept"


def _levels(design: Design, moved: np.ndarray) -> str:
    """Levels of the categories in which rows move; empty where they move in all."""
    parts = []
    for name in design.patterns:
        here, everywhere = design.patterns[name][moved].unique(), design.patterns[name].unique()
        if len(here) < len(everywhere):
            more = f" and {len(here) - LISTED} more" if len(here) > LISTED else ""
            parts.append(f"{name} {' and '.join(map(str, here[:LISTED]))}{more}")
    return ", ".join(parts)
