"""Pairs ranked by a model: what the curves of connectivity are drawn from.

Every fold was predicted by a fit of its own, so that pairs are ranked within their fold and curves of folds are averaged with their
connected pairs: the areas under them are the AUC and the average precision of the metrics table. Pairs are sorted once a model; curves are
exact and thinned only for drawing, so that millions of pairs make a small page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from graphtwin.statistics import NORMAL_95

# Rates at which curves are drawn, evenly and logarithmically spaced: a curve without corners on both kinds of axes.
RATES = np.unique(np.r_[np.linspace(0, 1, 251), np.geomspace(1e-4, 1, 250)])
TOP_SHARES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)  # ends of the bins of rank, each about twice the one before
TOP_PER_CENT = TOP_SHARES.index(0.01)


@dataclass(frozen=True)
class RankedModel:
    """Pairs of one model from the highest probability of their fold down.

    Attributes:
        auc: Area under the ROC curve, ties as half.
        average_precision: Precision at each level, averaged with the recall it adds.
        chance: Average precision of one probability for all pairs of a fold.
        is_flat: Whether every fold has one probability for all its pairs, which makes no curve.
        true_rate: True positive rate at each false positive rate of `RATES`.
        precision: Precision at each recall of `RATES`.
        ranked: Number of pairs down to each recall of `RATES`.
        n: Number of pairs in the highest share of their fold, for each of `TOP_SHARES`.
        positive: Number of connected pairs among these.
        mass: Sum of the probabilities of these.
    """

    auc: float
    average_precision: float
    chance: float
    is_flat: bool
    true_rate: Float[np.ndarray, " rates"]
    precision: Float[np.ndarray, " rates"]
    ranked: Float[np.ndarray, " rates"]
    n: Int[np.ndarray, " shares"]
    positive: Int[np.ndarray, " shares"]
    mass: Float[np.ndarray, " shares"]

    @property
    def prevalence(self) -> float:
        """Share of connected pairs."""
        return float(self.positive[-1] / self.n[-1])


def rank_model(
    connected: Bool[np.ndarray, " pairs"], probability: Float[np.ndarray, " pairs"], fold: Int[np.ndarray, " pairs"]
) -> RankedModel:
    """Sort the pairs of one model within their folds; pairs without a probability are left out."""
    scored = np.isfinite(probability)
    probability, connected, fold = probability[scored].astype(np.float32), connected[scored], fold[scored]
    outside = (probability < 0) | (probability > 1)
    if outside.any():
        raise ValueError(
            f"connectivity: {np.count_nonzero(outside)} of {len(probability)} predictions lie outside [0, 1], "
            f"first {probability[outside][0]:.3g}. Give probabilities."
        )
    folds = [_levels(connected[rows], probability[rows]) for rows in (fold == number for number in np.unique(fold))]
    both = [levels for levels in folds if 0 < levels[1][-1] < levels[0][-1]]
    curves = [_curves(n, positive) for n, positive, _ in both]
    share = np.array([positive[-1] for _, positive, _ in both], dtype=np.float64)
    share /= max(share.sum(), 1)
    auc, precision, chance = share @ np.array([curve[0] for curve in curves]).reshape(-1, 3) if both else np.full(3, np.nan)
    drawn = np.array([curve[1:] for curve in curves]).reshape(-1, 3, len(RATES))
    top = [_top(*levels) for levels in folds]
    return RankedModel(
        auc=float(auc),
        average_precision=float(precision),
        chance=float(chance),
        is_flat=all(len(n) == 1 for n, _, _ in folds),
        true_rate=share @ drawn[:, 0],
        precision=share @ drawn[:, 1],
        ranked=drawn[:, 2].sum(0),
        n=np.sum([n for n, _, _ in top], axis=0),
        positive=np.sum([positive for _, positive, _ in top], axis=0),
        mass=np.sum([mass for _, _, mass in top], axis=0),
    )


Levels = tuple[np.ndarray, np.ndarray, np.ndarray]


def _levels(connected: np.ndarray, probability: np.ndarray) -> Levels:
    """Pairs, connected pairs and sum of probabilities at or above each level of probability, from the highest down.

    Bits of a float32 in [0, 1] sort like its value and leave room for the label, so that one sort of integers does it: six times as fast
    as sorting rows.
    """
    key = (probability.view(np.uint32) << np.uint32(1)) | connected
    key.sort()
    bits, hit = key[::-1] >> np.uint32(1), (key[::-1] & np.uint32(1)).astype(bool)
    ends = np.flatnonzero(np.r_[bits[1:] != bits[:-1], True])
    mass = np.cumsum(bits.view(np.float32), dtype=np.float64)[ends]
    return ends + 1, np.cumsum(hit, dtype=np.int64)[ends], mass


def _curves(n: np.ndarray, positive: np.ndarray) -> tuple[tuple[float, float, float], np.ndarray, np.ndarray, np.ndarray]:
    """AUC, average precision and share of connected pairs of a fold; its true positive rate, precision and pairs at each of `RATES`."""
    n_positive, n_negative = int(positive[-1]), int(n[-1] - positive[-1])
    false = np.r_[0, n - positive]
    added = np.diff(positive, prepend=0)
    beaten = np.sum(added * (false[1:] + false[:-1]) / 2)
    areas = 1 - beaten / (n_positive * n_negative), float(np.sum(added * positive / n) / n_positive), n_positive / int(n[-1])
    true_rate = np.interp(RATES, false / n_negative, np.r_[0, positive] / n_positive)
    at = np.searchsorted(positive, np.maximum(np.ceil(RATES * n_positive - 1e-9), 1))
    return areas, true_rate, positive[at] / n[at], n[at]


def _top(n: np.ndarray, positive: np.ndarray, mass: np.ndarray) -> Levels:
    """Pairs, connected pairs and sum of probabilities in the highest `TOP_SHARES` of a fold; equal probabilities stay together."""
    at = np.minimum(np.searchsorted(n, np.maximum(np.round(np.array(TOP_SHARES) * n[-1]), 1)), len(n) - 1)
    return n[at], positive[at], mass[at]


def reliability(model: RankedModel) -> pd.DataFrame:
    """Bins of rank, narrower at the top: n, predicted, observed, low, high (Wilson 95 %); bins without a connected pair left out."""
    n, positive, mass = (np.diff(part, prepend=0) for part in (model.n, model.positive, model.mass))
    keep = (n > 0) & (positive > 0)
    n, positive, mass = n[keep], positive[keep], mass[keep]
    low, high = wilson(positive, n)
    return pd.DataFrame({"n": n, "predicted": mass / n, "observed": positive / n, "low": low, "high": high})


def wilson(hits: Int[np.ndarray, " bins"], n: Int[np.ndarray, " bins"]) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """95 % interval of a share. Source: Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    z, share = NORMAL_95, hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)  # rounding: of 3 in 3 the upper end is 1 - 1e-16
