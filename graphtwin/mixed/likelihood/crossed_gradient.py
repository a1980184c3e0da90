"""The gradient of the Laplace likelihood with several groupings; the formula is that of `OneFactorPoint.laplace_gradient`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from graphtwin.mixed.design import add_sums, log_mean
from graphtwin.mixed.likelihood.crossed import CrossedPoint
from graphtwin.mixed.likelihood.crossed_sweeps import add_crossed, add_slot_sums
from graphtwin.shapes import Float


@dataclass
class GradientSums:
    """One amount a row, summed over cells by feature and over slots by random effect."""

    cells: Float[np.ndarray, "cells features"]
    slots: Float[np.ndarray, " crossed"]

    @classmethod
    def zero(cls, point: CrossedPoint) -> GradientSums:
        """Sums of 0 to begin with."""
        return cls(np.zeros_like(point.coefficient), np.zeros(point.model.n_crossed))

    def add(self, point: CrossedPoint, low: int, high: int, cell: int, amount: Float[np.ndarray, " rows"]) -> None:
        """Add the amounts of a block."""
        model, design = point.model, point.model.design
        add_sums(low, high, cell, design.cell_start, design.values, amount, self.cells)
        add_slot_sums(model.slots[:, low:high], model.plain[:, low:high], amount, self.slots)

    def standardised(self, point: CrossedPoint) -> Float[np.ndarray, " modes"]:
        """The sums by standardised random coefficient, those of the inner grouping first."""
        inner = point.over_groups(np.einsum("crk,cr->ck", point.random, self.cells))
        return np.concatenate([inner.ravel(), point.standardised(self.slots[:, None])[:, 0]])


def crossed_gradient(point: CrossedPoint) -> Float[np.ndarray, " parameters"]:
    """Gradient of the Laplace log-likelihood, without that of the normaliser, where the random coefficients are at their mode."""
    layout = point.model.layout
    bend, traces, by_shape, scores = _leverage_pass(point)
    shift = point.solve((bend.standardised(point) - 2.0 * point.score_modes)[:, None])[:, 0]
    effective = _shifted(point, shift)
    effective.cells = point.cell_score - 0.5 * bend.cells + 0.5 * effective.cells
    effective.slots = point.slot_score - 0.5 * bend.slots + 0.5 * effective.slots
    by_fixed = np.einsum("crp,cr->p", point.model.fixed_of_cell, effective.cells)
    for s, score in enumerate(scores):
        by_shape[s] -= 0.5 * score.standardised(point) @ shift
    return np.concatenate([by_fixed, layout.entries(_by_roots(point, effective, shift, traces)), by_shape])


def _leverage_pass(point: CrossedPoint) -> tuple[GradientSums, list[np.ndarray], np.ndarray, list[GradientSums]]:
    """Sums of leverage x bend of the weight, traces of each grouping, direct derivative by shape, and sums of the score's derivatives."""
    model, design = point.model, point.model.design
    bend, scores = GradientSums.zero(point), [GradientSums.zero(point) for _ in point.inner]
    by_shape = np.zeros(len(point.inner))
    n_inner, n_slots = point.by_group.shape[1], len(model.slots)
    inner_trace, trace = np.zeros((n_inner, n_inner)), np.zeros((n_slots, n_slots))
    among = point.inverse_schur()
    for block in model.blocks:
        low, high, cell = block[:3]
        leverage, traces = _leverage(point, block, among)
        inner_trace += traces[0]
        trace += traces[1]
        by_eta, shapes = model.family.derivatives(point.log_mean(low, high, cell), design.y[low:high], point.inner)
        bend.add(point, low, high, cell, leverage * by_eta)
        for s, derivative in enumerate(shapes):
            by_shape[s] += derivative.value - 0.5 * float(leverage @ derivative.weight)
            scores[s].add(point, low, high, cell, derivative.score)
    return bend, [inner_trace, *_diagonal_blocks(point, trace)], by_shape, scores


def _leverage(
    point: CrossedPoint, block: tuple[int, int, int, int, int], among: Float[np.ndarray, "crossed crossed"]
) -> tuple[Float[np.ndarray, " rows"], tuple[np.ndarray, np.ndarray]]:
    """Leverage z' H^-1 z of every row of a block, and sums of weight x plain load x (H^-1 z)' of inner and of crossed effects."""
    low, high, _, first, last = block
    model, slots = point.model, point.model.slots[:, low:high]
    inner, crossed, weight = point.inner_load[:, low:high], point.load[:, low:high], point.weight[low:high]
    within, between = inverse_of_block(point, block, among)
    of_rows = np.repeat(within, np.diff(model.group_start[first : last + 1]), axis=0)
    across = between[:, model.entries.place[:, low:high] - model.entries.start[first]]
    by_inner = np.einsum("ibc,ci->bi", of_rows, inner) + np.einsum("bsi,si->bi", across, crossed)
    by_crossed = np.einsum("csi,ci->si", across, inner)
    for s, place in enumerate(slots):
        for other, load in zip(slots, crossed, strict=True):
            by_crossed[s] += among[np.maximum(place, other), np.minimum(place, other)] * load
    traces = (weight * model.inner_plain[:, low:high]) @ by_inner.T, (weight * model.plain[:, low:high]) @ by_crossed.T
    return (inner * by_inner).sum(axis=0) + (crossed * by_crossed).sum(axis=0), traces


def inverse_of_block(
    point: CrossedPoint, block: tuple[int, int, int, int, int], among: Float[np.ndarray, "crossed crossed"]
) -> tuple[Float[np.ndarray, "groups effects effects"], Float[np.ndarray, "effects entries"]]:
    """The inverse Hessian of the inner groups of a block, and its entries between them and the crossed coefficients."""
    first, last = block[3:]
    entries = point.cross_block(block)
    return point.model.entries.inverse_between(entries, point.inverse[first:last], first, among)


def _diagonal_blocks(point: CrossedPoint, trace: np.ndarray) -> list[np.ndarray]:
    """The diagonal block of the traces that belongs to each crossed grouping."""
    ends = np.cumsum([0, *point.model.layout.n_effects[1:]])
    return [trace[a:b, a:b] for a, b in pairwise(ends)]


def _shifted(point: CrossedPoint, shift: np.ndarray) -> GradientSums:
    """Sums of weight x change of the log mean where the standardised coefficients change."""
    model, design = point.model, point.model.design
    inner = shift[: model.n_inner].reshape(point.by_group.shape)
    coefficient = np.einsum("crk,ck->cr", point.random, inner[design.cell_group])
    effect, sums = point.to_effects(shift[model.n_inner :]), GradientSums.zero(point)
    for low, high, cell, _, _ in model.blocks:
        change = np.empty(high - low)
        log_mean(low, high, cell, design.cell_start, design.offset, design.values, coefficient, change)
        change -= design.offset[low:high]
        add_crossed(model.slots[:, low:high], model.plain[:, low:high], effect, change)
        sums.add(point, low, high, cell, point.weight[low:high] * change)
    return sums


def _by_roots(point: CrossedPoint, effective: GradientSums, shift: np.ndarray, traces: list[np.ndarray]) -> list[np.ndarray]:
    """Gradient by every entry of each grouping's root."""
    model, design = point.model, point.model.design
    weight = design.inner.weight[design.cell_pattern]
    moved, plain = (
        [point.over_groups(np.einsum("crk,cr->ck", weight, cells)), slots]
        for cells, slots in ((effective.cells, effective.slots), (point.cell_score, point.slot_score))
    )
    out, place = [moved[0].T @ point.by_group - 0.5 * plain[0].T @ shift[: model.n_inner].reshape(point.by_group.shape) - traces[0]], 0
    for grouping, trace in zip(design.crossed, traces[1:], strict=True):
        own = slice(place, place + grouping.size)
        parts = [part.reshape(grouping.n_groups, -1) for part in (moved[1][own], plain[1][own])]
        modes, shifts = (values[model.n_inner :][own].reshape(grouping.n_groups, -1) for values in (point.modes, shift))
        out.append(parts[0].T @ modes - 0.5 * parts[1].T @ shifts - trace)
        place += grouping.size
    return out


def crossed_covariances(point: CrossedPoint) -> list[np.ndarray]:
    """Conditional covariance (groups x effects x effects) of each group's random effects, given the parameters."""
    design = point.model.design
    among = point.inverse_schur()
    inner = np.concatenate([inverse_of_block(point, block, among)[0] for block in point.model.blocks])
    parts, place = [inner], 0
    for grouping in design.crossed:
        own = np.arange(place, place + grouping.size).reshape(grouping.n_groups, -1)
        rows, columns = own[:, :, None], own[:, None, :]
        parts.append(among[np.maximum(rows, columns), np.minimum(rows, columns)])
        place += grouping.size
    return [np.einsum("ka,gab,lb->gkl", root, part, root) for root, part in zip(point.roots, parts, strict=True)]
