"""Stimuli one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field

from graphtwin.insilico.stimuli.rendering import rendered
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Part, Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class InSequence(Stimulus):
    """Stimuli one after the other."""

    needs_places: ClassVar[bool] = False
    kind: Literal["in_sequence"] = Field("in_sequence", repr=False, description="Name of this kind of stimulus.")
    parts: tuple[Part, ...] = Field(min_length=1, description="Stimuli, in the order in which they are shown.")

    @property
    def duration_s(self) -> float:
        """Sum of the durations of its parts, seconds."""
        return sum(part.duration_s for part in self.parts)

    @property
    def moves(self) -> bool:
        """Whether there are several parts, or the one that there is moves."""
        return len(self.parts) > 1 or self.parts[0].moves

    def frames(self, screen: Screen) -> int:
        """Sum of the frames of its parts."""
        return sum(part.frames(screen) for part in self.parts)

    def check(self, screen: Screen) -> None:
        """Raise where the screen cannot show one of the parts."""
        super().check(screen)
        for part in self.parts:
            part.check(screen)

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Contrast of several sequences."""
        import torch

        shown = iter(rendered([part for stimulus in stimuli for part in stimulus.parts], screen, device))
        return torch.stack([torch.cat([next(shown) for _ in stimulus.parts]) for stimulus in stimuli])
