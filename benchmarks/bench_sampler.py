"""Neighbour sampling: the numba pass against the same algorithm in numpy, a node at a time, on the same graph and batches."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch_geometric.data import HeteroData
from torch_geometric.sampler import NodeSamplerInput

from graphtwin.graph.model.sampler import NeighbourSampler

NODES, EDGES, BATCH = 80_000, 2_000_000, 1024
FAN_OUT = [15, 10]
RELATION = ("neuron", "synapse", "neuron")


def heavy_tailed(seed: int = 0) -> HeteroData:
    """A graph whose degrees are as uneven as those of axons."""
    rng = np.random.default_rng(seed)
    ends = (NODES * rng.random((2, EDGES)) ** 1.5).astype(np.int64)
    graph = HeteroData()
    graph["neuron"].num_nodes = NODES
    graph[RELATION].edge_index = torch.from_numpy(ends)
    return graph


def in_numpy(indptr: np.ndarray, source: np.ndarray, seeds: np.ndarray, rng: np.random.Generator) -> int:
    """The reference; returns the number of edges drawn."""
    number = {int(node): i for i, node in enumerate(seeds)}
    frontier, drawn = seeds.tolist(), 0
    for fan in FAN_OUT:
        reached = []
        for node in frontier:
            begin, degree = indptr[node], indptr[node + 1] - indptr[node]
            places = np.arange(degree) if degree <= fan else rng.choice(degree, fan, replace=False, shuffle=False)
            for neighbour in source[begin + places].tolist():
                if neighbour not in number:
                    number[neighbour] = len(number)
                    reached.append(neighbour)
                drawn += 1
        frontier = reached
    return drawn


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Best of several."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    graph = heavy_tailed()
    start = time.perf_counter()
    sampler = NeighbourSampler(graph, FAN_OUT)
    built = time.perf_counter() - start
    seeds = np.random.default_rng(1).choice(NODES, BATCH, replace=False)
    batch = NodeSamplerInput(None, torch.from_numpy(seeds), None, "neuron")
    drawn = len(sampler.sample_from_nodes(batch).edge[RELATION])  # compiles too
    ours = seconds(lambda: sampler.sample_from_nodes(batch), 10)
    csr = sampler.incoming[RELATION]
    reference = seconds(lambda: in_numpy(csr.indptr, csr.source, seeds, np.random.default_rng(0)), 3)
    print(f"{NODES:,} nodes, {EDGES:,} edges, sorted in {built:.2f} s; a batch of {BATCH} seeds, fan-out {FAN_OUT}: {drawn:,} edges drawn")
    print(f"numba {1e3 * ours:.1f} ms, numpy a node at a time {1e3 * reference:.1f} ms: {reference / ours:.0f} x")


if __name__ == "__main__":
    main()
