"""Second derivatives of the Laplace likelihood of one grouping by the fixed effects, in closed form: a few passes for all of them.

A fixed effect j moves the predictor of row i by x_ij plus what the mode follows, t_ij = x_ij - z_i' H^-1 sum_i w_i z_i x_ij. With leverage
h_i, v = H^-1 sum_i w'_i h_i z_i as in `OneFactorPoint.laplace_gradient`, and H_j = sum_i w'_i t_ij z_i z_i', minus the second derivative by
j and k is that at given variances, sum_i w_i t_ij x_ik, plus half of sum_i (w''_i h_i - w'_i z_i'v) t_ij t_ik - tr(H^-1 H_j H^-1 H_k).
"""

from __future__ import annotations

import numpy as np

from graphtwin.mixed.design import add_products, fill_leverage, log_mean, mirrored
from graphtwin.mixed.likelihood.one_factor import OneFactorPoint
from graphtwin.shapes import Float

APART = 1e-4  # step in eta of the differences that give w' and w'': errors of relative size 1e-8 in a small part of the curvature


def fixed_curvature(point: OneFactorPoint) -> Float[np.ndarray, "fixed fixed"]:
    """Minus the second derivative of the Laplace log-likelihood by the fixed effects, where the random coefficients are at their mode."""
    solved = point.solve(point.cross())
    group, n_fixed = point.model.design.cell_group, solved.shape[1]
    if not n_fixed:  # the only one is held
        return np.zeros((0, 0))
    tilt = point.model.fixed_of_cell - point.random @ solved.reshape(*point.by_group.shape, n_fixed)[group]
    straight, information = tilt.reshape(-1, n_fixed), point.prior * solved.T @ solved  # a sum of squares, exact for counts of 1e12 too
    information += straight.T @ (point.sums.weight @ tilt).reshape(-1, n_fixed)
    if not point.prior:
        return information
    spread = (point.random @ point.inverse[group]) @ point.random.mT
    square, cube = _weight_moments(point, spread)
    bend = point.over_groups(np.einsum("rcst,cst,crk->ck", cube, spread, point.random, optimize=True))
    shift = np.einsum("gkl,gl->gk", point.inverse, bend)
    square -= np.einsum("rcst,crk,ck->cst", cube, point.random, shift[group], optimize=True)
    half = (square @ tilt).reshape(-1, n_fixed)
    moved = point.over_groups(np.einsum("rcst,crj,csk,ctl->cjkl", cube, tilt, point.random, point.random, optimize=True))
    turned = np.einsum("gkl,gjlm->gjkm", point.inverse, moved, optimize=True).reshape(len(moved), n_fixed, -1)
    back = np.swapaxes(turned.reshape(*turned.shape[:2], *point.inverse.shape[1:]), 2, 3).reshape(turned.shape)
    return information + 0.5 * (straight.T @ half - np.einsum("gjk,gik->ji", turned, back, optimize=True))


def _weight_moments(
    point: OneFactorPoint, spread: Float[np.ndarray, "cells features features"]
) -> tuple[Float[np.ndarray, "cells features features"], Float[np.ndarray, "features cells features features"]]:
    """Sums over cells of w'' h x feature x feature, and of w' x feature x feature x feature."""
    design, family = point.model.design, point.model.family
    n_cells, n_features = point.coefficient.shape
    square, cube = np.zeros((n_cells, n_features, n_features)), np.zeros((n_features, n_cells, n_features, n_features))
    for low, high, cell in design.blocks():
        where, y, leverage, eta = (low, high, cell, design.cell_start), design.y[low:high], np.empty(high - low), np.empty(high - low)
        log_mean(*where, design.offset, design.values, point.coefficient, eta)
        fill_leverage(*where, design.values, spread, leverage)
        up, down = (family.derivatives(eta + step, y, point.inner)[0] for step in (APART, -APART))
        add_products(*where, design.values, (up - down) / (2.0 * APART) * leverage, square)
        for r in range(n_features):
            bend = 0.5 * (up + down)
            add_products(*where, design.values, bend if r == 0 else bend * design.values[r - 1, low:high], cube[r])
    return mirrored(square), np.stack([mirrored(part) for part in cube])
