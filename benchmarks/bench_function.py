"""Cost of the learned basis for function of any kind: CPU seconds and memory by neurons, columns and gaps, with the choice and without."""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from graphtwin.tuning import ANY_COLUMNS, Noise, fit_basis, learn_embeddings

SIZES = [(20, 2, 0.0), (137, 170, 0.3), (2000, 16, 0.0), (2000, 16, 0.3), (4000, 16, 0.3), (2000, 200, 0.3), (20000, 60, 0.3)]
LARGE = [(100_000, 20, 0.3), (2000, 2000, 0.3), (100_000, 200, 0.3)]


def planted(n: int, d: int, gaps: float, seed: int = 0) -> np.ndarray:
    """Responses of rank 4 (1 for two columns) with noise, gains, offsets and gaps at random."""
    rng = np.random.default_rng(seed)
    rank = min(4, d - 1)
    curve = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d))
    values = np.exp(0.5 * rng.normal(size=(n, 1))) * (curve + rng.normal(size=(n, d))) + rng.normal(size=(n, 1))
    values[rng.random((n, d)) < gaps] = np.nan
    return values


def measure(n: int, d: int, gaps: float) -> str:
    """One fit of rank 4, and the whole choice, in CPU seconds."""
    values = planted(n, d, gaps)
    start = time.process_time()
    fit_basis(values, min(4, d - 1), 0.0, None, Noise("gaussian"), np.zeros((d, d)))
    fitted = time.process_time()
    keys = {"session": 0, "scan_idx": 0, "unit_id": np.arange(n), "nucleus_id": np.arange(n)}
    names = [f"c{index}" for index in range(d)]
    free = {"table": "t", "position": np.nan, "period": np.nan, "axis": "free", "noise": "gaussian", "what": ""}
    units = pd.concat([pd.DataFrame(keys), pd.DataFrame(values, columns=names)], axis=1)
    learned = learn_embeddings(units, ANY_COLUMNS, pd.DataFrame({"column": names, **free}))
    chosen = time.process_time() - fitted
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"| {n:,} | {d} | {gaps:.0%} | {fitted - start:.2f} | {chosen:.1f} | {learned.held_out.rank} | {peak:.2f} |"


if __name__ == "__main__":
    print("| neurons | columns | gaps | one fit, s | with the choice, s | rank | peak so far, GB |")
    for size in SIZES + (LARGE if "large" in sys.argv else []):
        print(measure(*size), flush=True)
