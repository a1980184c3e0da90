"""Similarities of a million pairs of 12,894 neurons x 4,999 responses, against `np.corrcoef` a pair, and the memory it takes."""

from __future__ import annotations

import resource
import time

import numpy as np

from graphtwin.tuning import feature_similarity, rf_distance, signal_correlation

NEURONS, RESPONSES, FEATURES, PAIRS = 12_894, 4_999, 512, 1_000_000
COMPARED = 2_000  # pairs of the reference


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def corrcoef_a_pair(responses: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The reference."""
    return np.array([np.corrcoef(responses[i], responses[j])[0, 1] for i, j in zip(a, b, strict=True)])


def main() -> None:
    rng = np.random.default_rng(0)
    responses = rng.standard_exponential((NEURONS, RESPONSES), dtype=np.float32)
    features = rng.standard_normal((NEURONS, FEATURES), dtype=np.float32)
    positions = rng.uniform(-1, 1, (NEURONS, 2))
    few = np.arange(2)
    signal_correlation(responses[:2], few, few)  # compiles
    axons = rng.choice(NEURONS, PAIRS // NEURONS + 1, replace=False)
    layouts = {
        "of 78 axons with every target": (np.repeat(axons, NEURONS)[:PAIRS], np.tile(np.arange(NEURONS), len(axons))[:PAIRS]),
        "drawn at random": (rng.integers(NEURONS, size=PAIRS), rng.integers(NEURONS, size=PAIRS)),
    }
    for layout, (a, b) in layouts.items():
        before, start = peak_mb(), time.perf_counter()
        found = signal_correlation(responses, a, b)
        ours, grown = time.perf_counter() - start, peak_mb() - before
        some = rng.choice(PAIRS, COMPARED, replace=False)
        start = time.perf_counter()
        expected = corrcoef_a_pair(responses, a[some], b[some])
        ratio = (time.perf_counter() - start) / COMPARED / (ours / PAIRS)
        print(f"signal correlation, {PAIRS:,} pairs {layout}: {ours:.2f} s, {ratio:.0f} x np.corrcoef a pair, {grown:+.0f} MB")
        print(f"  largest difference {np.abs(found[some] - expected).max():.1e} (float32)")
    a, b = layouts["drawn at random"]
    start = time.perf_counter()
    feature_similarity(features, a, b)
    print(f"feature similarity, {PAIRS:,} pairs, {FEATURES} features: {time.perf_counter() - start:.2f} s")
    start = time.perf_counter()
    rf_distance(positions, a, b)
    print(f"RF distance, {PAIRS:,} pairs: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
