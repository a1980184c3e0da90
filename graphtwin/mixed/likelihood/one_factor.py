"""The penalised likelihood of a model with one grouping: the Hessian of the random effects is one small matrix a group."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from graphtwin.mixed.design import Design, sum_cells, sum_leverage
from graphtwin.mixed.families import Family
from graphtwin.mixed.likelihood.layout import Layout
from graphtwin.shapes import Float, Int


class OneFactor:
    """A model with one grouping, or with none.

    Attributes:
        layout: Order of the parameters in one vector.
        n_modes: Number of random coefficients.
    """

    def __init__(self, design: Design, family: Family):
        """Arrange the design by cell.

        Args:
            design: Design with no crossed grouping.
            family: Distribution of the response.
        """
        self.design, self.family = design, family
        self.layout = Layout.of(design, len(family.shape_names))
        self.n_modes = design.inner.size
        self.first_cell: Int[np.ndarray, " groups"] = np.flatnonzero(np.r_[True, np.diff(design.cell_group) > 0])
        self.fixed_of_cell = design.fixed.weight[design.cell_pattern]

    def at(self, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]) -> OneFactorPoint:
        """The penalised likelihood at one point."""
        return OneFactorPoint(self, vector, modes)


class OneFactorPoint:
    """The penalised likelihood, l - b'b / 2, and its derivatives at given parameters and random coefficients b.

    Attributes:
        value: The penalised log-likelihood, without normaliser.
        score_fixed: Gradient by the fixed effects.
        score_modes: Gradient by the random coefficients.
        hessian: Minus the second derivative by the coefficients of each group.
    """

    def __init__(self, model: OneFactor, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]):
        self.model, self.vector, self.modes = model, vector, modes
        design, layout = model.design, model.layout
        self.inner = layout.shape(vector)
        self.by_group = modes.reshape(design.inner.n_groups, len(design.inner.effects))
        self.root = layout.roots(vector)[0]
        self.random = (design.inner.weight @ self.root)[design.cell_pattern]
        fixed = (design.fixed.weight @ layout.fixed(vector))[design.cell_pattern]
        self.coefficient = fixed + np.einsum("crk,ck->cr", self.random, self.by_group[design.cell_group])
        self.sums = sum_cells(design, model.family, self.coefficient, self.inner)
        self.prior = 0.0 if design.absorbed else 1.0
        self.value = self.sums.value - 0.5 * self.prior * float(modes @ modes)
        self.score_fixed = np.einsum("crp,cr->p", model.fixed_of_cell, self.sums.score)
        self.score_modes = (self.over_groups(np.einsum("crk,cr->ck", self.random, self.sums.score)) - self.prior * self.by_group).ravel()
        products = self.random.mT @ (self.sums.weight @ self.random)
        self.hessian = self.over_groups(products) + self.prior * np.eye(self.by_group.shape[1])

    def over_groups(self, cells: np.ndarray) -> np.ndarray:
        """Sums over the cells of each group."""
        return np.add.reduceat(cells, self.model.first_cell, axis=0)

    @cached_property
    def inverse(self) -> np.ndarray:
        """Inverse Hessian of each group."""
        return np.linalg.inv(self.hessian)

    def solve(self, right: Float[np.ndarray, "modes columns"]) -> Float[np.ndarray, "modes columns"]:
        """Inverse Hessian times some columns."""
        shape = (*self.by_group.shape, right.shape[1])
        return (self.inverse @ right.reshape(shape)).reshape(right.shape)

    def log_determinant(self) -> float:
        """Log determinant of the Hessian; 0 where the groups' intercepts are free."""
        return float(np.linalg.slogdet(self.hessian)[1].sum()) if self.prior else 0.0

    def cross(self) -> Float[np.ndarray, "modes fixed"]:
        """Minus the mixed second derivative by random coefficients and fixed effects."""
        cells = self.random.mT @ (self.sums.weight @ self.model.fixed_of_cell)
        return self.over_groups(cells).reshape(len(self.modes), self.model.layout.n_fixed)

    def products(self) -> Float[np.ndarray, "fixed fixed"]:
        """Minus the second derivative by the fixed effects."""
        fixed = self.model.fixed_of_cell
        products: np.ndarray = np.tensordot(fixed, self.sums.weight @ fixed, axes=([0, 1], [0, 1]))
        return products

    def laplace_gradient(self) -> Float[np.ndarray, " parameters"]:
        """Gradient of the Laplace log-likelihood, without that of the normaliser, where the random coefficients are at their mode.

        With score s_i, weight w_i, its derivative w'_i by the log mean, leverage h_i = z_i' H^-1 z_i and v = H^-1 sum_i w'_i h_i z_i, a
        shift of the log means changes it by e_i = s_i - w'_i h_i / 2 + w_i z_i'v / 2: the last term is the shift of the mode. What is left
        of the score by the random coefficients, twice subtracted in v, is what a last step to the mode would change: with counts of 1e9
        rounding leaves too much of it.
        """
        design, layout = self.model.design, self.model.layout
        spread = self.prior * (self.random @ self.inverse[design.cell_group]) @ self.random.mT
        leverage = sum_leverage(design, self.model.family, self.coefficient, spread, self.inner)
        bend = self.over_groups(np.einsum("crk,cr->ck", self.random, leverage.bend))
        shift = np.einsum("gkl,gl->gk", self.inverse, bend - 2.0 * self.score_modes.reshape(bend.shape))
        change = (self.random @ shift[design.cell_group][:, :, None])[:, :, 0]
        effective = self.sums.score - 0.5 * leverage.bend + 0.5 * (self.sums.weight @ change[:, :, None])[:, :, 0]
        by_fixed = np.einsum("crp,cr->p", self.model.fixed_of_cell, effective)
        by_shape = leverage.value_by_shape - 0.5 * leverage.weight_by_shape
        by_shape -= 0.5 * np.einsum("pcr,cr->p", leverage.score_by_shape, change)
        return np.concatenate([by_fixed, layout.entries([self._by_root(effective, shift)]), by_shape])

    def _by_root(self, effective: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Gradient by every entry of the root."""
        weight = self.model.design.inner.weight[self.model.design.cell_pattern]
        moved = self.over_groups(np.einsum("crk,cr->ck", weight, effective))
        plain = self.over_groups(np.einsum("crk,cr->ck", weight, self.sums.score))
        products = self.over_groups(weight.mT @ (self.sums.weight @ self.random))
        trace = (products @ self.inverse).sum(axis=0)
        return moved.T @ self.by_group - 0.5 * plain.T @ shift - trace

    def mode_covariances(self) -> list[np.ndarray]:
        """Conditional covariance (groups x effects x effects) of each group's random effects, given the parameters."""
        return [np.einsum("ka,gab,lb->gkl", self.root, self.inverse, self.root)]
