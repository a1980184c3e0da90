"""Cost of the shared basis: against the scipy fit of one von Mises curve at a time, and against itself on twice the neurons."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares

from graphtwin.tuning import VonMises, fit_basis, fit_von_mises

DEGREES = np.arange(16) * 22.5
SAMPLE = 200  # neurons given to scipy


def planted(n: int, seed: int = 0) -> np.ndarray:
    """Two-peak curves with Gamma noise."""
    rng = np.random.default_rng(seed)
    height = rng.uniform(1, 4, n)
    curves = VonMises(rng.uniform(0.2, 1, n), height, height * rng.uniform(0, 0.9, n), rng.uniform(0, 360, n), rng.uniform(0.5, 4, n))
    return curves.response(DEGREES) * rng.gamma(8.0, 1 / 8.0, (n, 16))


def seconds(work: Callable[[], object]) -> float:
    """Best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def one_by_one(responses: np.ndarray) -> None:
    """The reference: a five-parameter least-squares fit a neuron."""
    angles = np.radians(DEGREES)

    def residual(parameters: np.ndarray, values: np.ndarray) -> np.ndarray:
        base, tall, small, mu, kappa = parameters
        cosine = np.cos(angles - mu)
        return base + tall * np.exp(kappa * (cosine - 1)) + small * np.exp(kappa * (-cosine - 1)) - values

    for values in responses:
        start = [values.min(), np.ptp(values), np.ptp(values) / 2, angles[values.argmax()], 1.5]
        least_squares(residual, start, args=(values,), bounds=([0, 0, 0, -10, 0.05], [np.inf, np.inf, np.inf, 10, 8.0]))


def main() -> None:
    small, large = planted(6034), planted(12068)
    basis, doubled = seconds(lambda: fit_basis(small, 6, 0.1)), seconds(lambda: fit_basis(large, 6, 0.1))
    batched = seconds(lambda: fit_von_mises(small, DEGREES)) / len(small)
    single = seconds(lambda: one_by_one(small[:SAMPLE])) / SAMPLE
    print(f"shared basis, 6,034 neurons x 16 directions, rank 6: {basis:.2f} s; twice the neurons: {doubled / basis:.2f} x the time")
    print(f"von Mises, a neuron: batched {1e3 * batched:.3f} ms, scipy {1e3 * single:.3f} ms: {single / batched:.1f} x")


if __name__ == "__main__":
    main()
