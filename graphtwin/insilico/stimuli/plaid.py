"""Plaids: two gratings that drift across each other."""

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


class Plaid(Stimulus):
    """The sum of two gratings of half the contrast each; their pattern moves in between their directions."""

    kind: Literal["plaid"] = Field("plaid", repr=False, description="Name of this kind of stimulus.")
    direction_deg: Direction = 0.0
    apart_deg: float = Field(120.0, gt=0, le=180, description="Angle between the directions of the two gratings, degrees.")
    cycles_per_degree: CyclesPerDegree = 0.04
    cycles_per_second: CyclesPerSecond = 2.0
    phase_deg: Phase = 0.0
    contrast: Contrast = 1.0
    duration_s: Seconds = 1.0

    @property
    def waves(self) -> tuple[PlaneWave, PlaneWave]:
        """Both gratings."""
        shared = self.cycles_per_degree, self.cycles_per_second, self.phase_deg, self.contrast / 2
        return PlaneWave(self.direction_deg - self.apart_deg / 2, *shared), PlaneWave(self.direction_deg + self.apart_deg / 2, *shared)

    @property
    def moves(self) -> bool:
        """Whether its gratings drift."""
        return self.cycles_per_second > 0

    def check(self, screen: Screen) -> None:
        """Raise where the screen is too coarse or too slow for one of the gratings."""
        super().check(screen)
        for wave in self.waves:
            wave.check(self, screen)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several plaids."""
        first, second = zip(*(stimulus.waves for stimulus in stimuli), strict=True)
        return drawn(second, screen, frames, device, onto=drawn(first, screen, frames, device))
