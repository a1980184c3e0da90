"""The noise of signed responses: what a twin leaves of responses that it was not fitted to.

A variance that is fitted with the weights is that of training residuals, which are too small where weights are many and responses few.
"""

from __future__ import annotations

import numpy as np
import torch

from graphtwin.twin.data import Clips
from graphtwin.twin.model import Twin, tensors

PRIOR_SAMPLES = 10  # samples that the mean variance over units counts as: few trials tell little of one unit's own
LEAST_VARIANCE = 1e-6  # of responses of variance 1
MOST_TRIALS = 400  # trials, at most, that are read


@torch.no_grad()
def set_noise_variance(twin: Twin, name: str, clips: Clips) -> None:
    """Set the variance of each unit of an animal, in place, to the mean squared error of its prediction; nothing where rates have families.

    A mean of n showings counts n times: its noise has an n-th of the variance.

    Args:
        twin: Twin in eval mode.
        name: Name of the animal.
        clips: Trials that neither readouts nor ridge were fitted to.
    """
    if not twin.family.signed:
        return
    animal = twin.animal(name)
    squares, samples = np.zeros(clips.n_units), np.zeros(clips.n_units)
    for row in clips.rows[:: max(1, -(-len(clips.rows) // MOST_TRIALS))]:
        window = clips.read(int(row))
        numbers, _ = twin(name, *tensors(window, twin.device))
        error = window.responses - twin.mean(name, numbers).cpu().numpy()
        error = error if window.held is None else np.where(window.held, error, 0.0)
        squares += np.einsum("cf,cfu->u", window.showings, error**2, dtype=np.float64)
        samples += window.cells.sum((0, 1))
    if samples.any():
        variance = (squares + PRIOR_SAMPLES * squares.sum() / samples.sum()) / (samples + PRIOR_SAMPLES)
        animal.shape[:, 0] = torch.from_numpy(np.log(np.maximum(variance, LEAST_VARIANCE))).to(animal.shape)
