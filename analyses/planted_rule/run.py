"""Plant wiring rules in many small simulated cortices, and count how often an analysis of what microscopy and imaging show is right.

python analyses/planted_rule/run.py [--cortices 50] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from graphtwin.artifacts import write_atomic, write_table
from graphtwin.execute import rng_for
from graphtwin.report.figures import STYLE, WIDTH
from graphtwin.schema import UNIT_KEY
from graphtwin.synthetic import Animal, AnimalConfig, make_animal
from graphtwin.synthetic.brain import Tile, grow_parts, lay_tiles
from graphtwin.synthetic.function import ScanConfig, TuningConfig, direction_columns, direction_responses
from graphtwin.synthetic.wiring import UNPROOFREAD_UM, Connections, ReconstructConfig, connect, reconstruct, rule_of
from graphtwin.tuning import learn_embeddings, normalise, scan_labels, scan_leakage
from graphtwin.wiring.conditional import Bootstrap, Term, WiringRule, bootstrap_axons, bootstrap_axons_and_targets, fit_conditional
from graphtwin.wiring.nulls import NullDistribution, permute_neurons, permute_within_axons, rewire_pairs
from graphtwin.wiring.pairs import CandidateSet, Measure, candidates, outcome_of

HERE = Path(__file__).parent
REPLICATES, ALPHA = 199, 0.05
SIMILARITY = "feature_similarity"
JOINT = [SIMILARITY, "rf_distance", "distance_um", "depth_difference_um"]
N_NEURONS, N_SCANNED = 300, 1200  # number of neurons of a cortex with synapses, and of one with scans alone
N_PROOFREAD, N_ANIMALS = 10, 10  # cortices reconstructed in several ways; animals with scans
ALIKE = TuningConfig(place_share=0.8)  # cells that look at the same place prefer the same
TISSUES = {
    "targeted": AnimalConfig(),
    "untargeted": AnimalConfig(targeting_slope=0.0),
    "mapped": AnimalConfig(tuning=ALIKE),
}
BASE, SLOPE = -5.8, 2.0  # log of synapses per um of L_d, so that a hundred axons make some 600 synapses; the planted slope
NEAR = Term(feature="distance_um", slope=-0.008, step=50.0)


@dataclass(frozen=True)
class Scenario:
    """A rule in a kind of tissue, and the slope of feature similarity that it has."""

    tissue: str
    rule: WiringRule
    slope: float = 0.0


SCENARIOS = {
    "feature rule of 2": Scenario("targeted", rule_of("feature", slope=SLOPE, base=-6.3), SLOPE),
    "geometry": Scenario("untargeted", rule_of("geometry", base=BASE)),
    "geometry, targeted axons": Scenario("targeted", rule_of("geometry", base=BASE)),
    "degree-heavy": Scenario("targeted", rule_of("degree-heavy", base=BASE)),
    "rf-confounded": Scenario("mapped", rule_of("rf-confounded", base=BASE)),
    "distance only": Scenario("mapped", WiringRule(name="distance only", intercept=BASE + 1.6, terms=(NEAR,))),
}
MANY = ReconstructConfig(extended=0.35, clean=0.0)  # a hundred whole axons
READINGS = {
    "all axons whole": ReconstructConfig(extended=1.0, clean=0.0),
    "proofread axons": ReconstructConfig(),
    "unproofread taken as whole": ReconstructConfig(extended=0.0, clean=1.0, clean_um=UNPROOFREAD_UM),
}
N_AXONS = (5, 10, 20, 40, 80)
BELOW: dict[str, Any] = {"fontsize": 6, "loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 2}  # where a legend stands
RANGES = {"in the 99 % range of what is promised": "#e8f0f4", "below it": "#9cc4dd", "above it": "#f0b08c"}
FLOOR = 0.1  # added to responses before their log, as a part of the unit's mean
REPEATS = 40  # repeats of each direction in a narrow scan
SCANS = {"scans differ": ScanConfig(repeats=REPEATS), "scans alike": ScanConfig(repeats=REPEATS, scan_gain=0.0, scan_noise=0.0)}


@dataclass(frozen=True)
class Answer:
    """What one method says of one cortex.

    Attributes:
        method: Name of the method in the tables.
        estimate: The slope, or what the method's name says.
        found: Whether there is a rule: p <= 0.05, or an interval without 0.
        covers: Whether its interval covers the planted slope; None for a method that has none.
        n_synapses: Number of synapses that it was estimated from.
    """

    method: str
    estimate: float = float("nan")
    found: bool | None = None
    covers: bool | None = None
    n_synapses: int = 0


def studied(tissue: str, cortex: int) -> pd.DataFrame:
    """All answers to one cortex and the rules planted in it, or to the scans of one animal."""
    if tissue == "scans":
        return pd.concat([scanned(name, cortex) for name in SCANS], ignore_index=True)
    animal = make_animal(TISSUES[tissue], N_NEURONS, cortex, 0)
    tiles = lay_tiles(animal.tissue, grow_parts(animal.tissue, skeletons=False))
    return pd.concat([wired(name, animal, tiles, cortex) for name in SCENARIOS if SCENARIOS[name].tissue == tissue], ignore_index=True)


def wired(name: str, animal: Animal, tiles: list[Tile], cortex: int) -> pd.DataFrame:
    """All answers to one rule in one cortex."""
    scenario = SCENARIOS[name]
    connections = connect(animal.tissue, scenario.rule, tiles=tiles)
    pairs = reconstruct(animal.tissue, connections, MANY, tiles).pairs
    answers = [*tested(pairs, animal, scenario.slope, cortex)]
    if scenario.tissue == "targeted":
        answers += powered(pairs, scenario.slope, cortex)
    if scenario.slope and cortex < N_PROOFREAD:
        answers += proofread(animal, tiles, connections, scenario.slope)
    return table_of(answers, name, cortex)


def table_of(answers: list[Answer], scenario: str, cortex: int) -> pd.DataFrame:
    return pd.DataFrame([vars(answer) for answer in answers]).assign(scenario=scenario, cortex=cortex)


def tested(pairs: pd.DataFrame, animal: Animal, slope: float, cortex: int) -> Iterator[Answer]:
    """Every interval and every null: of similarity alone, and given distances of somata, depths and receptive fields."""
    features = animal.tuning.features

    def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", features[a], features[b]).astype(np.float64)

    measure = Measure(SIMILARITY, animal.tissue.nucleus_id, likeness, np.zeros(len(features), dtype=np.int64))
    for given, columns in (("", [SIMILARITY]), (" | distances", JOINT)):
        choices = candidates(pairs, columns)
        yield from intervals(choices, slope, cortex, given)
        yield rejects(f"null: within axons{given}", permute_within_axons(choices, SIMILARITY, cortex, REPLICATES))
        yield rejects(f"null: neurons{given}", permute_neurons(choices, measure, cortex, REPLICATES))
        yield rejects(f"null: rewired{given}", rewire_pairs(choices, SIMILARITY, cortex, REPLICATES))


def intervals(choices: CandidateSet, slope: float, cortex: int, given: str) -> Iterator[Answer]:
    """The conditional slope with its default error and two bootstraps."""
    fit = fit_conditional(choices)
    yield interval(f"sandwich{given}", fit.to_frame().iloc[0], slope, choices)
    for name, bootstrap in (("axon", bootstrap_axons), ("two-way", bootstrap_axons_and_targets)):
        drawn: Bootstrap = bootstrap(fit, cortex, REPLICATES)
        yield interval(f"{name} bootstrap{given}", drawn.to_frame().iloc[0], slope, choices)


def interval(method: str, row: pd.Series, slope: float, choices: CandidateSet) -> Answer:
    found, covers = not row["low"] <= 0 <= row["high"], bool(row["low"] <= slope <= row["high"])
    return Answer(method, row["estimate"], found, covers, int(choices.n_synapses.sum()))


def rejects(method: str, null: NullDistribution) -> Answer:
    return Answer(method, found=bool(null.p_value()[0] <= ALPHA))


def powered(pairs: pd.DataFrame, slope: float, cortex: int) -> Iterator[Answer]:
    """The default test with some of the axons; where it has no answer it finds nothing."""
    axons = rng_for(cortex, "axons of a smaller study").permutation(pairs["pre_nucleus_id"].unique())
    for n in N_AXONS:
        fewer = pairs[pairs["pre_nucleus_id"].isin(axons[:n])]
        if len(axons) < n:
            continue
        try:
            choices = candidates(fewer, [SIMILARITY])
            yield interval(f"sandwich, {n} axons", fit_conditional(choices).to_frame().iloc[0], slope, choices)
        except ValueError:  # separated, or synapses on one axon only
            yield Answer(f"sandwich, {n} axons", found=False, n_synapses=int(fewer["n_synapses"].sum()))


def proofread(animal: Animal, tiles: list[Tile], connections: Connections, slope: float) -> Iterator[Answer]:
    """What the same cortex says when it is traced in different ways."""
    true, n = connections.pairs, len(animal.tissue.nucleus_id)
    of_truth = {
        "synapses an axon": true["n_synapses"].sum() / n,
        "connection probability": (true["n_synapses"] > 0).sum() / (n * (n - 1)),
        "synapses per um of L_d": true["n_synapses"].sum() / true["l_d_um"].sum(),
        "mean distance of partners": true.loc[true["n_synapses"] > 0, "distance_um"].mean(),
    }
    for reading, config in READINGS.items():
        pairs = reconstruct(animal.tissue, connections, config, tiles).pairs
        connected, made = pairs["n_synapses"] > 0, pairs["n_synapses"].sum()
        values = (
            made / pairs["pre_nucleus_id"].nunique(),
            connected.mean(),
            made / pairs["l_d_um"].sum(),
            pairs.loc[connected, "distance_um"].mean(),
        )
        for (quantity, truth), value in zip(of_truth.items(), values, strict=True):
            yield Answer(f"{reading}: {quantity}, of the true", float(value / truth), n_synapses=int(made))
        choices = candidates(pairs, [SIMILARITY])
        yield interval(f"{reading}: slope", fit_conditional(choices).to_frame().iloc[0], slope, choices)
        travelled = fit_conditional(outcome_of(pairs, "co_travel", [SIMILARITY]).choices)
        yield Answer(f"{reading}: slope of co-travel", float(travelled.slope[0, 0]))


def scanned(name: str, number: int) -> pd.DataFrame:
    """What responses of narrow scans say about depth and layer, and about the scan itself."""
    config = SCANS[name]
    animal = make_animal(AnimalConfig(scans=config), N_SCANNED, number, 0)
    units = animal.units[animal.units["kind"] == "directions"].reset_index(drop=True)
    units = units.merge(direction_responses(units, animal.tuning, config, number, 0), on=UNIT_KEY)
    columns = direction_columns()
    units = units[units[columns].sum(axis=1) > 0].reset_index(drop=True)
    units = units.merge(animal.tuning.table[["nucleus_id", "orientation_deg"]], on="nucleus_id")
    learned = learn_embeddings(units)
    responses = units[columns].to_numpy(np.float64)
    log = np.log(responses + FLOOR * responses.mean(axis=1, keepdims=True))
    shape = pd.DataFrame(log - log.mean(axis=1, keepdims=True), columns=[f"embedding_{at}" for at in range(len(columns))])
    raw = units[[*UNIT_KEY, "nucleus_id"]].join(shape).assign(reliability=1.0)
    tables = {"raw": raw, "raw, aligned": normalise(raw, "within_scan"), "embeddings": learned.uncorrected}
    tables["embeddings, aligned"] = learned.embeddings
    answers: list[Answer] = []
    for kind, table in tables.items():
        leak = scan_leakage(table, number, 20, ("linear",)).iloc[0]
        answers.append(Answer(f"scan from {kind}", leak["estimate"] - leak["chance"], bool(leak["estimate"] > leak["null_high"])))
        vectors = table.filter(regex=r"^embedding_\d+$").to_numpy(np.float64)
        of = table[UNIT_KEY].merge(units, on=UNIT_KEY, how="left", validate="one_to_one")
        answers += decoded(kind, StandardScaler().fit_transform(vectors), of, scan_labels(table))
    return table_of(answers, name, number)


def decoded(kind: str, vectors: np.ndarray, units: pd.DataFrame, scan: np.ndarray) -> Iterator[Answer]:
    """True orientation and depth (R2) and layer (balanced accuracy above chance) from vectors, over units of all scans and scan by scan."""
    depth = units["depth_um"].to_numpy(np.float64)
    ridge = RidgeCV(np.logspace(-1, 4, 11))
    folds = KFold(5, shuffle=True, random_state=0)
    angle = np.deg2rad(2 * units["orientation_deg"].to_numpy())
    preferred = np.column_stack([np.cos(angle), np.sin(angle)])
    yield Answer(f"orientation from {kind}", r2(preferred, cross_val_predict(ridge, vectors, preferred, cv=folds)))
    pooled = cross_val_predict(ridge, vectors, depth, cv=folds)
    yield Answer(f"depth from {kind}, all scans together", r2(depth, pooled))
    mean = (np.bincount(scan, depth) / np.bincount(scan))[scan]
    inside = np.concatenate([cross_val_predict(ridge, vectors[scan == s], depth[scan == s], cv=folds) for s in np.unique(scan)])
    order = np.argsort(scan, kind="stable")
    yield Answer(f"depth from {kind}, within scans", r2(depth[order], inside, mean[order]))
    across = cross_val_predict(ridge, vectors, depth, groups=scan, cv=GroupKFold(len(np.unique(scan))))
    yield Answer(f"depth from {kind}, of a scan from the others", r2(depth, across))
    layer = units["layer"].to_numpy(str)
    kinds = [name for name in np.unique(layer) if len(np.unique(scan[layer == name])) > 1]
    kept = np.isin(layer, kinds)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3, priors=np.full(len(kinds), 1 / len(kinds)))
    for way, cv in (("all scans together", folds), ("of a scan from the others", GroupKFold(len(np.unique(scan[kept]))))):
        if way == "of a scan from the others":
            named = cross_val_predict(lda, vectors[kept], layer[kept], groups=scan[kept], cv=cv)
        else:
            named = cross_val_predict(lda, vectors[kept], layer[kept], cv=cv)
        recall = np.mean([(named[layer[kept] == name] == name).mean() for name in kinds])
        yield Answer(f"layer from {kind}, {way}", float(recall - 1 / len(kinds)))


def r2(value: np.ndarray, predicted: np.ndarray, mean: np.ndarray | float | None = None) -> float:
    """Share of the variance around the mean that is predicted."""
    around = value - (value.mean() if mean is None else mean)
    return float(1 - ((value - predicted) ** 2).sum() / (around**2).sum())


def answers_of(tissue: str, cortex: int, folder: Path) -> pd.DataFrame:
    """The answers to one cortex, from the file of an earlier run if it is there."""
    path = folder / "cortices" / f"{tissue}-{cortex:03d}.csv"
    if not path.exists():
        write_table(studied(tissue, cortex), path)
    return pd.read_csv(path, dtype={"found": "boolean", "covers": "boolean"})


def all_answers(n_cortices: int, workers: int, folder: Path) -> pd.DataFrame:
    """The answers to all cortices, those of small numbers first."""
    jobs = [(tissue, cortex) for cortex in range(n_cortices) for tissue in TISSUES]
    jobs += [("scans", number) for number in range(min(N_ANIMALS, n_cortices))]
    pool = joblib.Parallel(n_jobs=workers, return_as="generator")
    found = pool(joblib.delayed(answers_of)(*job, folder) for job in jobs)
    return pd.concat(tqdm(found, total=len(jobs), desc="cortices", unit="cortex"), ignore_index=True)


def summary(answers: pd.DataFrame) -> pd.DataFrame:
    """Summary by scenario and method: share of cortices with a rule and with the slope covered, the estimate's mean and SD, and n."""
    by = answers.groupby(["scenario", "method"], sort=False)
    shares = by[["found", "covers", "estimate"]].mean().astype(float)
    spread = by.agg(sd=("estimate", "std"), n_synapses=("n_synapses", "mean"), n=("cortex", "size"))
    return shares.join(spread).reset_index()


def compare_with(table: pd.DataFrame, expected: list[dict[str, Any]]) -> list[str]:
    """The expected ranges that are not met, in words."""
    wrong, of = [], table.set_index(["scenario", "method"])
    for entry in expected:
        value = of[entry["value"]].get((entry["scenario"], entry["method"]), np.nan)
        if not entry["low"] <= value <= entry["high"]:
            name = f"{entry['scenario']}, {entry['method']}, {entry['value']}"
            wrong.append(f"{name}: {value:.3f} does not lie between {entry['low']} and {entry['high']}")
    return wrong


def shares_figure(table: pd.DataFrame, n: int) -> Figure:
    """A cell a method and scenario: the share of cortices in which a rule is found, and in which the planted slope is covered."""
    figure = Figure(figsize=(WIDTH * 1.3, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    tested_in = table[table["method"].str.match(r"(sandwich|axon bootstrap|two-way bootstrap|null: [a-z ]+)( \| distances)?$")]
    low, high = (float(limit / n) for limit in stats.binom.interval(0.99, n, ALPHA))
    there = np.array([scenario.slope != 0 for scenario in SCENARIOS.values()])
    for axes, value, limits, title in (
        (panels[0], "found", (np.where(there, 1 - high, low), np.where(there, 1, high)), "a rule of similarity is found"),
        (panels[1], "covers", (1 - high, 1 - low), f"its slope (0 or {SLOPE:g}) is covered"),
    ):
        wide = tested_in.pivot(index="method", columns="scenario", values=value).loc[tested_in["method"].drop_duplicates(), list(SCENARIOS)]
        shown = np.select([wide.isna(), wide > limits[1], wide < limits[0]], [0, 3, 2], 1)
        axes.imshow(shown, cmap=ListedColormap(["white", *RANGES.values()]), vmin=0, vmax=3, aspect="auto")
        for row, column in np.argwhere(shown > 0):
            axes.text(column, row, f"{wide.iloc[row, column]:.2f}", ha="center", va="center", fontsize=6.5)
        axes.set_xticks(range(wide.shape[1]), [textwrap.fill(name, 11) for name in wide], fontsize=6.5)
        axes.set_yticks(range(len(wide)), wide.index, fontsize=6.5)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.spines[:].set_visible(False)
        axes.set_title(f"Share of {n} cortices where {title}", fontsize=8)
    figure.legend([Patch(color=colour) for colour in RANGES.values()], list(RANGES), loc="outside lower center", ncols=3, fontsize=6.5)
    return figure


def studies_figure(table: pd.DataFrame) -> Figure:
    """Power against the number of axons; what reconstruction makes of a cortex and of slopes; what is decoded of scans that differ."""
    figure = Figure(figsize=(WIDTH * 1.3, 6.4), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    of = table.set_index(["scenario", "method"])
    for name in ("feature rule of 2", "geometry, targeted axons", "degree-heavy"):
        rows = [of.loc[(name, f"sandwich, {n} axons")] for n in N_AXONS]
        panels[0].plot(N_AXONS, [row["found"] for row in rows], marker="o", markersize=3, label=name)
    panels[0].axhline(ALPHA, color="0.6", linewidth=0.8, linestyle=":")
    panels[0].set(xscale="log", xlabel="whole axons", ylabel="share of cortices with a rule", ylim=(-0.03, 1.03), title="Power")
    panels[0].set_xticks(N_AXONS, [str(n) for n in N_AXONS])
    panels[0].minorticks_off()
    panels[0].legend(**BELOW)
    rule = of.loc["feature rule of 2"]
    quantities = ["synapses an axon", "connection probability", "synapses per um of L_d", "mean distance of partners"]
    bars(panels[1], rule, list(READINGS), [[f"{r}: {q}, of the true" for q in quantities] for r in READINGS], quantities)
    panels[1].axvline(1, color="0.6", linewidth=0.8, linestyle=":")
    panels[1].set(xlabel="as a part of the true value", title="Reconstruction: counts and rates")
    slopes = ["slope", "slope of co-travel"]
    bars(panels[2], rule, list(READINGS), [[f"{r}: {slope}" for slope in slopes] for r in READINGS], ["synapses given L_d", "co-travel"])
    panels[2].axvline(SLOPE, color="0.6", linewidth=0.8, linestyle=":")
    panels[2].set(xlabel=f"slope on feature similarity (dotted: {SLOPE:g} planted for synapses)", title="Reconstruction: slopes")
    kinds = ["raw", "raw, aligned", "embeddings", "embeddings, aligned"]
    said = ["scan from {}", "depth from {}, all scans together", "depth from {}, within scans", "orientation from {}"]
    names = ["scan, accuracy above chance", "depth, R2, all scans", "depth, R2, within scans", "orientation, R2"]
    bars(panels[3], of.loc["scans differ"], kinds, [[way.format(kind) for way in said] for kind in kinds], names)
    panels[3].axvline(0, color="0.6", linewidth=0.8)
    panels[3].set(xlabel="decoded", title="Scans that differ")
    return figure


def bars(axes: Any, of: pd.DataFrame, names: list[str], methods: list[list[str]], ticks: list[str]) -> None:
    """Horizontal bars with the SD over cortices, one colour a name and one group a tick."""
    height = 0.8 / len(names)
    for place, (name, rows) in enumerate(zip(names, methods, strict=True)):
        where = np.arange(len(rows)) + (place - (len(names) - 1) / 2) * height
        axes.barh(where, of.loc[rows, "estimate"], height, xerr=of.loc[rows, "sd"], error_kw={"linewidth": 0.7}, label=name)
    axes.invert_yaxis()
    axes.set_yticks(range(len(ticks)), [textwrap.fill(tick, 14) for tick in ticks], fontsize=6.5)
    axes.legend(**BELOW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cortices", type=int, default=50, help="of each kind of tissue")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/planted_rule"), help="a stopped study goes on there")
    chosen = parser.parse_args()
    table = summary(all_answers(chosen.cortices, chosen.workers, chosen.out))
    write_table(table, chosen.out / "shares.csv")
    print(table.round(3).to_string())
    with matplotlib.rc_context(STYLE):
        for name, figure in {"shares": shares_figure(table, chosen.cortices), "studies": studies_figure(table)}.items():
            write_atomic(chosen.out / f"{name}.png", lambda path, figure=figure: figure.savefig(path, dpi=170))
    wrong = compare_with(table, json.loads((HERE / "expected.json").read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
