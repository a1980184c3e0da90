"""The gradient of the Laplace likelihood with spatial random effects; the formula is that of `OneFactorPoint.laplace_gradient`.

With the Hessian [[D, C], [C', R]], T = D^-1 C and the Cholesky root L of S = R - C'T, a row with inner loads a and dense loads c has the
leverage a'D^-1 a + r'r, where r = L^-1 (c - T'a), and its solution H^-1 z is [D^-1 a - T L^-T r, L^-T r]. So a row needs the sum r of one
row of a table a coefficient and one a place, and products of r with the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.mixed.likelihood.field import FieldPoint
from graphtwin.mixed.likelihood.field_rows import solve_rows
from graphtwin.shapes import Float


@dataclass(frozen=True)
class Leverages:
    """What the inverse Hessian says of every row.

    Attributes:
        total: Leverage z' H^-1 z.
        slots: Entry of H^-1 z at each slot's coefficient.
        fields: Derivative of the leverage by each field's standard deviation, halved and times the standard deviation.
        ranges: Derivative of the leverage by each field's log range, halved.
    """

    total: Float[np.ndarray, " rows"]
    slots: Float[np.ndarray, "slots rows"]
    fields: Float[np.ndarray, "fields rows"]
    ranges: Float[np.ndarray, "fields rows"]


def field_gradient(point: FieldPoint) -> Float[np.ndarray, " parameters"]:
    """Gradient of the Laplace log-likelihood, without that of the normaliser, where the random coefficients are at their mode."""
    model, layout = point.model, point.model.layout
    leverage = leverages(point)
    by_eta, shapes = model.family.derivatives(point.log_mean, model.design.y, point.inner)
    shift = point.solve(point.gathered(leverage.total * by_eta)[:, None])[:, 0]
    change = point.moved(shift)
    effective = point.score - 0.5 * leverage.total * by_eta + 0.5 * point.weight * change
    by_shape = [s.value - 0.5 * float(leverage.total @ s.weight) - 0.5 * float(s.score @ change) for s in shapes]
    by_sd, by_range = _by_fields(point, effective, shift, leverage)
    roots = [*_by_roots(point, effective, shift, leverage), *by_sd]
    free = [slope for i, slope in enumerate(by_range) if i not in model.held]
    return np.concatenate([effective @ model.columns, layout.entries(roots), by_shape, free])


def leverages(point: FieldPoint) -> Leverages:
    """Leverage of every row, and the entries of H^-1 z that traces need."""
    from scipy.linalg import solve_triangular

    model = point.model
    n_crossed = model.n_groupings - model.n_inner
    upper = solve_triangular(point.schur[0], np.eye(model.n_dense), lower=True, check_finite=False).T  # L^-T
    of_coefficient = np.concatenate([-point.times @ upper, upper[:n_crossed]])
    own = [slice(part.start - model.n_inner, part.stop - model.n_inner) for part in model.field_slices]
    of_place = np.concatenate([basis @ upper[rows] for basis, rows in zip(point.bases, own, strict=True)])
    log_ranges = model.log_ranges(point.vector)
    slopes = [sd * model.basis(i, log_range)[1] for i, (sd, log_range) in enumerate(zip(point.sds, log_ranges, strict=True))]
    bent = np.concatenate([slope @ upper[rows] for slope, rows in zip(slopes, own, strict=True)])
    first = np.cumsum([0, *(len(basis) for basis in point.bases[:-1])])
    place = np.stack([field.code + base for field, base in zip(model.design.fields, first, strict=True)]).astype(np.int32)
    n_rows, n_slots, n_fields = len(model.design.y), len(model.slots), len(place)
    coefficient = np.stack([slot.coefficient for slot in model.slots]) if model.slots else np.zeros((0, n_rows), np.int32)
    load = np.stack(point.loads) if model.slots else np.zeros((0, n_rows))
    slots, fields, ranges = np.empty((n_slots, n_rows)), np.empty((n_fields, n_rows)), np.empty((n_fields, n_rows))
    solve_rows(coefficient, load, of_coefficient, place, of_place, bent, slots, fields, ranges)
    for a, slot in enumerate(model.slots):
        for b, other in enumerate(model.slots):
            if slot.grouping == other.grouping == 0:
                slots[a] += point.inverse[slot.coefficient // point.inverse.shape[1], slot.effect, other.effect] * load[b]
    return Leverages((load * slots).sum(axis=0) + fields.sum(axis=0), slots, fields, ranges)


def _by_roots(point: FieldPoint, effective: np.ndarray, shift: np.ndarray, leverage: Leverages) -> list[np.ndarray]:
    """Gradient by every entry of each grouping's root."""
    out = [np.zeros_like(root) for root in point.roots]
    for slot in point.model.slots:
        for b, other in enumerate(point.model.slots):
            if slot.grouping == other.grouping:
                amount = effective * point.modes[other.coefficient] - 0.5 * point.score * shift[other.coefficient]
                out[slot.grouping][slot.effect, other.effect] = slot.load @ (amount - point.weight * leverage.slots[b])
    return out


def _by_fields(point: FieldPoint, effective: np.ndarray, shift: np.ndarray, leverage: Leverages) -> tuple[list[np.ndarray], list[float]]:
    """Gradient by each field's standard deviation, as a root of one entry, and by its log range."""
    model = point.model
    by_sd, by_range = [], []
    log_ranges = model.log_ranges(point.vector)
    for i, (field, part) in enumerate(zip(model.design.fields, model.field_slices, strict=True)):
        basis, slope = model.basis(i, log_ranges[i])
        sums = [np.bincount(field.code, weights=amount, minlength=len(basis)) for amount in (effective, point.score)]
        straight, bent = (
            sums[0] @ (functions @ point.modes[part]) - 0.5 * sums[1] @ (functions @ shift[part]) for functions in (basis, slope)
        )
        trace = point.weight @ leverage.fields[i] / point.sds[i] if point.sds[i] else 0.0
        by_sd.append(np.array([[straight - trace]]))
        by_range.append(float(point.sds[i] * bent - point.weight @ leverage.ranges[i]))
    return by_sd, by_range
