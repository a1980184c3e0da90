"""L_d of 20 axons and 300 dendrites against two k-d trees a pair, the cost of a pair as dendrites are added, and the command from files.

The skeletons are the bundled ones, moved by even numbers of nm (which moves their rounded points along). The reference follows the
definition pair by pair; it is timed on pairs drawn at random and scaled to all of them. It starts from discretised skeletons, as ours does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from graphtwin.cortex.proximity import Cable, DendriteIndex, ask_index, in_order

DATA = Path(__file__).resolve().parents[1] / "data" / "skeletons"
AXONS, DENDRITES, SAMPLED, ROUNDS = 20, 300, 60, 3
RADIUS_NM, MAX_EDGE_NM = 5000, 1000.0
REACH_NM = 100_000  # distance in nm that a skeleton is moved along each axis at most
TIMES, SECONDS, DIFFERENCE_NM = 100, 2.0, 1e-6  # speed-up, seconds and largest difference that are promised

Skeleton = tuple[np.ndarray, np.ndarray]


def split(vertices: np.ndarray, edges: np.ndarray) -> Skeleton:
    """The reference's points and edges, an edge at a time."""
    segments = []
    for a, b in zip(vertices[edges[:, 0]], vertices[edges[:, 1]], strict=True):
        parts = int(np.ceil(np.linalg.norm(a - b) / MAX_EDGE_NM))
        line = np.round(np.linspace(a, b, parts + 1))
        segments.append(np.stack([line[:-1], line[1:]], axis=1))
    points, number = np.unique(np.concatenate(segments).reshape(-1, 3), axis=0, return_inverse=True)
    return points, number.reshape(-1, 2)


def two_trees(axon: Skeleton, dendrite: Skeleton) -> tuple[float, float]:
    """L_d and axon length (nm) of a pair, by the definition."""
    near = cKDTree(axon[0]).query_ball_tree(cKDTree(dendrite[0]), RADIUS_NM)
    on_axon = [i for i, found in enumerate(near) if found]
    on_dendrite = list({j for found in near for j in found})
    lengths = []
    for (points, edges), chosen in ((dendrite, on_dendrite), (axon, on_axon)):
        kept = edges[np.isin(edges, np.array(chosen, dtype=int)).any(axis=1)]
        lengths.append(float(np.linalg.norm(points[kept[:, 0]] - points[kept[:, 1]], axis=1).sum()))
    return lengths[0], lengths[1]


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def moved(kind: str, count: int, rng: np.random.Generator) -> tuple[list[Skeleton], list[Skeleton]]:
    """Copies of the two real skeletons of a kind: as they are in files, and discretised by the reference."""
    real = []
    for file in sorted(DATA.glob(f"skeleton_{kind}_*.npz")):
        with np.load(file) as held:
            real.append((held["vertices"], held["edges"]))
    reference = [split(*skeleton) for skeleton in real]
    shifts = [2.0 * rng.integers(-REACH_NM // 2, REACH_NM // 2, 3) for _ in range(count)]
    return tuple([(held[i % 2][0] + shift, held[i % 2][1]) for i, shift in enumerate(shifts)] for held in (real, reference))


def ours(axons: list[Cable], dendrites: list[Cable], workers: int) -> tuple[float, float, dict[tuple[int, int], float]]:
    """Seconds to build the index, seconds to ask, and L_d (nm) of the proximal pairs."""
    built, index = timed(lambda: DendriteIndex.build(dendrites, RADIUS_NM, MAX_EDGE_NM))
    asked, found = timed(lambda: list(in_order(ask_index(index), axons, workers)))
    l_d = {(of.pre_nucleus_id, post): 1000 * l_d for of in found for post, l_d in zip(of.post_nucleus_id, of.l_d_um, strict=True)}
    return built, asked, l_d


def against_two_trees(rng: np.random.Generator) -> tuple[float, float]:
    """Print the comparison; returns how many times faster, and the largest difference of L_d (nm)."""
    (axon_files, slow_axons), (dendrite_files, slow_dendrites) = moved("axon", AXONS, rng), moved("dend", DENDRITES, rng)
    cut, cables = timed(lambda: [Cable.from_skeleton(i, *file) for i, file in enumerate(axon_files + dendrite_files)])
    axons, dendrites = cables[:AXONS], cables[AXONS:]
    ours(axons[:1], dendrites[:2], 1)  # compiles
    chosen = rng.choice(AXONS * DENDRITES, SAMPLED, replace=False)
    pairs = [(int(c) // DENDRITES, int(c) % DENDRITES) for c in chosen]
    slow, fast = [], {1: [], 2: []}
    for _ in range(ROUNDS):  # in turns, so that a busy machine is as busy for both
        seconds, values = timed(lambda: [two_trees(slow_axons[a], slow_dendrites[d]) for a, d in pairs])
        slow.append(seconds / SAMPLED)
        for workers, runs in fast.items():
            runs.append(ours(axons, dendrites, workers))
    reference, rows = min(slow), {workers: min(runs, key=lambda run: run[0] + run[1]) for workers, runs in fast.items()}
    n = AXONS * DENDRITES
    print(f"{AXONS} axons x {DENDRITES} dendrites, {sum(len(cable.points_nm) for cable in dendrites):,} points of dendrites")
    print(f"two trees a pair: {1e3 * reference:.1f} ms a pair on {SAMPLED} pairs, {n * reference:.0f} s for all {n:,}")
    for workers, (built, asked, _) in rows.items():
        whole = f"index {built:.2f} s + {asked:.2f} s = {1e3 * (built + asked) / n:.3f} ms a pair, {n * reference / (built + asked):.0f} x"
        print(f"ours, workers {workers}: {whole}; with an index that is there {n * reference / asked:.0f} x")
    print(f"discretising {len(cables)} skeletons, in neither: {cut:.1f} s")
    difference = max(abs(rows[1][2].get((a, AXONS + d), 0.0) - l_d) for (a, d), (l_d, _) in zip(pairs, values, strict=True))
    proximal = sum(l_d > 0 for l_d, _ in values)
    print(f"largest difference of L_d on these pairs, {proximal} of them proximal: {difference:.1e} nm")
    as_dendrites_are_added(axons, dendrites, reference)
    return n * reference / sum(rows[1][:2]), difference


def as_dendrites_are_added(axons: list[Cable], dendrites: list[Cable], reference: float) -> None:
    """Print the cost of a pair, one worker."""
    print(f"\n{'dendrites':>9}{'ms a pair':>12}{'without the index':>20}{'x two trees':>14}")
    for count in (10, 30, 100, 300):
        runs = [ours(axons, dendrites[:count], 1)[:2] for _ in range(ROUNDS)]
        built, asked = min(runs, key=sum)
        n = AXONS * count
        print(f"{count:9}{1e3 * (built + asked) / n:12.3f}{1e3 * asked / n:20.3f}{n * reference / (built + asked):14.0f}")


def memory(rng: np.random.Generator) -> None:
    """Print how the largest resident memory grows with axons that are streamed."""
    vertices, edges = moved("axon", 1, rng)[0][0]
    dendrites = [Cable.from_skeleton(i, *skeleton) for i, skeleton in enumerate(moved("dend", 30, rng)[0])]
    index = DendriteIndex.build(dendrites)
    grown = []
    for count in (5, 200):
        for _ in in_order(ask_index(index), (Cable.from_skeleton(-1 - i, vertices + 2.0 * i, edges) for i in range(count)), 1):
            pass
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"\npeak memory after 5 axons {grown[0]:.0f} MB, after 200 more {grown[1]:.0f} MB")


def from_files() -> float:
    """Print the time of the whole command on the bundled skeletons; returns that of the second call."""
    files = {kind: [str(file) for file in sorted(DATA.glob(f"skeleton_{kind}_*.npz"))] for kind in ("axon", "dend")}
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", f"{folder}/pairs.parquet"]
        arguments = ["proximity", "--axons", *files["axon"], "--dendrites", *files["dend"], *out]
        command = [sys.executable, "-c", f"from graphtwin.cli.app import app; app({arguments})"]
        environment = os.environ | {"NUMBA_CACHE_DIR": f"{folder}/cache"}
        taken, busy = [], []
        for _ in range(5):
            Path(out[1]).unlink(missing_ok=True)  # a table that is there is not written over
            before = os.times()
            taken.append(timed(lambda: subprocess.run(command, check=True, capture_output=True, env=environment, cwd=DATA.parents[1]))[0])
            after = os.times()
            busy.append(after.children_user + after.children_system - before.children_user - before.children_system)
    print(f"from files, start-up and all: first call ever {taken[0]:.1f} s, of a core {busy[0]:.1f} s (compiles)")
    print(f"                              later calls {min(taken[1:]):.2f} s, of a core {min(busy[1:]):.2f} s")
    return min(taken[1:])


def main() -> None:
    rng = np.random.default_rng(0)
    memory(rng)  # first: the peak is that of the whole process
    times, difference = against_two_trees(rng)
    seconds = from_files()
    missed = [
        words
        for words, good in (
            (f"{times:.0f} x instead of {TIMES} x", times >= TIMES),
            (f"L_d off by {difference:.1e} nm", difference <= DIFFERENCE_NM),
            (f"{seconds:.2f} s from files instead of {SECONDS} s", seconds <= SECONDS),
        )
        if not good
    ]
    if missed:
        raise SystemExit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
