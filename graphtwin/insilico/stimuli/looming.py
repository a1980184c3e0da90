"""Discs that come nearer at constant speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field, model_validator

from graphtwin.insilico.stimuli.apertures import growing_discs
from graphtwin.insilico.stimuli.parameters import Contrast, Degrees, Right, Seconds, Up
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus, require_on_screen

if TYPE_CHECKING:
    from typing import Self

    import torch


class Looming(Stimulus):
    """A disc that comes nearer at constant speed until it is as large as asked, and stays so.

    An object of half its size l that comes at speed v subtends 2 atan((l / v) / (time to collision)). Source: Gabbiani, Krapp & Laurent
    1999, doi:10.1523/JNEUROSCI.19-03-01122.1999.
    """

    kind: Literal["looming"] = Field("looming", repr=False, description="Name of this kind of stimulus.")
    x_deg: Right = 0.0
    y_deg: Up = 0.0
    size_over_speed_s: float = Field(0.04, gt=0, description="Half the size of the object over its speed, l / v, seconds.")
    first_diameter_deg: Degrees = Field(5.0, lt=180, description="Diameter in the first frame, degrees.")
    last_diameter_deg: Degrees = Field(60.0, lt=180, description="Diameter at which it stays, degrees.")
    dark: bool = Field(True, description="Whether the disc is darker than the screen, or lighter.")
    contrast: Contrast = 1.0
    duration_s: Seconds = 1.0

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.first_diameter_deg >= self.last_diameter_deg:
            raise ValueError(f"looming: it must grow, from {self.first_diameter_deg:g} degrees to more than {self.last_diameter_deg:g}")
        return self

    @property
    def moves(self) -> bool:
        """Yes."""
        return True

    def check(self, screen: Screen) -> None:
        """Raise where it is centred beyond the screen."""
        super().check(screen)
        require_on_screen(self, screen, self.x_deg, self.y_deg)

    def diameter_deg(self, seconds: float) -> float:
        """Diameter at a time after the start, degrees."""
        left = self.size_over_speed_s / math.tan(math.radians(self.first_diameter_deg) / 2) - seconds  # seconds until it collides
        grown = math.degrees(2 * math.atan2(self.size_over_speed_s, left)) if left > 0 else 180.0
        return min(grown, self.last_diameter_deg)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several discs."""
        import torch

        sizes = [[stimulus.diameter_deg(frame / screen.frame_rate_hz) for frame in range(frames)] for stimulus in stimuli]
        discs = growing_discs([(stimulus.x_deg, stimulus.y_deg) for stimulus in stimuli], sizes, screen, device)
        sign = [stimulus.contrast * (-1 if stimulus.dark else 1) for stimulus in stimuli]
        return discs.mul_(torch.tensor(sign, dtype=torch.float32, device=device)[:, None, None, None])
