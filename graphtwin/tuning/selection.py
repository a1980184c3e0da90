"""Noise, rank and smoothness chosen on columns a neuron didn't show, and the score of that choice against simpler predictors.

A predictor of a held-out column sees the neuron's other columns (and, for the basis, all other neurons). The choice that predicts
a fold uses the scores of the other folds only, so that the reported score isn't the one that was maximised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.execute import rng_for
from graphtwin.statistics import draw_counts, resampled
from graphtwin.tuning.basis import Basis, fit_basis, slices
from graphtwin.tuning.column_folds import column_folds
from graphtwin.tuning.noise import GAUSSIAN, LARGEST_Z, Noise, gamma_deviance, gamma_log_density, gaussian_log_density, own_scale
from graphtwin.tuning.references import OF_COLUMNS, OF_DIRECTIONS, OWN_MEAN, Hidden, of_columns, of_directions
from graphtwin.tuning.roughness import roughness_of

REPLICATES = 1000  # resamples of neurons behind an interval
GRID_NEURONS = 2000  # neurons, at most, on which candidates are compared; the chosen one is fitted to all
GRID_ENTRIES, FEWEST_GRID_NEURONS = 1_000_000, 300  # entries of the table on which they are compared, at most, and neurons at least
SCORED_ENTRIES = 20_000_000  # entries up to which simpler models are fitted to all neurons; of larger tables, to as many as in the grid
NOISE_RANK = 4  # rank, at most, at which kinds of noise are compared
PATIENCE = 2  # larger ranks in a row without a better score after which no still larger one is tried
OURS = "shared_basis"  # name of the shared basis in the tables


class BasisConfig(BaseModel):
    """How embeddings are learned from responses: what is tried, and on which held-out columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranks: tuple[int, ...] = Field(
        (2, 4, 6, 8), description="Numbers of basis functions that are tried on held-out columns, ascending until none is better."
    )
    smoothness: tuple[float, ...] = Field(
        (0.0, 0.03, 0.1),
        description="Strengths of the smoothness penalty that are tried where columns lie on an axis, as parts of the data's information.",
    )
    folds: int = Field(4, ge=2, description="Parts of the columns; each neuron loses one part in a fold.")
    seed: int = Field(
        0, ge=0, description="Seed of the draw that decides which neuron loses which columns in which fold; in a run that of the run."
    )


# What is tried for columns of any kind: from one component on, and as smooth as columns may be that lie densely on an axis.
ANY_COLUMNS = BasisConfig(ranks=(1, 2, 3, 4, 6, 8, 12, 16, 24), smoothness=(0.0, 0.1, 1.0, 10.0))


@dataclass(frozen=True)
class HeldOut:
    """Held-out columns predicted by every model.

    Attributes:
        noise, rank, smoothness: Noise, rank and smoothness chosen over all folds.
        noises: Mean negative log density (nats) of each kind of noise that was tried on each fold: noise, fold, deviance; empty where one
            was stated.
        grid: Mean deviance of each candidate on each fold, those with the chosen noise first: noise, rank, smoothness, fold,
            deviance (half the Gamma deviance; of Gaussian noise (z^2 + log variance) / 2 in the neuron's own units, z up to 5).
        scores: One row a model and metric: model, metric, estimate, low, high, n; 95 % intervals that resample neurons; `A - B` rows are
            paired differences.
        explained: Each neuron's held-out variance explained by the basis, against its own mean; at most 1, can be negative.
        predictions: Each model's prediction of every entry from the neuron's other columns, by name; of neurons that were scored.
    """

    noise: Noise
    rank: int
    smoothness: float
    noises: pd.DataFrame
    grid: pd.DataFrame
    scores: pd.DataFrame
    explained: Float[np.ndarray, " neurons"]
    predictions: dict[str, np.ndarray]


class _Trial:
    """A table of responses whose columns are held out fold by fold."""

    def __init__(self, responses: np.ndarray, columns: pd.DataFrame, config: BasisConfig) -> None:
        self.responses, self.columns, self.config = responses, columns, config
        self.n_folds = min(config.folds, responses.shape[1])
        self.folds = column_folds(np.isfinite(responses), self.n_folds, rng_for(config.seed, "direction folds"), columns)
        self.roughness = roughness_of(columns)

    def of(self, rows: np.ndarray) -> _Trial:
        """The trial of some neurons."""
        other = _Trial.__new__(_Trial)
        other.__dict__ = self.__dict__ | {"responses": self.responses[rows], "folds": self.folds[rows]}
        return other

    def fit(self, fold: int, candidate: tuple[int, float], noise: Noise) -> Basis:
        """The basis that didn't see this fold."""
        return fit_basis(self.responses, *candidate, self.folds != fold, noise, self.roughness)


def hold_out(responses: Float[np.ndarray, "neurons columns"], columns: pd.DataFrame, config: BasisConfig) -> HeldOut:
    """Score every candidate and every reference on the same held-out entries; rows are taken as they come, so sort them by key first.

    Args:
        responses: Responses, NaN where nothing was measured.
        columns: One row a column: table, position, period, axis, noise and what, as the cortex' `function_columns`.
        config: What is tried.
    """
    trial = _Trial(responses, columns, config)
    n = len(responses)
    most = min(GRID_NEURONS, max(FEWEST_GRID_NEURONS, GRID_ENTRIES // responses.shape[1]))
    drawn = np.sort(rng_for(config.seed, "grid neurons").permutation(n)[:most])
    small = trial.of(drawn)
    noises = _score_noises(small)
    chosen = _best_noise(noises, columns, None)
    kinds = dict.fromkeys([chosen, *(_best_noise(noises, columns, fold) for fold in range(trial.n_folds))])
    grid = pd.concat([_score_grid(small, noise) for noise in kinds], ignore_index=True)
    rank, smoothness = choose(grid[grid["noise"] == chosen.label])
    scored = np.arange(n) if responses.size <= SCORED_ENTRIES else drawn
    errors, ours = _predict(trial, noises, grid, scored)
    predictions = {OURS: ours, **_references(trial.of(scored), rank)}
    explained = 1.0 - errors[:, 0] / np.maximum(errors[:, 1], 1e-12)
    scores = _score_models(responses[scored], predictions, chosen, config.seed)
    return HeldOut(chosen, rank, smoothness, noises, grid, scores, explained, predictions)


def _candidates(trial: _Trial) -> tuple[Noise, ...]:
    """Kinds of noise that the values may have; with one that is stated nothing is chosen but its variances."""
    values, stated = trial.responses, set(trial.columns["noise"])
    if "gamma" in stated:
        return (Noise("gamma"),)
    left = [np.where(trial.folds == fold, 0.0, np.nan_to_num(values)).sum(1) for fold in range(trial.n_folds)]
    positive = not (values < 0).any() and bool((np.array(left) > 0).all())
    return (*((Noise("gamma"),) if positive and "gaussian" not in stated else ()), *GAUSSIAN)


def _score_noises(trial: _Trial) -> pd.DataFrame:
    """Every kind of noise that the values may have, on every fold, at one rank; empty where there is nothing to choose."""
    kinds = _candidates(trial)
    rank = min(NOISE_RANK, trial.responses.shape[1] - 1)
    rows = []
    for noise in kinds if len(kinds) > 1 else ():
        for fold in range(trial.n_folds):
            lost = (trial.folds == fold) & np.isfinite(trial.responses)
            density = log_density(trial.responses, trial.fit(fold, (rank, 0.0), noise))
            rows.append((noise.label, fold, -float(density[lost].mean())))
    return pd.DataFrame(rows, columns=["noise", "fold", "deviance"])


def log_density(responses: Float[np.ndarray, "neurons columns"], basis: Basis) -> Float[np.ndarray, "neurons columns"]:
    """Log density of every response under a fitted basis and its noise, nats; comparable between families.

    Args:
        responses: Responses, NaN where nothing was measured.
        basis: The basis that was fitted to other columns of the same neurons.
    """
    if basis.noise.family == "gamma":
        return gamma_log_density(responses, basis.response(), basis.dispersion)
    return gaussian_log_density(responses, basis.response(), basis.variance())


def _best_noise(noises: pd.DataFrame, columns: pd.DataFrame, without: int | None) -> Noise:
    """The simplest noise (in the order tried) within a standard error of the best; one that was stated where there is no choice."""
    if noises.empty:
        return Noise("gamma")
    kinds = {noise.label: noise for noise in (Noise("gamma"), *GAUSSIAN)}
    scores = noises[noises["fold"] != without].pivot_table(index="noise", columns="fold", values="deviance", sort=False)
    behind, error = _behind(scores)
    return kinds[str(behind.index[behind <= error][0])]


def _behind(scores: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """How far each row's mean over folds is from the best, and the standard error of that difference."""
    behind = scores - scores.loc[scores.mean(axis=1).idxmin()]
    error = behind.std(axis=1, ddof=1).fillna(0.0) / np.sqrt(behind.shape[1])  # a single fold has no error to allow for
    return behind.mean(axis=1), error


def _score_grid(trial: _Trial, noise: Noise) -> pd.DataFrame:
    """Every candidate's deviance on every fold; ranks ascend until two in a row are no better."""
    config, n_columns = trial.config, trial.responses.shape[1]
    ranks = sorted(rank for rank in config.ranks if rank < n_columns)
    if not ranks:
        raise ValueError(f"ranks {config.ranks} with {n_columns} columns: give one below {n_columns}.")
    rows: list[tuple[str, int, float, int, float]] = []
    best, waited = np.inf, 0
    for rank in ranks:
        found = []
        for smoothness in config.smoothness if trial.roughness.any() else (0.0,):
            deviances = [_deviance(trial, fold, (rank, smoothness), noise) for fold in range(trial.n_folds)]
            rows += [(noise.label, rank, smoothness, fold, value) for fold, value in enumerate(deviances)]
            found.append(float(np.mean(deviances)))
        waited = 0 if min(found) < best else waited + 1
        best = min(best, *found)
        if waited == PATIENCE:
            break
    return pd.DataFrame(rows, columns=["noise", "rank", "smoothness", "fold", "deviance"])


def _deviance(trial: _Trial, fold: int, candidate: tuple[int, float], noise: Noise) -> float:
    """Mean deviance of what was held out in a fold: half that of Gamma, or negative log density in units of the neuron's deviation."""
    basis, lost = trial.fit(fold, candidate, noise), trial.folds == fold
    if noise.family == "gamma":
        return float(np.nanmean(gamma_deviance(trial.responses, basis.response())[lost]))
    variance = basis.variance()
    squared = np.minimum((trial.responses - basis.response()) ** 2 / variance, LARGEST_Z**2)  # as in the fit, an outlier counts no further
    return float(0.5 * np.nanmean((squared + np.log(variance / basis.scale[:, None] ** 2))[lost]))


def choose(grid: pd.DataFrame) -> tuple[int, float]:
    """Rank and smoothness: the smallest rank within a standard error (of the paired difference over folds) of the best, at its best one."""
    scores = grid.pivot_table(index=["rank", "smoothness"], columns="fold", values="deviance")
    behind, error = _behind(scores)
    smallest = behind.index[behind <= error].get_level_values("rank").min()
    return int(smallest), float(scores.loc[smallest].mean(axis=1).idxmin())


def _predict(trial: _Trial, noises: pd.DataFrame, grid: pd.DataFrame, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each fold predicted by the candidate that was best on the other folds.

    Returns:
        Summed squared errors of every neuron by the basis and by its own mean (neurons, 2), and the predictions of the neurons scored.
    """
    responses, errors = trial.responses, np.zeros((len(trial.responses), 2))
    ours = np.full((len(scored), responses.shape[1]), np.nan)
    for fold in range(trial.n_folds):
        noise = _best_noise(noises, trial.columns, fold)
        candidate = choose(grid[(grid["fold"] != fold) & (grid["noise"] == noise.label)])
        basis = trial.fit(fold, candidate, noise)
        for rows in slices(*responses.shape):
            lost = trial.folds[rows] == fold
            values, predicted = responses[rows], basis.response(rows)
            seen = np.isfinite(values) & ~lost
            mean = np.where(seen, values, 0.0).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1)
            for at, said in enumerate((predicted, mean)):
                errors[rows, at] += np.nansum(np.where(lost, (values - said) ** 2, 0.0), axis=1)
            here = np.flatnonzero((scored >= rows.start) & (scored < rows.stop))
            inside = scored[here] - rows.start
            ours[here] = np.where(lost[inside], predicted[inside], ours[here])
    return errors, ours


def _references(trial: _Trial, rank: int) -> dict[str, np.ndarray]:
    """Simpler predictions of every entry from the neuron's other columns, by name."""
    read = of_directions if are_directions(trial.columns) else of_columns
    out: dict[str, np.ndarray] = {}
    for fold in range(trial.n_folds):
        lost = trial.folds == fold
        seen = ~lost & np.isfinite(trial.responses)
        for name, values in read(Hidden(trial.responses, seen, trial.columns, rank)).items():
            out.setdefault(name, np.empty(lost.shape))[lost] = values[lost]
    order = [name for name in (*OF_DIRECTIONS, *OF_COLUMNS) if name in out]
    return {name: out[name] for name in order}


def are_directions(columns: pd.DataFrame) -> bool:
    """Whether the columns are directions of drift, in degrees, whose curves have peaks and opposites.

    Args:
        columns: One row a column: column.
    """
    return bool(columns["column"].astype(str).str.match(r"direction_\d{3}_\d$").all())


def _relative_error(responses: np.ndarray, predicted: np.ndarray, noise: Noise) -> np.ndarray:
    """Mean squared error of each neuron in units of its squared mean (Gamma) or its variance: bright neurons count no more than others."""
    scale = own_scale(responses, np.isfinite(responses), noise.family)[1]
    return np.nanmean((responses - predicted) ** 2, axis=1) / scale**2


def _score_models(responses: np.ndarray, predictions: dict[str, np.ndarray], noise: Noise, seed: int) -> pd.DataFrame:
    """Variance explained (pooled over neurons) and bits a response over the own mean, for models and their paired differences to ours."""
    n = len(responses)
    weights = np.vstack([np.ones(n), draw_counts(rng_for(seed, "held-out directions"), n, REPLICATES)])
    errors = {name: _relative_error(responses, values, noise) for name, values in predictions.items()}
    if noise.family == "gamma":
        deviance = {name: np.nanmean(gamma_deviance(responses, values), axis=1) for name, values in predictions.items()}
    else:
        deviance = {name: error / 2 for name, error in errors.items()}
    shape = 1.0 / max(float(np.mean(errors[OURS])), 1e-12)
    explained = {name: 1.0 - (weights @ errors[name]) / (weights @ errors[OWN_MEAN]) for name in predictions}
    bits = {name: shape / np.log(2) * (weights @ (deviance[OWN_MEAN] - deviance[name])) / weights.sum(1) for name in predictions}
    rows = []
    for metric, draws in (("variance_explained", explained), ("bits_per_response", bits)):
        named = {**draws, **{f"{OURS} - {name}": draws[OURS] - draws[name] for name in predictions if name != OURS}}
        rows += [(name, metric, values[0], *resampled(values, n).interval(), n) for name, values in named.items()]
    return pd.DataFrame(rows, columns=["model", "metric", "estimate", "low", "high", "n"])
