"""How well a decoder tells the scan a unit comes from: embeddings that encode the scan would bring its depth in by the back door."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin.execute import rng_for
from graphtwin.statistics import percentile_interval
from graphtwin.tuning.embeddings import embedding_columns, scan_labels

FOLDS = 5  # parts of the units, each held out once
REPLICATES = 1000  # draws behind an interval
LEVELS = 64  # quantiles a boosted decoder tells apart


def scan_leakage(
    embeddings: pd.DataFrame, seed: int = 0, permutations: int = 20, decoders: tuple[str, ...] = ("linear", "boosting")
) -> pd.DataFrame:
    """Balanced accuracy of decoding the scan from the vectors, cross-validated by unit, against chance and shuffled scans.

    Scans centred exactly are decoded below chance: the mean of the training units is then opposite to that of the held-out ones.

    Args:
        embeddings: An embeddings table. Scans with fewer units than folds are left out and counted in `n_left_out`.
        seed: Seed of the folds, the resampling and the shuffles.
        permutations: Shuffles of the scan labels behind `null_low` and `null_high`; boosting gets a tenth of them.
        decoders: Decoders to train: `linear` (discriminant analysis) and `boosting` (trees).

    Returns:
        decoder, estimate, low, high (95 %, units resampled within scan), chance, null_mean, null_low, null_high, n, n_scans, n_left_out.
    """
    scan = scan_labels(embeddings)
    enough = np.bincount(scan)[scan] >= FOLDS
    values = embeddings.loc[enough, embedding_columns(embeddings)].to_numpy(np.float64)
    labels = np.unique(scan[enough], return_inverse=True)[1]
    n_scans = int(labels.max()) + 1 if len(labels) else 0
    if n_scans < 2:
        raise ValueError(f"scan leakage: {n_scans} scans have at least {FOLDS} of the {len(embeddings)} units. Two are needed.")
    fixed = {"chance": 1.0 / n_scans, "n": len(labels), "n_scans": n_scans, "n_left_out": int((~enough).sum())}
    rows = [{"decoder": decoder, **_decode(decoder, values, labels, seed, permutations), **fixed} for decoder in decoders]
    return pd.DataFrame(rows)


def _decode(decoder: str, values: np.ndarray, labels: np.ndarray, seed: int, permutations: int) -> dict[str, float]:
    hits = _cross_validated_hits(decoder, values, labels, rng_for(seed, "scan leakage"))
    counts = np.bincount(labels)
    recall = np.bincount(labels, hits) / counts
    draws = rng_for(seed, "scan leakage bootstrap").binomial(counts, recall, (REPLICATES, len(counts))) / counts
    low, high = percentile_interval(draws.mean(1), float(len(labels) - len(counts)))
    null = [_null(decoder, values, labels, seed, index) for index in range(permutations if decoder == "linear" else permutations // 10)]
    spread = dict(zip(["null_low", "null_high"], np.quantile(null, [0.025, 0.975]) if null else [np.nan, np.nan], strict=True))
    return {"estimate": recall.mean(), "low": low, "high": high, "null_mean": float(np.mean(null)) if null else np.nan, **spread}


def _null(decoder: str, values: np.ndarray, labels: np.ndarray, seed: int, index: int) -> float:
    rng = rng_for(seed, "scan leakage null", index)
    shuffled = rng.permutation(labels)
    return float(np.mean(np.bincount(shuffled, _cross_validated_hits(decoder, values, shuffled, rng)) / np.bincount(shuffled)))


def _cross_validated_hits(decoder: str, values: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, " units"]:
    """1 where a decoder that never saw the unit names its scan."""
    folds = _stratified_folds(labels, rng)
    if decoder == "boosting":  # trees see ranks only, and few levels spare them the slow weighted quantiles
        values = np.floor(LEVELS * (values.argsort(0).argsort(0) + 0.5) / len(values))
    hits = np.zeros(len(labels))
    for fold in range(FOLDS):
        test = folds == fold
        model = _decoder(decoder, int(labels.max()) + 1)
        model.fit(values[~test], labels[~test])
        hits[test] = model.predict(values[test]) == labels[test]
    return hits


def _stratified_folds(labels: np.ndarray, rng: np.random.Generator) -> Int[np.ndarray, " units"]:
    order = np.lexsort((rng.random(len(labels)), labels))
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % FOLDS
    return folds


def _decoder(name: str, n_scans: int) -> Any:
    """A decoder before it is trained; all scans weigh alike, so that balanced accuracy is what each decoder is trained for."""
    if name == "linear":
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3, priors=np.full(n_scans, 1.0 / n_scans))
    if name == "boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        settings = {"max_iter": 20, "max_leaf_nodes": 8, "learning_rate": 0.1, "early_stopping": False}
        return HistGradientBoostingClassifier(class_weight="balanced", **settings)
    raise ValueError(f"decoder {name!r}: choose 'linear' or 'boosting'.")
