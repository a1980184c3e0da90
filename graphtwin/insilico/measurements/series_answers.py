"""Mean answers of all units to a series of stimuli, each after a grey screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from graphtwin.coordinates import frames_of
from graphtwin.insilico.responders import Responder, State, inputs_of, require_answers
from graphtwin.insilico.stimuli import Screen, Stimulus, render_batch
from graphtwin.progress import tqdm

FRAMES_TOGETHER = 180  # frames of a batch of clips; the memory of larger ones goes back to the system each time, which costs a third more


@dataclass(frozen=True)
class SeriesAnswers:
    """Answers to a series of stimuli, in the units of the responder.

    Attributes:
        mean: Mean over the frames of each stimulus that count.
        rest: Mean in front of the grey screen; 0 for single pictures, which are shown without one.
        signed: Whether answers may be below 0.
    """

    mean: Float[np.ndarray, "stimuli units"]
    rest: Float[np.ndarray, " units"]
    signed: bool = False

    @property
    def driven(self) -> Float[np.ndarray, "stimuli units"]:
        """What stimuli add; where answers may be below 0 this is what they are above the answer to the grey screen, else the answer."""
        return np.maximum(self.mean - self.rest, 0.0) if self.signed else self.mean


def screen_of(responder: Responder, contrast_sd: float = 2.0) -> Screen:
    """The screen of a responder, grey at the mean of its grey levels.

    Args:
        responder: Responder that will see the stimuli.
        contrast_sd: What contrast 1 is, in standard deviations of the grey levels that it is used to.
    """
    grey, deviation = responder.grey
    inputs = inputs_of(responder)
    return Screen(*responder.size, responder.monitor, responder.frame_rate_hz, grey, contrast_sd * deviation, inputs)


def answer_series(
    responder: Responder,
    stimuli: Sequence[Stimulus],
    screen: Screen | None = None,
    onset_s: float = 0.5,
    state: State | None = None,
    progress: bool = False,
) -> SeriesAnswers:
    """Mean answers to stimuli of any kinds and lengths, in their order; those that last equally long are shown together.

    Args:
        responder: Responder whose units answer.
        stimuli: Stimuli to show.
        screen: Screen to draw them on; None takes `screen_of` the responder.
        onset_s: Seconds of each stimulus that do not count, and of the grey screen before it.
        state: State in which all of them are seen, one number a channel.
        progress: Show a progress bar.
    """
    screen = screen or screen_of(responder)
    lengths = np.array([stimulus.frames(screen) for stimulus in stimuli])
    onset = frames_of(onset_s, screen.frame_rate_hz)
    _require_long_enough(stimuli, lengths, onset, screen)
    mean, rests = np.empty((len(stimuli), len(responder.units))), []
    with tqdm(total=len(stimuli), desc=f"stimuli to {responder.name}", unit="stimulus", disable=not progress, leave=False) as bar:
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            together = max(1, FRAMES_TOGETHER // (onset + int(length)))
            for some in np.split(rows, range(together, len(rows), together)):
                answers = answers_after_grey(responder, [stimuli[at] for at in some], screen, onset, state)
                mean[some] = answers[:, 2 * onset :].mean(1)
                rests.append(answers[:, onset // 2 : onset].mean((0, 1)) if onset else np.zeros(answers.shape[2]))
                bar.update(len(some))
    return SeriesAnswers(mean, np.mean(rests, axis=0), responder.signed)


def answers_after_grey(
    responder: Responder, stimuli: Sequence[Stimulus], screen: Screen, grey_frames: int, state: State | None = None
) -> Float[np.ndarray, "stimuli frames units"]:
    """Answers to stimuli that last equally long, in one go, those to the grey screen before each among them.

    Args:
        responder: Responder whose units answer.
        stimuli: Stimuli to show.
        screen: Screen to draw them on.
        grey_frames: Frames of the grey screen before each.
        state: State in which they are seen.
    """
    shown = render_batch(stimuli, screen).cpu().numpy()
    before = np.full((len(shown), grey_frames, *shown.shape[2:]), screen.grey, dtype=shown.dtype)
    clips = np.concatenate([before, shown], axis=1)
    answers = np.asarray(responder.respond_clips(clips, state))
    require_answers(responder, answers, *clips.shape[:2])
    return answers


def _require_long_enough(stimuli: Sequence[Stimulus], lengths: np.ndarray, onset: int, screen: Screen) -> None:
    if not len(stimuli):
        raise ValueError("series: no stimulus. Give one at least.")
    short = np.flatnonzero(lengths <= onset)
    if len(short):
        raise ValueError(
            f"series: {len(short)} of {len(stimuli)} stimuli last no longer than the {onset} frames that do not count (first: "
            f"{stimuli[short[0]]!r}, {lengths[short[0]]} frames at {screen.frame_rate_hz:g} Hz). Give them a longer duration_s."
        )
