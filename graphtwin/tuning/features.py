"""What the graph model is told about a neuron's function: embedding, direction profile, tuning shape, variability, alike in every scan."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from graphtwin import schema
from graphtwin.schema import UNIT_KEY
from graphtwin.tuning.curves import describe_tuning, direction_degrees
from graphtwin.tuning.embeddings import align_scans, embedding_columns, scan_labels
from graphtwin.tuning.noise import own_scale
from graphtwin.tuning.variability import lend, response_variability

PROFILE = 12  # leading components of function of any kind among the features
LEARNED_FROM = 10_000  # units, at least, from which they are learned where there are more
# Columns of `describe_tuning` that say what a curve looks like, but not where its peak is.
SHAPE = ["osi", "dsi", "gosi", "gdsi", "tuning_width", "mean", "variation", "sparseness", "entropy", "harmonic_3", "harmonic_4"]


def node_features(
    units: pd.DataFrame, embeddings: pd.DataFrame, orientations: pd.DataFrame | None = None, function: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row an embedded unit: session, scan_idx, unit_id, nucleus_id and feature_* columns (float32), mean 0 within each scan.

    feature_embedding_i: the embedding. feature_profile_DDD_D: response to a direction over the unit's mean. feature_osi, ...: shape of
    tuning, which no rotation of the stimuli changes. feature_variability_i: variability of the responses to orientation i, where any
    of these nuclei has it; see `variability.lend` for the others. feature_level, feature_amplitude: mean and standard deviation over
    columns of function of any kind, from which the embedding is free; feature_profile_i: its leading components, more of them than the
    embedding has, which is as small as held-out columns allow. All but the embedding are ranked within scan to a normal, then all
    features are given the same mean and covariance in every scan. A unit without responses keeps its embedding and has 0, its scan's
    mean, for profile and shape.

    Args:
        units: Table of units: keys and direction_DDD_D responses; without such columns the embedding is all there is.
        embeddings: An embeddings table; its rows decide the rows of the result.
        orientations: The cortex's responses to orientations with their errors.
        function: The cortex's function of any kind: keys and a column a response.
    """
    names = embedding_columns(embeddings)
    keys = embeddings[[*UNIT_KEY, "nucleus_id"]].reset_index(drop=True)
    scan = scan_labels(keys)
    vectors = embeddings[names].to_numpy(np.float64)
    parts = {f"feature_{name}": vectors[:, index] / max(vectors[:, index].std(), 1e-12) for index, name in enumerate(names)}
    columns = [str(name) for name in units.columns if re.fullmatch(schema.DIRECTION, str(name))]
    if columns:
        responses = keys.merge(units[[*UNIT_KEY, *columns]], on=UNIT_KEY, how="left", validate="1:1")[columns].to_numpy(np.float64)
        shown = np.isfinite(responses).all(1) & (np.nan_to_num(responses).sum(1) > 0)
        described = _describe(responses[shown], columns)
        ranked = np.zeros((len(keys), described.shape[1]))
        ranked[shown] = rank_within_scan(described.to_numpy(np.float64), scan[shown])
        parts |= {name: ranked[:, index] for index, name in enumerate(described.columns)}
    if function is not None and len(function):
        parts |= _of_function(keys, function, scan)
    values = align_scans(np.column_stack(list(parts.values())), scan)
    names = list(parts)
    if orientations is not None and orientations["nucleus_id"].isin(keys["nucleus_id"]).any():
        variability = response_variability(orientations)
        measured = variability.reindex(keys["nucleus_id"]).to_numpy(np.float64)
        ranked = rank_within_scan(lend(measured, values, scan), scan)
        values = align_scans(np.column_stack([values, ranked]), scan)
        names += [f"feature_{name}" for name in variability]
    return pd.concat([keys, pd.DataFrame(np.clip(values, -6.0, 6.0).astype(np.float32), columns=names)], axis=1)


def _of_function(keys: pd.DataFrame, function: pd.DataFrame, scan: np.ndarray) -> dict[str, np.ndarray]:
    """Level, amplitude and leading components of each unit's function, ranked within scan; 0 for a unit without function."""
    names = [name for name in function if name not in (*UNIT_KEY, "nucleus_id")]
    joined = keys[UNIT_KEY].merge(function[[*UNIT_KEY, *names]], on=UNIT_KEY, how="left", validate="1:1")[names].to_numpy(np.float64)
    seen = np.isfinite(joined)
    shown = seen.any(axis=1)
    level, amplitude = own_scale(joined, seen, "gaussian")
    scaled = np.where(seen, joined - level[:, None], 0.0) / amplitude[:, None]
    told = np.column_stack([level, amplitude, _components(scaled, seen)])
    ranked = np.zeros(told.shape)
    ranked[shown] = rank_within_scan(told[shown], scan[shown])
    names = ["feature_level", "feature_amplitude", *(f"feature_profile_{index}" for index in range(told.shape[1] - 2))]
    return dict(zip(names, ranked.T, strict=True))


def _components(scaled: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Scores on the leading principal components, gaps at the mean of their column; as if all columns had been seen."""
    centred = np.where(seen, scaled - scaled.sum(0) / np.maximum(seen.sum(0), 1), 0.0)
    some = centred[:: max(1, len(centred) // LEARNED_FROM)]
    axes = np.linalg.eigh(some.T @ some)[1][:, ::-1][:, : min(PROFILE, scaled.shape[1] - 1)]
    return (centred @ axes) * (scaled.shape[1] / np.maximum(seen.sum(1, keepdims=True), 1))


def features_as_embeddings(features: pd.DataFrame) -> pd.DataFrame:
    """Features as an embeddings table of the same rows, one entry a feature: what is asked of embeddings can be asked of all features."""
    names = [name for name in map(str, features.columns) if name.startswith("feature_")]
    return features[[*UNIT_KEY, "nucleus_id", *names]].rename(columns={name: f"embedding_{index}" for index, name in enumerate(names)})


def _describe(responses: np.ndarray, columns: list[str]) -> pd.DataFrame:
    shape = describe_tuning(responses, direction_degrees(columns))[SHAPE]
    profile = pd.DataFrame(
        responses / responses.mean(1, keepdims=True), columns=[name.replace("direction_", "feature_profile_") for name in columns]
    )
    return pd.concat([profile, shape.rename(columns=lambda name: f"feature_{name}")], axis=1)


def rank_within_scan(values: Float[np.ndarray, "units features"], scan: Int[np.ndarray, " units"]) -> Float[np.ndarray, "units features"]:
    """Each feature's rank among the units of its scan as a standard normal quantile; gain and noise of a scan drop out."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    out = np.empty(values.shape)
    for label in np.unique(scan):
        rows = scan == label
        out[rows] = ndtri((rankdata(values[rows], axis=0) - 0.5) / rows.sum())
    return out
