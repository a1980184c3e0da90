"""Passes over the rows, block by block: log means, and sums of score and weight times features over every cell.

All that a fit needs of a million rows are these sums: with r features a cell has r sums of the score and r x r of the weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.mixed.design.design import BLOCK, Design
from graphtwin.mixed.families import Family
from graphtwin.shapes import Float, Int


@dataclass(frozen=True)
class CellSums:
    """Sums of one pass.

    Attributes:
        value: Log-likelihood without normaliser.
        score: Sums of score x feature.
        weight: Sums of weight x feature x feature.
    """

    value: float
    score: Float[np.ndarray, "cells features"]
    weight: Float[np.ndarray, "cells features features"]


def sum_cells(
    design: Design, family: Family, coefficient: Float[np.ndarray, "cells features"], inner: Float[np.ndarray, " shapes"]
) -> CellSums:
    """Log-likelihood and its derivatives where the log mean of a row is its offset plus features times its cell's coefficients."""
    n_cells, n_features = coefficient.shape
    score, weight, value = np.zeros((n_cells, n_features)), np.zeros((n_cells, n_features, n_features)), 0.0
    buffer = np.empty((3, min(BLOCK, len(design.y))))
    for low, high, cell in design.blocks():
        eta, by_eta, curvature = buffer[:, : high - low]
        log_mean(low, high, cell, design.cell_start, design.offset, design.values, coefficient, eta)
        value += family.rows(eta, design.y[low:high], inner, by_eta, curvature)
        add_sums(low, high, cell, design.cell_start, design.values, by_eta, score)
        add_products(low, high, cell, design.cell_start, design.values, curvature, weight)
    return CellSums(value, score, mirrored(weight))


def row_values(design: Design, coefficient: Float[np.ndarray, "patterns features"]) -> Float[np.ndarray, " rows"]:
    """Sum over features of feature x coefficient of the row's pattern, for every row."""
    out = np.empty(len(design.offset))
    nothing = np.zeros(len(design.offset))
    log_mean(0, len(out), 0, design.cell_start, nothing, design.values, coefficient[design.cell_pattern], out)
    return out


@dataclass(frozen=True)
class LeverageSums:
    """Sums of the pass behind the gradient, h being the leverage z' H^-1 z of a row.

    Attributes:
        bend: Sums of h x derivative of the weight by eta x feature.
        value_by_shape: Sum of the derivative of the log-likelihood by each shape parameter.
        score_by_shape: Sums of the score's derivative by each shape parameter x feature.
        weight_by_shape: Sum of h x derivative of the weight by each shape parameter.
    """

    bend: Float[np.ndarray, "cells features"]
    value_by_shape: Float[np.ndarray, " shapes"]
    score_by_shape: Float[np.ndarray, "shapes cells features"]
    weight_by_shape: Float[np.ndarray, " shapes"]


def sum_leverage(
    design: Design,
    family: Family,
    coefficient: Float[np.ndarray, "cells features"],
    spread: Float[np.ndarray, "cells features features"],
    inner: Float[np.ndarray, " shapes"],
) -> LeverageSums:
    """The pass behind the gradient, where the leverage of a row is features' spread features."""
    n_shapes = len(inner)
    bend, by_shape = np.zeros(coefficient.shape), np.zeros((n_shapes, *coefficient.shape))
    value, weight = np.zeros(n_shapes), np.zeros(n_shapes)
    buffer = np.empty((2, min(BLOCK, len(design.y))))
    for low, high, cell in design.blocks():
        eta, leverage = buffer[:, : high - low]
        log_mean(low, high, cell, design.cell_start, design.offset, design.values, coefficient, eta)
        fill_leverage(low, high, cell, design.cell_start, design.values, spread, leverage)
        weight_by_eta, shapes = family.derivatives(eta, design.y[low:high], inner)
        weight_by_eta *= leverage
        add_sums(low, high, cell, design.cell_start, design.values, weight_by_eta, bend)
        for s, derivative in enumerate(shapes):
            value[s] += derivative.value
            weight[s] += leverage @ derivative.weight
            add_sums(low, high, cell, design.cell_start, design.values, derivative.score, by_shape[s])
    return LeverageSums(bend, value, by_shape, weight)


@dataclass(frozen=True)
class NodeSums:
    """Sums of the passes behind quadrature, one a node.

    Attributes:
        value: Log-likelihood without normaliser of each cell.
        score: Sums of score x feature.
        by_shape: Derivative of each cell's log-likelihood by each shape parameter.
    """

    value: Float[np.ndarray, "nodes cells"]
    score: Float[np.ndarray, "nodes cells features"]
    by_shape: Float[np.ndarray, "nodes shapes cells"]


def sum_nodes(
    design: Design, family: Family, coefficients: Float[np.ndarray, "nodes cells features"], inner: Float[np.ndarray, " shapes"]
) -> NodeSums:
    """The passes behind quadrature, at the coefficients of every node."""
    n_nodes, n_cells, _ = coefficients.shape
    value, score, by_shape = np.zeros((n_nodes, n_cells)), np.zeros(coefficients.shape), np.zeros((n_nodes, len(inner), n_cells))
    buffer = np.empty((3, min(BLOCK, len(design.y))))
    none = np.empty((0, len(design.y)))
    for node, coefficient in enumerate(coefficients):
        for low, high, cell in design.blocks():
            eta, by_eta, curvature = buffer[:, : high - low]
            y = design.y[low:high]
            log_mean(low, high, cell, design.cell_start, design.offset, design.values, coefficient, eta)
            family.rows(eta, y, inner, by_eta, curvature)
            add_sums(low, high, cell, design.cell_start, design.values, by_eta, score[node])
            add_sums(low, high, cell, design.cell_start, none, family.log_likelihoods(eta, y, inner), value[node][:, None])
            for s, derivative in enumerate(family.derivatives(eta, y, inner)[1] if len(inner) else ()):
                add_sums(low, high, cell, design.cell_start, none, derivative.each, by_shape[node, s][:, None])
    return NodeSums(value, score, by_shape)


def mirrored(upper: Float[np.ndarray, "cells features features"]) -> Float[np.ndarray, "cells features features"]:
    """Symmetric matrices from their upper triangles."""
    return np.triu(upper) + np.swapaxes(np.triu(upper, 1), 1, 2)


Bounds = Int[np.ndarray, " bounds"]
Rows = Float[np.ndarray, " rows"]
Values = Float[np.ndarray, "varying all_rows"]


def cell_bounds(low: int, high: int, cell: int, cell_start: Bounds) -> Int[np.ndarray, " bounds_of_block"]:
    """First row of each cell of a block, counted from the block's first row, and the number of its rows; `cell` is that of the first."""
    last = int(cell_start[cell:].searchsorted(high)) + cell
    bounds = cell_start[cell : last + 1] - low
    bounds[0], bounds[-1] = 0, high - low
    return bounds


def log_mean(
    low: int,
    high: int,
    cell: int,
    cell_start: Bounds,
    offset: Float[np.ndarray, " all_rows"],
    values: Values,
    coefficient: Float[np.ndarray, "cells features"],
    out: Rows,
) -> None:
    """Offset plus features times coefficients, of rows low to high; `cell` is the cell of the first row."""
    counts = np.diff(cell_bounds(low, high, cell, cell_start))
    here = coefficient[cell : cell + len(counts)]
    np.add(offset[low:high], np.repeat(here[:, 0], counts), out=out)
    for k in range(len(values)):
        slope = np.repeat(here[:, k + 1], counts)
        slope *= values[k, low:high]
        out += slope


def fill_leverage(
    low: int, high: int, cell: int, cell_start: Bounds, values: Values, spread: Float[np.ndarray, "cells features features"], out: Rows
) -> None:
    """Quadratic form, features' spread features, of every row."""
    counts = np.diff(cell_bounds(low, high, cell, cell_start))
    here = spread[cell : cell + len(counts)]
    out[:] = np.repeat(here[:, 0, 0], counts)
    for k in range(len(values)):
        part = np.repeat(here[:, k + 1, k + 1], counts)
        part *= values[k, low:high]
        for m in range(-1, k):
            mixed = np.repeat(2.0 * here[:, k + 1, m + 1], counts)
            part += mixed if m < 0 else np.multiply(mixed, values[m, low:high], out=mixed)
        part *= values[k, low:high]
        out += part


def add_sums(
    low: int, high: int, cell: int, cell_start: Bounds, values: Values, amount: Rows, out: Float[np.ndarray, "cells features"]
) -> None:
    """Add sums of amount x feature to each cell."""
    first = cell_bounds(low, high, cell, cell_start)[:-1]
    here = out[cell : cell + len(first)]
    here[:, 0] += np.add.reduceat(amount, first)
    for k in range(len(values)):
        here[:, k + 1] += np.add.reduceat(amount * values[k, low:high], first)


def add_products(
    low: int, high: int, cell: int, cell_start: Bounds, values: Values, amount: Rows, out: Float[np.ndarray, "cells features features"]
) -> None:
    """Add sums of amount x feature x feature to the upper triangle of each cell."""
    first = cell_bounds(low, high, cell, cell_start)[:-1]
    here, product = out[cell : cell + len(first)], np.empty(high - low)
    here[:, 0, 0] += np.add.reduceat(amount, first)
    for k in range(len(values)):
        part = amount * values[k, low:high]
        here[:, 0, k + 1] += np.add.reduceat(part, first)
        for m in range(k, len(values)):
            np.multiply(part, values[m, low:high], out=product)
            here[:, k + 1, m + 1] += np.add.reduceat(product, first)
