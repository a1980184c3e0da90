"""Rank and smoothness chosen on directions a neuron didn't show, and the score of that choice against simpler predictors.

A predictor of a held-out direction sees the neuron's other directions (and, for the basis, all other neurons). The choice that predicts
a fold uses the scores of the other folds only, so that the reported score isn't the one that was maximised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_counts, resampled
from graphtwin.tuning.curves import fit_von_mises
from graphtwin.tuning.directions import DirectionConfig, direction_folds, fit_basis

REPLICATES = 1000  # resamples of neurons behind an interval
GRID_NEURONS = 2000  # neurons, at most, on which candidates are compared; the chosen one is fitted to all
FLOOR = 1e-3  # share of the neuron's mean: no predictor says less, since a Gamma mean of 0 has no likelihood
OURS = "shared_basis"  # name of the shared basis in the tables
# Names of the simpler readings of a tuning curve in the tables.
REFERENCES = ["von_mises", "raw", "raw_neighbours", "raw_opposite", "own_mean"]


@dataclass(frozen=True)
class HeldOut:
    """Held-out directions predicted by every model.

    Attributes:
        rank, smoothness: Rank and smoothness chosen over all folds.
        grid: Mean Gamma deviance of each candidate on each fold: rank, smoothness, fold, deviance.
        scores: One row a model and metric: model, metric, estimate, low, high, n; 95 % intervals that resample neurons; `A - B` rows are
            paired differences.
        explained: Each neuron's held-out variance explained by the basis, against its own mean; at most 1, can be negative.
        predictions: Each model's prediction of every entry from the neuron's other directions, by name.
    """

    rank: int
    smoothness: float
    grid: pd.DataFrame
    scores: pd.DataFrame
    explained: Float[np.ndarray, " neurons"]
    predictions: dict[str, np.ndarray]


def hold_out_directions(
    responses: Float[np.ndarray, "neurons directions"], degrees: Float[np.ndarray, " directions"], config: DirectionConfig
) -> HeldOut:
    """Score every candidate and every reference on the same held-out entries; rows are taken as they come, so sort them by key first."""
    folds = direction_folds(len(responses), responses.shape[1], config.folds, rng_for(config.seed, "direction folds"))
    grid = _score_grid(responses, folds, config)
    ours = _choose_without_fold(responses, folds, grid, config)
    predictions = {OURS: ours, **reference_predictions(responses, degrees, folds)}
    rank, smoothness = choose(grid)
    errors = {name: _relative_error(responses, values) for name, values in predictions.items()}
    explained = 1.0 - errors[OURS] / np.maximum(errors["own_mean"], 1e-12)
    return HeldOut(rank, smoothness, grid, _score_models(responses, predictions, errors, config.seed), explained, predictions)


def _predict_fold(responses: np.ndarray, folds: np.ndarray, fold: int, candidate: tuple[int, float], config: DirectionConfig) -> np.ndarray:
    """Curves of all neurons by the fit that didn't see this fold."""
    fit = fit_basis(responses, *candidate, observed=folds != fold)
    return fit.response()


def gamma_deviance(
    responses: Float[np.ndarray, "neurons directions"], mean: Float[np.ndarray, "neurons directions"]
) -> Float[np.ndarray, "neurons directions"]:
    """The part y / mu + log mu of half the Gamma deviance, the only one the prediction enters; means below the floor are raised to it."""
    mean = np.maximum(mean, FLOOR * np.nanmean(responses, axis=1, keepdims=True))
    return responses / mean + np.log(mean)


def _score_grid(responses: np.ndarray, folds: np.ndarray, config: DirectionConfig) -> pd.DataFrame:
    """Every candidate's deviance on every fold, on at most `GRID_NEURONS` neurons drawn by name."""
    candidates = [(rank, smoothness) for rank in config.ranks if rank < responses.shape[1] for smoothness in config.smoothness]
    if not candidates:
        raise ValueError(f"ranks {config.ranks} with {responses.shape[1]} directions: give one below {responses.shape[1]}.")
    drawn = np.sort(rng_for(config.seed, "grid neurons").permutation(len(responses))[:GRID_NEURONS])
    responses, folds = responses[drawn], folds[drawn]
    rows = []
    for candidate in candidates:
        for fold in range(config.folds):
            deviance = gamma_deviance(responses, _predict_fold(responses, folds, fold, candidate, config))
            rows.append((*candidate, fold, float(np.nanmean(deviance[folds == fold]))))
    return pd.DataFrame(rows, columns=["rank", "smoothness", "fold", "deviance"])


def choose(grid: pd.DataFrame) -> tuple[int, float]:
    """Rank and smoothness: the smallest rank within a standard error (of the paired difference over folds) of the best, at its best one."""
    scores = grid.pivot_table(index=["rank", "smoothness"], columns="fold", values="deviance")
    behind = scores - scores.loc[scores.mean(axis=1).idxmin()]
    error = behind.std(axis=1, ddof=1).fillna(0.0) / np.sqrt(behind.shape[1])  # a single fold has no error to allow for
    smallest = behind.index[behind.mean(axis=1) <= error].get_level_values("rank").min()
    return int(smallest), float(scores.loc[smallest].mean(axis=1).idxmin())


def _choose_without_fold(responses: np.ndarray, folds: np.ndarray, grid: pd.DataFrame, config: DirectionConfig) -> np.ndarray:
    """Each fold predicted by the candidate that was best on the other folds."""
    out = np.empty(responses.shape)
    for fold in range(config.folds):
        lost = folds == fold
        out[lost] = _predict_fold(responses, folds, fold, choose(grid[grid["fold"] != fold]), config)[lost]
    return out


def reference_predictions(
    responses: Float[np.ndarray, "neurons directions"],
    degrees: Float[np.ndarray, " directions"],
    folds: Int[np.ndarray, "neurons directions"],
) -> dict[str, np.ndarray]:
    """What simpler readings of the tuning curve say about a direction from the others.

    own_mean: mean of the directions seen. raw_neighbours: linear interpolation around the circle. raw_opposite: the response to
    the opposite direction (same orientation), the own mean where that is hidden too. raw: mean of the last two. von_mises: two
    peaks 180 degrees apart, by least squares.
    """
    names = ["own_mean", "raw_neighbours", "raw_opposite", "raw", "von_mises"]
    out = {name: np.empty(responses.shape) for name in names}
    for fold in range(int(folds.max()) + 1):
        seen = (folds != fold) & np.isfinite(responses)
        lost = folds == fold
        mean = np.where(seen, responses, 0.0).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1)
        opposite = np.roll(np.where(seen, responses, np.nan), responses.shape[1] // 2, axis=1)
        fold_values = {
            "own_mean": np.broadcast_to(mean, responses.shape),
            "raw_neighbours": interpolate_circle(responses, seen),
            "raw_opposite": np.where(np.isnan(opposite), mean, opposite),
            "von_mises": fit_von_mises(responses, degrees, seen).response(degrees),
        }
        fold_values["raw"] = (fold_values["raw_neighbours"] + fold_values["raw_opposite"]) / 2
        for name in names:
            out[name][lost] = fold_values[name][lost]
    return out


def interpolate_circle(
    responses: Float[np.ndarray, "neurons directions"], seen: Bool[np.ndarray, "neurons directions"]
) -> Float[np.ndarray, "neurons directions"]:
    """Responses, those that aren't seen taken linearly between the nearest seen directions on both sides; the seen ones unchanged."""
    count = responses.shape[1]
    known = np.where(seen, responses, np.nan)
    left, right = known.copy(), known.copy()
    left_steps, right_steps = np.zeros(known.shape), np.zeros(known.shape)
    for _ in range(count - 1):
        for side, steps, shift in ((left, left_steps, 1), (right, right_steps, -1)):
            empty = np.isnan(side)
            moved = np.roll(side, shift, axis=1)
            moved_steps = np.roll(steps, shift, axis=1) + 1
            steps[empty], side[empty] = moved_steps[empty], moved[empty]
    span = np.maximum(left_steps + right_steps, 1.0)
    return np.where(seen, responses, (left * right_steps + right * left_steps) / span)


def _relative_error(responses: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean squared error of each neuron in units of its squared mean response: bright neurons count no more than others."""
    return np.nanmean((responses - predicted) ** 2, axis=1) / np.nanmean(responses, axis=1) ** 2


def _score_models(responses: np.ndarray, predictions: dict[str, np.ndarray], errors: dict[str, np.ndarray], seed: int) -> pd.DataFrame:
    """Variance explained (pooled over neurons) and bits a response over the own mean, for models and their paired differences to ours."""
    n = len(responses)
    weights = np.vstack([np.ones(n), draw_counts(rng_for(seed, "held-out directions"), n, REPLICATES)])
    deviance = {name: np.nanmean(gamma_deviance(responses, values), axis=1) for name, values in predictions.items()}
    shape = 1.0 / max(float(np.mean(errors[OURS])), 1e-12)
    explained = {name: 1.0 - (weights @ errors[name]) / (weights @ errors["own_mean"]) for name in predictions}
    bits = {name: shape / np.log(2) * (weights @ (deviance["own_mean"] - deviance[name])) / weights.sum(1) for name in predictions}
    rows = []
    for metric, draws in (("variance_explained", explained), ("bits_per_response", bits)):
        named = {**draws, **{f"{OURS} - {name}": draws[OURS] - draws[name] for name in REFERENCES}}
        rows += [(name, metric, values[0], *resampled(values, n).interval(), n) for name, values in named.items()]
    return pd.DataFrame(rows, columns=["model", "metric", "estimate", "low", "high", "n"])
