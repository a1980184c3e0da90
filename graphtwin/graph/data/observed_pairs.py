"""The connectivity task: which observed axon contacts which queried cell, learned from training axons only.

A pair is a negative only if its target was queried and its axon was observed, that is, has an output in that materialization: an axon
without any may have been lost at its first branch. Absence is never assumed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float32, Int, Shaped
from numba import njit
from scipy import sparse

from graphtwin.graph.data.cortical_graph import CorticalGraph
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.pair_exposure import PairExposure

# Widths (SD) of the Gaussian kernels of local connection rates; a choice.
BANDWIDTHS_UM = (25.0, 50.0, 100.0)
EXPOSURE_TERMS = 3  # number of columns of `PairSet.exposure_terms`
PRIOR_AXONS = 0.5  # weight of the overall rate in a local rate, as a number of axons


@dataclass(frozen=True)
class PairSet:
    """Observed axons x queried cells of one materialization, as rows of `NodeInputs`.

    Attributes:
        pre, post: Rows of the observed axons and of the queried cells, rising.
        size: Synapse size of each pair of an axon and a cell, in the unit of the synapse table; absent where not connected (CSR).
        exposed: Exposures of all pairs of neurons; None where the source has none.
    """

    materialization: int
    pre: Int[np.ndarray, " axons"]
    post: Int[np.ndarray, " cells"]
    size: sparse.csr_array
    exposed: PairExposure | None = None

    @cached_property
    def exposure(self) -> sparse.csr_array | None:
        """Exposure of each pair of an axon and a cell, aligned with `size`; absent where 0 or unknown (CSR). None without exposures."""
        return None if self.exposed is None else self.exposed.between(self.pre, self.post)

    def exposure_terms(self, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Float32[np.ndarray, "pairs terms"]:
        """What models read of the exposure of any pairs of rows, as `PairExposure.terms` returns it; 0 where the source has none."""
        return np.zeros((len(pre), EXPOSURE_TERMS), np.float32) if self.exposed is None else self.exposed.terms(pre, post)

    def of_axons(self, keep: Bool[np.ndarray, " axons"]) -> PairSet:
        """The pairs of some of the axons with all queried cells."""
        return replace(self, pre=self.pre[keep], size=self.size[np.flatnonzero(keep)])

    @property
    def prevalence(self) -> float:
        """Connected share of all pairs."""
        return float(self.size.nnz / max(np.prod(self.size.shape), 1))


def place_among(rows: Int[np.ndarray, " rows"], asked: Int[np.ndarray, " asked"]) -> Int[np.ndarray, " asked"]:
    """For each of `asked` its place in `rows` (rising), -1 where it is not there."""
    if not len(rows):
        return np.full(len(asked), -1)
    at = np.searchsorted(rows, asked).clip(max=len(rows) - 1)
    return np.where(rows[at] == asked, at, -1)


def pair_set(graph: CorticalGraph, materialization: int) -> PairSet:
    """The candidate pairs of one materialization: axons with an output onto a queried cell, by all queried cells.

    Args:
        graph: The cortical graph, with its synapses and queried cells.
        materialization: The materialization whose synapses are predicted.
    """
    queried = graph.queried_targets(materialization)
    post = np.flatnonzero(queried)
    row, column, size = graph.synapses_between(materialization, queried)
    pre = np.unique(row)
    at = np.searchsorted(pre, row), np.searchsorted(post, column)
    size = sparse.csr_array((size, at), shape=(len(pre), len(post)))
    return PairSet(materialization, pre, post, size, graph.exposures.get(materialization))


@dataclass(frozen=True)
class InputsFound:
    """What training synapses say of a target: the inputs found, and where their somata lie.

    Attributes:
        in_degree: Number of inputs of each queried cell from training axons.
        placed: Number of these inputs whose soma position is known.
        position_sum: Sum of the known positions of the inputs' somata, um.
        offset: Mean position of a target minus the mean of its inputs' somata, um.
    """

    in_degree: Float32[np.ndarray, " cells"]
    placed: Float32[np.ndarray, " cells"]
    position_sum: Float32[np.ndarray, "cells 3"]
    offset: Float32[np.ndarray, " 3"]


def inputs_found(inputs: NodeInputs, pairs: PairSet) -> InputsFound:
    """Numbers of inputs and the inputs' soma positions for the queried cells, from training axons alone."""
    connected = (pairs.size > 0).astype(np.float64)
    known = np.isfinite(inputs.position).all(1)
    position = np.where(known[:, None], inputs.position, 0.0)
    placed = connected.T @ known[pairs.pre].astype(np.float64)
    total = connected.T @ position[pairs.pre]
    both = known[pairs.post] & (placed > 0)
    offset = (position[pairs.post][both] - total[both] / placed[both, None]).mean(0) if both.any() else np.zeros(3)
    return InputsFound(*(np.asarray(v, np.float32) for v in (connected.sum(axis=0), placed, total, offset)))


def local_rates(inputs: NodeInputs, training: PairSet, axons: Int[np.ndarray, " axons"]) -> Float32[np.ndarray, "axons cells bandwidths"]:
    """Log of how often training axons from the same place contact each queried cell, against how often any axon contacts any cell.

    Messages along "near" edges and then along synapses: Gaussian weights over soma distance, an axon never counted for itself, and the
    overall rate as prior. An axon of unknown position may come from anywhere: see `popularity`.

    Args:
        inputs: Neurons of the graph model.
        training: Training pairs.
        axons: Rows of the axons asked for.
    """
    known = np.isfinite(inputs.position).all(1)
    sources, asked = np.flatnonzero(known[training.pre]), np.flatnonzero(known[axons])
    out = np.zeros((len(axons), len(training.post), len(BANDWIDTHS_UM)), np.float32)
    connected = training.size[sources]
    indptr, cells = connected.indptr.astype(np.int64), connected.indices.astype(np.int64)
    here, there = (inputs.position[rows].astype(np.float32) for rows in (axons[asked], training.pre[sources]))
    overall = np.float32(max(training.prevalence, 1e-9))
    bandwidths = np.array(BANDWIDTHS_UM, np.float32)
    _spread(out, asked, axons[asked], here, training.pre[sources], there, indptr, cells, bandwidths, overall, np.float32(PRIOR_AXONS))
    lost = np.flatnonzero(~known[axons])
    out[lost] = popularity(training, own_connections(training, axons[lost]))[:, :, None]
    return out


def own_connections(training: PairSet, axons: Int[np.ndarray, " axons"]) -> Bool[np.ndarray, "axons cells"]:
    """Which queried cells each axon contacts in the training pairs."""
    at = np.searchsorted(training.pre, axons).clip(max=len(training.pre) - 1)
    return np.asarray(training.size[at].toarray() > 0) & (training.pre[at] == axons)[:, None]


def popularity(training: PairSet, own: Shaped[np.ndarray, "... cells"]) -> Float32[np.ndarray, "... cells"]:
    """The local rate of an axon that may come from anywhere: every other training axon counts alike.

    Args:
        training: Training pairs.
        own: Whether (1 or 0) the axon itself contacts each cell in the training pairs, which does not count.
    """
    overall = max(training.prevalence, 1e-9)
    others = (training.size > 0).sum(axis=0) - own
    assert (others >= 0).all(), "an axon contacts a cell that no training axon contacts"
    found = others + PRIOR_AXONS * overall
    return np.log(found / ((len(training.pre) + PRIOR_AXONS) * overall) + 0.1).astype(np.float32)


@njit(cache=True, nogil=True)
@no_type_check
def _spread(out, asked, here_row, here, there_row, there, indptr, cells, bandwidths, overall, prior):
    """Fill the rows of `out` that are asked for; every axon looks at every other, within three bandwidths."""
    reach = (np.float32(3) * bandwidths.max()) ** 2
    for a in range(len(asked)):
        near = np.full(len(bandwidths), prior, np.float32)
        found = np.full((out.shape[1], len(bandwidths)), overall * prior, np.float32)
        for s in range(len(there)):
            square = (here[a, 0] - there[s, 0]) ** 2 + (here[a, 1] - there[s, 1]) ** 2 + (here[a, 2] - there[s, 2]) ** 2
            if square > reach or there_row[s] == here_row[a]:
                continue
            for b in range(len(bandwidths)):
                weight = np.exp(np.float32(-0.5) * square / bandwidths[b] ** 2)
                near[b] += weight
                for k in range(indptr[s], indptr[s + 1]):
                    found[cells[k], b] += weight
        for cell in range(out.shape[1]):  # an assignment of the whole block takes eight seconds more to compile
            for b in range(len(bandwidths)):
                out[asked[a], cell, b] = np.log(found[cell, b] / (near[b] * overall) + np.float32(0.1))
