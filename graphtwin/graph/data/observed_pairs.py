"""The connectivity task: which observed axon contacts which queried cell, learned from training axons only.

A pair is a negative only if its target was queried and its axon was observed, that is, has an output in that materialization: an axon
without any may have been lost at its first branch. Absence is never assumed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float32, Int
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
    """What training synapses say of a target to the axons of each fold: the inputs that other axons give it, and where their somata lie.

    With the axon's own connection among them a cell of few inputs would tell its training connections; without it alone, a cell that is
    known by its place would, by having one input less. The last row is of all training axons, for axons of no fold.

    Attributes:
        in_degree: Inputs of each queried cell from axons outside the fold, in proportion to all training axons.
        placed: Number of these inputs whose soma position is known.
        position_sum: Sum of the known positions of the inputs' somata, um.
        offset: Mean position of a target minus the mean of its inputs' somata, of all training axons, um.
    """

    in_degree: Float32[np.ndarray, "folds cells"]
    placed: Float32[np.ndarray, "folds cells"]
    position_sum: Float32[np.ndarray, "folds cells 3"]
    offset: Float32[np.ndarray, " 3"]


def inputs_found(inputs: NodeInputs, pairs: PairSet, fold: Int[np.ndarray, " axons"], n_folds: int) -> InputsFound:
    """Numbers of inputs and the inputs' soma positions for the queried cells, from training axons alone.

    Args:
        inputs: Neurons of the graph model.
        pairs: Training pairs.
        fold: Fold of each axon of `pairs`, from 0 to n_folds - 1; the axons of a fold are not heard by each other.
        n_folds: Number of folds.
    """
    linked = pairs.size.tocoo()
    row, column = linked.row[linked.data > 0], linked.col[linked.data > 0]
    known = np.isfinite(inputs.position).all(1)
    position = np.where(known[:, None], inputs.position, 0.0)
    of_axon = np.column_stack([np.ones(len(pairs.pre)), known[pairs.pre], position[pairs.pre]])
    of_fold = np.zeros((n_folds + 1, len(pairs.post), 5))  # the last row is empty: nobody is left out
    np.add.at(of_fold, (fold[row], column), of_axon[row])
    total = of_fold.sum(axis=0)
    heard = total - of_fold
    speakers = len(fold) - np.bincount(fold, minlength=n_folds + 1)
    both = known[pairs.post] & (total[:, 1] > 0)
    offset = (position[pairs.post][both] - total[both, 2:] / total[both, 1:2]).mean(0) if both.any() else np.zeros(3)
    in_degree = heard[:, :, 0] * (len(fold) / np.maximum(speakers, 1))[:, None]
    return InputsFound(*(np.asarray(v, np.float32) for v in (in_degree, heard[:, :, 1], heard[:, :, 2:], offset)))


def local_rates(inputs: NodeInputs, training: PairSet, axons: Int[np.ndarray, " axons"]) -> Float32[np.ndarray, "axons cells bandwidths"]:
    """Log of how often training axons from the same place contact each queried cell, against how often any axon contacts any cell.

    Messages along "near" edges and then along synapses: Gaussian weights over soma distance, and the overall rate as prior. An axon of
    unknown position may come from anywhere: see `popularity`.

    Args:
        inputs: Neurons of the graph model.
        training: Pairs of the axons that are heard.
        axons: Rows of the axons asked for, none of which is heard.
    """
    known = np.isfinite(inputs.position).all(1)
    sources, asked = np.flatnonzero(known[training.pre]), np.flatnonzero(known[axons])
    out = np.zeros((len(axons), len(training.post), len(BANDWIDTHS_UM)), np.float32)
    connected = training.size[sources]
    indptr, cells = connected.indptr.astype(np.int64), connected.indices.astype(np.int64)
    here, there = (inputs.position[rows].astype(np.float32) for rows in (axons[asked], training.pre[sources]))
    overall = np.float32(max(training.prevalence, 1e-9))
    bandwidths = np.array(BANDWIDTHS_UM, np.float32)
    _spread(out, asked, here, there, indptr, cells, bandwidths, overall, np.float32(PRIOR_AXONS))
    out[~known[axons]] = popularity(training)[:, None]
    return out


def popularity(training: PairSet) -> Float32[np.ndarray, " cells"]:
    """The local rate of an axon that may come from anywhere and is none of the training axons: each of these counts alike."""
    overall = max(training.prevalence, 1e-9)
    found = (training.size > 0).sum(axis=0) + PRIOR_AXONS * overall
    return np.log(found / ((len(training.pre) + PRIOR_AXONS) * overall) + 0.1).astype(np.float32)


@njit(cache=True, nogil=True)
@no_type_check
def _spread(out, asked, here, there, indptr, cells, bandwidths, overall, prior):
    """Fill the rows of `out` that are asked for; every axon looks at every other, within three bandwidths."""
    reach = (np.float32(3) * bandwidths.max()) ** 2
    for a in range(len(asked)):
        near = np.full(len(bandwidths), prior, np.float32)
        found = np.full((out.shape[1], len(bandwidths)), overall * prior, np.float32)
        for s in range(len(there)):
            square = (here[a, 0] - there[s, 0]) ** 2 + (here[a, 1] - there[s, 1]) ** 2 + (here[a, 2] - there[s, 2]) ** 2
            if square > reach:
                continue
            for b in range(len(bandwidths)):
                weight = np.exp(np.float32(-0.5) * square / bandwidths[b] ** 2)
                near[b] += weight
                for k in range(indptr[s], indptr[s + 1]):
                    found[cells[k], b] += weight
        for cell in range(out.shape[1]):  # an assignment of the whole block takes eight seconds more to compile
            for b in range(len(bandwidths)):
                out[asked[a], cell, b] = np.log(found[cell, b] / (near[b] * overall) + np.float32(0.1))
