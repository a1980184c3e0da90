"""What types that are known say of types that were found: agreement beyond chance, and whether embeddings tell the known ones at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from graphtwin.clusters.valleys import FEWEST
from graphtwin.execute import rng_for
from graphtwin.statistics import NORMAL_95, one_sided_p

GROUPS = 20  # groups of neurons that are left out one after the other, where there are fewer scans than FEWEST_SCANS
FEWEST_SCANS = 5  # scans from which on whole scans are left out
FOLDS = 5  # parts of the neurons that the classifier is scored on
AGREEMENT = {"adjusted_rand": adjusted_rand_score, "adjusted_mutual_information": adjusted_mutual_info_score}
CLASSIFIER, K_MEANS = "classifier, given the types", "k-means, given their number"  # labels of what knows more than the embeddings


def agreement_with_known(
    points: Float[np.ndarray, "neurons features"],
    found: Mapping[str, Int[np.ndarray, " neurons"]],
    known: Shaped[np.ndarray, " neurons"],
    scan: Int[np.ndarray, " neurons"],
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Agreement of found types with known ones, a row a way of finding and measure: method, metric, estimate, low, high, p, n, n_known.

    Beside the found types stand k-means with as many clusters as there are known types, and the balanced accuracy of a logistic
    classifier on held-out neurons (whole scans from five on): it says whether embeddings tell the types at all, clusters or not.
    Intervals leave out groups (scans from five on, else twenty groups of neurons; jackknife), p permutes the known types within scans.

    Args:
        points: Principal components of the embeddings.
        found: Label of each neuron by name of the way that it was found.
        known: Known type of each neuron, None where it is unknown; a type of fewer than `FEWEST` neurons counts as unknown.
        scan: Number of the scan of each neuron.
        permutations: Number of permutations.
        seed: Root of the draws.
    """
    counts = pd.Series(known).value_counts()
    rows = np.flatnonzero(pd.Series(known).isin(counts.index[counts >= FEWEST]).to_numpy())
    types = np.unique(known[rows].astype(str), return_inverse=True)[1]
    if len(np.unique(types)) < 2:
        raise ValueError(
            f"types: {len(rows)} neurons of {len(np.unique(types))} known types with {FEWEST} neurons or more: two are needed. "
            "Check that the table of known types names the same neurons, or leave it out."
        )
    points, scan = points[rows], scan[rows]
    group = _groups(scan, seed)
    means = KMeans(len(np.unique(types)), n_init=5, random_state=int(rng_for(seed, "k-means").integers(2**31))).fit_predict(points)
    labels = {name: label[rows] for name, label in found.items()} | {K_MEANS: means}
    drawn = [_within(types, scan, rng_for(seed, "known types", number)) for number in range(permutations)]
    out = []
    for method, label in labels.items():
        for metric, score in AGREEMENT.items():
            null = np.array([score(other, label) for other in drawn])
            out.append((method, metric, *_jackknife(partial(_agree, score, types, label), group), null))
    told = _told(points, types, group)
    null = np.array([balanced_accuracy_score(other, told) for other in drawn])
    out.append((CLASSIFIER, "balanced_accuracy", *_jackknife(partial(_agree, balanced_accuracy_score, types, told), group), null))
    table = pd.DataFrame([row[:-1] for row in out], columns=["method", "metric", "estimate", "low", "high"])
    p = [float(one_sided_p(row[2], row[-1])) for row in out]
    return table.assign(chance=[float(row[-1].mean()) for row in out], p=p, n=len(rows), n_known=len(np.unique(types)))


def _groups(scan: np.ndarray, seed: int) -> np.ndarray:
    """What is left out together: scans, or equal groups of neurons where scans are few."""
    scans, number = np.unique(scan, return_inverse=True)
    if len(scans) >= FEWEST_SCANS:
        return number
    return rng_for(seed, "groups of neurons").permutation(np.arange(len(scan)) % min(GROUPS, len(scan)))


def _within(types: np.ndarray, scan: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Types exchanged among the neurons of each scan."""
    out = types.copy()
    for number in np.unique(scan):
        rows = np.flatnonzero(scan == number)
        out[rows] = types[rng.permutation(rows)]
    return out


def _agree(score: Callable[[np.ndarray, np.ndarray], float], known: np.ndarray, found: np.ndarray, keep: np.ndarray) -> float:
    return float(score(known[keep], found[keep]))


def _jackknife(score: Callable[[np.ndarray], float], group: np.ndarray) -> tuple[float, float, float]:
    """A score of all neurons with its 95 % interval by leaving out one group after the other."""
    whole = score(np.ones(len(group), dtype=bool))
    left = np.array([score(group != number) for number in np.unique(group)])
    se = float(np.sqrt((len(left) - 1) * left.var()))
    return whole, whole - NORMAL_95 * se, whole + NORMAL_95 * se


def _told(points: np.ndarray, types: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Type of each neuron by a classifier fitted to the other groups, classes weighted equally."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    return cross_val_predict(classifier, points, types, groups=group, cv=GroupKFold(min(FOLDS, len(np.unique(group)))))
