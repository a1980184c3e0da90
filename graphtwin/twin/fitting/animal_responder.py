"""The animals of a fitted twin as responders of in silico experiments; each rests and looks straight ahead unless it is told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from graphtwin.coordinates import Monitor
from graphtwin.insilico import State, state_channels
from graphtwin.progress import tqdm
from graphtwin.told import told_by_fields
from graphtwin.twin.data import scaled
from graphtwin.twin.fitting.fitted_twin import FittedTwin

CHUNK = 300  # frames of a stimulus in memory at a time


@told_by_fields
@dataclass(frozen=True)
class AnimalResponder:
    """One animal of a twin in eval mode; see `insilico.DifferentiableResponder`."""

    fitted: FittedTwin
    name: str

    @property
    def units(self) -> pd.DataFrame:
        """session, scan_idx, unit_id in the order of the responses, and x_um, y_um, z_um, NaN where the recording does not say."""
        return self.fitted.animals[self.name].units

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second that the twin sees; NaN for one that was trained on single pictures."""
        return self.fitted.animals[self.name].seen_rate_hz(self.fitted.config.clips)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the videos that the twin was trained on, pixels."""
        return self.fitted.animals[self.name].size

    @property
    def grey(self) -> tuple[float, float]:
        """Mean and standard deviation of the grey levels that the twin was trained on."""
        return self.fitted.animals[self.name].scales.video

    @property
    def signed(self) -> bool:
        """Whether responses may be below 0, so that their zero is no silence."""
        return self.fitted.twin.family.signed

    @property
    def monitor(self) -> Monitor:
        """Screen on which the animal saw its stimuli."""
        return self.fitted.animals[self.name].monitor

    @property
    def state_names(self) -> tuple[str, ...]:
        """Channels of behaviour that were recorded of the animal."""
        return self.fitted.animals[self.name].behaviour

    @property
    def device(self) -> torch.device:
        """Device on which the twin computes."""
        return self.fitted.twin.device

    def respond(
        self, video: Float[np.ndarray, "frames height width"], progress: bool = False, state: State | None = None
    ) -> Float[np.ndarray, "frames units"]:
        """Expected responses to a video of any length, in the units of the recording.

        Args:
            video: Grey levels as in the recordings.
            progress: Show a progress bar.
            state: Channels of behaviour in recorded units; None rests.
        """
        behaviour = self._behaviour(state, len(video))
        memory: Any = None
        parts = []
        for start in tqdm(range(0, len(video), CHUNK), desc="video", unit="part", disable=not progress, leave=False):
            part = self._tensor(video[start : start + CHUNK])[None]
            with torch.no_grad():
                answers, memory = self._answers(part, behaviour[start : start + CHUNK], memory)
            parts.append(answers[0].cpu().numpy())
            memory = memory if np.isfinite(self.frame_rate_hz) else None
        return np.concatenate(parts)

    def respond_clips(
        self, clips: Float[np.ndarray, "clips frames height width"], state: State | None = None
    ) -> Float[np.ndarray, "clips frames units"]:
        """Expected responses to equally long clips in one forward pass, each from a rest of its own, in the units of the recording.

        Args:
            clips: Grey levels as in the recordings.
            state: Channels of behaviour in recorded units; None rests.
        """
        with torch.no_grad():
            return np.asarray(self.drive(self._tensor(clips), state).cpu().numpy())

    def drive(
        self, clips: Float[torch.Tensor, "clips frames height width"], state: State | None = None
    ) -> Float[torch.Tensor, "clips frames units"]:
        """The answers of `respond_clips`, differentiable in the clips.

        Args:
            clips: Grey levels as in the recordings, on the twin's device.
            state: Channels of behaviour in recorded units; None rests.
        """
        return self._answers(clips, self._behaviour(state, clips.shape[1]))[0]

    def _answers(
        self, clips: Float[torch.Tensor, "clips frames height width"], behaviour: Float[torch.Tensor, "frames channels"], memory: Any = None
    ) -> tuple[Float[torch.Tensor, "clips frames units"], Any]:
        """Expected responses in the units of the recording, and what the twin remembers; single pictures are answered each alone."""
        twin, scales = self.fitted.twin, self.fitted.animals[self.name].scales
        alone = not np.isfinite(self.frame_rate_hz)
        shown = clips.flatten(0, 1)[:, None] if alone else clips
        told = behaviour.expand(len(clips), -1, -1)
        told = told.flatten(0, 1)[:, None] if alone else told
        mean, deviation = scales.video
        numbers, left = twin(self.name, (shown - mean) / deviation, told, shown.new_zeros(*shown.shape[:2], 2), memory, gaze_is_known=True)
        scale, origin = self._tensor(scales.responses), self._tensor(scales.origin)
        answers = torch.addcmul(origin, twin.mean(self.name, numbers), scale)
        return answers.reshape(*clips.shape[:2], answers.shape[-1]), left

    def _behaviour(self, state: State | None, frames: int) -> Float[torch.Tensor, "frames channels"]:
        """Standardised behaviour; 0 where it rests."""
        return self._tensor(scaled(state_channels(self, state, frames), self.fitted.animals[self.name].scales.behaviour))

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.require(values, np.float32, "W")).to(self.device)  # a clip on the disk cannot be written: it is copied


def responders(fitted: FittedTwin) -> list[AnimalResponder]:
    """Responders of all animals of a twin, in its order."""
    return [AnimalResponder(fitted, name) for name in fitted.animals]
