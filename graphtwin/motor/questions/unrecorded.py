"""How well the activity of neurons is predicted that no fit has seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.motor.circuit import Trials
from graphtwin.motor.fitting import FittedCircuit, spread_of


def score_activity(fitted: FittedCircuit, trials: Trials) -> pd.DataFrame:
    """Prediction against recording, neuron by neuron.

    Args:
        fitted: The fitted circuit.
        trials: Trials and neurons that the fit has not seen, or that it has, for comparison.

    Returns:
        A row a recorded neuron: columns neuron, type, n (values), r (correlation with what was recorded, over trials and steps), r2 (share
        of the variance explained, below 0 where the mean does better), spread (how far r may be off, `spread_of`). NaN where one was
        recorded less than three times, or never changed.

    Examples:
        >>> graphtwin.motor.score_activity(fitted, trials).shape[0] == len(trials.recorded)
        True
    """
    trials.require_of(fitted.circuit)
    predicted = fitted.predict(trials.stimulus, trials.stimulated, trials.recorded).activity
    rows = []
    for at, neuron in enumerate(trials.recorded):
        seen = trials.activity[:, :, at]
        there = np.isfinite(seen)
        each = predicted[:, there, at]
        own = np.array([_correlation(one, seen[there]) for one in each])
        variance = float(seen[there].var()) if there.sum() > 2 else 0.0
        r2 = 1 - float(np.square(each[0] - seen[there]).mean()) / variance if variance > 0 else np.nan
        told = {"neuron": fitted.circuit.names[neuron], "type": fitted.circuit.types[neuron], "n": int(there.sum())}
        rows.append(told | {"r": own[0], "r2": r2, "spread": float(spread_of(own))})
    return pd.DataFrame(rows)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r; NaN with fewer than three values or where one side never changes."""
    if len(a) < 3 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
