"""A model in other units, so that a year of 2015 or a time in seconds since 1970 is as easy to fit as a number around 0.

Features are centred and scaled, and the columns of the fixed effects and of every correlated random term are made orthogonal to those
before them. The model stays the same: estimates, covariances and random effects are turned back exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphtwin.mixed.design.design import Design, Grouping
from graphtwin.mixed.design.moments import column_products, column_root, pattern_products
from graphtwin.mixed.design.patterns import Columns
from graphtwin.mixed.design.sweeps import row_values
from graphtwin.shapes import Float

CONSTANT = 1e-12  # share of a feature's size below which its spread is rounding
COLLINEAR = 1e-9  # smallest singular value, of random effects of size 1, below which a correlated term is left as it is


def standard_features(design: Design) -> tuple[Design, Float[np.ndarray, " features"], Float[np.ndarray, " features"]]:
    """The design with every feature but the first centred and scaled (in place), and their means and standard deviations before."""
    mean, sd = np.zeros(len(design.values) + 1), np.ones(len(design.values) + 1)
    for k, feature in enumerate(design.values, start=1):
        largest = float(np.abs(feature).max())
        mean[k] = feature.mean()
        feature -= mean[k]
        rest = feature.mean()  # what rounding left, which is much of a small spread far from 0
        feature -= rest
        mean[k] += rest
        spread = float(np.sqrt(np.mean(feature**2)))
        sd[k] = spread if spread > CONSTANT * largest else max(largest, 1.0)
        feature /= sd[k]
    fixed = Columns(design.fixed.names, _rescaled(design.fixed.weight, mean, sd))
    inner, *crossed = (replace(grouping, weight=_rescaled(grouping.weight, mean, sd)) for grouping in design.groupings)
    return replace(design, fixed=fixed, inner=inner, crossed=tuple(crossed)), mean, sd


def _rescaled(weight: Float[np.ndarray, "patterns features columns"], mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Weights of the standard features that make the same columns."""
    scaled: np.ndarray = weight * sd[:, None]
    scaled[:, 0] += np.einsum("k,qkj->qj", mean[1:], weight[:, 1:])
    return np.ascontiguousarray(scaled)


def hold(design: Design, effect: int, value: float) -> Design:
    """The design with one fixed effect held at a value, as an offset."""
    fixed = design.fixed
    names = tuple(name for j, name in enumerate(fixed.names) if j != effect)
    rest = Columns(names, np.ascontiguousarray(np.delete(fixed.weight, effect, axis=2)))
    change = value * row_values(design, fixed.weight[:, :, effect])
    if design.absorbed:  # free intercepts take a constant up, but from far away in many steps
        change -= change.mean()
    return replace(design, offset=design.offset + change, fixed=rest)


@dataclass(frozen=True)
class Basis:
    """A design with orthogonal columns, and the way back.

    Attributes:
        design: The design in the new basis.
        fixed: Fixed effects as they were asked for are `fixed @` those of the new basis.
        random: The same for a group's random effects, one matrix a grouping.
    """

    design: Design
    fixed: Float[np.ndarray, "fixed fixed"]
    random: tuple[np.ndarray, ...]


def orthogonal(design: Design) -> Basis:
    """The design with fixed effects, and the effects of each correlated random term, orthogonal over rows and of mean square 1.

    Args:
        design: Design of full rank.
    """
    products = pattern_products(design)
    if design.absorbed:
        root = np.linalg.cholesky(column_products(design, design.fixed.weight, within=True)).T
    else:
        root = column_root(products, design.fixed.weight)
    fixed = _orthonormal(root, len(design.y))
    random = tuple(_of_terms(products, grouping, len(design.y)) for grouping in design.groupings)
    inner, *crossed = (replace(one, weight=one.weight @ turn) for one, turn in zip(design.groupings, random, strict=True))
    columns = Columns(design.fixed.names, np.ascontiguousarray(design.fixed.weight @ fixed))
    return Basis(replace(design, fixed=columns, inner=inner, crossed=tuple(crossed)), fixed, random)


def _orthonormal(root: Float[np.ndarray, "entries columns"], n_rows: int) -> np.ndarray:
    """Upper triangle T by which columns with this root become orthogonal and of mean square 1."""
    size = np.linalg.norm(root, axis=0)
    triangle = np.asarray(np.linalg.qr(root / size, mode="r"))
    inverse: np.ndarray = np.linalg.inv(triangle * np.sign(np.diag(triangle))[:, None]) / size[:, None] * np.sqrt(n_rows)
    return np.triu(inverse)


def _of_terms(products: Float[np.ndarray, "patterns features features"], grouping: Grouping, n_rows: int) -> np.ndarray:
    """The change of basis of a grouping: of each of its correlated terms by itself, of the others none."""
    turn = np.eye(len(grouping.effects))
    if not grouping.free:
        return turn
    starts = sorted({a for a, _ in grouping.free} - {a for a, b in grouping.free if a != b})
    for begin, end in zip(starts, [*starts[1:], len(grouping.effects)], strict=True):
        root = column_root(products, grouping.weight[:, :, begin:end])
        if end - begin > 1 and _smallest(root) > COLLINEAR:
            turn[begin:end, begin:end] = _orthonormal(root, n_rows)
    return turn


def _smallest(root: Float[np.ndarray, "entries columns"]) -> float:
    """Smallest singular value of columns of size 1; 0 where a column is 0 everywhere."""
    size = np.linalg.norm(root, axis=0)
    return float(np.linalg.svd(root / size, compute_uv=False)[-1]) if (size > 0).all() else 0.0
