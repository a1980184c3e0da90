"""Where the cells of a pair table lie, and whether that is enough to tell smooth space from a rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin import schema


@dataclass(frozen=True)
class Places:
    """Positions of cells.

    Attributes:
        nucleus_id: Nucleus ids, rising.
        position_um: Position of each cell along three axes, in um, all known.
    """

    nucleus_id: Int[np.ndarray, " cells"]
    position_um: Float[np.ndarray, "cells 3"]

    def of(self, ids: Int[np.ndarray, " ids"]) -> Float[np.ndarray, "ids 3"]:
        """Positions of some cells in um; NaN for a cell whose position is not known."""
        found = pd.Index(self.nucleus_id).get_indexer(ids)
        return np.where(found[:, None] >= 0, self.position_um[found], np.nan)

    def known(self, pairs: pd.DataFrame) -> Bool[np.ndarray, " pairs"]:
        """Whether the positions of both cells of each pair are known."""
        pre, post = (np.isin(pairs[name].to_numpy(np.int64), self.nucleus_id) for name in schema.PAIR_KEY)
        return pre & post


def places_of(neurons: pd.DataFrame | None) -> Places | None:
    """The positions that a neuron table has.

    Args:
        neurons: The neuron table: nucleus_id (unique) and x_um, depth_um, z_um; cells without a position are left out.

    Returns:
        The positions; None without a neuron table, without positions in it, or where all cells lie at one place, which tells nothing.
    """
    if neurons is None or not set(schema.POSITION) <= set(neurons.columns):
        return None
    known = neurons[np.isfinite(neurons[schema.POSITION].to_numpy(np.float64)).all(axis=1)].sort_values("nucleus_id")
    position = known[schema.POSITION].to_numpy(np.float64)
    if len(known) == 0 or not np.ptp(position, axis=0).any():
        return None
    return Places(known["nucleus_id"].to_numpy(np.int64), position)
