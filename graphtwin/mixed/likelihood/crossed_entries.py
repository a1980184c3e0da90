"""C, the part of the Hessian between inner groups and crossed coefficients, as the entries each inner group has; and what is done with it.

An inner group meets few of the crossed coefficients (an axon's targets, a student's lecturers). The Schur complement loses one product for
every two of them, and the inverse Hessian is needed between them alone: all of H^-1 that a row asks for follows from the inverse of the
Schur complement. Where most groups meet most coefficients, whole rows of C and dense products are quicker, and are taken instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit
from scipy.linalg.blas import dsymm, dsyrk

from graphtwin.mixed.families import REASSOCIATE

DENSE_PRODUCTS = 12  # products of a dense matrix in the time of one between two entries


@dataclass(frozen=True)
class CrossEntries:
    """Where the entries of C lie: group g has, for each of its inner coefficients, one entry for each of its crossed coefficients.

    Attributes:
        start: First entry of each inner group, for one inner coefficient, and their number.
        slot: Crossed coefficient of each entry, rising within a group; empty where all groups have an entry for every one.
        place: Entry of every row's coefficients among those of its group, for each crossed random effect.
        n_crossed: Number of crossed coefficients.
    """

    start: Int[np.ndarray, " bounds"]
    slot: Int[np.ndarray, " entries"]
    place: Int[np.ndarray, "slots rows"]
    n_crossed: int

    @classmethod
    def of(cls, group_start: Int[np.ndarray, " bounds"], slots: Int[np.ndarray, "slots rows"], n_crossed: int) -> CrossEntries:
        """The entries of a model.

        Args:
            group_start: First row of each inner group, and the number of rows.
            slots: Place of every row's coefficient among the crossed ones, for each crossed random effect.
            n_crossed: Number of crossed coefficients.
        """
        n_groups, n_rows = len(group_start) - 1, np.diff(group_start)
        most = np.minimum(n_rows * len(slots), n_crossed).astype(np.float64)
        if DENSE_PRODUCTS * (most @ most) > n_groups * float(n_crossed) ** 2:
            return cls(np.arange(n_groups + 1) * n_crossed, np.zeros(0, dtype=np.int32), slots, n_crossed)
        key = np.repeat(np.arange(n_groups) * n_crossed, n_rows) + slots
        found, inverse = np.unique(key, return_inverse=True)
        start = np.searchsorted(found, np.arange(n_groups + 1) * n_crossed)
        place = inverse.reshape(slots.shape) - np.repeat(start[:-1], n_rows)
        return cls(start, (found % n_crossed).astype(np.int32), place.astype(np.int32), n_crossed)

    def subtract_products(
        self, entries: Float[np.ndarray, " entries"], inverse: Float[np.ndarray, "groups effects effects"], first: int, schur: np.ndarray
    ) -> None:
        """Take C D^-1 C' of a block of groups from the lower triangle of the Schur complement.

        Args:
            entries: C of the block.
            inverse: D^-1 of the block.
            first: First group of the block.
            schur: Matrix in C order, crossed x crossed.
        """
        if len(self.slot):
            _subtract_products(entries, inverse, self.start, self.slot, first, schur)
            return
        rooted = np.linalg.cholesky(inverse).mT @ entries.reshape(len(inverse), -1, self.n_crossed)
        dsyrk(-1.0, rooted.reshape(-1, self.n_crossed).T, beta=1.0, c=schur.T, overwrite_c=1)

    def inverse_between(
        self, entries: Float[np.ndarray, " entries"], inverse: Float[np.ndarray, "groups effects effects"], first: int, among: np.ndarray
    ) -> tuple[Float[np.ndarray, "groups effects effects"], Float[np.ndarray, " entries"]]:
        """The inverse Hessian within a block of groups, and its entries between them and the crossed coefficients.

        Args:
            entries: C of the block.
            inverse: D^-1 of the block.
            first: First group of the block.
            among: Lower triangle of the inverse Schur complement, in C order.
        """
        if len(self.slot):
            within, between = inverse.copy(), np.zeros_like(entries)
            _inverse_between(entries, inverse, self.start, self.slot, first, among, within, between)
            return within, between
        times = inverse @ entries.reshape(len(inverse), -1, self.n_crossed)
        dense = dsymm(-1.0, among.T, times.reshape(-1, self.n_crossed).T).T.reshape(times.shape)
        return inverse - times @ dense.mT, dense.ravel()


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def _subtract_products(entries, inverse, start, slot, first, schur):
    n_inner = inverse.shape[1]
    for g in range(len(inverse)):
        begin, width = start[first + g], start[first + g + 1] - start[first + g]
        of_group = entries[n_inner * (begin - start[first]) :]
        for b in range(n_inner):
            for i in range(width):
                times, row = 0.0, schur[slot[begin + i]]
                for c in range(n_inner):
                    times += inverse[g, b, c] * of_group[c * width + i]
                for j in range(i + 1):
                    row[slot[begin + j]] -= times * of_group[b * width + j]


@njit(cache=True, nogil=True, fastmath=REASSOCIATE)
@no_type_check
def _inverse_between(entries, inverse, start, slot, first, among, within, between):
    n_inner = inverse.shape[1]
    for g in range(len(inverse)):
        begin, width = start[first + g], start[first + g + 1] - start[first + g]
        at = n_inner * (begin - start[first])
        times, solved = np.zeros((n_inner, width)), between[at : at + n_inner * width].reshape(n_inner, width)
        for b in range(n_inner):
            for c in range(n_inner):
                for i in range(width):
                    times[b, i] += inverse[g, b, c] * entries[at + c * width + i]
        for i in range(width):
            row = among[slot[begin + i]]
            for j in range(i + 1):
                value = row[slot[begin + j]]
                for b in range(n_inner):
                    solved[b, i] -= value * times[b, j]
                    if j < i:
                        solved[b, j] -= value * times[b, i]
        for b in range(n_inner):
            for c in range(n_inner):
                for i in range(width):
                    within[g, b, c] -= times[b, i] * solved[c, i]
