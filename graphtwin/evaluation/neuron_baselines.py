"""What the graph model of neurons has to beat: majority, scan identity and strong tabular models, each given the same training side.

Boosting settings were chosen for strength on the real data; nothing here is held back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from graphtwin.evaluation.pair_baselines import scaled


@dataclass(frozen=True)
class NeuronSide:
    """Neurons on one side of a split.

    Attributes:
        features: Functional features of each neuron, nothing else; NaN where a neuron lacks one.
        scan: Number of the scan that each neuron was recorded in.
    """

    features: Float[np.ndarray, "rows features"]
    scan: Int[np.ndarray, " rows"]


N_BINS = 63  # values of a feature that boosting of labels tells apart
LabelModel = Literal["majority", "scan", "logistic", "boosting"]


def fit_label_baseline(
    model: LabelModel, train: NeuronSide, true: Int[np.ndarray, " rows"], held_out: NeuronSide, n_classes: int, seed: int
) -> Float[np.ndarray, "others classes"]:
    """Probability of each class for held-out neurons; all but "majority" weigh classes equally, as balanced accuracy does.

    Args:
        model: "majority" (class frequencies), "scan" (the scan's identity alone), "logistic" or "boosting" on functional features.
        train: Features and scan of the training neurons.
        true: Classes of the training neurons, 0 to n_classes - 1; -1 (unknown) is left out.
        held_out: Features and scan to predict from; a scan that no training neuron has says nothing.
        n_classes: Columns of the answer, also for classes that no training neuron has.
        seed: Seed of the fit.
    """
    labelled = true >= 0
    known = np.isfinite(train.features[labelled]).any(axis=0)
    features, scan, true = train.features[labelled][:, known], train.scan[labelled], true[labelled]
    if len(true) == 0:
        raise ValueError(f"baselines: none of {len(labelled)} training neurons has a label. Train where at least one class is known.")
    frequency = np.bincount(true, minlength=n_classes) / len(true)
    if model == "majority" or len(np.unique(true)) == 1:
        return np.tile(frequency, (len(held_out.scan), 1))
    if model == "scan":
        return _classes_of_scan(scan, true, held_out.scan, frequency)
    asked = held_out.features[:, known]
    fitted = make_pipeline(*scaled(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    if model == "boosting":
        fitted = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, class_weight="balanced", random_state=seed)
        features, asked = _binned(features, features), _binned(features, asked)
    out = np.zeros((len(held_out.scan), n_classes))
    out[:, np.unique(true)] = fitted.fit(features, true).predict_proba(asked)
    return out


def _binned(train: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values as numbers of bins that hold equally many training neurons; NaN stays. Boosting's own bins of weighted rows take longer."""
    edges = np.nanquantile(train, np.linspace(0, 1, N_BINS + 1)[1:-1], axis=0)
    bins = np.column_stack([np.searchsorted(edge, column) for edge, column in zip(edges.T, values.T, strict=True)]).astype(np.float64)
    return np.where(np.isfinite(values), bins, np.nan)


def _classes_of_scan(scan: np.ndarray, true: np.ndarray, held_out: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Share of each class in the scan over its share overall, one neuron of every class added to every scan."""
    scans, row = np.unique(scan, return_inverse=True)
    counts = np.zeros((len(scans) + 1, len(frequency)))
    np.add.at(counts, (row, true), 1.0)
    lift = np.divide(counts + frequency, frequency, out=np.zeros_like(counts), where=frequency > 0)
    at = np.searchsorted(scans, held_out)
    seen = (at < len(scans)) & (scans[np.minimum(at, len(scans) - 1)] == held_out)
    lift = lift[np.where(seen, at, len(scans))]
    return lift / lift.sum(1, keepdims=True)


PositionModel = Literal["mean", "scan", "ridge", "boosting"]


def fit_position_baseline(
    model: PositionModel, train: NeuronSide, true_um: Float[np.ndarray, " rows"], held_out: NeuronSide, seed: int
) -> tuple[Float[np.ndarray, " others"], Float[np.ndarray, " others"]]:
    """Mean and standard deviation (um) of a position of held-out neurons; the deviation is that of training neurons when left out.

    Args:
        model: "mean", "scan" (mean of the scan), "ridge" or "boosting" on functional features.
        train: Features and scan of the training neurons.
        true_um: Positions of the training neurons (um); NaN (unknown) is left out.
        held_out: Features and scan to predict from.
        seed: Seed of the fit and of the folds that the deviation is measured on.
    """
    regression = _regression(model, train, true_um, held_out, seed)
    left_out = cross_val_predict(regression.fitted, regression.inputs, regression.target, cv=KFold(5, shuffle=True, random_state=seed))
    sd = float(np.std(regression.target - left_out))
    return regression.predict(), np.full(len(held_out.scan), sd)


def predict_position(
    model: PositionModel, train: NeuronSide, true_um: Float[np.ndarray, " rows"], held_out: NeuronSide, seed: int
) -> Float[np.ndarray, " others"]:
    """Mean (um) of a position of held-out neurons, as `fit_position_baseline` has it: without its deviation, which takes five fits more."""
    return _regression(model, train, true_um, held_out, seed).predict()


@dataclass(frozen=True)
class _Regression:
    """A baseline of a position that is still to be fitted, with what it reads of training neurons and of held-out ones."""

    fitted: BaseEstimator
    inputs: np.ndarray
    target: np.ndarray
    given: np.ndarray

    def predict(self) -> Float[np.ndarray, " others"]:
        return np.asarray(self.fitted.fit(self.inputs, self.target).predict(self.given), np.float64)


def _regression(model: PositionModel, train: NeuronSide, true_um: np.ndarray, held_out: NeuronSide, seed: int) -> _Regression:
    """What a baseline of a position fits, on training neurons of known position."""
    known = np.isfinite(true_um)
    target = true_um[known]
    if model == "mean":
        return _Regression(DummyRegressor(), np.zeros((len(target), 1)), target, np.zeros((len(held_out.scan), 1)))
    if model == "scan":
        return _Regression(_scan_means(), train.scan[known, None], target, held_out.scan[:, None])
    usable = np.isfinite(train.features[known]).any(axis=0)
    fitted = make_pipeline(*scaled(), RidgeCV(np.logspace(-1, 4, 11)))
    if model == "boosting":
        fitted = HistGradientBoostingRegressor(max_iter=100, learning_rate=0.05, random_state=seed)
    return _Regression(fitted, train.features[known][:, usable], target, held_out.features[:, usable])


def _scan_means() -> Pipeline:
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), RidgeCV(np.logspace(-3, 1, 5)))
