"""A finished run folder of planted predictions, every table written through the code that a real run uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from graphtwin import artifacts
from graphtwin.cortex.cortex import Cortex
from graphtwin.evaluation.scoring import ScoreDesign, Scores, score_labels, score_pairs, score_positions
from graphtwin.evaluation.verdicts import Comparison, judge
from graphtwin.tuning.leakage import scan_leakage
from graphtwin.tuning.learned import LearnedEmbeddings, learn_embeddings
from graphtwin.tuning.selection import BasisConfig
from graphtwin.tuning.units import speaking_units
from graphtwin.wiring.questions.matched import compare_with_matched
from graphtwin.wiring.questions.queried_pairs import conditional_like_to_like

NEURON_MODELS = {
    "majority": 0.0,
    "scan alone": 0.8,
    "logistic, function": 0.5,
    "boosting, function": 0.55,
    "graph model, function": 0.9,
    "graph model, function + scan + synapses": 1.6,
}
PAIR_MODELS = {
    "majority": 0.0,
    "distance": 0.4,
    "logistic": 0.7,
    "logistic + tuning": 0.72,
    "boosting": 0.9,
    "boosting + tuning": 0.91,
    "graph model": 1.0,
    "graph model, no function": 0.98,
}
SPLITS = {"neuron": "neuron", "scan": "scan", "block": "neuron"}


@dataclass
class Planted:
    """What the run has scored so far."""

    folder: Path
    metrics: list[pd.DataFrame]
    differences: list[pd.DataFrame]
    n_replicates: int

    def score(self, scores: Scores, pairs: list[tuple[str, str]]) -> None:
        self.metrics.append(scores.table())
        self.differences.append(scores.differences(pairs))


def write_run(folder: Path, cortex: Cortex, n_axons: int = 40, n_posts: int = 100, n_replicates: int = 20, quick: bool = True) -> Path:
    """Write every file a run leaves; `quick` keeps embeddings and like-to-like small."""
    learned = write_embeddings(folder, cortex, quick)
    artifacts.write_tables(replace(cortex, funnel=pd.concat([cortex.funnel, learned.funnel])), folder / "tables")
    planted = Planted(folder, [], [], n_replicates)
    write_neurons(planted, cortex, quick)
    write_pairs(planted, n_axons, n_posts)
    metrics, differences = pd.concat(planted.metrics), pd.concat(planted.differences)
    artifacts.write_parquet(metrics, folder / "metrics.parquet")
    artifacts.write_parquet(differences, folder / "differences.parquet")
    write_permutations(folder, metrics, differences)
    units = speaking_units(cortex.units, None)
    summary, axons = compare_with_matched(cortex, units, seed=0, n_permutations=9 if quick else 99)
    artifacts.write_parquet(summary, folder / "like_to_like.parquet")
    artifacts.write_parquet(axons, folder / "like_to_like_axons.parquet")
    some = cortex.synapses[cortex.synapses["pre_nucleus_id"] % 16 == 0]  # axons enough for a slope
    conditional = conditional_like_to_like(replace(cortex, synapses=some), units, seed=0, n_replicates=9)
    artifacts.write_parquet(conditional, folder / "conditional_like_to_like.parquet")
    artifacts.write_text('source = "minnie65"\nseed = 0\n', folder / "config.toml")
    artifacts.write_json(artifacts.provenance(0, cortex.provenance), folder / "provenance.json")
    return folder


def write_embeddings(folder: Path, cortex: Cortex, quick: bool) -> LearnedEmbeddings:
    config = BasisConfig(ranks=(2, 3), smoothness=(0.0, 0.1), folds=2) if quick else BasisConfig()
    learned = learn_embeddings(cortex.units, config)
    components = {f"component_{index}": values for index, values in enumerate(learned.basis.basis)}
    decoders = ("linear",) if quick else ("linear", "boosting")
    leakage = [
        scan_leakage(frame, permutations=2, decoders=decoders).assign(embeddings=name)
        for frame, name in ((learned.embeddings, "aligned"), (learned.uncorrected, "as fitted"))
    ]
    tables = {
        "embeddings": learned.embeddings,
        "embeddings_uncorrected": learned.uncorrected,
        "basis": learned.columns.assign(**components),
        "embedding_scores": learned.held_out.scores,
        "embedding_grid": learned.held_out.grid,
        "scan_leakage": pd.concat(leakage),
    }
    artifacts.write_tables(tables, folder)
    return learned


def write_neurons(planted: Planted, cortex: Cortex, quick: bool) -> None:
    units = cortex.units.drop_duplicates("nucleus_id").merge(cortex.neurons, on="nucleus_id")
    units = units.iloc[:: 8 if quick else 1].reset_index(drop=True)
    for target in ("cell_type", "layer"):
        parts = [label_predictions(planted, units[units[target].notna()], target, split) for split in SPLITS]
        artifacts.write_parquet(pd.concat(parts), planted.folder / f"predictions/{target}.parquet")
    placed = units[np.isfinite(units["depth_um"])]
    parts = [position_predictions(planted, placed, target, split) for target in ("depth", "x", "z") for split in SPLITS]
    artifacts.write_parquet(pd.concat(parts), planted.folder / "predictions/position.parquet")


def design(planted: Planted, task: str, split: str, cluster: str) -> ScoreDesign:
    return ScoreDesign(task, split, cluster, n_replicates=planted.n_replicates)


def label_predictions(planted: Planted, units: pd.DataFrame, target: str, split: str) -> pd.DataFrame:
    rng = np.random.default_rng(len(target) + len(split))
    classes, true = np.unique(units[target].to_numpy(str), return_inverse=True)
    prior = np.log(np.bincount(true) / len(true))
    guesses, frames = {}, []
    for model, strength in NEURON_MODELS.items():
        score = prior + strength * (2.5 * np.eye(len(classes))[true] + rng.normal(size=(len(true), len(classes))))
        guesses[model] = np.exp(score) / np.exp(score).sum(1, keepdims=True)
        frames.append(
            units[["nucleus_id", "session", "scan_idx"]].assign(
                split=split,
                fold=0,
                model=model,
                true=classes[true],
                predicted=classes[guesses[model].argmax(1)],
                **{f"probability_{name}": guesses[model][:, index] for index, name in enumerate(classes)},
            )
        )
    scan = units.groupby(["session", "scan_idx"]).ngroup().to_numpy(np.int64)
    cluster = scan if split == "scan" else units["nucleus_id"].to_numpy()
    fold = np.zeros(len(true), dtype=np.int64)
    of = design(planted, target, split, SPLITS[split])
    scores = score_labels(true.astype(np.int64), guesses, tuple(classes), cluster, scan, fold, of)
    planted.score(scores, [("graph model, function", "boosting, function"), ("graph model, function", "majority")])
    return pd.concat(frames)


def position_predictions(planted: Planted, units: pd.DataFrame, target: str, split: str) -> pd.DataFrame:
    rng = np.random.default_rng(len(target) + len(split))
    true = units["depth_um" if target == "depth" else f"{target}_um"].to_numpy(np.float64)
    spread, guesses, frames = float(np.std(true)), {}, []
    for model, strength in NEURON_MODELS.items():
        weight = strength / (1 + strength)
        mean = true.mean() + weight * (true - true.mean()) + rng.normal(0, 0.3 * spread * weight, len(true))
        guesses[model] = (mean, np.full(len(true), float(np.std(true - mean))))
        keys = units[["nucleus_id", "session", "scan_idx"]]
        columns = {
            "split": split,
            "fold": 0,
            "model": model,
            "target": target,
            "true_um": true,
            "mean_um": mean,
            "sd_um": guesses[model][1],
        }
        frames.append(keys.assign(**columns))
    task, subset = ("depth", "all") if target == "depth" else ("lateral", target)
    scan = units.groupby(["session", "scan_idx"]).ngroup().to_numpy(np.int64)
    cluster = scan if split == "scan" else units["nucleus_id"].to_numpy(np.int64)
    of = replace(design(planted, task, split, SPLITS[split]), subset=subset)
    planted.score(score_positions(true, guesses, cluster, scan, np.zeros_like(scan), of), [("graph model, function", "boosting, function")])
    return pd.concat(frames)


def write_pairs(planted: Planted, n_axons: int, n_posts: int) -> None:
    rng = np.random.default_rng(0)
    pre = np.repeat(np.arange(n_axons), n_posts).astype(np.int64)
    distance = rng.uniform(10, 500, len(pre))
    truth = -4.5 - distance / 150 + rng.normal(0, 1.2, n_axons)[pre] + rng.normal(0, 1.2, len(pre))
    connected = rng.random(len(pre)) < 1 / (1 + np.exp(-truth))
    pairs = pd.DataFrame(
        {"pre_nucleus_id": pre, "post_nucleus_id": np.tile(np.arange(n_posts), n_axons) + 10**6, "connected": connected}
    ).assign(size=np.where(connected, rng.lognormal(7, 1, len(pre)), 0.0), fold=pre % 5, distance_um=distance)
    probabilities = {}
    for model, strength in PAIR_MODELS.items():
        guess = strength * truth + (1 - strength) * truth.mean() + rng.normal(0, 1.2 * (1 - strength), len(pre)) * (strength > 0)
        probabilities[model] = (1 / (1 + np.exp(-guess))).astype(np.float32)
    artifacts.write_parquet(pairs.assign(**probabilities), planted.folder / "predictions/connectivity.parquet")
    made = pairs[connected][["pre_nucleus_id", "post_nucleus_id", "fold", "size"]]
    artifacts.write_parquet(
        made.assign(expected_size=np.sqrt(made["size"]) * rng.lognormal(3.5, 0.4, len(made))), planted.folder / "predictions/size.parquet"
    )
    compared = [("graph model", name) for name in PAIR_MODELS if name not in ("majority", "graph model")]
    for split in ("axon", "block"):
        scores = score_pairs(connected, probabilities, pre, pre % 5, distance, design(planted, "connectivity", split, "axon"))
        planted.score(scores, compared)


def write_permutations(folder: Path, metrics: pd.DataFrame, differences: pd.DataFrame) -> None:
    rng, rows, verdicts = np.random.default_rng(0), [], []
    tested = [
        ("cell_type", "neuron", "graph model, function", "balanced_accuracy_within_scan", 0.2, "boosting, function"),
        ("layer", "neuron", "graph model, function", "balanced_accuracy_within_scan", 0.2, "boosting, function"),
        ("depth", "neuron", "graph model, function", "r2_within_scan", 0.3, "boosting, function"),
        ("connectivity", "axon", "graph model", "auc", 0.002, "graph model, no function"),
        ("connectivity", "axon", "graph model", "average_precision", 0.0, "graph model, no function"),
    ]
    for task, split, model, metric, effect, against in tested:
        key = {"task": task, "split": split, "metric": metric}
        observed = float(only(metrics, **key, model=model)["estimate"])
        null = observed - effect + rng.normal(0, 0.01 * abs(observed), 20)
        for kind in ("embeddings permuted within layer and scan", "degree-preserving rewiring")[: 2 if task == "connectivity" else 1]:
            rows += [(task, model, kind, replicate, metric, value) for replicate, value in enumerate(null)]
        row = only(differences, **key, model=f"{model} - {against}")
        numbers = (
            float(row["estimate"]),
            float(row["low"]),
            float(row["high"]),
            int(row["n_clusters"]),
            str(row["cluster"]),
            str(row["unit"]),
        )
        verdicts.append(judge(Comparison(task, split, metric, model, against, *numbers), "function", observed, null))
    columns = ["task", "model", "null", "replicate", "metric", "estimate"]
    artifacts.write_parquet(pd.DataFrame(rows, columns=columns), folder / "permutations.parquet")
    artifacts.write_json(verdicts, folder / "verdicts.json")


def only(frame: pd.DataFrame, **key: str) -> pd.Series:
    """The one row with these values, over all subsets the first."""
    return frame[np.logical_and.reduce([frame[name] == value for name, value in key.items()])].iloc[0]
