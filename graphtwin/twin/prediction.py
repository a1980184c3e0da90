"""What a twin predicts: responses to the trials of a recording, and to any video, frame after frame if need be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from graphtwin.twin.foundation import tensors
from graphtwin.twin.model import Twin
from graphtwin.twin.recordings import Clips, Window
from graphtwin.twin.scores import LEFT_OUT, Shown, gather, score_units


@torch.no_grad()
def predict(twin: Twin, name: str, window: Window) -> Float[np.ndarray, "clips frames units"]:
    """Expected responses, standardised, at the mean positions of readouts.

    Args:
        twin: In eval mode.
        name: Of the animal.
        window: Whole clips.
    """
    numbers, _ = twin(name, *tensors(window, twin.device))
    return np.asarray(twin.mean(name, numbers).cpu().numpy())


def shown(twin: Twin, clips: Clips) -> Iterator[Shown]:
    """Every stimulus with its responses and predictions; the frames that count are those of each window."""
    for rows in clips.repeats().values():
        windows = [clips.read(int(row)) for row in rows]
        frames = min(window.video.shape[1] for window in windows)
        counted = np.logical_and.reduce([window.counted[0, :frames] for window in windows])
        predicted = np.stack([predict(twin, clips.name, window)[0, :frames][counted] for window in windows])
        yield Shown(np.stack([window.responses[0, :frames][counted] for window in windows]), predicted)


def score(twin: Twin, clips: Clips, left_out: int = LEFT_OUT, seed: int = 0, replicates: int = 200) -> pd.DataFrame:
    """One row a unit, see `score_units`; pictures leave no frames out.

    Args:
        twin: In eval mode.
        clips: Held out, on the scales of the training trials.
        left_out: Frames at the start of each clip that do not count.
        seed: Of the intervals.
        replicates: Of the intervals.
    """
    sums = gather(shown(twin, clips), 0 if clips.pictures else left_out)
    return score_units(sums, clips.recording.units, seed, replicates)
