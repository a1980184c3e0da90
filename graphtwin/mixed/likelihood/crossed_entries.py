"""C, the part of the Hessian between inner groups and crossed coefficients, as the entries each inner group has; and what is done with it.

An inner group meets few of the crossed coefficients (an axon's targets, a student's lecturers). The Schur complement loses one product for
every two of them, and the inverse Hessian is needed between them alone: all of H^-1 that a row asks for follows from the inverse of the
Schur complement. Where most groups meet most coefficients, whole rows of C and dense products are quicker, and are taken instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from graphtwin.mixed.families import compiled
from graphtwin.shapes import Float, Int

DENSE_PRODUCTS = 12  # products of a dense matrix in the time of one between two entries


@dataclass(frozen=True)
class CrossEntries:
    """Where the entries of C lie: one for each inner group and each crossed coefficient that it meets, in the order of the groups.

    Attributes:
        start: First entry of each inner group, and their number.
        slot: Crossed coefficient of each entry, rising within a group; empty where all groups have an entry for every one.
        place: Entry of every row's coefficients, for each crossed random effect.
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
        bounds = np.arange(n_groups + 1) * n_crossed
        key = np.repeat(bounds[:-1], n_rows) + slots
        most = np.minimum(n_rows * len(slots), n_crossed).astype(np.float64)
        if DENSE_PRODUCTS * (most @ most) > n_groups * float(n_crossed) ** 2:
            return cls(bounds, np.zeros(0, dtype=np.intp), key, n_crossed)
        found, place = np.unique(key, return_inverse=True)
        return cls(np.searchsorted(found, bounds), found % n_crossed, place.reshape(slots.shape), n_crossed)

    def subtract_products(
        self,
        entries: Float[np.ndarray, "effects entries"],
        inverse: Float[np.ndarray, "groups effects effects"],
        first: int,
        schur: Float[np.ndarray, "crossed crossed"],
    ) -> None:
        """Take C D^-1 C' of a block of groups from the lower triangle of the Schur complement.

        Args:
            entries: C of the block, one row an inner coefficient.
            inverse: D^-1 of the block.
            first: First group of the block.
            schur: Matrix in C order.
        """
        if len(self.slot):
            _subtract_products(entries, inverse, self.start, self.slot, first, schur)
            return
        from scipy.linalg.blas import dsyrk

        rooted = np.linalg.cholesky(inverse).mT @ self._by_group(entries)
        dsyrk(-1.0, rooted.reshape(-1, self.n_crossed).T, beta=1.0, c=schur.T, overwrite_c=1)

    def inverse_between(
        self,
        entries: Float[np.ndarray, "effects entries"],
        inverse: Float[np.ndarray, "groups effects effects"],
        first: int,
        among: Float[np.ndarray, "crossed crossed"],
    ) -> tuple[Float[np.ndarray, "groups effects effects"], Float[np.ndarray, "effects entries"]]:
        """The inverse Hessian within a block of groups, and its entries between them and the crossed coefficients.

        Args:
            entries: C of the block, one row an inner coefficient.
            inverse: D^-1 of the block.
            first: First group of the block.
            among: Lower triangle of the inverse Schur complement, in C order.
        """
        if len(self.slot):
            within, between = inverse.copy(), np.zeros_like(entries)
            _inverse_between(entries, inverse, self.start, self.slot, first, among, within, between)
            return within, between
        from scipy.linalg.blas import dsymm

        times = inverse @ self._by_group(entries)
        dense = dsymm(-1.0, among.T, times.reshape(-1, self.n_crossed).T).T.reshape(times.shape)
        return inverse - times @ dense.mT, np.ascontiguousarray(np.moveaxis(dense, 0, 1)).reshape(entries.shape)

    def _by_group(self, entries: Float[np.ndarray, "effects entries"]) -> Float[np.ndarray, "groups effects crossed"]:
        """Whole rows of C, apart for each group."""
        return np.ascontiguousarray(np.moveaxis(entries.reshape(len(entries), -1, self.n_crossed), 0, 1))


@compiled
@no_type_check
def _subtract_products(entries, inverse, start, slot, first, schur):
    n_inner, origin = inverse.shape[1], start[first]
    for g in range(len(inverse)):
        begin, end = start[first + g], start[first + g + 1]
        for b in range(n_inner):
            for i in range(begin, end):
                times, row = 0.0, schur[slot[i]]
                for c in range(n_inner):
                    times += inverse[g, b, c] * entries[c, i - origin]
                for j in range(begin, i + 1):
                    row[slot[j]] -= times * entries[b, j - origin]


@compiled
@no_type_check
def _inverse_between(entries, inverse, start, slot, first, among, within, between):
    n_inner, origin = inverse.shape[1], start[first]
    times = np.empty((n_inner, len(entries[0])))
    for g in range(len(inverse)):
        begin, end = start[first + g], start[first + g + 1]
        for b in range(n_inner):
            for i in range(begin - origin, end - origin):
                total = 0.0
                for c in range(n_inner):
                    total += inverse[g, b, c] * entries[c, i]
                times[b, i] = total
        for b in range(n_inner):
            for i in range(begin, end):
                row, here, total = among[slot[i]], times[b, i - origin], 0.0
                for j in range(begin, i):
                    value = row[slot[j]]
                    total += value * times[b, j - origin]
                    between[b, j - origin] -= value * here
                between[b, i - origin] -= total + row[slot[i]] * here
        for b in range(n_inner):
            for c in range(n_inner):
                for i in range(begin - origin, end - origin):
                    within[g, b, c] -= times[b, i] * between[c, i]
