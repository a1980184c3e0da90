"""A grating in a disc and another in the ring around it."""

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


class CentreSurround(Stimulus):
    """A grating in a disc, and one of another direction and contrast in the ring around it; same frequencies, same phase at the centre."""

    kind: Literal["centre_surround"] = Field("centre_surround", repr=False, description="Name of this kind of stimulus.")
    x_deg: Right = 0.0
    y_deg: Up = 0.0
    centre_diameter_deg: Degrees = 20.0
    surround_inner_diameter_deg: Degrees = 20.0
    surround_diameter_deg: Degrees = 60.0
    direction_deg: Direction = 0.0
    surround_direction_deg: Direction = 90.0
    cycles_per_degree: CyclesPerDegree = 0.04
    cycles_per_second: CyclesPerSecond = 2.0
    phase_deg: Phase = 0.0
    contrast: Contrast = 1.0
    surround_contrast: Contrast = 1.0
    duration_s: Seconds = 1.0

    @model_validator(mode="after")
    def _nested(self) -> Self:
        sizes = self.centre_diameter_deg, self.surround_inner_diameter_deg, self.surround_diameter_deg
        if not sizes[0] <= sizes[1] < sizes[2]:
            told = ", ".join(f"{size:g}" for size in sizes)
            raise ValueError(f"centre_surround: diameters of centre, hole and surround, {told}, must grow outwards")
        return self

    @property
    def waves(self) -> tuple[PlaneWave, PlaneWave]:
        """Gratings of centre and surround."""
        frequencies, place = (self.cycles_per_degree, self.cycles_per_second, self.phase_deg), (self.x_deg, self.y_deg)
        return (
            PlaneWave(self.direction_deg, *frequencies, self.contrast, *place),
            PlaneWave(self.surround_direction_deg, *frequencies, self.surround_contrast, *place),
        )

    @property
    def moves(self) -> bool:
        """Whether its gratings drift."""
        return self.cycles_per_second > 0

    def check(self, screen: Screen) -> None:
        """Raise where it is centred beyond the screen, or that is too coarse or too slow for one of its gratings."""
        super().check(screen)
        require_on_screen(self, screen, self.x_deg, self.y_deg)
        for wave in self.waves:
            wave.check(self, screen)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several centres with their surrounds."""
        inner, outer = zip(*(stimulus.waves for stimulus in stimuli), strict=True)
        discs = [(stimulus.x_deg, stimulus.y_deg, stimulus.centre_diameter_deg, 0.0) for stimulus in stimuli]
        around = [(s.x_deg, s.y_deg, s.surround_diameter_deg, s.surround_inner_diameter_deg) for s in stimuli]
        centre = drawn(inner, screen, frames, device, rings(discs, screen, device))
        return drawn(outer, screen, frames, device, rings(around, screen, device), onto=centre)
