"""What the graph model has to beat: majority, scan identity, distance, and strong tabular models, each given the same training side.

Boosting settings were chosen for strength on the real data; nothing here is held back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from graphtwin.execute import rng_for

POSITION = ["x_um", "depth_um", "z_um"]  # columns of a soma's position in the pia frame, um
# Columns of what is known of a cell beside its position; whether it is functional is one, since functional axons are a selection.
LABELS = ["cell_class", "layer", "axon_status", "dendrite_status", "is_functional"]
# Unconnected training pairs that a baseline reads. On the real pairs a third of them loses .001 of average precision by boosting, more
# gain nothing.
N_NEGATIVES = 300_000


def baseline_features(
    pre_ids: Int[np.ndarray, " pairs"],
    post_ids: Int[np.ndarray, " pairs"],
    neurons: pd.DataFrame,
    in_degree: pd.Series,
    exposure: Float[np.ndarray, " pairs"] | None = None,
) -> tuple[Float32[np.ndarray, "pairs features"], list[str]]:
    """Geometry, labels, proofreading and in-degree of each pair; NaN where a position or a label is unknown.

    Whether a cell has a function counts as a label: functional axons are a selection.

    Args:
        pre_ids: Nucleus ids of the axons.
        post_ids: Nucleus ids of the targets.
        neurons: The cortex's neurons; an id it lacks has unknown everything.
        in_degree: Observed inputs of each queried cell (index: nucleus_id), counted on TRAINING axons only; other cells are unknown.
        exposure: Exposure of every pair over the median of exposures above 0; NaN where it was not measured, None where none was.
    """
    index = pd.Index(neurons["nucleus_id"])
    pre, post = index.get_indexer(pre_ids), index.get_indexer(post_ids)
    columns = _geometry(neurons[POSITION].to_numpy(np.float32), pre, post)
    columns["in_degree"] = in_degree.reindex(neurons["nucleus_id"]).to_numpy(np.float32)[post]
    columns["in_degree"][post < 0] = np.nan
    for label in LABELS:
        code = _codes(neurons[label])
        columns |= {f"pre_{label}": code[pre], f"post_{label}": code[post]}
    if exposure is not None:
        exposed = np.where(np.isnan(exposure), np.nan, exposure > 0).astype(np.float32)
        columns |= {"log_exposure": np.log1p(exposure).astype(np.float32), "exposed": exposed}
    return np.stack(list(columns.values()), axis=1), list(columns)


def _geometry(position: np.ndarray, pre: np.ndarray, post: np.ndarray) -> dict[str, np.ndarray]:
    position = np.concatenate([position, np.full((1, 3), np.nan, np.float32)])  # row -1: an id nobody knows
    x, depth, z = (position[pre] - position[post]).T
    return {
        "distance_um": np.sqrt(x**2 + depth**2 + z**2),
        "lateral_um": np.hypot(x, z),
        "depth_difference_um": depth,
        "pre_depth_um": position[pre, 1],
        "post_depth_um": position[post, 1],
    }


def _codes(label: pd.Series) -> np.ndarray:
    """Number of each label in alphabetical order, NaN if unknown; the last entry answers for ids nobody knows."""
    code = pd.Categorical(label, categories=sorted(label.dropna().unique())).codes.astype(np.float32)
    return np.append(np.where(code < 0, np.nan, code), np.nan).astype(np.float32)


@dataclass(frozen=True)
class DrawnPairs:
    """The training pairs that a baseline reads: every connected one, and the negatives thinned.

    Attributes:
        rows: Drawn training pairs, rising.
        keep: Probability with which each drawn pair was kept; 1 if connected.
        pilot: Odds of a connection, log-quadratic in distance, by which the negatives were thinned.
        level: Probability of being kept over the root of the odds.
    """

    rows: Int[np.ndarray, " drawn"]
    keep: Float32[np.ndarray, " drawn"]
    pilot: LogisticRegression
    level: float

    def keep_at(self, distance_um: Float32[np.ndarray, " pairs"]) -> Float32[np.ndarray, " pairs"]:
        """Probability with which a negative at a distance between somata (um; NaN if unknown) was kept."""
        return _kept(self.level, np.sqrt(_odds(self.pilot, distance_um)))


def draw_pairs(
    distance_um: Float32[np.ndarray, " pairs"],
    connected: Bool[np.ndarray, " pairs"],
    seed: int,
    n_negatives: int = N_NEGATIVES,
) -> DrawnPairs:
    """Thin the negatives: one is kept in proportion to the root of the odds of a connection at its distance.

    The odds are log-quadratic in distance, so that any of the models can undo them.

    Args:
        distance_um: Distance between the somata of every training pair (um); NaN if unknown.
        connected: Whether a synapse was observed, for every training pair.
        seed: Seed of the draw.
        n_negatives: Number of negatives to keep, about: fewer where all of the nearest are kept, all if there are no more.
    """
    if not connected.any():
        raise ValueError(
            f"baselines: none of {len(connected)} training pairs is connected. Train on axons with at least one observed output."
        )
    rng = rng_for(seed, "baseline negatives")
    share = n_negatives / max(int(np.count_nonzero(~connected)), 1)
    some = connected | (rng.random(len(connected), dtype=np.float32) < share / 2)
    pilot = LogisticRegression().fit(_distance_terms(distance_um[some]), connected[some])
    root = np.sqrt(_odds(pilot, distance_um))
    level = float(min(share / root[~connected].mean(), 1 / root[~connected].max())) if share < 1 else np.inf
    keep = _kept(level, root)
    keep[connected] = 1
    rows = np.flatnonzero(rng.random(len(connected), dtype=np.float32) < keep)
    return DrawnPairs(rows, keep[rows], pilot, level)


def _kept(level: float, root: Float32[np.ndarray, " pairs"]) -> Float32[np.ndarray, " pairs"]:
    """Probability of being kept: 1 where nothing is thinned, whose level is infinite, even at odds that are too small for a float."""
    return np.ones_like(root) if np.isinf(level) else np.minimum(level * root, 1).astype(np.float32)


def _distance_terms(distance_um: Float32[np.ndarray, " pairs"]) -> Float32[np.ndarray, "pairs 3"]:
    """Distance (100 um), its square, and whether it is unknown."""
    known = np.isfinite(distance_um)
    scaled = np.where(known, distance_um, np.float32(0)) / np.float32(100)
    return np.stack([scaled, scaled**2, ~known], axis=1)


def _odds(pilot: LogisticRegression, distance_um: Float32[np.ndarray, " pairs"]) -> Float32[np.ndarray, " pairs"]:
    """The pilot's odds of a connection, block by block: there are millions of pairs."""
    blocks = (distance_um[start : start + 2**18] for start in range(0, max(len(distance_um), 1), 2**18))
    slope, level = pilot.coef_[0].astype(np.float32), np.float32(pilot.intercept_[0])
    return np.concatenate([np.exp(_distance_terms(block) @ slope + level) for block in blocks])


PairModel = Literal["majority", "distance", "exposure", "logistic", "boosting"]
# A fitted baseline: the probabilities of pairs, from their features and the probability with which negatives like them were kept.
PairBaseline = Callable[[Float32[np.ndarray, "others features"], Float32[np.ndarray, " others"]], Float[np.ndarray, " others"]]


def fit_pair_baseline(
    model: PairModel,
    train: tuple[Float32[np.ndarray, "drawn features"], Bool[np.ndarray, " drawn"]],
    names: list[str],
    drawn: DrawnPairs,
    seed: int,
) -> PairBaseline:
    """A baseline that gives the probability of a connection among all pairs: the thinning is undone.

    Args:
        model: "majority" (prevalence), "distance" (falling function of soma distance), "exposure" (rising function of exposure), "logistic"
            (quadratic in geometry) or "boosting".
        train: Features and outcomes of the drawn pairs.
        names: Names of the columns, from `baseline_features`.
        drawn: Probabilities with which the training pairs were kept.
        seed: Seed of the fit.
    """
    features, connected = train
    weight = 1 / drawn.keep.astype(np.float64)
    if model == "majority":
        rate = np.average(connected, weights=weight)
        return lambda asked, _: np.full(len(asked), rate)
    if model in ("distance", "exposure"):
        column = names.index("distance_um" if model == "distance" else "log_exposure")
        curve = _fit_monotone(features[:, column].astype(np.float64), connected, weight, rising=model == "exposure")
        return lambda asked, _: curve(asked[:, column].astype(np.float64))
    known = np.isfinite(features).any(axis=0)  # boosting cannot bin a column that nobody knows
    fitted = _logistic([name for name, kept in zip(names, known, strict=True) if kept]) if model == "logistic" else _boosting(seed)
    fitted.fit(features[:, known], connected)
    return lambda asked, keep: thinned_to_true(fitted.predict_proba(asked[:, known])[:, 1], keep)


def thinned_to_true(probability: Float[np.ndarray, " pairs"], keep: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """Probability among all pairs from one fitted where each negative was kept with probability `keep`: the odds shrink by it.

    Negatives are kept in proportion to how likely their distance makes them: the informative ones stay, the fit loses next to nothing.
    Source: Fithian & Hastie 2014, doi:10.1214/14-AOS1220.
    """
    return probability * keep / (probability * keep + 1 - probability)


def _boosting(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=200,
        learning_rate=0.07,
        max_leaf_nodes=31,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def _logistic(names: list[str]) -> Pipeline:
    """Logistic regression on geometry and similarity (to second order), on which of these are unknown, and on labels as categories."""
    is_label = [name.removeprefix("pre_").removeprefix("post_") in LABELS for name in names]
    labels = [i for i, found in enumerate(is_label) if found]
    numbers = [i for i, found in enumerate(is_label) if not found]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(*_scaled(), PolynomialFeatures(2, include_bias=False)), numbers),
            ("unknown", MissingIndicator(features="all"), numbers),
            ("labels", make_pipeline(_constant(-1.0), OneHotEncoder(handle_unknown="ignore", sparse_output=False)), labels),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=300))


def _scaled() -> tuple[SimpleImputer, StandardScaler]:
    return SimpleImputer(keep_empty_features=True), StandardScaler()


def _constant(value: float) -> SimpleImputer:
    return SimpleImputer(strategy="constant", fill_value=value, keep_empty_features=True)


def _fit_monotone(value: np.ndarray, connected: np.ndarray, weight: np.ndarray, rising: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Best rising, or falling, function of a value; pairs of unknown value have the rate of the training pairs of unknown value."""
    known = np.isfinite(value)
    counted = connected & ~known
    unknown_rate = weight[counted].sum() / weight[~known].sum() if (~known).any() else np.average(connected, weights=weight)
    if not known.any():
        return lambda asked: np.full(len(asked), unknown_rate)
    curve = IsotonicRegression(increasing=rising, out_of_bounds="clip")
    curve.fit(value[known], connected[known].astype(np.float64), sample_weight=weight[known])
    return lambda asked: np.where(np.isfinite(asked), curve.predict(np.nan_to_num(asked)), unknown_rate)


@dataclass(frozen=True)
class NeuronSide:
    """Neurons on one side of a split.

    Attributes:
        features: Functional features of each neuron, nothing else; NaN where a neuron lacks one.
        scan: Number of the scan that each neuron was recorded in.
    """

    features: Float[np.ndarray, "rows features"]
    scan: Int[np.ndarray, " rows"]


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
    fitted = make_pipeline(*_scaled(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    if model == "boosting":
        fitted = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, max_bins=63, class_weight="balanced", random_state=seed)
    out = np.zeros((len(held_out.scan), n_classes))
    out[:, np.unique(true)] = fitted.fit(features, true).predict_proba(held_out.features[:, known])
    return out


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
    fitted = make_pipeline(*_scaled(), RidgeCV(np.logspace(-1, 4, 11)))
    if model == "boosting":
        fitted = HistGradientBoostingRegressor(max_iter=100, learning_rate=0.05, random_state=seed)
    return _Regression(fitted, train.features[known][:, usable], target, held_out.features[:, usable])


def _scan_means() -> Pipeline:
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), RidgeCV(np.logspace(-3, 1, 5)))
