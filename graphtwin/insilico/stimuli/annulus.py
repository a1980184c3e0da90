"""Gratings in a ring, or in a disc where the ring has no hole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field, model_validator

from graphtwin.insilico.stimuli.apertures import rings
from graphtwin.insilico.stimuli.parameters import Contrast, CyclesPerDegree, CyclesPerSecond, Degrees, Direction, Phase, Right, Seconds, Up
from graphtwin.insilico.stimuli.plane_waves import PlaneWave, drawn
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus, require_on_screen

if TYPE_CHECKING:
    from typing import Self

    import torch


class Annulus(Stimulus):
    """A grating in a ring, or in a disc where the inner diameter is 0; grey elsewhere. Sizes in steps are a size series."""

    kind: Literal["annulus"] = Field("annulus", repr=False, description="Name of this kind of stimulus.")
    x_deg: Right = 0.0
    y_deg: Up = 0.0
    diameter_deg: Degrees = 40.0
    inner_diameter_deg: float = Field(0.0, ge=0, description="Diameter of the grey hole, degrees; 0 for a disc.")
    direction_deg: Direction = 0.0
    cycles_per_degree: CyclesPerDegree = 0.04
    cycles_per_second: CyclesPerSecond = 2.0
    phase_deg: Phase = 0.0
    contrast: Contrast = 1.0
    duration_s: Seconds = 1.0

    @model_validator(mode="after")
    def _has_a_rim(self) -> Self:
        if self.inner_diameter_deg >= self.diameter_deg:
            raise ValueError(f"annulus: its hole of {self.inner_diameter_deg:g} degrees leaves nothing of {self.diameter_deg:g} degrees")
        return self

    @property
    def wave(self) -> PlaneWave:
        """The grating in the ring."""
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
        """Contrast of several rings."""
        asked = [(stimulus.x_deg, stimulus.y_deg, stimulus.diameter_deg, stimulus.inner_diameter_deg) for stimulus in stimuli]
        return drawn([stimulus.wave for stimulus in stimuli], screen, frames, device, rings(asked, screen, device))
