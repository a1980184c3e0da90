"""What a twin predicts: responses to the trials of a recording, and to any video, frame after frame if need be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from tqdm import tqdm

from graphtwin.coordinates import frames_of
from graphtwin.twin.data import Clips, Window
from graphtwin.twin.model import Twin, tensors
from graphtwin.twin.scores.likelihood import Baseline, baseline_of
from graphtwin.twin.scores.unit_scores import LEFT_OUT_S, Shown, StimulusSums, gather_sums


@torch.no_grad()
def predict_trials(twin: Twin, name: str, window: Window) -> Float[np.ndarray, "clips frames units"]:
    """Expected responses, standardised, at the mean positions of readouts.

    Args:
        twin: Twin in eval mode.
        name: Name of the animal.
        window: Window of whole clips.
    """
    numbers, _ = twin(name, *tensors(window, twin.device))
    return np.asarray(twin.mean(name, numbers).cpu().numpy())


def shown(twin: Twin, clips: Clips, baseline: Baseline | None = None, progress: bool = False) -> Iterator[Shown]:
    """Every stimulus with its responses and predictions; the frames that count are those of each window.

    Args:
        twin: Twin in eval mode.
        clips: Clips whose stimuli are shown, in the order of `clips.repeats()`.
        baseline: Baseline from which log-likelihoods are counted; None leaves them out.
        progress: Show a progress bar.
    """

    def answered(rows: np.ndarray, windows: list[Window]) -> list[list[np.ndarray]]:
        return [_answered(twin, clips.name, window, baseline) for window in windows]

    return showings(clips, answered, progress)


def showings(
    clips: Clips, answered: Callable[[np.ndarray, list[Window]], list[list[np.ndarray]]], progress: bool = False
) -> Iterator[Shown]:
    """Every stimulus with what some model answers to it.

    Args:
        clips: Clips whose stimuli are shown, in the order of `clips.repeats()`.
        answered: Function from the rows and the windows of one stimulus's showings to the arrays of `Shown` of each, (frames, units).
        progress: Show a progress bar.
    """
    for rows in tqdm(clips.repeats().values(), desc="stimuli", unit="stimulus", disable=not progress, leave=False):
        windows = [clips.read(int(row)) for row in rows]
        frames = min(window.video.shape[1] for window in windows)
        counted = np.logical_and.reduce([window.counted[0, :frames] for window in windows])
        parts = answered(rows, windows)
        kept = [np.stack([part[:frames][counted] for part in several]) for several in zip(*parts, strict=True)]
        yield Shown(*kept)


@torch.no_grad()
def _answered(twin: Twin, name: str, window: Window, baseline: Baseline | None) -> list[Float[np.ndarray, "frames units"]]:
    """Responses, predictions, and where a baseline is given the log-likelihoods above its intercept and bins, of one whole clip."""
    numbers, _ = twin(name, *tensors(window, twin.device))
    found = [window.responses[0], twin.mean(name, numbers)[0].cpu().numpy()]
    if baseline is not None:
        y, numbers, shape = torch.from_numpy(window.responses), numbers.cpu(), twin.animal(name).shape.cpu()
        constant = baseline.intercept
        of_constant = twin.family.log_likelihood(constant.numbers.expand(*y.shape, -1), constant.shape, y)
        found.append((twin.family.log_likelihood(numbers, shape, y) - of_constant)[0].numpy())
        found.append(baseline.bins.gain(twin.family, numbers, shape, y)[0].numpy())
    return found


def sums_of(twin: Twin, clips: Clips, left_out_s: float = LEFT_OUT_S, train: Clips | None = None, progress: bool = False) -> StimulusSums:
    """What scores are made of, a row a stimulus in the order of `clips.repeats()`.

    Args:
        twin: Twin in eval mode.
        clips: Held-out clips on the scales of the training trials.
        left_out_s: Seconds at the start of each clip that do not count.
        train: Training clips, from which bits per response are counted; None leaves these NaN.
        progress: Whether a bar is shown.
    """
    baseline = None if train is None else baseline_of(twin.family, train)
    return gather_sums(shown(twin, clips, baseline, progress), frames_of(left_out_s, clips.frame_rate_hz))
