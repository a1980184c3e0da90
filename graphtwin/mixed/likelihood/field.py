"""The penalised likelihood of a model with spatial random effects beside any groupings.

Ordered as inner grouping, then crossed groupings and fields, the Hessian of the random coefficients is [[D, C], [C', R]] as in `crossed`:
D has one small block a group, C and R are dense and as wide as the crossed groupings have coefficients and the fields have knots. A field
enters R and C by sums over the rows of each place, so that with q = crossed coefficients + knots a Newton step takes time proportional to
rows x (fixed effects + knots) + inner coefficients x q^2 + places x knots^2 + q^3, and a gradient rows x q. Memory is that of rows x
(fixed and random effects + 20) numbers and of (inner coefficients + places) x q. 230,000 rows of 300 axons and 3,000 targets take 6 s on
one core with 80 knots and an intercept an axon, and 19 s with one a target too.

Knots leave out what is rough between them. With 100 in tissue many ranges wide (700 x 500 x 400 um, fields of 100 um) standard errors of
slopes are about a tenth too small: .07 of 250 tables without a rule name one at 5 %.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np

from graphtwin.mixed.design import Design, field_basis
from graphtwin.mixed.families import Family
from graphtwin.mixed.likelihood.layout import Layout
from graphtwin.mixed.likelihood.row_loads import PlaceOrder, row_matrix, slots_of
from graphtwin.shapes import Float

MAX_ENTRIES = 50_000_000  # most entries of the dense part C: 400 MB


class WithFields:
    """A model with spatial random effects.

    Attributes:
        layout: Order of the parameters in one vector: the fields' standard deviations follow the roots of the groupings, and the log
            ranges that are free follow the shapes of the family.
        n_modes: Number of random coefficients: those of the groupings, the inner one first, then one a knot.
        field_slices: Places of each field's coefficients among all.
    """

    def __init__(self, design: Design, family: Family, held: dict[int, float] | None = None):
        """Number the coefficients.

        Args:
            design: Design with fields.
            family: Distribution of the response.
            held: Log range of each field whose range is not estimated.

        Raises:
            ValueError: When the dense part would be too large.
        """
        self.design, self.family, self.held = design, family, held or {}
        self.n_shapes = len(family.shape_names)
        self.n_inner, self.n_groupings = design.inner.size, sum(grouping.size for grouping in design.groupings)
        self.n_modes = self.n_groupings + sum(len(field.knots) for field in design.fields)
        self.n_dense = self.n_modes - self.n_inner
        ends = [self.n_groupings, *(self.n_groupings + np.cumsum([len(field.knots) for field in design.fields])).tolist()]
        self.field_slices = [slice(first, last) for first, last in pairwise(ends)]
        _require_room(self)
        self.layout = Layout.of(design, self.n_shapes + len(design.fields) - len(self.held))
        self.slots = slots_of(design)
        self.columns = row_matrix(design, design.fixed.weight)
        self.by_place = [PlaceOrder.of(field.code, len(field.places)) for field in design.fields]
        self._bases: dict[tuple[int, float], tuple[np.ndarray, np.ndarray]] = {}

    def holding(self, held: dict[int, float]) -> WithFields:
        """The same model with other ranges held."""
        return WithFields(self.design, self.family, held)

    def log_ranges(self, vector: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " fields"]:
        """Log range of each field, estimated or held."""
        free = iter(self.layout.shape(vector)[self.n_shapes :])
        return np.array([self.held[i] if i in self.held else next(free) for i in range(len(self.design.fields))])

    def basis(self, i: int, log_range: float) -> tuple[Float[np.ndarray, "places knots"], Float[np.ndarray, "places knots"]]:
        """Basis functions of a field and their derivative by the log range; the latest are kept."""
        if (i, log_range) not in self._bases:
            if len(self._bases) > 2 * len(self.design.fields):
                self._bases.clear()
            field = self.design.fields[i]
            self._bases[i, log_range] = field_basis(field.places, field.knots, field.term.kernel, float(np.exp(log_range)))
        return self._bases[i, log_range]

    def at(self, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]) -> FieldPoint:
        """The penalised likelihood at one point."""
        return FieldPoint(self, vector, modes)


def _require_room(model: WithFields) -> None:
    """Refuse a dense part that doesn't fit in memory."""
    places = sum(len(field.places) for field in model.design.fields)
    if (model.n_inner + places + model.n_dense) * model.n_dense > MAX_ENTRIES:
        raise ValueError(
            f"{', '.join(field.term.name for field in model.design.fields)}: {model.n_inner} coefficients of {model.design.inner.name} and "
            f"{places} places by {model.n_dense} knots and crossed coefficients are too many; {MAX_ENTRIES:.0e} products of the two fit. "
            "Take fewer knots, or leave out a grouping."
        )


class FieldPoint:
    """The penalised likelihood and its derivatives at given parameters and random coefficients, as in `OneFactorPoint`.

    Attributes:
        loads: What multiplies each slot's standardised coefficient, one row a slot.
        bases: Basis functions of each field times its standard deviation.
    """

    def __init__(self, model: WithFields, vector: Float[np.ndarray, " parameters"], modes: Float[np.ndarray, " modes"]):
        self.model, self.vector, self.modes = model, vector, modes
        design, layout = model.design, model.layout
        self.inner = layout.shape(vector)[: model.n_shapes]
        roots = layout.roots(vector)
        n = len(design.groupings)
        self.roots, self.sds = roots[:n], [float(root[0, 0]) for root in roots[n:]]
        self.loads = _standardised_loads(model, self.roots)
        self.plain_bases = [model.basis(i, log_range)[0] for i, log_range in enumerate(model.log_ranges(vector))]
        self.bases = [sd * basis for sd, basis in zip(self.sds, self.plain_bases, strict=True)]
        self.log_mean = design.offset + model.columns @ layout.fixed(vector) + self.moved(modes)
        self.score, self.weight = np.empty(len(design.y)), np.empty(len(design.y))
        self.value = model.family.rows(self.log_mean, design.y, self.inner, self.score, self.weight) - 0.5 * float(modes @ modes)
        self.score_fixed = self.score @ model.columns
        self.score_modes = self.gathered(self.score) - modes

    def moved(self, modes: Float[np.ndarray, " modes"]) -> Float[np.ndarray, " rows"]:
        """Change of every row's log mean by random coefficients: Z b."""
        total = np.zeros(len(self.model.design.y))
        for slot, load in zip(self.model.slots, self.loads, strict=True):
            total += load * modes[slot.coefficient]
        for field, basis, own in zip(self.model.design.fields, self.bases, self.model.field_slices, strict=True):
            total += (basis @ modes[own])[field.code]
        return total

    def gathered(self, amount: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " modes"]:
        """Sums of an amount a row by random coefficient: Z' amount."""
        out = np.zeros(self.model.n_modes)
        for slot, load in zip(self.model.slots, self.loads, strict=True):
            out += np.bincount(slot.coefficient, weights=amount * load, minlength=len(out))
        for field, basis, own in zip(self.model.design.fields, self.bases, self.model.field_slices, strict=True):
            out[own] = np.bincount(field.code, weights=amount, minlength=len(basis)) @ basis
        return out

    @cached_property
    def hessian(self) -> Float[np.ndarray, "groups effects effects"]:
        """D: minus the second derivative by the coefficients of each inner group."""
        size = len(self.model.design.inner.effects)
        out = np.empty((self.model.design.inner.n_groups, size, size))
        own = [(slot, load) for slot, load in zip(self.model.slots, self.loads, strict=True) if slot.grouping == 0]
        for a, (slot, load) in enumerate(own):
            for b, (_, other) in enumerate(own):
                group = slot.coefficient // size
                out[:, a, b] = np.bincount(group, weights=self.weight * load * other, minlength=len(out)) + (a == b)
        return out

    @cached_property
    def inverse(self) -> Float[np.ndarray, "groups effects effects"]:
        """Inverse of D."""
        return np.linalg.inv(self.hessian)

    @cached_property
    def dense(self) -> tuple[Float[np.ndarray, "inner dense"], Float[np.ndarray, "dense dense"]]:
        """C and R: minus the second derivative by inner and dense coefficients, and by dense ones."""
        model = self.model
        n, n_inner = model.n_groupings, model.n_inner
        between = np.zeros((n, model.n_dense))  # of all groupings' coefficients with the dense ones
        among = np.eye(model.n_dense)
        for slot, load in zip(model.slots, self.loads, strict=True):
            weighted = self.weight * load
            for other, its_load in zip(model.slots, self.loads, strict=True):
                if other.grouping > 0:
                    pair = slot.coefficient.astype(np.int64) * (n - n_inner) + (other.coefficient - n_inner)
                    sums = np.bincount(pair, weights=weighted * its_load, minlength=n * (n - n_inner))
                    between[:, : n - n_inner] += sums.reshape(n, -1)
            for sorted_rows, basis, own in zip(model.by_place, self.bases, self.model.field_slices, strict=True):
                between[:, own.start - n_inner : own.stop - n_inner] += sorted_rows.sums(weighted, slot.coefficient, n).T @ basis
        crossed = between[n_inner:]
        among[: n - n_inner] += crossed
        among[n - n_inner :, : n - n_inner] += crossed[:, n - n_inner :].T
        self._add_fields(among)
        return between[:n_inner], among

    def _add_fields(self, among: np.ndarray) -> None:
        """Add the products of every two fields' basis functions to R."""
        model = self.model
        dense = [slice(own.start - model.n_inner, own.stop - model.n_inner) for own in model.field_slices]
        for f, (field, basis) in enumerate(zip(model.design.fields, self.bases, strict=True)):
            of_place = np.bincount(field.code, weights=self.weight, minlength=len(basis))
            among[dense[f], dense[f]] += basis.T @ (of_place[:, None] * basis)
            for g in range(f):
                other = self.bases[g]
                product = basis.T @ (model.by_place[f].sums(self.weight, model.design.fields[g].code, len(other)) @ other)
                among[dense[f], dense[g]] += product
                among[dense[g], dense[f]] += product.T

    @cached_property
    def times(self) -> Float[np.ndarray, "inner dense"]:
        """D^-1 C."""
        return self._by_blocks(self.dense[0])

    def _by_blocks(self, columns: Float[np.ndarray, "inner columns"]) -> Float[np.ndarray, "inner columns"]:
        """D^-1 times some columns."""
        return (self.inverse @ columns.reshape(*self.inverse.shape[:2], columns.shape[1])).reshape(columns.shape)

    @cached_property
    def schur(self) -> tuple[np.ndarray, bool]:
        """Cholesky factor of the Schur complement S = R - C' D^-1 C."""
        from scipy.linalg import cho_factor

        between, among = self.dense
        return cho_factor(among - between.T @ self.times, lower=True, overwrite_a=True, check_finite=False)

    def solve(self, right: Float[np.ndarray, "modes columns"]) -> Float[np.ndarray, "modes columns"]:
        """Inverse Hessian times some columns."""
        from scipy.linalg import cho_solve

        inner, dense = right[: self.model.n_inner], right[self.model.n_inner :]
        solved = cho_solve(self.schur, dense - self.times.T @ inner, check_finite=False)
        return np.concatenate([self._by_blocks(inner) - self.times @ solved, solved])

    def log_determinant(self) -> float:
        """Log determinant of the Hessian."""
        return float(np.linalg.slogdet(self.hessian)[1].sum() + 2.0 * np.log(np.diag(self.schur[0])).sum())

    def cross(self) -> Float[np.ndarray, "modes fixed"]:
        """Minus the mixed second derivative by random coefficients and fixed effects."""
        columns = self.model.columns
        out = np.empty((self.model.n_modes, columns.shape[1]))  # of no column where the only one is held
        for j, entries in enumerate(columns.T):
            out[:, j] = self.gathered(self.weight * entries)
        return out

    def products(self) -> Float[np.ndarray, "fixed fixed"]:
        """Minus the second derivative by the fixed effects."""
        columns = self.model.columns
        return columns.T @ (self.weight[:, None] * columns)

    def mode_covariances(self) -> list[np.ndarray]:
        """Conditional covariance (groups x effects x effects) of each group's random effects, given the parameters."""
        from scipy.linalg import cho_solve

        among = cho_solve(self.schur, np.eye(self.model.n_dense), check_finite=False)
        size = self.inverse.shape[1]
        apart = self.times.reshape(len(self.inverse), size, self.model.n_dense)
        parts, place = [self.inverse + apart @ among @ apart.mT], 0
        for grouping in self.model.design.crossed:
            own = np.arange(place, place + grouping.size).reshape(grouping.n_groups, -1)
            parts.append(among[own[:, :, None], own[:, None, :]])
            place += grouping.size
        return [np.einsum("ka,gab,lb->gkl", root, part, root) for root, part in zip(self.roots, parts, strict=True)]


def _standardised_loads(model: WithFields, roots: list[np.ndarray]) -> list[Float[np.ndarray, " rows"]]:
    """What multiplies each slot's standardised coefficient: the loads of its grouping's effects times a column of the root."""
    out = []
    for slot in model.slots:
        own = [other for other in model.slots if other.grouping == slot.grouping]
        root = roots[slot.grouping]
        total = np.zeros(len(model.design.y))
        for other in own:
            if root[other.effect, slot.effect] != 0.0:
                total += root[other.effect, slot.effect] * other.load
        out.append(total)
    return out
