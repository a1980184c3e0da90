"""Distance beyond L_d as smooth terms: what two somata's places alone say of their synapses.

Connections fall with distance more than L_d does, function is smooth in space, so that similarity falls with distance too: unless distance
is held, that alone makes a rule. A straight line is not enough, and distance is not the same along all axes where function or axons are
elongated, so that natural splines of distance, of the offset along each axis and between
the axes are held.
Source of the basis: Harrell 2015, Regression Modeling Strategies, doi:10.1007/978-3-319-19425-7, section 2.4.5.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphtwin import schema
from graphtwin.wiring.spatial.places import Places

AXES = ("x", "depth", "z")  # names of the axes of a position
MOST_DETAIL = 3  # see `geometry_terms`
OF_DISTANCE, OF_AXIS = 3, 2  # columns of a spline; a choice: with fewer, an elongated axon's rule by distance is left (20 % of tables)
OUTER = 0.05  # share of pairs beyond the outer knots on either side
FLAT = 1e-9  # share of the range of a quantity below which it does not vary


def natural_spline(
    value: Float[np.ndarray, " rows"], n_columns: int, at: Float[np.ndarray, " places"] | None = None
) -> Float[np.ndarray, "places columns"]:
    """Basis of a cubic spline that is straight beyond its outer knots; the constant is left out.

    Args:
        value: The quantity, without NaN; its quantiles are the knots.
        n_columns: Number of columns, at least 1: the quantity itself, and one for each knot between the outer two.
        at: Where the columns are asked for, in the unit of the quantity; None at `value` itself.

    Returns:
        Columns with mean 0 and SD 1 over `value`; fewer where quantiles of the quantity coincide, none where it does not vary.
    """
    at = value if at is None else at
    if not np.ptp(value) > FLAT * max(1.0, float(np.abs(value).max())):
        return np.zeros((len(at), 0))
    mean, sd = value.mean(), value.std()
    unit = (value - mean) / sd
    knots = np.unique(np.quantile(unit, np.linspace(OUTER, 1 - OUTER, n_columns + 1)))
    basis = _columns(unit, knots, n_columns)
    wanted = basis if at is value else _columns((at - mean) / sd, knots, n_columns)
    found = ((column, of_value.mean(), of_value.std()) for column, of_value in zip(wanted, basis, strict=True))
    kept = [(column - centre) / scale for column, centre, scale in found if scale > FLAT]
    return np.stack(kept).T  # each column lies in one piece, for millions of rows


def _columns(unit: np.ndarray, knots: np.ndarray, n_columns: int) -> list[Float[np.ndarray, " rows"]]:
    """The quantity and its bends, as they are."""
    columns = [unit]
    if n_columns > 1 and len(knots) > 2:
        last, before = knots[-1], knots[-2]
        for knot in knots[:-2]:
            bend = (_cubed(unit - knot) - _cubed(unit - before) * (last - knot) / (last - before)) / (last - knots[0]) ** 2
            columns.append(bend + _cubed(unit - last) * (before - knot) / ((last - before) * (last - knots[0]) ** 2))
    return columns


def geometry_terms(pairs: pd.DataFrame, places: Places | None, detail: int = MOST_DETAIL, at: pd.DataFrame | None = None) -> pd.DataFrame:
    """Columns to hold beside a similarity.

    Args:
        pairs: The pairs that a model is fitted to, with positions known where `places` is given, else with distance_um or without; knots
            and scale of the columns are theirs.
        places: Positions of the cells, or None.
        detail: How much is held, for few synapses cannot tell all apart: 0 the distance; 1 the offset along each axis too; 2 and 3 also how
            far the offset lies along the diagonals of the axes, by one and by two columns, so that it does not matter how axes are turned.
        at: Pairs that the columns are asked for, with as much known of them; None for `pairs` themselves.

    Returns:
        A row a pair, in the order of the pairs: "distance, 1" and so on; no column where nothing is known of distance.
    """
    mine = _quantities(pairs, places, detail)
    asked = mine if at is None else _quantities(at, places, detail)
    splines = {name: natural_spline(value, n, asked[name][0]) for name, (value, n) in mine.items()}
    columns = {f"{name}, {k + 1}": spline[:, k] for name, spline in splines.items() for k in range(spline.shape[1])}
    return pd.DataFrame(columns, index=pairs.index if at is None else at.index)


def _quantities(pairs: pd.DataFrame, places: Places | None, detail: int) -> dict[str, tuple[np.ndarray, int]]:
    """What is held, each with its number of columns."""
    quantities: dict[str, tuple[np.ndarray, int]] = {}
    if places is not None:
        pre, post = (places.of(pairs[name].to_numpy(np.int64)) for name in schema.PAIR_KEY)
        offset = post - pre
        distance = np.linalg.norm(offset, axis=1)
        quantities["distance"] = (distance, OF_DISTANCE)
        if detail > 0:
            quantities |= {f"offset along {name}": (np.abs(offset[:, axis]), OF_AXIS) for axis, name in enumerate(AXES)}
        for a, b in combinations(range(len(AXES)), 2) if detail > 1 else ():
            oblique = np.divide(offset[:, a] * offset[:, b], distance, out=np.zeros(len(distance)), where=distance > 0)
            quantities[f"offset between {AXES[a]} and {AXES[b]}"] = (oblique, detail - 1)
    elif "distance_um" in pairs and bool(np.isfinite(pairs["distance_um"].to_numpy(np.float64)).all()):
        quantities["distance"] = (pairs["distance_um"].to_numpy(np.float64), OF_DISTANCE)
    return quantities


def _cubed(value: np.ndarray) -> np.ndarray:
    above = np.maximum(value, 0.0)
    return above * above * above  # a third power is no fast one
