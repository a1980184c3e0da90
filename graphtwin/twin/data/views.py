"""The form of the pictures that a core sees: its kernels are so many pixels wide and frames long, and stand for angles and times.

Single pictures stand still before the core, so that only the sum over frames of its kernels is learned from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphtwin.sources.formats import Recording

SAME_RATE = 0.02  # share by which frame rates may differ: microscopes of one make scan at 6.30 to 6.31 frames a second

ADVICE = (
    "A core's pixels and frames stand for angles and times. Bring the recording to that size first, pictures that fill the same monitor, "
    "and to that rate (clips.frame_rate_hz resamples videos in a training)."
)


@dataclass(frozen=True)
class View:
    """Pictures of one size, at one rate.

    Attributes:
        size: Height and width, pixels, of what fills the monitor.
        frame_rate_hz: Frames a second; NaN for single pictures.
    """

    size: tuple[int, int]
    frame_rate_hz: float

    def same(self, other: View) -> bool:
        """Whether a pixel and a frame of both are the same angle and the same time."""
        return self.size == other.size and bool(np.isclose(self.frame_rate_hz, other.frame_rate_hz, rtol=SAME_RATE, equal_nan=True))

    def joins(self, other: View) -> bool:
        """Whether one core can see both: the same, or single pictures, which are held while they are shown, beside videos of their size."""
        return self.same(other) or (self.size == other.size and (self.still or other.still))

    @property
    def still(self) -> bool:
        """Whether these are single pictures."""
        return bool(np.isnan(self.frame_rate_hz))

    def __str__(self) -> str:
        """The view in words."""
        shown = "single pictures" if self.still else f"{self.frame_rate_hz:.4g} frames a second"
        return f"{shown} of {self.size[0]} x {self.size[1]} pixels"


def view_of(recording: Recording, frame_rate_hz: float | None = None) -> View:
    """The view of a recording, by its first trial.

    Args:
        recording: Recording as its loader returns it.
        frame_rate_hz: Rate to which videos are resampled; None for as recorded.
    """
    height, width = recording.open_trial(0).video.shape[1:]
    rate = recording.frame_rate_hz if frame_rate_hz is None or np.isnan(recording.frame_rate_hz) else frame_rate_hz
    return View((height, width), float(rate))


def require_view(name: str, view: View, known: dict[str, View]) -> None:
    """Raise unless one core can see a recording and each of some animals.

    Args:
        name: Name of the recording.
        view: View of the recording.
        known: View of each animal that the core was trained on, or is to be.
    """
    for other, seen in known.items():
        if not view.joins(seen):
            raise ValueError(f"{name}: {view}, but {other} has {seen}. {ADVICE}")


def doubt_of_core(name: str, view: View, seen: dict[str, View]) -> str:
    """What is doubtful where a core is kept for a recording whose like it never saw, in words; empty where nothing is.

    Movies are refused by a core of pictures alone: its kernels go from frame to frame as they were drawn. Pictures are taken by a core of
    movies, for a picture is a scene that stands still; but its channels were chosen for what moves.

    Args:
        name: Name of the recording.
        view: View of the recording.
        seen: View of each animal that the core was trained on.
    """
    if view.still in {other.still for other in seen.values()}:
        return ""
    trained = f"{view}, and the core was trained on {next(iter(seen.values()))} alone ({', '.join(seen)})"
    if not view.still:
        raise ValueError(
            f"{name}: {trained}. From pictures that stand still it has learned nothing of time. Train a core on movies, with these "
            "pictures beside them if they are to be kept (graphtwin twin train)."
        )
    return (
        f"{name}: {trained}, not on pictures that stand still: whether it serves them is to be seen. Hold it against a twin of their own."
    )
