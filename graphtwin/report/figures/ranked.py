"""Pairs ranked by a model: what the curves of connectivity are drawn from.

Pairs are sorted once a model; curves are exact and thinned only for drawing, so that millions of pairs make a small page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy import stats

CURVE_POINTS = 250  # points of a curve on each of two grids, linear and logarithmic: a curve without corners
TOP_SHARES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)  # ends of the bins of rank, each about half of the one before


@dataclass(frozen=True)
class RankedModel:
    """Pairs of one model from the highest probability down, counted at a few hundred levels of probability.

    Attributes:
        auc: Area under the ROC curve of all pairs, ties as half.
        average_precision: Precision of all pairs at each level, averaged with the recall it adds.
        n: Number of pairs at or above each level; the last level holds all.
        positive: Number of connected pairs at or above each level.
        mass: Sum of the probabilities of the pairs at or above each level.
    """

    auc: float
    average_precision: float
    n: Int[np.ndarray, " levels"]
    positive: Int[np.ndarray, " levels"]
    mass: Float[np.ndarray, " levels"]

    @property
    def prevalence(self) -> float:
        """Share of connected pairs."""
        return float(self.positive[-1] / self.n[-1])


def rank_model(connected: Bool[np.ndarray, " pairs"], probability: Float[np.ndarray, " pairs"]) -> RankedModel:
    """Sort the pairs of one model; pairs without a probability are left out.

    Bits of a float32 in [0, 1] sort like its value and leave room for the label, so that one sort of integers does it: six times as fast
    as sorting rows.
    """
    scored = np.isfinite(probability)
    probability, connected = probability[scored].astype(np.float32), connected[scored]
    outside = (probability < 0) | (probability > 1)
    if outside.any():
        raise ValueError(
            f"connectivity: {np.count_nonzero(outside)} of {len(probability)} predictions lie outside [0, 1], "
            f"first {probability[outside][0]:.3g}. Give probabilities."
        )
    key = (probability.view(np.uint32) << np.uint32(1)) | connected
    key.sort()
    bits, hit = key[::-1] >> np.uint32(1), (key[::-1] & np.uint32(1)).astype(bool)
    ends = np.flatnonzero(np.r_[bits[1:] != bits[:-1], True])
    positive, n = np.cumsum(hit, dtype=np.int64)[ends], ends + 1
    at = _drawn_levels(n)
    mass = np.cumsum(bits.view(np.float32), dtype=np.float64)[ends[at]]
    return RankedModel(*_areas(n, positive), n[at], positive[at], mass)


def _areas(n: Int[np.ndarray, " levels"], positive: Int[np.ndarray, " levels"]) -> tuple[float, float]:
    """AUC and average precision; only levels that add a connected pair change them."""
    added = np.diff(positive, prepend=0)
    level = np.flatnonzero(added)
    before = np.maximum(level - 1, 0)
    false = (n - positive)[level]
    false_before = np.where(level > 0, n[before] - positive[before], 0)
    n_positive, n_negative = int(positive[-1]), int(n[-1] - positive[-1])
    above = np.sum(added[level] * (false + false_before) / 2)
    auc = 1 - above / (n_positive * n_negative) if n_positive and n_negative else float("nan")
    return float(auc), float(np.sum(added[level] * positive[level] / n[level]) / max(n_positive, 1))


def _drawn_levels(n: Int[np.ndarray, " levels"]) -> Int[np.ndarray, " points"]:
    """Levels evenly and logarithmically spaced in the number of pairs, those of the calibration bins, and the last."""
    ranks = np.r_[np.linspace(1, n[-1], CURVE_POINTS), np.geomspace(1, n[-1], CURVE_POINTS), np.round(np.array(TOP_SHARES) * n[-1]), n[-1]]
    return np.unique(np.minimum(np.searchsorted(n, ranks), len(n) - 1))


def reliability(model: RankedModel) -> pd.DataFrame:
    """Bins of rank, narrower at the top: n, predicted, observed, low, high (Wilson 95 %); bins without a connected pair left out."""
    cuts = np.unique(np.searchsorted(model.n, np.round(np.array(TOP_SHARES) * model.n[-1])))
    cuts = cuts[cuts < len(model.n)]
    n, positive, mass = (
        np.diff(np.r_[0, part[np.unique(np.r_[cuts, len(model.n) - 1])]]) for part in (model.n, model.positive, model.mass)
    )
    keep = (n > 0) & (positive > 0)
    n, positive, mass = n[keep], positive[keep], mass[keep]
    low, high = wilson(positive, n)
    return pd.DataFrame({"n": n, "predicted": mass / n, "observed": positive / n, "low": low, "high": high})


def wilson(hits: Int[np.ndarray, " bins"], n: Int[np.ndarray, " bins"]) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """95 % interval of a share. Source: Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    z, share = stats.norm.ppf(0.975), hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
