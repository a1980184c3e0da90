"""Gabor patches: gratings under a Gaussian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field

from graphtwin.insilico.stimuli.apertures import gaussians
from graphtwin.insilico.stimuli.parameters import Contrast, CyclesPerDegree, CyclesPerSecond, Degrees, Direction, Phase, Right, Seconds, Up
from graphtwin.insilico.stimuli.plane_waves import PlaneWave, drawn
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus, require_on_screen

if TYPE_CHECKING:
    from typing import Self

    import torch


class Gabor(Stimulus):
    """A grating under a round Gaussian, which stands still or drifts beneath it; its phase is that at the centre of the Gaussian."""

    kind: Literal["gabor"] = Field("gabor", repr=False, description="Name of this kind of stimulus.")
    x_deg: Right = 0.0
    y_deg: Up = 0.0
    sd_deg: Degrees = Field(10.0, description="Standard deviation of the Gaussian, degrees.")
    direction_deg: Direction = 0.0
    cycles_per_degree: CyclesPerDegree = 0.04
    cycles_per_second: CyclesPerSecond = 0.0
    phase_deg: Phase = 0.0
    contrast: Contrast = 1.0
    duration_s: Seconds = 1.0

    @property
    def wave(self) -> PlaneWave:
        """The grating under the Gaussian."""
        drift = self.direction_deg, self.cycles_per_degree, self.cycles_per_second
        return PlaneWave(*drift, self.phase_deg, self.contrast, self.x_deg, self.y_deg)

    @property
    def moves(self) -> bool:
        """Whether its grating drifts."""
        return self.cycles_per_second > 0

    def check(self, screen: Screen) -> None:
        """Raise where it is centred beyond the screen, or that is too coarse or too slow for its grating."""
        super().check(screen)
        require_on_screen(self, screen, self.x_deg, self.y_deg)
        self.wave.check(self, screen)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several Gabors."""
        windows = gaussians([(stimulus.x_deg, stimulus.y_deg, stimulus.sd_deg) for stimulus in stimuli], screen, device)
        return drawn([stimulus.wave for stimulus in stimuli], screen, frames, device, windows)
