"""The penalised likelihood of a model with several groupings, such as subjects and items.

Ordered by grouping, the Hessian of the random effects is [[D, C'], [C, R]]: D has one small block for each group of the inner grouping, R
stands for all others. The inner ones are eliminated: the Schur complement S = R - C D^-1 C' is as wide as the other groupings have
coefficients (hundreds or thousands) and soon dense, log det H = log det D + log det S, and C is made a block of inner groups at a time, so
that memory stays flat. `CrossEntries` has the products with C.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf, dpotri

from graphtwin.mixed.design import Design, add_products, add_sums, log_mean, mirrored
from graphtwin.mixed.families import Family
from graphtwin.mixed.likelihood.crossed_entries import CrossEntries
from graphtwin.mixed.likelihood.crossed_sweeps import add_cross, add_crossed, add_slot_features, add_slot_sums, fill_cross
from graphtwin.mixed.likelihood.layout import Layout

MAX_CROSSED = 6000  # most coefficients of the crossed groupings: a dense matrix of 288 MB
BLOCK_ROWS, BLOCK_ENTRIES = 2**15, 2_000_000  # most rows, and most entries of C, that a block holds at once


class Crossed:
    """A model with several groupings.

    Attributes:
        layout: Order of the parameters in one vector.
        n_modes: Number of random coefficients, those of the inner grouping first.
        slots: Place of every row's coefficient among the crossed ones, for each crossed random effect.
        plain: Weight of each feature in what multiplies each crossed random effect, for every pattern of categories.
        entries: Where the entries of C lie.
    """

    def __init__(self, design: Design, family: Family):
        """Number the crossed coefficients.

        Args:
            design: Design with crossed groupings.
            family: Distribution of the response.

        Raises:
            ValueError: When the dense part would be too large.
        """
        self.design, self.family = design, family
        self.layout = Layout.of(design, len(family.shape_names))
        self.n_crossed = sum(grouping.size for grouping in design.crossed)
        if self.n_crossed > MAX_CROSSED:
            names = ", ".join(f"{grouping.name} ({grouping.size})" for grouping in design.crossed)
            raise ValueError(
                f"random effects: beside {design.inner.name} there are {self.n_crossed} coefficients of {names}, solved together; "
                f"{MAX_CROSSED} fit. Leave out a grouping or a random slope."
            )
        self.n_inner = design.inner.size
        self.n_modes = self.n_inner + self.n_crossed
        self.first_cell: Int[np.ndarray, " groups"] = np.flatnonzero(np.r_[True, np.diff(design.cell_group) > 0])
        self.fixed_of_cell = design.fixed.weight[design.cell_pattern]
        self.slots, self.plain = _slots(design)
        group_start = np.r_[design.cell_start[self.first_cell], len(design.y)]
        self.entries = CrossEntries.of(group_start, self.slots, self.n_crossed)
        self.blocks = list(self._group_blocks(group_start))

    def _group_blocks(self, group_start: Int[np.ndarray, " bounds"]) -> Iterator[tuple[int, int, int, int, int]]:
        """Rows from and to, first cell, inner groups from and to, of blocks that cut no inner group."""
        most_entries = BLOCK_ENTRIES // max(1, len(self.design.inner.effects))
        begin = 0
        while begin < self.design.inner.n_groups:
            last_of_rows = int(np.searchsorted(group_start, group_start[begin] + BLOCK_ROWS, side="right")) - 1
            last_of_entries = int(np.searchsorted(self.entries.start, self.entries.start[begin] + most_entries, side="right")) - 1
            end = max(min(last_of_rows, last_of_entries), begin + 1)
            yield int(group_start[begin]), int(group_start[end]), int(self.first_cell[begin]), begin, end
            begin = end

    def at(self, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]) -> CrossedPoint:
        """The penalised likelihood at one point."""
        return CrossedPoint(self, vector, modes)


def _slots(design: Design) -> tuple[Int[np.ndarray, "slots rows"], Float[np.ndarray, "slots patterns features"]]:
    """Place of each row's crossed coefficients, and what multiplies them."""
    slots, plain, base = [], [], 0
    for grouping in design.crossed:
        for a in range(len(grouping.effects)):
            slots.append((base + a + grouping.code * len(grouping.effects)).astype(np.int32))
            plain.append(grouping.weight[:, :, a])
        base += grouping.size
    return np.stack(slots), np.ascontiguousarray(np.stack(plain))


class CrossedPoint:
    """The penalised likelihood and its derivatives at given parameters and random coefficients, as in `OneFactorPoint`."""

    def __init__(self, model: Crossed, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]):
        self.model, self.vector, self.modes = model, vector, modes
        design, layout = model.design, model.layout
        self.inner = layout.shape(vector)
        self.roots = layout.roots(vector)
        self.by_group = modes[: model.n_inner].reshape(design.inner.n_groups, -1)
        self.random = (design.inner.weight @ self.roots[0])[design.cell_pattern]
        fixed = (design.fixed.weight @ layout.fixed(vector))[design.cell_pattern]
        self.transposed = np.ascontiguousarray(self.random.mT)
        self.coefficient = fixed + np.einsum("crk,ck->cr", self.random, self.by_group[design.cell_group])
        self.effect = self.to_effects(modes[model.n_inner :])
        self._sweep()
        self.value -= 0.5 * float(modes @ modes)
        self.score_fixed = np.einsum("crp,cr->p", model.fixed_of_cell, self.cell_score)
        inner = self.over_groups(np.einsum("crk,cr->ck", self.random, self.cell_score))
        self.score_modes = np.concatenate([inner.ravel(), self.standardised(self.slot_score[:, None])[:, 0]]) - modes
        products = self.random.mT @ (self.cell_weight @ self.random)
        self.hessian = self.over_groups(products) + np.eye(self.by_group.shape[1])

    def _sweep(self) -> None:
        """One pass: the likelihood, sums over cells and slots, and the weight of every row."""
        model, design = self.model, self.model.design
        self.value, self.weight = 0.0, np.empty(len(design.y))
        self.cell_score, self.slot_score = np.zeros_like(self.coefficient), np.zeros(model.n_crossed)
        products = np.zeros((*self.coefficient.shape, self.coefficient.shape[1]))
        for low, high, cell, _, _ in model.blocks:
            eta, score, weight = self.log_mean(low, high, cell), np.empty(high - low), self.weight[low:high]
            self.value += model.family.rows(eta, design.y[low:high], self.inner, score, weight)
            add_sums(low, high, cell, design.cell_start, design.values, score, self.cell_score)
            add_products(low, high, cell, design.cell_start, design.values, weight, products)
            add_slot_sums(
                low, high, cell, design.cell_start, design.cell_pattern, design.values, model.slots, model.plain, score, self.slot_score
            )
        self.cell_weight = mirrored(products)

    def log_mean(self, low: int, high: int, cell: int) -> Float[np.ndarray, " rows"]:
        """Log means of a block."""
        model, design, eta = self.model, self.model.design, np.empty(high - low)
        log_mean(low, high, cell, design.cell_start, design.offset, design.values, self.coefficient, eta)
        add_crossed(low, high, cell, design.cell_start, design.cell_pattern, design.values, model.slots, model.plain, self.effect, eta)
        return eta

    def over_groups(self, cells: np.ndarray) -> np.ndarray:
        """Sums over the cells of each inner group."""
        return np.add.reduceat(cells, self.model.first_cell, axis=0)

    def to_effects(self, crossed: Float[np.ndarray, " crossed"]) -> Float[np.ndarray, " crossed"]:
        """Random effects of the crossed groupings from their standardised coefficients."""
        parts, place = [], 0
        for grouping, root in zip(self.model.design.crossed, self.roots[1:], strict=True):
            parts.append((crossed[place : place + grouping.size].reshape(grouping.n_groups, -1) @ root.T).ravel())
            place += grouping.size
        return np.concatenate(parts)

    def standardised(self, plain: Float[np.ndarray, "crossed columns"]) -> Float[np.ndarray, "crossed columns"]:
        """Sums over slots by standardised coefficients, from those by random effects."""
        parts, place = [], 0
        for grouping, root in zip(self.model.design.crossed, self.roots[1:], strict=True):
            there = plain[place : place + grouping.size].reshape(grouping.n_groups, len(root), -1)
            parts.append(np.einsum("ab,gam->gbm", root, there).reshape(grouping.size, -1))
            place += grouping.size
        return np.concatenate(parts)

    @cached_property
    def load(self) -> Float[np.ndarray, "slots patterns features"]:
        """Weight of each feature in what multiplies each standardised crossed coefficient, for every pattern of categories."""
        parts = [
            np.moveaxis(grouping.weight @ root, 2, 0) for grouping, root in zip(self.model.design.crossed, self.roots[1:], strict=True)
        ]
        return np.ascontiguousarray(np.concatenate(parts))

    @cached_property
    def inverse(self) -> np.ndarray:
        """Inverse of each inner group's Hessian."""
        return np.linalg.inv(self.hessian)

    def cross_block(self, block: tuple[int, int, int, int, int], square: np.ndarray) -> Float[np.ndarray, " entries"]:
        """The entries of C that belong to a block of inner groups; adds the block's part of R to `square`, unless that is empty."""
        low, high, cell, first, last = block
        model, design, start = self.model, self.model.design, self.model.entries.start
        entries = np.zeros((start[last] - start[first]) * self.by_group.shape[1])
        fill_cross(
            low, high, cell, design.cell_start, design.cell_pattern, design.cell_group, design.values, model.slots, model.entries.place,
            start, self.load, self.transposed, self.weight[low:high], first, entries, square,
        )  # fmt: skip
        return entries

    @cached_property
    def schur(self) -> Float[np.ndarray, "crossed crossed"]:
        """Cholesky factor of the Schur complement S, in the lower triangle.

        Raises:
            LinAlgError: When S is not positive definite, at parameters far from any maximum.
        """
        schur = np.eye(self.model.n_crossed)
        for block in self.model.blocks:
            first, last = block[3:]
            self.model.entries.subtract_products(self.cross_block(block, schur), self.inverse[first:last], first, schur)
        factor, failed = dpotrf(schur.T, lower=0, clean=0, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("the Schur complement of the random effects is not positive definite.")
        return np.asarray(factor).T

    def inverse_schur(self) -> Float[np.ndarray, "crossed crossed"]:
        """Inverse of the Schur complement, in the lower triangle."""
        return np.asarray(dpotri(self.schur.T, lower=0)[0]).T

    def solve(self, right: Float[np.ndarray, "modes columns"]) -> Float[np.ndarray, "modes columns"]:
        """Inverse Hessian times some columns."""
        model, design, columns = self.model, self.model.design, right.shape[1]
        fixed = (
            design.cell_start,
            design.cell_pattern,
            design.cell_group,
            design.values,
            model.slots,
            self.load,
            self.transposed,
            self.weight,
        )
        inner = self.inverse @ right[: model.n_inner].reshape(*self.by_group.shape, columns)
        moved = np.zeros((model.n_crossed, columns))
        add_cross(*fixed, inner, moved, True)
        crossed = cho_solve((self.schur.T, False), right[model.n_inner :] - moved, check_finite=False)
        back = np.zeros_like(inner)
        add_cross(*fixed, back, crossed, False)
        inner -= self.inverse @ back
        return np.concatenate([inner.reshape(-1, columns), crossed])

    def log_determinant(self) -> float:
        """Log determinant of the Hessian."""
        return float(np.linalg.slogdet(self.hessian)[1].sum() + 2.0 * np.log(np.diag(self.schur)).sum())

    def cross(self) -> Float[np.ndarray, "modes fixed"]:
        """Minus the mixed second derivative by random coefficients and fixed effects."""
        model, design = self.model, self.model.design
        cells = self.random.mT @ (self.cell_weight @ model.fixed_of_cell)
        out = np.zeros((model.n_crossed, *design.fixed.weight.shape[:2]))
        for low, high, cell, _, _ in model.blocks:
            add_slot_features(
                low, high, cell, design.cell_start, design.cell_pattern, design.values, model.slots, model.plain, self.weight[low:high], out
            )
        crossed = np.einsum("qPr,Prp->qp", out, design.fixed.weight)
        return np.concatenate([self.over_groups(cells).reshape(model.n_inner, -1), self.standardised(crossed)])

    def products(self) -> Float[np.ndarray, "fixed fixed"]:
        """Minus the second derivative by the fixed effects."""
        fixed = self.model.fixed_of_cell
        products: np.ndarray = np.tensordot(fixed, self.cell_weight @ fixed, axes=([0, 1], [0, 1]))
        return products
