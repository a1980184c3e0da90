"""Correlations of a random field by distance, and a field's basis of few functions.

With knots m and places s the field is f(s) = sd * k(s, m) L^-T b, where L L' = k(m, m) and b is standard normal. Its covariance is
sd^2 k(s, m) k(m, m)^-1 k(m, s), which is k itself where every place is a knot. Source: Banerjee, Gelfand, Finley and Sang 2008,
doi:10.1111/j.1467-9868.2008.00663.x (predictive processes); Williams and Seeger 2001 (Nystrom).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphtwin.shapes import Float

JITTER = 1e-10  # share of white noise at the knots, without which the root of a very smooth kernel is rounding
Correlation = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def exponential(scaled: Float[np.ndarray, "a b"]) -> tuple[Float[np.ndarray, "a b"], Float[np.ndarray, "a b"]]:
    """exp(-d / range), Matern's of smoothness 1/2, and its derivative by the log range."""
    value = np.exp(-scaled)
    return value, scaled * value


def matern(scaled: Float[np.ndarray, "a b"]) -> tuple[Float[np.ndarray, "a b"], Float[np.ndarray, "a b"]]:
    """(1 + t) exp(-t) with t = sqrt(3) d / range, Matern's of smoothness 3/2, and its derivative by the log range."""
    t = np.sqrt(3.0) * scaled
    decay = np.exp(-t)
    return (1.0 + t) * decay, t**2 * decay


def squared_exponential(scaled: Float[np.ndarray, "a b"]) -> tuple[Float[np.ndarray, "a b"], Float[np.ndarray, "a b"]]:
    """exp(-d^2 / (2 range^2)), and its derivative by the log range."""
    square = scaled**2
    value = np.exp(-0.5 * square)
    return value, square * value


KERNELS: dict[str, Correlation] = {"matern": matern, "exponential": exponential, "squared_exponential": squared_exponential}


def distances(a: Float[np.ndarray, "a axes"], b: Float[np.ndarray, "b axes"]) -> Float[np.ndarray, "a b"]:
    """Distance of every two points."""
    return np.sqrt(sum((one[:, None] - other) ** 2 for one, other in zip(a.T, b.T, strict=True)))


def field_basis(
    places: Float[np.ndarray, "places axes"], knots: Float[np.ndarray, "knots axes"], kernel: str, length: float
) -> tuple[Float[np.ndarray, "places knots"], Float[np.ndarray, "places knots"]]:
    """Basis functions of a field with SD 1 at some places, and their derivative by the log range.

    The derivative is that of k(s, m) k(m, m)^-1/2 up to a rotation of b, which no likelihood sees.

    Args:
        places: Coordinates of the places.
        knots: Coordinates of the knots, in the same unit.
        kernel: Name of the correlation.
        length: Range of the correlation, in the same unit.
    """
    from scipy.linalg import cholesky, solve_triangular

    correlation = KERNELS[kernel]
    among, among_slope = correlation(distances(knots, knots) / length)
    across, across_slope = correlation(distances(places, knots) / length)
    root = cholesky(among + JITTER * np.eye(len(knots)), lower=True)

    def half(matrix: np.ndarray) -> np.ndarray:
        solved: np.ndarray = solve_triangular(root, matrix.T, lower=True).T
        return solved

    basis = half(across)
    slope = half(across_slope) - 0.5 * basis @ half(half(among_slope).T)
    return np.ascontiguousarray(basis), np.ascontiguousarray(slope)
