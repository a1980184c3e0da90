"""A thousand replicates of every bootstrap and null on 1.8 million candidate pairs, against their limit of 300 s in all on two cores.

    python benchmarks/bench_pair_nulls.py [--replicates 1000] [--workers 2]

The table is harder than the published one (1.7 million pairs, of which 0.23 million have L_d > 0): here every pair is a candidate. The
references do the same in numpy, a replicate at a time: a lottery and a sort for a permutation, a table of copied axons for a resample.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from graphtwin.wiring.conditional import (
    DISTANCE_ALONE,
    L_D_ALONE,
    ConditionalFit,
    Hypothesis,
    bootstrap_axons,
    bootstrap_axons_and_targets,
    fit_conditional,
    held_out_scores,
    leave_one_axon_out,
    rank_within_axons,
    summarise_ranking,
)
from graphtwin.wiring.nulls import permute_neurons, permute_within_axons, rewire_pairs
from graphtwin.wiring.pairs import CandidateSet, Measure, Planted, PlantedPairs, candidates, outcome_of, plant, quantile_bins
from graphtwin.wiring.spatial import (
    Places,
    match_variogram,
    moran_index,
    randomise_axons,
    randomise_targets,
    shift_targets,
    similarity_maps,
)

LIMIT_SECONDS = 300.0
SIMILARITY, BY = "signal_correlation", "proj_hva"
WITHIN = "permutation within axons"
FEW = 20  # replicates of a first call; rewiring needs more than similarities are held
TABLE = Planted(n_axons=150, n_targets=12_000, n_synapses=40_000, slope=0.8, near=1e3, projections=True)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def permuted_in_numpy(choices: CandidateSet, rng: np.random.Generator) -> np.ndarray:
    """The score of one within-axon permutation, by sorting a lottery."""
    block, value = choices.block, choices.x[:, 0]
    dealt = value[np.lexsort((rng.random(len(value)), block))]
    expected = choices.exposure * (choices.sum_blocks(choices.n_synapses) / choices.sum_blocks(choices.exposure))[block]
    return np.bincount(choices.block_group[block], dealt * (choices.n_synapses - expected))


def resampled_in_pandas(pairs: pd.DataFrame, axons: np.ndarray, rng: np.random.Generator) -> object:
    """One resample of axons as a table of its own, each draw under a new id."""
    rows = pairs.groupby("pre_nucleus_id").indices
    drawn = rng.choice(axons, len(axons))
    table = pairs.iloc[np.concatenate([rows[axon] for axon in drawn])]
    table = table.assign(pre_nucleus_id=np.repeat(np.arange(len(drawn)), [len(rows[axon]) for axon in drawn]))
    return fit_conditional(candidates(table, [SIMILARITY], BY))


def replicates(data: PlantedPairs, fit: ConditionalFit, n: int, workers: int) -> float:
    """Print wall and processor time of `n` replicates of each; the latter of the permutation within axons, to compare others with."""
    choices = fit.choices
    measure = Measure(SIMILARITY, data.nucleus_id, lambda a, b: np.einsum("ij,ij->i", data.function[a], data.function[b]), data.layer)
    stratum = quantile_bins(data.pairs, ["post_layer"], {"distance_um": 8, "l_d_um": 8})
    work: dict[str, Callable[[int], object]] = {
        "bootstrap of axons": lambda n: bootstrap_axons(fit, 0, n, workers),
        "bootstrap of axons and targets": lambda n: bootstrap_axons_and_targets(fit, 0, n, workers),
        WITHIN: lambda n: permute_within_axons(choices, SIMILARITY, 0, n, None, workers),
        "permutation within axons and strata": lambda n: permute_within_axons(choices, SIMILARITY, 0, n, stratum, workers),
        "permutation of neurons": lambda n: permute_neurons(choices, measure, 0, n, workers),
        "rewiring weighted by L_d": lambda n: rewire_pairs(choices, SIMILARITY, 0, n, "weighted", workers=workers),
    }
    total, processor, within = 0.0, 0.0, np.nan
    for name, one in work.items():
        one(FEW)  # compiles
        before = time.process_time()
        wall = seconds(lambda one=one: one(n))  # type: ignore[misc]
        busy = time.process_time() - before
        total, processor = total + wall, processor + busy
        within = busy if name == WITHIN else within
        print(f"{name:38s}{wall:8.1f} s wall{busy:8.1f} s of processors{1e3 * busy / n:8.1f} s for 1,000", flush=True)
    print(f"{'all':38s}{total:8.1f} s wall{processor:8.1f} s of processors")
    print(f"1,000 replicates of each: {1000 / n * total / LIMIT_SECONDS:.2f} x the limit of {LIMIT_SECONDS:.0f} s")
    return within


def spatial(data: PlantedPairs, n: int, workers: int, within: float) -> None:
    """Print wall and processor time of `n` replicates of each spatial null, what is done before them included, and over `within`."""
    outcome = outcome_of(data.pairs, "synapse_density", [SIMILARITY], BY)
    before = time.process_time()
    maps = similarity_maps(outcome, SIMILARITY, Places(data.nucleus_id, data.place), 0)
    print(f"{'maps less geometry, and their test':38s}{time.process_time() - before:22.1f} s of processors, once for all", flush=True)
    work: dict[str, Callable[[int], object]] = {
        "Moran randomisation of targets": lambda n: randomise_targets(maps, 0, n, workers),
        "Moran randomisation of axons": lambda n: randomise_axons(maps, 0, n, workers),
        "toroidal shifts": lambda n: shift_targets(maps, 0, n, workers),
        "variogram-matched surrogates": lambda n: match_variogram(maps, 0, n, workers),
    }
    for name, one in work.items():
        before = time.process_time()
        one(FEW)  # compiles, and takes what does not grow with replicates
        few = time.process_time() - before
        before = time.process_time()
        wall = seconds(lambda one=one: one(n))  # type: ignore[misc]
        busy = time.process_time() - before
        ratio = f"{few:.1f} s of {FEW}, {busy / within:5.2f} x {WITHIN}"
        print(f"{name:38s}{wall:8.1f} s wall{busy:8.1f} s of processors ({1e3 * busy / n:.1f} s for 1,000), {ratio}", flush=True)
    before = time.process_time()
    wall = seconds(lambda: moran_index(maps, 0, workers=workers))
    print(f"{'Moran index by distance':38s}{wall:8.1f} s wall{time.process_time() - before:8.1f} s of processors", flush=True)


def once(pairs: pd.DataFrame, fit: ConditionalFit, workers: int) -> None:
    """Print the time of what is done once."""
    rules = [L_D_ALONE, DISTANCE_ALONE, Hypothesis("like", (SIMILARITY,))]
    work: dict[str, Callable[[], object]] = {
        "candidates from the table": lambda: candidates(pairs, [SIMILARITY], BY),
        "conditional Poisson, 4 projections": lambda: fit_conditional(fit.choices),
        "leaving each axon out": lambda: leave_one_axon_out(fit, workers),
        "AUC within axons, 1,000 resamples": lambda: summarise_ranking(rank_within_axons(fit.choices, SIMILARITY), 0),
        "three rules on held-out axons": lambda: held_out_scores(pairs, rules, 0, BY),
    }
    for name, one in work.items():
        print(f"{name:38s}{seconds(one):8.1f} s", flush=True)


def references(pairs: pd.DataFrame, fit: ConditionalFit, n: int = 40) -> None:
    """Print ratios to the references, on one core."""
    choices, rng = fit.choices, np.random.default_rng(0)
    reference = seconds(lambda: [permuted_in_numpy(choices, rng) for _ in range(3)]) / 3
    ours = seconds(lambda: permute_within_axons(choices, SIMILARITY, 0, n)) / n
    print(f"one permutation in numpy {1e3 * reference:.0f} ms, here {1e3 * ours:.0f} ms: {reference / ours:.0f} x")
    reference = seconds(lambda: resampled_in_pandas(pairs, choices.axons, rng))
    ours = seconds(lambda: bootstrap_axons(fit, 0, n)) / n
    print(f"one resample as a table {1e3 * reference:.0f} ms, here {1e3 * ours:.0f} ms: {reference / ours:.0f} x")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--replicates", type=int, default=1000)
    arguments.add_argument("--workers", type=int, default=2)
    chosen = arguments.parse_args()
    data = plant(TABLE, 0)
    fit = fit_conditional(candidates(data.pairs, [SIMILARITY], BY))
    size = f"{len(fit.choices.row):,} candidate pairs, {len(fit.choices.axons)} axons, {len(fit.choices.targets):,} targets"
    print(f"{size}, {data.pairs['n_synapses'].sum():,} synapses; {chosen.workers} workers", flush=True)
    references(data.pairs, fit)
    once(data.pairs, fit, chosen.workers)
    within = replicates(data, fit, chosen.replicates, chosen.workers)
    spatial(data, chosen.replicates, chosen.workers, within)


if __name__ == "__main__":
    main()
