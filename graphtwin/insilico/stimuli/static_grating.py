"""Sine gratings that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field

from graphtwin.insilico.stimuli.parameters import Contrast, CyclesPerDegree, Orientation, Phase, Seconds
from graphtwin.insilico.stimuli.plane_waves import PlaneWave, drawn
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class StaticGrating(Stimulus):
    """A sine grating that stands still on the whole screen."""

    kind: Literal["static_grating"] = Field("static_grating", repr=False, description="Name of this kind of stimulus.")
    orientation_deg: Orientation = 0.0
    cycles_per_degree: CyclesPerDegree = 0.04
    phase_deg: Phase = 0.0
    contrast: Contrast = 1.0
    duration_s: Seconds = 1.0

    @property
    def wave(self) -> PlaneWave:
        """The wave that it is."""
        return PlaneWave(self.orientation_deg, self.cycles_per_degree, 0.0, self.phase_deg, self.contrast)

    @property
    def moves(self) -> bool:
        """No."""
        return False

    def check(self, screen: Screen) -> None:
        """Raise where the screen is too coarse for the grating."""
        super().check(screen)
        self.wave.check(self, screen)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several gratings."""
        return drawn([stimulus.wave for stimulus in stimuli], screen, frames, device)
