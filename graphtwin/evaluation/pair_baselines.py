"""What the graph model of pairs has to beat: majority, distance, exposure and strong tabular models, each given the same training side.

Boosting settings were chosen for strength on the real data; nothing here is held back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from graphtwin.evaluation.splits import folds_by_axon
from graphtwin.evaluation.tree_ensemble import TreeEnsemble
from graphtwin.execute import rng_for

POSITION = ["x_um", "depth_um", "z_um"]  # columns of a soma's position in the pia frame, um
# Columns of what is known of a cell beside its position; whether it is functional is one, since functional axons are a selection.
LABELS = ["cell_class", "layer", "axon_status", "dendrite_status", "is_functional"]
# Unconnected training pairs that a baseline reads. On the real pairs a third of them loses .001 of average precision by boosting, more
# gain nothing.
N_NEGATIVES = 300_000
# Trees of boosting where pairs are many. On axons and on blocks of tissue that were kept back of the training side of minnie65, 200 have
# an AUC that is .0003 to .0029 smaller, and a smaller average precision on seven of eight.
N_TREES = 80
# Numbers of trees that are tried on axons kept back where pairs are few: on training axons of C. elegans 300 are best, of a simulated
# cortex 40.
TRIED_TREES = (40, 80, 150, 300)
FEW_PAIRS = 60_000  # training pairs up to which they are tried, in a second or two


def baseline_features(
    pre_ids: Int[np.ndarray, " pairs"],
    post_ids: Int[np.ndarray, " pairs"],
    neurons: pd.DataFrame,
    in_degree: Float[np.ndarray, " pairs"],
    exposure: Float[np.ndarray, " pairs"] | None = None,
) -> tuple[Float32[np.ndarray, "pairs features"], list[str]]:
    """Geometry, labels, proofreading and in-degree of each pair; NaN where a position or a label is unknown.

    Whether a cell has a function counts as a label: functional axons are a selection.

    Args:
        pre_ids: Nucleus ids of the axons.
        post_ids: Nucleus ids of the targets.
        neurons: The cortex's neurons; an id it lacks has unknown everything.
        in_degree: Observed inputs of each pair's target from TRAINING axons, of a training pair without its own axon and others that are
            silent with it, so that it says of a training pair what it will say of any other; NaN of a cell that was not queried.
        exposure: Exposure of every pair over the median of exposures above 0; NaN where it was not measured, None where none was.
    """
    index = pd.Index(neurons["nucleus_id"])
    pre, post = index.get_indexer(pre_ids), index.get_indexer(post_ids)
    columns = _geometry(neurons[POSITION].to_numpy(np.float32), pre, post)
    columns["in_degree"] = in_degree.astype(np.float32)
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
        of: Number of training pairs that they were drawn from.
        pilot: Odds of a connection, log-quadratic in distance, by which the negatives were thinned.
        level: Probability of being kept over the root of the odds.
    """

    rows: Int[np.ndarray, " drawn"]
    keep: Float32[np.ndarray, " drawn"]
    of: int
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
    return DrawnPairs(rows, keep[rows], len(connected), pilot, level)


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
    axon: Int[np.ndarray, " drawn"],
    seed: int,
) -> PairBaseline:
    """A baseline that gives the probability of a connection among all pairs: the thinning is undone.

    Args:
        model: "majority" (prevalence), "distance" (falling function of soma distance), "exposure" (rising function of exposure), "logistic"
            (quadratic in geometry) or "boosting".
        train: Features and outcomes of the drawn pairs.
        names: Names of the columns, from `baseline_features`.
        drawn: Probabilities with which the training pairs were kept.
        axon: Nucleus id of each drawn pair's axon: few pairs choose the number of trees by axons kept back.
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
    if model == "boosting":
        n_trees = N_TREES if drawn.of > FEW_PAIRS else best_n_trees(features[:, known], connected, axon, seed)
        trees = TreeEnsemble.of(boosting(seed, n_trees).fit(features[:, known], connected))
        return lambda asked, keep: thinned_to_true(trees(asked[:, known]), keep)
    logistic = _logistic([name for name, kept in zip(names, known, strict=True) if kept]).fit(features[:, known], connected)
    return lambda asked, keep: thinned_to_true(logistic.predict_proba(asked[:, known])[:, 1], keep)


def thinned_to_true(probability: Float[np.ndarray, " pairs"], keep: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
    """Probability among all pairs from one fitted where each negative was kept with probability `keep`: the odds shrink by it.

    Negatives are kept in proportion to how likely their distance makes them: the informative ones stay, the fit loses next to nothing.
    Source: Fithian & Hastie 2014, doi:10.1214/14-AOS1220.
    """
    return probability * keep / (probability * keep + 1 - probability)


def boosting(seed: int, n_trees: int = N_TREES) -> HistGradientBoostingClassifier:
    """Boosted trees of the baseline, not fitted yet."""
    return HistGradientBoostingClassifier(
        max_iter=n_trees,
        learning_rate=0.07,
        max_leaf_nodes=31,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def best_n_trees(
    features: Float32[np.ndarray, "drawn features"], connected: Bool[np.ndarray, " drawn"], axon: Int[np.ndarray, " drawn"], seed: int
) -> int:
    """The number of trees, of `TRIED_TREES`, with the least log loss on a quarter of the axons, kept back; `N_TREES` where none can be.

    Args:
        features: Features of the pairs.
        connected: Whether each is connected.
        axon: Nucleus id of its axon.
        seed: Seed of the fit.
    """
    kept = folds_by_axon(axon, 4, seed) == 0
    if not connected[kept].any() or len(np.unique(connected[~kept])) < 2:
        return N_TREES
    fitted = boosting(seed, max(TRIED_TREES)).fit(features[~kept], connected[~kept])
    stages = enumerate(fitted.staged_predict_proba(features[kept]), 1)
    loss = {n: log_loss(connected[kept], probability[:, 1], labels=[False, True]) for n, probability in stages if n in TRIED_TREES}
    return min(loss, key=loss.__getitem__)


def _logistic(names: list[str]) -> Pipeline:
    """Logistic regression on geometry and similarity (to second order), on which of these are unknown, and on labels as categories.

    All columns are in single precision, as features are: the fit reads them a hundred times, and takes half as long.
    """
    is_label = [name.removeprefix("pre_").removeprefix("post_") in LABELS for name in names]
    labels = [i for i, found in enumerate(is_label) if found]
    numbers = [i for i, found in enumerate(is_label) if not found]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(*scaled(), PolynomialFeatures(2, include_bias=False)), numbers),
            ("unknown", MissingIndicator(features="all"), numbers),
            (
                "labels",
                make_pipeline(_constant(-1.0), OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)),
                labels,
            ),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=300))


def scaled() -> tuple[SimpleImputer, StandardScaler]:
    """Steps that fill in what is unknown by its mean, and give every column a mean of 0 and an SD of 1."""
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
