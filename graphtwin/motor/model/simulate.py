"""A circuit run without gradients, window after window: memory holds one window, however long the stimulus is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from graphtwin.motor.model.block_loop import block_width
from graphtwin.motor.model.dynamics import Dynamics
from graphtwin.shapes import Float, Int


def columns_of(values: Float[np.ndarray, "trials steps stimulated"], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Trials as columns, filled up with zeros to whole blocks: steps x stimulated x columns."""
    trials, steps, stimulated = values.shape
    filled = np.zeros((steps, stimulated, block_width(trials)[1]))
    filled[:, :, :trials] = np.moveaxis(np.asarray(values), 0, 2)
    return torch.from_numpy(filled).to(dtype)


def windows(values: Float[np.ndarray, "trials steps stimulated"], length: int) -> Iterator[Float[np.ndarray, "trials window stimulated"]]:
    """An array, in memory or on disk, a window of steps at a time."""
    for begin in range(0, values.shape[1], length):
        yield values[:, begin : begin + length]


def stream(
    network: Dynamics,
    stimuli: Iterable[Float[np.ndarray, "trials window stimulated"]],
    stimulated: Int[np.ndarray, " stimulated"],
    rows: Int[np.ndarray, " rows"],
) -> Iterator[tuple[Float[np.ndarray, "trials window rows"], Float[np.ndarray, "trials window outputs"]]]:
    """Activity of some neurons and motor output, a window at a time; nothing of the windows before is kept but the last state.

    Args:
        network: The network.
        stimuli: Windows of the stimulus, of any length each, all of the same trials.
        stimulated: Rows of the stimulated neurons.
        rows: Rows of the neurons whose activity is asked for.
    """
    state: torch.Tensor | None = None
    asked = np.r_[rows, network.motor] if network.scales.output else np.asarray(rows)
    with torch.no_grad():
        numbers = network.numbers()
    for window in stimuli:
        trials = len(window)
        with torch.no_grad():  # and not over a yield: it would hold for whoever waits for the next window too
            state = network.initial(trials) if state is None else state
            seen, state = network.window(state, columns_of(window, state.dtype), stimulated, asked, numbers)
            seen = seen[..., :trials]
            output = network.output(seen[:, len(rows) :]) if network.scales.output else seen[:, :0]
        yield seen[:, : len(rows)].permute(2, 0, 1).numpy(), output.permute(2, 0, 1).numpy()


def answer(
    network: Dynamics,
    stimulus: Float[np.ndarray, "trials steps stimulated"],
    stimulated: Int[np.ndarray, " stimulated"],
    rows: Int[np.ndarray, " rows"],
    window: int,
    batch: int,
) -> tuple[Float[np.ndarray, "trials steps rows"], Float[np.ndarray, "trials steps outputs"]]:
    """Activity and motor output in all trials, a window and a batch at a time; NaN of neurons that were removed.

    Args:
        network: The network.
        stimulus: Input, in memory or on disk.
        stimulated: Rows of the stimulated neurons.
        rows: Rows of the neurons whose activity is asked for.
        window: Steps that are read at once.
        batch: Trials that are run together.
    """
    trials, steps = stimulus.shape[:2]
    activity = np.empty((trials, steps, len(rows)), np.float32)
    output = np.empty((trials, steps, len(network.scales.output)), np.float32)
    for first in range(0, trials, batch):
        part, begin = slice(first, first + batch), 0
        for seen, moved in stream(network, windows(stimulus[part], window), stimulated, rows):
            activity[part, begin : begin + seen.shape[1]], output[part, begin : begin + seen.shape[1]] = seen, moved
            begin += seen.shape[1]
    activity[:, :, ~network.present()[rows]] = np.nan
    return activity, output
