"""The exposure of pairs: how much an axon could have met a cell, which bounds who can connect before anything else is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int
from scipy import sparse

from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.schema import PAIR_KEY


@dataclass(frozen=True)
class PairExposure:
    """Exposures of one materialization, as rows of `NodeInputs`.

    Attributes:
        value: Exposure of each axon to each cell, in `unit`, neurons x neurons (CSR); absent where it is 0 or unknown.
        axons: Whether each neuron was measured as an axon. A pair of a measured axon and a measured cell without a value has exposure 0.
        cells: Whether each neuron was measured as a target.
        measure: Quantity that was measured, such as "contact area".
        unit: Unit of the exposure.
    """

    value: sparse.csr_array
    axons: Bool[np.ndarray, " neurons"]
    cells: Bool[np.ndarray, " neurons"]
    measure: str
    unit: str

    def of(self, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
        """Exposure of any pairs of rows; NaN where the axon or the cell was not measured."""
        keys, values = self._sorted
        wanted = pre.astype(np.int64) * len(self.axons) + post
        at = np.searchsorted(keys, wanted).clip(max=max(len(keys) - 1, 0))
        found = np.where(keys[at] == wanted, values[at], 0.0) if len(keys) else np.zeros(len(wanted))
        return np.where(self.axons[pre] & self.cells[post], found, np.nan)

    def terms(self, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Float32[np.ndarray, "pairs terms"]:
        """What models read of any pairs: log exposure over the typical one, whether it is above 0, whether it was measured."""
        found = self.of(pre, post)
        known = np.isfinite(found)
        found = np.where(known, found, 0.0)
        return np.stack([np.log1p(found / self.typical), found > 0, known], axis=1).astype(np.float32)

    def between(self, pre: Int[np.ndarray, " axons"], post: Int[np.ndarray, " cells"]) -> sparse.csr_array:
        """Exposure of every one of some axons to every one of some cells, axons x cells; absent where 0 or unknown."""
        return sparse.csr_array(self.value[pre][:, post])

    @property
    def typical(self) -> float:
        """Median of the exposures above 0: the scale on which models read them; 1 without any."""
        return float(np.median(self.value.data)) if self.value.nnz else 1.0

    @cached_property
    def _sorted(self) -> tuple[Int[np.ndarray, " values"], Float[np.ndarray, " values"]]:
        """Number of each pair with a value, rising, and the value."""
        value = self.value.tocoo()
        key = value.row.astype(np.int64) * len(self.axons) + value.col
        order = np.argsort(key)
        return key[order], value.data[order]


def within_reach(inputs: NodeInputs, reach_um: float) -> PairExposure:
    """An exposure of 1 between somata within reach, and of 0 beyond; unknown where a position is.

    Args:
        inputs: The neurons.
        reach_um: Distance of somata up to which an axon and a cell can meet, um.
    """
    from scipy.spatial import cKDTree

    placed = np.isfinite(inputs.position).all(axis=1)
    rows, n = np.flatnonzero(placed), len(placed)
    near = rows[cKDTree(inputs.position[placed]).query_pairs(reach_um, output_type="ndarray").reshape(-1, 2)]
    both = np.concatenate([near, near[:, ::-1]])
    value = sparse.csr_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(n, n))
    return PairExposure(value, placed, placed, f"somata within {reach_um:g} um", "1")


def pair_exposures(inputs: NodeInputs, table: pd.DataFrame) -> dict[int, PairExposure]:
    """The exposures of every materialization that has them, among the neurons of a study.

    Args:
        inputs: The neurons.
        table: Exposures of the cortex.
    """
    return {int(version): _of_one(inputs, rows) for version, rows in table.groupby("materialization", sort=True)}


def _of_one(inputs: NodeInputs, table: pd.DataFrame) -> PairExposure:
    """The exposures of one materialization."""
    ends = [inputs.rows(table[name].to_numpy(np.int64)) for name in PAIR_KEY]
    measured = np.zeros((2, len(inputs.nucleus_id)), dtype=bool)
    for side, rows in zip(measured, ends, strict=True):
        side[rows[rows >= 0]] = True
    exposure = table["exposure"].to_numpy(np.float64)
    there = (ends[0] >= 0) & (ends[1] >= 0) & (exposure > 0)
    value = sparse.csr_array((exposure[there], (ends[0][there], ends[1][there])), shape=(len(inputs.nucleus_id),) * 2)
    return PairExposure(value, measured[0], measured[1], str(table["measure"].iloc[0]), str(table["unit"].iloc[0]))
