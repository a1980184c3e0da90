"""The exposure of pairs: how much an axon could have met a cell, which bounds who can connect before anything else is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
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


def pair_exposure(inputs: NodeInputs, table: pd.DataFrame, materialization: int) -> PairExposure | None:
    """The exposures of one materialization among the neurons of a study; None where the table has none.

    Args:
        inputs: The neurons.
        table: Exposures of the cortex.
        materialization: Materialization whose exposures are wanted.
    """
    table = table[table["materialization"] == materialization]
    if table.empty:
        return None
    ends = [inputs.rows(table[name].to_numpy(np.int64)) for name in PAIR_KEY]
    measured = np.zeros((2, len(inputs.nucleus_id)), dtype=bool)
    for side, rows in zip(measured, ends, strict=True):
        side[rows[rows >= 0]] = True
    exposure = table["exposure"].to_numpy(np.float64)
    there = (ends[0] >= 0) & (ends[1] >= 0) & (exposure > 0)
    value = sparse.csr_array((exposure[there], (ends[0][there], ends[1][there])), shape=(len(inputs.nucleus_id),) * 2)
    return PairExposure(value, measured[0], measured[1], str(table["measure"].iloc[0]), str(table["unit"].iloc[0]))
