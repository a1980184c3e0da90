"""The empty grey screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field

from graphtwin.insilico.stimuli.parameters import Seconds
from graphtwin.insilico.stimuli.screen import Screen
from graphtwin.insilico.stimuli.stimulus import Stimulus

if TYPE_CHECKING:
    from typing import Self

    import torch


class Blank(Stimulus):
    """The empty grey screen: a pause, or the control of an experiment."""

    needs_places: ClassVar[bool] = False
    kind: Literal["blank"] = Field("blank", repr=False, description="Name of this kind of stimulus.")
    duration_s: Seconds = 1.0

    @property
    def moves(self) -> bool:
        """No."""
        return False

    @classmethod
    def draw(
        cls, stimuli: Sequence[Self], screen: Screen, frames: int, device: str | torch.device
    ) -> Float[torch.Tensor, "clips frames height width"]:
        """Zero contrast."""
        import torch

        return torch.zeros(len(stimuli), frames, screen.height, screen.width, device=device)
