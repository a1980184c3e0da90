"""Unweighted sums of a design's columns: what rank, absorbed columns and the scale of random slopes are judged by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphtwin.mixed.design.design import Design
from graphtwin.mixed.design.sweeps import add_products, add_sums, log_mean, mirrored
from graphtwin.shapes import Bool, Float

REPRODUCED = 1e-12  # share of the largest response below which all that least squares leave is rounding

ROUNDING = 1e-20  # share of a column's squares below which those within patterns are rounding


def feature_moments(
    design: Design, rows: Bool[np.ndarray, " rows"] | None = None
) -> tuple[Float[np.ndarray, "cells features"], Float[np.ndarray, "cells features features"]]:
    """Sums of features and of their products over the rows of each cell, or over some of them."""
    n_cells, n_features = len(design.cell_pattern), len(design.values) + 1
    sums, products = np.zeros((n_cells, n_features)), np.zeros((n_cells, n_features, n_features))
    for low, high, cell in design.blocks():
        ones = np.ones(high - low) if rows is None else rows[low:high].astype(np.float64)
        add_sums(low, high, cell, design.cell_start, design.values, ones, sums)
        add_products(low, high, cell, design.cell_start, design.values, ones, products)
    return sums, mirrored(products)


def column_products(
    design: Design,
    weight: Float[np.ndarray, "patterns features columns"],
    within: bool = False,
    rows: Bool[np.ndarray, " rows"] | None = None,
) -> np.ndarray:
    """Sums of products of columns over all rows or some, or of their deviations from the mean of the inner group."""
    sums, products = feature_moments(design, rows)
    of_cell = weight[design.cell_pattern]
    total: np.ndarray = (of_cell.mT @ (products @ of_cell)).sum(axis=0)
    if not within:
        return total
    first = np.flatnonzero(np.r_[True, np.diff(design.cell_group) > 0])
    group_sums = np.add.reduceat(np.einsum("crp,cr->cp", of_cell, sums), first, axis=0)
    n_rows = np.add.reduceat(np.diff(design.cell_start), first)
    centred: np.ndarray = total - (group_sums / n_rows[:, None]).T @ group_sums
    return centred


def pattern_products(design: Design) -> Float[np.ndarray, "patterns features features"]:
    """Sums of products of features over the rows of every pattern of categories."""
    total = np.zeros((len(design.patterns), len(design.values) + 1, len(design.values) + 1))
    np.add.at(total, design.cell_pattern, feature_moments(design)[1])
    return total


def column_root(
    products: Float[np.ndarray, "patterns features features"], weight: Float[np.ndarray, "patterns features columns"]
) -> Float[np.ndarray, "entries columns"]:
    """A matrix with the products of the columns (A'A = X'X), but as exact as the columns themselves: its QR is that of all rows.

    Args:
        products: Sums of products of features, from `pattern_products`.
        weight: Weights of the features in the columns.
    """
    values, vectors = np.linalg.eigh(products)
    roots = np.sqrt(np.maximum(values, 0.0))[:, :, None] * vectors.mT
    root: np.ndarray = np.concatenate(roots @ weight)
    return root


def varying_squares(
    products: Float[np.ndarray, "patterns features features"], weight: Float[np.ndarray, "patterns features columns"]
) -> Float[np.ndarray, " columns"]:
    """Sum of squares of each column's deviations from its mean within patterns; that of the column where there are none."""
    n_rows = products[:, :1, :1]
    centred = products - products[:, :, :1] * products[:, :1, :] / n_rows
    within = np.einsum("qkj,qkl,qlj->j", weight, centred, weight)
    square = np.einsum("qkj,qkl,qlj->j", weight, products, weight)
    squares: np.ndarray = np.where(within > ROUNDING * square, within, square)
    return squares


def effect_scales(design: Design, weight: Float[np.ndarray, "patterns features effects"]) -> Float[np.ndarray, " effects"]:
    """Standard deviation over rows of what multiplies each random effect; its root mean square where it doesn't vary."""
    sums, products = feature_moments(design)
    of_cell = weight[design.cell_pattern]
    square = np.einsum("crk,crk->k", of_cell, products @ of_cell) / len(design.y)
    variance = square - (np.einsum("crk,cr->k", of_cell, sums) / len(design.y)) ** 2
    scale: np.ndarray = np.sqrt(np.where(variance > 1e-9 * square, variance, square))
    return scale


def residual(design: Design) -> tuple[Design, Float[np.ndarray, " fixed"]]:
    """The design with what least squares leave of the response, and their coefficients: a mean of 1e6 would drown a variance of 1.

    Of a response on the scale of the predictor the likelihood of the rest is that of the whole, at fixed effects that differ by these.
    """
    fixed, none = design.fixed.weight[design.cell_pattern], np.zeros(len(design.y))
    response, fitted = np.zeros(fixed.shape[:2]), np.empty(len(design.y))
    whole = design.y - design.offset
    for low, high, cell in design.blocks():
        add_sums(low, high, cell, design.cell_start, design.values, whole[low:high], response)
    products = column_products(design, design.fixed.weight)
    size = np.sqrt(np.diag(products))
    share = np.linalg.lstsq(products / np.outer(size, size), np.einsum("crp,cr->p", fixed, response) / size, rcond=None)[0] / size
    for low, high, cell in design.blocks():
        log_mean(low, high, cell, design.cell_start, none, design.values, fixed @ share, fitted[low:high])
    if np.abs(whole - fitted).max() < REPRODUCED * np.abs(design.y).max():
        raise ValueError(
            f"response: in all {len(whole)} rows the fixed effects reproduce it, but for rounding. There is no variance to fit."
        )
    return replace(design, y=whole - fitted, offset=none), share


def pattern_moments(design: Design) -> tuple[Float[np.ndarray, "patterns features"], Float[np.ndarray, " patterns"]]:
    """Mean of each feature and number of rows, for every pattern of categories."""
    sums, _ = feature_moments(design)
    n_patterns = len(design.fixed.weight)
    total = np.zeros((n_patterns, sums.shape[1]))
    np.add.at(total, design.cell_pattern, sums)
    return total / total[:, :1], total[:, 0]
