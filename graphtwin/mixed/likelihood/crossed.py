"""The penalised likelihood of a model with several groupings, such as subjects and items.

Ordered by grouping, the Hessian of the random effects is [[D, C'], [C, R]]: D has one small block for each group of the inner grouping, R
stands for all others. The inner ones are eliminated: the Schur complement S = R - C D^-1 C' is as wide as the other groupings have
coefficients (hundreds or thousands) and soon dense, log det H = log det D + log det S, and C is made a block of inner groups at a time, so
that memory stays flat. `CrossEntries` has the products with C. Linear algebra is imported where it is first needed: most fits have one
grouping.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from graphtwin.mixed.design import Design, add_products, add_sums, cell_bounds, log_mean, mirrored
from graphtwin.mixed.families import Family
from graphtwin.mixed.likelihood.crossed_entries import CrossEntries
from graphtwin.mixed.likelihood.crossed_sweeps import add_crossed, add_slot_features, add_slot_sums, add_square, row_loads
from graphtwin.mixed.likelihood.layout import Layout
from graphtwin.shapes import Float, Int

MAX_CROSSED = 6000  # most coefficients of the crossed groupings: a dense matrix of 288 MB
BLOCK_ROWS, BLOCK_ENTRIES = 2**15, 2_000_000  # most rows, and most entries of C, that a block holds at once


class Crossed:
    """A model with several groupings.

    Attributes:
        layout: Order of the parameters in one vector.
        n_modes: Number of random coefficients, those of the inner grouping first.
        slots: Place of every row's coefficient among the crossed ones, for each crossed random effect.
        plain: What multiplies each crossed random effect in every row.
        inner_plain: The same for the random effects of the inner grouping.
        group_start: First row of each inner group, and the number of rows.
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
        self.slots = _slots(design)
        self.plain = np.concatenate([row_loads(design, grouping.weight) for grouping in design.crossed])
        self.inner_plain = row_loads(design, design.inner.weight)
        self.group_start: Int[np.ndarray, " bounds"] = np.r_[design.cell_start[self.first_cell], len(design.y)]
        self.entries = CrossEntries.of(self.group_start, self.slots, self.n_crossed)
        self.blocks = list(self._group_blocks())

    def _group_blocks(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Rows from and to, first cell, inner groups from and to, of blocks that cut no inner group."""
        group_start, most_entries = self.group_start, BLOCK_ENTRIES // max(1, len(self.design.inner.effects))
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


def _slots(design: Design) -> Int[np.ndarray, "slots rows"]:
    """Place of each row's crossed coefficients."""
    slots, base = [], 0
    for grouping in design.crossed:
        slots += [base + a + grouping.code.astype(np.intp) * len(grouping.effects) for a in range(len(grouping.effects))]
        base += grouping.size
    return np.stack(slots)


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
            add_slot_sums(model.slots[:, low:high], model.plain[:, low:high], score, self.slot_score)
        self.cell_weight = mirrored(products)

    def log_mean(self, low: int, high: int, cell: int) -> Float[np.ndarray, " rows"]:
        """Log means of a block."""
        model, design, eta = self.model, self.model.design, np.empty(high - low)
        log_mean(low, high, cell, design.cell_start, design.offset, design.values, self.coefficient, eta)
        add_crossed(model.slots[:, low:high], model.plain[:, low:high], self.effect, eta)
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
    def load(self) -> Float[np.ndarray, "slots rows"]:
        """What multiplies each standardised crossed coefficient in every row."""
        parts, place = [], 0
        for root in self.roots[1:]:
            parts.append(root.T @ self.model.plain[place : place + len(root)])
            place += len(root)
        return np.concatenate(parts)

    @cached_property
    def inner_load(self) -> Float[np.ndarray, "effects rows"]:
        """What multiplies each standardised inner coefficient in every row."""
        return np.asarray(self.roots[0].T @ self.model.inner_plain)

    @cached_property
    def inverse(self) -> np.ndarray:
        """Inverse of each inner group's Hessian."""
        return np.linalg.inv(self.hessian)

    def cross_block(self, block: tuple[int, int, int, int, int]) -> Float[np.ndarray, "effects entries"]:
        """The entries of C that belong to a block of inner groups, one row an inner coefficient."""
        low, high, _, first, last = block
        start, n_inner = self.model.entries.start, self.by_group.shape[1]
        entries = np.zeros((n_inner, start[last] - start[first]))
        for place, load in zip(self.model.entries.place[:, low:high] - start[first], self.load[:, low:high], strict=True):
            part = self.weight[low:high] * load
            for b in range(n_inner):
                entries[b] += np.bincount(place, weights=part * self.inner_load[b, low:high], minlength=entries.shape[1])
        return entries

    @cached_property
    def schur(self) -> Float[np.ndarray, "crossed crossed"]:
        """Cholesky factor of the Schur complement S, in the lower triangle.

        Raises:
            LinAlgError: When S is not positive definite, at parameters far from any maximum.
        """
        from scipy.linalg.lapack import dpotrf

        model, schur = self.model, np.eye(self.model.n_crossed)
        for block in model.blocks:
            low, high, _, first, last = block
            add_square(model.slots[:, low:high], self.load[:, low:high], self.weight[low:high], schur)
            model.entries.subtract_products(self.cross_block(block), self.inverse[first:last], first, schur)
        factor, failed = dpotrf(schur.T, lower=0, clean=0, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("the Schur complement of the random effects is not positive definite.")
        return np.asarray(factor).T

    def inverse_schur(self) -> Float[np.ndarray, "crossed crossed"]:
        """Inverse of the Schur complement, in the lower triangle."""
        from scipy.linalg.lapack import dpotri

        return np.asarray(dpotri(self.schur.T, lower=0)[0]).T

    def solve(self, right: Float[np.ndarray, "modes columns"]) -> Float[np.ndarray, "modes columns"]:
        """Inverse Hessian times some columns."""
        from scipy.linalg import cho_solve

        model, columns = self.model, right.shape[1]
        inner = self.inverse @ right[: model.n_inner].reshape(*self.by_group.shape, columns)
        crossed = cho_solve((self.schur.T, False), right[model.n_inner :] - self._to_crossed(inner), check_finite=False)
        inner -= self.inverse @ self._to_inner(crossed)
        return np.concatenate([inner.reshape(-1, columns), crossed])

    def _to_crossed(self, inner: Float[np.ndarray, "groups effects columns"]) -> Float[np.ndarray, "crossed columns"]:
        """C times columns of inner coefficients."""
        out = np.zeros((inner.shape[2], self.model.n_crossed))
        for low, high, _, first, last in self.model.blocks:
            counts = np.diff(self.model.group_start[first : last + 1])
            for m in range(len(out)):
                change = sum(np.repeat(inner[first:last, b, m], counts) * load[low:high] for b, load in enumerate(self.inner_load))
                add_slot_sums(self.model.slots[:, low:high], self.load[:, low:high], self.weight[low:high] * change, out[m])
        return out.T

    def _to_inner(self, crossed: Float[np.ndarray, "crossed columns"]) -> Float[np.ndarray, "groups effects columns"]:
        """C' times columns of crossed coefficients."""
        out = np.empty((*self.by_group.shape, crossed.shape[1]))
        for low, high, _, first, last in self.model.blocks:
            starts = self.model.group_start[first:last] - low
            for m in range(crossed.shape[1]):
                change = np.zeros(high - low)
                add_crossed(self.model.slots[:, low:high], self.load[:, low:high], crossed[:, m], change)
                change *= self.weight[low:high]
                for b, load in enumerate(self.inner_load):
                    out[first:last, b, m] = np.add.reduceat(change * load[low:high], starts)
        return out

    def log_determinant(self) -> float:
        """Log determinant of the Hessian."""
        return float(np.linalg.slogdet(self.hessian)[1].sum() + 2.0 * np.log(np.diag(self.schur)).sum())

    def cross(self) -> Float[np.ndarray, "modes fixed"]:
        """Minus the mixed second derivative by random coefficients and fixed effects."""
        model, design = self.model, self.model.design
        cells = self.random.mT @ (self.cell_weight @ model.fixed_of_cell)
        out = np.zeros((model.n_crossed, *design.fixed.weight.shape[:2]))
        for low, high, cell, _, _ in model.blocks:
            counts = np.diff(cell_bounds(low, high, cell, design.cell_start))
            pattern = np.repeat(design.cell_pattern[cell : cell + len(counts)], counts)
            load, weight = model.plain[:, low:high], self.weight[low:high]
            add_slot_features(model.slots[:, low:high], load, pattern, design.values[:, low:high], weight, out)
        crossed = np.einsum("qPr,Prp->qp", out, design.fixed.weight)
        return np.concatenate([self.over_groups(cells).reshape(model.n_inner, -1), self.standardised(crossed)])

    def products(self) -> Float[np.ndarray, "fixed fixed"]:
        """Minus the second derivative by the fixed effects."""
        fixed = self.model.fixed_of_cell
        products: np.ndarray = np.tensordot(fixed, self.cell_weight @ fixed, axes=([0, 1], [0, 1]))
        return products
