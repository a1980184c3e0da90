"""Parts of a training side that are kept back in turn, as the test side is: what stops a fit, and what weights of models are learned on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import sparse

from graphtwin.evaluation import folds_by_axon, folds_by_block, folds_by_neuron
from graphtwin.execute import rng_for
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.observed_pairs import PairSet

FEW_AXONS = 1_000  # training axons below which they are kept back in `FOLDS` parts, so that every axon is predicted once; else one part
FOLDS = 5
KEPT_NEGATIVES = 50_000  # unconnected kept pairs of a side that are asked, about: weights of a stack need no more
FEW_NEURONS = 1_000  # labelled neurons below which each is kept back once, by one of `FOLDS` fits; else two of the parts are
FEWEST_AXONS = 10  # axons of the other blocks below which a block is not kept back


@dataclass(frozen=True)
class InnerSide:
    """Pairs to fit, and pairs kept back of them.

    Attributes:
        kept: Axons that `training` lacks; by all of its cells, or by cells that it lacks too.
        new_tissue: Whether networks are to learn of cells that nobody queried, whatever the training pairs show of the kept ones.
    """

    training: PairSet
    kept: PairSet
    new_tissue: bool = False

    @property
    def share(self) -> float:
        """Share of the unconnected kept pairs that are asked."""
        return min(1.0, KEPT_NEGATIVES / max(len(self.kept.pre) * len(self.kept.post) - self.kept.size.nnz, 1))

    @cached_property
    def _drawn(self) -> Bool[np.ndarray, "axons cells"]:
        """Which kept pairs are asked: connected ones, and a share of the others; no cell with itself."""
        size = self.kept.size.toarray()
        drawn = rng_for(0, "kept pairs", *size.shape).random(size.shape, dtype=np.float32) < self.share
        return (drawn | (size > 0)) & (self.kept.pre[:, None] != self.kept.post)

    @property
    def asked(self) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
        """Rows of axon and cell of each kept pair that is asked, axon by axon."""
        i, j = np.nonzero(self._drawn)
        return self.kept.pre[i], self.kept.post[j]

    @property
    def kept_sizes(self) -> Float32[np.ndarray, " pairs"]:
        """Synapse size of each kept pair in the order of `asked`, 0 without connection."""
        return self.kept.size.toarray()[self._drawn].astype(np.float32)

    @property
    def weight(self) -> Float32[np.ndarray, " pairs"]:
        """How many kept pairs each one that is asked stands for."""
        return np.where(self.kept_sizes > 0, 1.0, 1.0 / self.share).astype(np.float32)


def inner_axons(training: PairSet, inputs: NodeInputs, members: int | None, share: float, seed: int) -> list[InnerSide]:
    """Axons of a training side kept back, each once; or a share of them where there are many. Parts without a connection are left out.

    Args:
        training: Pairs of the training side.
        inputs: All neurons, whose ids decide the fold of an axon.
        members: Number of parts that the axons are cut into; None for `FOLDS` of few and one of many.
        share: Share of the axons that is kept back where there is one part.
        seed: Seed of the run.
    """
    wanted = members or (FOLDS if len(training.pre) < FEW_AXONS else 1)
    parts = wanted if wanted > 1 else max(2, round(1 / share))
    of_axon = folds_by_axon(inputs.nucleus_id[training.pre], parts, seed + 1)
    sides = (InnerSide(training.of_axons(of_axon != part), training.of_axons(of_axon == part)) for part in range(parts))
    found = list(islice((side for side in sides if side.training.size.nnz and side.kept.size.nnz), wanted))
    if not found:
        raise ValueError(
            f"training side: {len(training.pre)} axons with {training.size.nnz} connections leave none to validate. "
            "Connectivity cannot be learned from so few: bring more axons or raise pairs.validation."
        )
    return found


def inner_neurons(
    inputs: NodeInputs, train: Bool[np.ndarray, " neurons"], members: int | None, seed: int
) -> tuple[Int[np.ndarray, " neurons"], int]:
    """Part of each labelled neuron of a training side, -1 for all others, and number of the parts that are kept back in turn.

    Each part has its share of every cell type, or of every layer where there is no type.

    Args:
        inputs: All neurons.
        train: Which neurons are on the training side; of those only neurons that are asked about and have a label are kept back.
        members: Number of parts that are kept back; None for all `FOLDS` where neurons are few, and two where they are many.
        seed: Seed of the run.
    """
    labelled = (inputs.cell_type >= 0) | (inputs.layer >= 0) | np.isfinite(inputs.position).all(1)
    rows = np.flatnonzero(train & labelled & inputs.subjects)
    kept = members or (FOLDS if len(rows) < FEW_NEURONS else 2)
    part = np.full(len(train), -1)
    if len(rows):
        label = (inputs.cell_type if inputs.cell_types else inputs.layer)[rows]
        part[rows] = folds_by_neuron(inputs.nucleus_id[rows], max(FOLDS, kept), seed + 1, label)
    return part, kept


def inner_blocks(training: PairSet, position: Float[np.ndarray, "neurons axes"], parts: int) -> list[InnerSide]:
    """Blocks of tissue of a training side kept back, axons and cells, each once; left out without connections or axons beside them.

    Args:
        training: Pairs of the training side.
        position: Position of every neuron along the axes that are cut, um.
        parts: Number of blocks: as many as the split has beside the one that it holds out, so that a block is as far from the others.
    """
    both = np.concatenate([training.pre, training.post])
    fold = folds_by_block(position[both], parts)
    axon, cell = fold[: len(training.pre)], fold[len(training.pre) :]
    return list(_with_connections(training, axon, cell, parts))


def _with_connections(
    training: PairSet, axon: Int[np.ndarray, " axons"], cell: Int[np.ndarray, " cells"], parts: int
) -> Iterator[InnerSide]:
    """The sides of each block."""
    for block in range(parts):
        inside = _part(training, axon == block, cell == block)
        outside = _part(training, (axon >= 0) & (axon != block), (cell >= 0) & (cell != block))
        outside = outside.of_axons(np.diff(outside.size.indptr) > 0)
        if inside.size.nnz and len(outside.pre) >= FEWEST_AXONS:
            yield InnerSide(outside, inside, True)


def _part(pairs: PairSet, axons: Bool[np.ndarray, " axons"], cells: Bool[np.ndarray, " cells"]) -> PairSet:
    """The pairs of some axons with some cells."""
    size = sparse.csr_array(pairs.size[np.flatnonzero(axons)][:, np.flatnonzero(cells)])
    return replace(pairs, pre=pairs.pre[axons], post=pairs.post[cells], size=size)
