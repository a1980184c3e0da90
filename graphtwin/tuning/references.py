"""What simpler models say of a response that a neuron did not show: of a tuning curve over directions, and of columns of any kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from graphtwin.tuning.curves import fit_von_mises
from graphtwin.tuning.noise import own_scale

OWN_MEAN = "own_mean"
# Names of the simpler readings of a tuning curve in the tables.
OF_DIRECTIONS = ["von_mises", "raw", "raw_neighbours", "raw_opposite", OWN_MEAN]
# Names of the simpler models of columns of any kind; `interpolated` where columns lie on an axis.
OF_COLUMNS = ["interpolated", "neighbours", "svd", "neuron_and_column_mean", "column_mean", OWN_MEAN]
DONORS = 2000  # neurons, at most, among which the most alike are looked for
ALIKE = 10  # the most alike neurons whose mean predicts a neuron
FEWEST_SHARED = 3  # columns that two neurons must share to be compared
SVD_ROUNDS = 30  # times that what is hidden is filled in by the low-rank table


@dataclass(frozen=True)
class Hidden:
    """A table of responses of which each neuron lost a part.

    Attributes:
        responses: Responses, NaN where nothing was measured.
        seen: Whether an entry may be looked at.
        columns: One row a column: table, position, period, axis.
        rank: Rank of the low-rank table.
    """

    responses: Float[np.ndarray, "neurons columns"]
    seen: Bool[np.ndarray, "neurons columns"]
    columns: pd.DataFrame
    rank: int


def of_directions(hidden: Hidden) -> dict[str, Float[np.ndarray, "neurons columns"]]:
    """What simpler readings of the tuning curve say about a direction from the others.

    own_mean: mean of the directions seen. raw_neighbours: linear interpolation around the circle. raw_opposite: the response to
    the opposite direction (same orientation), the own mean where that is hidden too. raw: mean of the last two. von_mises: two
    peaks 180 degrees apart, by least squares.

    Args:
        hidden: Responses to evenly spaced directions; `position` of the columns is in degrees.
    """
    responses, seen, degrees = hidden.responses, hidden.seen, hidden.columns["position"].to_numpy(np.float64)
    mean = np.where(seen, responses, 0.0).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1)
    opposite = np.roll(np.where(seen, responses, np.nan), responses.shape[1] // 2, axis=1)
    found = {
        OWN_MEAN: np.broadcast_to(mean, responses.shape),
        "raw_neighbours": interpolate_circle(responses, seen),
        "raw_opposite": np.where(np.isnan(opposite), mean, opposite),
        "von_mises": fit_von_mises(responses, degrees, seen).response(degrees),
    }
    return found | {"raw": (found["raw_neighbours"] + found["raw_opposite"]) / 2}


def of_columns(hidden: Hidden) -> dict[str, Float[np.ndarray, "neurons columns"]]:
    """What simpler models say about columns of any kind from what was seen.

    own_mean: mean of the neuron. column_mean: mean of the column over neurons. neuron_and_column_mean: both, on each neuron's own scale.
    neighbours: mean of the 10 neurons whose seen responses correlate most, on the neuron's scale. svd: the table of low rank, filled in
    until it stands still. interpolated: between neighbours on the axis, where there is one; the own mean elsewhere.

    Args:
        hidden: Responses of any kind.
    """
    responses, seen = hidden.responses, hidden.seen
    centre, scale = own_scale(responses, seen, "gaussian")
    scaled = np.where(seen, (responses - centre[:, None]) / scale[:, None], 0.0)
    mean = scaled.sum(0) / np.maximum(seen.sum(0), 1)
    column = np.where(seen, responses, 0.0).sum(0) / np.maximum(seen.sum(0), 1)

    def own(values: np.ndarray) -> np.ndarray:
        return centre[:, None] + scale[:, None] * values

    found = {
        OWN_MEAN: np.broadcast_to(centre[:, None], responses.shape),
        "column_mean": np.broadcast_to(column, responses.shape),
        "neuron_and_column_mean": own(mean[None]),
        "neighbours": own(alike_mean(scaled, seen, mean)),
        "svd": own(low_rank(scaled, seen, mean, hidden.rank)),
    }
    if (hidden.columns["axis"] != "free").any():
        found["interpolated"] = interpolate_axes(np.where(seen, responses, np.nan), centre, hidden.columns)
    return found


def alike_mean(
    scaled: Float[np.ndarray, "neurons columns"], seen: Bool[np.ndarray, "neurons columns"], mean: Float[np.ndarray, " columns"]
) -> Float[np.ndarray, "neurons columns"]:
    """Mean over the most alike other neurons that show the column, with the column's mean as one more of them.

    Args:
        scaled: Responses on each neuron's own scale, 0 where not seen.
        seen: Whether an entry may be looked at.
        mean: Mean of each column.
    """
    donors = np.unique(np.linspace(0, len(scaled) - 1, min(DONORS, len(scaled))).astype(np.int64))
    z, w = scaled[donors], seen[donors].astype(float)
    out = np.empty(scaled.shape)
    for start in range(0, len(scaled), DONORS):
        rows = slice(start, start + DONORS)
        mine = seen[rows].astype(float)
        length = np.sqrt((scaled[rows] ** 2 @ w.T) * (mine @ (z**2).T))
        alike = np.where(mine @ w.T >= FEWEST_SHARED, (scaled[rows] @ z.T) / np.maximum(length, 1e-12), -np.inf)
        alike[np.arange(start, start + len(mine))[:, None] == donors] = -np.inf
        best = np.argsort(-alike, axis=1, kind="stable")[:, :ALIKE]
        for row, chosen in enumerate(best):
            kept = chosen[np.isfinite(alike[row, chosen])]
            out[start + row] = ((z[kept] * w[kept]).sum(0) + mean) / (w[kept].sum(0) + 1.0)
    return out


def low_rank(
    scaled: Float[np.ndarray, "neurons columns"],
    seen: Bool[np.ndarray, "neurons columns"],
    mean: Float[np.ndarray, " columns"],
    rank: int,
) -> Float[np.ndarray, "neurons columns"]:
    """Singular value decomposition with gaps: hidden entries are those of the low-rank table, again and again from the column means.

    Source: iterative imputation, Troyanskaya et al. 2001, doi:10.1093/bioinformatics/17.6.520, by one power iteration a round.

    Args:
        scaled: Responses on each neuron's own scale, 0 where not seen.
        seen: Whether an entry may be looked at.
        mean: Mean of each column.
        rank: Rank of the table.
    """
    filled = np.where(seen, scaled, mean)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(scaled.shape[1], rank)))[0]
    for _ in range(SVD_ROUNDS):
        column = filled.mean(0)
        centred = filled - column
        for _ in range(2):
            axes = np.linalg.qr(centred.T @ (centred @ axes))[0]
        table = column + (centred @ axes) @ axes.T
        filled = np.where(seen, scaled, table)
    return table


def interpolate_axes(
    known: Float[np.ndarray, "neurons columns"], centre: Float[np.ndarray, " neurons"], columns: pd.DataFrame
) -> Float[np.ndarray, "neurons columns"]:
    """Responses taken linearly between the nearest ones that are known on the axis of their table; the centre on no axis.

    Args:
        known: Responses, NaN where hidden.
        centre: Mean of each neuron.
        columns: One row a column: table, position, period, axis.
    """
    out = np.repeat(centre[:, None], known.shape[1], axis=1)
    placed = columns.reset_index(drop=True)
    for _, group in placed[placed["axis"] != "free"].groupby("table"):
        at, places = group.index.to_numpy(), group["position"].to_numpy(np.float64)
        period = float(group["period"].iloc[0]) if group["axis"].iloc[0] == "circular" else None
        for row, values in enumerate(known[:, at]):
            there = np.isfinite(values)
            if there.any():
                order = np.argsort(places[there])
                out[row, at] = np.interp(places, places[there][order], values[there][order], period=period)
    return out


def interpolate_circle(
    responses: Float[np.ndarray, "neurons directions"], seen: Bool[np.ndarray, "neurons directions"]
) -> Float[np.ndarray, "neurons directions"]:
    """Responses, those that aren't seen taken linearly between the nearest seen directions on both sides; the seen ones unchanged."""
    count = responses.shape[1]
    known = np.where(seen, responses, np.nan)
    left, right = known.copy(), known.copy()
    left_steps, right_steps = np.zeros(known.shape), np.zeros(known.shape)
    for _ in range(count - 1):
        for side, steps, shift in ((left, left_steps, 1), (right, right_steps, -1)):
            empty = np.isnan(side)
            moved = np.roll(side, shift, axis=1)
            moved_steps = np.roll(steps, shift, axis=1) + 1
            steps[empty], side[empty] = moved_steps[empty], moved[empty]
    span = np.maximum(left_steps + right_steps, 1.0)
    return np.where(seen, responses, (left * right_steps + right * left_steps) / span)
