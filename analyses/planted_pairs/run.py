"""Plant rules and nuisances in many small tables, and count how often each interval and each null is right.

python analyses/planted_pairs/run.py [--tables 200] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy import stats
from tqdm import tqdm

from graphtwin.artifacts import write_atomic, write_table
from graphtwin.mixed import NotConverged, with_group_mean
from graphtwin.mixed import fit as fit_mixed
from graphtwin.report.figures import STYLE, WIDTH
from graphtwin.wiring.conditional import (
    Bootstrap,
    bootstrap_axons,
    bootstrap_axons_and_targets,
    fit_conditional,
    rank_within_axons,
    summarise_ranking,
)
from graphtwin.wiring.nulls import NullDistribution, permute_neurons, permute_within_axons, rewire_pairs
from graphtwin.wiring.pairs import CandidateSet, Measure, Planted, PlantedPairs, candidates, plant, quantile_bins
from graphtwin.wiring.questions import axon_table, common_input, compare, match_partners, permuted_differences, summarise

HERE = Path(__file__).parent
SEED, REPLICATES, ALPHA = 0, 199, 0.05
COVERAGE = (0.90, 0.99)  # bounds of the coverage of a 95 % interval, as promised
SIMILARITY = "signal_correlation"
BASE = Planted()
SCENARIOS = {
    "no rule": replace(BASE, retinotopy=0.0),
    "function follows place": BASE,
    "synapses cluster": replace(BASE, dispersion=3.0),
    "similarity follows L_d": replace(BASE, l_d_slope=1.5),
    "popular targets": replace(BASE, popularity=1.5, common=1.5, n_targets=150, n_synapses=600),
    "distance confounds": replace(BASE, distance_slope=-0.6, retinotopy=1.0),
    "ten uneven axons": replace(BASE, n_axons=10, n_targets=1000, n_synapses=300, axon_sd=1.0),
    "rule of 1": replace(BASE, slope=1.0),
    "rule of 1.5, similarity goes with rate": replace(BASE, slope=1.5, common=0.3, rate_slope=1.0, n_synapses=200),
    "rule of 1, all nuisances": replace(
        BASE, slope=1.0, dispersion=1.0, popularity=0.7, common=0.7, l_d_slope=1.0, axon_sd=1.0, n_targets=200
    ),
}
PRE, EXPOSURE = "(1 | pre_nucleus_id)", "offset(log(l_d_um))"


@dataclass(frozen=True)
class Answer:
    """What one method says of one table.

    Attributes:
        method: Name of the method in the tables.
        found: Whether there is a rule: p <= 0.05, or an interval without 0. None where the method has no answer.
        covers: Whether its interval covers the slope that was planted; None for a method that estimates none.
        estimate: The slope.
    """

    method: str
    found: bool | None
    covers: bool | None = None
    estimate: float = float("nan")


def analysed(name: str, table: int) -> pd.DataFrame:
    """All answers to one table."""
    planted = SCENARIOS[name]
    data = plant(planted, SEED, table)
    naive, joint = candidates(data.pairs, [SIMILARITY]), candidates(data.pairs, [SIMILARITY, "distance_um"])
    answers = [
        *conditional(naive, planted.slope, table),
        *conditional(joint, planted.slope, table, " | distance"),
        *nulls(data, naive, joint, table),
        *within_axon(naive, table),
        *mixed(data, planted, naive.row),
        *common(data, table),
        *matched(data, table),
    ]
    return pd.DataFrame([vars(answer) for answer in answers]).assign(scenario=name, table=table)


def conditional(choices: CandidateSet, slope: float, table: int, given: str = "") -> Iterator[Answer]:
    """The conditional slope with three errors and two bootstraps."""
    fit = fit_conditional(choices)
    row = fit.to_frame().iloc[0]
    yield wald(f"information{given}", row["estimate"], row["se_model"], slope)
    yield Answer(f"sandwich{given}", bool(row["p"] <= ALPHA), bool(row["low"] <= slope <= row["high"]), row["estimate"])
    yield interval(f"axon bootstrap{given}", bootstrap_axons(fit, table, REPLICATES), slope)
    yield interval(f"two-way bootstrap{given}", bootstrap_axons_and_targets(fit, table, REPLICATES), slope)


def wald(method: str, estimate: float, se: float, slope: float) -> Answer:
    """A normal test and interval."""
    reach = stats.norm.ppf(1 - ALPHA / 2) * se
    return Answer(method, bool(abs(estimate) >= reach), bool(abs(estimate - slope) <= reach), estimate)


def interval(method: str, bootstrap: Bootstrap, slope: float) -> Answer:
    row = bootstrap.to_frame().iloc[0]
    if not np.isfinite(row["low"]):
        return Answer(method, None)
    return Answer(method, not row["low"] <= 0 <= row["high"], bool(row["low"] <= slope <= row["high"]), row["estimate"])


def nulls(data: PlantedPairs, naive: CandidateSet, joint: CandidateSet, table: int) -> Iterator[Answer]:
    """Every null of a pair table, alone and given distance."""
    stratum = quantile_bins(data.pairs, ["post_layer"], {"distance_um": 5, "l_d_um": 5})
    for given, choices in (("", naive), (" | distance", joint)):
        yield rejects(f"null: within axons{given}", permute_within_axons(choices, SIMILARITY, table, REPLICATES))
        yield rejects(f"null: neurons{given}", permute_neurons(choices, measure_of(data), table, REPLICATES))
        yield rejects(f"null: rewired{given}", rewire_pairs(choices, SIMILARITY, table, REPLICATES))
    yield rejects("null: within axons and strata", permute_within_axons(naive, SIMILARITY, table, REPLICATES, stratum))
    yield rejects("null: rewired in L_d bins", rewire_pairs(naive, SIMILARITY, table, REPLICATES, "binned", 4, 50))
    yield rejects("null: rewired freely", rewire_pairs(naive, SIMILARITY, table, REPLICATES, "free"))


def rejects(method: str, null: NullDistribution) -> Answer:
    return Answer(method, bool(null.p_value()[0] <= ALPHA))


def within_axon(choices: CandidateSet, table: int) -> Iterator[Answer]:
    """Intervals of AUC against chance."""
    ranking = summarise_ranking(rank_within_axons(choices, SIMILARITY), table, REPLICATES).set_index("metric")
    for metric in ("auc", "auc_within_l_d"):
        yield Answer(metric, not ranking.loc[metric, "low"] <= 0.5 <= ranking.loc[metric, "high"])


def mixed(data: PlantedPairs, planted: Planted, near: np.ndarray) -> Iterator[Answer]:
    """Mixed models; the dispersed and the crossed one, which takes longest, only where counts or targets call for it."""
    pairs = with_group_mean(data.pairs.iloc[np.sort(near)].reset_index(drop=True), SIMILARITY, ("pre_nucleus_id",))
    plain = f"n_synapses ~ {SIMILARITY} + {EXPOSURE} + {PRE}"
    models = {"mixed": plain, "mixed | axon mean": f"{plain} + {SIMILARITY}_mean", "mixed | distance": f"{plain} + distance_um"}
    models["mixed, random slopes"] = plain.replace("(1 |", f"(1 + {SIMILARITY} |")
    if planted.popularity > 0:
        models["mixed, axons and targets"] = f"{plain} + (1 | post_nucleus_id)"
    if planted.dispersion > 0:
        models["mixed, negative binomial"] = plain
    for method, formula in models.items():
        try:
            fit = fit_mixed(formula, pairs, "negative_binomial" if method.endswith("binomial") else "poisson")
        except NotConverged:
            yield Answer(method, None)
        else:
            row = fit.to_frame().set_index("effect").loc[SIMILARITY]
            yield wald(method, row["estimate"], row["se"], planted.slope)


def common(data: PlantedPairs, table: int) -> Iterator[Answer]:
    """Common input at the synaptic scale, against synapses shared out by L_d."""
    pairs, axon = data.pairs, data.pairs.groupby("pre_nucleus_id")
    share = pairs["l_d_um"] / axon["l_d_um"].transform("sum")
    pairs = pairs.assign(expected_n_synapses_given_l_d=share * axon["n_synapses"].transform("sum"))
    found = compare(common_input(pairs, data.nucleus_id, data.function, n_draws=0), table, REPLICATES)
    row = found[found["effect"] == "synaptic"].iloc[0] if len(found) else pd.Series({"p": np.nan})
    known = np.isfinite(row["p"])
    yield Answer("common input: Wilcoxon", bool(row["p"] <= ALPHA) if known else None)
    yield Answer("common input: interval", not row["low"] <= 0 <= row["high"] if known else None)


def matched(data: PlantedPairs, table: int) -> Iterator[Answer]:
    """Partners against controls at the same place, as where L_d is unknown."""
    neurons = pd.DataFrame(data.place, columns=["x_um", "depth_um", "z_um"]).assign(nucleus_id=data.nucleus_id, axon_status="none")
    connected, measure = data.pairs[data.pairs["n_synapses"] > 0], measure_of(data)
    matches = match_partners(connected, data.pairs["post_nucleus_id"].unique(), neurons, measure)
    row = summarise(axon_table(matches, measure, neurons), permuted_differences(matches, measure, table, REPLICATES), table, REPLICATES)
    yield Answer("matched controls: t", bool(row["p_t"] <= ALPHA))
    yield Answer("matched controls: interval", not row["low"] <= 0 <= row["high"])
    yield Answer("matched controls: neurons", bool(row["p_permutation"] <= ALPHA))


def measure_of(data: PlantedPairs) -> Measure:
    def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", data.function[a], data.function[b])

    return Measure(SIMILARITY, data.nucleus_id, likeness, data.layer)


def answers_of(name: str, n_tables: int, workers: int, folder: Path) -> pd.DataFrame:
    """The answers to all tables of a scenario, from the file of an earlier run if it is there."""
    path = folder / f"{name}, {n_tables} tables.parquet"
    if not path.exists():
        pool = joblib.Parallel(n_jobs=workers, return_as="generator")
        jobs = (joblib.delayed(analysed)(name, table) for table in range(n_tables))
        frames = list(tqdm(pool(jobs), total=n_tables, desc=name, unit="table"))
        write_table(pd.concat(frames, ignore_index=True).astype({"found": "boolean", "covers": "boolean"}), path)
    return pd.read_parquet(path)


def shares(answers: pd.DataFrame) -> pd.DataFrame:
    """Share of tables in which each method finds a rule and covers the planted slope, mean estimate, and tables with an answer."""
    by = answers.groupby(["scenario", "method"], sort=False)
    return by[["found", "covers", "estimate"]].mean().astype(float).assign(n_tables=by["found"].count()).reset_index()


def nominal(n_tables: int) -> tuple[float, float]:
    """Between which shares 5 % of tables lie in 99 % of studies of this size."""
    low, high = stats.binom.interval(0.99, n_tables, ALPHA)
    return float(low / n_tables), float(high / n_tables)


def compare_with(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words."""
    wrong, of = [], table.set_index(["scenario", "method"])
    for entry in expected:
        value = of[entry["share"]].get((entry["scenario"], entry["method"]), np.nan)
        if not entry["low"] <= value <= entry["high"]:
            name = f"{entry['scenario']}, {entry['method']}, {entry['share']}"
            wrong.append(f"{name}: {value:.3f} does not lie between {entry['low']} and {entry['high']}")
    return wrong


def draw(table: pd.DataFrame, share: str, title: str, low: float, high: float) -> Figure:
    """A cell a method and scenario: its share, coloured where it does not lie between low and high."""
    wide = wide_table(table, share)
    figure = Figure(figsize=(WIDTH * 1.35, 0.2 * len(wide) + 1.6), layout="constrained")
    axes = figure.subplots()
    shown = np.select([wide.isna(), wide > high, wide < low], [0, 3, 2], 1)
    axes.imshow(shown, cmap=ListedColormap(["white", "#e8f0f4", "#9cc4dd", "#f0b08c"]), vmin=0, vmax=3, aspect="auto")
    for row, column in np.argwhere(shown > 0):
        axes.text(column, row, f"{wide.iloc[row, column]:.3f}", ha="center", va="center", fontsize=6.5)
    axes.set_xticks(range(wide.shape[1]), [textwrap.fill(name, 14) for name in wide], fontsize=6.5)
    axes.set_yticks(range(len(wide)), wide.index, fontsize=6.5)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{title}; as it should be from {low:.3f} to {high:.3f}, blue below, orange above", fontsize=8)
    return figure


def wide_table(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row a method, one column a scenario."""
    wide = table.pivot(index="method", columns="scenario", values=value)
    return wide.loc[table["method"].drop_duplicates(), [name for name in SCENARIOS if name in wide]].dropna(how="all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=200, help="of each scenario")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/planted_pairs"), help="a stopped study goes on there")
    chosen = parser.parse_args()
    table = shares(pd.concat([answers_of(name, chosen.tables, chosen.workers, chosen.out) for name in SCENARIOS]))
    write_table(table, chosen.out / "shares.csv")
    for value in ("found", "covers", "estimate"):
        print(f"\n{value}\n{wide_table(table, value).round(3).to_string()}")
    without = table[[SCENARIOS[name].slope == 0 for name in table["scenario"]]]
    figures = {
        "false_positives": draw(without, "found", "Share of tables without a rule in which one is found", *nominal(chosen.tables)),
        "coverage": draw(table, "covers", "Share of tables whose interval covers the planted slope", *COVERAGE),
    }
    with matplotlib.rc_context(STYLE):
        for name, figure in figures.items():
            write_atomic(chosen.out / f"{name}.png", lambda path, figure=figure: figure.savefig(path, dpi=170))
    wrong = compare_with(table, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
