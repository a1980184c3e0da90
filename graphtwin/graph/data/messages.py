"""What training axons that resemble an axon say of every queried cell: messages along labels, functional neighbours and synapses.

An axon is known by others than itself: for an axon of the training side all axons of its fold are silent, as those are that a split holds
out, so that a fit reads of its own pairs what it will read of pairs that it never saw.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import sparse

from graphtwin.evaluation import folds_by_axon
from graphtwin.graph.data.edges import Edges
from graphtwin.graph.data.inputs import NodeInputs
from graphtwin.graph.data.observed_pairs import BANDWIDTHS_UM, InputsFound, PairSet, inputs_found, local_rates, place_among

OF_FUNCTION = "of functional neighbours"  # the message that needs function
# Names of the messages about a pair, in their order.
MESSAGES = (
    "of labels",
    OF_FUNCTION,
    "of shared inputs",
    "of most alike inputs",
    "back",
    "back known",
    "inputs alike",
    "inputs of the axon",
    "inputs known",
)
SHOWN = (*(f"rate within {width:g} um" for width in BANDWIDTHS_UM), *MESSAGES)  # names of the columns of `Messages.shown`
N_SHOWN = len(SHOWN)
HEARD = SHOWN.index(OF_FUNCTION)  # the one column that depends on what neurons answer
UNHEARD = (*SHOWN[:HEARD], *SHOWN[HEARD + 1 :])
DECIMALS = 4  # of messages that trees read
AXONS_A_BLOCK = 256  # axons whose messages are held at a time
FOLDS = 8  # parts of the training axons that are silent together; a choice
PRIOR = 0.5  # weight of a cell's popularity in what axons say of it, as a number of axons
SHARPER = 3  # power of the similarity of inputs in "of most alike inputs"; a choice
FLOOR = 0.1  # share of the overall rate below which rates are not told apart, as in `local_rates`
MOST_KEPT = 350_000_000  # bytes of what is kept for other fits: what the permuted fits of a fold of minnie65 share takes 310 million


@dataclass(frozen=True)
class Told:
    """What training axons show of pairs whatever neurons answer, kept for fits on the same pairs: of more than fits, the oldest goes.

    Attributes:
        most_bytes: Most that is kept together, bytes.
    """

    most_bytes: int = MOST_KEPT
    _kept: OrderedDict[bytes, np.ndarray] = field(default_factory=OrderedDict, repr=False, compare=False)

    def of(self, key: bytes, make: Callable[[], np.ndarray]) -> np.ndarray:
        """What was kept under a key, or what is made now; it cannot be written."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = make()
        made.flags.writeable = False
        if made.nbytes <= self.most_bytes:
            while self._kept and made.nbytes + sum(kept.nbytes for kept in self._kept.values()) > self.most_bytes:
                self._kept.popitem(last=False)
            self._kept[key] = made
        return made


@dataclass(frozen=True)
class Messages:
    """Messages of a training side to any axon about its queried cells.

    Attributes:
        inputs: All neurons.
        heard: Rows of `inputs` by rows: 1 where the second is a functional neighbour of the first.
        training: Pairs of the training axons, whose cells are told about.
        told: What is kept for other messages of the same training pairs; None keeps nothing.
    """

    inputs: NodeInputs
    heard: sparse.csr_array
    training: PairSet
    told: Told | None = None

    @classmethod
    def of(cls, inputs: NodeInputs, edges: Edges, training: PairSet, told: Told | None = None) -> Messages:
        """The messages of training pairs; of `edges` the relation "similar" is heard."""
        source, target = edges["similar"].cpu().numpy()
        n = len(inputs.nucleus_id)
        return cls(inputs, sparse.csr_array((np.ones(len(source), np.float32), (target, source)), shape=(n, n)), training, told)

    @cached_property
    def fold(self) -> Int[np.ndarray, " axons"]:
        """Fold of each training axon."""
        return folds_by_axon(self.inputs.nucleus_id[self.training.pre], FOLDS, 0)

    @cached_property
    def speakers(self) -> tuple[Speakers, ...]:
        """Who speaks to the axons of each fold, and last to axons that are not of the training side."""
        return tuple(Speakers.of(self.training.of_axons(self.fold != fold)) for fold in range(FOLDS + 1))

    @cached_property
    def found(self) -> InputsFound:
        """The inputs of each cell as the axons of each fold hear of them."""
        return inputs_found(self.inputs, self.training, self.fold, FOLDS)

    def in_degrees(self, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Float32[np.ndarray, " pairs"]:
        """Inputs of the target of any pairs of rows of `inputs` from axons outside the fold of the pair's own axon, in proportion to all.

        They are those of `InputsFound`; NaN of a cell that was not queried.
        """
        cell = place_among(self.training.post, post)
        return np.where(cell >= 0, self.found.in_degree[self.fold_of(pre), cell], np.float32(np.nan))

    def fold_of(self, axons: Int[np.ndarray, " axons"]) -> Int[np.ndarray, " axons"]:
        """Fold of each axon (rows of `inputs`), `FOLDS` of one that is not of the training side."""
        place = place_among(self.training.pre, axons)
        return np.where(place >= 0, self.fold[place.clip(min=0)], FOLDS)

    @cached_property
    def _name(self) -> bytes:
        """All that `unheard` reads but the axons that are asked for."""
        of_neurons, pairs = (self.inputs.nucleus_id, self.inputs.position, self.inputs.context), self.training
        every = blake2b()
        for values in (*of_neurons, pairs.pre, pairs.post, pairs.size.indptr, pairs.size.indices):
            every.update(np.ascontiguousarray(values).data)
        return every.digest()

    def about(self, axons: Int[np.ndarray, " axons"]) -> Float32[np.ndarray, "axons cells messages"]:
        """The messages to axons (rows of `inputs`, seen or unseen) about every queried cell.

        Rates are logarithms of the share of like axons that contact a cell, against the share of all pairs that are connected; a cell that
        nobody speaks of has its popularity. "back" is whether the cell contacts the axon, 0 where that was not observed.
        """
        return self.shown(axons)[:, :, len(BANDWIDTHS_UM) :]

    def shown(self, axons: Int[np.ndarray, " axons"]) -> Float32[np.ndarray, "axons cells shown"]:
        """All that training axons show of the pairs of some axons: local rates at each bandwidth, then the messages."""
        out = self.unheard(axons).copy()
        out[:, :, HEARD] = self.of_neighbours(axons)
        return out

    def unheard(self, axons: Int[np.ndarray, " axons"]) -> Float32[np.ndarray, "axons cells shown"]:
        """`shown` whatever neurons answer: without the message of functional neighbours, 0 in its place. It may not be written."""
        if self.told is None:
            return self._unheard(axons)
        return self.told.of(self._name + np.asarray(axons, np.int64).tobytes(), partial(self._unheard, axons))

    def of_neighbours(self, axons: Int[np.ndarray, " axons"]) -> Float32[np.ndarray, "axons cells"]:
        """The message of functional neighbours alone."""
        out = np.zeros((len(axons), len(self.training.post)), np.float32)
        for rows, speakers in self._spoken_to(axons):
            out[rows] = speakers.rates(self.heard[axons[rows]][:, speakers.pairs.pre])
        return out

    def _spoken_to(self, axons: np.ndarray) -> Iterator[tuple[np.ndarray, Speakers]]:
        """Places of the axons of each fold, and who speaks to them."""
        fold = self.fold_of(axons)
        for number in np.unique(fold):
            yield np.flatnonzero(fold == number), self.speakers[number]

    def _unheard(self, axons: np.ndarray) -> np.ndarray:
        out = np.zeros((len(axons), len(self.training.post), N_SHOWN), np.float32)
        for rows, speakers in self._spoken_to(axons):
            out[rows, :, : len(BANDWIDTHS_UM)] = local_rates(self.inputs, speakers.pairs, axons[rows])
            self._tell(out[:, :, len(BANDWIDTHS_UM) :], rows, axons[rows], speakers)
        return out

    def unheard_of_pairs(self, pre: Int[np.ndarray, " pairs"], post: Int[np.ndarray, " pairs"]) -> Float32[np.ndarray, "pairs columns"]:
        """The columns `UNHEARD` of any pairs of rows of `inputs`, streamed by blocks of axons; NaN of a cell that was not queried.

        They are rounded: sums depend on who is asked for together in their last digits, by which trees would tell equal pairs apart.
        """
        axons, of_pair = np.unique(pre, return_inverse=True)
        column = place_among(self.training.post, post)
        out = np.full((len(pre), len(UNHEARD)), np.nan, np.float32)
        order = np.argsort(of_pair, kind="stable")
        starts = range(0, len(axons), AXONS_A_BLOCK)
        for start, rows in zip(starts, np.split(order, np.searchsorted(of_pair[order], starts[1:])), strict=True):
            told = np.delete(self._unheard(axons[start : start + AXONS_A_BLOCK]), HEARD, axis=2).round(DECIMALS)
            rows = rows[column[rows] >= 0]
            out[rows] = told[of_pair[rows] - start, column[rows]]
        return out

    def _tell(self, out: np.ndarray, rows: np.ndarray, axons: np.ndarray, speakers: Speakers) -> None:
        """Fill some rows of the messages with what some speakers say, but for that of functional neighbours."""
        labels = self.inputs.context
        unit = labels / np.maximum(np.sqrt(labels.sum(1, keepdims=True)), 1.0)
        alike = (unit[axons] @ unit[speakers.pairs.pre].T) ** 2
        out[rows, :, 0] = speakers.rates(alike)
        out[rows, :, 2:4] = speakers.popular[:, None]
        cell = np.searchsorted(speakers.pairs.post, axons).clip(max=len(speakers.pairs.post) - 1)
        queried = np.flatnonzero(speakers.pairs.post[cell] == axons)
        if not len(queried):
            return
        rows, cell = rows[queried], cell[queried]
        shared = (speakers.profile[:, cell].T @ speakers.profile).toarray()
        at = speakers.cell_of
        similar = np.where(at >= 0, shared[:, at.clip(min=0)], 0.0)
        out[rows, :, 2], out[rows, :, 3] = speakers.rates(similar), speakers.rates(similar**SHARPER)
        known = speakers.axon_of >= 0
        out[rows[:, None], np.flatnonzero(known), 4] = speakers.linked[speakers.axon_of[known]][:, cell].toarray().T
        out[rows, :, 5] = known
        out[rows, :, 6] = shared
        out[rows, :, 7] = np.log((speakers.in_degree[cell] + PRIOR) / (speakers.expected + PRIOR))[:, None]
        out[rows, :, 8] = 1.0


@dataclass(frozen=True)
class Speakers:
    """Axons that speak, and what they contact.

    Attributes:
        linked: Whether (1 or 0) each axon contacts each cell.
        profile: Weights of the inputs of each cell, of length 1: an axon that contacts many cells tells less of any, as words do that are
            in every text (inverse document frequency; Spaerck Jones 1972, doi:10.1108/eb026526).
        in_degree: Number of inputs of each cell, whose mean is `expected`.
        popular: Rate of each cell for an axon that resembles nobody.
        axon_of: Row among the axons of each cell, -1 if it is none; `cell_of` the reverse.
    """

    pairs: PairSet
    linked: sparse.csr_array
    profile: sparse.csr_array
    in_degree: Float[np.ndarray, " cells"]
    expected: float
    popular: Float[np.ndarray, " cells"]
    axon_of: Int[np.ndarray, " cells"]
    cell_of: Int[np.ndarray, " axons"]

    @classmethod
    def of(cls, pairs: PairSet) -> Speakers:
        """The axons of these pairs."""
        linked = sparse.csr_array((pairs.size > 0).astype(np.float32))
        n_axons, n_cells = linked.shape
        rare = np.log((n_cells + 1) / (linked.sum(axis=1) + 1)).clip(min=0)
        weighted = sparse.csr_array(linked * rare[:, None])
        length = np.sqrt((weighted * weighted).sum(axis=0))
        profile = sparse.csr_array(weighted / np.maximum(length, 1e-9)[None])
        in_degree = np.asarray(linked.sum(axis=0), np.float64)
        expected = float(in_degree.mean()) if n_cells else 0.0
        share = (in_degree + PRIOR * pairs.prevalence) / (n_axons + PRIOR)
        return cls(
            pairs,
            linked,
            profile,
            in_degree,
            expected,
            _log_rate(share, pairs.prevalence),
            place_among(pairs.pre, pairs.post),
            place_among(pairs.post, pairs.pre),
        )

    def rates(self, weight: Float[np.ndarray, "asked axons"] | sparse.csr_array) -> Float32[np.ndarray, "asked cells"]:
        """Log of how often the axons, by these weights, contact each cell, against how often any axon contacts any cell."""
        weight = weight.astype(np.float32)
        said = (weight @ self.linked).toarray() if sparse.issparse(weight) else (self.linked.T @ weight.T).T
        usual = ((self.in_degree + PRIOR * self.pairs.prevalence) / (self.linked.shape[0] + PRIOR)).astype(np.float32)
        share = (said + PRIOR * usual) / (np.asarray(weight.sum(axis=1)).reshape(-1, 1) + PRIOR)
        return _log_rate(share, self.pairs.prevalence)


def _log_rate(share: np.ndarray, overall: float) -> np.ndarray:
    """Logarithm of a share of pairs that are connected, against the overall one."""
    return np.log(share / max(overall, 1e-9) + FLOOR).astype(np.float32)
