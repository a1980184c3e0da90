"""Stimuli seen through an aperture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from jaxtyping import Float
from pydantic import Field

from graphtwin.insilico.stimuli.apertures import Aperture, windows_of
from graphtwin.insilico.stimuli.rendering import rendered
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Part, Stimulus, require_on_screen

if TYPE_CHECKING:
    from typing import Self

    import torch


class Windowed(Stimulus):
    """A stimulus seen through an aperture, grey around it."""

    kind: Literal["windowed"] = Field("windowed", repr=False, description="Name of this kind of stimulus.")
    part: Part = Field(description="Stimulus that is seen.")
    aperture: Aperture

    @property
    def duration_s(self) -> float:
        """Duration of what is seen, seconds."""
        return self.part.duration_s

    @property
    def moves(self) -> bool:
        """Whether what is seen moves."""
        return self.part.moves

    def check(self, screen: Screen) -> None:
        """Raise where the screen cannot show what is seen, or the aperture is centred beyond it."""
        super().check(screen)
        self.part.check(screen)
        require_on_screen(self, screen, self.aperture.x_deg, self.aperture.y_deg)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several stimuli through their apertures."""
        import torch

        windows = windows_of([stimulus.aperture for stimulus in stimuli], screen, device).float()
        return torch.stack(rendered([stimulus.part for stimulus in stimuli], screen, device)).mul_(windows[:, None])
