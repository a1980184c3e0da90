"""All pairs of 6,000 neurons: dense tiles streamed by `score_all`, against `score` on the same pairs, and the memory either needs."""

from __future__ import annotations

import resource
import time

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from graphtwin.graph.data import NodeInputs, PairSet, build_graph, inner_axons, similar_edges
from graphtwin.graph.model import FittedPairs, fit_pairs, pair_probabilities, score_all
from graphtwin.graph.settings import PairConfig
from graphtwin.training import FitConfig

NEURONS, QUERIED, FEATURES, LABELS = 6000, 1000, 32, 12
COMPARED = 600  # axons that `score` scores too


def synthetic() -> FittedPairs:
    """A graph model of the bundle's size after one epoch; its speed does not depend on how well it fits."""
    rng = np.random.default_rng(0)
    nothing = np.full(NEURONS, -1)
    inputs = NodeInputs(
        nucleus_id=np.arange(NEURONS),
        function=rng.standard_normal((NEURONS, FEATURES)).astype(np.float32),
        has_function=np.ones(NEURONS, dtype=bool),
        reliability=np.ones(NEURONS, np.float32),
        scan=np.zeros(NEURONS, dtype=np.int64),
        position=rng.uniform(0, 1, (NEURONS, 3)) * (1000, 400, 700),
        context=rng.integers(0, 2, (NEURONS, LABELS)).astype(np.float32),
        cell_type=nothing,
        layer=nothing,
        cell_types=(),
        layers=(),
        scans=((1, 1),),
        context_names=tuple(f"label_{i}" for i in range(LABELS)),
    )
    size = sparse.random_array((NEURONS, QUERIED), density=0.005, rng=rng, format="csr")
    training = PairSet(661, np.arange(NEURONS), np.arange(QUERIED), replace_zeros(size))
    nothing_seen = pd.DataFrame(
        {name: [] for name in ("materialization", "pre_nucleus_id", "post_nucleus_id", "size", "nucleus_id", "side")}
    )
    graph = build_graph(inputs, nothing_seen, nothing_seen, 10)
    inner = inner_axons(training, inputs, 1, 0.1, 0)
    return fit_pairs(inputs, similar_edges(graph), training, inner, PairConfig(fit=FitConfig(epochs=1)), 0, "benchmark")


def replace_zeros(size: sparse.csr_array) -> sparse.csr_array:
    """Synapse sizes above zero."""
    size.data = 100 + 1000 * size.data
    return size


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def stream(fitted: FittedPairs, axons: np.ndarray, cells: np.ndarray) -> float:
    """Seconds to score all pairs and drop them block by block."""
    start = time.perf_counter()
    for _, probability in score_all(fitted, axons, cells):
        assert probability.shape[1] == len(cells)
    return time.perf_counter() - start


def main() -> None:
    torch.set_num_threads(1)  # small tiles: blocks side by side share the cores better than threads inside an operation
    fitted = synthetic()
    rows = np.arange(NEURONS)
    stream(fitted, rows[:300], rows)  # compiles, and takes the memory of one block
    before = peak_mb()
    whole = stream(fitted, rows, rows)
    grown = peak_mb() - before
    some = min(stream(fitted, rows[:COMPARED], rows) for _ in range(3))
    start = time.perf_counter()
    listed, _ = pair_probabilities(fitted, np.repeat(rows[:COMPARED], NEURONS), np.tile(rows, COMPARED))
    seconds = time.perf_counter() - start
    dense = np.concatenate([block for _, block in score_all(fitted, rows[:COMPARED], rows)]).ravel()
    print(f"{NEURONS:,} x {NEURONS:,} pairs: {whole:.1f} s; peak memory {before:.0f} MB after one block, {grown:+.0f} MB after all")
    print(f"{COMPARED:,} x {NEURONS:,} pairs: {some:.2f} s, listed {seconds:.2f} s: {seconds / some:.1f} x")
    print(f"largest difference {np.abs(dense - listed).max():.1e}")


if __name__ == "__main__":
    main()
