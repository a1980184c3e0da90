"""Sine gratings that drift over the whole screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field

from graphtwin.insilico.stimuli.parameters import Contrast, CyclesPerDegree, CyclesPerSecond, Direction, Phase, Seconds
from graphtwin.insilico.stimuli.plane_waves import PlaneWave, drawn
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class DriftingGrating(Stimulus):
    """A sine grating that drifts over the whole screen."""

    kind: Literal["drifting_grating"] = Field("drifting_grating", repr=False, description="Name of this kind of stimulus.")
    direction_deg: Direction = 0.0
    cycles_per_degree: CyclesPerDegree = 0.04
    cycles_per_second: CyclesPerSecond = 2.0
    phase_deg: Phase = 0.0
    contrast: Contrast = 1.0
    duration_s: Seconds = 1.0

    @property
    def wave(self) -> PlaneWave:
        """The wave that it is."""
        return PlaneWave(self.direction_deg, self.cycles_per_degree, self.cycles_per_second, self.phase_deg, self.contrast)

    @property
    def moves(self) -> bool:
        """Whether it drifts."""
        return self.cycles_per_second > 0

    def check(self, screen: Screen) -> None:
        """Raise where the screen is too coarse or too slow for the grating."""
        super().check(screen)
        self.wave.check(self, screen)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several gratings."""
        return drawn([stimulus.wave for stimulus in stimuli], screen, frames, device)
