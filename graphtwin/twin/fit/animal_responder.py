"""The animals of a fitted twin as responders of in silico experiments; each rests and looks straight ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from tqdm import tqdm

from graphtwin.coordinates import Monitor
from graphtwin.twin.fit.fitted_twin import FittedTwin

CHUNK = 300  # frames of a stimulus in memory at a time


@dataclass(frozen=True)
class AnimalResponder:
    """One animal of a twin in eval mode; see `insilico.responder.Responder`."""

    fitted: FittedTwin
    name: str

    @property
    def units(self) -> pd.DataFrame:
        """session, scan_idx, unit_id in the order of the responses."""
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

    def respond(self, video: Float[np.ndarray, "frames height width"], progress: bool = False) -> Float[np.ndarray, "frames units"]:
        """Expected responses to a video of any length, in the units of the recording.

        Args:
            video: Grey levels as in the recordings.
            progress: Show a progress bar.
        """
        twin, known = self.fitted.twin, self.fitted.animals[self.name]
        mean, deviation = known.scales.video
        state: Any = None
        scale, origin = (part.astype(np.float32) for part in (known.scales.responses, known.scales.origin))
        parts = []
        for start in tqdm(range(0, len(video), CHUNK), desc="video", unit="part", disable=not progress, leave=False):
            part = torch.tensor(np.asarray(video[start : start + CHUNK], dtype=np.float32), device=twin.device)[None]
            rest = part.new_zeros(1, part.shape[1], len(known.behaviour)), part.new_zeros(1, part.shape[1], 2)
            with torch.no_grad():
                numbers, state = twin(self.name, (part - mean) / deviation, *rest, state)
                parts.append(twin.mean(self.name, numbers)[0].cpu().numpy() * scale + origin)
        return np.concatenate(parts)


def responders(fitted: FittedTwin) -> list[AnimalResponder]:
    """Responders of all animals of a twin, in its order."""
    return [AnimalResponder(fitted, name) for name in fitted.animals]
