"""What a twin predicts: responses to the trials of a recording, and to any video, frame after frame if need be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from graphtwin.coordinates import frames_of
from graphtwin.progress import tqdm
from graphtwin.twin.data import TOGETHER, Clips, Window, joined_clips
from graphtwin.twin.model import Twin, tensors
from graphtwin.twin.scores.likelihood import Baseline, baseline_of
from graphtwin.twin.scores.unit_scores import Shown, StimulusSums, gather_sums
from graphtwin.twin.settings import LEFT_OUT_S


@torch.no_grad()
def predict_trials(twin: Twin, name: str, window: Window) -> Float[np.ndarray, "clips frames units"]:
    """Expected responses, standardised, at the mean positions of readouts.

    Args:
        twin: Twin in eval mode.
        name: Name of the animal.
        window: Window of whole clips.
    """
    return np.asarray(twin.mean(name, numbers_of(twin, name, window)).cpu().numpy())


@torch.no_grad()
def numbers_of(twin: Twin, name: str, window: Window) -> Float[torch.Tensor, "clips frames units outputs"]:
    """Numbers of the response distributions; clips of the same frames, behaviour and eye position are answered once.

    Args:
        twin: Twin in eval mode.
        name: Name of the animal.
        window: Window of whole clips.
    """
    seen: dict[tuple[bytes, ...], int] = {}
    parts = (window.video, window.behaviour, window.eye_position)
    answer_of = [seen.setdefault(tuple(part[clip].tobytes() for part in parts), len(seen)) for clip in range(len(window.video))]
    first = np.unique(answer_of, return_index=True)[1]
    numbers, _ = twin(name, *(part[first] for part in tensors(window, twin.device)))
    return torch.as_tensor(numbers)[answer_of]


def shown(twins: Sequence[Twin], clips: Clips, baseline: Baseline | None = None, progress: bool = False) -> Iterator[Shown]:
    """Every stimulus with its responses and predictions; the frames that count are those of each window.

    Args:
        twins: Twin in eval mode, or several on the same scales: their mean prediction, and the mixture of their distributions.
        clips: Clips whose stimuli are shown, in the order of `clips.repeats()`.
        baseline: Baseline from which log-likelihoods are counted; None leaves them out.
        progress: Show a progress bar.
    """

    def answered(rows: np.ndarray, windows: list[Window]) -> list[tuple[np.ndarray, ...]]:
        together = [joined_clips(windows)] if clips.pictures else windows
        return [of_row for window in together for of_row in zip(*_together(twins, clips.name, window, baseline), strict=True)]

    return showings(clips, answered, progress)


def showings(
    clips: Clips, answered: Callable[[np.ndarray, list[Window]], Sequence[Sequence[np.ndarray]]], progress: bool = False
) -> Iterator[Shown]:
    """Every stimulus with what some model answers to it.

    Args:
        clips: Clips whose stimuli are shown, in the order of `clips.repeats()`.
        answered: Function from rows and their windows to the arrays of `Shown` of each row, (frames, units); rows are the showings of one
            clip, or of many pictures.
        progress: Show a progress bar.
    """
    stimuli = list(clips.repeats().values())
    with tqdm(total=len(stimuli), desc="stimuli", unit="stimulus", disable=not progress, leave=False) as bar:
        for together in stimuli_together(stimuli, clips.pictures):
            rows = np.concatenate(together)
            windows = [clips.read(int(row)) for row in rows]
            parts = dict(zip(rows, zip(windows, answered(rows, windows), strict=True), strict=True))
            for of_stimulus in together:
                yield _shown([parts[row] for row in of_stimulus])
            bar.update(len(together))


def stimuli_together(stimuli: list[Int[np.ndarray, " _"]], pictures: bool) -> Iterator[list[Int[np.ndarray, " _"]]]:
    """Stimuli, each the rows of its repeats, that are answered at once: clips one by one, pictures many."""
    last = np.cumsum([len(rows) for rows in stimuli]) // TOGETHER if pictures else np.arange(len(stimuli))
    for part in np.unique(last):
        yield [stimuli[at] for at in np.flatnonzero(last == part)]


def _shown(repeats: list[tuple[Window, Sequence[Float[np.ndarray, "frames units"]]]]) -> Shown:
    """One stimulus: the frames that all its showings have; responses are NaN where a unit was not held."""
    held = [one for one in repeats if one[0].counted.any()] or repeats
    frames = min(window.video.shape[1] for window, _ in held)
    of_repeats = zip(*(parts for _, parts in held), strict=True)
    averaged = any(float(window.n_repeats[0]) > 1 for window, _ in held)
    parts = [np.stack([np.ascontiguousarray(part[:frames]) for part in several]) for several in of_repeats]
    cells = np.stack([window.cells[0, :frames] for window, _ in held])
    parts[0] = parts[0] if cells.all() else np.where(cells, parts[0], np.nan)
    return Shown(**dict(zip(("responses", "predictions", "log_likelihood", "log_probability"), parts, strict=False)), averaged=averaged)


def _together(twins: Sequence[Twin], name: str, window: Window, baseline: Baseline | None) -> list[Float[np.ndarray, "clips frames units"]]:
    """The arrays of `_answered` for the mean of twins: expectations are averaged, and so are probabilities, by their logarithms."""
    responses, predictions, *gains = zip(*(_answered(twin, name, window, baseline) for twin in twins), strict=True)
    mixed = [np.logaddexp.reduce(gain) - np.log(len(twins)) for gain in gains]
    return [responses[0], np.mean(predictions, axis=0), *mixed]


@torch.no_grad()
def _answered(twin: Twin, name: str, window: Window, baseline: Baseline | None) -> list[Float[np.ndarray, "clips frames units"]]:
    """Responses, predictions, and where a baseline is given the log-likelihoods above its intercept and bins, of whole clips."""
    numbers = numbers_of(twin, name, window)
    found = [window.responses, twin.mean(name, numbers).cpu().numpy()]
    if baseline is not None:
        y, numbers, shape = torch.from_numpy(window.responses), numbers.cpu(), twin.animal(name).shape.cpu()
        constant = baseline.intercept
        of_constant = twin.family.log_likelihood(constant.numbers.expand(*y.shape, -1), constant.shape, y)
        found.append((twin.family.log_likelihood(numbers, shape, y) - of_constant).numpy())
        if baseline.bins is not None:
            found.append(baseline.bins.gain(twin.family, numbers, shape, y).numpy())
    return found


def sums_of(
    twin: Twin,
    clips: Clips,
    left_out_s: float = LEFT_OUT_S,
    train: Clips | None = None,
    progress: bool = False,
    others: Sequence[Twin] = (),
) -> StimulusSums:
    """What scores are made of, a row a stimulus in the order of `clips.repeats()`.

    Args:
        twin: Twin in eval mode.
        clips: Held-out clips on the scales of the training trials.
        left_out_s: Seconds at the start of each clip that do not count.
        train: Training clips, from which bits per response are counted; None leaves these NaN.
        progress: Whether a bar is shown.
        others: Twins that answer together with the first, trained on the same trials: their mean is scored.
    """
    baseline = None if train is None else baseline_of(twin.family, train)
    return gather_sums(shown([twin, *others], clips, baseline, progress), frames_of(left_out_s, clips.frame_rate_hz))
