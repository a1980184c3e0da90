"""Scores of predictions with intervals over what was held out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from graphtwin.motor.scores.measured import SUMS
from graphtwin.shapes import Float
from graphtwin.statistics import Resampled, cluster_counts, resampled

REPLICATES = 2000  # resamples of an interval: its ends then move by some hundredths of its width from seed to seed
CHANCE = {"auc": 0.5, "spearman": 0.0, "r": 0.0, "r2": 0.0}  # what a prediction scores that knows nothing
ROUNDING = 1e-12  # share of a sum of squares that a difference of such sums may be by rounding
TABLE = ["question", "model", "metric", "estimate", "low", "high", "n", "resampled", "chance"]


def tabulated(units: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Estimates and 95 % intervals of all models in a table of `measured` units.

    Args:
        units: Sums of units, of one or more models.
        seed: Root of the draws, which are the same for all models.

    Returns:
        Columns question, model, metric, estimate, low, high (NaN below five units), n (units), resampled, chance.
    """
    rows = []
    for (question, model, metric, unit), part in units.groupby(["question", "model", "metric", "resampled"], sort=False):
        found = resampled_score(part, str(unit), seed)
        low, high = found.interval()
        told = {"question": question, "model": model, "metric": metric, "estimate": found.estimate, "low": low, "high": high}
        rows.append(told | {"n": part["unit"].nunique(), "resampled": unit, "chance": CHANCE[str(metric)]})
    return pd.DataFrame(rows, columns=TABLE)


def resampled_score(part: pd.DataFrame, unit: str, seed: int) -> Resampled:
    """A score and its resamples, of the rows of one question, model and metric.

    Args:
        part: Rows of `measured`.
        unit: What is resampled, which names the draws.
        seed: Root of the draws.
    """
    units, at = np.unique(part["unit"].to_numpy(str), return_inverse=True)
    columns, column = np.unique(part["column"].to_numpy(str), return_inverse=True)
    sums = np.zeros((len(units), len(columns), len(SUMS)))
    sums[at, column] = np.nan_to_num(part[SUMS].to_numpy(np.float64))
    drawn = np.einsum("ru,uck->rck", _counts(len(units), seed, unit), sums, optimize=True)
    return resampled(_over_columns(STATISTICS[part["statistic"].iloc[0]](drawn)), len(units))


@lru_cache(maxsize=16)
def _counts(n_units: int, seed: int, unit: str) -> np.ndarray:
    """How often each unit is drawn: the same for every model and metric, and kept, since drawing takes longer than all else."""
    counts = cluster_counts(n_units, REPLICATES, seed, unit).astype(np.float64)
    counts.flags.writeable = False
    return counts


def _over_columns(values: Float[np.ndarray, "draws columns"]) -> Float[np.ndarray, " draws"]:
    """Mean over the columns that have a value."""
    there = np.isfinite(values)
    n = there.sum(axis=1)
    return np.divide(np.where(there, values, 0).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)


def _mean(sums: np.ndarray) -> np.ndarray:
    """Mean of values."""
    return _ratio(sums[..., 0], sums[..., 1])


def _pearson(sums: np.ndarray) -> np.ndarray:
    """Pearson's r; 0 of a prediction that never changes."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    flat = spread_x <= ROUNDING * n * xx
    r = _ratio(n * xy - x * y, np.sqrt(np.maximum(spread_x, 0) * np.maximum(spread_y, 0)))
    return np.where(flat & (spread_y > ROUNDING * n * yy), 0.0, r)


def _explained(sums: np.ndarray) -> np.ndarray:
    """Share of the variance explained; below 0 where the mean does better."""
    n, squared, y, yy = np.moveaxis(sums, -1, 0)[:4]
    return 1 - _ratio(squared, yy - _ratio(y * y, n))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Ratio, NaN where nothing is below."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"mean": _mean, "r": _pearson, "r2": _explained}
