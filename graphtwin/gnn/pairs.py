"""The connectivity task: which observed axon contacts which queried cell, learned from training axons only.

A pair is a negative only if its target was queried and its axon was observed, that is, has an output in that materialization: an axon
without any may have been lost at its first branch. Absence is never assumed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int
from scipy import sparse
from scipy.spatial import cKDTree

from graphtwin.gnn.inputs import NodeInputs

BANDWIDTHS_UM = (25.0, 50.0)
PRIOR_AXONS = 0.5  # weight of the overall rate in a local rate, in axons


@dataclass(frozen=True)
class PairSet:
    """Observed axons x queried cells of one materialization, as rows of `NodeInputs`.

    Attributes:
        pre, post: Rows of the observed axons and of the queried cells, rising.
        size: Axons x cells, the synapse size where connected (CSR).
    """

    materialization: int
    pre: Int[np.ndarray, " axons"]
    post: Int[np.ndarray, " cells"]
    size: sparse.csr_array

    def of_axons(self, keep: Bool[np.ndarray, " axons"]) -> PairSet:
        """The same for some of the axons."""
        return PairSet(self.materialization, self.pre[keep], self.post, self.size[np.flatnonzero(keep)])

    @property
    def prevalence(self) -> float:
        """Connected share of all pairs."""
        return float(self.size.nnz / max(np.prod(self.size.shape), 1))


def pair_set(inputs: NodeInputs, synapses: pd.DataFrame, queried: pd.DataFrame, materialization: int) -> PairSet:
    """The pairs of one materialization.

    Args:
        inputs: Neurons of the twin.
        synapses: The cortex's synapses, or the training part of them.
        queried: The cortex's queried cells.
        materialization: Whose.
    """
    here = synapses[synapses["materialization"] == materialization]
    asked = queried[(queried["materialization"] == materialization) & (queried["side"] == "post")]["nucleus_id"].to_numpy(np.int64)
    if not len(asked):
        raise ValueError(
            f"materialization {materialization}: {len(here)} synaptic pairs but no queried postsynaptic cells. "
            "Without them no pair is a known non-connection: add the queried_post table to the source."
        )
    post = np.sort(inputs.rows(asked))
    rows = inputs.rows(here["pre_nucleus_id"].to_numpy(np.int64)), inputs.rows(here["post_nucleus_id"].to_numpy(np.int64))
    usable = (rows[0] >= 0) & np.isin(rows[1], post)
    pre = np.unique(rows[0][usable])
    at = np.searchsorted(pre, rows[0][usable]), np.searchsorted(post, rows[1][usable])
    size = sparse.csr_array((here["size"].to_numpy(np.float64)[usable], at), shape=(len(pre), len(post)))
    return PairSet(materialization, pre, post, size)


@dataclass(frozen=True)
class Exposure:
    """What training synapses say of a target: the inputs found, and where their somata lie.

    Attributes:
        in_degree: Inputs of each queried cell from training axons.
        placed: Those of them whose soma position is known.
        position_sum: Sum of these positions, um.
        offset: Mean position of a target minus the mean of its inputs' somata, um.
    """

    in_degree: Float32[np.ndarray, " cells"]
    placed: Float32[np.ndarray, " cells"]
    position_sum: Float32[np.ndarray, "cells 3"]
    offset: Float32[np.ndarray, " 3"]


def exposure(inputs: NodeInputs, pairs: PairSet) -> Exposure:
    """In-degrees and input somata of the queried cells, from training axons alone."""
    connected = (pairs.size > 0).astype(np.float64)
    known = np.isfinite(inputs.position).all(1)
    position = np.where(known[:, None], inputs.position, 0.0)
    placed = connected.T @ known[pairs.pre].astype(np.float64)
    total = connected.T @ position[pairs.pre]
    both = known[pairs.post] & (placed > 0)
    offset = (position[pairs.post][both] - total[both] / placed[both, None]).mean(0) if both.any() else np.zeros(3)
    return Exposure(*(np.asarray(v, np.float32) for v in (connected.sum(axis=0), placed, total, offset)))


def local_rates(inputs: NodeInputs, training: PairSet, axons: Int[np.ndarray, " axons"]) -> Float32[np.ndarray, "axons cells bandwidths"]:
    """Log of how often training axons from the same place contact each queried cell, against how often any axon does.

    Messages along "near" edges and then along synapses: Gaussian weights over soma distance, an axon never counted for itself, and the
    overall rate as prior. 0 for an axon of unknown position.

    Args:
        inputs: Neurons of the twin.
        training: Training pairs.
        axons: Rows of the axons asked for.
    """
    known = np.isfinite(inputs.position).all(1)
    sources = np.flatnonzero(known[training.pre])
    asked = np.flatnonzero(known[axons])
    out = np.zeros((len(axons), len(training.post), len(BANDWIDTHS_UM)), np.float32)
    if not len(sources) or not len(asked):
        return out
    connected = (training.size[sources] > 0).astype(np.float32)
    overall = np.float32(max(training.prevalence, 1e-9))
    tree = cKDTree(inputs.position[training.pre[sources]])
    reach = cKDTree(inputs.position[axons[asked]]).sparse_distance_matrix(tree, 3 * max(BANDWIDTHS_UM), output_type="coo_matrix")
    other = axons[asked][reach.row] != training.pre[sources][reach.col]
    row, column, distance = reach.row[other], reach.col[other], reach.data[other].astype(np.float32)
    for index, bandwidth in enumerate(BANDWIDTHS_UM):
        weight = sparse.csr_array((np.exp(-0.5 * (distance / bandwidth) ** 2), (row, column)), shape=(len(asked), len(sources)))
        near = np.asarray(weight.sum(axis=1), np.float32)[:, None]
        rate = ((weight @ connected).toarray() + overall * PRIOR_AXONS) / (near + PRIOR_AXONS)
        out[asked, :, index] = np.log(rate / overall + 0.1)
    return out
