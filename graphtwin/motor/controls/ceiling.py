"""How well anything could predict: halves of repeats of one stimulus."""

from __future__ import annotations

import numpy as np
import pandas as pd

from graphtwin.execute import rng_for
from graphtwin.motor.circuit import Circuit, Trials
from graphtwin.motor.questions import ResponseConfig, responses, stimulates
from graphtwin.shapes import Bool, Float, Int

DRAWS = 20  # ways to halve the repeats, over which reliabilities are averaged: more move the mean by less than its rounding


def halves(trials: Trials, seed: int = 0) -> pd.DataFrame:
    """The r that a perfect prediction would reach on single trials, from repeats of the same stimulus.

    Repeats of each stimulus are parted in halves, whose means correlate over stimuli and steps; the reliability of a single trial follows
    (Spearman 1910 and Brown 1910), and its root is the ceiling.

    Args:
        trials: What was recorded.
        seed: Root of the draws of halves.

    Returns:
        Columns question (activity, output), metric (r), ceiling (mean over neurons or outputs), n (stimuli that were repeated), how (in
        words); no rows where none was.
    """
    groups = _repeats(trials)
    if not groups:
        return pd.DataFrame(columns=["question", "metric", "ceiling", "n", "how"])
    half = min(len(group) for group in groups) // 2
    rows = []
    for question, values in (("activity", trials.activity), ("output", trials.output)):
        if values.shape[2] and np.isfinite(values).any():
            found = []
            for draw in range(DRAWS):
                rng = rng_for(seed, "halves of repeats", question, draw)
                parted = [rng.permutation(group)[: 2 * half] for group in groups]
                first, second = (np.stack([values[part[side::2]].mean(axis=0) for part in parted]) for side in (0, 1))
                found.append(_correlations(first, second))
            between = np.mean(found, axis=0)
            single = np.clip(between / (half - (half - 1) * between), 0, 1)
            ceiling = np.sqrt(single[np.isfinite(single)])
            told = {"question": question, "metric": "r", "ceiling": float(ceiling.mean()) if len(ceiling) else np.nan, "n": len(groups)}
            rows.append(told | {"how": "halves of repeats, Spearman-Brown"})
    return pd.DataFrame(rows)


def usual_responses(circuit: Circuit, trials: Trials, config: ResponseConfig) -> Float[np.ndarray, " neurons"]:
    """What each neuron usually does when another is stimulated, whichever that is: a prediction that knows nothing of who is stimulated.

    Args:
        circuit: The circuit, of which only the names are read.
        trials: Training trials.
        config: Times of a response.

    Returns:
        The mean response over the neurons that training trials stimulate; 0 of neurons that were not recorded.
    """
    given: Int[np.ndarray, " given"] = trials.stimulated[stimulates(trials).any(axis=0)]
    found = responses(trials.activity, trials, given, config)
    there = np.isfinite(found)
    mean = np.where(there, found, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    row = np.zeros(len(circuit.names))
    row[trials.recorded] = mean
    return row


def usual_of(
    values: Float[np.ndarray, "stimulated responding"], responds: Bool[np.ndarray, "stimulated responding"]
) -> tuple[Float[np.ndarray, " responding"], Float[np.ndarray, " responding"]]:
    """What each neuron usually does when another is stimulated, from responses alone: its mean response, and how often it responds.

    Args:
        values: Responses to the neurons that training stimulates; NaN where none was measured.
        responds: Whether each is a response.

    Returns:
        Mean response and share of responses of each neuron; 0 of neurons of which none was measured.
    """
    there = np.isfinite(values)
    n = np.maximum(there.sum(axis=0), 1)
    return np.where(there, values, 0).sum(axis=0) / n, (responds & there).sum(axis=0) / n


def _repeats(trials: Trials) -> list[np.ndarray]:
    """Places of trials of the same stimulus, where there are at least two."""
    groups: dict[bytes, list[int]] = {}
    for place, stimulus in enumerate(trials.stimulus):
        groups.setdefault(np.ascontiguousarray(stimulus).tobytes(), []).append(place)
    return [np.array(places) for places in groups.values() if len(places) > 1]


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's r of each column over groups and steps, where both are there; NaN where one never changes."""
    found = np.full(a.shape[2], np.nan)
    for column in range(a.shape[2]):
        there = np.isfinite(a[..., column]) & np.isfinite(b[..., column])
        x, y = a[..., column][there], b[..., column][there]
        if len(x) > 2 and x.std() > 0 and y.std() > 0:
            found[column] = np.corrcoef(x, y)[0, 1]
    return found
