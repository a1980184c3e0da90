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

from graphtwin.wiring.candidates import CandidateSet, candidates, quantile_bins
from graphtwin.wiring.conditional import fit_conditional
from graphtwin.wiring.held_out import DISTANCE_ALONE, L_D_ALONE, Hypothesis, held_out_scores
from graphtwin.wiring.like_to_like import Measure
from graphtwin.wiring.pair_nulls import permute_neurons, permute_within_axons
from graphtwin.wiring.planted import Planted, plant
from graphtwin.wiring.resampling import bootstrap_axons, bootstrap_axons_and_targets, leave_one_axon_out
from graphtwin.wiring.rewiring import rewire_pairs
from graphtwin.wiring.within_axon import rank_within_axons, summarise_ranking

LIMIT_SECONDS = 300.0
SIMILARITY = "signal_correlation"
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
    return fit_conditional(candidates(table, [SIMILARITY], "proj_hva"))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--replicates", type=int, default=1000)
    arguments.add_argument("--workers", type=int, default=2)
    chosen = arguments.parse_args()
    n, workers = chosen.replicates, chosen.workers
    data = plant(TABLE, 0)
    pairs = data.pairs
    choices = candidates(pairs, [SIMILARITY], "proj_hva")
    fit = fit_conditional(choices)
    measure = Measure(SIMILARITY, data.nucleus_id, lambda a, b: np.einsum("ij,ij->i", data.function[a], data.function[b]), data.layer)
    stratum = quantile_bins(pairs, ["post_layer"], {"distance_um": 8, "l_d_um": 8})
    print(
        f"{len(choices.row):,} candidate pairs, {len(choices.axons)} axons, {len(choices.targets):,} targets, "
        f"{pairs['n_synapses'].sum():,} synapses"
    )
    work: dict[str, Callable[[int], object]] = {
        "bootstrap of axons": lambda n: bootstrap_axons(fit, 0, n, workers),
        "bootstrap of axons and targets": lambda n: bootstrap_axons_and_targets(fit, 0, n, workers),
        "permutation within axons": lambda n: permute_within_axons(choices, SIMILARITY, 0, n, None, workers),
        "permutation within axons and strata": lambda n: permute_within_axons(choices, SIMILARITY, 0, n, stratum, workers),
        "permutation of neurons": lambda n: permute_neurons(choices, measure, 0, n, workers),
        "rewiring weighted by L_d": lambda n: rewire_pairs(choices, SIMILARITY, 0, n, "weighted", workers=workers),
    }
    total = 0.0
    for name, one in work.items():
        one(2)  # compiles
        taken = seconds(lambda one=one: one(n))  # type: ignore[misc]
        total += taken
        print(f"{name:38s}{taken:8.1f} s{1e3 * taken / n:9.1f} ms a replicate")
    print(f"{'all':38s}{total:8.1f} s{total / LIMIT_SECONDS * 1000 / n:9.2f} x the limit of {LIMIT_SECONDS:.0f} s for 1,000 replicates")
    once = {
        "candidates from the table": lambda: candidates(pairs, [SIMILARITY], "proj_hva"),
        "conditional Poisson, 4 projections": lambda: fit_conditional(choices),
        "leaving each axon out": lambda: leave_one_axon_out(fit, workers),
        "AUC within axons, 1,000 resamples": lambda: summarise_ranking(rank_within_axons(choices, SIMILARITY), 0),
        "three rules on held-out axons": lambda: held_out_scores(
            pairs, [L_D_ALONE, DISTANCE_ALONE, Hypothesis("like", (SIMILARITY,))], 0, "proj_hva"
        ),
    }
    for name, single in once.items():
        print(f"{name:38s}{seconds(single):8.2f} s")
    rng = np.random.default_rng(0)
    numpy_s = seconds(lambda: [permuted_in_numpy(choices, rng) for _ in range(3)]) / 3
    ours_s = seconds(lambda: permute_within_axons(choices, SIMILARITY, 0, 20)) / 20
    print(f"one permutation in numpy {1e3 * numpy_s:.0f} ms, here on one core {1e3 * ours_s:.0f} ms: {numpy_s / ours_s:.1f} x")
    pandas_s = seconds(lambda: resampled_in_pandas(pairs, choices.axons, rng))
    ours_s = seconds(lambda: bootstrap_axons(fit, 0, 20)) / 20
    print(f"one resample as a table {1e3 * pandas_s:.0f} ms, here on one core {1e3 * ours_s:.0f} ms: {pandas_s / ours_s:.0f} x")


if __name__ == "__main__":
    main()
