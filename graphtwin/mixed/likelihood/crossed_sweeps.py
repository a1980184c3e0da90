"""Passes over the rows of a model with crossed groupings.

Next to its inner group a row belongs to one slot for every random effect of the other groupings: a place among all their coefficients.
What multiplies that coefficient is the row's load: as it stands in the formula, or times the root.
"""

from __future__ import annotations

import numpy as np

from graphtwin.mixed.design import Design
from graphtwin.shapes import Float, Int

Slots = Int[np.ndarray, "slots rows"]
Loads = Float[np.ndarray, "slots rows"]
Amount = Float[np.ndarray, " rows"]


def row_loads(design: Design, weight: Float[np.ndarray, "patterns features effects"]) -> Float[np.ndarray, "effects rows"]:
    """What multiplies each random effect in every row."""
    out, counts = np.zeros((weight.shape[2], len(design.y))), np.diff(design.cell_start)
    for a in range(weight.shape[2]):
        for k in np.flatnonzero(weight[:, :, a].any(axis=0)):
            part = np.repeat(weight[design.cell_pattern, k, a], counts)
            out[a] += part if k == 0 else part * design.values[k - 1]
    return out


def add_crossed(slots: Slots, load: Loads, effect: Float[np.ndarray, " crossed"], out: Amount) -> None:
    """Add load x effect of every slot to the log means."""
    for place, times in zip(slots, load, strict=True):
        out += times * effect[place]


def add_slot_sums(slots: Slots, load: Loads, amount: Amount, out: Float[np.ndarray, " crossed"]) -> None:
    """Add amount x load to every slot."""
    for place, times in zip(slots, load, strict=True):
        out += np.bincount(place, weights=amount * times, minlength=len(out))


def add_slot_features(
    slots: Slots,
    load: Loads,
    pattern: Int[np.ndarray, " rows"],
    values: Float[np.ndarray, "varying rows"],
    amount: Amount,
    out: Float[np.ndarray, "crossed patterns features"],
) -> None:
    """Add amount x load x feature to every slot, apart for each pattern."""
    n_crossed, n_patterns, n_features = out.shape
    for place, times in zip(slots, load, strict=True):
        at, part = place * n_patterns + pattern, amount * times
        for k in range(n_features):
            here = np.bincount(at, weights=part if k == 0 else part * values[k - 1], minlength=n_crossed * n_patterns)
            out[:, :, k] += here.reshape(n_crossed, n_patterns)


def add_square(slots: Slots, load: Loads, amount: Amount, square: Float[np.ndarray, "crossed crossed"]) -> None:
    """Add amount x load x load of every two slots to the lower triangle of a matrix in C order."""
    n_crossed, flat = len(square), square.reshape(-1)
    for s, (place, times) in enumerate(zip(slots, load, strict=True)):
        flat[:: n_crossed + 1] += np.bincount(place, weights=amount * times**2, minlength=n_crossed)
        for other, others in zip(slots[:s], load[:s], strict=True):
            np.add.at(flat, np.maximum(place, other) * n_crossed + np.minimum(place, other), amount * times * others)
