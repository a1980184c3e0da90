"""What was recorded when a neuron was stimulated: how far every other moved, and how far each moves without."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphtwin.motor.circuit import Trials
from graphtwin.shapes import Bool, Float, Int


class ResponseConfig(BaseModel):
    """When a neuron has responded to the stimulation of another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before_s: float = Field(
        0.5, gt=0, description="Time before the onset that a response is measured from, seconds; less where there is less."
    )
    window_s: float = Field(0.5, gt=0, description="Time from the onset on whose mean is the response, seconds.")
    beyond: float = Field(
        2.0,
        gt=0,
        description="Size of a response that counts as one, in the SD of a neuron's activity before onsets; without trials in that of all "
        "responses, as their median distance from the median has it.",
    )
    held_s: float = Field(
        0.5, gt=0, description="Length of the constant input whose end is the response, seconds, of a source of responses without trials."
    )


def stimulates(trials: Trials) -> Bool[np.ndarray, "trials stimulated"]:
    """Which trials put anything into which of the stimulated neurons."""
    return np.asarray((trials.stimulus != 0).any(axis=1))


def responses(
    activity: Float[np.ndarray, "trials steps recorded"], trials: Trials, neurons: Int[np.ndarray, " neurons"], config: ResponseConfig
) -> Float[np.ndarray, "neurons recorded"]:
    """Mean activity in a window behind the onset of a neuron's input, less that before it; mean over the trials that stimulate it.

    Args:
        activity: Activity in these trials, recorded or predicted, of their recorded neurons.
        trials: The trials, whose stimulus tells the onsets.
        neurons: Rows of the stimulated neurons.
        config: Times.

    Returns:
        NaN of the stimulated neuron itself, of neurons that were not recorded, and where no trial has an onset behind its first step.
    """
    found = np.full((len(neurons), len(trials.recorded)), np.nan)
    for at, neuron in enumerate(neurons):
        changes = [_change(activity[trial], onset, trials.dt_s, config) for trial, onset in onsets_of(trials, int(neuron))]
        if changes:
            found[at] = _mean(np.stack(changes))
        found[at, trials.recorded == neuron] = np.nan
    return found


def noise_before(trials: Trials, neurons: Int[np.ndarray, " neurons"], config: ResponseConfig) -> Float[np.ndarray, " recorded"]:
    """SD of each recorded neuron's activity before onsets, about its mean there in the trial; NaN where it was not recorded.

    Args:
        trials: What was recorded.
        neurons: Rows of the stimulated neurons whose onsets are meant.
        config: Times.
    """
    parts = []
    for neuron in neurons:
        for trial, onset in onsets_of(trials, int(neuron)):
            part = trials.activity[trial, max(onset - _steps(config.before_s, trials.dt_s), 0) : onset]
            parts.append((part - _mean(part)) * np.sqrt(onset_factor(len(part))))
    if not parts:
        return np.full(len(trials.recorded), np.nan)
    return np.sqrt(_mean(np.square(np.concatenate(parts))))


def onset_factor(n: int) -> float:
    """What makes the mean square about a mean of n values that of the values' variance."""
    return n / (n - 1) if n > 1 else np.nan


def onsets_of(trials: Trials, neuron: int) -> list[tuple[int, int]]:
    """Trials that stimulate a neuron with some time before, by their places, and the step at which that begins."""
    columns = np.flatnonzero(trials.stimulated == neuron)
    if not len(columns):
        return []
    on = trials.stimulus[:, :, columns[0]] != 0
    first = on.argmax(axis=1)
    return [(int(trial), int(first[trial])) for trial in np.flatnonzero(on.any(axis=1) & (first > 0))]


def _change(activity: np.ndarray, onset: int, dt_s: float, config: ResponseConfig) -> np.ndarray:
    """Mean behind an onset less the mean before it."""
    before = activity[max(onset - _steps(config.before_s, dt_s), 0) : onset]
    return _mean(activity[onset : onset + _steps(config.window_s, dt_s)]) - _mean(before)


def _steps(seconds: float, dt_s: float) -> int:
    """Steps that last so long, at least one."""
    return max(round(seconds / dt_s), 1)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    n = there.sum(axis=0)
    return np.divide(np.where(there, values, 0).sum(axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)
