"""Motor neurons in the order in which they are recruited."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from graphtwin.motor.fitting import FittedCircuit
from graphtwin.shapes import Float, Int

HALF = 0.5  # share of a neuron's rise at which it counts as recruited
FAINT = 0.05  # rise, in that of the neuron that rises most in the trial, below which a neuron is not recruited


def onsets(activity: Float[np.ndarray, "*trials steps neurons"], dt_s: float) -> Float[np.ndarray, "*trials neurons"]:
    """Seconds from a trial's begin until each neuron has risen half-way from its first value to its highest; NaN where it does not.

    Args:
        activity: Activity of each neuron.
        dt_s: Seconds a step.
    """
    rise = activity - activity[..., :1, :]
    highest = rise.max(axis=-2)
    recruited = highest > FAINT * np.maximum(highest.max(axis=-1, keepdims=True), np.finfo(np.float32).tiny)
    first = (rise >= HALF * highest[..., None, :]).argmax(axis=-2)
    return np.where(recruited, first * dt_s, np.nan)


def recruitment(
    fitted: FittedCircuit,
    stimulus: Float[np.ndarray, "trials steps stimulated"],
    stimulated: Int[np.ndarray, " stimulated"],
    neurons: Sequence[str] | None = None,
) -> pd.DataFrame:
    """When each motor neuron is recruited in each trial.

    Args:
        fitted: The fitted circuit.
        stimulus: Input of each trial.
        stimulated: Rows of the stimulated neurons.
        neurons: Names of the neurons asked for; None is all motor neurons.

    Returns:
        A row a trial and neuron: columns trial, neuron, type, onset_s (NaN where it is not recruited), low, high
        (least and greatest of the fits), rank (1 is first; ties share theirs; NaN where it is not recruited).

    Examples:
        >>> graphtwin.motor.recruitment(fitted, trials.stimulus[:2], trials.stimulated).columns.tolist()
        ['trial', 'neuron', 'type', 'onset_s', 'low', 'high', 'rank']
    """
    circuit = fitted.circuit
    circuit.require_motor()
    rows = np.flatnonzero(circuit.motor) if neurons is None else circuit.rows_of(tuple(neurons), "neurons asked for")
    activity = fitted.predict(stimulus, stimulated, rows).activity
    each = onsets(activity, fitted.dt_s)
    low, high = np.where(np.isnan(each), np.inf, each).min(axis=0), np.where(np.isnan(each), -np.inf, each).max(axis=0)
    table = pd.DataFrame(
        {
            "trial": np.repeat(np.arange(len(stimulus)), len(rows)),
            "neuron": np.tile(np.array(circuit.names)[rows], len(stimulus)),
            "type": np.tile(np.array(circuit.types)[rows], len(stimulus)),
            "onset_s": each[0].ravel(),
            "low": np.where(np.isfinite(low), low, np.nan).ravel(),
            "high": np.where(np.isfinite(high), high, np.nan).ravel(),
        }
    )
    return table.assign(rank=table.groupby("trial")["onset_s"].rank())
