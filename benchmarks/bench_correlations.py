"""Signal correlations of all pairs of 20,000 units, out of core: seconds, bytes, peak memory; what 100,000 units take, most alike or whole.

    python benchmarks/bench_correlations.py [UNITS [BINS]]

The whole matrix of 100,000 units is extrapolated (seconds and bytes with the square of units); with UNITS given, only the most alike of so
many units are found, as a run of 100,000 does without 40 GB of disk.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from graphtwin.execute import threads
from graphtwin.insilico.measurements import correlated, nearest_units, write_all_pairs

UNITS, BINS, NEIGHBOURS, MANY = 20_000, 400, 50, 100_000


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def responses(units: int, bins: int) -> np.ndarray:
    return np.random.default_rng(0).standard_exponential((units, bins), dtype=np.float32)


def told(what: str, began: tuple[float, float], before: float, vectors_mb: float) -> float:
    cpu = time.process_time() - began[0]
    wall = time.perf_counter() - began[1]
    print(
        f"{what}: {cpu:.1f} s of a core ({wall:.1f} s), peak memory {peak_mb() - before:+.0f} MB beside {vectors_mb:.0f} MB of unit vectors"
    )
    return cpu


def main() -> None:
    units, bins = (int(word) for word in (*sys.argv[1:3], *(UNITS, BINS)[len(sys.argv) - 1 :]))
    with threads(1):
        tiles = correlated(responses(units, bins))
        vectors_mb, before = tiles.vectors.nbytes / 2**20, peak_mb()
        began = time.process_time(), time.perf_counter()
        nearest_units(tiles, NEIGHBOURS)
        alike = told(f"the {NEIGHBOURS} most alike of each of {units:,} units, {bins} bins", began, before, vectors_mb)
        if len(sys.argv) > 1:
            return
        print(f"  of {MANY:,} units: {alike * (MANY / units) ** 2 / 60:.1f} core-minutes")
        for precision in ("float32", "float16"):
            with tempfile.TemporaryDirectory() as place:
                began = time.process_time(), time.perf_counter()
                size = write_all_pairs(tiles, Path(place) / "c.npy", precision).stat().st_size
            whole = told(f"the whole matrix in {precision}, {size / 1e9:.2f} GB", began, before, vectors_mb)
            times = (MANY / units) ** 2
            print(f"  of {MANY:,} units: {whole * times / 60:.1f} core-minutes, {size * times / 1e9:.0f} GB")


if __name__ == "__main__":
    main()
