"""Clips as the moving eye saw them, for whatever takes a film as it comes: the search for fields, ridges on energies."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from graphtwin.twin.data import Clips, Window
from graphtwin.twin.model import AnimalHead, GazeView, held
from graphtwin.twin.settings import PerspectiveConfig


def seen_through(clips: Clips, view: GazeView) -> Clips:
    """The clips through a view: each trial shows what fell on the retina, and the eye rests.

    Args:
        clips: Clips of a recording that declares its gaze.
        view: View, on whatever device.
    """
    return replace(clips, through=partial(_through, view))


def seen_by(clips: Clips, head: AnimalHead) -> Clips:
    """The clips as an animal of a twin saw them: through its view where that follows declared gaze, else as they are.

    Args:
        clips: Clips of the animal's recording.
        head: The animal's part of the twin.
    """
    return seen_through(clips, head.perspective) if isinstance(head.perspective, GazeView) else clips


def seen_as_declared(clips: Clips) -> Clips:
    """The clips as an eye saw them that looked where its recording says, the whole screen wide; as they are where it declares no gaze."""
    recording = clips.recording
    return clips if recording.gaze is None else seen_through(clips, GazeView(PerspectiveConfig(), recording.monitor))


@torch.no_grad()
def _through(view: GazeView, window: Window) -> Window:
    video, gaze = (torch.from_numpy(part).to(view.offset) for part in (window.video, window.eye_position))
    return replace(window, video=view(video, held(gaze, {}, {})).cpu().numpy(), eye_position=np.zeros_like(window.eye_position))
