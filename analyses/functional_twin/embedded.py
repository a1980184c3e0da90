"""What embeddings are worth: do two fits of the same neurons agree, and what can be read from them?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from fits import KEYS
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_units, percentile_interval, resample_units
from graphtwin.twin.data import Clips

LEAST_OF_A_TYPE = 10  # least number of units of a cell type; with fewer the type is left out
REPLICATES = 400
PLACES = {"place in cortex": ["x_um", "y_um"], "depth": ["z_um"]}


def vectors_of(table: pd.DataFrame) -> Float[np.ndarray, "units features"]:
    """The embedding columns."""
    return table.filter(regex=r"^embedding_\d+$").to_numpy(np.float64)


def agreement(one: pd.DataFrame, other: pd.DataFrame, name: str) -> Iterator[dict[str, Any]]:
    """How far two embeddings tables of the same units agree, and what the same numbers are where units are dealt anew.

    Args:
        one: Embeddings table of one fit, as `embed` makes it.
        other: Embeddings table of another fit, the same units in the same order.
        name: Name of the comparison.
    """
    if not one[KEYS].equals(other[KEYS]):
        raise ValueError(f"{name}: {len(one)} and {len(other)} rows are not the same units in the same order. Join them first.")
    a, b = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12) for vectors in (vectors_of(one), vectors_of(other)))
    dealt = rng_for(0, "units dealt anew").permutation(len(a))
    for measure, of in (("cosine", cosines), ("cosine, mean vector removed", centred_cosines)):
        yield {"comparison": name, "measure": measure, **_median(of(a, b)), "null": float(np.median(of(a, b[dealt])))}
    cosine = a @ b.T
    nearest = cosine.argmax(1) == np.arange(len(a))
    yield {"comparison": name, "measure": "own match is the nearest of all", **_mean(nearest), "null": 1 / len(a)}
    yield {"comparison": name, "measure": "correlation of similarity matrices", **_similarities(a, b)}
    apart = np.hypot(one["rf_x"] - other["rf_x"], one["rf_y"] - other["rf_y"]).to_numpy()
    random = np.hypot(one["rf_x"] - other["rf_x"].to_numpy()[dealt], one["rf_y"] - other["rf_y"].to_numpy()[dealt])
    yield {"comparison": name, "measure": "distance of readout positions", **_median(apart), "null": float(np.median(random))}


def cosines(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " units"]:
    """Cosine of each unit's two vectors."""
    return np.asarray((a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12))


def centred_cosines(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " units"]:
    """Cosine of each unit's two vectors once what all units have in common is taken away."""
    return cosines(a - a.mean(0), b - b.mean(0))


def _similarities(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Correlation of all pairs' similarities, its interval over units, and the largest of twenty deals of units."""
    rng = rng_for(0, "similarity matrices")
    first, second = a @ a.T, b @ b.T
    drawn = [_of_pairs(first, second, rng.integers(len(a), size=len(a))) for _ in range(50)]
    null = [_of_pairs(first, second, np.arange(len(a)), rng.permutation(len(a))) for _ in range(20)]
    low, high = percentile_interval(np.array(drawn), len(a) - 1.0)
    return {"value": _of_pairs(first, second, np.arange(len(a))), "low": low, "high": high, "null": float(np.max(null))}


def _of_pairs(first: np.ndarray, second: np.ndarray, rows: np.ndarray, other_rows: np.ndarray | None = None) -> float:
    """Correlation over pairs of different units among those of `rows`; NaN where all pairs are alike."""
    others = rows if other_rows is None else other_rows
    different = rows[:, None] != rows[None]
    different &= np.tri(len(rows), k=-1, dtype=bool)
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(first[np.ix_(rows, rows)][different], second[np.ix_(others, others)][different])[0, 1])


def _median(values: np.ndarray) -> dict[str, float]:
    return _interval(values, np.median)


def _mean(values: np.ndarray) -> dict[str, float]:
    return _interval(values.astype(float), np.mean)


def _interval(values: np.ndarray, of: Any) -> dict[str, float]:
    """A statistic over units with its 95 % interval."""
    found = resample_units(of, values, rng_for(0, "resampled units"), REPLICATES)
    low, high = found.interval()
    return {"value": found.estimate, "low": low, "high": high}


def raw_components(clips: Clips, components: int) -> Float[np.ndarray, "units components"]:
    """The baseline: principal components of units by their correlated responses to the training clips, no model in between."""
    responses = np.concatenate([window.responses[window.counted] for window in clips.whole()]).T
    responses = responses - responses.mean(1, keepdims=True)
    responses /= np.maximum(np.linalg.norm(responses, axis=1, keepdims=True), 1e-9)
    return np.asarray(PCA(components, random_state=0).fit_transform(responses @ responses.T), dtype=np.float64)


def decoded(vectors: dict[str, Float[np.ndarray, "units features"]], units: pd.DataFrame) -> pd.DataFrame:
    """What each set of vectors tells of each unit, cross-validated by unit: a row a set and target.

    Args:
        vectors: Sets of vectors by name; sets of two columns are positions, which are given their squares and product as well.
        units: The units as measured: cell_type ("" where it is unknown), x_um, y_um, z_um.
    """
    rows = []
    for name, values in vectors.items():
        rows.append({"vectors": name, "target": "cell type, balanced accuracy", **types(values, units["cell_type"].to_numpy(str))})
        for target, columns in PLACES.items():
            rows.append({"vectors": name, "target": f"{target}, R2", **places(values, units[columns].to_numpy(np.float64))})
    return pd.DataFrame(rows)


def types(vectors: Float[np.ndarray, "units features"], cell_type: np.ndarray) -> dict[str, float]:
    """Balanced accuracy of a linear discriminant for known types that have enough units, its chance, and the same with types dealt anew."""
    names, counts = np.unique(cell_type, return_counts=True)
    kept = np.isin(cell_type, names[(counts >= LEAST_OF_A_TYPE) & (names != "")])
    x, y = vectors[kept], cell_type[kept]
    found = _named(x, y)
    drawn = draw_units(rng_for(0, "resampled units"), len(y), REPLICATES)
    low, high = percentile_interval(np.array([balanced(y[rows], found[rows]) for rows in drawn]), len(y) - 1.0)
    dealt = y[rng_for(0, "types dealt anew").permutation(len(y))]
    chance = 1 / len(np.unique(y))
    return {"value": balanced(y, found), "low": low, "high": high, "chance": chance, "null": balanced(dealt, _named(x, dealt)), "n": len(y)}


def _named(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    n = len(np.unique(y))
    model = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(n, 1 / n)))
    return np.asarray(cross_val_predict(model, x, y, cv=StratifiedKFold(5, shuffle=True, random_state=0)))


def balanced(y: np.ndarray, found: np.ndarray) -> float:
    """Mean over types of the share of their units that are named so."""
    return float(np.mean([(found[y == name] == name).mean() for name in np.unique(y)]))


def places(vectors: Float[np.ndarray, "units features"], value: Float[np.ndarray, "units targets"]) -> dict[str, float]:
    """Share of the variance that ridge regression predicts."""
    degree = 2 if vectors.shape[1] == 2 else 1
    model = make_pipeline(StandardScaler(), PolynomialFeatures(degree, include_bias=False), RidgeCV(np.logspace(-2, 4, 13)))
    folds = KFold(5, shuffle=True, random_state=0)
    found = np.asarray(cross_val_predict(model, vectors, value, cv=folds)).reshape(value.shape)
    dealt = value[rng_for(0, "places dealt anew").permutation(len(value))]
    null = np.asarray(cross_val_predict(model, vectors, dealt, cv=folds)).reshape(value.shape)
    drawn = draw_units(rng_for(0, "resampled units"), len(value), REPLICATES)
    low, high = percentile_interval(np.array([r2(value[rows], found[rows]) for rows in drawn]), len(value) - 1.0)
    return {"value": r2(value, found), "low": low, "high": high, "chance": 0.0, "null": r2(dealt, null), "n": len(value)}


def r2(value: np.ndarray, found: np.ndarray) -> float:
    """Share of the variance explained, of all columns together, each about its mean."""
    return float(1 - ((value - found) ** 2).sum() / ((value - value.mean(0)) ** 2).sum())
