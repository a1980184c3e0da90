"""Plant rules and nuisances in many small tables, and count how often each interval and each null is right.

python analyses/planted_pairs/run.py [--tables 200] [--workers 2]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from graphtwin.artifacts import write_table
from graphtwin.wiring.candidates import candidates, quantile_bins
from graphtwin.wiring.conditional import ConditionalFit, fit_conditional
from graphtwin.wiring.like_to_like import Measure
from graphtwin.wiring.pair_nulls import NullDistribution, permute_neurons, permute_within_axons
from graphtwin.wiring.planted import Planted, PlantedPairs, plant
from graphtwin.wiring.resampling import Bootstrap, bootstrap_axons, bootstrap_axons_and_targets
from graphtwin.wiring.rewiring import rewire_pairs
from graphtwin.wiring.within_axon import rank_within_axons, summarise_ranking

SEED, REPLICATES, ALPHA = 0, 199, 0.05
SIMILARITY = "signal_correlation"
BASE = Planted()
SCENARIOS = {
    "no rule": BASE,
    "synapses cluster": replace(BASE, dispersion=3.0),
    "similarity follows L_d": replace(BASE, l_d_slope=1.5),
    "popular targets": replace(BASE, popularity=1.5, common=1.5, n_targets=150, n_synapses=600),
    "distance confounds": replace(BASE, distance_slope=-0.6, retinotopy=1.0),
    "ten uneven axons": replace(BASE, n_axons=10, n_targets=1000, n_synapses=300, axon_sd=1.0),
    "rule of 1": replace(BASE, slope=1.0),
    "rule of 1, all nuisances": replace(BASE, slope=1.0, dispersion=1.0, popularity=0.7, common=0.7, l_d_slope=1.0, axon_sd=1.0),
}


def analysed(name: str, table: int) -> dict[str, object]:
    """Whether each method finds a rule (p <= 0.05, or an interval without 0), and whether each interval covers the truth."""
    planted = SCENARIOS[name]
    data = plant(planted, SEED, table)
    naive, joint = candidates(data.pairs, [SIMILARITY]), candidates(data.pairs, [SIMILARITY, "distance_um"])
    found: dict[str, object] = {"scenario": name, "table": table}
    for label, choices in (("", naive), (" | distance", joint)):
        fit = fit_conditional(choices)
        found |= sandwich(fit, planted.slope, label)
        found |= interval("axon bootstrap" + label, bootstrap_axons(fit, table, REPLICATES), planted.slope)
        found |= interval("two-way bootstrap" + label, bootstrap_axons_and_targets(fit, table, REPLICATES), planted.slope)
    stratum = quantile_bins(data.pairs, ["post_layer"], {"distance_um": 5, "l_d_um": 5})
    nulls = {
        "within axons": permute_within_axons(naive, SIMILARITY, table, REPLICATES),
        "within axons and strata": permute_within_axons(naive, SIMILARITY, table, REPLICATES, stratum),
        "within axons | distance": permute_within_axons(joint, SIMILARITY, table, REPLICATES),
        "neurons": permute_neurons(naive, measure_of(data), table, REPLICATES),
        "neurons | distance": permute_neurons(joint, measure_of(data), table, REPLICATES),
        "rewired": rewire_pairs(naive, SIMILARITY, table, REPLICATES),
        "rewired | distance": rewire_pairs(joint, SIMILARITY, table, REPLICATES),
        "rewired in L_d bins": rewire_pairs(naive, SIMILARITY, table, REPLICATES, "binned", 4, 50),
        "rewired freely": rewire_pairs(naive, SIMILARITY, table, REPLICATES, "free"),
    }
    found |= {f"found: null {label}": rejects(null) for label, null in nulls.items()}
    ranking = summarise_ranking(rank_within_axons(naive, SIMILARITY), table, REPLICATES).set_index("metric")
    for metric in ("auc", "auc_within_l_d"):
        found[f"found: {metric}"] = not ranking.loc[metric, "low"] <= 0.5 <= ranking.loc[metric, "high"]
    return found


def sandwich(fit: ConditionalFit, slope: float, label: str) -> dict[str, bool]:
    row = fit.to_frame().iloc[0]
    model_z = row["estimate"] / row["se_model"]
    found = {
        f"found: model error{label}": bool(2 * stats.norm.sf(abs(model_z)) <= ALPHA),
        f"found: sandwich{label}": bool(row["p"] <= ALPHA),
    }
    return found | {f"covers: sandwich{label}": bool(row["low"] <= slope <= row["high"])}


def interval(name: str, bootstrap: Bootstrap, slope: float) -> dict[str, bool]:
    row = bootstrap.to_frame().iloc[0]
    return {f"found: {name}": not row["low"] <= 0 <= row["high"], f"covers: {name}": bool(row["low"] <= slope <= row["high"])}


def rejects(null: NullDistribution) -> bool:
    return bool(null.p_value()[0] <= ALPHA)


def measure_of(data: PlantedPairs) -> Measure:
    def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", data.function[a], data.function[b])

    return Measure(SIMILARITY, data.nucleus_id, likeness, data.layer)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tables", type=int, default=200)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--out", type=Path, default=Path("runs/planted_pairs/shares.csv"))
    chosen = arguments.parse_args()
    jobs = [(name, table) for name in SCENARIOS for table in range(chosen.tables)]
    pool = joblib.Parallel(n_jobs=chosen.workers, return_as="generator")
    rows = list(tqdm(pool(joblib.delayed(analysed)(*job) for job in jobs), total=len(jobs), desc="planted tables", unit="table"))
    shares = pd.DataFrame(rows).groupby("scenario", sort=False).mean().drop(columns="table").T
    low, high = (int(edge) / chosen.tables for edge in stats.binom.interval(0.99, chosen.tables, ALPHA))
    print(shares.round(3).to_string())
    print(
        f"{chosen.tables} tables, {REPLICATES} replicates each; nominal 0.05 lies between {low:.3f} and {high:.3f} in 99 % of such studies"
    )
    write_table(shares.reset_index(names="method"), chosen.out)


if __name__ == "__main__":
    main()
